"""`siyu nowcast`: what late numbers will end up as, and how good that has been."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from siyu.calendar import is_holiday, parse_date
from siyu.cli import emit, json_option, reports_errors
from siyu.errors import SiyuError, UsageError
from siyu.settings import Settings as Home

if TYPE_CHECKING:
    from datetime import date

    import pandas as pd

    from siyu.nowcast import Settings
    from siyu.nowcast.reading import ReadTriangle

NAMES = {
    "event_date": "reference_date",
    "value": "known",
    "nowcast": "estimate",
    "nowcast_low": "low",
    "nowcast_high": "high",
}

COLUMNS = (
    "reference_date",
    "known",
    "completeness",
    "completeness_low",
    "completeness_high",
    "estimate",
    "low",
    "high",
)


def _options(command: Callable) -> Callable:
    for option in (
        click.option(
            "--no-shrinkage", is_flag=True, help="Neither shrink factors nor use a prior."
        ),
        click.option("--pooled", is_flag=True, help="One factor per delay, not per weekday."),
        click.option(
            "--rest-days",
            type=click.Choice(["china", "none"]),
            help="Calendar of rest days; default: none for a file, china for the landing.",
        ),
        click.option(
            "--max-delay",
            type=click.IntRange(min=1),
            help="Delay at which a number is final; default: learnt from the file.",
        ),
        click.option("--as-of", metavar="DATE", help="What was reported later is not looked at."),
        click.option(
            "--home", type=click.Path(path_type=Path), help="Home of the landing; or SIYU_HOME."
        ),
        click.option(
            "--triangle",
            type=click.Path(path_type=Path, dir_okay=False, exists=True),
            help="CSV: reference_date, delay, count (new reports at that delay).",
        ),
    ):
        command = option(command)
    return command


@click.group(invoke_without_command=True)
@_options
@click.option("--all", "show_all", is_flag=True, help="Show estimates that are not proven, too.")
@json_option
@click.pass_context
@reports_errors
def nowcast(
    context: click.Context,
    triangle: Path | None,
    home: Path | None,
    as_of: str | None,
    max_delay: int | None,
    rest_days: str | None,
    pooled: bool,
    no_shrinkage: bool,
    show_all: bool,
    as_json: bool,
) -> None:
    """Estimate what each day's number will end up as: estimate, 80 % interval, completeness.

    Of a reporting triangle in a file, or of everything in the landing. An estimate is shown only
    where its own back-test beats the known number and last week's same weekday; else the reason
    is. With --pooled and --no-shrinkage it is the textbook chain ladder with Mack's error.

    \b
    Example:
      siyu nowcast --triangle reports.csv --as-of 2026-04-13
      siyu nowcast --triangle reports.csv --as-of 2026-04-13 --json | jq '.rows[-1]'
      siyu nowcast backtest --triangle reports.csv
    """  # noqa: D301 - click wants the backspace character itself
    if context.invoked_subcommand:
        return
    from siyu.nowcast import Settings
    from siyu.nowcast import nowcast as estimate

    settings = Settings(weekday=not pooled, shrinkage=not no_shrinkage, suppress=not show_all)
    subject = _subject(triangle, home, as_of, max_delay, rest_days, settings)
    rows = subject.dated(estimate(**subject.arguments)).rename(columns=NAMES)
    totals = _totals(subject) if settings.is_textbook else None
    is_open = rows["reason"].ne("final")
    if as_json:
        document = subject.heading() | {"rows": _records(rows)}
        emit(document | ({"totals": totals} if totals else {}))
        return
    _print_rows(rows[is_open], subject)
    for total in totals or ():
        click.echo(
            f"still to come {total['reserve']:,.0f}, standard error "
            f"{total['standard_error']:,.0f} (Mack)"
        )


@nowcast.command()
@_options
@json_option
@reports_errors
def backtest(
    triangle: Path | None,
    home: Path | None,
    as_of: str | None,
    max_delay: int | None,
    rest_days: str | None,
    pooled: bool,
    no_shrinkage: bool,
    as_json: bool,
) -> None:
    """Print error and coverage by delay against the known number and last week's same weekday.

    Rolling origin: every estimate is made again from what was known on its own day; nothing later
    enters it. Errors are of what would have been shown, in percent of the final number.

    \b
    Example:
      siyu nowcast backtest --triangle reports.csv
      siyu nowcast backtest --home var --json
    """  # noqa: D301 - click wants the backspace character itself
    from siyu.nowcast import Settings, analyses, by_delay, past_estimates

    settings = Settings(weekday=not pooled, shrinkage=not no_shrinkage)
    subject = _subject(triangle, home, as_of, max_delay, rest_days, settings)
    past = past_estimates(analyses(**subject.arguments), settings)
    if past.empty:
        raise SiyuError(
            "Too little history to test an estimate on",
            where=subject.name,
            action="give a series several times as long as its longest delay, or a --max-delay",
        )
    parts = past.groupby(subject.groups, sort=True) if subject.groups else [((), past)]
    tables = [
        {
            **dict(zip(subject.groups, name, strict=True)),
            "shown": by_delay(part),
            "all": by_delay(part, shown=False),
        }
        for name, part in parts
    ]
    if as_json:
        for table in tables:
            table |= {which: _records(table[which]) for which in ("shown", "all")}
        emit(subject.heading() | {"backtests": tables})
        return
    for table in tables:
        _print_backtest(table, subject)


@dataclass(frozen=True)
class _Subject:
    """What is estimated: the arguments of `siyu.nowcast.nowcast` and how to name its rows."""

    name: str
    as_of: "date"
    period: str
    arguments: dict[str, Any]
    groups: list[str]
    read: "ReadTriangle | None" = None

    def heading(self) -> dict[str, Any]:
        """As of when, and after how many of which period a number counts as final."""
        return {
            "as_of": self.as_of,
            "period": self.period,
            "final_delay": self.arguments["final_delay"],
        }

    def title(self) -> str:
        """The same for people."""
        final = self.arguments["final_delay"]
        after = f", final after {final} {self.period}s" if final else ""
        return f"as of {self.as_of}{after}"

    def dated(self, rows: "pd.DataFrame") -> "pd.DataFrame":
        """Rows with the file's own dates, without the name of its only series."""
        if self.read is None:
            return rows
        rows = self.read.dated(rows)
        return rows.drop(columns="series") if self.read.keys == ["series"] else rows


