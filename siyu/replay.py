"""Replay the daily cycle, day by day on the sandbox's virtual clock, without Airflow."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime

import requests

from siyu.calendar import days, moment_text
from siyu.clock import cycle_of, sandbox_now
from siyu.cycle import CycleResult, run_cycle
from siyu.errors import SiyuError, UsageError
from siyu.settings import Settings


def replay(
    settings: Settings,
    first: date,
    last: date,
    *,
    build: str = "last",
    on_progress: Callable[[date, str], None] = lambda day, text: None,
) -> Iterator[CycleResult]:
    """Yield the result of each business day's cycle from first to last.

    Args:
        settings: must name a sandbox (`sandbox_url`).
        first: first business day; its cycle runs the next morning at 10:30 Shanghai.
        last: last business day, included.
        build: `last` builds the warehouse in the last cycle only, `daily` in each.
        on_progress: told what happens now.

    Raises:
        UsageError: the window is empty, or the home holds another world's data.
    """
    if last < first:
        raise UsageError(
            f"The window {first} … {last} is empty", action="let --from be before --to"
        )
    claim_home(settings, served_world(settings.sandbox_url))
    for day in days(first, last):
        as_of = cycle_of(day)
        set_clock(settings.sandbox_url, as_of)
        yield run_cycle(
            settings,
            as_of,
            with_build=build == "daily" or day == last,
            on_progress=lambda text, day=day: on_progress(day, text),
        )


def served_world(url: str) -> dict:
    """Size and seed of the world that a sandbox serves."""
    world = requests.get(url.rstrip("/") + "/_sandbox/health", timeout=10).json()["world"]
    return {key: world[key] for key in ("size", "seed")}


def claim_home(settings: Settings, world: dict) -> None:
    """Refuse to mix two worlds in one home: their people and days would join."""
    mark = settings.work("world.json")
    if not mark.exists():
        mark.write_text(json.dumps(world))
    elif (held := json.loads(mark.read_text())) != world:
        raise UsageError(
            f"This home holds the world {held}, not {world}",
            where=str(settings.root),
            action="set SIYU_HOME to another folder, or `make clean`",
        )


def set_clock(url: str, moment: datetime) -> None:
    """Move the virtual clock forward; leave it where it is when it shows the moment already.

    Raises:
        SiyuError: the clock is past the moment: what was visible then cannot be served again.
    """
    shown = sandbox_now(url)
    if shown == moment:
        return
    answer = requests.put(
        url.rstrip("/") + "/_sandbox/clock", json={"now": moment.isoformat()}, timeout=120
    )
    if answer.status_code != 200:
        raise SiyuError(
            f"The virtual clock shows {moment_text(shown)} and cannot go to {moment_text(moment)}",
            where=url,
            action="restart the sandbox at the first day, or replay from a later day",
        )


@contextmanager
def sandbox(settings: Settings, *, size: str, seed: int, first: date) -> Iterator[Settings]:
    """Settings that use a running sandbox, or one started here for the time of the block.

    One started here keeps its folder in the home (the robot's wall outlives a run), goes back to
    the first day and forgets the faults of earlier runs.
    """
    if settings.sandbox_url:
        yield settings
        return
    from sandbox.server import start

    claim_home(settings, {"size": size, "seed": seed})
    server = start(size=size, seed=seed, port=0, state_dir=settings.root / "sandbox")
    try:
        clock = {"now": cycle_of(first).isoformat(), "force": True}
        requests.put(server.url + "/_sandbox/clock", json=clock, timeout=120).raise_for_status()
        requests.delete(server.url + "/_sandbox/faults", timeout=30).raise_for_status()
        yield settings.model_copy(update={"sandbox_url": server.url})
    finally:
        server.stop()


def add_fault(url: str, text: str) -> None:
    """Inject a fault written `source=…,account=…,channel=…,kind=freeze,from=DATE,days=4`.

    Raises:
        UsageError: the text is malformed or the sandbox refuses the fault.
    """
    pairs = [part.partition("=") for part in text.split(",")]
    if not all(separator for _, separator, _ in pairs):
        raise UsageError(f"'{text}' is not a fault", action="write it as key=value,key=value")
    fault = {key.strip(): value.strip() for key, _, value in pairs}
    if "days" in fault:
        fault["days"] = int(fault["days"])
    answer = requests.post(url.rstrip("/") + "/_sandbox/faults", json=fault, timeout=30)
    if answer.status_code >= 400:
        raise UsageError(
            f"The sandbox refuses the fault: {answer.text}",
            where=text,
            action="see `siyu sandbox fault add --help`",
        )
