"""Everything that the sources still keep: planned from the manifest, newest first, chunk by chunk.

Newest first, because a run that is cut short then leaves one series without a hole, and because a
source that names no limit is asked back until a year brings nothing. Each chunk is one pull with a
commit of its own, so a killed run goes on where it was: what is covered is not asked for again.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from extractors.core.manifest import Commit, Manifest
from extractors.core.pull import PullResult, attempt_all, due_streams
from extractors.core.stream import Kind, Stream
from extractors.core.windows import newest_day, oldest_day
from siyu.accounts import Account, load_accounts, select
from siyu.calendar import aware, days
from siyu.settings import Settings

# a commit's worth of days where the source's own window is shorter
CHUNK_DAYS = 30
# a source without a limit is asked back until so many days bring nothing
UNLIMITED_STEP_DAYS = 366


@dataclass(frozen=True)
class Chunk:
    """One pull of a plan; `window` None: a list's present state."""

    account: Account
    stream: Stream
    window: tuple[date, date] | None
    number: int
    of: int  # as far as known: a source without a limit may have more


@dataclass
class _Plan:
    """What is left of one stream of one account."""

    account: Account
    stream: Stream
    chunks: list[tuple[date, date] | None]
    next_newest: date | None = None  # where to look on, for sources without a limit
    done: int = 0
    rows: int = 0
    failed: bool = False
    results: list[PullResult] = field(default_factory=list)


def backfill_all(
    settings: Settings,
    *,
    as_of: datetime,
    source: str | None = None,
    stream: str | None = None,
    account: str | None = None,
    again_before: datetime | None = None,
    connection: Callable[[str], dict] | None = None,
    on_progress: Callable[[Chunk, PullResult], None] | None = None,
) -> list[PullResult]:
    """Pull every day that the sources keep and that was never answered for.

    Args:
        settings: where the landing and the shared state are.
        as_of: the present moment.
        source: only this source.
        stream: only this stream.
        account: only this account.
        again_before: days whose newest answer is older than this are pulled again too.
        connection: reads an Airflow connection's extras by id.
        on_progress: told after each chunk.

    Returns:
        A result per chunk. A stream that fails is left at that; the others go on.

    Raises:
        UsageError: no such source, account or stream.
        ConfigurationError: the accounts or the key cannot be read.
    """
    as_of = aware(as_of)
    accounts = select(load_accounts(settings, connection=connection), source, account)
    plans = [
        plan(settings, one, its_stream, as_of, again_before)
        for one, its_stream in due_streams(accounts, source, stream)
    ]
    results: list[PullResult] = []
    # one chunk of each stream in turn: all of them reach back equally far when the run is cut short
    while waiting := [p for p in plans if p.chunks and not p.failed]:
        asked = [(p.account, p.stream, p.chunks[0]) for p in waiting]
        for one, result in zip(waiting, attempt_all(settings, asked, as_of), strict=True):
            chunk = Chunk(
                one.account, one.stream, one.chunks[0], one.done + 1, one.done + len(one.chunks)
            )
            _note(one, result)
            results.append(result)
            if on_progress:
                on_progress(chunk, result)
        manifest = Manifest(settings.landing_address)
        for one in waiting:
            _look_further(one, manifest, again_before)
    return results


def plan(
    settings: Settings,
    account: Account,
    stream: Stream,
    as_of: datetime,
    again_before: datetime | None = None,
) -> _Plan:
    """The chunks that are left of a stream, newest first."""
    manifest = Manifest(settings.landing_address)
    newest, oldest = newest_day(stream, as_of), oldest_day(stream, account, as_of)
    if stream.kind == Kind.ENTITY:
        commits = manifest.commits(stream.source, stream.name, account.account)
        has_snapshot = any(newest in c.covered_dates and _counts(c, again_before) for c in commits)
        return _Plan(account, stream, [] if has_snapshot else [None])
    first = oldest or newest - timedelta(UNLIMITED_STEP_DAYS - 1)
    left = _left(stream, account, manifest, first, newest, again_before)
    made = _Plan(account, stream, list(_chunks(stream, left)))
    if oldest is None:
        made.next_newest = first - timedelta(1)
        _look_further(made, manifest, again_before)
    return made


def _note(one: _Plan, result: PullResult) -> None:
    one.chunks.pop(0)
    one.done += 1
    one.failed = result.error is not None
    one.rows += result.commit.rows if result.commit else 0


def _look_further(one: _Plan, manifest: Manifest, again_before: datetime | None) -> None:
    """Plan another year of a source without a limit, when the last one had something."""
    while one.next_newest and not one.chunks and not one.failed:
        last = one.next_newest
        first = last - timedelta(UNLIMITED_STEP_DAYS - 1)
        had = days(last + timedelta(1), last + timedelta(UNLIMITED_STEP_DAYS))
        commits = manifest.commits(one.stream.source, one.stream.name, one.account.account)
        if not any(f.rows and had[0] <= f.event_date <= had[-1] for c in commits for f in c.files):
            one.next_newest = None
            return
        left = _left(one.stream, one.account, manifest, first, last, again_before)
        one.chunks = list(_chunks(one.stream, left))
        one.next_newest = first - timedelta(1)


def _left(
    stream: Stream,
    account: Account,
    manifest: Manifest,
    first: date,
    last: date,
    again_before: datetime | None,
) -> list[date]:
    """Days without an answer; of events, only a named window answers for a whole day."""
    done: set[date] = set()
    for commit in manifest.commits(stream.source, stream.name, account.account):
        if _counts(commit, again_before) and (commit.is_backfill or stream.kind == Kind.REPORT):
            done |= set(commit.covered_dates) - set(commit.not_ready_dates)
    return [day for day in days(first, last) if day not in done]


def _counts(commit: Commit, again_before: datetime | None) -> bool:
    return again_before is None or commit.pulled_at >= again_before


def _chunks(stream: Stream, left: list[date]) -> Iterator[tuple[date, date]]:
    """Runs of days, cut from their newest end into whole windows of the source."""
    window = stream.max_window_days
    size = window * max(1, CHUNK_DAYS // window)
    end = None
    for position in range(len(left) - 1, -1, -1):
        day = left[position]
        end = end or day
        is_last = position == 0 or left[position - 1] != day - timedelta(1)
        if is_last or (end - day).days + 1 == size:
            yield day, end
            end = None
