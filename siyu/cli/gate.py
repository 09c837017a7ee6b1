"""`siyu gate` and `siyu publish`: judge what is there, and put it before readers or hold it."""

import sys
from datetime import datetime

import click

from siyu.calendar import moment_text
from siyu.cli import emit, json_option, reports_errors
from siyu.errors import UsageError
from siyu.settings import Settings

GATES = ("landing", "freshness", "fact", "mart")


@click.command()
@click.argument("gates", nargs=-1, type=click.Choice(GATES))
@click.option("--source", help="Show verdicts of this source only.")
@click.option("--account", help="Show verdicts of this account only.")
@click.option("--stream", help="Show verdicts of this stream only.")
@click.option("--as-of", metavar="MOMENT", help="Judge as of this moment; default now.")
@click.option("--docs", is_flag=True, help="Also write Data Docs to <home>/docs/data_docs.")
@json_option
@reports_errors
def gate(
    gates: tuple[str, ...],
    source: str | None,
    account: str | None,
    stream: str | None,
    as_of: str | None,
    docs: bool,
    as_json: bool,
) -> None:
    """Judge data: GATES are landing, freshness, fact, mart; none means landing and freshness.

    Exits with 1 when a verdict failed, so that a script can stop there.

    \b
    Example:
      siyu gate
      siyu gate freshness --as-of 2026-04-13T10:30+08:00 --source page_events
      siyu gate fact mart --json
      siyu gate --docs
    """  # noqa: D301 - click wants the backspace character itself
    from extractors.registry import select_streams
    from siyu.clock import now

    if source not in (None, "siyu"):  # siyu: the checker's own
        select_streams(source)
    settings = Settings()
    moment = now(settings, as_of)
    verdicts = [
        v
        for name in gates or ("landing", "freshness")
        for v in _run(settings, name, moment)
        if source in (None, v.source)
        and account in (None, v.account)
        and stream in (None, v.stream)
    ]
    page = None
    if docs:
        from expectations.data_docs import write_data_docs

        page = write_data_docs(settings, moment, gates or ("landing", "freshness"))
    failed = [v for v in verdicts if not v.passed]
    if as_json:
        emit(
            {
                "as_of_at": moment.isoformat(),
                "verdicts": [v.as_json() for v in verdicts],
                "data_docs": page and str(page),
            }
        )
    else:
        for v in failed:
            scope = "/".join(filter(None, (v.source, v.account, v.stream, v.channel)))
            click.secho(
                f"✗ {v.severity:5} {v.cause:14} {scope} {v.event_date}  {v.detail_zh}",
                fg="red" if v.severity == "block" else "yellow",
            )
        click.echo(
            f"{len(verdicts)} 项检查 verdicts, {len(failed)} 项未通过 failed, "
            f"as of {moment_text(moment)}"
        )
        if page:
            click.echo(f"Data Docs: {page}")
    if failed:
        sys.exit(1)


def _run(settings: Settings, name: str, as_of: datetime) -> list:
    import expectations

    if name == "landing":
        from extractors.core.manifest import Manifest

        return expectations.landing_gate(
            settings, as_of, newest_commits(Manifest(settings.landing_address).commits(as_of=as_of))
        )
    return getattr(expectations, f"{name}_gate")(settings, as_of)


def newest_commits(commits: list) -> list:
    """The last pull of every stream and account: what a landing gate by hand judges."""
    newest = {(c.source, c.account, c.stream): c for c in commits}
    return list(newest.values())


@click.command()
@click.option("--as-of", metavar="MOMENT", help="Moment of the build to publish; default now.")
@click.option(
    "--rollback",
    is_flag=False,
    flag_value="",
    default=None,
    metavar="[NAME]",
    help="Show readers an earlier snapshot: NAME, or the one before; holds until --release.",
)
@click.option("--release", is_flag=True, help="End a rollback, then publish.")
@click.option("--list", "as_list", is_flag=True, help="List the kept snapshots.")
@json_option
@reports_errors
def publish(
    as_of: str | None, rollback: str | None, release: bool, as_list: bool, as_json: bool
) -> None:
    """Publish the built marts as one whole snapshot, unless a gate forbids it.

    Exits with 1 when the publish is held; readers then keep the snapshot before.

    \b
    Example:
      siyu publish
      siyu publish --list
      siyu publish --rollback
      siyu publish --rollback marts-20260414T023000Z
      siyu publish --release
    """  # noqa: D301 - click wants the backspace character itself
    from expectations import publishing
    from siyu.clock import now

    settings = Settings()
    if as_list:
        _list_snapshots(settings, as_json=as_json)
        return
    if rollback is not None:
        if release:
            raise UsageError("--rollback and --release are opposites", action="give one of them")
        result = publishing.rollback(settings, rollback or None)
    else:
        if release and not publishing.release(settings):
            click.echo("没有回滚 nothing was rolled back", err=True)
        result = publishing.publish(settings, _build_moment(settings, as_of, now))
    if as_json:
        emit({"published": result.published, "reason": result.reason, "snapshot": result.snapshot})
    elif rollback is not None:
        click.secho(
            f"✓ 已回滚 readers see {result.snapshot} again; publishes are held until "
            "`siyu publish --release`",
            fg="yellow",
        )
    elif result.published:
        click.secho(f"✓ 已发布 published {result.snapshot} → {settings.published}", fg="green")
    else:
        click.secho(f"✗ 暂停发布 held: {result.reason}", fg="red", err=True)
    if not result.published:
        sys.exit(1)


def _list_snapshots(settings: Settings, *, as_json: bool) -> None:
    from expectations import publishing

    names = [path.name for path in publishing.snapshots(settings)]
    shown, held = publishing.shown_snapshot(settings), publishing.pinned(settings)
    if as_json:
        emit({"snapshots": names, "shown": shown, "held": held})
        return
    for name in names:
        click.echo(name + ("  ← 读者所见 readers see this" if name == shown else ""))
    if not names:
        click.echo("尚无快照 no snapshot yet")
    if held:
        click.secho(held, fg="yellow")


def _build_moment(settings: Settings, as_of: str | None, now: object) -> datetime:
    """The moment given, else that of the newest build: marts show a build, not the present."""
    from siyu.warehouse import last_build_at

    return now(settings, as_of) if as_of else last_build_at(settings) or now(settings, None)
