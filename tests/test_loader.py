"""A bad profile is refused with every fault, each with its place and its mend."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from deploy import loader
from deploy.errors import Refused
from deploy.overrides import Setting
from deploy.profile import Profile
from tests.launching import run

LISTED = ", ".join(loader.names())
GOOD = (loader.CONFIGS / "b300.yaml").read_text(encoding="utf-8")


def refusal(tmp_path: Path, text: str, *settings: str, options: tuple[str, ...] = ()) -> list[str]:
    """``code where`` of every finding about a profile with this text, the file's name left out."""
    path = tmp_path / "p.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Refused) as caught:
        loader.load(str(path), [Setting.of(setting) for setting in settings], options)
    assert caught.value.status == 2
    assert all(finding.fix for finding in caught.value.findings)
    return [f"{f.code} {f.where.removeprefix(f'{path}:')}" for f in caught.value.findings]


def message(tmp_path: Path, text: str) -> str:
    path = tmp_path / "p.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Refused) as caught:
        loader.load(str(path))
    return str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("summary:", "sumary:", ["key-missing 2:1: summary", "key-unknown 2:1: sumary"]),
        (
            "  version:",
            "  versoin:",
            ["key-missing 3:1: engine.version", "key-unknown 7:3: engine.versoin"],
        ),
        ("name: sglang", "name: sglnag", ["value-unknown 4:3: engine.name"]),
        ("gpu: B300", "gpu: b300", ["value-unknown 36:3: hardware.gpu"]),
        ("gpu: B300", "gpu: GB300", ["value-unknown 36:3: hardware.gpu"]),
        ("count: 8", "count: eight", ["value-wrong 37:3: hardware.count"]),
        ("count: 8", "count: 0", ["gpu-count 37:3: hardware.count"]),
        ("count: 8", "count: -1", ["value-wrong 37:3: hardware.count"]),
        ("drain_seconds: 1920", "drain_seconds: 0", ["value-wrong 42:3: limits.drain_seconds"]),
        ("version: 0.5.20", "version: 0.5.99", ["engine-version-unknown 7:3: engine.version"]),
        ("version: 0.5.20", "version: 0.5", ["value-wrong 7:3: engine.version"]),
        ("port: 30000", "port: '30000'", ["option-value 25:5: engine.args.port"]),
        ("port: 30000", "port: true", ["option-value 25:5: engine.args.port"]),
        ("port: 30000", "port: {http: 1}", ["option-value 25:5: engine.args.port"]),
        ("port: 30000", "port: [1, 2]", ["option-value 25:5: engine.args.port"]),
        ("port: 30000", "port: 0x", ["option-value 25:5: engine.args.port"]),
        ("port: 30000", "prot: 30000", ["option-unknown 25:5: engine.args.prot"]),
        (
            "port: 30000",
            "enable_metrics: true",
            ["option-unknown 25:5: engine.args.enable_metrics"],
        ),
        ("port: 30000", "tp-size: 4", ["option-twice 25:5: engine.args.tp-size"]),
        ("port: 30000", "api-key: secret", ["secret-in-profile 25:5: engine.args.api-key"]),
        ("port: 30000", "config: x.yaml", ["option-refused 25:5: engine.args.config"]),
        ("port: 30000", "port: 30000\n    port: 1", ["yaml-duplicate-key 26:5: engine.args.port"]),
        (
            "trust-remote-code: true",
            "trust-remote-code: on",
            [
                "yaml-ambiguous 17:24: engine.args.trust-remote-code",
                "option-value 17:24: engine.args.trust-remote-code",
            ],
        ),
        (
            "port: 30000",
            "port: 030000",
            ["yaml-ambiguous 25:11: engine.args.port", "option-value 25:11: engine.args.port"],
        ),
        ("glm47", "glm99", ["option-value 15:5: engine.args.tool-call-parser"]),
        ("    model-path: nvidia/GLM-5.1-NVFP4\n", "", ["model-missing 10:3: engine.args"]),
        ('"900"', "900", ["value-wrong 34:5: engine.env.SGLANG_TIMEOUT_KEEP_ALIVE"]),
    ],
)
def test_each_fault_is_found_at_its_place(
    tmp_path: Path, old: str, new: str, expected: list[str]
) -> None:
    assert old in GOOD
    assert refusal(tmp_path, GOOD.replace(old, new, 1)) == expected


def test_faults_are_reported_together(tmp_path: Path) -> None:
    text = (
        GOOD.replace("summary:", "sumary:")
        .replace("gpu: B300", "gpu: B3OO")
        .replace("port: 30000", "port: off\n    prot: 1")
    )
    codes = {line.split()[0] for line in refusal(tmp_path, text)}
    assert codes == {
        "key-missing",
        "key-unknown",
        "value-unknown",
        "yaml-ambiguous",
        "option-value",
        "option-unknown",
    }


