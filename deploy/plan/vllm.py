"""What vLLM's options mean for memory. Read in 0.32.0; the files are named where it says so."""

from __future__ import annotations

from packaging.version import Version

from deploy.hardware import CPU, GIB
from deploy.plan.serving import Options, Serving, model_dtype
from deploy.plan.shapes import Model
from deploy.profile import Profile

# utils/argparse_utils.py: human_readable_int
_UNITS = {"k": 10**3, "K": 2**10, "m": 10**6, "M": 2**20, "g": 10**9, "G": 2**30}
# engine/arg_utils.py: the API server's step, larger on GPUs from 160 GiB in new releases, and how
# many requests run; config/compilation.py: the largest batch with a CUDA graph.
_STEP, _STEP_LARGE, _STEP_LARGE_SINCE, _RUNNING = 8192, 16384, Version("0.32"), 1024
_GRAPH_BATCH = 512
# config/cache.py: gpu_memory_utilization, where the catalogue does not say
_FRACTION = 0.92


def serving(profile: Profile, model: Model) -> Serving:
    """The profile's options as vLLM resolves them."""
    options = Options(profile, _UNITS)
    tp, dp = options.count("tensor-parallel-size"), options.count("data-parallel-size")
    pp = options.count("pipeline-parallel-size")
    # Ranks of data parallelism share the experts and hold everything else each.
    sparse = bool(model.experts)
    shared = tp * dp if sparse else tp
    new = Version(profile.engine.version) >= _STEP_LARGE_SINCE
    step = _STEP_LARGE if new and options.gpu_bytes >= 160 * GIB else _STEP
    running = options.number("max-num-seqs") or _RUNNING
    dtype = model_dtype(options.text("dtype", "auto"), model)
    kv_dtype = options.text("kv-cache-dtype", "auto")
    if kv_dtype == "auto":
        kv_dtype = "fp8" if model.quantisation.fp8_kv_cache else dtype
    on_cpu = profile.hardware.gpu == CPU
    fraction = options.default("gpu-memory-utilization")
    return Serving(
        engine="vllm",
        gpus=tp * pp * dp,
        pipeline_parallel=pp,
        expert_parallel=shared if options.flag("enable-expert-parallel") else 1,
        caches=dp if sparse else 1,
        replicas=1 if sparse else dp,
        attention_ranks=tp,
        mlp_ranks=tp,
        expert_ranks=shared,
        embedding_ranks=tp,
        head_ranks=tp,
        dtype=dtype,
        kv_dtype="fp8_e4m3" if kv_dtype in ("fp8", "fp8_ds_mla") else kv_dtype,
        # flashmla_sparse.py, which Hopper uses, takes fp8 for its packed layout.
        kv_scaled=kv_dtype == "fp8_ds_mla" or (kv_dtype == "fp8" and not options.blackwell),
        scales_twice=False,
        page_tokens=_page(options, model, on_cpu),
        fraction=None if on_cpu else float(fraction or _FRACTION),
        fraction_given=options.get("gpu-memory-utilization") is not None,
        fraction_of="all memory",
        context_tokens=options.number("max-model-len"),
        chunk_tokens=options.number("max-num-batched-tokens") or step,
        most_running=running,
        most_tokens=None,
        cache_bytes=_cache_bytes(options, on_cpu),
        draft=any(name.startswith("speculative-config") for name in profile.engine.args),
        graph_batch=0 if on_cpu or options.flag("enforce-eager") else min(_GRAPH_BATCH, running),
        host_cache=None,
    )


def _page(options: Options, model: Model, on_cpu: bool) -> int:
    asked = options.number("block-size")
    # The sparse backends' block; a CPU's default (platforms/cpu.py), and the general one.
    return 64 if model.indexer else asked or (128 if on_cpu else 16)


def _cache_bytes(options: Options, on_cpu: bool) -> int | None:
    """A KV cache of a fixed size: an option, or on a CPU an environment variable in GiB."""
    space = options.profile.engine.env.get("VLLM_CPU_KVCACHE_SPACE") if on_cpu else None
    return int(float(space) * GIB) if space else options.number("kv-cache-memory-bytes")
