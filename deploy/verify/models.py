"""Which models the server says it has."""

from __future__ import annotations

from deploy.verify.check import Check, expect
from deploy.verify.target import Target


def _listed(target: Target) -> str:
    reply = target.get("/v1/models")
    expect(reply.status_code == 200, f"GET /v1/models answered {reply.status_code}")
    names = [entry["id"] for entry in reply.json()["data"]]
    expect(target.model in names, f"{target.model} is not among the listed models {names}")
    said = target.chat("Who are you?", max_tokens=1).model
    expect(said == target.model, f"asked for {target.model}, an answer says it is by {said}")
    return f"listed: {', '.join(names)}; answers carry the name"


def _context(target: Target) -> str:
    promised = target.context_tokens or 0
    entries = target.get("/v1/models").json()["data"]
    listed = {entry["id"]: entry.get("max_model_len") for entry in entries}.get(target.model)
    expect(
        listed is not None and listed >= promised,
        f"the profile promises {promised:,} tokens and the server lists {listed}",
    )
    return f"{listed:,} tokens listed, {promised:,} promised"


CHECKS = (
    Check(
        "models.listed",
        "GET /v1/models lists the served name, and answers carry it",
        "Clients that ask for the name get an error, or a gateway routes them to another model.",
        _listed,
    ),
    Check(
        "models.context-length",
        "the listed context length is at least the profile's limits.context_tokens",
        "The engine was started with a shorter context than the deployment promises.",
        _context,
        lambda target: None if target.profile else "no profile says how long the context is",
    ),
)
