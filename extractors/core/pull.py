"""Pulls: from what is due to a committed landing. The command line and the DAGs call these."""

import gc
import hashlib
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from filelock import FileLock

from extractors.core.clock import PullClock
from extractors.core.commit import commit_of
from extractors.core.context import PullContext
from extractors.core.drift import check_fields, check_units
from extractors.core.errors import SchemaChangeError
from extractors.core.landing import Landing, schema_fingerprint
from extractors.core.manifest import Commit, LandedFile, Manifest
from extractors.core.overrides import check_overrides, for_account, is_enabled
from extractors.core.privacy import Privacy
from extractors.core.ratelimit import RateLimiter
from extractors.core.stream import Kind, Stream
from extractors.core.sums import Sums
from extractors.core.tape import Replay, Tape
from extractors.core.tokens import TokenCache
from extractors.core.windows import check_window, due_dates, due_window, last_followed
from extractors.core.workers import run_all
from extractors.registry import get_stream, select_streams
from siyu.accounts import Account, load_accounts, pseudonym_key, select
from siyu.calendar import aware, days
from siyu.errors import ConfigurationError, SiyuError, UsageError
from siyu.settings import SANDBOX_PSEUDONYM_KEY, Settings

__all__ = [
    "PullResult",
    "backfill",
    "due_streams",
    "due_window",
    "pull",
    "pull_all",
    "replay_quarantine",
]

# orders change while a list is read, and clocks differ: windows of change overlap by this much
OVERLAP = timedelta(hours=1)


@dataclass(frozen=True)
class PullResult:
    """What became of one stream of one account; commit None without error: nothing was due."""

    source: str
    account: str
    stream: str
    commit: Commit | None = None
    error: SiyuError | None = None


Progress = Callable[[PullResult], None]
# what reading an answer of an unexpected shape raises
_SHAPE_FAILURES = (LookupError, TypeError, ValueError, AttributeError)


def due_streams(
    accounts: list[Account], source: str | None = None, stream: str | None = None
) -> list[tuple[Account, Stream]]:
    """Every (account, stream) of the given accounts, narrowed by source and stream name.

    Streams carry what the account overrides; those it switches off are left out.

    Raises:
        UsageError: no stream has that name.
        ConfigurationError: an account overrides what is not there or cannot be.
    """
    streams = select_streams(source, stream)
    for account in accounts:
        check_overrides(account)
    pairs = [
        (account, for_account(one, account))
        for account in accounts
        for one in streams
        if one.source == account.source
    ]
    return [(account, one) for account, one in pairs if is_enabled(one, account)]


def pull(
    settings: Settings,
    account: Account,
    stream: Stream,
    *,
    as_of: datetime,
    window: tuple[date, date] | None = None,
    on_progress: Progress | None = None,
) -> Commit | None:
    """Pull one stream of one account; land and commit it, whole or not at all.

    Args:
        settings: where the landing and the shared state are.
        account: whose data.
        stream: what of it.
        as_of: the present moment; a rerun at the same moment finds its own commit and does nothing.
        window: first and last business day (of the event, for events); None = what is due.
        on_progress: told once, when it is done.

    Returns:
        The commit, or None when nothing is due.

    Raises:
        UsageError: the window is impossible.
        SiyuError: the source, the account or the disk failed; nothing of this pull counts.
    """
    as_of = aware(as_of).replace(microsecond=0)
    stream = for_account(stream, account)
    if window:
        check_window(stream, account, *window, as_of)
    manifest = Manifest(settings.landing_address)
    lock = settings.work("locks", f"{stream.address}.{account.account}.lock")
    # two pulls of one stream would both land the same rows: the second waits, then finds the commit
    with FileLock(lock, mode=0o600):
        dates = days(*window) if window else due_dates(stream, account, manifest, as_of)
        if not dates:
            return None
        commit = _pull(settings, account, stream, manifest, as_of, dates, bool(window))
    if on_progress:
        on_progress(PullResult(stream.source, account.account, stream.name, commit))
    return commit


