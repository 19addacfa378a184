"""checkov, a public catalogue of Kubernetes mistakes, over everything the chart can render."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from deploy.chart import ROOT, profiles
from tests.chart.rendering import text
from tests.chart.test_objects import VARIANTS

pytestmark = pytest.mark.checkov
CHECKOV = ROOT / ".venv-checkov" / "bin" / "checkov"

# What is found and stands, by check and kind of object; "" is every kind.
STANDS = {
    ("CKV_K8S_21", ""): "the namespace is helm's -n or kubectl's, not the manifest's",
    ("CKV_K8S_8", "Pod"): "a pod that asks a few questions and ends has no liveness",
    ("CKV_K8S_9", "Pod"): "nor is anybody sent to it, so it has no readiness",
    ("CKV_K8S_43", "Deployment"): "cpu-vllm and variants name images whose digest is not known",
    ("CKV_K8S_43", "Pod"): "the same image",
    ("CKV_K8S_43", "Job"): "the same image",
    ("CKV_K8S_15", "Deployment"): "asking the registry at each start swaps such an image unseen",
    ("CKV_K8S_15", "Pod"): "the same image",
    ("CKV_K8S_15", "Job"): "the same image",
}
# Found where a variant asks for it, and nowhere else.
ASKED = {
    ("CKV_K8S_25", "full"): "security.numaBinding adds SYS_NICE",
    ("CKV_K8S_23", "full"): "security.numaBinding runs the server as root",
    ("CKV_K8S_40", "full"): "the same",
}


def test_nothing_is_found_but_what_stands_with_a_reason(tmp_path: Path) -> None:
    if not CHECKOV.exists():
        pytest.fail("checkov is not installed; fix: run `make audit`")
    names = {f"profile-{name}": text({"profile": name}) for name in profiles.names()}
    names |= {name: text(values) for name, values in VARIANTS.items()}
    for name, rendered in names.items():
        (tmp_path / f"{name}.yaml").write_text(rendered, encoding="utf-8")
    command = [str(CHECKOV), "--skip-download", "--framework", "kubernetes", "--output", "json"]
    done = subprocess.run([*command, "--directory", str(tmp_path)], capture_output=True, text=True)
    results = json.loads(done.stdout)["results"]
    assert len(results["passed_checks"]) > 1000
    assert not results["parsing_errors"]
    used, found = set(), []
    for fault in results["failed_checks"]:
        check, kind = fault["check_id"], fault["resource"].split(".")[0]
        name = Path(fault["file_path"]).stem
        reasons = [(check, ""), (check, kind)]
        if reason := next((key for key in reasons if key in STANDS), None):
            used.add(reason)
        elif (check, name) in ASKED:
            used.add((check, name))
        else:
            found.append(f"{name}: {fault['resource']}: {check} {fault['check_name']}")
    assert not found
    assert used == STANDS.keys() | ASKED.keys(), "a reason that nothing needs any more"
