"""Which business days must be rebuilt, from what the pulls since the last good build brought.

Each model follows one clock, because one late event moves different days in different tables: a
click moves the leads of 30 days after it, a person active on a day moves the trailing counts of
29 more days. The clocks:

page_events         days of tracked events that came in
orders              days of creation of orders that came in or changed
customer_snapshots  days of customer lists that came in
adds                days on which a customer was first added, by these lists
ads                 report days whose content changed
engagement          page_events and orders
conversions         funnel days: events, pay days, adds, and what a new touch may be credited with
retention           days of activity, and days that have ended since
engagement_periods  '<period> <first day>' of every count over persons that these days enter
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import duckdb

from extractors.core.manifest import Commit, Manifest
from extractors.registry import get_stream
from siyu.calendar import business_date, days
from siyu.warehouse.landing import reading
from siyu.warehouse.state import LayerState

ATTRIBUTION_DAYS = 30
TRAILING_DAYS = 30
# the reports that fct_ad_performance is made of
ADS = (
    ("tencent_ads", "daily_report_request_time"),
    ("tencent_ads", "daily_report_reporting_time"),
    ("oceanengine", "promotion_report"),
    ("kuaishou", "unit_report"),
    ("baidu", "adgroup_report"),
    ("juguang", "campaign_report"),
)


@dataclass(frozen=True)
class Affected:
    """The days to rebuild; `is_all` when every day has to be."""

    is_all: bool
    reason: str
    clocks: dict[str, list[str]]
    dates: list[date]


def find_affected(
    connection: duckdb.DuckDBPyConnection,
    manifest: Manifest,
    commits: list[Commit],
    states: list[LayerState | None],
    *,
    as_of: datetime,
    code: str,
) -> Affected:
    """What changed between the last good builds of the layers and now.

    Args:
        connection: reads new files; the earlier state of the warehouse may be half-built.
        manifest: for addresses.
        commits: everything this build sees.
        states: the last good build of each layer that is built now.
        as_of: the moment of this build.
        code: fingerprint of the models now.
    """
    reason = _why_all(commits, states, as_of, code)
    if reason:
        return Affected(True, reason, {}, sorted({d for c in commits for d in c.covered_dates}))
    built = frozenset.intersection(*(state.documents for state in states))
    new = [commit for commit in commits if commit.document not in built]
    earlier = [commit for commit in commits if commit.document in built]
    ended = set(days(min(business_date(state.as_of) for state in states), business_date(as_of)))
    changed = _Changes(connection, manifest, new, earlier)

    page_events = changed.file_days("page_events", "page_event")
    orders = changed.file_days("wechat_store", "order")
    adds = changed.adds()
    touches = changed.touch_days() | adds
    engagement = page_events | orders
    conversions = (
        page_events
        | changed.pay_days()
        | adds
        | _reaching(touches, ATTRIBUTION_DAYS, business_date(as_of))
    )
    ads = set().union(*(changed.report_days(*address) for address in ADS))
    clocks = {
        "page_events": page_events,
        "orders": orders,
        "adds": adds,
        "ads": ads,
        "customer_snapshots": changed.file_days("wecom", "customer"),
        "engagement": engagement,
        "conversions": conversions,
        "retention": engagement | ended,
    }
    texts = {clock: sorted(day.isoformat() for day in members) for clock, members in clocks.items()}
    texts["engagement_periods"] = _periods(engagement | ended, business_date(as_of))
    moved = page_events | orders | adds | ads
    return Affected(False, f"{len(new)} new pulls", texts, sorted(moved))


def first_date(commits: Iterable[Commit]) -> date | None:
    """The first business day that was ever asked for."""
    return min((day for commit in commits for day in commit.covered_dates), default=None)


def _why_all(
    commits: list[Commit], states: list[LayerState | None], as_of: datetime, code: str
) -> str:
    if any(state is None for state in states):
        return "nothing was built before"
    if any(state.code != code for state in states):
        return "the models have changed"
    if any(state.as_of > as_of for state in states):
        return "the last build knew more than this moment did"
    documents = {commit.document for commit in commits}
    if any(not state.documents <= documents for state in states):
        return "pulls have been withdrawn"
    if any(state.first_date != first_date(commits) for state in states):
        return "the history now begins on another day"
    return ""


class _Changes:
    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        manifest: Manifest,
        new: list[Commit],
        earlier: list[Commit],
    ) -> None:
        self.connection, self.manifest, self.new, self.earlier = connection, manifest, new, earlier

    def file_days(self, source: str, stream: str) -> set[date]:
        """Days of which new rows came in."""
        return {
            file.event_date for commit in _of(self.new, source, stream) for file in commit.files
        }

    def report_days(self, source: str, stream: str) -> set[date]:
        """Days whose newest pull says something else than the one before."""
        before = _content(_of(self.earlier, source, stream))
        after = _content(_of([*self.earlier, *self.new], source, stream))
        return {
            day
            for (account, day), content in after.items()
            if before.get((account, day)) != content
        }

    def touch_days(self) -> set[date]:
        """Days of views and clicks that name a channel."""
        return self._dates(
            "page_events",
            "page_event",
            "event_date",
            "event_type in ('page_view', 'link_click') and coalesce(utm_source, '') <> ''",
        )

    def pay_days(self) -> set[date]:
        """Pay days of orders that came in or changed."""
        return self._dates(
            "wechat_store",
            "order",
            "timezone('Asia/Shanghai', pay_time)::date",
            "pay_time is not null",
        )

    def adds(self) -> set[date]:
        """Every add day of customers whose rows differ from the last list that was built on.

        All their add days, not just the new row's: an earlier add found late moves the person's
        first day.
        """
        new = _of(self.new, "wecom", "customer")
        if not any(commit.files for commit in new):
            return set()
        newest: dict[str, Commit] = {}
        for commit in _of(self.earlier, "wecom", "customer"):
            newest[commit.account] = commit
        stream = get_stream("wecom", "customer")
        fresh = reading(self._addresses(new), stream)
        stale = reading(self._addresses(newest.values()), stream)
        identity = "external_userid, unionid, userid, createtime, add_way, state, _account"
        # file names of our own manifest and column names of our own, no text from outside
        rows = self.connection.execute(f"""
            with fresh as materialized (select distinct {identity} from ({fresh})),
            stale as materialized (select distinct {identity} from ({stale})),
            changed as (from fresh except from stale),
            everything as (from fresh union from stale)
            select distinct timezone('Asia/Shanghai', createtime)::date
            from everything
            where external_userid in (select external_userid from changed)
                or unionid in (select unionid from changed)
        """).fetchall()  # noqa: S608
        return {day for (day,) in rows if day}

    def _dates(self, source: str, stream: str, expression: str, condition: str) -> set[date]:
        files = self._addresses(_of(self.new, source, stream))
        if not files:
            return set()
        rows = self.connection.execute(
            f"select distinct {expression} "  # noqa: S608, as above
            f"from ({reading(files, get_stream(source, stream))}) "
            f"where {condition}"
        ).fetchall()
        return {day for (day,) in rows}

    def _addresses(self, commits: Iterable[Commit]) -> list[str]:
        return [
            self.manifest.storage.full(file.path) for commit in commits for file in commit.files
        ]


def _of(commits: list[Commit], source: str, stream: str) -> list[Commit]:
    return [c for c in commits if (c.source, c.stream) == (source, stream)]


def _content(commits: list[Commit]) -> dict[tuple[str, date], str]:
    content: dict[tuple[str, date], str] = {}
    for commit in commits:  # in the order they were pulled: the newest wins
        hashes: dict[date, str] = {}
        for file in commit.files:
            hashes[file.event_date] = hashes.get(file.event_date, "") + file.content_hash
        content.update(
            {(commit.account, day): hashes.get(day, "empty") for day in commit.covered_dates}
        )
    return content


def _reaching(affected: set[date], further: int, last: date) -> set[date]:
    return {
        day + timedelta(n)
        for day in affected
        for n in range(further + 1)
        if day + timedelta(n) <= last
    }


def _periods(affected: set[date], today: date) -> list[str]:
    over = {day for day in affected if day < today}
    names = {f"day {day}" for day in _reaching(over, TRAILING_DAYS - 1, today - timedelta(1))}
    names |= {f"week {day - timedelta(day.weekday())}" for day in over}
    names |= {f"month {day.replace(day=1)}" for day in over}
    return sorted(names)
