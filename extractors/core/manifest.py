"""The manifest: one JSON document per pull. It is the state; nothing else is remembered.

A landed file counts only once a document names it. Documents are immutable, so a process parses
each once; a listing (and the size and time of each document) tells what is new.
"""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from dataclasses import fields as dataclass_fields
from datetime import UTC, date, datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

import orjson

from extractors.core.storage import Storage
from siyu.calendar import business_date
from siyu.errors import SiyuError

if TYPE_CHECKING:
    import pandas as pd

VERSION = 1
FOLDER = "_manifest"


class LandedFile(NamedTuple):
    """One Parquet file of a commit; `path` is relative to the landing."""

    path: str
    event_date: date
    rows: int
    bytes: int
    content_hash: str


class Arrival(NamedTuple):
    """The absolute value known for a business day after a pull."""

    event_date: date
    channel: str
    measure: str
    value: float


class ControlTotal(NamedTuple):
    """The platform's own total of a day beside the sum of its landed detail; None = not given."""

    event_date: date
    measure: str
    platform_total: float | None
    detail_total: float


@dataclass(frozen=True)
class Commit:
    """What one pull landed.

    Attributes:
        covered_dates: event dates this pull answers for, also those with zero rows; for event
            streams the dates it touched.
        not_ready_dates: dates for which the source said or showed "not computed yet". A date in
            here and not in covered_dates got no answer at all; in both, an incomplete one.
        input_stamps: of each of `inputs`: its size, and the time of its last change where something
            in it could not be read. An object whose stamp has changed was replaced.
        rejected_rows: rows that could not be read; they lie under `_quarantine`.
        repeated_keys: landed rows that share their key with another one of their day and differ
            from it; None where nobody counted.
        duplicate_rows: rows that repeated the key of another one and were left out.
        warnings: what a person should know, each `name: detail`.
        is_backfill: its window was named by a person; it says nothing about what lies between the
            last pull and itself.
    """

    source: str
    stream: str
    kind: str
    account: str
    run_id: str
    pulled_at: datetime
    started_at: datetime
    finished_at: datetime
    first_date: date
    last_date: date
    covered_dates: tuple[date, ...]
    rows: int
    bytes: int
    requests: int
    schema_fingerprint: str
    unknown_fields: tuple[str, ...] = ()
    not_ready_dates: tuple[date, ...] = ()
    control_totals: tuple[ControlTotal, ...] = ()
    inputs: tuple[str, ...] = ()
    files: tuple[LandedFile, ...] = ()
    arrivals: tuple[Arrival, ...] = ()
    rejected_rows: int = 0
    warnings: tuple[str, ...] = ()
    is_backfill: bool = False
    input_stamps: tuple[str, ...] = ()
    duplicate_rows: int = 0
    repeated_keys: int | None = None

    @property
    def window(self) -> tuple[date, date]:
        """First and last business day that was asked for."""
        return self.first_date, self.last_date

    @property
    def document(self) -> str:
        """Path of this commit's document, relative to the landing."""
        name = f"{self.account}-{self.pulled_at:%Y%m%dT%H%M%SZ}-{self.run_id}.json"
        return str(PurePosixPath(FOLDER, self.source, self.stream, name))

    def to_json(self) -> bytes:
        """The document, in the layout that readers rely on."""
        fields = {field.name: getattr(self, field.name) for field in dataclass_fields(self)}
        window = {"first_date": fields.pop("first_date"), "last_date": fields.pop("last_date")}
        fields["control_totals"] = [total._asdict() for total in self.control_totals]
        fields["files"] = [file._asdict() for file in self.files]
        fields["arrivals"] = [arrival._asdict() for arrival in self.arrivals]
        return orjson.dumps(
            {"version": VERSION, **fields, "window": window},
            option=orjson.OPT_UTC_Z | orjson.OPT_INDENT_2,
        )

    @classmethod
    def from_json(cls, text: bytes) -> "Commit":
        """A commit from its document; keys of later versions are ignored."""
        raw = orjson.loads(text)
        day = date.fromisoformat
        return cls(
            source=raw["source"],
            stream=raw["stream"],
            kind=raw["kind"],
            account=raw["account"],
            run_id=raw["run_id"],
            pulled_at=_moment(raw["pulled_at"]),
            started_at=_moment(raw["started_at"]),
            finished_at=_moment(raw["finished_at"]),
            first_date=day(raw["window"]["first_date"]),
            last_date=day(raw["window"]["last_date"]),
            covered_dates=tuple(map(day, raw["covered_dates"])),
            rows=raw["rows"],
            bytes=raw["bytes"],
            requests=raw["requests"],
            schema_fingerprint=raw["schema_fingerprint"],
            unknown_fields=tuple(raw.get("unknown_fields", ())),
            not_ready_dates=tuple(map(day, raw.get("not_ready_dates", ()))),
            control_totals=tuple(
                ControlTotal(
                    day(t["event_date"]), t["measure"], t["platform_total"], t["detail_total"]
                )
                for t in raw.get("control_totals", ())
            ),
            inputs=tuple(raw.get("inputs", ())),
            files=tuple(
                LandedFile(
                    f["path"], day(f["event_date"]), f["rows"], f["bytes"], f["content_hash"]
                )
                for f in raw["files"]
            ),
            arrivals=tuple(
                Arrival(day(a["event_date"]), a["channel"], a["measure"], a["value"])
                for a in raw["arrivals"]
            ),
            rejected_rows=raw.get("rejected_rows", 0),
            warnings=tuple(raw.get("warnings", ())),
            is_backfill=raw.get("is_backfill", False),
            input_stamps=tuple(raw.get("input_stamps", ())),
            duplicate_rows=raw.get("duplicate_rows", 0),
            repeated_keys=raw.get("repeated_keys"),
        )


