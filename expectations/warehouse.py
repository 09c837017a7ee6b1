"""Reduce facts and marts to one row per rule, by DuckDB, on the working database (read-only).

A missing table or a locked database is an error of the check: it raises, and the gate reports it
as such and holds the publish.
"""

from datetime import datetime
from typing import TYPE_CHECKING

from expectations.checks import KEY, Break, CheckerError
from expectations.suites.warehouse_tables import FACTS, KEPT_TOTALS, MARTS, Table
from expectations.verdict import BLOCK, BROKEN_RULE, FAMILIES, Verdict
from siyu.calendar import aware
from siyu.clock import day_of
from siyu.settings import Settings

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

# a build that has begun is waited for: "in use" says nothing about the data
WRITER_SECONDS = 300
TEXTS = {
    "has_rows": ("表为空", "the table is empty"),
    "key_is_unique": ("主键重复", "rows repeat the key"),
    "key_is_complete": ("主键为空", "rows lack their key"),
    "rates_within_0_and_1": ("比率超出 0 到 1", "rates outside 0 to 1"),
    "is_as_of": ("数据时点与本次不符", "the table shows another moment than this run"),
    "total_is_kept": ("与上游合计不一致", "the total differs from what it is made of"),
}
FIGURES = {
    "key_is_unique": "duplicate_keys",
    "key_is_complete": "null_keys",
    "rates_within_0_and_1": "rows_out_of_range",
}


def rules_frame(settings: Settings, gate: str, as_of: datetime) -> "pd.DataFrame":
    """One row per table, and one per total that two tables must share.

    Raises:
        CheckerError: a table is missing or cannot be read.
        SiyuError: nothing was built yet, or another process holds the database.
    """
    import duckdb
    import pandas as pd

    from siyu.warehouse import connect

    rows = []
    with connect(settings, wait_seconds=WRITER_SECONDS) as connection:
        try:
            for table in FACTS if gate == "fact" else MARTS:
                rows.append(_table_row(connection, table, as_of))
            for name, left, right in KEPT_TOTALS[gate]:
                kept = connection.execute(
                    f"select ({left}) is not distinct from ({right})"  # noqa: S608 - our own
                ).fetchone()[0]
                rows.append(_row(name, total_is_kept=bool(kept)))
        except duckdb.Error as error:
            raise CheckerError(
                f"The {gate} tables cannot be read: {str(error).splitlines()[0]}",
                where=str(settings.warehouse),
                action="run `siyu build`, then `siyu gate` again",
            ) from error
    return pd.DataFrame(rows)


def verdicts(
    frame: "pd.DataFrame", breaks: list[Break], gate: str, as_of: datetime
) -> list[Verdict]:
    """One verdict per row of the frame; the first broken rule names it."""
    broken: dict[str, Break] = {}
    for found in breaks:
        broken.setdefault(found.key, found)
    result = []
    for row in frame.to_dict("records"):
        found = broken.get(row[KEY])
        common = {
            "gate": gate,
            "as_of_at": as_of,
            "event_date": day_of(as_of),
            "source": "siyu",
            "stream": row[KEY],
            "family": FAMILIES[BROKEN_RULE],
        }
        if not found:
            result.append(Verdict(check="rules_hold", passed=True, severity=BLOCK, **common))
            continue
        zh, en = TEXTS[found.check]
        figure = row.get(FIGURES.get(found.check, ""))
        number = f" ({figure:g})" if figure is not None else ""
        result.append(
            Verdict(
                check=found.check,
                passed=False,
                severity=found.severity,
                cause=found.cause,
                observed=figure,
                detail_zh=f"{row[KEY]}：{zh}{number}",
                detail_en=f"{row[KEY]}: {en}{number}",
                **common,
            )
        )
    return result


def _table_row(connection: "duckdb.DuckDBPyConnection", table: Table, as_of: datetime) -> dict:
    name, key = f"{table.schema}.{table.name}", ", ".join(table.key)
    nulls = " or ".join(f"{column} is null" for column in table.key)
    outside = " or ".join(f"{column} not between 0 and 1" for column in table.rates) or "false"
    count, duplicates, without_key, out_of_range = connection.execute(
        # names come from expectations.suites.warehouse_tables alone
        f"select count(*), count(*) - count(distinct ({key})), count(*) filter (where {nulls}), "  # noqa: S608
        f"count(*) filter (where {outside}) from {name}"
    ).fetchone()
    is_as_of = True
    if table.has_as_of:
        other = connection.execute(
            f"select count(*) from {name} where as_of_at is distinct from ?::timestamptz",  # noqa: S608
            [aware(as_of).isoformat()],
        ).fetchone()[0]
        is_as_of = not other
    return _row(
        table.name,
        has_rows=count > 0 or table.may_be_empty,
        duplicate_keys=duplicates,
        null_keys=without_key,
        rows_out_of_range=out_of_range,
        is_as_of=is_as_of,
    )


def _row(key: str, **figures: object) -> dict:
    return {
        KEY: key,
        "has_rows": True,
        "duplicate_keys": 0,
        "null_keys": 0,
        "rows_out_of_range": 0,
        "is_as_of": True,
        "total_is_kept": True,
    } | figures
