"""A rendered container run here as a kubelet would run it: its volumes, environment and command.

Its python3 knows the packages that were named and no other: not this repository, whose folders are
on nobody's path.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from tests.chart.rendering import Object
from tests.chart.validation import pod_of

# Where Python's own library finds its files, and programs other than Python.
_PATH = "/usr/local/bin:/usr/bin:/bin"


class Kubelet:
    """Runs containers of pods whose objects are ``found``, in and below ``directory``.

    ``packages`` of this environment are what python3 knows; None says all that ``python`` has.
    """

    def __init__(
        self,
        found: Sequence[Object],
        directory: Path,
        packages: Sequence[str] | None,
        secrets: Mapping[str, Mapping[str, str]] | None = None,
        python: str = sys.executable,
    ) -> None:
        self._maps = {
            item["metadata"]["name"]: item["data"] for item in found if item["kind"] == "ConfigMap"
        }
        self._directory, self._secrets = directory, secrets or {}
        self._site = directory / "site-packages"
        self._site.mkdir()
        # -S: no .pth file of this environment, one of which leads to this repository.
        alone = "" if packages is None else "-S"
        _install(packages or [], self._site)
        programs = directory / "bin"
        programs.mkdir()
        for name, words in {"python3": "", "locust": "-m locust"}.items():
            (programs / name).write_text(f'#!/bin/sh\nexec {python} {alone} {words} "$@"\n')
            (programs / name).chmod(0o755)
        self._programs = programs

    def mounts(self, item: Object) -> dict[str, Path]:
        """The pod's volumes as directories, by name; a claim is the same to every pod."""
        pod = pod_of(item)
        assert pod
        place = self._directory / f"{item['kind']}-{item['metadata']['name']}"
        return {volume["name"]: self._volume(volume, place) for volume in pod["spec"]["volumes"]}

    def start(
        self, item: Object, replace: Mapping[str, str], *more: str, **fields: str
    ) -> subprocess.Popen[str]:
        """The pod's container; ``replace`` changes words, ``fields`` are what fieldRefs say."""
        pod = pod_of(item)
        assert pod
        (container,) = pod["spec"]["containers"]
        return self._start(item, container, replace, more, fields)

    def prepare(self, item: Object, replace: Mapping[str, str]) -> str:
        """The one container that comes first, until it ends well; what it said."""
        pod = pod_of(item)
        assert pod
        (container,) = pod["spec"]["initContainers"]
        process = self._start(item, container, replace, (), {})
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        return out

    def _start(
        self,
        item: Object,
        container: Object,
        replace: Mapping[str, str],
        more: Sequence[str],
        fields: Mapping[str, str],
    ) -> subprocess.Popen[str]:
        volumes = self.mounts(item)
        places = {
            mount["mountPath"]: str(volumes[mount["name"]]) for mount in container["volumeMounts"]
        }
        env = {
            entry["name"]: entry["value"] if "value" in entry else fields[entry["name"]]
            for entry in container["env"]
        }
        command = [_placed(_expanded(word, env), places, replace) for word in container["command"]]
        env = {name: _placed(value, places, replace) for name, value in env.items()}
        env |= {"PATH": f"{self._programs}:{_PATH}", "PYTHONPATH": str(self._site)}
        return subprocess.Popen(
            [*command, *more],
            cwd=self._directory,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
        )

    def run(
        self, item: Object, replace: Mapping[str, str], **fields: str
    ) -> subprocess.CompletedProcess[str]:
        """The container until it ends."""
        process = self.start(item, replace, **fields)
        try:
            out, err = process.communicate(timeout=600)
        finally:
            process.kill()
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def _volume(self, volume: Object, place: Path) -> Path:
        claim = volume.get("persistentVolumeClaim", {}).get("claimName")
        target = self._directory / f"claim-{claim}" if claim else place / volume["name"]
        if not target.exists():
            target.mkdir(parents=True)
            if files := self._files(volume):
                _written(target, files)
        return target

    def _files(self, volume: Object) -> dict[str, str]:
        if "secret" in volume:
            return dict(self._secrets[volume["secret"]["secretName"]])
        files: dict[str, str] = {}
        for source in volume.get("projected", {}).get("sources", []):
            given = self._maps[source["configMap"]["name"]]
            items: list[Any] = source["configMap"].get("items") or [
                {"key": key, "path": key} for key in given
            ]
            new = {entry["path"]: given[entry["key"]] for entry in items}
            assert not files.keys() & new.keys()
            files |= new
        return files


def _written(target: Path, files: Mapping[str, str]) -> None:
    """The kubelet's way: a folder with a time for its name, and links into it through ..data."""
    stamped = target / "..2026_11_23_18_00_00.1"
    for name, text in files.items():
        path = stamped / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        # A Secret's files belong to root there; to whoever runs this here.
        path.chmod(0o400)
    (target / "..data").symlink_to(stamped.name)
    for path in stamped.iterdir():
        (target / path.name).symlink_to(Path("..data") / path.name)


def _expanded(word: str, env: Mapping[str, str]) -> str:
    for name, value in env.items():
        word = word.replace(f"$({name})", value)
    return word


def _placed(word: str, places: Mapping[str, str], replace: Mapping[str, str]) -> str:
    for old, new in replace.items():
        word = word.replace(old, new)
    mounts = "|".join(re.escape(mount) for mount in places)
    return re.sub(rf"(?:^|(?<==))({mounts})(?=/|$)", lambda found: places[found[1]], word)


def _install(packages: Sequence[str], site: Path) -> None:
    """Links to these packages of this environment and to what they need in turn."""
    waiting, seen = list(packages), set()
    while waiting:
        requirement = Requirement(waiting.pop())
        name = requirement.name.lower().replace("_", "-")
        if name in seen or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        seen.add(name)
        distribution = metadata.distribution(requirement.name)
        waiting += distribution.requires or []
        for top in {file.parts[0] for file in distribution.files or () if file.parts[0] != ".."}:
            link = site / top
            if not link.exists():
                link.symlink_to(os.path.abspath(str(distribution.locate_file(top))))
