"""`siyu replay`: the daily cycle, day by day on the virtual clock, without Airflow."""

import sys
from datetime import date

import click

from siyu.calendar import parse_date
from siyu.cli import emit, json_option, reports_errors
from siyu.settings import Settings


@click.command()
@click.option("--from", "first", required=True, metavar="DATE", help="First business day.")
@click.option("--to", "last", required=True, metavar="DATE", help="Last business day, included.")
@click.option(
    "--build",
    type=click.Choice(["last", "daily"]),
    default="last",
    show_default=True,
    help="Build and publish on the last day only, or every day.",
)
@click.option("--seed", type=int, default=7, show_default=True, help="Seed of the sandbox world.")
@click.option(
    "--world",
    type=click.Choice(["small", "demo", "large"]),
    default="demo",
    show_default=True,
    help="Size of the sandbox world.",
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="KEY=VALUE,…",
    help="Fault to inject, e.g. source=page_events,account=h5_main,"
    "channel=live_stream,kind=freeze,from=2026-05-11,days=4",
)
@json_option
@reports_errors
def replay(
    first: str, last: str, build: str, seed: int, world: str, faults: tuple[str, ...], as_json: bool
) -> None:
    """Run the daily cycle for each business day of a window.

    Uses the sandbox at SIYU_SANDBOX_URL, or starts one for the time of the replay. Data lands in
    SIYU_HOME. A replay that was interrupted goes on where it stopped.

    \b
    Example:
      siyu replay --from 2026-04-13 --to 2026-05-27
      siyu replay --from 2026-04-13 --to 2026-05-27 --json | jq .opened
    """  # noqa: D301 - click wants the backspace character itself
    from siyu import replay as engine

    start, end = parse_date(first), parse_date(last)
    settings = Settings()
    with engine.sandbox(settings, size=world, seed=seed, first=start) as live:
        for fault in faults:
            engine.add_fault(live.sandbox_url, fault)
        show = _Progress(quiet=as_json)
        failed = False
        for result in engine.replay(live, start, end, build=build, on_progress=show.step):
            failed = failed or bool(result.errors) or result.published is False
            if as_json:
                emit(result.as_json())
            else:
                show.day(result)
    sys.exit(1 if failed else 0)


class _Progress:
    """A line a day on stdout; on a terminal, what happens now as well."""

    def __init__(self, *, quiet: bool) -> None:
        self.live = sys.stderr.isatty() and not quiet

    def step(self, day: date, text: str) -> None:
        if self.live:
            click.echo(f"\r\033[K{day} {text}"[:110], nl=False, err=True)

    def day(self, result: object) -> None:
        if self.live:
            click.echo("\r\033[K", nl=False, err=True)
        click.echo(day_line(result))
        for pull in result.errors:
            click.secho(f"    ✗ {pull.error}", fg="red")
        for incident in result.opened:
            click.secho(
                f"    ▲ {incident.cause} {scope(incident)} since {incident.first_date}", fg="yellow"
            )
        for incident in result.recovered:
            click.secho(f"    ✓ recovered: {incident.cause} {scope(incident)}", fg="green")
        if result.published is False:
            click.secho(f"    ■ held: {result.held_because}", fg="red")


def scope(incident: object) -> str:
    """Source, account, channel and stream of an incident in one word."""
    return "/".join(
        filter(None, (incident.source, incident.account, incident.channel, incident.stream))
    )


def day_line(result: object) -> str:
    """One business day in one line: rows landed, verdicts, messages, whether it was published."""
    rows = sum(pull.commit.rows for pull in result.pulls if pull.commit)
    failing = [v for v in result.verdicts if not v.passed]
    published = {True: "  published", False: "  held", None: ""}[result.published]
    return (
        f"{result.date}  {rows:>7,} rows  {len(result.verdicts):>4} verdicts  "
        f"{len(failing):>2} failing  {len(result.messages)} messages{published}"
    )
