from __future__ import annotations

import json
import os
import shlex
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from deploy import listing, loader
from tests.launching import ROOT, free_port, run

CARD = [
    "--tensor-parallel-size",
    "8",
    "--quantization",
    "modelopt_fp4",
    "--tool-call-parser",
    "glm47",
    "--reasoning-parser",
    "glm45",
    "--trust-remote-code",
    "--chunked-prefill-size",
    "131072",
    "--mem-fraction-static",
    "0.8",
]


def argv_in(text: str) -> list[str]:
    """The words a shell would run for a printed command, the environment's left out."""
    words = shlex.split(text.replace("\\\n", " "))
    return words[words.index("python3") :]


@pytest.mark.parametrize("name", ["b300", "b200"])
def test_the_dry_run_holds_the_cards_command(name: str) -> None:
    result = run("--profile", name, "--dry-run")
    assert (result.returncode, result.stderr) == (0, "")
    argv = argv_in(result.stdout)
    assert argv[:3] == ["python3", "-m", "sglang.launch_server"]
    assert argv[3:5] == ["--model-path", "nvidia/GLM-5.1-NVFP4"]
    assert argv[5 : 5 + len(CARD)] == CARD


@pytest.mark.parametrize("name", loader.names())
def test_shell_and_json_say_the_same_every_time(name: str, tmp_path: Path) -> None:
    shell = run("--profile", name, "--dry-run", cwd=tmp_path).stdout
    again = run("serve", "--dry-run", "--profile", name).stdout
    value = json.loads(run("--profile", name, "--json").stdout)
    command = loader.load(name)[0].command()
    assert shell == again
    assert argv_in(shell) == value["argv"] == list(command.argv)
    assert value["env"] == command.env
    assert value["image"] == command.image


def test_a_pasted_command_runs_what_it_says(tmp_path: Path) -> None:
    """Under a real shell, with awkward values, the key's file included."""
    show = tmp_path / "python3"
    show.write_text(
        f"#!{sys.executable}\nimport json, os, sys\nconfig = sys.argv[-1]\n"
        "print(json.dumps([sys.argv[1:], os.environ['ODD'], open(config).read(),"
        " os.stat(config).st_mode & 0o777]))\nos.unlink(config)\n"
    )
    show.chmod(0o755)
    key = tmp_path / "a key"
    key.write_text("s3cret\n")
    key.chmod(0o600)
    shell = run(
        "--profile",
        "b300",
        "--dry-run",
        "--api-key-file",
        str(key),
        "--set",
        "engine.env.ODD=it's $HOME",
        "--model",
        "/a b/`c`",
    )
    assert "s3cret" not in shell.stdout
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-c", shell.stdout], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    argv, odd, config, mode = json.loads(done.stdout)
    assert argv[:4] == ["-m", "sglang.launch_server", "--model-path", "/a b/`c`"]
    assert (odd, config, mode) == ("it's $HOME", "api-key: 's3cret'\n", 0o600)


def test_a_dry_run_needs_no_engine() -> None:
    code = (
        "import sys\nfor name in ('torch', 'sglang', 'pynvml'):\n    sys.modules[name] = None\n"
        "from deploy.cli import main\nraise SystemExit(main(['--profile', 'b300', '--json']))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["argv"][0] == "python3"


def test_the_list_names_every_profile_and_what_it_was_verified_on() -> None:
    text = run("profiles").stdout
    rows = json.loads(run("profiles", "--json").stdout)
    assert [row["name"] for row in rows] == loader.names()
    for row in rows:
        assert row["purpose"] in text
        profile, _ = loader.load(row["name"])
        assert row["verified_on"] == profile.evidence.verified_on
    assert listing.NOT_VERIFIED in text


def test_shorthands_are_settings() -> None:
    short = run("--profile", "b300", "--json", "--port", "1", "--host", "h", "--model", "m/n")
    long = run(
        "--profile",
        "b300",
        "--json",
        "--set",
        "engine.args.port=1",
        "--set",
        "engine.args.host=h",
        "--set",
        "engine.args.model-path=m/n",
    )
    assert short.returncode == 0
    assert short.stdout == long.stdout


def test_engine_options_come_behind_two_dashes() -> None:
    result = run("--profile", "b300", "--json", "--", "--log-level", "debug", "--port=7")
    argv = json.loads(result.stdout)["argv"]
    assert argv[-2:] == ["--log-level", "debug"]
    assert argv[argv.index("--port") + 1] == "7"


def refused(*words: str) -> list[str]:
    """The codes of the faults on stderr."""
    result = run("--profile", "cpu", *words)
    assert (result.returncode, result.stdout) == (2, ""), result
    assert "Traceback" not in result.stderr
    assert "starting" not in result.stderr
    return [
        line.rpartition("[")[2].rstrip("]")
        for line in result.stderr.splitlines()
        if line.startswith("error")
    ]


def test_what_the_host_cannot_do_is_refused_all_at_once(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("k")
    key.chmod(0o644)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert refused("--port", port, "--model", "/no/such/model", "--api-key-file", str(key)) == [
            "model-missing",
            "port-taken",
            "key-file-open",
        ]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--port", "70000"), "port-number"),
        (("--port", "0"), "port-number"),
        (("--host", "no.such.host.invalid"), "host-unknown"),
        (("--host", "192.0.2.1"), "port-taken"),
        (("--model", "./no-such-model"), "model-missing"),
        (("--model", "./tests"), "model-incomplete"),
        (("--api-key-file", "/no/such/key"), "key-file"),
        (("--log-file", "/proc/no/such/log"), "log-file"),
    ],
)
def test_each_fault_of_the_host(words: tuple[str, ...], code: str) -> None:
    port = () if "--port" in words else ("--port", str(free_port()))
    assert refused(*words, *port) == [code]


def test_a_gpu_profile_is_refused_where_the_gpus_are_not() -> None:
    result = run("--profile", "b300", "--port", str(free_port()))
    assert result.returncode == 2
    assert "error: GPU driver: there is no NVIDIA driver" in result.stderr


def test_a_missing_engine_is_named() -> None:
    code = (
        "import importlib.metadata as m\nfrom deploy.cli import main\n"
        "def gone(name): raise m.PackageNotFoundError(name)\nm.version = gone\n"
        f"raise SystemExit(main(['--profile', 'cpu', '--port', '{free_port()}']))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert "engine: not installed for " in done.stderr
    assert "needed: sglang 0.5.20" in done.stderr
    assert "make install" in done.stderr


def test_a_reader_that_stops_early_sees_no_traceback() -> None:
    line = f"{sys.executable} launch.py profiles --json | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], cwd=ROOT, capture_output=True, text=True)
    assert "Traceback" not in done.stderr
    assert done.stdout.strip() in ("141", "0")  # 0: all was written before the reader was gone
