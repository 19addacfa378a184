"""Write what is derived: the chart's facts and schema, the table of values, and the manifests."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from deploy.chart import CHART, MANIFESTS, README, facts, manifests, values
from deploy.chart.schema import schema

_TABLE = re.compile(r"(<!-- values -->\n).*?(<!-- end -->)", re.DOTALL)


def files() -> Mapping[Path, str]:
    """Every derived file but the manifests, which need Helm and these files."""
    entries = values.read((CHART / "values.yaml").read_text(encoding="utf-8"))
    return {
        CHART / "files" / "engines.json": facts.text(facts.engines()),
        CHART / "files" / "gpus.json": json.dumps(facts.gpus(), indent=1) + "\n",
        CHART / "files" / "plan.json": facts.text(facts.plans()),
        CHART / "values.schema.json": schema(entries),
        README: readme(README.read_text(encoding="utf-8")),
    }


def readme(text: str) -> str:
    """The chart's README with its table of values as it is now."""
    table = values.table(values.read((CHART / "values.yaml").read_text(encoding="utf-8")))
    return _TABLE.sub(lambda found: f"{found[1]}{table}\n{found[2]}", text)


def main() -> None:
    """Write all of them."""
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
    rendered = manifests.manifests()
    for name in manifests.stale(MANIFESTS, rendered):
        path = MANIFESTS / name
        if name not in rendered:
            path.unlink()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(rendered[name], encoding="utf-8")
    print(CHART, MANIFESTS, README, sep="\n")


if __name__ == "__main__":
    main()