def _subject(
    triangle: Path | None,
    home: Path | None,
    as_of: str | None,
    max_delay: int | None,
    rest_days: str | None,
    settings: "Settings",
) -> _Subject:
    if triangle and home:
        raise UsageError("A file and a landing at once", action="give --triangle or --home")
    calendar = rest_days or ("none" if triangle else "china")
    arguments = {
        "is_rest_day": is_holiday if calendar == "china" else None,
        "final_delay": max_delay,
        "settings": settings,
    }
    if triangle:
        return _of_file(triangle, parse_date(as_of) if as_of else None, arguments)
    return _of_landing(Home(home=home) if home else Home(), as_of, arguments)


def _of_file(path: Path, as_of: "date | None", arguments: dict[str, Any]) -> _Subject:
    from dataclasses import replace

    from siyu.nowcast.reading import read_triangle

    read = read_triangle(path, as_of)
    settings = arguments["settings"]
    if read.period.name != "day":
        arguments |= {"settings": replace(settings, season=1, weeks=56), "is_rest_day": None}
    arguments |= {
        "arrivals": read.arrivals,
        "as_of": read.as_of,
        "keys": read.keys,
        "is_complete": True,
    }
    if arguments["final_delay"] is None:
        arguments["final_delay"] = (
            read.longest_delay if settings.is_textbook else read.learnt_final_delay()
        )
    shown = as_of or read.period.first_date(read.number)
    return _Subject(str(path), shown, read.period.name, arguments, [], read)


