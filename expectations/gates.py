"""The gates: judge, write down, return. Whatever breaks while judging is a checker error."""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from expectations import quality_log
from expectations.verdict import BLOCK, WARN, Verdict, checker_error
from siyu.accounts import load_accounts
from siyu.calendar import aware
from siyu.clock import day_of
from siyu.errors import SiyuError
from siyu.settings import Settings

if TYPE_CHECKING:
    from extractors.core.manifest import Commit
    from extractors.core.stream import Stream


def landing_gate(settings: Settings, as_of: datetime, commits: "list[Commit]") -> list[Verdict]:
    """Judge what these pulls landed: whole, unique, reconciled, known fields only."""
    from expectations import checks, landing, quarantine
    from expectations.suites import landing as suites
    from extractors.core.manifest import Manifest

    def judge() -> list[Verdict]:
        manifest = Manifest(settings.landing_address)
        unread = quarantine.verdicts(manifest, as_of)
        if not commits:
            return unread
        frame = landing.commits_frame(manifest, commits)
        landed = landing.verdicts(frame, commits, checks.run(frame, suites.commits), as_of)
        return [*unread, *landed]

    return _judged(settings, "landing", as_of, judge, WARN)


def freshness_gate(settings: Settings, as_of: datetime) -> list[Verdict]:
    """Judge, from the manifest alone, whether every day that is due is here and whole enough."""
    from expectations import checks, freshness, incident_log, judgement
    from expectations.suites import freshness as suites
    from extractors.core.manifest import Manifest

    def judge() -> list[Verdict]:
        manifest = Manifest(settings.landing_address)
        commits = manifest.commits(as_of=as_of)  # one listing serves the whole gate
        pairs = expected_pairs(settings, commits, as_of)
        rows = freshness.series_rows(pairs, commits, as_of, incident_log.evidence(settings, as_of))
        breaks = checks.run(freshness.frame_of(rows), suites.arrivals)
        return judgement.verdicts(rows, breaks, as_of)

    return _judged(settings, "freshness", as_of, judge, WARN)


def fact_gate(settings: Settings, as_of: datetime) -> list[Verdict]:
    """Judge the facts in the working database."""
    return _warehouse_gate(settings, as_of, "fact")


def mart_gate(settings: Settings, as_of: datetime) -> list[Verdict]:
    """Judge the marts in the working database, before they are published."""
    return _warehouse_gate(settings, as_of, "mart")


def _warehouse_gate(settings: Settings, as_of: datetime, gate: str) -> list[Verdict]:
    from expectations import checks, warehouse
    from expectations.suites import warehouse as suites

    def judge() -> list[Verdict]:
        frame = warehouse.rules_frame(settings, gate, as_of)
        suite = suites.facts if gate == "fact" else suites.marts
        return warehouse.verdicts(frame, checks.run(frame, suite), gate, as_of)

    # nothing is published that nobody could check
    return _judged(settings, gate, as_of, judge, BLOCK)


def _judged(
    settings: Settings,
    gate: str,
    as_of: datetime,
    judge: Callable[[], list[Verdict]],
    severity: str,
) -> list[Verdict]:
    aware(as_of)
    try:
        verdicts = judge()
    except Exception as error:  # an error of the check is reported as such, never as bad data
        verdicts = [checker_error(gate, as_of, day_of(as_of), error, severity=severity)]
    quality_log.record(settings, as_of, gate, verdicts)
    return verdicts


def expected_pairs(
    settings: Settings, commits: "list[Commit]", as_of: datetime
) -> "list[tuple[str, Stream]]":
    """Every (account, stream) that must have data by now: what is configured, else what landed.

    The gate must judge while the accounts' home is dead, so the manifest is the fallback; only
    where that is empty too there is nothing to go by.

    Raises:
        SiyuError: no account can be read and nothing has ever landed.
    """
    from extractors.registry import all_streams

    landed = {(c.source, c.account, c.stream) for c in commits}
    pairs = set(landed)
    try:
        for account in load_accounts(settings):
            since = account.options.get("since")
            if since and str(day_of(as_of)) < str(since):
                continue
            pairs |= {
                (account.source, account.account, stream.name)
                for stream in all_streams()
                if stream.source == account.source
            }
    except SiyuError:
        if not landed:
            raise
    streams = {(stream.source, stream.name): stream for stream in all_streams()}
    return [
        (account, streams[source, name])
        for source, account, name in sorted(pairs)
        if (source, name) in streams
    ]
