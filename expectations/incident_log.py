"""Incidents, derived from the quality log alone, so that state cannot drift from evidence."""

import hashlib
from dataclasses import dataclass
from datetime import date, datetime

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
    opened: dict[tuple, _Open] = {}
    done: list[Incident] = []
    ids: set[str] = set()
    for run in runs:
        by_scope: dict[tuple, list[Verdict]] = {}
        for verdict in run:
            if verdict.passed and verdict.severity == INFO:
                continue  # "not enough history" is neither good nor bad
            by_scope.setdefault((verdict.family, *verdict.scope), []).append(verdict)
        _pass_checker(run, by_scope)
        for key, verdicts in by_scope.items():
            failed = sorted(
                (v for v in verdicts if not v.passed and v.severity != INFO),
                key=lambda v: v.event_date,
            )
            if failed and key not in opened:
                opened[key] = _Open(failed, ids)
            if key not in opened:
                continue
            incident = opened[key]
            gates = {v.gate for v in verdicts}
            for gate in sorted(gates):
                incident.judged(gate, [v for v in failed if v.gate == gate])
            if not incident.failing:
                done.append(incident.frozen(recovered_at=verdicts[0].as_of_at))
                del opened[key]
    found = done + [incident.frozen(recovered_at=None) for incident in opened.values()]
    return sorted(found, key=lambda i: (i.opened_at, i.id))


def incidents(settings: Settings, as_of: datetime | None = None) -> list[Incident]:
    """Every incident as it stood at a moment (default: by all the evidence), oldest first."""
    return derive(quality_log.read(settings, until=as_of))


def evidence(settings: Settings, as_of: datetime) -> Evidence:
    """What gate runs before this moment say about which days not to learn from."""
    runs = quality_log.read(settings, before=as_of)
    found = Evidence()
    for run in runs:
        for v in run:
            if not v.passed and v.family == "arrival":
                found.bad_days.setdefault(v.scope, set()).add(v.event_date)
    for incident in derive(runs):
        if incident.is_open and not incident.is_checker_error:
            scope = (incident.source, incident.account, incident.channel, incident.stream)
            found.open_days.setdefault(scope, set()).update(incident.open_dates)
    return found


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
