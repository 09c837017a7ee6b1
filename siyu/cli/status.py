"""`siyu status`: one look at what is landed, late, open and published."""

import sys
from datetime import datetime

import click

from siyu.calendar import SHANGHAI
from siyu.cli import emit, json_option, reports_errors
from siyu.settings import Settings


@click.command()
@click.option("--as-of", metavar="MOMENT", help="Look as of this moment; default now.")
@json_option
@reports_errors
def status(as_of: str | None, as_json: bool) -> None:
    """Show the newest landed day of every stream, open incidents and the published snapshot.

    \b
    Example:
      siyu status
      siyu status --json | jq .incidents
    """  # noqa: D301 - click wants the backspace character itself
    from expectations import incidents, published_as_of
    from extractors.core.manifest import Manifest
    from siyu.clock import now
    from siyu.cycle import incident_json

    settings = Settings()
    moment = now(settings, as_of)
    streams = newest_days(Manifest(settings.landing_address).commits(as_of=moment))
    opened = [i for i in incidents(settings, moment) if i.recovered_at is None]
    snapshot = published_as_of(settings)
    if as_json:
        emit(
            {
                "as_of_at": moment.isoformat(),
                "home": str(settings.root),
                "streams": streams,
                "incidents": [incident_json(i) for i in opened],
                "published_as_of_at": snapshot and snapshot.isoformat(),
            }
        )
        return
    from rich.console import Console
    from rich.table import Table

    out = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    out.print(f"状态 Status as of {shanghai(moment)}   home {settings.root}")
    if not streams:
        out.print("nothing landed yet: `siyu pull`, or `make demo` to see it work")
    table = Table()
    for heading in (
        "来源 source",
        "账号 account",
        "数据流 stream",
        "最新业务日 newest day",
        "拉取于 pulled at (Shanghai)",
        "行 rows",
    ):
        table.add_column(heading)
    for row in streams:
        table.add_row(
            row["source"],
            row["account"],
            row["stream"],
            row["newest_event_date"],
            shanghai(row["pulled_at"]),
            f"{row['rows']:,}",
        )
    if streams:
        out.print(table)
    for incident in opened:
        where = "/".join(
            filter(None, (incident.source, incident.account, incident.channel, incident.stream))
        )
        out.print(
            f"[red]● {incident.cause}[/] {where} since {incident.first_date}  "
            f"→ siyu repair {incident.id}"
        )
    if not opened:
        out.print("[green]无未恢复事故 no open incident[/]")
    out.print(f"已发布 published: {shanghai(snapshot) if snapshot else 'nothing yet'}")
    if snapshot and (behind := (moment - snapshot).days) >= 1:
        out.print(f"[red]已发布数据落后 {behind} 天[/] published numbers are {behind} days behind")


def shanghai(moment: datetime) -> str:
    """A moment as people here read it."""
    return f"{moment.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"


def newest_days(commits: list) -> list[dict]:
    """The newest pull of every source, account and stream, sorted by them."""
    newest: dict[tuple, object] = {}
    for commit in commits:
        key = (commit.source, commit.account, commit.stream)
        if key not in newest or commit.pulled_at > newest[key].pulled_at:
            newest[key] = commit
    return [
        {
            "source": c.source,
            "account": c.account,
            "stream": c.stream,
            "newest_event_date": str(max(c.covered_dates, default="—")),
            "pulled_at": c.pulled_at,
            "rows": c.rows,
        }
        for _, c in sorted(newest.items())
    ]
