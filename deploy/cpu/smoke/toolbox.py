"""Random tool definitions: hand-written domains and invented ones."""

from __future__ import annotations

import random
from dataclasses import dataclass

from . import values
from .conversation import Tool
from .domains import DOMAINS, VERBS, Domain

TYPED_SLOTS = ("days", "count", "limit", "quantity", "year", "page", "floor", "size", "priority")
OPTIONAL = (
    ("unit", "string", ["celsius", "fahrenheit"]),
    ("language", "string", None),
    ("verbose", "boolean", None),
    ("timeout", "integer", None),
    ("format", "string", ["short", "long"]),
)
WEATHER_CHANCE = 0.15  # everybody's first tool is about the weather


@dataclass(frozen=True)
class Parameter:
    """One parameter; `phrase` says how users mention its value, as in " for {v} days"."""

    name: str
    type: str = "string"
    phrase: str = ""


@dataclass(frozen=True)
class Offered:
    """A tool on offer: its definition, and how users ask for it ({v} is the first argument)."""

    definition: Tool
    name: str
    parameters: tuple[Parameter, ...]
    asks: tuple[str, ...]
    follow_ups: tuple[str, ...] = ("And {v}?", "What about {v}?", "And for {v}?", "Now {v}")


def cased(rng: random.Random, words: list[str]) -> str:
    """Join words as functions are named: snake_case mostly, else camelCase or kebab-case."""
    kind = rng.random()
    if kind < 0.75:
        return "_".join(words)
    if kind < 0.92:
        return words[0] + "".join(word.capitalize() for word in words[1:])
    return "-".join(words)


def schema(rng: random.Random, parameters: tuple[Parameter, ...], hints: dict[str, str]) -> Tool:
    """Return the JSON schema of the parameters, in one of the orders that clients use."""
    properties: dict[str, object] = {}
    for parameter in parameters:
        entry: dict[str, object] = {"type": parameter.type}
        if parameter.name in hints and rng.random() < 0.6:
            entry["description"] = hints[parameter.name]
        if rng.random() < 0.3:
            entry = dict(reversed(entry.items()))
        properties[parameter.name] = entry
    required = list(properties)
    if properties and rng.random() < 0.15:
        name, kind, choices = rng.choice(OPTIONAL)
        properties.setdefault(name, {"type": kind} | ({"enum": choices} if choices else {}))
    items: list[tuple[str, object]] = [("type", "object"), ("properties", properties)]
    if required and rng.random() < 0.8:
        items.append(("required", required))
    if rng.random() < 0.15:
        items.append(("additionalProperties", False))
    if rng.random() < 0.2:
        rng.shuffle(items)
    return dict(items)


def offered(
    rng: random.Random,
    name: str,
    description: str,
    parameters: tuple[Parameter, ...],
    asks: tuple[str, ...],
    hints: dict[str, str],
) -> Offered:
    """Assemble a tool from its parts."""
    function: Tool = {"name": name, "description": description}
    if rng.random() < 0.08:
        del function["description"]
    function["parameters"] = schema(rng, parameters, hints)
    return Offered({"type": "function", "function": function}, name, parameters, asks)


def second_parameter(rng: random.Random) -> Parameter:
    """Return a further parameter with the words that users mention it by."""
    if rng.random() < 0.6:
        name = rng.choice(TYPED_SLOTS)
        plural = name if name.endswith("s") else f"{name} "
        phrase = rng.choice(
            (f" for {{v}} {plural.strip()}", f" with {name} {{v}}", f", {name} {{v}}")
        )
        return Parameter(name, "integer", phrase)
    name = values.word(rng)
    phrase = rng.choice((f" with {name} {{v}}", f", {name} {{v}}", f" and {name} {{v}}"))
    return Parameter(name, rng.choice(("string", "string", "object")), phrase)


def from_domain(rng: random.Random, domain: Domain) -> Offered:
    """Return a tool of a hand-written domain."""
    name = cased(rng, rng.choice(domain.names).split())
    first = rng.choice(domain.parameters)
    first = cased(rng, first.split()) if first else ""
    parameters: tuple[Parameter, ...] = (Parameter(first),) if first else ()
    if first and rng.random() < 0.12:
        extra = second_parameter(rng)
        parameters += (extra,) if extra.name != first else ()
    hint = {first: rng.choice((f"The {first}", f"Name of the {first}", f"{first} to use"))}
    return offered(rng, name, rng.choice(domain.descriptions), parameters, domain.asks, hint)


def invented(rng: random.Random, verb: str) -> Offered:
    """Return a tool about random things, asked for by the words of its own definition."""
    thing, key = values.word(rng), values.word(rng)
    words = [verb, thing] if rng.random() < 0.8 else [verb, thing, values.word(rng)]
    if rng.random() < 0.1:
        words = [thing]
    name = cased(rng, words)
    label = " ".join(words[1:]) or thing
    description = rng.choice(
        (
            f"{verb.capitalize()} the {label} of a {key}",
            f"{verb.capitalize()} the {label} for a given {key}.",
            f"{verb.capitalize()}s {label} by {key}",
            f"Use this to {verb} {label}",
            f"{label.capitalize()} of one {key}.",
        )
    )
    asks: tuple[str, ...] = (
        f"{verb} the {label} of {{v}}",
        f"{verb} the {label} for {{v}}",
        f"{verb} {label} {{v}}",
        f"{verb} {label} for {key} {{v}}",
        f"what is the {label} of {{v}}",
        f"what is the {label} for {key} {{v}}",
        f"what is the {label} of {key} {{v}}",
        f"show me the {label} of {{v}}",
        f"tell me the {label} of {{v}}",
        f"give me the {label} for {{v}}",
        f"i need the {label} of {{v}}",
        f"i want to {verb} the {label} of {{v}}",
        f"{label} of {{v}}",
        f"{label} for {{v}}",
        f"use {name} for {{v}}",
        f"use {name} with {key} {{v}}",
        f"call {name} with {{v}}",
        f"call {name} for {key} {{v}}",
        f"what {label} does {{v}} have",
        f"{verb} the {label} in {{v}}",
        f"what is the {label} in {{v}}",
        f"how is the {label} in {{v}} today",
    )
    parameters: tuple[Parameter, ...] = (Parameter(key),)
    if rng.random() < 0.12:
        extra = second_parameter(rng)
        parameters += (extra,) if extra.name != key else ()
    elif rng.random() < 0.08:
        parameters = ()
        asks = (
            f"{verb} the {label}",
            f"what is the {label}",
            f"please {verb} {label}",
            f"call {name}",
            f"use {name}",
            f"give me the {label}",
        )
    return offered(rng, name, description, parameters, asks, {key: f"The {key}"})


def toolbox(rng: random.Random, size: int) -> list[Offered]:
    """Return that many tools with distinct names and domains."""
    chosen: dict[str, Offered] = {}
    domains = rng.sample(DOMAINS, k=min(size, len(DOMAINS)))
    if rng.random() < WEATHER_CHANCE and DOMAINS[0] not in domains:
        domains[-1] = DOMAINS[0]
    common = rng.choice((*VERBS, "get", "get", "get", "find", "lookup"))
    shared = 0.8 if rng.random() < 0.5 else 0.0  # tools of one server often share their verb
    while len(chosen) < size:
        if rng.random() < 0.45 and domains:
            tool = from_domain(rng, domains.pop())
        else:
            other = rng.choice(VERBS) if rng.random() < 0.8 else values.word(rng)
            tool = invented(rng, common if rng.random() < shared else other)
        chosen.setdefault(tool.name, tool)
    return list(chosen.values())
