"""The command line `siyu`: one thin door to the same functions that the DAGs call.

Each command lives in a module of this package and is imported only when it is called, because
dbt and Great Expectations cost seconds at import.
"""

import importlib
import json
import os
import sys
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from functools import wraps
from typing import Any

import click

from siyu.errors import SiyuError

# command -> module that defines a click command of the same name
COMMANDS = {
    "sandbox": "siyu.cli.sandbox",
    "pull": "siyu.cli.pull",
    "backfill": "siyu.cli.pull",
    "callback": "siyu.cli.callback",
    "check-inputs": "siyu.cli.inputs",
    "build": "siyu.cli.build",
    "query": "siyu.cli.build",
    "gate": "siyu.cli.gate",
    "publish": "siyu.cli.gate",
    "incidents": "siyu.cli.incidents",
    "repair": "siyu.cli.incidents",
    "status": "siyu.cli.status",
    "sources": "siyu.cli.sources",
    "nowcast": "siyu.cli.nowcast",
    "replay": "siyu.cli.replay",
    "demo": "siyu.cli.demo",
}


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        return getattr(importlib.import_module(COMMANDS[name]), name.replace("-", "_"))


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Siyu (私域): customer-operations data in which every number knows how complete it is."""


def reports_errors(command: Callable) -> Callable:
    """Turn a SiyuError into its message on stderr and its exit code (1 failed, 2 wrong use).

    With `--json` the message is a JSON object on stdout, so that scripts need one parser.
    """

    @wraps(command)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except SiyuError as error:
            if kwargs.get("as_json"):
                emit({"error": {"what": error.what, "where": error.where, "action": error.action}})
            click.secho(f"✗ {error}", err=True, fg="red")
            sys.exit(error.exit_code)

    return wrapper


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")


def emit(value: Any) -> None:
    """Print one JSON document on one line; amounts as numbers, dates and paths as text."""
    click.echo(json.dumps(value, ensure_ascii=False, default=_plain))


def _plain(value: Any) -> float | str:
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if isinstance(value, date) else str(value)


def main() -> None:
    """Entry point of the `siyu` script."""
    # not the setting's default: a script of somebody else's may not guard its main module, which
    # worker processes import
    os.environ.setdefault("SIYU_PULL_WORKERS", "3")
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    os.environ.setdefault("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
    cli(prog_name="siyu")
