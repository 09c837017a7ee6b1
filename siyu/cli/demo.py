"""`siyu demo`: the whole way, from API traffic to published marts, on embedded defaults."""

import signal
import threading
import time
from datetime import timedelta

import click

from siyu.calendar import SHANGHAI
from siyu.cli import emit, json_option, reports_errors
from siyu.settings import Settings

KPI_ROWS = """
    select
        dim_metric.name_zh,
        metric_id,
        strftime(period_start_date, '%Y-%m-%d') as period_start_date,
        value,
        completeness,
        is_final
    from mart_kpi_daily
    inner join dim_metric using (metric_id)
    where period = 'day' and dimension = 'all'
    order by metric_id, period_start_date desc
"""
KPIS = ("dau", "new_customers", "gmv", "ad_cost", "platform_conversions")


@click.command()
@click.option("--stay", is_flag=True, help="Leave sandbox and Airflow running until Ctrl-C.")
@click.option("--stop", is_flag=True, help="End a demo that was left running.")
@json_option
@reports_errors
def demo(stay: bool, stop: bool, as_json: bool) -> None:
    """Run the main job on embedded defaults and print a short report.

    45 business days of a seeded world: 44 on the fast path, the newest through a real Airflow.
    One channel freezes for four days on the way. State lands in SIYU_HOME (./var).

    \b
    Example:
      siyu demo            runs, reports, ends
      siyu demo --stay     the same, left running with the Airflow UI
    """  # noqa: D301 - click wants the backspace character itself
    from siyu import demo as engine

    settings = Settings()
    if stop:
        ended = engine.stop_running(settings)
        click.echo("ended" if ended else "nothing was running")
        return
    begun = time.monotonic()

    def say(text: str) -> None:
        if not as_json:
            click.echo(f"[{time.monotonic() - begun:5.0f} s] {text}")

    def report(result: object) -> None:
        figures = collect(settings, result) | {"is_running": stay}
        emit(figures) if as_json else show(figures)

    if stay:

        def wait(result: object) -> None:
            report(result)
            click.secho(
                "\nLeft running. Ctrl-C, or `make down` from another terminal, ends it.", bold=True
            )
            ended = threading.Event()
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: ended.set())
            ended.wait()

        engine.run_demo(settings, say, stay=wait)
    else:
        report(engine.run_demo(settings, say))


def collect(settings: Settings, result: object) -> dict:
    """The report's figures, read from what was published and logged."""
    from expectations import incidents
    from siyu.demo import LAST
    from siyu.warehouse import query

    rows = query(settings, KPI_ROWS)
    kpis = rows[
        rows["metric_id"].isin(KPIS)
        & rows["period_start_date"].isin([str(LAST - timedelta(n)) for n in (0, 3, 14)])
    ]
    return {
        "days": result.days,
        "rows": result.rows,
        "verdicts": result.verdicts,
        "failing": result.failing,
        "seconds": {k: round(v, 1) for k, v in result.seconds.items()},
        "airflow": result.airflow_runs,
        "airflow_url": result.airflow_url,
        "sandbox_url": result.sandbox_url,
        "incidents": [
            {
                "id": i.id,
                "cause": i.cause,
                "source": i.source,
                "account": i.account,
                "channel": i.channel,
                "stream": i.stream,
                "first_date": str(i.first_date),
                "last_date": str(i.last_date),
                "opened_at": i.opened_at,
                "recovered_at": i.recovered_at,
            }
            for i in incidents(settings)
        ],
        "kpis": kpis.to_dict("records"),
        "published": str(settings.published),
    }


def show(figures: dict) -> None:
    """Print the report for a person."""
    from rich.console import Console
    from rich.table import Table

    out = Console(highlight=False)
    out.print()
    out.rule("[bold]结果 Report")
    seconds = ", ".join(f"{name} {value:.0f} s" for name, value in figures["seconds"].items())
    out.print(
        f"{figures['days']} business days, {figures['rows']:,} rows landed, "
        f"{figures['verdicts']:,} verdicts, {figures['failing']} failing  ({seconds})"
    )
    for incident in figures["incidents"]:
        where = "/".join(
            filter(
                None,
                (incident["source"], incident["account"], incident["channel"], incident["stream"]),
            )
        )
        out.print(
            f"[yellow]事故 incident[/] {incident['cause']} {where}: business days "
            f"{incident['first_date']} … {incident['last_date']}, opened "
            f"{incident['opened_at'].astimezone(SHANGHAI):%m-%d %H:%M}, recovered "
            f"{incident['recovered_at'].astimezone(SHANGHAI):%m-%d %H:%M} (Shanghai)"
            if incident["recovered_at"]
            else f"[red]事故 incident[/] {incident['cause']} {where} is open"
        )
    days = sorted({str(row["period_start_date"])[:10] for row in figures["kpis"]}, reverse=True)
    cells = {(row["metric_id"], str(row["period_start_date"])[:10]): row for row in figures["kpis"]}
    names = {row["metric_id"]: row["name_zh"] for row in figures["kpis"]}
    table = Table(title="五个指标 Five KPIs: 值 value, 完整度 completeness")
    table.add_column("指标 KPI")
    for day in days:
        table.add_column(day, justify="right")
    for metric_id in KPIS:
        table.add_row(
            f"{names[metric_id]} {metric_id}", *(_cell(cells.get((metric_id, day))) for day in days)
        )
    out.print(table)
    out.print("定稿 final: no mark · 仍会变 still moves: [yellow]↻[/] with how much of it is known")
    out.print("[bold]接着看 Where to look next[/]")
    out.print('  .venv/bin/siyu query "select * from mart_data_freshness"')
    out.print("  .venv/bin/siyu incidents         .venv/bin/siyu status")
    if figures["is_running"]:
        out.print(f"  Airflow      {figures['airflow_url']}")
        out.print(f"  robot wall   {figures['sandbox_url']}/robot")
        out.print(f"  export SIYU_SANDBOX_URL={figures['sandbox_url']}   to pull from the sandbox")
    else:
        out.print(
            "  make up      the same, left running: Airflow UI and the robot's wall of alerts"
        )


def _cell(row: dict | None) -> str:
    if row is None or row["value"] is None:
        return "—"
    value = f"{row['value']:,.2f}".removesuffix(".00")
    if row["is_final"]:
        return value
    known = "?" if row["completeness"] is None else f"{row['completeness']:.0%}"
    return f"[yellow]↻[/] {value} ({known})"
