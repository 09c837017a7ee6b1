"""`siyu sandbox`: serve the stand-in APIs, move their clock, inject faults, dump the truth."""

import os
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

import click
import requests

from siyu.calendar import SHANGHAI, parse_date, parse_moment
from siyu.cli import emit, json_option, reports_errors
from siyu.errors import SiyuError, UsageError

DEFAULT_URL = "http://127.0.0.1:8787"

url_option = click.option(
    "--url",
    default=lambda: os.environ.get("SIYU_SANDBOX_URL") or DEFAULT_URL,
    show_default="$SIYU_SANDBOX_URL or " + DEFAULT_URL,
    help="Where the sandbox answers.",
)
size_option = click.option(
    "--size", default="demo", show_default=True, help="Size of the world: small, demo or large."
)
seed_option = click.option("--seed", default=7, show_default=True, help="Seed of the world.")


@click.group(invoke_without_command=False)
def sandbox() -> None:
    """Local stand-ins of the vendor APIs, with data that comes late and is revised.

    Example: siyu sandbox serve --size demo --at 2026-04-13T10:30+08:00
    """


@sandbox.command()
@size_option
@seed_option
@click.option("--port", default=8787, show_default=True, help="0 takes any free port.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--state",
    "state_dir",
    type=click.Path(path_type=Path),
    default=lambda: Path(os.environ.get("SIYU_HOME") or "var") / "sandbox",
    show_default="$SIYU_HOME/sandbox",
    help="Folder for clock, faults, drops and robot messages.",
)
@click.option("--at", "at", help="Set the virtual clock, e.g. 2026-04-13T10:30+08:00.")
@click.option("--reset", is_flag=True, help="Forget what the folder holds.")
@click.option(
    "--rate-limit-scale",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0),
    help="Factor on the vendors' rate limits; 0 switches them off.",
)
@click.option(
    "--robot-per-minute",
    default=20,
    show_default=True,
    type=click.IntRange(1),
    help="Messages a minute the group robot takes.",
)
@click.option("--callback-url", help="Where WeCom's event callbacks are posted.")
@click.option(
    "--wecom-concurrency",
    default=0,
    type=click.IntRange(0),
    show_default="no limit",
    help="Calls of one WeCom endpoint that may run at once (errcode 45033).",
)
@click.option(
    "--latency-ms",
    default=0.0,
    type=click.FloatRange(0),
    show_default=True,
    help="How long each WeCom call takes at least.",
)
@json_option
@reports_errors
def serve(
    size: str,
    seed: int,
    port: int,
    host: str,
    state_dir: Path,
    at: str | None,
    reset: bool,
    rate_limit_scale: float,
    robot_per_minute: int,
    callback_url: str | None,
    wecom_concurrency: int,
    latency_ms: float,
    as_json: bool,
) -> None:
    """Serve until stopped. One JSON line on stdout says where.

    Example: siyu sandbox serve --size small --port 0 --reset
    """
    from sandbox.server import run

    if not as_json:
        click.echo("沙箱启动中，按 Ctrl-C 停止 · starting, Ctrl-C stops", err=True)
    run(
        size,
        seed,
        port,
        state_dir,
        parse_moment(at) if at else None,
        host=host,
        reset=reset,
        rate_limit_scale=rate_limit_scale,
        robot_per_minute=robot_per_minute,
        callback_url=callback_url,
        wecom_concurrency=wecom_concurrency,
        latency_ms=latency_ms,
    )


@sandbox.command()
@click.option("--set", "moment", help="New time, e.g. 2026-04-13T10:30+08:00 or 2026-04-13.")
@click.option("--advance", help="Move on by 90m, 6h, 1d or 2w.")
@click.option("--force", is_flag=True, help="Allow moving back; later drops are removed.")
@url_option
@json_option
@reports_errors
def clock(moment: str | None, advance: str | None, force: bool, url: str, as_json: bool) -> None:
    """Read the virtual clock, or move it; drops that are due appear.

    Example: siyu sandbox clock --advance 1d
    """
    if moment and advance:
        raise UsageError("--set and --advance exclude each other", action="give one of them")
    answer = _call("GET", url, "/_sandbox/clock")
    if moment or advance:
        target = (
            parse_moment(moment)
            if moment
            else (datetime.fromisoformat(answer["now"]) + _duration(advance))
        )
        answer = _call("PUT", url, "/_sandbox/clock", {"now": target.isoformat(), "force": force})
    if as_json:
        emit(answer)
        return
    click.echo(answer["now"])
    if answer.get("drops_written") or answer.get("drops_removed"):
        click.echo(f"drops: {answer['drops_written']} written, {answer['drops_removed']} removed")


@sandbox.group()
def fault() -> None:
    """Hold back part of the data.

    Example: siyu sandbox fault add --source page_events --channel live_stream --from 2026-04-06
    --days 4
    """


