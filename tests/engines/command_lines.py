"""Profiles' args and command lines drawn from an option catalogue, and what must hold of them."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
from collections.abc import Iterable
from typing import Any

from hypothesis import strategies as st

from deploy.engines.arguments import from_argv, to_argv
from deploy.engines.catalogue import Catalogue, Option

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20).filter(lambda t: t != "--")
# Beyond 2**53 the decimals of a whole number are another whole number.
FLOATS = st.floats(-(2.0**53), 2.0**53)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | FLOATS | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)


def values(option: Option) -> st.SearchStrategy[Any]:
    """What a profile may hold for this option."""
    if option.kind == "flag":
        return st.just(True)
    if option.choices:
        one: st.SearchStrategy[Any] = st.sampled_from(option.choices)
    elif option.kind == "int":
        one = st.integers()
    elif option.kind == "float":
        one = FLOATS | st.integers(-(2**53), 2**53)
    elif option.kind in ("json", "map-or-text"):
        one = (
            st.lists(json_values, max_size=3)
            if option.default == []
            else st.dictionaries(texts, json_values, max_size=3)
        )
    elif option.kind == "text":
        one = st.integers(min_value=1, max_value=10**9)
    else:
        one = texts
    if option.nargs in ("*", "+"):
        plain = one.filter(lambda value: not str(value).startswith("-"))
        return st.lists(plain, min_size=1, max_size=3)
    if option.nargs == "append":
        return one | st.lists(one, min_size=2, max_size=3)
    return one


def profiles_args(
    catalogue: Catalogue, model: str, left_out: Iterable[str] = ()
) -> st.SearchStrategy[dict[str, Any]]:
    """A profile's args: some options, under any spelling that takes a value."""
    options = [
        option for option in catalogue.options.values() if option.name not in (model, *left_out)
    ]

    @st.composite
    def draw_args(draw: st.DrawFn) -> dict[str, Any]:
        chosen = draw(st.lists(st.sampled_from(options), max_size=6, unique_by=lambda o: o.name))
        args: dict[str, Any] = {model: "m"}
        for option in chosen:
            args[draw(st.sampled_from((option.name, *option.aliases)))] = draw(values(option))
        return args

    return draw_args()


# Spellings of values that some kinds take and others do not: the parser is the judge.
_WORDS = st.sampled_from(
    "1 0 -1 007 1_000 +5 1.5 .5 1e3 nan inf 2k 1K auto true false {} [] [1] null x".split()
) | st.sampled_from(["", " 3 ", '{"a": 1}', "a b", "a=b", "@file"])


def command_lines(
    catalogue: Catalogue, left_out: Iterable[str] = ()
) -> st.SearchStrategy[list[str]]:
    """Words as a user types them: any long spelling, either form, values right and wrong."""
    options = [option for option in catalogue.options.values() if option.name not in left_out]

    @st.composite
    def draw_words(draw: st.DrawFn) -> list[str]:
        words: list[str] = []
        for option in draw(st.lists(st.sampled_from(options), min_size=1, max_size=3)):
            name = f"--{draw(st.sampled_from(option.spellings))}"
            one = st.sampled_from([str(item) for item in option.choices] or ["x"]) | _WORDS
            if option.kind == "json":
                # Some are plain texts to the parser and read as JSON later, which we check first.
                one = st.sampled_from(["{}", '{"a": 1}', "[]"])
            if option.kind in ("int", "float") or option.choices:
                # vLLM reads an empty text as no value; a profile says null.
                one = one.filter(bool)
            if option.kind == "flag":
                words.append(name)
            elif option.nargs in ("*", "+"):
                words += [name, *draw(st.lists(one, min_size=1, max_size=3))]
            elif draw(st.booleans()):
                words.append(f"{name}={draw(one)}")
            else:
                words += [name, draw(one)]
        return words

    return draw_words()


def assert_not_refused(
    catalogue: Catalogue, parser: argparse.ArgumentParser, model: list[str], words: list[str]
) -> None:
    """What the engine's parser accepts behind ``--``, with the model named, we accept."""
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            parser.parse_args([*model, *words])
    except SystemExit:
        return
    args, findings = from_argv(words, catalogue)
    assert not findings
    assert not list(catalogue.faults(args))


def assert_read_as_written(
    catalogue: Catalogue, parser: argparse.ArgumentParser, args: dict[str, Any]
) -> None:
    """The engine's parser gets from our command line what the profile says.

    To vLLM's optional options an empty text and "None" mean that there is none.
    """
    assert not list(catalogue.faults(args))
    parsed = vars(parser.parse_args(to_argv(args)))
    destinations = {
        text[2:]: action.dest for action in parser._actions for text in action.option_strings
    }
    for key, value in args.items():
        option = catalogue.find(key)
        assert option is not None
        got = parsed[destinations[key]]
        if isinstance(value, dict | list) and isinstance(got, str):
            got = json.loads(got)
        if option.nargs == "append" and not isinstance(value, list):
            value = [value]
        values = value if isinstance(value, list) else [value]
        for read, written in zip(got if isinstance(value, list) else [got], values, strict=True):
            none = read is None and written in ("", "None") and catalogue.engine == "vllm"
            assert none or read == written or (option.kind == "text" and read == str(written)), key
