"""The chart rendered for each profile, for those who apply manifests without Helm."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from deploy.chart import CHART, profiles, tools

RELEASE = "glm"
_KUSTOMIZATION = """\
# kubectl apply -k k8s/manifests/{name}
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - {name}.yaml
"""


def manifests() -> Mapping[str, str]:
    """Text by path below k8s/manifests: a file of objects and a kustomization for each profile."""
    files: dict[str, str] = {}
    for name in profiles.names():
        files[f"{name}/{name}.yaml"] = objects(name)
        files[f"{name}/kustomization.yaml"] = _KUSTOMIZATION.format(name=name)
    return files


def objects(profile: str) -> str:
    """What ``helm install glm k8s/chart --set profile=...`` puts into a cluster.

    Less what ``helm test`` needs, which nobody has who applies manifests.
    """
    command = [str(tools.helm()), "template", RELEASE, str(CHART), "--set", f"profile={profile}"]
    command += ["--set", "verify.enabled=false"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    head = f"# {profile}.yaml of configs/, rendered by make generate: change the chart, not this.\n"
    return head + "".join(f"{line}\n" for line in done.stdout.splitlines() if line.strip())


def stale(directory: Path, files: Mapping[str, str]) -> list[str]:
    """Paths below ``directory`` that are missing, differ, or should not be there."""
    there = {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}
    return sorted(
        path
        for path in there | files.keys()
        if path not in files
        or path not in there
        or (directory / path).read_text(encoding="utf-8") != files[path]
    )