@pytest.mark.parametrize(
    ("old", "new", "advice"),
    [
        ("summary:", "sumary:", 'did you mean "summary"?'),
        ("gpu: B300", "gpu: b300", 'did you mean "B300"?'),
        ("mem-fraction-static", "mem-fraction", "did you mean mem-fraction-static?"),
        ("enable-metrics", "enable_metrics", "write enable-metrics"),
        ("glm47", "glm74", 'did you mean "glm47"?'),
        ("port: 30000", 'port: "30000"', "write 30000 without quotes"),
        ("enable-metrics: true", 'enable-metrics: "on"', "write true"),
        ("port: 30000", "dllm-fdfo: false", "write no-dllm-fdfo: true"),
        ("port: 30000", "api-key: x", "--api-key-file FILE"),
    ],
)
def test_the_mend_is_named(tmp_path: Path, old: str, new: str, advice: str) -> None:
    assert advice in message(tmp_path, GOOD.replace(old, new, 1))


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("foo=1", "set-unknown"),
        ("engine.vesion=1", "set-unknown"),
        ("engine.args.mem-fraction=0.9", "set-unknown"),
        ("engine.args.port.x=1", "set-unknown"),
        ("engine.args.port", "set-syntax"),
        ("=1", "set-syntax"),
        ("hardware.count=on", "set-value"),
        ("engine.args.port=http", "option-value"),
        ("engine.args.mem-fraction-static=high", "option-value"),
        ("hardware.count=1.5", "value-wrong"),
    ],
)
def test_a_setting_that_fits_nothing(tmp_path: Path, setting: str, expected: str) -> None:
    assert refusal(tmp_path, GOOD, setting) == [f"{expected} --set {setting}"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--nope", "1"), "option-unknown after --: --nope"),
        (("--port", "x"), "option-value after --: --port"),
        (("--port",), "option-value after --: --port"),
        (("stray",), "option-stray after --"),
        (("--api-key", "x"), "secret-in-profile after --: --api-key"),
    ],
)
def test_a_wrong_engine_option(tmp_path: Path, words: tuple[str, ...], expected: str) -> None:
    assert refusal(tmp_path, GOOD, options=words) == [expected]


def test_overrides_keep_place_and_spelling_and_the_last_wins() -> None:
    settings = [
        Setting.of("engine.args.tp-size=4"),
        Setting.of("engine.args.port=1"),
        Setting.of("engine.args.trust-remote-code=false"),
        Setting.of("engine.args.enable-metrics=null"),
        Setting.of("engine.env.NCCL_DEBUG=INFO"),
    ]
    profile, _ = loader.load("b300", settings, ["--port", "30001", "--log-level", "debug"])
    args = profile.engine.args
    plain = loader.load("b300")[0].engine.args
    assert list(args) == [*plain, "log-level"]
    assert (args["tensor-parallel-size"], args["port"], args["log-level"]) == (4, 30001, "debug")
    assert "--trust-remote-code" not in profile.command().argv
    assert "--enable-metrics" not in profile.command().argv
    assert profile.engine.env["NCCL_DEBUG"] == "INFO"


def test_a_floating_image_is_accepted_with_a_warning() -> None:
    setting = Setting.of("engine.image=lmsysorg/sglang:dev-cu13")
    _, warnings = loader.load("b300", [setting])
    assert [(w.code, w.severity) for w in warnings] == [("image-floating", "warning")]


@pytest.mark.parametrize("name", loader.names())
def test_a_profile_round_trips(name: str, tmp_path: Path) -> None:
    profile, warnings = loader.load(name)
    # What is known against a profile and stays in it: no digest of vLLM's image is known, and the
    # card's vLLM is old.
    known = {
        "b300-agentic": {"hierarchical-cache-garbling"},
        "vllm-b300": {"image-floating", "tool-call-in-reasoning"},
        "vllm-b300-expert-parallel": {"image-floating", "tool-call-in-reasoning"},
    }
    assert {warning.code for warning in warnings} == known.get(name, set())
    path = tmp_path / "again.yaml"
    path.write_text(yaml.safe_dump(profile.model_dump(), sort_keys=False, allow_unicode=True))
    again, _ = loader.load(str(path))
    assert again == profile
    assert again.command() == profile.command()


@pytest.mark.parametrize("text", ["", "- a\n", "just text", "null\n"])
def test_a_file_that_is_no_map(tmp_path: Path, text: str) -> None:
    assert refusal(tmp_path, text)[0].startswith("profile-empty")


def test_what_is_no_profile_at_all(tmp_path: Path) -> None:
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"summary: caf\xe9\n")
    for words, expected in [
        (["--profile", "b30"], f'did you mean "b300"? profiles: {LISTED}'),
        (["--profile", "zzz"], f"profiles: {LISTED}"),
        (["--profile", str(tmp_path)], "this is a directory"),
        (["--profile", str(tmp_path / "no.yaml")], "there is no such file"),
        (["--profile", str(binary)], "not UTF-8 from byte 12 on"),
        ([], f"name one of: {LISTED}"),
        (["b300"], "write --profile b300"),
        (["profile"], 'did you mean "profiles"?'),
        (["--profile", "b300", "--prot", "1"], 'did you mean "--port"?'),
        (["--profile", "b300", "--drain-seconds", "-1"], "not a positive number"),
    ]:
        result = run(*words)
        assert (result.returncode, result.stdout) == (2, ""), result
        assert expected in result.stderr
        assert "Traceback" not in result.stderr


@given(st.text(max_size=200))
def test_no_text_makes_it_crash(text: str) -> None:
    from deploy import yamlfile

    try:
        document = yamlfile.parse(text, "x.yaml")
    except Refused:
        return
    if isinstance(document.value, dict):
        list(loader.faults(document))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        *Profile.model_fields,
                        "name",
                        "version",
                        "args",
                        "gpu",
                        "count",
                        "port",
                        "image",
                        "x",
                    ]
                ),
                inner,
            )
        ),
    )
)
def test_no_structure_makes_it_crash(value: object) -> None:
    from deploy.yamlfile import Document

    if isinstance(value, dict):
        assert loader.faults(Document("x.yaml", value))[1]
