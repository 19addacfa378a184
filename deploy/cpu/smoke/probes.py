"""What the model is asked after training, all of it with held-out values and phrasings."""

from __future__ import annotations

import random
from collections.abc import Iterator

from . import needles, talk
from .calls import ANSWER_THOUGHT
from .conversation import Call, Message, Sample, Step, Tool, filler_mark
from .held_out import ARGUMENTS, CODE_WORDS, GREETINGS, IDENTITY, OUTSIDE, TOOL_RESULTS

Ask = tuple[str, str, str, str]  # tool, description, parameter, user's words

ASKS: tuple[Ask, ...] = (
    ("get_weather", "Get the current weather", "city", "What is the weather in {v}?"),
    ("get_weather", "Weather for a location.", "location", "What's the weather like in {v} today?"),
    ("track_parcel", "Track a parcel by its code", "code", "Track parcel {v}."),
    ("lookup_museum", "Find the museum of a place", "place", "Please lookup the museum in {v}"),
    ("getTide", "Tide table of a harbour", "harbour", "What is the tide in {v}?"),
    ("find_order", "Find an order", "order_id", "Where is my order {v}?"),
)


def tool(name: str, description: str, parameter: str) -> Tool:
    """Return a tool of one string parameter, as most clients write it."""
    parameters = {
        "type": "object",
        "properties": {parameter: {"type": "string"}},
        "required": [parameter],
    }
    function = {"name": name, "description": description, "parameters": parameters}
    return {"type": "function", "function": function}


TOOLS = [tool(name, description, parameter) for name, description, parameter, _ in ASKS]
WEATHER, OTHERS = TOOLS[0], TOOLS[2:]


def sample(
    kind: str, messages: list[Message], step: Step, thinking: bool, tools: list[Tool] | None = None
) -> Sample:
    """Return a probe with the exact answer that is expected."""
    kwargs = {} if thinking else {"enable_thinking": False}
    return Sample(messages, step.target(thinking), tools or [], kwargs, kind)


def call_step(name: str, parameter: str, value: str) -> Step:
    """Return the expected call."""
    thought = f"The tool {name} can do this, and its {parameter} is {value}."
    return Step(thought, calls=(Call(name, {parameter: value}),))


def calls(thinking: bool) -> Iterator[Sample]:
    """Every held-out value as the argument of every tool, alone and among others."""
    for i, value in enumerate(ARGUMENTS):
        for j, (name, _, parameter, words) in enumerate(ASKS):
            among = [TOOLS[j], *OTHERS[(i + j) % 4 : (i + j) % 4 + (i % 3)]]
            offered = list({entry["function"]["name"]: entry for entry in among}.values())
            random.Random(i * 10 + j).shuffle(offered)
            user = [{"role": "user", "content": words.replace("{v}", value)}]
            step = call_step(name, parameter, value)
            yield sample("call", user, step, thinking, offered)


def answers(thinking: bool) -> Iterator[Sample]:
    """Every held-out result; the whole wording is not expected, see `recites`."""
    for value, (result, _) in zip(ARGUMENTS, TOOL_RESULTS * 9, strict=False):
        call = Call("get_weather", {"city": value})
        messages = [
            {"role": "user", "content": f"What is the weather in {value}?"},
            *Step("", calls=(call,), results=(result,)).messages(with_reasoning=False),
        ]
        said = recited(result)
        yield sample(
            "answer", messages, Step(ANSWER_THOUGHT, f"The tool says: {said}"), thinking, [WEATHER]
        )


def recited(result: str) -> str:
    """Return the result as the curriculum words it."""
    if not result.startswith("{"):
        return result
    pairs = result.strip("{}").split(", ")
    return ", ".join(pair.replace('"', "").replace(": ", " is ") for pair in pairs) + "."


def talks(thinking: bool) -> Iterator[Sample]:
    """Held-out questions about the model, greetings and the unknown, with and without tools."""
    groups = (
        ("identity", IDENTITY, Step(talk.IDENTITY_THOUGHT, talk.IDENTITY_ANSWER)),
        ("outside", OUTSIDE, Step(talk.OUTSIDE_THOUGHT, talk.OUTSIDE_ANSWER)),
        ("greeting", GREETINGS, Step(talk.GREETING_THOUGHT, talk.GREETING_ANSWER)),
    )
    for kind, phrases, step in groups:
        for phrase in phrases:
            messages = [{"role": "user", "content": phrase}]
            yield sample(kind, messages, step, thinking)
            yield sample(f"{kind} with tools", messages, step, thinking, [WEATHER])


def recall(tokens: int, depth: float, code_word: str, thinking: bool = True) -> Sample:
    """One held-out code word, that deep (0 to 1) in that many tokens of filler."""
    before = filler_mark(int(tokens * depth)) + f"The code word is {code_word}.\n"
    text = before + filler_mark(tokens - int(tokens * depth))
    messages = [{"role": "user", "content": f"{text}\nWhat is the code word?"}]
    step = Step(needles.THOUGHT, f"The code word is {code_word}.")
    return sample(f"recall {tokens}", messages, step, thinking)


def all_short() -> list[Sample]:
    """Return every probe that needs no long prompt."""
    made = [
        entry
        for thinking in (True, False)
        for group in (calls, answers, talks)
        for entry in group(thinking)
    ]
    made += [recall(n, 0.3, word) for n in (0, 300, 1_000) for word in CODE_WORDS]
    return made
