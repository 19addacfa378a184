"""What the schema cannot say of a profile: its engine's options, its model, its image."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from deploy.engines import ENGINES, catalogue, rules, trouble
from deploy.engines.engine import Engine
from deploy.errors import Finding, suggestion
from deploy.hardware import CPU, GPUS
from deploy.overrides import ARGS, catalogue_of
from deploy.yamlfile import Document


def check(document: Document) -> Iterator[Finding]:
    """Findings about the parts of a document that are there; the schema reports what is not."""
    spec = document.value.get("engine")
    if isinstance(spec, dict):
        engine = ENGINES.get(str(spec.get("name")))
        args = spec.get("args")
        if engine and isinstance(spec.get("version"), str):
            yield from _version(document, engine, spec["version"])
        if engine and isinstance(args, dict):
            yield from _options(document, engine, args)
            yield from _combinations(document, engine, spec)
        image = spec.get("image")
        hardware = document.value.get("hardware")
        on_cpu = isinstance(hardware, dict) and hardware.get("gpu") == CPU  # needs no image
        if isinstance(image, str) and "@sha256:" not in image and not on_cpu:
            yield Finding(
                "image-floating",
                document.where(("engine", "image")),
                f"{image} may be another image tomorrow",
                "pin it: repository:tag@sha256:digest",
                "warning",
            )
    yield from _gpu_count(document)
    yield from _drain(document)


def _version(document: Document, engine: Engine, version: str) -> Iterator[Finding]:
    known = catalogue.versions(engine.name)
    if version not in known:
        fix = suggestion(version, known, "versions that have one: " + ", ".join(known))
        yield Finding(
            "engine-version-unknown",
            document.where(("engine", "version")),
            f"there is no option catalogue for {engine.name} {version}",
            fix,
        )


def _options(document: Document, engine: Engine, args: dict[str, Any]) -> Iterator[Finding]:
    options = catalogue_of(document)
    passed = {key: value for key, value in args.items() if key not in engine.refused}
    for key, code, message, fix in options.faults(passed, engine.replaced) if options else ():
        yield Finding(code, document.where((*ARGS, key)), message, fix)
    for key in engine.secrets.keys() & args.keys():
        yield Finding(
            "secret-in-profile",
            document.where((*ARGS, key)),
            "a secret must not stand in a profile or a command line",
            f"put it into a file of mode 0600 and use {engine.secrets[key]} FILE",
        )
    for key in engine.refused.keys() & args.keys():
        yield Finding(
            "option-refused",
            document.where((*ARGS, key)),
            f"--{key} is not passed on",
            engine.refused[key],
        )
    model = options.find(engine.model_option) if options else None
    if model and not any(args.get(spelling) for spelling in model.spellings):
        yield Finding(
            "model-missing",
            document.where(ARGS),
            "no model is named",
            f"add {engine.model_option}: nvidia/GLM-5.1-NVFP4, or a directory",
        )


def _combinations(document: Document, engine: Engine, spec: dict[str, Any]) -> Iterator[Finding]:
    """Rules between options, memory, and known trouble with this version and hardware."""
    options = catalogue_of(document)
    hardware = document.value.get("hardware")
    if options is None:
        return
    # By every spelling, since releases differ in which is primary; and back, for the place.
    spelled = {
        name: key
        for key in spec["args"]
        if (option := options.find(key))
        # What turns an option off is not that option given.
        for name in ((key,) if key == option.negation else (option.name, *option.aliases))
    }
    args = {name: spec["args"][key] for name, key in spelled.items()}
    gpu = str(hardware.get("gpu")) if isinstance(hardware, dict) else ""

    def place(name: str | None) -> str:
        key = spelled.get(name or "")
        return document.where((*ARGS, key) if key else ("engine", "image"))

    for name, code, message, fix in rules.broken(engine.rules, args):
        yield Finding(code, place(name), message, fix)
    if gpu in GPUS and (fault := engine.memory_fault(args, GPUS[gpu].memory_bytes)):
        yield Finding("memory-fraction", place(fault[0]), fault[1], fault[2])
    version, image = str(spec["version"]), str(spec.get("image"))
    for entry in trouble.known(engine.name, version, gpu, image, args):
        fix = f"{entry.fix} ({entry.link})"
        yield Finding(entry.code, place(entry.option()), entry.what, fix, entry.severity)


def _gpu_count(document: Document) -> Iterator[Finding]:
    hardware = document.value.get("hardware")
    if not isinstance(hardware, dict):
        return
    gpu, count = hardware.get("gpu"), hardware.get("count")
    if isinstance(gpu, str) and isinstance(count, int) and (gpu == CPU) != (count == 0):
        yield Finding(
            "gpu-count",
            document.where(("hardware", "count")),
            f"{count} does not fit gpu: {gpu}",
            "write 0 for cpu, and the number of GPUs per node otherwise",
        )


def _drain(document: Document) -> Iterator[Finding]:
    """Whether the engine itself waits as long for requests in flight as the profile promises."""
    spec, limits = document.value.get("engine"), document.value.get("limits")
    if not isinstance(spec, dict) or not isinstance(limits, dict):
        return
    engine = ENGINES.get(str(spec.get("name")))
    args, promised = spec.get("args"), limits.get("drain_seconds")
    if not engine or not engine.drain_option or not isinstance(args, dict):
        return
    granted = args.get(engine.drain_option) or 0
    if isinstance(promised, int | float) and isinstance(granted, int) and granted < promised:
        yield Finding(
            "drain-too-short",
            document.where((*ARGS, engine.drain_option)),
            f"{engine.name} aborts requests {granted} s after SIGTERM, and limits.drain_seconds "
            f"promises {promised:g} s",
            f"set {engine.drain_option}: {promised:g}",
            "warning",
        )
