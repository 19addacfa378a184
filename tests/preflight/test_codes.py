"""The table of codes: complete, tested, and what the documents show."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy import generate
from deploy.errors import Refused
from deploy.preflight import codes
from tests.preflight import test_hosts, test_model_files

PACKAGE = Path(codes.__file__).parent


def test_the_document_shows_the_table_as_it_is() -> None:
    text = generate.PREFLIGHT.read_text(encoding="utf-8")
    assert text == generate.preflight(text), "run make generate"
    for name, code in codes.table().items():
        assert f"| `{name}` | {code.severity} | {code.needed} | {code.why} | " in text
        for words in (code.needed, code.why, code.fix):  # YAML cuts words off at " #"
            assert words.count("(") == words.count(")") and words.count('"') % 2 == 0, name


def test_every_code_is_given_by_a_check() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in PACKAGE.glob("*.py"))
    assert [name for name in codes.table() if f'"{name}"' not in text] == []


def test_every_code_has_a_test() -> None:
    tested = {code for _, expected in test_hosts.BROKEN.values() for code in expected}
    tested |= {code for _, expected in test_model_files.BROKEN.values() for code in expected}
    here = PACKAGE.parents[1] / "tests"
    text = "".join(
        path.read_text(encoding="utf-8")
        for path in (*here.glob("preflight/test_*.py"), here / "test_cli.py")
        if path.name != "test_codes.py"
    )
    assert [name for name in codes.table() if name not in tested and f'"{name}"' not in text] == []


def test_a_code_that_does_not_exist_is_refused_with_the_nearest() -> None:
    codes.check_known(["shm-small", "mtp-missing"])
    with pytest.raises(Refused) as caught:
        codes.check_known(["shm-smal", "port-taken", "no"])
    first, second = caught.value.findings
    assert caught.value.status == 2
    assert 'did you mean "shm-small"?' in first.fix
    assert "check --list" in second.fix


def test_a_skipped_fault_is_set_aside_and_nothing_else() -> None:
    outcomes = [codes.passed("port", "free"), codes.fault("shm-low", "8 GiB")]
    first, second = codes.skip(outcomes, ["shm-low", "shm-small"])
    assert first == outcomes[0]
    assert second.status == "skipped" and second.code == "shm-low"
