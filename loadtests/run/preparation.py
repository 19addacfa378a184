"""Before a run: what must be true of the server, and what must be learnt from it."""

from __future__ import annotations

import resource
import ssl
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from loadtests.client.client import Client
from loadtests.client.connection import Target
from loadtests.client.outcomes import Refused, fault
from loadtests.prompts import replay
from loadtests.prompts.chat_template import ChatTemplate
from loadtests.prompts.pool import Pool
from loadtests.prompts.prompts import (
    PROBE_NUMBER,
    Facts,
    SinglePrompts,
    Source,
    options,
    questions,
)
from loadtests.prompts.server_api import ApiError, ServerApi, tls_reason
from loadtests.prompts.sessions import Sessions, key, kinds_of
from loadtests.prompts.tokens import Counter, FileCounter, ServerCounter
from loadtests.schema.scenario import Prompt, Scenario, Traffic
from loadtests.schema.scenario_file import LEAST_PROMPT_TOKENS

# Beside one file per stream: the process itself, locust's web server and messages.
_OTHER_FILES = 200
_PORTS_OF_ONE_ADDRESS = 28_000  # Linux's default ip_local_port_range
_CHECK_SECONDS = 10.0  # a server that is there lists its models at once
_PROBE_PAGES = 2  # of a prompt that the cache must keep at least one page of
_NO_SERVER = "give the address of an OpenAI-compatible server"


@dataclass(frozen=True)
class Where:
    """The server as the user names it."""

    url: str
    model: str = ""
    api_key: str = ""
    ca_file: str = ""
    tokenizer: str = ""
    corpus: str = ""
    page_size: int = 0

    def target(self) -> Target:
        """Where requests go; Refused where the URL or the CA file is none."""
        try:
            return Target.of(self.url, self.ca_file or None)
        except ValueError as error:
            mend = "give http://host:port or https://host:port"
            raise Refused([fault("--host", str(error), mend)]) from None
        except OSError as error:  # ssl.SSLError is one
            mend = "give a PEM file of certificates"
            raise Refused([fault("--ca-file", f"{self.ca_file}: {error}", mend)]) from None

    def headers(self) -> dict[str, str]:
        """What every request carries."""
        return {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}

    def api(self) -> ServerApi:
        """The server's small endpoints."""
        return ServerApi(self.target(), self.headers())


@dataclass
class Prepared:
    """All that a process needs to send the scenario's requests; facts by the traffic's name, since
    a template depends on what is asked of the answer."""

    facts: dict[str, Facts]
    pool: Pool

    def to_json(self) -> dict[str, Any]:
        """For another process."""
        facts = {name: asdict(facts) for name, facts in self.facts.items()}
        return {"facts": facts, "pool": self.pool.to_json()}

    @staticmethod
    def from_json(value: dict[str, Any]) -> Prepared:
        """What another process learnt."""
        facts = {name: Facts(**known) for name, known in value["facts"].items()}
        return Prepared(facts, Pool.from_json(value["pool"]))

    def source(self, traffic: Traffic, lines: list[replay.Line]) -> Source:
        """What makes the traffic's requests; ``lines`` are those of its trace, if it has one."""
        facts = self.facts[traffic.name]
        if traffic.session:
            return Sessions(traffic, traffic.session, self.pool, facts)
        if traffic.trace:
            return replay.TracePrompts(traffic, traffic.trace, lines, self.pool, facts)
        assert traffic.prompt
        return SinglePrompts(traffic, traffic.prompt, self.pool, facts)


def served(where: Where) -> tuple[str, int | None]:
    """The model to ask for and the longest context, if the server says; Refused otherwise."""
    try:
        api = where.api()
        api.seconds = _CHECK_SECONDS
        models = api.get("/v1/models")["data"]
        known = {str(model["id"]): model.get("max_model_len") for model in models}
    except ssl.SSLError as error:
        mend = "give the right --ca-file, or a server with a valid certificate"
        raise Refused([fault("--host", f"TLS: {tls_reason(error)}", mend)]) from None
    except OSError as error:
        mend = "start the server, or give its address"
        raise Refused([fault("--host", f"{where.url} is unreachable: {error}", mend)]) from None
    except ApiError as error:
        if error.status in (401, 403):
            mend = "give a valid key in GLM_API_KEY or --api-key-file"
            raise Refused([fault("key", f"the server refuses it ({error})", mend)]) from None
        raise Refused([fault("--host", f"{where.url}/v1/models: {error}", _NO_SERVER)]) from None
    except (ValueError, KeyError, TypeError):
        words = f"{where.url}/v1/models is no list of models"
        raise Refused([fault("--host", words, _NO_SERVER)]) from None
    name = where.model or next(iter(known), "")
    if name not in known:
        mend = f"it has: {', '.join(known) or 'none'}"
        raise Refused([fault("--model", f"the server does not have {name!r}", mend)])
    return name, known[name]


