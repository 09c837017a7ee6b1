"""`siyu callback serve`: receive what WeCom pushes."""

import math

import click

from siyu.cli import json_option, reports_errors
from siyu.settings import Settings


@click.group(invoke_without_command=False)
def callback() -> None:
    """Receive the events that WeCom pushes and no list holds.

    Example: siyu callback serve --port 8788
    """


@callback.command()
@click.option("--port", default=8788, show_default=True, help="0 takes any free port.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--max-age-seconds",
    type=click.IntRange(1),
    help="Requests older than this are refused as replays; default: 600, with the sandbox (whose "
    "clock is not this machine's) no limit.",
)
@json_option
@reports_errors
def serve(port: int, host: str, max_age_seconds: int | None, as_json: bool) -> None:
    """Serve /callback/<account> and /health until stopped. One JSON line on stdout says where.

    Events wait in <home>/spool until `siyu pull --source wecom --stream callback_event` lands them.

    Example: siyu callback serve --port 8788
    """
    from extractors.wecom.callback.app import MAX_AGE_SECONDS, corps_of, make_app
    from extractors.wecom.callback.server import run
    from siyu.accounts import load_accounts

    settings = Settings()
    corps = corps_of(load_accounts(settings), settings.root)
    if not as_json:
        click.echo("接收回调，按 Ctrl-C 停止 · receiving, Ctrl-C stops", err=True)
    limit = math.inf if settings.sandbox_url else MAX_AGE_SECONDS
    run(make_app(corps, max_age_seconds=max_age_seconds or limit), host, port, sorted(corps))
