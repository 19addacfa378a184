"""The verb ``plan`` as a user types it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from deploy.cli import main
from deploy.generate import README
from deploy.model import GLM_5_1
from deploy.plan.document import ESTIMATES
from tests.launching import run

Captured = pytest.CaptureFixture[str]


def test_profiles_stand_side_by_side_with_their_estimates_marked() -> None:
    done = run("plan", "--profile", "b300", "--profile", "h200")
    assert done.returncode == 0, done.stderr
    head, *lines = done.stdout.splitlines()
    assert head.split() == ["b300", "h200"]
    tokens = next(line for line in lines if line.startswith("~ tokens in one"))
    assert tokens.split()[-2:] == ["3,057,536", "381,952"]
    estimates = [line for line in lines if line.startswith("~ ")]
    assert all("[" in line for line in estimates[:-1])
    sources = done.stdout.partition("what it rests on:")[2]
    assert sources.count("https://") >= 5
    assert "warning: b300: the indexer's scores" in done.stderr


def test_the_readme_shows_what_is_printed(capsys: Captured) -> None:
    text = README.read_text(encoding="utf-8")
    section = text.partition("## What fits\n")[2].partition("\n## ")[0]
    typed, excerpt = section.split("```")[1:4:2]
    assert main(typed.split()[3:]) == 0
    assert set(excerpt.splitlines()) <= set(capsys.readouterr().out.splitlines())


def test_the_engine_is_not_imported() -> None:
    done = run("plan", "--profile", "b300", PYTHONPROFILEIMPORTTIME="1")
    assert done.returncode == 0
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "deploy.plan" in imported
    assert not {"torch", "sglang", "vllm", "transformers"} & imported


def test_a_plan_for_programs_has_bytes_and_names_its_estimates(capsys: Captured) -> None:
    assert main(["plan", "--profile", "b300", "--lengths", "200000:1,8000:20", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    found: dict[str, Any] = said["profiles"]["b300"]
    assert found["memory"]["weights"]["total_bytes"] == 59_771_778_048
    assert found["memory"]["token"]["total_bytes"] == 55_224
    assert found["capacity"]["mix"] == [[200_000, 1.0], [8_000, 20.0]]
    assert found["startup"]["probe_seconds"] == 2160
    assert found["findings"][0]["code"] == "plan-indexer-scores"
    assert set(said["estimates"]) == set(ESTIMATES)
    for path, source in said["estimates"].items():
        section, _, name = path.partition(".")
        assert name in found[section] and source["what"], path


@pytest.mark.parametrize(
    ("words", "code", "status"),
    [
        (["--profile", "b300", "--set", "engine.args.mem-fraction-static=0.2"], "impossible", 1),
        (
            [
                *("--profile", "b200-tp4", "--set", "engine.args.mem-fraction-static=null"),
                *("--set", "engine.args.chunked-prefill-size=49152"),
            ],
            "fraction-automatic",
            1,
        ),
        (["--profile", "b300", "--profile", "h200", "--context-tokens", "400000"], "context", 1),
        (["--profile", "b300", "--context-tokens", "300000"], "context-long", 1),
        (["--profile", "b300", "--set", "hardware.count=4"], "gpus", 1),
        (["--profile", "b300", "--set", "hardware.count=16"], "gpus", 0),
        (["--profile", "b300-agentic", "--host-memory", "500"], "host-memory", 1),
        (
            ["--profile", "b300-agentic", "--set", "engine.args.hicache-size=270"],
            "host-memory",
            0,  # an ordinary node's memory is assumed
        ),
        (["--profile", "h200", "--set", "engine.args.mem-fraction-static=0.80"], "high", 0),
    ],
)
def test_what_is_certain_not_to_work_fails_and_an_estimate_does_not(
    words: list[str], code: str, status: int, capsys: Captured
) -> None:
    assert main(["plan", *words]) == status
    said = capsys.readouterr()
    line = next(text for text in said.err.splitlines() if f"{code}]" in text and "plan-" in text)
    assert line.startswith("error: " if status else "warning: ")
    assert "KV cache" in said.out
    assert main(["plan", *words, "--json"]) == status
    assert code in capsys.readouterr().out


def test_questions_change_the_answer(capsys: Captured) -> None:
    words = ["plan", "--profile", "b300", "--json"]
    words += ["--set", "engine.args.mem-fraction-static=0.85"]
    words += ["--context-tokens", "100000", "--storage", "network"]
    assert main(words) == 0
    found = json.loads(capsys.readouterr().out)["profiles"]["b300"]
    assert found["memory"]["fraction"] == 0.85
    assert found["capacity"]["context_tokens"] == 100_000
    assert found["startup"]["bytes_per_second"] == 1e9


def test_a_config_of_ones_own_is_planned(tmp_path: Path, capsys: Captured) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps(GLM_5_1))
    words = ["plan", "--profile", "b300", "--json"]
    assert main([*words, "--model-config", str(file)]) == 0
    given = json.loads(capsys.readouterr().out)["profiles"]["b300"]
    assert given["model"]["checkpoint_bytes"] == pytest.approx(1507.7e9, rel=0.001)
    # A model path that is a directory has its config.json there, with ModelOpt's block beside it.
    block = {"quantization": {"quant_algo": "NVFP4", "exclude_modules": ["*"]}}
    (tmp_path / "hf_quant_config.json").write_text(json.dumps(block))
    assert main([*words, "--set", f"engine.args.model-path={tmp_path}"]) == 0
    here = json.loads(capsys.readouterr().out)["profiles"]["b300"]
    assert here["model"]["checkpoint_bytes"] == given["model"]["checkpoint_bytes"]


@pytest.mark.parametrize(
    "words, message",
    [
        (["--set", "engine.args.model-path=org/other"], "--model-config FILE"),
        (["--model-config", "missing.json"], "cannot be read"),
        (["--storage", "quick"], "GB/s"),
        (["--lengths", "a:b"], "tokens:weight"),
        (["--context-tokens", "0"], "positive whole number"),
        (["--json", "--lenghts", "1:1"], "--lengths"),
    ],
)
def test_what_cannot_be_planned_is_refused_with_a_way_out(
    words: list[str], message: str, capsys: Captured
) -> None:
    assert main(["plan", "--profile", "b300", *words]) == 2
    assert message in capsys.readouterr().err


def test_a_file_that_is_no_config_is_refused(tmp_path: Path, capsys: Captured) -> None:
    file = tmp_path / "config.json"
    for text, message in (
        ("[]", "not a map"),
        ("{", "not JSON"),
        ("{}", "does not know the shapes"),
        (json.dumps({**GLM_5_1, "quantization_config": {"quant_method": "awq"}}), "method awq"),
    ):
        file.write_text(text)
        assert main(["plan", "--profile", "b300", "--model-config", str(file)]) == 2
        assert message in capsys.readouterr().err
