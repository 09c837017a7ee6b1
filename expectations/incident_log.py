"""Incidents, derived from the quality log alone, so that state cannot drift from evidence."""

import hashlib
import operator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from threading import Lock

from expectations import quality_log
from expectations.freshness import Evidence
from expectations.verdict import INFO, Verdict, heavier
from siyu.settings import Settings


@dataclass(frozen=True)
class Incident:
    """Failures of one scope and one family of causes, from the first failure to the first pass.

    Attributes:
        cause: what the first failure was named; later names are in `later_causes`.
        first_date, last_date: first and last business day that failed.
        opened_at, recovered_at: moments (as of) of the first failure and the first pass after it.
        event_dates: every business day that failed.
        open_dates: those that failed in the newest judgement.
    """

    id: str
    cause: str
    source: str
    account: str
    channel: str
    stream: str
    first_date: date
    last_date: date
    severity: str
    opened_at: datetime
    recovered_at: datetime | None
    event_dates: tuple[date, ...]
    open_dates: tuple[date, ...]
    gates: tuple[str, ...]
    later_causes: tuple[str, ...]
    detail_zh: str
    detail_en: str
    is_checker_error: bool

    @property
    def is_open(self) -> bool:
        """Whether no pass has followed the failures yet."""
        return self.recovered_at is None


def derive(runs: list[tuple[Verdict, ...]]) -> list[Incident]:
    """Replay gate runs, oldest first; incidents in the order they opened.

    An incident opens at the first failed verdict of a scope and family. It closes when every gate
    that failed the scope has judged it again and found nothing. A run that says nothing about the
    scope (its stream was not pulled, so its channels could not be judged) changes nothing.
    """
    replay = _Replay()
    for run in runs:
        replay.take(run)
    return replay.incidents()


def incidents(settings: Settings, as_of: datetime | None = None) -> list[Incident]:
    """Every incident as it stood at a moment (default: by all the evidence), oldest first."""
    runs = quality_log.read(settings, until=as_of)
    with _replays_lock:
        return _replayed(settings, runs).incidents()


def evidence(settings: Settings, as_of: datetime) -> Evidence:
    """What gate runs before this moment say about which days not to learn from."""
    runs = quality_log.read(settings, before=as_of)
    with _replays_lock:
        replay = _replayed(settings, runs)
        found = Evidence({scope: set(days) for scope, days in replay.bad_days.items()})
        known = replay.incidents()
    for incident in known:
        if incident.is_open and not incident.is_checker_error:
            scope = (incident.source, incident.account, incident.channel, incident.stream)
            found.open_days.setdefault(scope, set()).update(incident.open_dates)
    return found


class _Replay:
    """Where the replay of a log stands after some of its runs."""

    def __init__(self) -> None:
        self.runs: list[tuple[Verdict, ...]] = []
        self.bad_days: dict[tuple, set[date]] = {}  # per scope, days that ever failed to arrive
        self._opened: dict[tuple, _Open] = {}
        self._done: list[Incident] = []
        self._ids: set[str] = set()

    def take(self, run: tuple[Verdict, ...]) -> None:
        """Take in the next run."""
        self.runs.append(run)
        by_scope: dict[tuple, list[Verdict]] = {}
        for verdict in run:
            if not verdict.passed and verdict.family == "arrival":
                self.bad_days.setdefault(verdict.scope, set()).add(verdict.event_date)
            if verdict.passed and verdict.severity == INFO:
                continue  # "not enough history" is neither good nor bad
            by_scope.setdefault((verdict.family, *verdict.scope), []).append(verdict)
        _pass_checker(run, by_scope)
        opened = self._opened
        for key, verdicts in by_scope.items():
            failed = sorted(
                (v for v in verdicts if not v.passed and v.severity != INFO),
                key=lambda v: v.event_date,
            )
            if failed and key not in opened:
                opened[key] = _Open(failed, self._ids)
            if key not in opened:
                continue
            incident = opened[key]
            gates = {v.gate for v in verdicts}
            for gate in sorted(gates):
                incident.judged(gate, [v for v in failed if v.gate == gate])
            if not incident.failing:
                self._done.append(incident.frozen(recovered_at=verdicts[0].as_of_at))
                del opened[key]

    def incidents(self) -> list[Incident]:
        """Every incident as it stands, in the order they opened."""
        still_open = [incident.frozen(recovered_at=None) for incident in self._opened.values()]
        return sorted(self._done + still_open, key=lambda i: (i.opened_at, i.id))


