"""The scripts that run in the pods, run here as they are there."""

from __future__ import annotations

import json
import os
import random
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from deploy import keys
from deploy.chart import CHART
from deploy.errors import Refused
from tests.chart.hub import COMMIT, REPOSITORY, Hub, hub

SCRIPTS = CHART / "files" / "scripts"
FILES = {"config.json": b"{}", "model.safetensors": random.Random(1).randbytes(300_000)}


def run(script: str, *words: object, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPTS / script), *map(str, words)]
    return subprocess.run(command, env={**os.environ, **env}, capture_output=True, text=True)


def fetch(home: Path, served: Hub, verb: str = "download") -> subprocess.CompletedProcess[str]:
    env = {"HF_HOME": str(home), "HF_ENDPOINT": served.url, "HF_HUB_DISABLE_XET": "1"}
    return run("model.py", verb, REPOSITORY, "main", **env, HF_HUB_OFFLINE="0")


def test_a_model_is_downloaded_and_verified(tmp_path: Path) -> None:
    home = tmp_path / "huggingface"
    with hub(FILES) as served:
        done = fetch(home, served)
        assert done.returncode == 0, done.stderr
        assert f"at commit {COMMIT} is verified" in done.stdout
        served.files = {}
        again, waited = fetch(home, served), fetch(home, served, "wait")
    assert again.returncode == waited.returncode == 0
    assert "is there" in again.stdout
    # What the engine finds offline under the branch's name.
    cache = home / "hub" / "models--nvidia--GLM-5.1-NVFP4"
    assert (cache / "refs" / "main").read_text() == COMMIT
    snapshot = cache / "snapshots" / COMMIT
    assert {path.name: path.read_bytes() for path in snapshot.iterdir()} == FILES


def test_a_download_goes_on_with_the_files_that_are_not_complete(tmp_path: Path) -> None:
    with hub(FILES) as served:
        served.cut = 100_000
        done = fetch(tmp_path / "home", served)
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        assert "goes on with the files that are not complete" in done.stderr
        assert not list((tmp_path / "home").glob("verified/*"))
        served.cut = None
        served.sent.clear()
        assert fetch(tmp_path / "home", served).returncode == 0
    assert served.sent == ["model.safetensors"]


def test_a_file_that_differs_is_fetched_once_more(tmp_path: Path) -> None:
    with hub(FILES) as served:
        served.garbled = 2
        done = fetch(tmp_path / "home", served)
        assert done.returncode == 0, done.stderr
        assert "has another checksum than the hub's" in done.stdout
        served.garbled = 100
        done = fetch(tmp_path / "other", served)
    assert done.returncode != 0
    assert "differ from the hub's twice" in done.stderr
    assert not list((tmp_path / "other").glob("verified/*"))


def test_a_full_volume_is_told_before_the_download(tmp_path: Path) -> None:
    with hub(FILES) as served:
        usage = "import shutil; shutil.disk_usage = lambda path: shutil._ntuple_diskusage(1, 1, 0)"
        (tmp_path / "sitecustomize.py").write_text(usage)
        env = {"HF_HOME": str(tmp_path / "home"), "HF_ENDPOINT": served.url, "HF_HUB_OFFLINE": "0"}
        done = run("model.py", "download", REPOSITORY, "main", **env, PYTHONPATH=str(tmp_path))
    assert done.returncode != 0
    assert "model.storage.size" in done.stderr


@pytest.mark.parametrize(
    "given",
    [
        {"api-key": "sk-abc"},
        {"api-key": 'sk-"quoted"\n', "admin-api-key": "x: {y}#"},
        {"admin-api-key": "only-this"},
        {"api-key": "two words"},
        {"api-key": "-dash"},
        {"api-key": ""},
        {"api-key": "ümlaut"},
    ],
)
def test_keys_mean_what_the_launcher_takes_them_for(given: dict[str, str], tmp_path: Path) -> None:
    for name, text in given.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    target = tmp_path / "out" / "keys.yaml"
    target.parent.mkdir()
    done = run("keys.py", *_secret(tmp_path, given), target, "api-key", "admin-api-key")
    try:
        wanted = keys.read({name: str(tmp_path / name) for name in given}, {})
    except Refused:
        assert done.returncode != 0
        assert not target.exists()
        assert not any(text in done.stderr for text in given.values() if text)
        return
    assert done.returncode == 0, done.stderr
    assert yaml.safe_load(target.read_text()) == wanted
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def _secret(directory: Path, given: dict[str, str]) -> list[Path]:
    """The directory as the kubelet mounts it: entries are links into one whose name has dots."""
    mounted, data = directory / "mounted", directory / "mounted" / "..data"
    data.mkdir(parents=True)
    for name in given:
        (data / name).write_bytes((directory / name).read_bytes())
        (mounted / name).symlink_to(Path("..data") / name)
    return [mounted]


def test_a_secret_without_keys_or_with_others_is_refused(tmp_path: Path) -> None:
    done = run("keys.py", tmp_path, tmp_path / "out", "api-key")
    assert done.returncode != 0
    assert "api-key" in done.stderr
    (tmp_path / "api_key").write_text("x")
    assert "api_key" in run("keys.py", tmp_path, tmp_path / "out", "api-key").stderr


def test_servers_of_a_rollout_are_waited_for(tmp_path: Path) -> None:
    def wait(servers: int, seconds: int, name: str, url: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "rollout.json").write_text(json.dumps({"servers": servers, "seconds": seconds}))
        return run("wait.py", tmp_path / "rollout.json", name, url)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        ready = wait(1, 60, "127.0.0.1", url)
        short = wait(2, 0, "127.0.0.1", url)
    silent = wait(1, 0, "127.0.0.1", url)
    unknown = wait(1, 0, "glm-rollout.invalid", url)
    assert ready.returncode == 0, ready.stderr
    assert "1 of 1 servers of this rollout are ready" in ready.stdout
    assert {done.returncode for done in (short, silent, unknown)} == {1}
    assert "error: 1 of 2 servers of this rollout are ready, and 0 s have passed" in short.stderr
    assert "error: 0 of 1 servers" in unknown.stderr
    assert "Traceback" not in short.stderr + silent.stderr + unknown.stderr


@pytest.mark.parametrize("entries", [[], ["api-key"], ["api-key", "admin-api-key", "other"]])
def test_a_command_gets_the_keys_that_the_secret_holds(entries: list[str], tmp_path: Path) -> None:
    (mounted,) = _secret(tmp_path, {})
    for name in entries:
        (mounted / name).write_text("sk")
    done = run("keyed.py", mounted, "api-key,admin-api-key", "echo", "verify")
    known = [name for name in ("api-key", "admin-api-key") if name in entries]
    wanted = ["verify", *(word for name in known for word in (f"--{name}-file", mounted / name))]
    assert done.stdout.split() == [str(word) for word in wanted]
