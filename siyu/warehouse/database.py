"""Connections to the working database, and queries on what is published."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from siyu.errors import SiyuError, UsageError
from siyu.settings import Settings

if TYPE_CHECKING:
    import pandas as pd


@contextmanager
def connect(settings: Settings, read_only: bool = True) -> Iterator[duckdb.DuckDBPyConnection]:
    """The working database, closed again when the block ends.

    Raises:
        SiyuError: nothing was built yet, or another process holds the database.
    """
    if read_only and not settings.warehouse.exists():
        raise SiyuError(
            "Nothing has been built yet",
            where=str(settings.warehouse),
            action="run `siyu build` first",
        )
    connection = open_database(settings.warehouse, read_only=read_only)
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
            raise SiyuError(
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
    """Rows of the published marts, e.g. `select * from mart_kpi_daily`.

    The snapshot is opened read-only and nothing outside it can be reached, so that a query can
    neither write nor read other files.

    Raises:
        SiyuError: nothing is published yet.
        UsageError: the statement is not a query, or is wrong.
    """
    if not settings.published.exists():
        raise SiyuError(
            "Nothing is published yet",
            where=str(settings.published),
            action="run `siyu build` and `siyu publish` (or `make demo`)",
        )
    with duckdb.connect(str(settings.published), read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute("set enable_external_access = false")
        connection.execute("set lock_configuration = true")
        return _fetch(connection, sql)


def _fetch(connection: duckdb.DuckDBPyConnection, sql: str) -> "pd.DataFrame":
    try:
        statements = connection.extract_statements(sql)
        readable = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)
        if len(statements) != 1 or statements[0].type not in readable:
            raise UsageError(
                "Only one query at a time, and only a reading one",
                where=_first_line(sql),
                action="start it with select, with, from, describe or show",
            )
        return connection.execute(statements[0]).df()
    except duckdb.Error as error:
        raise UsageError(
            f"The query failed: {_first_line(str(error))}",
            action='`siyu query "show tables"` lists the marts, `describe <mart>` its columns',
        ) from None


def _holder(text: str) -> str:
    start = text.find("PID")
    return text[start:].split(")")[0] if start >= 0 else "its holder is not known"


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else "empty"
