"""Parameters and checkpoint sizes against published ones; the source stands at each."""

from __future__ import annotations

from typing import Any

import pytest

from deploy.errors import Refused
from deploy.model import CHECKPOINTS, GLM_5_1
from deploy.plan import shapes
from tests.plan.published import DEEPSEEK_V3, GLM_5_2_FP8, GLM_5_2_NVFP4, GLM_5_NVFP4
from tests.plan.small_models import GLM4_MOE, LLAMA, QWEN2

NVFP4 = CHECKPOINTS["nvidia/GLM-5.1-NVFP4"]


def test_glm_5_1_has_the_parameters_of_its_card() -> None:
    model = shapes.read(GLM_5_1)
    # nvidia/GLM-5.1-NVFP4's card: 754B; Z.ai's GLM-5 announcement: 744B with 40B active.
    assert model.parameters == 743_911_218_432
    assert model.parameters + model.draft_parameters == 753_864_139_008
    assert model.active_parameters == pytest.approx(40.8e9, rel=0.001)


def test_deepseek_v3_has_the_parameters_of_its_card() -> None:
    # deepseek-ai/DeepSeek-V3's README: 671B of main model, 14B of MTP module, 685B in all, of
    # which the module repeats embedding and head; 37B active.
    model = shapes.read(DEEPSEEK_V3)
    assert model.parameters == pytest.approx(671e9, rel=0.001)
    assert model.parameters + model.draft_parameters == pytest.approx(685e9, rel=0.001)
    assert model.active_parameters == pytest.approx(37e9, rel=0.02)


@pytest.mark.parametrize(
    "config, published",
    [
        # The 47 files of nvidia/GLM-5.2-NVFP4 at aec724e8: the nearest published to the byte.
        (GLM_5_2_NVFP4, 464_823_042_096),
        # The files of zai-org/GLM-5.2-FP8 at ba978f7d.
        (GLM_5_2_FP8, 755_632_050_320),
        # Hugging Face's sizes of nvidia/GLM-5.1-NVFP4, nvidia/GLM-5-NVFP4, zai-org/GLM-5.1-FP8.
        (NVFP4, 465.9e9),
        (GLM_5_NVFP4, 460.8e9),
        (CHECKPOINTS["zai-org/GLM-5.1-FP8"], 756e9),
    ],
)
def test_checkpoints_are_as_large_as_published(config: dict[str, Any], published: float) -> None:
    # What is missing are safetensors headers: some hundred bytes for each of 120,000 tensors.
    assert shapes.read(config).checkpoint_bytes == pytest.approx(published, rel=0.0003)


def test_tensors_are_those_of_the_original_checkpoint() -> None:
    # NVIDIA Megatron-Bridge's model verification of zai-org/GLM-5 at 4e6698ba: 59,079 tensors and
    # 1,487,822,475,264 bytes in 78 layers, 791 tensors under model.layers.78.
    tensors = shapes.read(GLM_5_1).tensors
    main = [tensor for tensor in tensors if not tensor.mtp]
    assert sum(tensor.count for tensor in main) == 59_079
    assert sum(tensor.checkpoint_bytes for tensor in main) == 1_487_822_475_264
    assert sum(tensor.count for tensor in tensors if tensor.mtp) == 791


def test_the_nvfp4_checkpoint_has_its_prediction_layer_in_16_bits() -> None:
    last = [tensor for tensor in shapes.read(NVFP4).tensors if tensor.mtp]
    assert sum(tensor.count for tensor in last) == 791
    assert {tensor.dtype for tensor in last} == {"bfloat16", "float32"}


def test_only_routed_experts_are_stored_in_4_bits() -> None:
    tensors = shapes.read(NVFP4).tensors
    packed = [tensor for tensor in tensors if tensor.dtype == "uint8"]
    assert {tensor.part for tensor in packed} == {"routed experts"}
    assert sum(tensor.parameters for tensor in packed) == 75 * 256 * 3 * 2048 * 6144


def test_glm_5_2_computes_an_index_in_21_layers() -> None:
    # Its config.json's indexer_types: three full layers, then one full in four.
    model = shapes.read(GLM_5_2_NVFP4)
    assert model.indexer and len(model.indexer.layers) == 21
    types = ["full" if at in model.indexer.layers else "shared" for at in range(78)]
    said = shapes.read({**GLM_5_1, "indexer_types": types})
    assert said.indexer == model.indexer
    pattern = "".join("F" if kind == "full" else "S" for kind in types)
    assert shapes.read({**GLM_5_1, "index_topk_pattern": pattern}).indexer == model.indexer


def test_unknown_architectures_and_lacking_shapes_are_refused_with_a_way_out() -> None:
    with pytest.raises(Refused) as refused:
        shapes.read({"architectures": ["Glm4MoeForCausalLN"]})
    assert "Glm4MoeForCausalLM" in refused.value.findings[0].fix
    with pytest.raises(Refused, match="kv_lora_rank"):
        shapes.read({key: value for key, value in GLM_5_1.items() if key != "kv_lora_rank"})


@pytest.mark.engine
@pytest.mark.parametrize(
    "config",
    [
        pytest.param({**GLM_5_1, "num_nextn_predict_layers": 0}, id="glm-5.1"),
        pytest.param({**DEEPSEEK_V3, "num_nextn_predict_layers": 0}, id="deepseek-v3"),
        pytest.param(GLM4_MOE, id="glm4-moe"),
        pytest.param(LLAMA, id="llama"),
        pytest.param({**LLAMA, "attention_bias": True, "mlp_bias": True}, id="llama-biased"),
        pytest.param(QWEN2, id="qwen2"),
        pytest.param(
            {**QWEN2, "model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"]}, id="qwen3"
        ),
    ],
)
def test_shapes_are_those_of_transformers(config: dict[str, Any]) -> None:
    """The reference implementation, on torch's meta device."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    values = {key: value for key, value in config.items() if key != "architectures"}
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**values))
    biases = [
        tensor.numel()
        for name, tensor in model.named_buffers()
        if name.endswith("e_score_correction_bias")
    ]
    assert shapes.read(config).parameters == model.num_parameters() + sum(biases)
