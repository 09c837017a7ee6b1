"""`siyu build` and `siyu query`: build the warehouse, read what is published."""

import sys

import click

from siyu.cli import emit, json_option, reports_errors
from siyu.clock import now
from siyu.settings import Settings


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


@click.command()
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
    import orjson

    from siyu.warehouse import query as query_marts

    frame = query_marts(Settings(), sql)
    if as_csv:
        click.echo(frame.to_csv(index=False), nl=False)
    elif as_json:
        text = frame.to_json(orient="records", date_format="iso", force_ascii=False)
        emit(orjson.loads(text))
    else:
        click.echo(frame.to_string(index=False, na_rep="") if len(frame) else "(no rows)")
        click.echo(f"{len(frame)} rows")


def _show(done: int, total: int, name: str) -> None:
    click.echo(f"\r\033[K{done}/{total} {name}", nl=False)
