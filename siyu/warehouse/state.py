"""What the last good build of each layer had seen. Kept in the database that it speaks about."""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path

import duckdb

from extractors.registry import all_streams

PROJECT = Path(__file__).parents[2] / "dbt_project"


@dataclass(frozen=True)
class LayerState:
    """A layer's last good build.

    Attributes:
        as_of: the moment it was built as of.
        code: fingerprint of the models and of the streams' schemas it was built with.
        first_date: first business day that was landed then.
        documents: the manifest documents it had seen.
    """

    as_of: datetime
    code: str
    first_date: date | None
    documents: frozenset[str]


def code_fingerprint() -> str:
    """A hash that changes when any model, macro, seed or stream schema does."""
    digest = hashlib.sha256()
    for path in sorted(PROJECT.rglob("*")):
        if path.suffix in {".sql", ".yml", ".csv"} and "target" not in path.parts:
            digest.update(str(path.relative_to(PROJECT)).encode() + path.read_bytes())
    digest.update(_schemas().encode())
    return digest.hexdigest()[:16]


def read_state(connection: duckdb.DuckDBPyConnection, layer: str) -> LayerState | None:
    """The layer's last good build, or None where it never was built."""
    known = connection.execute(
        "select count(*) from duckdb_tables() where schema_name = 'landing' "
        "and table_name in ('build_state', 'built_commits')"
    ).fetchone()[0]
    if known < 2:
        return None
    row = connection.execute(
        "select as_of, code, first_date from landing.build_state where layer = ?", [layer]
    ).fetchone()
    if row is None:
        return None
    documents = connection.execute(
        "select document from landing.built_commits where layer = ?", [layer]
    ).fetchall()
    return LayerState(row[0].astimezone(UTC), row[1], row[2], frozenset(d for (d,) in documents))


def write_state(
    connection: duckdb.DuckDBPyConnection, layers: list[str], state: LayerState
) -> None:
    """Remember a good build, in one transaction: it is remembered whole or not at all."""
    connection.execute("create schema if not exists landing")
    connection.execute("begin")
    connection.execute(
        "create table if not exists landing.build_state "
        "(layer varchar, as_of timestamptz, code varchar, first_date date)"
    )
    connection.execute(
        "create table if not exists landing.built_commits (layer varchar, document varchar)"
    )
    for layer in layers:
        connection.execute("delete from landing.build_state where layer = ?", [layer])
        connection.execute("delete from landing.built_commits where layer = ?", [layer])
        connection.execute(
            "insert into landing.build_state values (?, ?, ?, ?)",
            [layer, state.as_of, state.code, state.first_date],
        )
        connection.execute(
            "insert into landing.built_commits select ?, unnest(from_json(?, '[\"varchar\"]'))",
            [layer, json.dumps(sorted(state.documents))],
        )
    connection.execute("commit")


def begin_build(connection: duckdb.DuckDBPyConnection, layers: list[str]) -> None:
    """Note that from now on the tables of these layers may be of two builds."""
    connection.execute("create schema if not exists landing")
    connection.execute("create table if not exists landing.unfinished_layers (layer varchar)")
    connection.execute(
        "insert into landing.unfinished_layers select unnest(from_json(?, '[\"varchar\"]'))",
        [json.dumps(layers)],
    )


def end_build(connection: duckdb.DuckDBPyConnection, layers: list[str]) -> None:
    """Note that these layers are whole again."""
    connection.execute(
        "delete from landing.unfinished_layers "
        "where layer in (select unnest(from_json(?, '[\"varchar\"]')))",
        [json.dumps(layers)],
    )


def unfinished_layers(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Layers whose last build failed or was killed: nobody may be shown them."""
    known = connection.execute(
        "select count(*) from duckdb_tables() "
        "where schema_name = 'landing' and table_name = 'unfinished_layers'"
    ).fetchone()[0]
    if not known:
        return []
    found = connection.execute("select distinct layer from landing.unfinished_layers order by 1")
    return [layer for (layer,) in found.fetchall()]


@cache
def _schemas() -> str:
    return "|".join(f"{s.address}:{s.kind}:{s.schema}:{s.revised_for_days}" for s in all_streams())
