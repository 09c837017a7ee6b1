"""What to pull next, derived from the manifest: there is no other memory of where we were."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta

from extractors.core.history import folded
from extractors.core.manifest import Commit, Manifest
from extractors.core.stream import Kind, Stream
from siyu.accounts import Account
from siyu.calendar import at, business_date, days, moment_text, parse_date
from siyu.errors import UsageError

FIRST_PULL_DAYS = 30
# The look-back is learnt only from this many days whose final value is known ...
MIN_CLOSED_DAYS = 14
# ... of the last so many: a source's habits change, and years of them would take longer each day,
LEARNT_DAYS = 180
# ... and is the delay by which this share of the final value had arrived,
ARRIVED_SHARE = 0.995
# but never shorter than this: a source that stood still for days (the 3 to 5 day lag) is read again
MIN_LOOK_BACK_DAYS = 7
# An incomplete answer (one staff member's counters missing) is asked for again for so long only: a
# member who never gets counters must not keep a day open for ever.
INCOMPLETE_AGAIN_DAYS = 7

# measure -> (account, business day) -> delay in days -> value known then
KnownByDelay = dict[str, dict[tuple[str, date], dict[int, float]]]


def newest_day(stream: Stream, as_of: datetime) -> date:
    """The newest business day that the source answers for at `as_of`."""
    today = business_date(as_of)
    if stream.kind != Kind.REPORT:
        return today
    yesterday = today - timedelta(1)
    return yesterday if as_of >= at(today, stream.ready_at) else yesterday - timedelta(1)


def oldest_day(stream: Stream, account: Account, as_of: datetime) -> date | None:
    """The oldest business day that the source, or the account's `since`, allows."""
    bounds = [stream.earliest] if stream.earliest else []
    if stream.history_days is not None:
        bounds.append(business_date(as_of) - timedelta(stream.history_days))
    if since := account.options.get("since"):
        bounds.append(parse_date(str(since)))
    return max(bounds, default=None)


def due_dates(stream: Stream, account: Account, manifest: Manifest, as_of: datetime) -> list[date]:
    """The business days to pull now.

    Report: days never answered for, days found not ready, days still being revised (within the
    look-back, once per business day), and days that have just become final (one closing pull, so
    that a look-back shorter than the contract's loses nothing). Entity: today, unless there is a
    snapshot. Event: from the last pull's day to today.

    Only commits made before `as_of` count, so that asking again at the same moment gives the same
    answer and a rerun finds its own commit.
    """
    commits = [
        commit
        for commit in manifest.commits(stream.source, stream.name, account.account)
        if commit.pulled_at < as_of
    ]
    today, newest = business_date(as_of), newest_day(stream, as_of)
    oldest = oldest_day(stream, account, as_of)
    if stream.kind == Kind.ENTITY:
        done = any(today in commit.covered_dates for commit in commits)
        return [] if done else [today]
    first_pull = newest - timedelta(FIRST_PULL_DAYS - 1)
    if stream.kind == Kind.EVENT:
        last = last_followed(commits)
        start = business_date(last.pulled_at) if last else first_pull
        return days(max(start, oldest or start), newest)
    key = ("report", manifest.address, stream.address, account.account)
    newest_of, delays, unready = folded(key, commits, lambda: ({}, {}, set()), _add_report)
    answered = newest_of.keys() | unready
    start = min(answered, default=first_pull)
    start = max(start, oldest or start)
    look_back = look_back_days(stream, manifest, as_of)
    due = []
    for day in days(start, newest):
        age = (today - day).days
        is_open = day in unready and age <= INCOMPLETE_AGAIN_DAYS
        is_revised = age <= look_back or delays.get(day, 0) < stream.revised_for_days <= age
        if day not in newest_of or is_open or (newest_of[day] < today and is_revised):
            due.append(day)
    return due


def due_window(
    stream: Stream, account: Account, manifest: Manifest, as_of: datetime
) -> tuple[date, date] | None:
    """First and last of the days to pull now; None when nothing is due."""
    due = due_dates(stream, account, manifest, as_of)
    return (due[0], due[-1]) if due else None


