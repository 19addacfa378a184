from __future__ import annotations

import json
from xml.etree import ElementTree

from deploy.verify import report, suite
from deploy.verify.check import Check, Exchange, Outcome
from tests.launching import ROOT

CHECK = Check("tools.called", "calls are made", "Agents do not work.", lambda target: "")
SAID = Exchange("POST /v1/chat/completions {}", 'content "\x00<&>\ud83d"')


def outcome(status: str, meaning: str = "so it was") -> Outcome:
    return Outcome(CHECK, status, meaning, 1.25, [SAID])  # type: ignore[arg-type]


def test_a_failure_says_what_it_means_and_what_was_said() -> None:
    text = report.line(outcome("failed", "no tool call " * 20), 15)
    assert text.startswith("FAILED  tools.called     no tool call")
    assert all(len(line) <= 100 for line in text.split("\n"))
    said = " ".join(text.split())
    assert "means: Agents do not work. sent: POST /v1/chat/completions {} came back: " in said
    assert report.line(outcome("passed"), 12) == "ok      tools.called  so it was"


def test_junit_survives_what_xml_cannot_hold() -> None:
    found = [outcome("passed"), outcome("failed", "\x00\ud83d"), outcome("not-applicable")]
    root = ElementTree.fromstring(report.as_junit(found))
    assert (root.get("tests"), root.get("failures"), root.get("skipped")) == ("3", "1", "1")
    failure = root.find("testcase/failure")
    assert failure is not None and failure.get("message") == "??"
    assert "<&>" in str(failure.text)


def test_json_holds_everything() -> None:
    value = outcome("failed").as_dict()
    assert value["exchanges"] == [{"sent": SAID.sent, "received": SAID.received}]
    assert json.loads(json.dumps(value)) == value


def test_the_document_lists_the_checks_as_they_are() -> None:
    text = (ROOT / "docs" / "verify.md").read_text(encoding="utf-8")
    assert report.markdown(suite.CHECKS) in text, "run make generate"


def test_names_are_topic_and_word_and_needs_come_first() -> None:
    assert len(set(suite.NAMES)) == len(suite.NAMES)
    seen: set[str] = set()
    for check in suite.CHECKS:
        assert check.name.partition(".")[0] in suite.TOPICS
        assert seen.issuperset(check.needs), check.name
        seen.add(check.name)
