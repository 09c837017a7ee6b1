"""What a stream is given while it is pulled: what to read, how to ask, where to put rows."""

import importlib
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path, PurePosixPath
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from extractors.core.clock import PullClock
from extractors.core.landing import Landing
from extractors.core.lanes import side_by_side
from extractors.core.manifest import Arrival, Commit, ControlTotal, Manifest
from extractors.core.parse import business_dates, dates_of, to_table
from extractors.core.privacy import Privacy
from extractors.core.ratelimit import RateLimiter
from extractors.core.stream import DAY, Stream
from extractors.core.tape import SUFFIX, Header, Replay, Tape
from extractors.core.tokens import TokenCache
from siyu.accounts import Account

QUARANTINE = "_quarantine"
# enough of the rejected rows to see what is wrong; the count tells how many there were
QUARANTINED_ROWS = 10_000


@dataclass
class PullContext:
    """One pull of one stream of one account.

    Attributes:
        dates: the business days asked for.
        is_explicit: the caller named the window (a backfill), it was not derived.
        since: for events: the moment of the last pull, None on the first or in a backfill.
        commits: earlier commits of this stream and account, oldest first.
        home: holds all state, also what was pushed to us and waits to be landed.
    """

    stream: Stream
    account: Account
    dates: list[date]
    is_explicit: bool
    since: datetime | None
    commits: list[Commit]
    clock: PullClock
    manifest: Manifest
    landing: Landing
    privacy: Privacy
    limiter: RateLimiter
    tokens: TokenCache
    home: Path
    unanswered: set[date] = field(default_factory=set)
    incomplete: set[date] = field(default_factory=set)
    control_totals: list[ControlTotal] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    input_stamps: list[str] = field(default_factory=list)
    duplicate_rows: int = 0
    arrivals: list[Arrival] = field(default_factory=list)
    platform_totals: dict[tuple[date, str], float | None] = field(default_factory=dict)
    shifted_days: set[date] = field(default_factory=set)
    tape: Tape | Replay = field(default_factory=Tape)
    read_rows: int = 0
    seen_fields: set[str] = field(default_factory=set)
    values_of: dict[str, int] = field(default_factory=dict)
    unknown_fields: set[str] = field(default_factory=set)
    rejected: list[dict] = field(default_factory=list)
    rejected_rows: int = 0
    unreadable: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    _client: Any = None
    _client_lock: threading.Lock = field(default_factory=threading.Lock)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def today(self) -> date:
        """The business day of the pull."""
        return self.clock.today

    @property
    def where(self) -> str:
        """Source, account and stream, for messages."""
        return f"{self.stream.source}/{self.account.account} {self.stream.name}"

    @property
    def client(self) -> Any:
        """The vendor's client, made on first use by `extractors.<source>.client.connect`."""
        with self._client_lock:
            if self._client is None:
                module = importlib.import_module(f"extractors.{self.stream.source}.client")
                self._client = module.connect(self)
            return self._client

    @property
    def requests(self) -> int:
        """Calls made so far."""
        return self._client.requests if self._client else 0

    def windows(self) -> Iterator[tuple[date, date]]:
        """The days asked for, in spans that one call may have."""
        start = end = None
        for day in self.dates:
            if start is not None and (day - start).days >= self.stream.max_window_days:
                yield start, end
                start = None
            start, end = start or day, day
        if start is not None:
            yield start, end

    def land(self, rows_by_day: dict[date, list[dict]]) -> None:
        """Type, pseudonymise and keep rows, each under its event date."""
        rows = [row for day_rows in rows_by_day.values() for row in day_rows]
        days = [day for day, day_rows in rows_by_day.items() for _ in day_rows]
        self.landing.add(self._typed(rows, days))

    def land_rows(
        self,
        rows: list[dict],
        day: str,
        *,
        read_day: Callable[[str], date] = date.fromisoformat,
    ) -> None:
        """Land rows that name their business day in a field; as many at once as there are.

        Rows of days that were not asked for are left out; days outside the window are reported.

        Raises:
            ValueError: a day cannot be read.
        """
        if not rows:
            return
        dates = dates_of([row[day] for row in rows], read_day)
        named = set(dates.unique().to_pylist())
        if strange := {d for d in named if not self.dates[0] <= d <= self.dates[-1]}:
            with self._lock:
                self.shifted_days |= strange
        table = self._typed(rows, dates)
        if named - set(self.dates):
            table = table.filter(pc.is_in(table[DAY], pa.array(self.dates, pa.date32())))
        self.landing.add(table)

    def land_events(self, table: pa.Table, time_column: str) -> None:
        """Keep typed events, each under the business day of its own time."""
        position = table.column_names.index(DAY)
        self.landing.add(
            table.set_column(
                position, pa.field(DAY, pa.date32()), business_dates(table[time_column])
            )
        )

    def typed(self, rows: list[dict]) -> pa.Table:
        """Rows in the stream's columns; rows without a key are rejected and counted."""
        return self._typed(rows, [None] * len(rows))

    def _typed(self, rows: list[dict], days: list[date | None] | pa.Array) -> pa.Table:
        with self._lock:
            return self._typed_alone(rows, days)

    def _typed_alone(self, rows: list[dict], days: list[date | None] | pa.Array) -> pa.Table:
        parsed = to_table(self.stream, rows, days, self.privacy)
        self.unknown_fields |= parsed.unknown_fields
        self.seen_fields |= parsed.fields
        self.read_rows += len(rows)
        for column, count in parsed.values.items():
            self.values_of[column] = self.values_of.get(column, 0) + count
        for column, count in parsed.unreadable.items():
            self.unreadable[column] = self.unreadable.get(column, 0) + count
        if parsed.without_key:
            self.reject(
                {
                    "reason": f"no {' or '.join(self.stream.primary_key)}",
                    "rows": parsed.without_key,
                },
                parsed.without_key,
            )
        return parsed.table

    def not_ready(self, day: date, *, is_incomplete: bool = False) -> None:
        """The source has not computed this day; incomplete: what it gave is landed all the same."""
        (self.incomplete if is_incomplete else self.unanswered).add(day)

    def control(self, day: date, measure: str, platform: float | None, detail: float) -> None:
        """Note the platform's own total of a day beside the sum of what it gave in detail."""
        self.control_totals.append(ControlTotal(day, measure, platform, detail))

    def control_landed(self, day: date, measure: str, platform: float | None) -> None:
        """Note the platform's own total of a day; what landed of it is summed at the end."""
        self.platform_totals[day, measure] = platform

    def mark(self) -> tuple[int, int, dict[str, int]]:
        """What was counted so far, for `back_to`."""
        return self.rejected_rows, len(self.rejected), dict(self.unreadable)

    def back_to(self, mark: tuple[int, int, dict[str, int]], days: Iterable[date]) -> None:
        """Forget what landed for these days since the mark: they are read again."""
        self.rejected_rows, evidence, self.unreadable = mark[0], mark[1], dict(mark[2])
        del self.rejected[evidence:]
        self.landing.drop(days)

    def warn(self, name: str, detail: str) -> None:
        """Say something that a person should know; it stays in the commit."""
        self.warnings.append(f"{name}: {detail}")

    def reject(self, evidence: dict, rows: int = 1) -> None:
        """Quarantine a row that cannot be read. Evidence must hold nothing personal."""
        self.rejected_rows += rows
        if len(self.rejected) < QUARANTINED_ROWS:
            self.rejected.append(evidence)

    def map(self, function: Callable, items: Iterable, lanes: int) -> list:
        """Call `function` on every item, up to `lanes` at a time; the first failure stops all."""
        return side_by_side(function, list(items), lanes)

    def quarantine_pages(self, reason: str, key: bytes) -> str:
        """Put every raw page of this pull aside, encrypted; returns where, or nothing."""
        if not self.tape.pages or self.tape.is_replay:
            return ""
        path = self._quarantine_path(SUFFIX)
        header = Header(
            self.stream.source,
            self.stream.name,
            self.account.account,
            self.landing.run_id,
            self.clock.as_of,
            tuple(self.dates),
            self.is_explicit,
            reason,
        )
        self.tape.quarantine(self.landing.storage, path, header, key)
        return path

    def _quarantine_path(self, suffix: str) -> str:
        name = PurePosixPath(self.landing.path(self.today)).name.replace(".parquet", suffix)
        return f"{QUARANTINE}/{self.stream.source}/{self.stream.name}/{name}"

    def write_quarantine(self) -> None:
        """Put the rejected rows aside, where no reader looks."""
        if not self.rejected:
            return
        path = self._quarantine_path(".jsonl")
        self.landing.storage.write_atomically(
            path, b"".join(orjson.dumps(row) + b"\n" for row in self.rejected)
        )
        self.warn("rejected_rows", f"{self.rejected_rows} rows could not be read; see {path}")
