"""Writes a pull's rows: one zstd Parquet file per event date, typed, sorted by key."""

import hashlib
from datetime import date, datetime

import pyarrow as pa
import pyarrow.parquet as pq

from extractors.core.manifest import LandedFile
from extractors.core.parse import with_technical_columns
from extractors.core.storage import Storage
from extractors.core.stream import TECHNICAL_COLUMNS, Kind, Stream

# rows of one date kept in memory before they are written as a row group
ROWS_IN_MEMORY = 250_000


class Landing:
    """The files of one pull. Nothing counts before the manifest names it."""

    def __init__(self, stream: Stream, account: str, pulled_at: datetime, run_id: str,
                 storage: Storage) -> None:
        """Keep what every file of the pull shares."""
        self.stream, self.account, self.storage = stream, account, storage
        self.pulled_at, self.run_id = pulled_at, run_id
        self.tables: dict[date, list[pa.Table]] = {}
        self._written: list[str] = []

    def add(self, day: date, table: pa.Table) -> None:
        """Take typed rows of a date; several calls for one date add up."""
        if table.num_rows:
            self.tables.setdefault(day, []).append(table)

    def day(self, day: date) -> pa.Table:
        """What was taken for a date so far."""
        tables = self.tables.get(day)
        return pa.concat_tables(tables) if tables else self.stream.schema.empty_table()

    def write(self) -> list[LandedFile]:
        """Write every date's file.

        Raises:
            StorageFullError: no room; the caller aborts.
        """
        files = []
        for day in sorted(self.tables):
            table = self.day(day).combine_chunks()
            if self.stream.kind != Kind.EVENT or len(self.stream.primary_key) == 1:
                table = table.sort_by([(key, "ascending") for key in self.stream.primary_key])
            path = self.path(day)
            landed = with_technical_columns(table, self.account, self.pulled_at, self.run_id)
            with self.storage.staged(path) as temporary:
                pq.write_table(landed, temporary, compression="zstd", store_schema=False,
                               row_group_size=ROWS_IN_MEMORY)
                size = temporary.stat().st_size
            self._written.append(path)
            files.append(LandedFile(path, day, table.num_rows, size, content_hash(table)))
        return files

    def path(self, day: date) -> str:
        """Where a date's file lies, relative to the landing."""
        return (f"{self.stream.source}/{self.stream.name}/event_date={day}/"
                f"{self.account}-{self.pulled_at:%Y%m%dT%H%M%SZ}-{self.run_id}.parquet")

    def abort(self) -> None:
        """Take away what this pull wrote: it will not be committed."""
        for path in self._written:
            self.storage.remove(path)


def content_hash(table: pa.Table) -> str:
    """Hash of the vendor's own values: the same payload pulled again has the same hash."""
    digest = hashlib.blake2b(digest_size=12)
    for batch in table.combine_chunks().to_batches():
        digest.update(batch.serialize())
    return digest.hexdigest()


def schema_fingerprint(stream: Stream) -> str:
    """Changes when a stream's declared columns or types do."""
    described = ";".join(f"{field.name}:{field.type}"
                         for field in (*stream.schema, *TECHNICAL_COLUMNS))
    return hashlib.sha256(described.encode()).hexdigest()[:12]