def look_back_days(stream: Stream, manifest: Manifest, as_of: datetime) -> int:
    """Days back that are worth reading again each day.

    Learnt from the stream's own arrivals, over all its accounts (a small one alone says little),
    once enough of the last days are closed: the first delay from which on every measure has 99.5 %
    of its final value, summed over the closed days. Never less than 7 days, otherwise never more
    than the contract's `revised_for_days`, which holds until then.
    """
    contract = stream.revised_for_days
    if contract <= MIN_LOOK_BACK_DAYS:
        return MIN_LOOK_BACK_DAYS
    commits = [
        commit
        for commit in manifest.commits(stream.source, stream.name)
        if commit.pulled_at < as_of
    ]
    key = ("delays", manifest.address, stream.address)
    known = folded(key, commits, dict, _add_known)
    learnt = learnt_delay(known, contract, business_date(as_of))
    return contract if learnt is None else min(max(learnt, MIN_LOOK_BACK_DAYS), contract)


def learnt_delay(known: KnownByDelay, contract_days: int, today: date) -> int | None:
    """The delay by which 99.5 % has arrived; None while too few days are closed.

    Args:
        known: what was known when.
        contract_days: a day is closed once it was read at this delay or later. Only days watched
            from early on count: one first read when it was old looks settled from the start.
        today: the business day it is.
    """
    answer = None
    for by_day in list(known.values()):
        closed = [
            delays
            for (_, day), delays in list(by_day.items())
            if contract_days <= (today - day).days <= contract_days + LEARNT_DAYS
            and max(delays) >= contract_days
            and min(delays) <= MIN_LOOK_BACK_DAYS
        ]
        final = sum(delays[max(delays)] for delays in closed)
        if len(closed) < MIN_CLOSED_DAYS or final <= 0:
            continue
        settled = contract_days
        readings = [_known_at(delays, contract_days) for delays in closed]
        arrived = [sum(values) for values in zip(*readings, strict=True)]
        for delay in range(contract_days - 1, 0, -1):
            if abs(arrived[delay - 1] / final - 1) > 1 - ARRIVED_SHARE:
                break
            settled = delay
        answer = max(answer or 0, settled)
    return answer


def check_window(
    stream: Stream, account: Account, first: date, last: date, as_of: datetime
) -> None:
    """Refuse a window that the source cannot answer.

    Raises:
        UsageError: it ends before it starts, lies in the future, or before the source's history.
    """
    where = f"{stream.address} {account.account} {first}..{last}"
    newest = business_date(as_of) - timedelta(stream.kind == Kind.REPORT)
    if first > last:
        raise UsageError(
            "The window ends before it starts",
            where=where,
            action="give the earlier day with --from",
        )
    if last > newest:
        raise UsageError(
            f"The window reaches past {newest}, the newest day there is as of {moment_text(as_of)}",
            where=where,
            action=f"end it with --to {newest} or earlier",
        )
    if stream.kind == Kind.ENTITY and first != newest:
        raise UsageError(
            "The source only knows the present state of this list",
            where=where,
            action=f"leave the window out, or give {newest} alone",
        )
    contract = [stream.earliest] if stream.earliest else []
    if stream.history_days is not None:
        contract.append(business_date(as_of) - timedelta(stream.history_days))
    oldest = max(contract, default=first)
    if first < oldest:
        raise UsageError(
            f"The source keeps this stream from {oldest} on",
            where=where,
            action=f"start the window with --from {oldest} or later",
        )


def last_followed(commits: Iterable[Commit]) -> Commit | None:
    """The newest pull that followed on from the one before it; a backfill does not."""
    return next((c for c in reversed(list(commits)) if not c.is_backfill), None)


def _add_report(state: tuple[dict[date, date], dict[date, int], set], commit: Commit) -> None:
    """Per day: business day of its newest answer, its delay; and the days found not ready last."""
    newest_of, delays, unready = state
    pulled = business_date(commit.pulled_at)
    for day in commit.covered_dates:
        newest_of[day], delays[day] = pulled, (pulled - day).days
    unready.difference_update(commit.covered_dates)
    unready.update(commit.not_ready_dates)


def _add_known(known: KnownByDelay, commit: Commit) -> None:
    pulled = business_date(commit.pulled_at)
    totals: dict[tuple[str, date], float] = {}
    for arrival in commit.arrivals:
        key = (arrival.measure, arrival.event_date)
        totals[key] = totals.get(key, 0) + arrival.value
    for (measure, day), value in totals.items():
        known.setdefault(measure, {}).setdefault((commit.account, day), {})[(pulled - day).days] = (
            value
        )


def _known_at(delays: dict[int, float], upto: int) -> Iterator[float]:
    """What was known at each delay from 1 to before `upto`: the newest reading by then.

    Before the first reading: that one.
    """
    value = delays[max((d for d in delays if d <= 0), default=min(delays))]
    for delay in range(1, upto):
        value = delays.get(delay, value)
        yield value
