"""What SGLang's options mean for memory. Read in 0.5.20; the files are named where it says so."""

from __future__ import annotations

from deploy.engines.sglang import automatic_fraction, largest_graph
from deploy.hardware import CPU, GIB
from deploy.plan.serving import HostCache, Options, Serving, SparsePrefill, model_dtype
from deploy.plan.shapes import Model
from deploy.profile import Profile

# utils/common.py: human_readable_int
_UNITS = {"k": 10**3, "M": 10**6, "G": 10**9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
# memory_hook.py: the chunk on GPUs from 160 GiB and on smaller ones.
_CHUNK_LARGE, _CHUNK = 16384, 8192
# speculative_hook.py: what max-running-requests becomes with a draft model.
_RUNNING_WITH_DRAFT = 48
_DRAFTS = ("EAGLE", "EAGLE3", "NEXTN")


def serving(profile: Profile, model: Model) -> Serving:
    """The profile's options as SGLang resolves them."""
    options = Options(profile, _UNITS)
    tp, copies = options.count("tp-size"), options.count("dp-size")
    # 0.5.22 has attn-dp-size for what takes two options before.
    attention = options.count("attn-dp-size")
    if options.flag("enable-dp-attention"):
        attention, copies = copies, 1
    ranks = max(1, tp // attention)
    dtype = model_dtype(options.text("dtype", "auto"), model)
    kv_dtype = _kv_dtype(options, model, dtype)
    large = options.gpu_bytes >= 160 * GIB
    chunk = options.number("chunked-prefill-size") or (_CHUNK_LARGE if large else _CHUNK)
    draft = options.get("speculative-algorithm") in _DRAFTS
    running = options.number("max-running-requests") or (_RUNNING_WITH_DRAFT if draft else None)
    # parallel_hook.py: ranks with attention of their own divide the requests, too.
    running = running // attention if running else None
    fraction = options.get("mem-fraction-static")
    given = fraction is not None
    if not given and options.gpu_bytes:
        fraction, _ = automatic_fraction(options.named(), options.gpu_bytes)
    return Serving(
        engine="sglang",
        gpus=tp * options.count("pp-size") * copies,
        pipeline_parallel=options.count("pp-size"),
        expert_parallel=options.count("ep-size"),
        caches=attention,
        replicas=copies,
        attention_ranks=ranks,
        mlp_ranks=options.number("moe-dense-tp-size") or tp,
        expert_ranks=tp,
        # A rank of attention data parallelism embeds its own tokens (vocab_parallel_embedding.py).
        embedding_ranks=ranks,
        head_ranks=ranks if options.flag("enable-dp-lm-head") else tp,
        dtype=dtype,
        kv_dtype=kv_dtype,
        kv_scaled=_scaled(options, model, kv_dtype),
        scales_twice=_scales_twice(options, model),
        page_tokens=64 if model.indexer else options.count("page-size"),
        fraction=None if fraction is None else float(fraction),
        fraction_given=given,
        fraction_of="free memory before loading",
        context_tokens=options.number("context-length"),
        # parallel_hook.py: handle_data_parallelism
        chunk_tokens=chunk // attention,
        most_running=running,
        most_tokens=options.number("max-total-tokens"),
        cache_bytes=None,
        draft=draft,
        graph_batch=_graphs(options, running),
        host_cache=_host_cache(options),
        sparse_prefill=_sparse_prefill(options, model, kv_dtype),
    )


def _kv_dtype(options: Options, model: Model, dtype: str) -> str:
    asked = options.text("kv-cache-dtype", "auto")
    if asked != "auto":
        return {"bf16": "bfloat16"}.get(asked, asked)
    if model.indexer:
        # overrides.py: _dsa_kv_cache_dtype_default
        return "fp8_e4m3" if options.blackwell else "bfloat16"
    # kv_cache_dtype.py
    return "fp8_e4m3" if model.quantisation.fp8_kv_cache else dtype


def _scaled(options: Options, model: Model, kv_dtype: str) -> bool:
    """Whether FP8 latents carry scales (kv_cache_configurator.py: calculate_mla_kv_cache_dim)."""
    if not model.indexer or kv_dtype != "fp8_e4m3":
        return False
    backends = {options.get("dsa-prefill-backend"), options.get("dsa-decode-backend")}
    return not ("trtllm" in backends or (backends == {None} and options.blackwell))


def _sparse_prefill(options: Options, model: Model, kv_dtype: str) -> SparsePrefill | None:
    """The prefill kernel, by overrides.py: _dsa_split_backend_resolution.

    dsa_backend.py pads heads: _forward_flashmla_sparse to 64, from compute capability 10 on to 128;
    _forward_flashmla_kv to 64 and above that to 128, and it keeps FP32 results of each split
    (FlashMLA's csrc/api/sparse_decode.h). flashmla_auto takes one of the two by the batch.
    """
    if not model.indexer:
        return None
    fp8 = kv_dtype == "fp8_e4m3"
    choice = ("trtllm" if options.blackwell else "flashmla_kv") if fp8 else "flashmla_sparse"
    backend = options.text("dsa-prefill-backend", choice)
    if backend == "flashmla_auto":
        backend = "flashmla_kv" if fp8 else "flashmla_sparse"
    if backend == "flashmla_kv":
        return SparsePrefill(backend, 64, 2, partial_results=True)
    if backend == "flashmla_sparse":
        return SparsePrefill(backend, 128 if options.blackwell else 64, 2)
    if backend == "flashmla_sparse_q8":
        return SparsePrefill(backend, 64, 1)
    # TensorRT-LLM's kernel takes queries of the cache's dtype, and any number of heads.
    return SparsePrefill(backend, 1, 1 if fp8 and backend == "trtllm" else 2)


def _scales_twice(options: Options, model: Model) -> bool:
    """Whether experts keep w13_blockscale_swizzled beside their scales (modelopt_quant.py).

    Every runner but TRT-LLM's allocates it; Marlin, which Hopper takes, never frees it.
    """
    runner = options.text("moe-runner-backend", "auto")
    marlin = runner == "marlin" or (runner == "auto" and not options.blackwell)
    return marlin and model.quantisation.scheme == "nvfp4"


def _graphs(options: Options, running: int | None) -> int:
    """The largest batch of a rank with a decode graph: none exceeds the requests that may run.

    base_cuda_graph_runner.py: get_batch_sizes_to_capture.
    """
    off = (
        options.flag("disable-cuda-graph")
        or options.flag("disable-decode-cuda-graph")
        or options.get("cuda-graph-backend-decode") == "disabled"
    )
    if off or options.profile.hardware.gpu == CPU:
        return 0
    sizes = options.get("cuda-graph-bs-decode")
    largest = int(max(sizes)) if sizes else largest_graph(options.named(), options.gpu_bytes)
    return min(largest, running or largest)


def _host_cache(options: Options) -> HostCache | None:
    if not options.flag("enable-hierarchical-cache"):
        return None
    # pool_host/base.py counts a GB as 10**9; hicache_hook.py has the ratio.
    size = options.number("hicache-size") or 0
    return HostCache(size * 10**9, float(options.get("hicache-ratio") or 2.0))
