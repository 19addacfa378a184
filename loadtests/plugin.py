"""Where the load test meets locust: its events, its messages, one user class and one shape."""

from __future__ import annotations

import sys
from typing import Any

import gevent
import locust.stats
from locust import LoadTestShape, User, events, task
from locust.runners import MasterRunner, WorkerRunner

from loadtests import web_tab
from loadtests.client.outcomes import Refused
from loadtests.locust_rows import Rows, bucket
from loadtests.run import options
from loadtests.run.conductor import Conductor
from loadtests.run.preparation import Where
from loadtests.run.worker import WorkerSide

_PLAN, _REPORT, _STOP = "llm_plan", "llm_report", "llm_stop"
_IDLE_SECONDS = 3600.0


class Driver(User):
    """Stands for one process that sends; what it sends is the generator's, not locust's."""

    @task
    def stay(self) -> None:
        """Locust counts a process as running while it has a user."""
        gevent.sleep(_IDLE_SECONDS)


class Timeline(LoadTestShape):
    """One driver per process, until the run is over."""

    conductor: Conductor | None = None

    def tick(self) -> tuple[int, float] | None:
        """Asked by locust once a second."""
        conductor = Timeline.conductor
        if conductor is None or conductor.over:
            return None
        count = conductor.processes()
        return count, float(count)


def install() -> None:
    """Listen to locust's events."""
    locust.stats.bucket_response_time = bucket
    events.init_command_line_parser.add_listener(lambda parser: options.add(parser))
    events.init.add_listener(_on_init)


def _on_init(environment: Any, runner: Any, web_ui: Any, **_: Any) -> None:
    def where() -> Where:
        return options.where(environment.parsed_options, environment.host)

    if not isinstance(runner, MasterRunner):
        _set_up_worker(environment, runner, where)
    if not isinstance(runner, WorkerRunner):
        try:
            _set_up_conductor(environment, runner, web_ui, where)
        except Refused as refused:
            print("\n".join(refused.lines), file=sys.stderr, flush=True)
            sys.exit(2)


def _set_up_worker(environment: Any, runner: Any, where: Any) -> None:
    side = WorkerSide(where, lambda report: runner.send_message(_REPORT, report), Rows(environment))

    def on_plan(environment: Any, msg: Any, **_: Any) -> None:
        environment.host = msg.data["host"]
        side.start(msg.data)

    runner.register_message(_PLAN, on_plan)
    runner.register_message(_STOP, lambda **_: side.finish())
    # However a run is stopped, and with whatever --stop-timeout: nothing in flight is lost.
    environment.events.test_stopping.add_listener(lambda **_: side.finish())
    environment.events.quitting.add_listener(lambda **_: side.finish())


def _set_up_conductor(environment: Any, runner: Any, web_ui: Any, where: Any) -> None:
    parsed = environment.parsed_options
    master = isinstance(runner, MasterRunner)

    def processes() -> int:
        return max(len(runner.clients.all), 1) if master else 1

    def send_plan(index: int, data: dict[str, Any]) -> None:
        target = list(runner.clients)[index] if master else None
        message = {**data, "index": index, "host": environment.host}
        runner.send_message(_PLAN, message, client_id=target)

    def send_stop() -> None:
        runner.send_message(_STOP, {})

    def on_report(environment: Any, msg: Any, **_: Any) -> None:
        if conductor.collector:
            conductor.collector.take(msg.data)

    def on_quitting(**_: Any) -> None:
        conductor.stopping()
        conductor.finish()
        if conductor.status is not None:
            environment.process_exit_code = conductor.status

    chosen = options.Options.of(parsed)
    conductor = Conductor(chosen, where, processes, send_plan, send_stop)
    if environment.host or parsed.headless or parsed.autostart:
        conductor.check()
    Timeline.conductor = conductor
    runner.register_message(_REPORT, on_report)
    environment.events.test_start.add_listener(lambda **_: conductor.start())
    environment.events.test_stopping.add_listener(lambda **_: conductor.stopping())
    environment.events.test_stop.add_listener(lambda **_: conductor.finish())
    environment.events.quitting.add_listener(on_quitting)
    if web_ui:
        web_tab.install(environment, web_ui, conductor)