# A log only grows, so one process replays each run once. Kept by folder; whenever the runs asked
# for do not begin with those replayed (an earlier moment is asked for), it starts from scratch.
_replays: dict[Path, _Replay] = {}
_replays_lock = Lock()


def _replayed(settings: Settings, runs: list[tuple[Verdict, ...]]) -> _Replay:
    folder = quality_log.log_folder(settings)
    replay = _replays.get(folder)
    if replay is None or not _begins_with(runs, replay.runs):
        replay = _replays[folder] = _Replay()
    for run in runs[len(replay.runs) :]:
        replay.take(run)
    return replay


def _begins_with(runs: list[tuple[Verdict, ...]], first: list[tuple[Verdict, ...]]) -> bool:
    # the quality log reads each file once per process: a run is the same object each time
    return len(runs) >= len(first) and all(map(operator.is_, runs, first))


class _Open:
    """An incident while the log is replayed."""

    def __init__(self, failed: list[Verdict], ids: set[str]) -> None:
        first = max(failed, key=lambda v: v.event_date)  # the newest day names the cause
        self.first = first
        self.opened_at = first.as_of_at
        self.severity = first.severity
        self.dates: set[date] = set()
        self.failing: dict[str, tuple[date, ...]] = {}
        self.gates: dict[str, None] = {}
        self.causes: dict[str, None] = {}
        self.newest = first
        self.id = _stable_id(first, min(v.event_date for v in failed), ids)

    def judged(self, gate: str, failed: list[Verdict]) -> None:
        """Take in what one gate says now."""
        self.failing.pop(gate, None)
        if not failed:
            return
        self.failing[gate] = tuple(v.event_date for v in failed)
        self.gates[gate] = None
        self.newest = failed[-1]
        for verdict in failed:
            self.dates.add(verdict.event_date)
            self.severity = heavier(self.severity, verdict.severity)
            self.causes[verdict.cause] = None

    def frozen(self, recovered_at: datetime | None) -> Incident:
        first = self.first
        still = {day for days in self.failing.values() for day in days}
        return Incident(
            id=self.id,
            cause=first.cause,
            source=first.source,
            account=first.account,
            channel=first.channel,
            stream=first.stream,
            first_date=min(self.dates),
            last_date=max(self.dates),
            severity=self.severity,
            opened_at=self.opened_at,
            recovered_at=recovered_at,
            event_dates=tuple(sorted(self.dates)),
            open_dates=tuple(sorted(still)),
            gates=tuple(self.gates),
            later_causes=tuple(c for c in self.causes if c != first.cause),
            detail_zh=self.newest.detail_zh,
            detail_en=self.newest.detail_en,
            is_checker_error=first.is_checker_error,
        )


def _stable_id(first: Verdict, first_date: date, ids: set[str]) -> str:
    """The same evidence gives the same id on every machine; `inc-` and ten hex digits."""
    text = "|".join((*first.scope, first.cause, first_date.isoformat()))
    name = "inc-" + hashlib.sha256(text.encode()).hexdigest()[:10]
    number, unique = 1, name
    while unique in ids:  # the same day failed again after a recovery
        number += 1
        unique = f"{name}-{number}"
    ids.add(unique)
    return unique


def _pass_checker(run: tuple[Verdict, ...], by_scope: dict[tuple, list[Verdict]]) -> None:
    """A gate run without checker errors is the pass of its checker's scope."""
    if not run or any(v.is_checker_error for v in run):
        return
    key = ("checker", "siyu", "", "", f"{run[0].gate}_gate")
    by_scope.setdefault(key, [_passed_checker(run[0])])


def _passed_checker(sample: Verdict) -> Verdict:
    return Verdict(
        gate=sample.gate,
        check="checker",
        as_of_at=sample.as_of_at,
        event_date=sample.event_date,
        passed=True,
        severity=sample.severity,
        family="checker",
        source="siyu",
        stream=f"{sample.gate}_gate",
    )
