"""What the command line says beside locust's own options."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadtests.client.outcomes import Refused, fault
from loadtests.run.preparation import Where
from loadtests.schema import scenario_file
from loadtests.schema.scenario import Scenario
from loadtests.schema.slo import with_limits

_KEY_VARIABLE = "GLM_API_KEY"


def add(parser: Any) -> None:
    """Add the options to locust's parser."""

    def option(name: str, words: str, **more: Any) -> None:
        # Not on the web page: a run's scenario is fixed when locust starts.
        parser.add_argument(name, help=f"LLM load test: {words}", include_in_web_ui=False, **more)

    option("--scenario", "a name in loadtests/scenarios, or a file", default="smoke")
    option("--set", "lay a value over the scenario: traffic.0.load.users=4", action="append",
           default=[], metavar="PATH=VALUE", dest="scenario_set")  # fmt: skip
    option("--limits", "profile whose limits are the SLO where the scenario has none", default="")
    option("--model", "served model name; the server's first otherwise", default="")
    option("--api-key-file", f"file with the API key; or {_KEY_VARIABLE}", default="")
    option("--ca-file", "certificates (PEM) to trust", default="")
    option("--tokenizer", "tokenizer.json to count with instead of /tokenize", default="")
    option("--corpus", "folder of text to build prompts from", default="")
    option("--page-size", "tokens of a cache page, where the server does not tell", type=int,
           default=0)  # fmt: skip
    option("--results", "folder for the results", default="build/loadtests")
    # Locust's table every two seconds would hide the live line.
    parser.set_defaults(only_summary=True)


@dataclass(frozen=True)
class Options:
    """The options, read."""

    path: Path
    scenario: Scenario
    results: Path

    @staticmethod
    def of(parsed: Any) -> Options:
        """The scenario of the command line; Refused with every fault in it."""
        path = scenario_file.find(parsed.scenario)
        scenario = scenario_file.load(path, parsed.scenario_set or [])
        if parsed.limits:
            limits = scenario_file.read(Path(parsed.limits)).get("limits")
            if not isinstance(limits, dict):
                words = f"{parsed.limits} has no limits"
                raise Refused([fault("--limits", words, "give a profile of configs/")])
            scenario = with_limits(scenario, limits)
        return Options(path, scenario, Path(parsed.results))


def where(parsed: Any, host: str | None) -> Where:
    """The server as the command line names it; Refused where its key cannot be read."""
    if not host:
        raise Refused([fault("--host", "missing", "give --host http://host:port")])
    key = os.environ.get(_KEY_VARIABLE, "")
    if parsed.api_key_file:
        try:
            key = Path(parsed.api_key_file).read_text(encoding="utf-8").strip()
        except OSError as error:
            words = f"{parsed.api_key_file}: {error.strerror}"
            raise Refused([fault("--api-key-file", words, "give a readable file")]) from None
    return Where(
        host, parsed.model, key, parsed.ca_file, parsed.tokenizer, parsed.corpus, parsed.page_size
    )
