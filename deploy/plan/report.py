"""A plan for people: several profiles side by side, estimates marked, their sources below."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from deploy.hardware import GIB
from deploy.plan import Plan
from deploy.plan import measurements as published
from deploy.plan.measurements import Source

_BUFFERS = Source("An upper bound, buffer by buffer: docs/capacity.md")
_MARK = "~"


@dataclass(frozen=True)
class _Row:
    """A label and how to fill its cells; ``sources`` are what an estimate rests on.

    A row without a cell is a heading; a row whose cells are all empty is left out.
    """

    label: str
    cell: Callable[[Plan], str] | None = None
    sources: tuple[Source, ...] = ()


def table(plans: Mapping[str, Plan]) -> str:
    """One column a profile."""
    values = list(plans.values())
    filled = [
        (row, [row.cell(plan) for plan in values] if row.cell else []) for row in _rows(values)
    ]
    full = [(row, cells) for row, cells in filled if row.cell is None or any(cells)]
    # A heading stays where something stands under it.
    ends = [row for row, _ in full[1:]] + [_Row("")]
    shown = [entry for entry, after in zip(full, ends, strict=True) if entry[0].cell or after.cell]
    sources = dict.fromkeys(source for row, _ in shown for source in row.sources)
    numbers = {source: index for index, source in enumerate(sources, 1)}
    lines = [["", *plans]]
    for row, cells in shown:
        marks = "".join(f"[{numbers[source]}]" for source in row.sources)
        indent = f"{_MARK} " if row.sources else "  " if row.cell else ""
        label = f"{indent}{row.label} {marks}".rstrip()
        lines.append([label, *(cell or "-" for cell in cells)])
    notes = [f"{_MARK} estimate, not verified on this hardware; what it rests on:"]
    for source, number in numbers.items():
        notes.append(f"  [{number}] {source.what}")
        notes += [f"      {source.link}"] if source.link else []
    return "\n".join([*_aligned(lines), "", *(notes if numbers else [])]).rstrip()


def _aligned(lines: Sequence[Sequence[str]]) -> list[str]:
    first = max(len(line[0]) for line in lines)
    columns = len(lines[0]) - 1
    widths = [
        max(len(line[at]) for line in lines if len(line) > at) for at in range(1, columns + 1)
    ]
    return [
        "  ".join(
            [
                line[0].ljust(first),
                *(cell.rjust(width) for cell, width in zip(line[1:], widths, strict=False)),
            ]
        ).rstrip()
        for line in lines
    ]


def _rows(plans: Sequence[Plan]) -> list[_Row]:
    on_gpu = any(plan.memory.gpu_bytes for plan in plans)
    # On a CPU an option bounds the cache, and its size is exact.
    runtime = (published.RUNTIME_BYTES.source,) if on_gpu else ()
    graphs = [published.GRAPH_BYTES.source]
    if any(plan.serving.engine == "sglang" for plan in plans):
        graphs.append(published.PREFILL_GRAPH_BYTES.source)
    storage = published.LOCAL_BYTES_PER_SECOND.source
    starts = _starts(plans)
    compiled = (published.COMPILE_SECONDS.source,) if on_gpu else ()
    rates = tuple(dict.fromkeys(plan.throughput.rate.source for plan in plans if plan.throughput))
    return [
        _Row("model"),
        _Row("parameters", lambda p: _billions(p.model.parameters)),
        _Row("of its multi-token prediction", lambda p: _billions(p.model.draft_parameters)),
        _Row("checkpoint on disk", lambda p: _disk(p.model.checkpoint_bytes)),
        _Row("one GPU" if on_gpu else "one process"),
        _Row("memory", lambda p: _size(p.memory.gpu_bytes)),
        _Row("CUDA, torch and NCCL", lambda p: _size(p.memory.runtime_bytes), runtime),
        _Row("weights: its share", lambda p: _size(p.memory.weights.divided_bytes)),
        _Row("weights: the same on each", lambda p: _size(p.memory.weights.whole_bytes)),
        _Row("weights: draft layer", lambda p: _size(p.memory.weights.draft_bytes)),
        _Row("weights: copy for decoding", lambda p: _size(p.memory.weights.copy_bytes)),
        _Row("weights: rotary table", lambda p: _size(p.memory.weights.rotary_bytes)),
        _Row("memory fraction", _fraction),
        _Row("KV cache", lambda p: _size(p.memory.kv_bytes), runtime),
        _Row("table of requests", lambda p: _size(p.memory.table_bytes)),
        _Row("attention workspace", lambda p: _size(p.memory.attention_bytes), runtime),
        _Row("CUDA graphs", lambda p: _size(p.memory.graph_bytes), tuple(graphs)),
        _Row("prefill step, tokens", lambda p: _count(p.memory.prefill.tokens)),
        _Row("prefill workspace", lambda p: _size(p.memory.prefill.total_bytes), (_BUFFERS,)),
        _Row("indexer scores in it", lambda p: _size(p.memory.prefill.scores_bytes), (_BUFFERS,)),
        _Row("attention kernel in it", lambda p: _size(p.memory.prefill.kernel_bytes), (_BUFFERS,)),
        _Row("left", lambda p: _size(p.memory.left_bytes), (*runtime, _BUFFERS)),
        _Row("KV cache"),
        _Row("dtype", lambda p: p.serving.kv_dtype),
        _Row("bytes a token: keys, values", lambda p: _count(p.memory.token.kv_bytes)),
        _Row("bytes a token: indexer", lambda p: _count(p.memory.token.indexer_bytes)),
        _Row("bytes a token: draft layer", lambda p: _count(p.memory.token.draft_bytes)),
        _Row("caches", lambda p: _count(p.capacity.caches)),
        _Row("tokens in one", lambda p: _count(p.memory.tokens), runtime),
        _Row("tokens in all", lambda p: _count(p.capacity.tokens), runtime),
        _Row("sequence, tokens", lambda p: _count(p.capacity.context_tokens)),
        _Row("such sequences at once", _sequences, runtime),
        _Row(
            "sequences of the mix",
            lambda p: _count(p.capacity.mix_sequences),
            runtime,
        ),
        _Row("host memory"),
        _Row("tokens a rank", lambda p: _count(p.memory.host.tokens) if p.memory.host else ""),
        _Row(
            "pinned on a node",
            lambda p: f"{p.memory.host.node_bytes / 1e9:,.0f} GB" if p.memory.host else "",
        ),
        _Row("start"),
        _Row("weights from storage", _load, (storage,)),
        _Row("start, kernels compiled", lambda p: _time(p.startup.warm_seconds), starts),
        _Row("first start", lambda p: _time(p.startup.cold_seconds), (*starts, *compiled)),
        _Row("startup probe", lambda p: _time(p.startup.probe_seconds), (*starts, *compiled)),
        _Row("prefill with nothing cached"),
        _Row("one such sequence", _prompt, rates),
        _Row("such sequences an hour", _hourly, rates),
        _Row("sequences of the mix an hour", _mixed_hourly, rates),
    ]


def _starts(plans: Sequence[Plan]) -> tuple[Source, ...]:
    """What the seconds beside loading and compiling rest on."""
    gpu = (published.PROCESS_SECONDS.source, published.GRAPH_SECONDS.source)
    found = (gpu if plan.memory.gpu_bytes else (published.CPU_START,) for plan in plans)
    return tuple(dict.fromkeys(source for sources in found for source in sources))


def _size(value: int | None) -> str:
    if not value:
        return ""
    return f"{value / GIB:,.2f} GiB" if abs(value) >= GIB / 100 else f"{value / 2**20:,.2f} MiB"


def _billions(value: int) -> str:
    if not value:
        return ""
    return f"{value / 1e9:,.3f} B" if value >= 1e8 else f"{value / 1e6:,.3f} M"


def _disk(value: int) -> str:
    return f"{value / 1e9:,.1f} GB" if value >= 1e8 else f"{value / 1e6:,.1f} MB"


def _count(value: int | None) -> str:
    return f"{value:,}" if value else ""


def _time(seconds: float) -> str:
    return f"{seconds:,.0f} s" if seconds < 300 else f"{seconds / 60:,.0f} min"


def _fraction(plan: Plan) -> str:
    if plan.memory.fraction is None or plan.memory.gpu_bytes is None:
        return ""
    return f"{plan.memory.fraction:.3g}{'' if plan.serving.fraction_given else ' (engine)'}"


def _sequences(plan: Plan) -> str:
    room = plan.capacity
    return f"{room.sequences:.1f}" if room.sequences is not None else ""


def _load(plan: Plan) -> str:
    return f"{_time(plan.startup.load_seconds)} at {plan.startup.bytes_per_second / 1e9:g} GB/s"


def _prompt(plan: Plan) -> str:
    found = plan.throughput
    if found is None or found.least_seconds is None or found.most_seconds is None:
        return ""
    return f"{found.least_seconds:.1f} to {found.most_seconds:.1f} s"


def _hourly(plan: Plan) -> str:
    return _range(plan.throughput.prompts_per_hour) if plan.throughput else ""


def _mixed_hourly(plan: Plan) -> str:
    mixed = plan.throughput.mix_per_hour if plan.throughput else None
    return _range(mixed) if mixed else ""


def _range(pair: tuple[float, float]) -> str:
    return f"{pair[0]:,.0f} to {pair[1]:,.0f}"
