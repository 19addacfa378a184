from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.errors import Refused
from deploy.yamlfile import parse

# YAML allows fewer raw characters than JSON: no controls.
texts = st.text(st.characters(exclude_categories=("Cs", "Cc", "Co", "Cn")))
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
)


@given(values)
def test_json_is_read_as_it_is_written(value: object) -> None:
    # Floats such as 1e+16 lack the dot that YAML 1.1 wants; they are refused, never misread.
    document = parse(json.dumps(value, ensure_ascii=False), "x.yaml")
    if not document.findings:
        assert document.value == value
    assert {finding.code for finding in document.findings} <= {"yaml-ambiguous"}


@pytest.mark.parametrize(
    "text",
    [
        "on",
        "off",
        "yes",
        "No",
        "y",
        "n",
        "010",
        "0o17",
        "08",
        "1_000",
        "12:30",
        "1e3",
        "1_0.5",
        "2026-05-19",
        "0b101",
        ".5e3",
    ],
)
def test_what_readers_take_differently_is_refused(text: str) -> None:
    document = parse(f"a: 1\nb: {text}\n", "x.yaml")
    assert [finding.code for finding in document.findings] == ["yaml-ambiguous"]
    assert document.findings[0].where == "x.yaml:2:4: b"
    assert not parse(f'b: "{text}"', "x.yaml").findings


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.80", 0.8),
        ("131072", 131072),
        ("-1", -1),
        ("0", 0),
        ("true", True),
        ("null", None),
        ("0x1f", 31),
        ("glm47", "glm47"),
        ("1.5e-05", 1.5e-05),
        ("yes_please", "yes_please"),
    ],
)
def test_plain_values_are_read(text: str, value: object) -> None:
    document = parse(f"a: {text}", "x.yaml")
    assert not document.findings
    assert document.value == {"a": value}


@pytest.mark.parametrize(
    ("text", "code", "where"),
    [
        ("a: 1\nb: 2\na: 3\n", "yaml-duplicate-key", "x.yaml:3:1: a"),
        ("a: {b: 1, b: 2}\n", "yaml-duplicate-key", "x.yaml:1:11: a.b"),
        ("a: &x [1]\nb: *x\n", "yaml-alias", "x.yaml:2:1: b"),
        ("a: !!python/object:os.system {}\n", "yaml-tag", "x.yaml:1:1: a"),
        ("1: a\n", "yaml-key", "x.yaml:1:1: 1"),
        ("a: {<<: {b: 1}}\n", "yaml-key", "x.yaml:1:5: a.<<"),
    ],
)
def test_faults_name_their_place(text: str, code: str, where: str) -> None:
    finding = parse(text, "x.yaml").findings[0]
    assert (finding.code, finding.where) == (code, where)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("a: [1,\nb: 2", "x.yaml:2:5"),
        ("a: 1\n b: 2", "x.yaml:2:3"),
        ("a: \t1\n\t: 2", "x.yaml:1:4"),
        ("a: 1\n---\nb: 1", "x.yaml:2:1"),
        ("a: \0", "x.yaml"),
    ],
)
def test_malformed_yaml_names_line_and_column(text: str, where: str) -> None:
    with pytest.raises(Refused) as caught:
        parse(text, "x.yaml")
    assert caught.value.findings[0].code == "yaml-syntax"
    assert caught.value.findings[0].where == where
