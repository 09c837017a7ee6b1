"""What the landing holds, as views and tables of the schema `landing` in the working database.

A view reads exactly the files that the manifest's commits name, so a file without a commit does
not exist for any model. Partition columns come from the path: a model that asks for some days
opens the files of these days only.
"""

from datetime import datetime

import duckdb
import pyarrow as pa

from extractors.core.manifest import Commit, Manifest
from extractors.core.stream import TECHNICAL_COLUMNS, Stream
from extractors.registry import all_streams


def table_of(stream: Stream) -> str:
    """The landing view of a stream: `<source>__<stream>`."""
    return f"{stream.source}__{stream.name}"


def seen_files(manifest: Manifest, stream: Stream, as_of: datetime) -> list[str]:
    """The files a stream's view reads.

    Reports and events follow the manifest's own rules. Of an entity every snapshot counts, also
    an earlier one of the same day: a pair of customer and staff that was removed in between is in
    no later list.
    """
    if stream.kind != "entity":
        return manifest.live_files(stream.source, stream.name, as_of)
    return sorted(
        manifest.storage.full(file.path)
        for commit in manifest.commits(stream.source, stream.name, as_of=as_of)
        for file in commit.files
    )


def create_landing(
    connection: duckdb.DuckDBPyConnection, manifest: Manifest, as_of: datetime
) -> None:
    """(Re)create every landing view and the manifest's tables, as of a moment."""
    connection.execute("create schema if not exists landing")
    commits = manifest.commits(as_of=as_of)
    for stream in all_streams():
        fingerprints = {
            commit.schema_fingerprint
            for commit in commits
            if (commit.source, commit.stream) == (stream.source, stream.name)
        }
        connection.execute(
            f"create or replace view landing.{table_of(stream)} as "
            + reading(
                seen_files(manifest, stream, as_of), stream, mixed_schemas=len(fingerprints) > 1
            )
        )
    _create_tables(connection, manifest, commits, as_of)


def reading(files: list[str], stream: Stream, *, mixed_schemas: bool = True) -> str:
    """A select over landed files with the stream's declared columns, empty where none landed.

    Args:
        files: full addresses.
        stream: says which columns there must be; files from before a column existed lack it.
        mixed_schemas: look into every file for its columns (slower) instead of the first only.
    """
    columns = [*stream.schema, *TECHNICAL_COLUMNS, pa.field("event_date", pa.date32())]
    empty = (
        "select "
        + ", ".join(
            f'cast(null as {duckdb_type(column.type)}) as "{column.name}"' for column in columns
        )
        + " where false"
    )
    if not files:
        return empty
    listed = ", ".join("'" + file.replace("'", "''") + "'" for file in files)
    # names from our own manifest, quotes doubled
    return (
        f"{empty} union all by name select * from read_parquet([{listed}], "  # noqa: S608
        "hive_partitioning = true, hive_types = {'event_date': date}, "
        f"union_by_name = {str(mixed_schemas).lower()})"
    )


def duckdb_type(type_: pa.DataType) -> str:
    """The DuckDB name of a landed column's type."""
    if pa.types.is_timestamp(type_):
        return "timestamp with time zone" if type_.tz else "timestamp"
    names = {
        pa.string(): "varchar",
        pa.int64(): "bigint",
        pa.int32(): "integer",
        pa.float64(): "double",
        pa.bool_(): "boolean",
        pa.date32(): "date",
    }
    return names[type_]


def _create_tables(
    connection: duckdb.DuckDBPyConnection,
    manifest: Manifest,
    commits: list[Commit],
    as_of: datetime,
) -> None:
    pulls = pa.table(  # noqa: F841, found by name
        [[getattr(commit, name) for commit in commits] for name in _PULL_COLUMNS],
        schema=pa.schema(
            [
                (name, pa.timestamp("us", tz="UTC") if name == "pulled_at" else pa.string())
                for name in _PULL_COLUMNS
            ]
        ),
    )
    declared = [
        (
            s.source,
            s.name,
            str(s.kind),
            f"{s.ready_at:%H:%M}",
            s.revised_for_days,
            s.channel_column is not None,
            s.measures[0],
        )
        for s in all_streams()
    ]
    streams = pa.table(  # noqa: F841, found by name
        dict(
            zip(
                (
                    "source",
                    "stream",
                    "kind",
                    "ready_at",
                    "revised_for_days",
                    "has_channels",
                    "primary_measure",
                ),
                zip(*declared, strict=True),
                strict=True,
            )
        )
    )
    commit_days = manifest.commits_frame(as_of)  # noqa: F841, found by name
    arrivals = manifest.arrivals_frame(as_of)  # noqa: F841, found by name
    connection.execute("create or replace table landing.pulls as select * from pulls")
    connection.execute("create or replace table landing.streams as select * from streams")
    connection.execute("""
        create or replace table landing.commits as
        select source::varchar as source, stream::varchar as stream, kind::varchar as kind,
            account::varchar as account, run_id::varchar as run_id,
            pulled_at::timestamptz as pulled_at, event_date::date as event_date,
            rows_of_day::bigint as rows_of_day,
            content_hash::varchar as content_hash, unknown_fields::bigint as unknown_fields,
            is_not_ready::boolean as is_not_ready
        from commit_days""")
    connection.execute("""
        create or replace table landing.arrivals as
        select source::varchar as source, stream::varchar as stream, account::varchar as account,
            channel::varchar as channel, measure::varchar as measure,
            event_date::date as event_date, pulled_at::timestamptz as pulled_at,
            delay_days::integer as delay_days,
            value::double as value
        from arrivals""")


_PULL_COLUMNS = ("source", "stream", "kind", "account", "run_id", "pulled_at")