def _of_landing(home: Home, as_of: str | None, arguments: dict[str, Any]) -> _Subject:
    from extractors.core.manifest import Manifest
    from siyu.calendar import business_date
    from siyu.clock import now
    from siyu.nowcast.landing import landed_arrivals

    moment = now(home, as_of)
    frame = landed_arrivals(Manifest(home.landing_address), moment)
    if frame.empty:
        raise SiyuError(
            "Nothing that is revised has landed yet",
            where=home.landing_address,
            action="pull first (siyu pull), or give --triangle FILE",
        )
    arguments |= {"arrivals": frame, "as_of": moment}
    groups = ["source", "stream", "measure"]
    return _Subject(home.landing_address, business_date(moment), "day", arguments, groups)


def _totals(subject: _Subject) -> list[dict[str, Any]]:
    """Reserve and standard error of every series, by the textbook."""
    from siyu.nowcast import analyses
    from siyu.nowcast.mack import mack

    totals = []
    for analysis in analyses(**subject.arguments):
        names = analysis.triangle.keys.to_dict("records")
        for name, known in zip(names, analysis.triangle.known, strict=True):
            fit = mack(known)
            totals.append(name | {"reserve": fit.reserve, "standard_error": fit.error})
    return totals


def _records(rows: "pd.DataFrame") -> list[dict[str, Any]]:
    return [
        {name: None if value != value else value for name, value in row.items()}
        for row in rows.to_dict("records")
    ]


def _print_rows(rows: "pd.DataFrame", subject: _Subject) -> None:
    from rich.console import Console
    from rich.table import Table

    from siyu.nowcast import REASONS

    out = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    out.print(f"估计 Estimates {subject.title()}   {subject.name}", soft_wrap=True)
    keys = [name for name in rows if name not in (*COLUMNS, "reason")]
    table = Table()
    for heading in (
        *keys,
        "日期 date",
        "已知 known",
        "完整度 complete",
        "估计 estimate",
        "80 % 区间 interval",
        "说明 note",
    ):
        table.add_column(heading)
    for row in rows.to_dict("records"):
        interval = ""
        if row["low"] == row["low"]:
            interval = f"{_number(row['low'])} – {_number(row['high'])}"
        share = row["completeness"]
        table.add_row(
            *(str(row[key]) for key in keys),
            str(row["reference_date"]),
            _number(row["known"]),
            f"{share:.1%}" if share == share else "",
            _number(row["estimate"]),
            interval,
            REASONS.get(row["reason"], ""),
        )
    out.print(table)


def _number(value: float) -> str:
    return "" if value != value else f"{value:,.0f}" if abs(value) >= 10 else f"{value:.2f}"


def _print_backtest(table: dict[str, Any], subject: _Subject) -> None:
    from rich.console import Console
    from rich.table import Table

    out = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    name = " ".join(str(table[group]) for group in subject.groups) or subject.name
    out.print(f"回测 Back-test {subject.title()}   {name}", soft_wrap=True)
    shown = Table()
    for heading in (
        "延迟 delay",
        "检验 tests",
        "给出 shown",
        "完整度 complete",
        "误差 error %: estimate",
        "known",
        "last week",
        "80 % 覆盖 coverage",
        "all: error",
        "coverage",
    ):
        shown.add_column(heading, justify="right")
    for row, every in zip(_records(table["shown"]), _records(table["all"]), strict=True):
        shown.add_row(
            str(row["delay"]),
            f"{row['tests']:,}",
            f"{row['shown']:,}",
            f"{row['completeness']:.1%}",
            *(
                _percent(row[name])
                for name in ("mape_estimate", "mape_raw", "mape_last_week", "coverage")
            ),
            _percent(every["mape_estimate"]),
            _percent(every["coverage"]),
        )
    out.print(shown)


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"
