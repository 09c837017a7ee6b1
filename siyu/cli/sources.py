"""`siyu sources`: what is pulled from whom, and what is not and why."""

import sys
from dataclasses import asdict

import click

from siyu.cli import emit, json_option, reports_errors

HEADINGS = (
    "接口 endpoint",
    "数据流 stream",
    "类型 kind",
    "粒度 one row is",
    "就绪 ready",
    "修订 days revised",
    "单位 units",
    "可信度 confidence",
)


@click.command()
@click.option("--source", help="Only this source, e.g. wecom.")
@click.option("--markdown", is_flag=True, help="Print the tables of docs/sources.md.")
@json_option
@reports_errors
def sources(source: str | None, markdown: bool, as_json: bool) -> None:
    """List every vendor endpoint with the stream that reads it, or why none does.

    \b
    Example:
      siyu sources --source tencent_ads
      siyu sources --json | jq '.[] | select(.stream == "")'
    """  # noqa: D301 - click wants the backspace character itself
    from extractors.catalogue import lines
    from extractors.registry import select_streams

    if source:
        select_streams(source)
    found = lines(source)
    if as_json:
        emit([asdict(line) for line in found])
    elif markdown:
        click.echo(tables(found), nl=False)
    else:
        _print(found)


def tables(found: list) -> str:
    """One Markdown table a source, in the order given."""
    parts = []
    for source in dict.fromkeys(line.source for line in found):
        parts.append(f"### {source}\n")
        parts.append("| " + " | ".join(HEADINGS) + " |")
        parts.append("|" + "---|" * len(HEADINGS))
        parts += [
            "| " + " | ".join(_cell(text) for text in _cells(line)) + " |"
            for line in found
            if line.source == source
        ]
        parts.append("")
    return "\n".join(parts)


def _cells(line: object) -> tuple[str, ...]:
    name = f"{line.name_zh} `{line.paths[0]}`" if line.name_zh else f"`{line.paths[0]}`"
    if line.status != "active":
        name += f" ({line.status})"
    if not line.stream:
        return (name, "not extracted: " + line.reason, "", "", "", "", "", line.confidence)
    days = "" if line.revised_days is None else str(line.revised_days)
    return (
        name,
        f"`{line.stream}`",
        line.kind,
        line.grain,
        line.ready,
        days,
        line.units,
        line.confidence,
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _print(found: list) -> None:
    from rich.console import Console
    from rich.table import Table

    out = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    for source in dict.fromkeys(line.source for line in found):
        table = Table(title=source, title_justify="left")
        for heading in (
            "数据流 stream",
            "类型 kind",
            "就绪 ready",
            "修订 revised",
            "接口 endpoint",
        ):
            table.add_column(heading)
        for line in (one for one in found if one.source == source):
            days = "" if line.revised_days is None else f"{line.revised_days} d"
            table.add_row(
                line.stream or "—",
                line.kind,
                line.ready,
                days,
                f"{line.paths[0]}  {line.reason}".strip(),
            )
        out.print(table)
