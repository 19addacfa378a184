"""Exchanges with tools: the call, and the answer from the tool's result."""

from __future__ import annotations

import json
import random
from typing import Any

from . import values
from .conversation import Call, Exchange, Step, value_text
from .toolbox import Offered, Parameter
from .values import word

ANSWER_THOUGHT = "The tool answered, so I report its result."
LEADS = (
    "Please |Hi, |Hello, |Hey, |Can you please |I have a question: |Quick one: |Hello! |Ok, |"
    "Thanks. Now |Next: |Could you help me? |I wonder, |Tell me, |One more thing: "
).split("|")
MARKS = (" ", " ", " ", " ", " ", ", ", ": ", " - ", ". ", "; ", " (", ") ", "/")
TAILS = (" please| now| today| right now| for me|, please|, thanks| again| quickly").split("|")
EXPRESSION_NAMES = ("expression", "formula", "expr")
ADDRESS_NAMES = ("command", "cmd", "path", "file", "email")


def argument_for(rng: random.Random, parameter: Parameter) -> Any:
    """Draw a value of the parameter's type."""
    if parameter.type == "integer":
        return int(values.digits(rng, 1, 4).lstrip("0") or "0")
    if parameter.type == "object":
        return json_object(rng, rng.randint(1, 2))
    if parameter.name in EXPRESSION_NAMES and rng.random() < 0.7:
        terms = [values.digits(rng, 1, 3) for _ in range(rng.randint(2, 3))]
        return rng.choice((" + ", " * ", "*", "+", " - ", " / ")).join(terms)
    if parameter.name in ADDRESS_NAMES and rng.random() < 0.5:
        return values.draw(rng, values.address)
    return values.argument(rng)


def json_object(rng: random.Random, size: int) -> dict[str, Any]:
    """Return a flat JSON object with that many keys, as tools return them."""
    return {json_key(rng): json_scalar(rng) for _ in range(size)}


def json_key(rng: random.Random) -> str:
    """Return a key in the styles of JSON APIs."""
    return rng.choice(("", "", values.word(rng) + "_")) + values.word(rng)


def json_scalar(rng: random.Random) -> str | int | float | bool | None:
    """Return a string, number, truth value or null."""
    kind = rng.random()
    if kind < 0.50:
        return rng.choice((values.argument, values.phrase, values.phrase))(rng)
    if kind < 0.72:
        return rng.randint(-40, 120)
    if kind < 0.80:
        return rng.randint(0, 99_999)
    if kind < 0.92:
        return round(rng.uniform(-50, 5_000), rng.choice((1, 2)))
    return rng.choice((True, False, None))


def sentence(rng: random.Random) -> str:
    """Return a plain text as a tool may answer: words, names and numbers."""
    makers = (values.phrase, values.phrase, values.phrase, values.argument, values.number)
    text = rng.choice(makers)(rng)
    for _ in range(rng.randint(0, 4)):
        text += rng.choice(MARKS) + rng.choice(makers)(rng)
    text = text[:1].upper() + text[1:] if rng.random() < 0.6 else text
    return text + rng.choice(("", "", "", ".", "!"))


def result(rng: random.Random) -> tuple[str, str]:
    """Return a tool's answer and how the model words it."""
    kind = rng.random()
    if kind < 0.55:
        content = json_object(rng, rng.choice((1, 2, 2, 2, 3, 3, 4)))
        said = ", ".join(f"{key} is {plain(value)}" for key, value in content.items()) + "."
        spaced = rng.random() < 0.85
        separators = None if spaced else (",", ":")
        return json.dumps(content, ensure_ascii=False, separators=separators), said
    if kind < 0.62:
        nested: Any = {json_key(rng): json_object(rng, rng.randint(1, 2))}
        if rng.random() < 0.5:
            nested = [json_scalar(rng) for _ in range(rng.randint(1, 4))]
        text = json.dumps(nested, ensure_ascii=False)
        return text, text
    if kind < 0.68:
        first = sentence(rng)
        rest = "\n".join(sentence(rng) for _ in range(rng.randint(1, 6)))
        return f"{first}\n{rest}", first
    text = sentence(rng) if kind < 0.9 else values.argument(rng)
    return text, text