class Manifest:
    """The commits of one landing, as they lie there now.

    Every method that takes `as_of` sees only commits pulled at or before it.
    """

    def __init__(self, landing_address: str) -> None:
        """Open a landing; nothing is read yet and the landing need not exist."""
        self.address = landing_address
        self.storage = Storage(landing_address)
        with _CACHES_LOCK:
            self._cache = _CACHES.setdefault(self.storage.address, _Cache())

    def commits(
        self,
        source: str | None = None,
        stream: str | None = None,
        account: str | None = None,
        as_of: datetime | None = None,
    ) -> list[Commit]:
        """Commits in the order they were pulled, filtered by what is given."""
        known = self._of_stream(source, stream) if source and stream else self._all()
        return [
            commit
            for commit in known
            if source in (None, commit.source)
            and stream in (None, commit.stream)
            and account in (None, commit.account)
            and (as_of is None or commit.pulled_at <= as_of)
        ]

    def find(self, document: str) -> Commit | None:
        """The commit whose document has this path, if it exists."""
        try:
            return Commit.from_json(self.storage.read(document))
        except FileNotFoundError:
            return None

    def add(self, commit: Commit) -> None:
        """Make a pull visible, in one atomic step. Its files must be in place already."""
        self.storage.write_atomically(commit.document, commit.to_json())

    def live_files(self, source: str, stream: str, as_of: datetime | None = None) -> list[str]:
        """Full addresses of the files that count, by the rules of the stream's kind.

        Report and entity: the newest commit that covers (account, event_date) wins whole, also
        when it has no file for the day. Event: every commit's files.
        """
        winner: dict[tuple[str, date], Commit] = {}
        files: list[str] = []
        for commit in self.commits(source, stream, as_of=as_of):
            if commit.kind == "event":
                files += [file.path for file in commit.files]
            else:
                winner.update({(commit.account, day): commit for day in commit.covered_dates})
        for (_, day), commit in winner.items():
            files += [file.path for file in commit.files if file.event_date == day]
        return sorted(self.storage.full(path) for path in files)

    def arrivals_frame(self, as_of: datetime | None = None) -> "pd.DataFrame":
        """Arrival history, one row per commit, event date, channel and measure.

        Columns: source, stream, account, channel, measure, event_date (date), pulled_at (UTC),
        delay_days, value.
        """
        return self._frame("arrivals", as_of, _arrival_rows)

    def commits_frame(self, as_of: datetime | None = None) -> "pd.DataFrame":
        """What was pulled, one row per commit and date that it covers or found not ready.

        Columns: source, stream, kind, account, run_id, pulled_at, event_date, rows_of_day,
        content_hash, unknown_fields (how many), is_not_ready.
        """
        return self._frame("commits", as_of, _commit_rows)

    def _all(self) -> list[Commit]:
        with self._cache.lock:
            if self._refresh(FOLDER) or self._cache.ordered is None:
                found = (c for known in self._cache.by_folder.values() for _, c in known.values())
                self._cache.ordered = sorted(found, key=_pulled_order)
            return self._cache.ordered

    def _of_stream(self, source: str, stream: str) -> list[Commit]:
        """As `_all`, looking into one folder only: a daily cycle asks for each stream often."""
        folder = str(PurePosixPath(FOLDER, source, stream))
        with self._cache.lock:
            self._refresh(folder)
            if folder not in self._cache.ordered_of:
                found = (c for _, c in self._cache.by_folder.get(folder, {}).values())
                self._cache.ordered_of[folder] = sorted(found, key=_pulled_order)
            return self._cache.ordered_of[folder]

    def _refresh(self, below: str) -> bool:
        """Read what is new below a folder; whether anything changed."""
        cache, changed = self._cache, False
        listed: dict[str, dict[str, tuple]] = {}
        for path, stamp in self.storage.list_files(below, ".json", are_replaced_whole=True).items():
            listed.setdefault(path.rpartition("/")[0], {})[path] = stamp
        known_folders = [f for f in cache.by_folder if f"{f}/".startswith(f"{below}/")]
        for folder in {*listed, *known_folders}:
            known = cache.by_folder.setdefault(folder, {})
            here = listed.get(folder, {})
            gone = known.keys() - here.keys()
            new = [p for p, stamp in here.items() if p not in known or known[p][0] != stamp]
            if not gone and not new:
                continue
            if gone or any(path in known for path in new):
                cache.frames.clear()
            for path in gone:
                del known[path]
            for path in new:
                known[path] = (here[path], self._read(path))
            cache.ordered_of.pop(folder, None)
            cache.ordered = None
            changed = True
        return changed

    def _read(self, path: str) -> Commit:
        try:
            return Commit.from_json(self.storage.read(path))
        except (ValueError, KeyError, TypeError) as error:
            raise SiyuError(
                f"A manifest document cannot be read ({error})",
                where=self.storage.full(path),
                action="restore it from a backup, or delete it and pull its window "
                "again: the files it names then no longer count",
            ) from None

    def _frame(self, name: str, as_of: datetime | None, rows_of: Callable) -> "pd.DataFrame":
        import pandas as pd

        commits = self._all()
        with self._cache.lock:
            seen, frame = self._cache.frames.get(name, (set(), None))
            new = [commit for commit in commits if commit.document not in seen]
            if frame is None or new:
                fresh = rows_of(new)
                fresh["pulled_at"] = pd.to_datetime(fresh["pulled_at"], utc=True)
                frame = fresh if frame is None else pd.concat([frame, fresh], ignore_index=True)
                self._cache.frames[name] = (seen | {c.document for c in new}, frame)
        if as_of is None:
            return frame.copy()
        return frame[frame["pulled_at"] <= pd.Timestamp(as_of)].reset_index(drop=True)


