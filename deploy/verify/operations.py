"""What operators, probes and dashboards rely on."""

from __future__ import annotations

import time

import openai

from deploy.verify import metrics
from deploy.verify.check import Broken, Check, DoesNotApply, expect
from deploy.verify.target import Target

# Counters are written within a second of a request's end; a busy machine may take longer.
_COUNTED_WITHIN_SECONDS = 10.0
# Published acceptance of GLM-5.2's MTP layer is 1.84 at one step to 3.78 at six (InferenceX). Near
# 1.0 every draft is refused, as when the checkpoint's MTP weights are missing.
_LEAST_ACCEPTED = 1.2


def _health(target: Target) -> str:
    paths = ["/health"]
    if target.profile:
        paths.append(target.profile.driver.ready_path(target.profile.engine.version))
    elif target.engine == "sglang" and target.get("/ready").status_code != 404:
        paths.append("/ready")
    statuses = {path: target.get(path).status_code for path in dict.fromkeys(paths)}
    said = ", ".join(f"{path} {status}" for path, status in statuses.items())
    try:
        target.chat("Who are you?", max_tokens=2)
    except openai.OpenAIError as error:
        raise Broken(f"{said}, but a request fails: {error}") from None
    expect(
        all(status == 200 for status in statuses.values()),
        f"{said}, but the server answers: probes would take it out of service, or kill it",
    )
    return f"{said}, and the server answers"


def _metrics(target: Target) -> str:
    wanted = metrics.NAMES[target.engine]
    before = metrics.read(target)
    used = target.chat("Who are you?", max_tokens=8).usage
    counters = {
        f"{target.engine}:prompt_tokens": used.prompt,
        f"{target.engine}:generation_tokens": used.completion,
    }
    deadline = time.monotonic() + _COUNTED_WITHIN_SECONDS
    while True:
        after = metrics.read(target)
        grown = {name: after.get(name, 0) - before.get(name, 0) for name in counters}
        if all(grown[name] >= least for name, least in counters.items()):
            break
        if time.monotonic() > deadline:
            raise Broken(f"usage says {counters}, and the counters grew by {grown}")
        time.sleep(0.2)
    missing = [name for name in wanted if name not in after]
    expect(not missing, f"/metrics lacks {', '.join(missing)}")
    return f"{len(after)} families; the token counters grew by what usage says"


def _metrics_promised(target: Target) -> str | None:
    if target.engine == "sglang" and target.profile and not target.option("enable-metrics"):
        return "the profile has no enable-metrics"
    return None


def _speculative(target: Target) -> str:
    target.chat("Count from one to fifty in words.", max_tokens=200)
    found = metrics.read(target)
    if target.engine == "sglang":
        accepted = found.get("sglang:spec_accept_length", 0.0)
    else:
        drafts = found.get("vllm:spec_decode_num_drafts", 0.0)
        tokens = found.get("vllm:spec_decode_num_accepted_tokens", 0.0)
        accepted = 1 + tokens / drafts if drafts else 0.0
    if not accepted and not _speculates(target):
        raise DoesNotApply("no speculative decoding: the metrics show none")
    steps = target.option("speculative-num-steps")
    most = f" of at most {steps + 1}" if isinstance(steps, int) else ""
    expect(
        accepted >= _LEAST_ACCEPTED,
        f"{accepted:.2f} tokens are accepted per step: nearly every draft is refused",
    )
    expect(
        not isinstance(steps, int) or accepted <= steps + 1,
        f"{accepted:.2f} tokens accepted per step{most}: that cannot be",
    )
    return f"{accepted:.2f} tokens accepted per step{most}"


def _speculates(target: Target) -> bool:
    return bool(target.option("speculative-algorithm") or target.option("speculative-config"))


def _speculative_promised(target: Target) -> str | None:
    if target.profile and not _speculates(target):
        return "the profile has no speculative decoding"
    return _metrics_promised(target)


CHECKS = (
    Check(
        "operations.health",
        "/health and /ready say 200 just when the server answers",
        "Probes kill a server that works, or send requests to one that does not.",
        _health,
    ),
    Check(
        "operations.metrics",
        "/metrics has what dashboards and alerts read, and counts the tokens that usage says",
        "Alerts are blind, and autoscaling acts on nothing.",
        _metrics,
        _metrics_promised,
        ("limits.usage",),
    ),
    Check(
        "operations.speculative",
        "speculative decoding accepts a plausible number of tokens per step",
        "The MTP weights are missing or broken: decoding is slower than without.",
        _speculative,
        _speculative_promised,
    ),
)