def replay_quarantine(
    settings: Settings, path: str, *, connection: Callable[[str], dict] | None = None
) -> Commit:
    """Read a quarantined pull's pages again with the stream as it is now; commit them.

    The commit is that of the failed pull: its moment, its window. The pages are taken away then.

    Args:
        settings: where the landing and the key are.
        path: as the failed pull named it, relative to the landing.
        connection: reads an Airflow connection's extras by id.

    Raises:
        UsageError: there is nothing at this path, or its account is not configured any more.
        SchemaChangeError: the stream still cannot read them; they stay where they are.
    """
    manifest = Manifest(settings.landing_address)
    tape = Replay(manifest.storage, path, check_key(settings))
    header = tape.header
    accounts = load_accounts(settings, connection=connection)
    account = select(accounts, header.source, header.account)[0]
    stream = for_account(get_stream(header.source, header.stream), account)
    lock = settings.work("locks", f"{stream.address}.{account.account}.lock")
    with FileLock(lock, mode=0o600):
        commit = _pull(
            settings,
            account,
            stream,
            manifest,
            header.as_of,
            list(header.dates),
            header.is_explicit,
            tape,
        )
    manifest.storage.remove(path)
    return commit


def pull_all(
    settings: Settings,
    *,
    as_of: datetime,
    source: str | None = None,
    account: str | None = None,
    stream: str | None = None,
    window: tuple[date, date] | None = None,
    connection: Callable[[str], dict] | None = None,
    on_progress: Progress | None = None,
) -> list[PullResult]:
    """Pull every due stream of every account, several at once.

    One stream's failure does not stop the others: it is in its result.

    Raises:
        UsageError: no such source, account or stream, or an impossible window; nothing was pulled.
        ConfigurationError: the accounts cannot be read.
    """
    if source or stream:
        select_streams(source, stream)
    accounts = select(load_accounts(settings, connection=connection), source, account)
    work = due_streams(accounts, source, stream)
    if not work:
        raise UsageError(
            f"No configured account has a stream '{stream}'",
            action="see `siyu pull --help`, or add the account",
        )
    if window:
        # a list's present state has no past: only one that is named is refused
        work = [(a, s) for a, s in work if stream or s.kind != Kind.ENTITY]
        for one, its_stream in work:
            check_window(its_stream, one, *window, aware(as_of))

    results = []
    asked = [(one, its_stream, window) for one, its_stream in work]
    for result in attempt_all(settings, asked, as_of):
        if on_progress:
            on_progress(result)
        results.append(result)
    return results


def attempt_all(
    settings: Settings,
    asked: list[tuple[Account, Stream, tuple[date, date] | None]],
    as_of: datetime,
) -> Iterator[PullResult]:
    """Pull several streams side by side; the result of each, in order, failed or not.

    Raises:
        ConfigurationError: there is no key for pseudonyms; nothing was pulled.
    """
    check_key(settings)
    work = [
        (settings, account, stream.source, stream.name, as_of, window)
        for account, stream, window in asked
    ]
    yield from run_all(_attempt, work, settings.pull_workers)


def _attempt(asked: tuple) -> PullResult:
    settings, account, source, name, as_of, window = asked
    try:
        commit = pull(settings, account, get_stream(source, name), as_of=as_of, window=window)
    except SiyuError as error:
        return PullResult(source, account.account, name, error=error)
    return PullResult(source, account.account, name, commit)


def backfill(
    settings: Settings,
    *,
    as_of: datetime,
    first: date,
    last: date,
    source: str | None = None,
    stream: str | None = None,
    account: str | None = None,
    connection: Callable[[str], dict] | None = None,
    on_progress: Progress | None = None,
) -> list[Commit]:
    """Pull a window again, for every stream that has a past; a failure is raised at the end.

    Returns:
        The commits.

    Raises:
        SiyuError: a stream failed; the others were pulled and committed.
    """
    results = pull_all(
        settings,
        as_of=as_of,
        source=source,
        account=account,
        stream=stream,
        window=(first, last),
        connection=connection,
        on_progress=on_progress,
    )
    for result in results:
        if result.error:
            raise result.error
    return [result.commit for result in results if result.commit]


