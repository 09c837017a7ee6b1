"""`siyu pull` and `siyu backfill`: land what is due, or a window again."""

import sys
import time

import click

from siyu.calendar import parse_date
from siyu.cli import emit, json_option, reports_errors
from siyu.clock import now
from siyu.errors import UsageError
from siyu.settings import Settings


def _choice(command):
    for option in (
        click.option("--stream", help="Only this stream, e.g. customer."),
        click.option("--account", help="Only this account, e.g. corp_main."),
        click.option("--source", help="Only this source, e.g. wecom."),
        click.option(
            "--as-of",
            "as_of",
            help="The present moment, e.g. 2026-04-13T10:30+08:00; "
            "default: now (with the sandbox, its clock).",
        ),
    ):
        command = option(command)
    return command


@click.command()
@_choice
@click.option("--from", "first", help="First business day; default: what is due.")
@click.option("--to", "last", help="Last business day.")
@click.option(
    "--replay-quarantine",
    "quarantined",
    metavar="PATH",
    help="Read the raw pages of a failed pull again, once its stream is adapted.",
)
@json_option
@reports_errors
def pull(
    source: str | None,
    account: str | None,
    stream: str | None,
    as_of: str | None,
    first: str | None,
    last: str | None,
    quarantined: str | None,
    as_json: bool,
) -> None:
    """Land what is due: days never pulled, days still being revised, new events.

    What is due follows from the manifest; running it twice lands nothing twice.

    \b
    Example:
      siyu pull --source wecom
      siyu pull --source tencent_ads --account 20001 --from 2026-04-01 --to 2026-04-07
      siyu pull --replay-quarantine _quarantine/wecom/customer/corp_main-….pages
    """  # noqa: D301 - click wants the backspace character itself
    if quarantined:
        if any((source, account, stream, as_of, first, last)):
            raise UsageError(
                "A quarantined pull knows what it was",
                action="give --replay-quarantine alone",
            )
        _replay(quarantined, as_json)
        return
    if (first is None) != (last is None):
        raise UsageError("A window needs both ends", action="give --from and --to, or neither")
    window = (parse_date(first), parse_date(last)) if first and last else None
    _run(source, account, stream, as_of, window, as_json)


@click.command()
@_choice
@click.option("--from", "first", help="First business day.")
@click.option("--to", "last", help="Last business day.")
@click.option(
    "--all-history", is_flag=True, help="Every day the sources still keep and never answered for."
)
@click.option(
    "--again",
    metavar="MOMENT",
    help="With --all-history: also days whose newest answer is older than this moment.",
)
@json_option
@reports_errors
def backfill(
    source: str | None,
    account: str | None,
    stream: str | None,
    as_of: str | None,
    first: str | None,
    last: str | None,
    all_history: bool,
    again: str | None,
    as_json: bool,
) -> None:
    """Pull a window again; the newest pull of a business day replaces it whole for readers.

    Nothing landed is overwritten. With --all-history: everything the sources still keep, newest
    first, in their largest windows; a run that was cut short goes on where it was. Follow it with
    `siyu build`, `siyu gate fact mart` and `siyu publish`, so that readers see it.

    \b
    Example:
      siyu backfill --source tencent_ads --from 2026-03-02 --to 2026-03-31
      siyu backfill --all-history
      siyu backfill --all-history --source wecom --again 2026-04-14T10:30+08:00
    """  # noqa: D301 - click wants the backspace character itself
    if all_history:
        if first or last:
            raise UsageError(
                "All history has no window", action="give --all-history, or --from and --to"
            )
        _all_history(source, account, stream, as_of, again, as_json)
        return
    if not (first and last) or again:
        raise UsageError(
            "Which days?", action="give --from and --to, or --all-history (with or without --again)"
        )
    _run(source, account, stream, as_of, (parse_date(first), parse_date(last)), as_json)


def _all_history(
    source: str | None,
    account: str | None,
    stream: str | None,
    as_of: str | None,
    again: str | None,
    as_json: bool,
) -> None:
    from extractors.core.backfill import backfill_all

    def show(chunk, result) -> None:
        days = "{} .. {}".format(*chunk.window) if chunk.window else "present state"
        click.echo(f"[{chunk.number}/{chunk.of}] {days}  ", nl=False)
        _show(result)

    settings = Settings()
    began = time.monotonic()
    results = backfill_all(
        settings,
        as_of=now(settings, as_of),
        source=source,
        account=account,
        stream=stream,
        again_before=now(settings, again) if again else None,
        on_progress=None if as_json else show,
    )
    _report(results, as_json, began)


def _replay(path: str, as_json: bool) -> None:
    from extractors.core.pull import PullResult, replay_quarantine

    began = time.monotonic()
    commit = replay_quarantine(Settings(), path)
    result = PullResult(commit.source, commit.account, commit.stream, commit)
    if not as_json:
        _show(result)
    _report([result], as_json, began)


def _run(
    source: str | None,
    account: str | None,
    stream: str | None,
    as_of: str | None,
    window: tuple | None,
    as_json: bool,
) -> None:
    from extractors.core.pull import pull_all

    settings = Settings()
    began = time.monotonic()
    results = pull_all(
        settings,
        as_of=now(settings, as_of),
        source=source,
        account=account,
        stream=stream,
        window=window,
        on_progress=None if as_json else _show,
    )
    _report(results, as_json, began)


def _report(results: list, as_json: bool, began: float) -> None:
    if as_json:
        emit({"pulled": [_as_json(result) for result in results]})
    failed = [result for result in results if result.error]
    commits = [result.commit for result in results if result.commit]
    click.echo(
        f"{len(commits)} streams pulled, {sum(c.rows for c in commits):,} rows, "
        f"{len(failed)} failed, {time.monotonic() - began:.1f} s",
        err=as_json,
    )
    if failed:
        sys.exit(max(result.error.exit_code for result in failed))


def _show(result) -> None:
    name = f"{result.source}/{result.account} {result.stream}"
    if result.error:
        click.secho(f"✗ {name}: {result.error}", fg="red", err=True)
    elif result.commit is None:
        click.echo(f"· {name}: nothing due")
    else:
        commit = result.commit
        click.echo(
            f"✓ {name}: {commit.rows:,} rows for {len(commit.covered_dates)} days, "
            f"{commit.requests} calls"
        )
        if commit.not_ready_dates:
            click.secho(
                f"  not ready at the source: {', '.join(map(str, commit.not_ready_dates))}",
                fg="yellow",
            )
        for warning in commit.warnings:
            click.secho(f"  {warning}", fg="yellow")


def _as_json(result) -> dict:
    commit, error = result.commit, result.error
    return {
        "source": result.source,
        "account": result.account,
        "stream": result.stream,
        "run_id": commit and commit.run_id,
        "rows": commit.rows if commit else 0,
        "requests": commit.requests if commit else 0,
        "event_dates": [str(day) for day in commit.covered_dates] if commit else [],
        "not_ready_dates": [str(day) for day in commit.not_ready_dates] if commit else [],
        "warnings": list(commit.warnings) if commit else [],
        "error": error and {"what": error.what, "where": error.where, "action": error.action},
    }