def plain(value: str | int | float | bool | None) -> str:
    """Return a JSON scalar as it is read out: strings without their quotes."""
    return value if isinstance(value, str) else json.dumps(value)


def quoted(rng: random.Random, value: str) -> str:
    """Return the value as users type it: bare mostly, sometimes quoted."""
    if rng.random() < 0.88 or '"' in value or "'" in value:
        return value
    return rng.choice(('"{v}"', "'{v}'", "`{v}`")).replace("{v}", value)


def worded(rng: random.Random, tool: Offered, arguments: list[Any]) -> str:
    """Return a user's message that asks for the tool with these arguments."""
    text = rng.choice(tool.asks)
    closed = text.endswith("{v}") or "{v}" not in text
    capital = rng.random() < 0.7
    if capital and not text.startswith("{v}"):
        text = text[:1].upper() + text[1:]
    if arguments:
        text = text.replace("{v}", quoted(rng, arguments[0]), 1)
    for parameter, value in list(zip(tool.parameters, arguments, strict=True))[1:]:
        text += parameter.phrase.replace("{v}", value_text(value))
    return finished(rng, text, closed and len(arguments) < 2)


def finished(rng: random.Random, text: str, tail: bool) -> str:
    """Add the greetings, adverbs and marks around a request."""
    if rng.random() < 0.18:
        lead = rng.choice(LEADS)
        text = lead + (text[:1].lower() + text[1:] if rng.random() < 0.8 else text)
    if tail and rng.random() < 0.18:
        text += rng.choice(TAILS)
    text += rng.choice("??..! ").strip()
    if rng.random() < 0.05:
        text += rng.choice((" Thanks!", " Thank you.", " Use the tool.", " I need it soon."))
    return text


def call_thought(tool: Offered, arguments: list[Any]) -> str:
    """Return the reasoning before a call; it names the tool and every argument."""
    if not arguments:
        return f"The tool {tool.name} can do this without arguments."
    named = [
        f"its {parameter.name} is {value_text(value)}"
        for parameter, value in zip(tool.parameters, arguments, strict=True)
    ]
    return f"The tool {tool.name} can do this, and {' and '.join(named)}."


def tool_exchange(
    rng: random.Random, tool: Offered, follow_up: bool = False, brief: bool = False
) -> Exchange:
    """The user asks for one tool; the model calls it and reports the result."""
    arguments = [argument_for(rng, parameter) for parameter in tool.parameters]
    texts_only = [parameter.type for parameter in tool.parameters] == ["string"]
    if texts_only and rng.random() < 0.05 and not brief:
        return double_exchange(rng, tool)
    if follow_up and len(arguments) == 1 and isinstance(arguments[0], str):
        user = rng.choice(tool.follow_ups).replace("{v}", arguments[0])
    else:
        user = worded(rng, tool, arguments)
    names = [parameter.name for parameter in tool.parameters]
    call = Call(tool.name, dict(zip(names, arguments, strict=True)))
    text, said = result(rng) if not brief else (word(rng),) * 2
    return Exchange(
        user,
        (
            Step(call_thought(tool, arguments), calls=(call,), results=(text,)),
            Step(ANSWER_THOUGHT, f"The tool says: {said}"),
        ),
    )


def double_exchange(rng: random.Random, tool: Offered) -> Exchange:
    """The user asks for two values at once; the model calls the tool twice in one answer."""
    name = tool.parameters[0].name
    one, two = values.argument(rng), values.argument(rng)
    ask = rng.choice(tool.asks)
    preposition = ask[: ask.index("{v}")].split()[-1:] if "{v}" in ask else []
    both = " and ".join((one, two))
    if preposition and preposition[0] in ("in", "for", "of", "to") and rng.random() < 0.5:
        both = f"{one} and {preposition[0]} {two}"
    user = finished(rng, ask[:1].upper() + ask[1:].replace("{v}", both, 1), False)
    (first, say_first), (second, say_second) = result(rng), result(rng)
    thought = f"The tool {tool.name} can do this twice, its {name} is {one} and then {two}."
    calls = (Call(tool.name, {name: one}), Call(tool.name, {name: two}))
    return Exchange(
        user,
        (
            Step(thought, calls=calls, results=(first, second)),
            Step(ANSWER_THOUGHT, f"The tool says: {say_first}\nAnd then: {say_second}"),
        ),
    )