class _Cache:
    def __init__(self) -> None:
        self.lock = threading.RLock()
        # folder of a stream -> document -> (stamp, commit)
        self.by_folder: dict[str, dict[str, tuple[tuple, Commit]]] = {}
        self.ordered: list[Commit] | None = None
        self.ordered_of: dict[str, list[Commit]] = {}
        self.frames: dict[str, tuple[set[str], pd.DataFrame]] = {}


_CACHES: dict[str, _Cache] = {}
_CACHES_LOCK = threading.Lock()


def _pulled_order(commit: Commit) -> tuple:
    return commit.pulled_at, commit.finished_at, commit.run_id


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _arrival_rows(commits: Iterable[Commit]) -> "pd.DataFrame":
    import pandas as pd

    rows = [
        (
            c.source,
            c.stream,
            c.account,
            a.channel,
            a.measure,
            a.event_date,
            c.pulled_at,
            (business_date(c.pulled_at) - a.event_date).days,
            float(a.value),
        )
        for c in commits
        for a in c.arrivals
    ]
    return pd.DataFrame(
        rows,
        columns=[
            "source",
            "stream",
            "account",
            "channel",
            "measure",
            "event_date",
            "pulled_at",
            "delay_days",
            "value",
        ],
    )


def _commit_rows(commits: Iterable[Commit]) -> "pd.DataFrame":
    import pandas as pd

    rows = []
    for c in commits:
        by_date: dict[date, list[LandedFile]] = {}
        for file in c.files:
            by_date.setdefault(file.event_date, []).append(file)
        for day in sorted({*c.covered_dates, *c.not_ready_dates}):
            files = by_date.get(day, [])
            rows.append(
                (
                    c.source,
                    c.stream,
                    c.kind,
                    c.account,
                    c.run_id,
                    c.pulled_at,
                    day,
                    sum(file.rows for file in files),
                    "+".join(file.content_hash for file in files),
                    len(c.unknown_fields),
                    day in c.not_ready_dates,
                )
            )
    return pd.DataFrame(
        rows,
        columns=[
            "source",
            "stream",
            "kind",
            "account",
            "run_id",
            "pulled_at",
            "event_date",
            "rows_of_day",
            "content_hash",
            "unknown_fields",
            "is_not_ready",
        ],
    )
