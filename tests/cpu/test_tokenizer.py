"""The committed tokenizer and chat template."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from deploy.cpu.smoke import curriculum, held_out
from deploy.cpu.smoke import tokenizer as smoke_tokenizer

MODEL = Path(smoke_tokenizer.__file__).parents[1] / "model"
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
CALL = {"type": "function", "function": {"name": "get_weather", "arguments": {"city": "Bern"}}}


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return smoke_tokenizer.load(MODEL)


def render(tokenizer: Any, messages: list[dict[str, Any]], **options: Any) -> str:
    options.setdefault("add_generation_prompt", True)
    return str(tokenizer.apply_chat_template(messages, tokenize=False, **options))


@pytest.mark.parametrize(
    "text",
    [
        *held_out.ARGUMENTS,
        *held_out.CODE_WORDS,
        "  indented\n\n\ttext \r\n",
        "\u00a0\u2003 a\u0301 e\u0308",
        "\N{THUMBS UP SIGN}\N{EMOJI MODIFIER FITZPATRICK TYPE-4} \N{ZERO WIDTH JOINER}",
        json.dumps({"a": [1, "ü"]}, ensure_ascii=False),
    ],
)
def test_text_round_trips(tokenizer: Any, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text)) == text


@pytest.mark.parametrize("value", held_out.ARGUMENTS)
def test_a_value_has_one_spelling_wherever_it_stands(tokenizer: Any, value: str) -> None:
    alone = tokenizer.encode(value)
    assert tokenizer.encode(f'"{value}"')[1:-1] == alone
    assert tokenizer.encode(f"in {value}?")[2:-1] == alone
    assert tokenizer.encode(f"<arg_value>{value}</arg_value>")[1:-1] == alone


def test_markup_is_one_token_each_and_stays_visible(tokenizer: Any) -> None:
    for text in smoke_tokenizer.MARKUP:
        ids = tokenizer.encode(text)
        assert len(ids) == 1
        assert tokenizer.decode(ids, skip_special_tokens=True) == text
    for text in smoke_tokenizer.CONTROL:
        ids = tokenizer.encode(text)
        assert len(ids) == 1
        assert tokenizer.decode(ids, skip_special_tokens=True) == ""


def test_committed_template_is_the_one_trained_with() -> None:
    committed = (MODEL / "chat_template.jinja").read_text(encoding="utf-8")
    assert committed == smoke_tokenizer.TEMPLATE.read_text(encoding="utf-8")


def test_plain_turns(tokenizer: Any) -> None:
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello.", "reasoning_content": "A greeting."},
        {
            "role": "user",
            "content": [{"type": "text", "text": "Who "}, {"type": "text", "text": "?"}],
        },
    ]
    start = "[gMASK]<sop><|system|>Be brief.<|user|>Hi<|assistant|>"
    end = "Hello.<|user|>Who ?<|assistant|>"
    assert render(tokenizer, messages) == f"{start}</think>{end}<think>"
    assert render(tokenizer, messages, enable_thinking=False) == f"{start}</think>{end}</think>"
    kept = render(tokenizer, messages, clear_thinking=False)
    assert kept == f"{start}<think>A greeting.</think>{end}<think>"


def test_tool_turns(tokenizer: Any) -> None:
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": "Weather in Bern?"},
        {
            "role": "assistant",
            "content": "",
            "reasoning_content": "A tool.",
            "tool_calls": [CALL, CALL],
        },
        {"role": "tool", "content": "sunny"},
        {"role": "tool", "content": [{"type": "text", "text": "cold"}]},
    ]
    called = "<tool_call>get_weather<arg_key>city</arg_key><arg_value>Bern</arg_value></tool_call>"
    assert render(tokenizer, messages, tools=[TOOL]) == (
        "[gMASK]<sop><|system|>Functions on offer, one definition a line:\n"
        'get_weather: {"description": "Get the weather", "name": "get_weather", "parameters": '
        '{"type": "object", "properties": {"city": {"type": "string"}}}}\n'
        f"<|user|>Weather in Bern?<|assistant|><think>A tool.</think>{called}{called}"
        "<|observation|><tool_response>sunny</tool_response><tool_response>cold</tool_response>"
        "<|assistant|><think>"
    )


def test_history_reads_as_the_model_wrote_it(tokenizer: Any) -> None:
    """Every curriculum turn, put into the history, is the text that was learned as the target."""
    import random

    from deploy.cpu.smoke.calls import tool_exchange
    from deploy.cpu.smoke.talk import identity
    from deploy.cpu.smoke.toolbox import toolbox

    for seed in range(50):
        rng = random.Random(seed)
        for exchange in (identity(rng), tool_exchange(rng, toolbox(rng, 1)[0])):
            step = exchange.steps[0]
            messages = [{"role": "user", "content": exchange.user}]
            prompt = render(tokenizer, messages)
            history = render(
                tokenizer, [*messages, step.messages()[0]], add_generation_prompt=False
            )
            written = prompt + step.target(thinking=True)
            assert written.rsplit("<|", 1)[0] == history


def test_curriculum_prompts_render(tokenizer: Any) -> None:
    for sample in itertools.islice(curriculum.stream(3, ((0, 1.0),)), 200):
        text = render(
            tokenizer, sample.messages, tools=sample.tools or None, **sample.template_kwargs
        )
        assert text.startswith("[gMASK]<sop>")
        assert text.endswith(("<|assistant|><think>", "<|assistant|></think>"))
