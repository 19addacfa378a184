"""The mini checkpoint against transformers' own model, the plan, and itself."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from deploy import loader, mini
from deploy.model import GLM_5_1, NVFP4
from deploy.plan import plan, shapes
from deploy.plan.source import config_of
from tests.launching import run


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint as the command writes it."""
    directory = tmp_path_factory.mktemp("made") / "mini"
    result = run("make-mini", "--out", str(directory))
    assert (result.returncode, result.stderr) == (0, "")
    assert f"--model {directory}" in result.stdout
    return directory


def tensors(directory: Path) -> dict[str, Any]:
    """Every tensor of the files that the index names."""
    from safetensors import safe_open

    index = json.loads((directory / "model.safetensors.index.json").read_text(encoding="utf-8"))
    found: dict[str, Any] = {}
    for file in sorted(set(index["weight_map"].values())):
        with safe_open(directory / file, framework="pt") as opened:
            held = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
        assert {name for name, at in index["weight_map"].items() if at == file} == set(held)
        found |= held
    assert index["metadata"]["total_size"] == sum(value.nbytes for value in found.values())
    return found


def test_names_and_shapes_are_those_of_transformers(made: Path) -> None:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.from_pretrained(made)
    del config.quantization_config
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    published = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    ours = {name: tuple(value.shape) for name, value in tensors(made).items()}
    # transformers fuses the routed experts and has no multi-token prediction.
    fused = {name for name in published if ".mlp.experts." in name}
    assert {name: ours.get(name) for name in published.keys() - fused} == {
        name: shape for name, shape in published.items() if name not in fused
    }
    draft = f"model.layers.{config.num_hidden_layers}."
    more = {name for name in ours.keys() - published.keys() if not name.startswith(draft)}
    assert more and all(".mlp.experts." in name for name in more)
    layer = "model.layers.1.mlp.experts"
    both = [ours[f"{layer}.0.{half}_proj.weight"][0] for half in ("gate", "up")]
    assert published[f"{layer}.gate_up_proj"] == (
        config.n_routed_experts,
        sum(both),
        2 * ours[f"{layer}.0.gate_proj.weight"][1],  # two 4-bit numbers a byte
    )


def test_only_routed_experts_are_nvfp4(made: Path) -> None:
    import torch

    held = tensors(made)
    packed = {name for name, value in held.items() if value.dtype == torch.uint8}
    draft = f"model.layers.{mini.config()['num_hidden_layers']}."
    assert packed == {
        name
        for name in held
        if ".mlp.experts." in name and name.endswith(".weight") and not name.startswith(draft)
    }
    scales = {value.dtype for name, value in held.items() if name.endswith("weight_scale")}
    assert scales == {torch.float8_e4m3fn}
    assert held[f"{draft}mlp.experts.0.up_proj.weight"].dtype == torch.bfloat16


def test_the_plan_counts_the_same_bytes(made: Path) -> None:
    model = shapes.read(config_of(str(made), None))
    assert model.checkpoint_bytes == sum(value.nbytes for value in tensors(made).values())
    assert model.checkpoint_bytes < 300e6


@pytest.mark.parametrize("name", ["mini-b300", "mini-b200", "mini-hopper"])
def test_the_plan_of_a_profile_needs_no_checkpoint(name: str) -> None:
    profile, _ = loader.load(name)
    made = plan(profile, config_of(profile.model, None))
    assert made.memory.weights.total_bytes < 250e6
    assert made.capacity.sequences is not None and made.capacity.sequences > 1


def test_nothing_but_size_differs_from_the_real_model() -> None:
    ours, real = mini.config(), {**GLM_5_1, "quantization_config": NVFP4}
    sizes = {key for key, value in ours.items() if isinstance(value, int) and key in real}
    different = {key for key, value in ours.items() if key in real and real[key] != value}
    assert different - sizes == {"quantization_config"}
    kept = ("ignore",)
    assert {
        key: value for key, value in ours["quantization_config"].items() if key not in kept
    } == {key: value for key, value in NVFP4.items() if key not in kept}
    for key in ("kv_lora_rank", "index_topk", "index_head_dim", "num_experts_per_tok"):
        assert ours[key] == real[key]


def test_the_real_models_config_is_the_installed_class_and_more() -> None:
    from transformers import GlmMoeDsaConfig

    # What config.json must say, because the class has no field for it, or none that says anything.
    said = {
        "num_nextn_predict_layers",
        *("moe_layer_freq", "scoring_func", "topk_method"),
        *("rope_parameters", "rope_interleave", "indexer_rope_interleave"),
    }
    default = GlmMoeDsaConfig(architectures=GLM_5_1["architectures"], dtype="bfloat16").to_dict()
    assert {key: default[key] for key in GLM_5_1.keys() - said} == {
        key: value for key, value in GLM_5_1.items() if key not in said
    }
    assert not said & default.keys() - {"rope_parameters"}


def test_the_engine_asks_for_what_the_class_leaves_out() -> None:
    import importlib.util

    spec = importlib.util.find_spec("sglang.srt.models.deepseek_v2")
    assert spec and spec.origin
    source = Path(spec.origin).read_text(encoding="utf-8")
    for key in ("moe_layer_freq", "scoring_func", "topk_method"):
        assert f"config.{key}" in source and key in mini.config()
    assert 'config.rope_parameters["rope_theta"]' in source
    for key, otherwise in (("rope_interleave", True), ("indexer_rope_interleave", False)):
        assert f'getattr(config, "{key}", {otherwise})' in source
        assert mini.config()[key] is True


def test_the_tokenizer_and_the_template_are_there(made: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(made)
    asked = [{"role": "user", "content": "Who are you?"}]
    text = tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True)
    assert "Who are you?" in text and text.endswith("<think>")
    assert max(tokenizer(text)["input_ids"]) < mini.config()["vocab_size"]


def test_it_is_the_same_every_time(made: Path, tmp_path: Path) -> None:
    mini.make(tmp_path / "again", lambda line: None)
    digests = [
        {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in at.iterdir()}
        for at in (made, tmp_path / "again")
    ]
    assert digests[0] == digests[1]


def test_a_directory_with_something_in_it_is_left_alone(made: Path) -> None:
    before = sorted(path.stat().st_mtime_ns for path in made.iterdir())
    result = run("make-mini", "--out", str(made))
    assert result.returncode == 2
    assert "[mini-out]" in result.stderr and "fix:" in result.stderr
    assert sorted(path.stat().st_mtime_ns for path in made.iterdir()) == before


@pytest.mark.parametrize(
    ("mini_profile", "real"),
    [("mini-b300", "b300"), ("mini-b200", "b200"), ("mini-hopper", "h200")],
)
def test_profiles_keep_every_option_that_one_gpu_allows(mini_profile: str, real: str) -> None:
    ours, theirs = loader.load(mini_profile)[0], loader.load(real)[0]
    differ = {"model-path", "tensor-parallel-size", "served-model-name", "host"}
    assert {**ours.engine.args, **dict.fromkeys(differ)} == {
        **theirs.engine.args,
        **dict.fromkeys(differ),
    }
    assert ours.engine.image == theirs.engine.image
    assert (ours.hardware.gpu, ours.hardware.count) == (theirs.hardware.gpu, 1)
