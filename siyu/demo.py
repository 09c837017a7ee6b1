"""The main job on embedded defaults: what `make demo` shows and `make up` leaves running."""

import json
import os
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date, timedelta

from siyu.airflow_local import LocalAirflow
from siyu.calendar import days
from siyu.clock import cycle_of
from siyu.errors import SiyuError
from siyu.replay import add_fault, replay, sandbox, set_clock
from siyu.settings import Settings

FIRST, LAST = date(2026, 4, 13), date(2026, 5, 27)  # 45 business days, May Day in the middle
# one channel of one source stops for four days, a month into the replay
FREEZE = "source=page_events,account=h5_main,channel=live_stream,kind=freeze,from=2026-05-13,days=4"
EXTRACTS = ("extract_wecom", "extract_content", "extract_ads", "extract_commerce")
DAGS = {*EXTRACTS, "build_warehouse", "build_at_deadline", "watch_freshness", "backfill_source"}

Say = Callable[[str], None]


@dataclass
class DemoReport:
    """What the demo saw; the command line prints it."""

    seconds: dict[str, float] = field(default_factory=dict)
    days: int = 0
    rows: int = 0
    verdicts: int = 0
    failing: int = 0
    airflow_runs: dict[str, str] = field(default_factory=dict)
    airflow_url: str = ""
    sandbox_url: str = ""


def run_demo(
    settings: Settings,
    say: Say,
    *,
    stay: Callable[[DemoReport], None] | None = None,
) -> DemoReport:
    """Replay 44 days on the fast path, the newest through a real Airflow.

    Args:
        settings: whose home receives everything.
        say: told each step, for the person who waits.
        stay: called with the report while sandbox and Airflow still run; returns when they may end.

    Raises:
        SiyuError: a step failed; says which and where its logs are.
    """
    report = DemoReport()
    settings = settings.model_copy(update={"sandbox_url": ""})  # the demo brings its own
    stop_running(settings)
    refuse_foreign_home(settings)
    with ExitStack() as stack:
        started = time.monotonic()
        say("沙箱 Sandbox: a seeded WeCom, content and ads world behind real HTTP APIs")
        settings = stack.enter_context(sandbox(settings, size="demo", seed=7, first=FIRST))
        report.sandbox_url = settings.sandbox_url
        add_fault(settings.sandbox_url, FREEZE)
        report.seconds["sandbox"] = time.monotonic() - started

        started = time.monotonic()
        say(f"重放 Replay: business days {FIRST} … {LAST - timedelta(1)} on the virtual clock")
        for result in replay(settings, FIRST, LAST - timedelta(1)):
            add_to(report, result)
            say_day(say, result)
        report.seconds["replay"] = time.monotonic() - started

        started = time.monotonic()
        say(f"Airflow: business day {LAST} through the real DAGs")
        set_clock(settings.sandbox_url, cycle_of(LAST))
        airflow = stack.enter_context(LocalAirflow(settings))
        report.airflow_url = airflow.url
        report.airflow_runs = run_newest_day(airflow, say)
        report.days = len(days(FIRST, LAST))
        report.seconds["airflow"] = time.monotonic() - started
        if stay:
            remember_running(settings)
            stay(report)
    return report


def run_newest_day(airflow: LocalAirflow, say: Say) -> dict[str, str]:
    """Trigger the extract DAGs for LAST; the partitions start the build; then watch freshness."""
    say(f"  {airflow.url} is up")
    airflow.wait_for_dags(DAGS)
    # schedules tick on the wall clock: the watch must not look between the move of the virtual
    # clock and the pulls, or it rightly says that nothing was pulled
    on = {*EXTRACTS, "build_warehouse"}
    airflow.set_paused(DAGS - on, is_paused=True)
    airflow.set_paused(on, is_paused=False)
    # a schedule whose hour is over today starts at once, for a day that the virtual clock does not
    # know; it would fail, and hold back the run below until then
    time.sleep(2)
    airflow.end_runs()
    partition = LAST.isoformat()
    built_before = {run["dag_run_id"] for run in airflow.runs("build_warehouse")}
    runs = {dag: airflow.trigger(dag, partition_key=partition) for dag in EXTRACTS}
    states = {}
    for dag, run_id in runs.items():
        states[dag] = airflow.wait_for_run(dag, run_id)["state"]
        say(f"  ✓ {dag}")
    states["build_warehouse"] = airflow.wait_for_run("build_warehouse", other_than=built_before)[
        "state"
    ]
    say("  ✓ build_warehouse (started by the four partitions)")
    airflow.set_paused(DAGS, is_paused=False)
    watch = airflow.trigger("watch_freshness")
    states["watch_freshness"] = airflow.wait_for_run("watch_freshness", watch)["state"]
    say("  ✓ watch_freshness")
    return states


def add_to(report: DemoReport, result: object) -> None:
    """Count a cycle's rows and verdicts; a pull that failed ends the demo."""
    if result.errors:
        raise SiyuError(f"A pull failed: {result.errors[0].error}", where=str(result.date))
    if result.published is False:
        raise SiyuError(f"Publishing was held: {result.held_because}", where=str(result.date))
    report.rows += sum(pull.commit.rows for pull in result.pulls if pull.commit)
    report.verdicts += len(result.verdicts)
    report.failing += sum(not verdict.passed for verdict in result.verdicts)


def say_day(say: Say, result: object) -> None:
    """One line a day, so that whoever waits sees the days go by and the incident come and go."""
    from siyu.cli.replay import day_line, scope

    say("  " + day_line(result))
    for incident in result.opened:
        say(f"    ▲ 告警 opened: {incident.cause} {scope(incident)}")
    for incident in result.recovered:
        say(f"    ✓ 恢复 recovered: {incident.cause} {scope(incident)}")


def refuse_foreign_home(settings: Settings) -> None:
    """The demo writes only into an empty home or one that it filled itself.

    Raises:
        SiyuError: the home holds landed data that no sandbox world made.
    """
    if (settings.root / "landing").exists() and not settings.work("world.json").exists():
        raise SiyuError(
            "This home holds data that is not the demo's",
            where=str(settings.root),
            action="set SIYU_HOME to another folder for the demo",
        )


def remember_running(settings: Settings) -> None:
    """Note this process, so that `make down` can end it and what it started."""
    settings.work("demo.pid").write_text(json.dumps({"pid": os.getpid()}))


def stop_running(settings: Settings) -> bool:
    """End a demo that was left running; True where there was one."""
    mark = settings.work("demo.pid")
    if not mark.exists():
        return False
    pid = json.loads(mark.read_text())["pid"]
    mark.unlink()
    try:
        os.kill(pid, signal.SIGINT)
        for _ in range(300):
            os.kill(pid, 0)
            time.sleep(0.1)
    except ProcessLookupError:
        return True
    raise SiyuError("The running demo does not end", where=f"process {pid}", action=f"kill {pid}")
