"""What the Helm chart is given: facts and plans as data, the schema of its values, manifests."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
CHART = ROOT / "k8s" / "chart"
MANIFESTS = ROOT / "k8s" / "manifests"
README = ROOT / "k8s" / "README.md"
