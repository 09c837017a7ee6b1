"""`siyu incidents` and `siyu repair`: what is wrong, and the one command that mends it."""

import sys

import click

from siyu.cli import emit, json_option, reports_errors
from siyu.settings import Settings


@click.command()
@click.option("--open", "only_open", is_flag=True, help="Only incidents that have not recovered.")
@click.option("--source", help="Only this source.")
@click.option("--as-of", metavar="MOMENT", help="As they stood at this moment; default now.")
@click.option(
    "--notify",
    "with_notify",
    is_flag=True,
    help="Also tell the group robot what it was not told yet; exit 1 if it cannot be.",
)
@json_option
@reports_errors
def incidents(
    only_open: bool, source: str | None, as_of: str | None, with_notify: bool, as_json: bool
) -> None:
    """Show incidents: cause, scope, business days, since when, and how to repair them.

    \b
    Example:
      siyu incidents --open
      siyu incidents --as-of 2026-04-13T10:30+08:00 --json | jq '.incidents[].cause'
      siyu incidents --notify
    """  # noqa: D301 - click wants the backspace character itself
    from expectations import alerts, incident_log
    from extractors.registry import select_streams
    from siyu.clock import now

    if source not in (None, "siyu"):  # siyu: the checker's own
        select_streams(source)
    settings = Settings()
    moment = now(settings, as_of)
    delivery = alerts.deliver(settings, moment) if with_notify else None
    found = [
        i
        for i in incident_log.incidents(settings, moment)
        if source in (None, i.source) and (i.is_open or not only_open)
    ]
    if as_json:
        emit(
            {
                "as_of_at": moment.isoformat(),
                "incidents": [as_document(i) for i in found],
                "messages": [
                    {"channel": m.channel, "kind": m.kind, "incident": m.incident}
                    for m in (delivery.sent if delivery else ())
                ],
                "problems": delivery.problems if delivery else [],
            }
        )
    else:
        _print(settings, found)
        for message in delivery.sent if delivery else ():
            click.echo(f"已通知 told: {message.kind} {', '.join(message.incidents)}")
        for problem in delivery.problems if delivery else ():
            click.secho(f"✗ {problem}", fg="red", err=True)
    if delivery and delivery.problems:
        sys.exit(1)


def as_document(incident: object) -> dict:
    """An incident for scripts: the documented keys first, then the rest."""
    from siyu.cycle import incident_json

    return incident_json(incident) | {
        "severity": incident.severity,
        "is_open": incident.is_open,
        "opened_at": incident.opened_at.isoformat(),
        "recovered_at": incident.recovered_at and incident.recovered_at.isoformat(),
        "event_dates": [day.isoformat() for day in incident.event_dates],
        "later_causes": list(incident.later_causes),
        "detail_zh": incident.detail_zh,
        "detail_en": incident.detail_en,
    }


def _print(settings: Settings, found: list) -> None:
    """One line each, never cut: the id must be there to copy, whatever the terminal's width.

    An open one has two lines more: the newest evidence, and the marts downstream.
    """
    from expectations.lineage import affected_marts, is_known
    from expectations.verdict import CAUSES_ZH, scope_text
    from siyu.calendar import SHANGHAI

    if not found:
        click.secho("没有事故 no incident", fg="green")
        return
    nothing = (
        "没有集市 no mart"
        if is_known(settings)
        else "尚未构建，未知 · not known before the first build"
    )
    for i in found:
        days = f"{i.first_date}" + ("" if i.first_date == i.last_date else f"…{i.last_date}")
        end = (
            f"恢复 recovered {i.recovered_at.astimezone(SHANGHAI):%m-%d %H:%M}"
            if i.recovered_at
            else f"未恢复 open → siyu repair {i.id}"
        )
        scope = scope_text(i.source, i.account, i.channel, i.stream)
        click.secho(
            f"{'●' if i.is_open else '○'} {i.id}  {CAUSES_ZH[i.cause]} {i.cause}  {scope}  {days}"
            f"  发现 opened {i.opened_at.astimezone(SHANGHAI):%m-%d %H:%M}  {end}",
            fg="red" if i.is_open else None,
        )
        if i.is_open:
            marts = ", ".join(affected_marts(settings, i.source, i.stream)) or nothing
            click.echo(f"    证据 evidence {i.last_date}: {i.detail_zh or i.detail_en}")
            click.echo(f"    影响 touches: {marts}")


@click.command()
@click.argument("incident")
@click.option("--as-of", metavar="MOMENT", help="Repair as of this moment; default now.")
@click.option("--dry-run", is_flag=True, help="Only print what would be done.")
@json_option
@reports_errors
def repair(incident: str, as_of: str | None, dry_run: bool, as_json: bool) -> None:
    """Pull the exact windows of INCIDENT again, judge, rebuild what they touch, and publish.

    Exits with 1 when the incident is still open afterwards.

    \b
    Example:
      siyu repair inc-0f3a9c21be --dry-run
      siyu repair inc-0f3a9c21be
    """  # noqa: D301 - click wants the backspace character itself
    from expectations import repair as repairs
    from siyu.clock import now

    settings = Settings()
    moment = now(settings, as_of)
    plan = repairs.plan(settings, incident, moment)
    if dry_run:
        if as_json:
            emit(_plan_document(plan))
        else:
            _print_plan(plan)
        return
    if not as_json:
        _print_plan(plan)
    outcome = repairs.run(
        settings, plan, moment, on_step=lambda text: None if as_json else click.echo(f"… {text}")
    )
    if as_json:
        emit(
            _plan_document(plan)
            | {
                "rows": outcome.rows,
                "has_news": outcome.has_news,
                "recovered": outcome.recovered,
                "published": outcome.published,
                "reason": outcome.reason,
                "failed": [v.as_json() for v in outcome.verdicts if not v.passed],
            }
        )
    elif outcome.recovered:
        click.secho(f"✓ 已恢复 recovered: {incident}", fg="green")
    else:
        for verdict in outcome.verdicts:
            if not verdict.passed and verdict.source == plan.incident.source:
                click.echo(f"  {verdict.event_date} {verdict.cause}: {verdict.detail_zh}", err=True)
        click.secho(
            f"✗ 仍未恢复 still open: {incident}; docs/oncall.md → {plan.incident.cause}",
            fg="red",
            err=True,
        )
    if not outcome.recovered:
        sys.exit(1)


def _plan_document(plan: object) -> dict:
    return {
        "incident": as_document(plan.incident),
        "commands": plan.commands,
        "windows": [
            {
                "source": w.source,
                "account": w.account,
                "stream": w.stream,
                "from": w.first.isoformat(),
                "to": w.last.isoformat(),
            }
            for w in plan.windows
        ],
        "models": list(plan.models),
    }


def _print_plan(plan: object) -> None:
    click.echo(
        f"{plan.incident.id} {plan.incident.cause}: "
        f"{plan.incident.detail_zh or plan.incident.detail_en}"
    )
    if not plan.windows:
        click.echo(
            "重新拉取无济于事 pulling again mends nothing here: see docs/oncall.md → "
            f"{plan.incident.cause}; what follows only judges and builds again"
        )
    for command in plan.commands:
        click.echo(f"  {command}")
    if plan.models:
        click.echo("  影响 rebuilds: " + ", ".join(plan.models))