def run_id_of(stream: Stream, account: str, as_of: datetime, first: date, last: date) -> str:
    """Names a pull: the same question at the same moment is the same pull."""
    text = f"{stream.source}|{stream.name}|{account}|{as_of.isoformat()}|{first}|{last}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _pull(
    settings: Settings,
    account: Account,
    stream: Stream,
    manifest: Manifest,
    as_of: datetime,
    dates: list[date],
    is_explicit: bool,
    tape: Tape | Replay | None = None,
) -> Commit:
    clock = PullClock(as_of)
    run_id = run_id_of(stream, account.account, clock.as_of, dates[0], dates[-1])
    earlier = [
        c
        for c in manifest.commits(stream.source, stream.name, account.account)
        if c.pulled_at <= as_of
    ]
    if done := next((c for c in earlier if c.run_id == run_id), None):
        return done
    landing = Landing(
        stream,
        account.account,
        clock.as_of,
        run_id,
        manifest.storage,
        before=_files_now(stream, earlier),
    )
    limiter = RateLimiter(settings.work("limits", "_").parent, clock.wall, clock.sleep)
    last = last_followed(c for c in earlier if c.pulled_at < as_of)
    context = PullContext(
        stream=stream,
        account=account,
        dates=dates,
        is_explicit=is_explicit,
        since=last.pulled_at - OVERLAP if last and not is_explicit else None,
        commits=earlier,
        clock=clock,
        manifest=manifest,
        landing=landing,
        privacy=Privacy(check_key(settings), settings.root / "vault" / "ids.sqlite"),
        limiter=limiter,
        tokens=_tokens(settings),
        home=settings.root,
        tape=tape or Tape(),
    )
    try:
        with _garbage_waiting():
            stream.extract(context)
        check_fields(context)
        check_units(context)
        sums = Sums(stream, context.platform_totals)
        with context.privacy.saving():
            files = landing.write(sums.add)
        context.write_quarantine()
        commit = commit_of(context, run_id, files, sums)
        manifest.add(commit)
    except BaseException as error:
        landing.abort()
        if isinstance(error, (*_SHAPE_FAILURES, SchemaChangeError)):
            raise _quarantined(context, error, check_key(settings)) from error
        if isinstance(error, OSError):
            raise SiyuError(
                f"Landing failed: {error.strerror or type(error).__name__}",
                where=f"{context.where} {manifest.address}",
                action="check that the landing can be written to, then run the same "
                "command again; nothing of this pull was committed",
            ) from error
        raise
    finally:
        landing.close()
        context.tape.close()
        limiter.close()
    return commit


@contextmanager
def _garbage_waiting() -> Iterator[None]:
    """Look for reference cycles less often: answers are many small objects, and have none."""
    before = gc.get_threshold()
    gc.set_threshold(20_000, 20, 20)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _files_now(stream: Stream, earlier: list[Commit]) -> dict[date, LandedFile]:
    """The one file that readers have of each report day; days of several, or none, are left out."""
    files: dict[date, LandedFile] = {}
    if stream.kind != Kind.REPORT:
        return files
    fingerprint = schema_fingerprint(stream)
    for commit in earlier:
        for day in commit.covered_dates:
            files.pop(day, None)
        if commit.schema_fingerprint == fingerprint:
            files |= {file.event_date: file for file in commit.files}
    return files


def _quarantined(context: PullContext, error: Exception, key: bytes) -> SchemaChangeError:
    """The error of a pull that cannot be read, its raw pages put aside."""
    if isinstance(error, SchemaChangeError):
        what, action = error.what, error.action
    else:
        at = traceback.extract_tb(error.__traceback__)[-1]
        what = (
            f"An answer does not have the shape of the contract ({type(error).__name__} in "
            f"{Path(at.filename).name}:{at.lineno})"
        )
        action = "compare the answer with the contract and adapt the stream"
    if path := context.quarantine_pages(what, key):
        action += f"; then run: siyu pull --replay-quarantine {path}"
    return SchemaChangeError(
        what,
        where=context.where,
        action=f"nothing of this pull was committed; {action}",
    )


def check_key(settings: Settings) -> bytes:
    """The key of pseudonyms, which every pull needs.

    Raises:
        ConfigurationError: there is none, or it is the public one of the sandbox.
    """
    key = pseudonym_key(settings)
    if key == SANDBOX_PSEUDONYM_KEY.encode() and not settings.sandbox_url:
        raise ConfigurationError(
            "The sandbox's pseudonym key is public",
            where="SIYU_PSEUDONYM_KEY",
            action="set it to a long random text of your own",
        )
    return key


_TOKENS: dict[str, TokenCache] = {}
_TOKENS_LOCK = threading.Lock()


def _tokens(settings: Settings) -> TokenCache:
    folder = settings.work("tokens", "_").parent
    with _TOKENS_LOCK:
        return _TOKENS.setdefault(str(folder), TokenCache(folder))
