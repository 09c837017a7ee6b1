"""Connections to the working database, and queries on what is published."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from siyu.errors import SiyuError, UsageError
from siyu.settings import Settings

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


class DatabaseInUseError(SiyuError):
    """Another process holds the working database; it is free again once that has ended."""


@contextmanager
def connect(
    settings: Settings, read_only: bool = True, *, wait_seconds: float = 0
) -> Iterator[duckdb.DuckDBPyConnection]:
    """The working database, closed again when the block ends.

    Args:
        settings: say where it is.
        read_only: False takes the one writer's place.
        wait_seconds: how long to wait for another process to let go of it.

    Raises:
        SiyuError: nothing was built yet.
        DatabaseInUseError: another process holds the database, also after the wait.
    """
    if read_only and not settings.warehouse.exists():
        raise SiyuError(
            "Nothing has been built yet",
            where=str(settings.warehouse),
            action="run `siyu build` first",
        )
    attempts = Retrying(
        retry=retry_if_exception_type(DatabaseInUseError),
        stop=stop_after_delay(wait_seconds),
        wait=wait_fixed(0.5),
        reraise=True,
    )
    connection = attempts(open_database, settings.warehouse, read_only=read_only)
    try:
        yield connection
    finally:
        connection.close()


def open_database(path: Path, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    """A connection whose clock is UTC; a lock held elsewhere becomes a message to act on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        connection = duckdb.connect(str(path), read_only=read_only)
    except duckdb.IOException as error:
        text = str(error)
        if "lock" in text.lower():
            raise DatabaseInUseError(
                "The working database is in use by another process",
                where=str(path),
                action="wait until that build or query has ended, then run this "
                f"again ({_holder(text)})",
            ) from None
        raise SiyuError(
            f"The working database cannot be opened ({_first_line(text)})",
            where=str(path),
            action="check the disk and the permissions; the file can be deleted, the "
            "next build makes it anew from the landing",
        ) from None
    connection.execute("set timezone = 'UTC'")
    return connection


def query(settings: Settings, sql: str) -> "pd.DataFrame":
    """As `query_table`, as a pandas frame: amounts are floats, nullable counts too."""
    return _ask(settings, sql).df()


def query_table(settings: Settings, sql: str) -> "pa.Table":
    """Rows of the published marts, e.g. `select * from mart_kpi_daily`, with their exact types.

    The snapshot is opened read-only and nothing outside it can be reached, so that a query can
    neither write nor read other files.

    Raises:
        SiyuError: nothing is published yet.
        UsageError: the statement is not a query, or is wrong.
    """
    return _ask(settings, sql).to_arrow_table()


def _ask(settings: Settings, sql: str) -> duckdb.DuckDBPyConnection:
    if not settings.published.exists():
        raise SiyuError(
            "Nothing is published yet",
            where=str(settings.published),
            action="run `siyu build` and `siyu publish` (or `make demo`)",
        )
    # closed with the result that the caller takes from it
    connection = duckdb.connect(str(settings.published), read_only=True)
    connection.execute("set timezone = 'UTC'")
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")
    try:
        statements = connection.extract_statements(sql)
        readable = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)
        if len(statements) != 1 or statements[0].type not in readable:
            raise UsageError(
                "Only one query at a time, and only a reading one",
                where=_first_line(sql),
                action="start it with select, with, from, describe or show",
            )
        return connection.execute(statements[0])
    except duckdb.Error as error:
        # whole: the lines after the first hold DuckDB's own "Did you mean" and the place
        raise UsageError(
            f"The query failed: {str(error).strip()}",
            action='`siyu query "show tables"` lists the marts, `describe <mart>` its columns',
        ) from None


def _holder(text: str) -> str:
    start = text.find("PID")
    return text[start:].split(")")[0] if start >= 0 else "its holder is not known"


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else "empty"
