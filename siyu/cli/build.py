"""`siyu build` and `siyu query`: build the warehouse, read what is published."""

import re
import sys
from difflib import get_close_matches
from typing import TYPE_CHECKING

import click

from siyu.cli import emit, json_option, reports_errors
from siyu.clock import now
from siyu.errors import UsageError
from siyu.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa


@click.command()
@click.option("--as-of", metavar="MOMENT", help="See only pulls up to this moment [now].")
@click.option("--select", metavar="LAYER", help="`facts`, `marts` or a dbt selection [all].")
@click.option("--full-refresh", is_flag=True, help="Rebuild every business day.")
@click.option("--tests/--no-tests", "with_tests", default=True, help="Run the data tests [yes].")
@json_option
@reports_errors
def build(
    as_of: str | None, select: str | None, full_refresh: bool, with_tests: bool, as_json: bool
) -> None:
    """Build facts and marts for the business days that the pulls since the last build touched.

    \b
    Example:
      siyu build
      siyu build --as-of 2026-04-13T10:30+08:00
      siyu build --select facts
    """  # noqa: D301 - click wants the backspace character itself
    from siyu.warehouse import build as build_warehouse

    settings = Settings()
    result = build_warehouse(
        settings,
        as_of=now(settings, as_of),
        select=select,
        full_refresh=full_refresh,
        with_tests=with_tests,
        on_progress=_show if sys.stdout.isatty() and not as_json else None,
    )
    if as_json:
        emit(
            {
                "models": result.models,
                "tests": result.tests,
                "seconds": round(result.seconds, 2),
                "affected_dates": result.affected_dates,
                "is_full": result.is_full,
                "reason": result.reason,
                "as_of": result.as_of,
                "failures": result.failures,
            }
        )
        return
    days = "every day" if result.is_full else f"{len(result.affected_dates)} business days"
    click.echo(
        f"\r\033[K✓ {result.models} models and {result.tests} tests in "
        f"{result.seconds:.1f} s; rebuilt {days} ({result.reason})"
    )
    click.echo("  readers see it after `siyu gate fact mart` and `siyu publish`")


# a query may begin with a comment, which looks like an option
@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("sql")
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="Print comma-separated values.")
@reports_errors
def query(sql: str, as_json: bool, as_csv: bool) -> None:
    """Ask the published marts, read-only.

    \b
    Example:
      siyu query "show tables"
      siyu query "select period_start_date, value, completeness from mart_kpi_daily
                  where metric_id = 'gmv' and period = 'day' and dimension = 'all'"
    """  # noqa: D301 - click wants the backspace character itself
    from siyu.warehouse import query_table

    if as_csv and as_json:
        raise UsageError("--json and --csv exclude each other", action="give one of them")
    table = query_table(Settings(), sql)
    if as_csv:
        import pandas as pd

        # Arrow's own types: a count with gaps stays a whole number
        frame = table.to_pandas(types_mapper=pd.ArrowDtype)
        click.echo(frame.to_csv(index=False), nl=False)
    elif as_json:
        emit(table.to_pylist())
    else:
        print_table(table)
        for hint in () if table.num_rows else _unknown_metrics(sql):
            click.secho(hint, fg="yellow", err=True)


def _unknown_metrics(sql: str) -> list[str]:
    """What to say of metric ids in a query without rows that no metric has."""
    from siyu.warehouse import query_table

    asked = re.findall(r"metric_id\s*(?:=|in\s*\()\s*'([^']+)'", sql, re.IGNORECASE)
    if not asked:
        return []
    known = query_table(Settings(), "select metric_id from dim_metric")["metric_id"].to_pylist()
    return [
        f"没有指标 no metric '{name}'; "
        + (f"did you mean {', '.join(near)}? " if (near := get_close_matches(name, known)) else "")
        + "the table dim_metric has them all"
        for name in asked
        if name not in known
    ]


def print_table(table: "pa.Table") -> None:
    """Columns of text, never cut: whoever copies a value gets the whole of it."""
    import pyarrow as pa
    from rich.console import Console
    from rich.table import Table

    out = Table(box=None, header_style="bold", pad_edge=False)
    for column in table.schema:
        is_number = (
            pa.types.is_integer(column.type)
            or pa.types.is_floating(column.type)
            or pa.types.is_decimal(column.type)
        )
        out.add_column(column.name, justify="right" if is_number else "left", no_wrap=True)
    for row in table.to_pylist():
        out.add_row(*(_text(value) for value in row.values()))
    if table.num_rows:
        Console(highlight=False, width=100_000, markup=False, soft_wrap=True).print(out)
    click.echo(f"({table.num_rows} rows)")


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.10g}"
    return str(value)


def _show(done: int, total: int, name: str) -> None:
    click.echo(f"\r\033[K{done}/{total} {name}", nl=False)