@fault.command("add")
@click.option("--source", required=True, help="wecom, wechat_oa, wechat_store, ...")
@click.option("--account", default="", help="One account only.")
@click.option("--channel", default="", help="One channel only: a channel id or a site set.")
@click.option("--stream", default="", help="One stream only.")
@click.option(
    "--kind",
    default="freeze",
    show_default=True,
    help="freeze, trickle, shift, resend, empty, duplicate, timezone, drift, dead, partial, http.",
)
@click.option("--from", "first", help="First business day missed (not for http).")
@click.option("--days", type=int, help="How many business days are missed (not for http).")
@click.option(
    "--param",
    "params",
    multiple=True,
    help="share=0.2 (trickle, partial), days=3 (shift), change=rename|type|unit|new_field "
    "(drift), mode=refuse|silent|reset (dead); for http kind=, times=, after=, path=, seed=, "
    "probability=, seconds=. May be repeated.",
)
@url_option
@json_option
@reports_errors
def fault_add(
    source: str,
    account: str,
    channel: str,
    stream: str,
    kind: str,
    first: str | None,
    days: int | None,
    params: tuple[str, ...],
    url: str,
    as_json: bool,
) -> None:
    """Add a fault of the data, or of the protocol (--kind http).

    Example: siyu sandbox fault add --source tencent_ads --account 20001
    --channel SITE_SET_MOMENTS --kind trickle --param 0.2 --from 2026-04-06 --days 4

    Example: siyu sandbox fault add --source wecom --kind http --param kind=code:45009
    --param times=3
    """
    added = _call(
        "POST",
        url,
        "/_sandbox/faults",
        {
            "source": source,
            "account": account,
            "channel": channel,
            "stream": stream,
            "kind": kind,
            "from": parse_date(first).isoformat() if first else "",
            "days": days or 0,
            "param": list(params),
        },
    )
    emit(added) if as_json else _show([added])


@fault.command("list")
@url_option
@json_option
@reports_errors
def fault_list(url: str, as_json: bool) -> None:
    """List the faults with their hold windows.

    Example: siyu sandbox fault list --json
    """
    answer = _call("GET", url, "/_sandbox/faults")
    emit(answer) if as_json else _show(answer["faults"])


@fault.command("clear")
@click.option("--id", "number", type=int, help="One fault only; all without it.")
@url_option
@json_option
@reports_errors
def fault_clear(number: int | None, url: str, as_json: bool) -> None:
    """End faults now: what they held back is visible at once.

    Example: siyu sandbox fault clear --id 1
    """
    answer = _call("DELETE", url, "/_sandbox/faults", {} if number is None else {"id": number})
    emit(answer) if as_json else click.echo(f"cleared: {answer['cleared'] or 'none'}")


@sandbox.command()
@click.option("--url", "receiver", required=True, help="The receiver, e.g. http://127.0.0.1:8788/.")
@click.option("--from", "first", required=True, help="First moment; a bare date is its midnight.")
@click.option("--to", "last", required=True, help="Last moment; a bare date includes that day.")
@click.option("--sandbox", "url", default=None, help="Where the sandbox answers.")
@json_option
@reports_errors
def callbacks(receiver: str, first: str, last: str, url: str | None, as_json: bool) -> None:
    """Send WeCom's event callbacks of a window once more, to test a receiver.

    Example: siyu sandbox callbacks --url http://127.0.0.1:8788/ --from 2026-04-01 --to 2026-04-07
    """
    url = url or os.environ.get("SIYU_SANDBOX_URL") or DEFAULT_URL
    window = {"from": _midnight(first, 0).isoformat(), "to": _midnight(last, 1).isoformat()}
    answer = _call("POST", url, "/_sandbox/callback/resend", {"url": receiver, **window})
    if as_json:
        emit(answer)
        return
    click.echo(f"{answer['sent']} sent, {answer['repeated']} of them twice, to {receiver}")


@sandbox.command()
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the Parquet files.",
)
@size_option
@seed_option
@json_option
@reports_errors
def dump(out: Path, size: str, seed: int, as_json: bool) -> None:
    """Write the true world as Parquet; needs no server.

    Example: siyu sandbox dump --out var/truth --size demo --seed 7
    """
    from sandbox.dump import dump as write
    from sandbox.parameters import size_named
    from sandbox.world import generate

    world = generate(size_named(size), seed)
    try:
        counts = write(world, out)
    except OSError as error:
        raise SiyuError(
            f"The truth could not be written: {error.strerror}",
            where=str(out),
            action="free space there, or choose another --out",
        ) from None
    if as_json:
        emit({"out": str(out), "rows": counts})
        return
    for name, count in counts.items():
        click.echo(f"{name:16} {count:>10,} rows")


def _call(method: str, url: str, path: str, body: dict | None = None) -> dict[str, Any]:
    """Ask the sandbox; its own messages are passed on as ours."""
    address = url.rstrip("/") + path
    try:
        answer = requests.request(method, address, json=body, timeout=120)
        document = answer.json()
    except (requests.RequestException, ValueError) as error:
        raise SiyuError(
            f"The sandbox does not answer ({type(error).__name__})",
            where=address,
            action="start it with `siyu sandbox serve`, or give --url",
        ) from None
    if problem := document.get("error"):
        raise UsageError(problem["what"], where=problem["where"], action=problem["action"])
    return document


def _midnight(text: str, days: int) -> datetime:
    """A moment; a bare date is its midnight in Shanghai, `days` later."""
    if len(text) == 10:
        return datetime.combine(parse_date(text), time(), SHANGHAI) + timedelta(days)
    return parse_moment(text)


def _duration(text: str) -> timedelta:
    units = {
        "m": timedelta(minutes=1),
        "h": timedelta(hours=1),
        "d": timedelta(days=1),
        "w": timedelta(weeks=1),
    }
    if text[-1:] not in units or not text[:-1].isdigit():
        raise UsageError(f"'{text}' is no duration", action="write it like 90m, 6h, 1d or 2w")
    return int(text[:-1]) * units[text[-1]]


def _show(faults: list[dict]) -> None:
    if not faults:
        click.echo("no faults")
    for f in faults:
        scope = "/".join(f[key] or "*" for key in ("source", "account", "stream", "channel"))
        params = " ".join(f"{k}={v}" for k, v in f["params"].items())
        window = (
            f"{f['from']} +{f['days']}d  {f['state']}  "
            f"withheld {f['withheld_from']} .. {f['released_at']}"
            if f["from"]
            else f["state"]
        )
        click.echo(f"{f['id']}  {f['kind']}  {scope}  {params}  {window}  hits {f['hits']}")