def check_files(scenario: Scenario, processes: int) -> None:
    """Whether this machine has the files and ports for the scenario's streams."""
    streams = sum(_streams(traffic, scenario) for traffic in scenario.traffic)
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = streams // max(processes, 1) + 1 + _OTHER_FILES
    faults = []
    if needed > soft:
        mend = f"ulimit -n {needed}, or more --processes"
        faults.append(fault("open files", f"{needed} needed, {soft} allowed", mend))
    if streams > _PORTS_OF_ONE_ADDRESS:
        words = f"{streams} streams need more ports than one address has"
        faults.append(fault("ports", words, "spread the workers over machines"))
    if faults:
        raise Refused(faults)


def prepare(
    scenario: Scenario, where: Where, model: str, traces: dict[str, list[replay.Line]]
) -> Prepared:
    """Learn the server's counts: nothing is tokenized once the run goes."""
    api = where.api()
    server = ServerCounter(api, model)
    counter: Counter = FileCounter.of(where.tokenizer, server) if where.tokenizer else server
    largest = max(
        scenario.largest_prompt, *(x.prompt_tokens for t in traces.values() for x in t), 1
    )
    try:
        pool = Pool.calibrate(counter, largest, Path(where.corpus) if where.corpus else None)
        # The run's own number keeps its prompts apart from those of any run before it.
        run = int(time.time()) % 10**7
        page_size = where.page_size or _page_size(api)
        facts = {
            traffic.name: Facts(model, run, page_size, place=place, traffics=len(scenario.traffic))
            for place, traffic in enumerate(scenario.traffic)
        }
        for traffic in scenario.traffic:
            _learn(traffic, counter, pool, facts[traffic.name])
    except ApiError as error:
        mend = "the server needs /tokenize, or give --tokenizer tokenizer.json"
        raise Refused([fault("tokens", f"counting failed: {error}", mend)]) from None
    except OSError as error:
        raise Refused([fault("--host", f"lost while preparing: {error}", "try again")]) from None
    return Prepared(facts, pool)


def tells_cached(client: Client, prepared: Prepared, traffic: Traffic) -> bool:
    """Whether the server counts cached tokens: SGLang and vLLM leave the count out where it is 0,
    so that a cold run looks like that of a server which never counts. The same prompt goes twice.
    """
    facts = prepared.facts[traffic.name]
    prompt = Prompt(LEAST_PROMPT_TOKENS + _PROBE_PAGES * facts.page_size)
    probe = Traffic("probe", replace(traffic.answer, tokens=1), prompt=prompt)
    cached = None
    for _ in range(2):
        call = next(SinglePrompts(probe, prompt, prepared.pool, facts).journey(PROBE_NUMBER)).call
        call.needle = None  # one token of answer holds no code word
        client.send(call)
        cached = call.record.cached_tokens
    return cached is not None


def read_traces(scenario: Scenario, folder: Path) -> dict[str, list[replay.Line]]:
    """The lines of every trace, by the name of its traffic; files are looked for in the folder."""
    return {t.name: replay.read(t.trace, folder) for t in scenario.traffic if t.trace}


def _learn(traffic: Traffic, counter: Counter, pool: Pool, facts: Facts) -> None:
    template = ChatTemplate(counter, options(traffic.answer))
    facts.overheads["user"] = template.overhead(("user",))
    facts.head = template.head()
    texts = questions(traffic.answer, pool.words[0].strip())
    facts.questions.update(zip(texts, counter.texts(list(texts.values())), strict=True))
    if traffic.session:
        kinds = kinds_of(traffic.session)
        for turn in range(1, len(kinds)):
            form = kinds[: turn + 1]
            facts.overheads[key(form)] = template.overhead(form)
            kept = template.kept(form)
            facts.kept[key(form)] = list(kept) if kept else None


def _page_size(api: ServerApi) -> int:
    """Tokens of a cache page, as SGLang tells; 1 where the server does not."""
    for path in ("/server_info", "/get_server_info"):
        try:
            return int(api.get(path)["page_size"])
        except (ApiError, OSError, ValueError, KeyError, TypeError):
            continue
    return 1


def _streams(traffic: Traffic, scenario: Scenario) -> int:
    """Streams at once: users, or what arrives while one request may last."""
    search = scenario.search
    grown = search.factor ** (search.levels - 1) if search else 1
    if traffic.load.users:
        return int(traffic.load.users * grown)
    seconds = scenario.phases.steady_seconds + scenario.phases.drain_seconds
    return int(traffic.load.rate * grown * min(scenario.limits.total_seconds, seconds))
