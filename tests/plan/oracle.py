"""The engine's own classes as an oracle, without a GPU: parameters and bytes of a KV token.

Run as a process of its own with a request on stdin, as deploy.engines.resolve is, since it
presents a GPU. The model is built on torch's meta device: shapes and dtypes, and no memory.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from deploy.engines import resolve

RESULT = "oracle: "


def main() -> None:
    """Answer one request: what the profile resolves to, cell size and parameter bytes."""
    request = json.load(sys.stdin)
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, "config.json").write_text(json.dumps(request["config"]), encoding="utf-8")
        answer = _answer(resolve._with_model(request["argv"], directory), request["gpu"])
    print(RESULT + json.dumps(answer))


def _answer(argv: list[str], gpu: str) -> dict[str, Any]:
    import importlib

    # Imported before a GPU is presented: with one, these modules want its kernels.
    for module in ("arg_groups.pipeline", "layers.quantization.modelopt_quant"):
        importlib.import_module(f"sglang.srt.{module}")
    from sglang.srt.arg_groups.overrides import model_config_of
    from sglang.srt.runtime_context import override_platform, publish
    from sglang.srt.server_args import prepare_server_args

    record = prepare_server_args(argv)
    with override_platform(**resolve._present(gpu)):
        record.resolve_once()
        used = record.resolved_dict()
        model_config = model_config_of(record)
        publish(record, role="scheduler", hf_config=model_config.hf_config)
        answer = {
            name: used[name]
            for name in (
                "mem_fraction_static",
                "kv_cache_dtype",
                "chunked_prefill_size",
                "dsa_prefill_backend",
            )
        }
        answer["largest_graph"] = used["cuda_graph_config"]["decode"]["max_bs"]
        answer["cell_bytes"] = _cell_bytes(record, used, model_config)
        return answer | _parameters(used, model_config)


def _cell_bytes(record: Any, used: dict[str, Any], model_config: Any) -> int:
    """What SGLang's pool configurator takes a token for."""
    import torch
    from sglang.srt.model_executor.pool_configurator import DefaultPoolConfigurator
    from sglang.srt.speculative.spec_info import SpeculativeAlgorithm

    layers = model_config.hf_config.num_hidden_layers
    dtypes = {"fp8_e4m3": torch.float8_e4m3fn, "bfloat16": torch.bfloat16}
    runner = SimpleNamespace(
        model_config=model_config,
        kv_cache_dtype=dtypes[used["kv_cache_dtype"]],
        kv_cache_dtype_str=used["kv_cache_dtype"],
        server_args=record,
        use_mla_backend=True,
        is_draft_worker=False,
        spec_algorithm=SpeculativeAlgorithm.from_string(used["speculative_algorithm"]),
        spec_aux_config=SimpleNamespace(eagle_draft_num_layers=1),
        mambaish_config=None,
        ps=SimpleNamespace(pp_size=1),
        layer_info=SimpleNamespace(num_effective_layers=layers, start_layer=0, end_layer=layers),
    )
    return int(DefaultPoolConfigurator(runner)._cell_size)


def _parameters(used: dict[str, Any], model_config: Any) -> dict[str, Any]:
    """Bytes by parameter name of rank 0, of the model and of its draft model."""
    import torch
    from sglang.srt.configs.load_config import LoadConfig
    from sglang.srt.distributed import parallel_state
    from sglang.srt.layers.attention.dsa import dsa_indexer
    from sglang.srt.layers.moe.utils import initialize_moe_config
    from sglang.srt.model_loader.loader import _get_quantization_config, _initialize_model
    from sglang.srt.models import deepseek_v2
    from sglang.srt.runtime_context import get_flags, get_parallel

    # Rotary embeddings have no parameters, and theirs want kernels.
    rope = lambda *_, **__: torch.nn.Identity()  # noqa: E731
    deepseek_v2.get_rope_wrapper = dsa_indexer.get_rope_wrapper = rope
    group = SimpleNamespace(is_first_rank=True, is_last_rank=True, rank_in_group=0, world_size=1)
    for name in ("_PP", "_MOE_DP", "_TP", "_WORLD", "_MOE_EP", "_MOE_TP", "_ATTN_TP"):
        setattr(parallel_state, name, group)
    ranks = ("tp", "pp", "moe_ep", "moe_dp", "moe_tp", "attn_tp", "attn_cp", "attn_dp")
    torch.set_default_dtype(torch.bfloat16)
    get_flags().dp.enabled = bool(used["enable_dp_attention"])
    initialize_moe_config()
    load = LoadConfig()
    found = {}
    with (
        get_parallel().override(**{f"{name}_rank": 0 for name in ranks}),
        torch.device("meta"),
    ):
        quantisation = _get_quantization_config(model_config, load)
        found["target"] = _initialize_model(model_config, load, quantisation)
        if used["speculative_algorithm"]:
            from sglang.srt.models.glm4_moe import GlmMoeDsaForCausalLMNextN

            found["draft"] = GlmMoeDsaForCausalLMNextN(model_config.hf_config, quantisation)
    return {
        which: {
            name: value.numel() * value.element_size() for name, value in model.named_parameters()
        }
        for which, model in found.items()
    }


if __name__ == "__main__":
    main()
