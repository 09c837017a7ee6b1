"""From a request to a fault, or to a message that names what is allowed."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from sandbox.faults.model import HTTP, Fault
from sandbox.faults.registry import ACCOUNTS, STREAMS, WITH_CHANNELS
from sandbox.parameters import CHANNEL_IDS, SITE_SETS
from siyu.errors import UsageError

# kind -> parameters it takes; the first one may be given without its name
KINDS: dict[str, tuple[str, ...]] = {
    "freeze": (),
    "trickle": ("share",),
    "shift": ("days",),
    "resend": (),
    "empty": (),
    "duplicate": (),
    "timezone": (),
    "drift": ("change", "field"),
    "dead": ("mode",),
    "partial": ("share",),
    HTTP: ("kind", "path", "times", "after", "seed", "probability", "seconds", "status", "skew"),
}
DEFAULTS = {
    "trickle": {"share": "0.2"},
    "partial": {"share": "0.5"},
    "shift": {"days": "3"},
    "drift": {"change": "rename"},
    "dead": {"mode": "refuse"},
}
CHANGES = ("rename", "type", "unit", "new_field")
MODES = ("refuse", "silent", "reset")
PROTOCOL = (
    "500",
    "502",
    "503",
    "504",
    "429",
    "timeout",
    "slow_drip",
    "reset",
    "truncated",
    "malformed",
    "duplicate_page",
    "reorder_page",
    "shrink",
    "token_death",
    "clock_skew",
    "quota",
    "drift",
    "any",
)


def make(number: int, request: dict, now_ms: int) -> Fault:
    """A fault from a request.

    Raises:
        UsageError: unknown kind, source, account, stream, channel or parameter, or a malformed
            window.
    """
    text = {
        key: str(request.get(key) or "")
        for key in ("kind", "source", "account", "channel", "stream", "from")
    }
    _one_of("kind", text["kind"], KINDS)
    _one_of("source", text["source"], STREAMS)
    if text["account"]:
        _one_of(f"account of {text['source']}", text["account"], ACCOUNTS[text["source"]])
    if text["stream"]:
        _one_of(f"stream of {text['source']}", text["stream"], STREAMS[text["source"]])
    if text["channel"]:
        text["channel"] = channel_of(text["source"], text["channel"])
    params = _params(text["kind"], request.get("param") or request.get("params"))
    first, days = ("", 0) if text["kind"] == HTTP else _window(text["from"], request)
    return Fault(
        number,
        text["kind"],
        text["source"],
        text["account"],
        text["channel"],
        text["stream"],
        first,
        days,
        now_ms,
        params=params,
    )


def _window(first: str, request: dict) -> tuple[str, int]:
    try:
        days = int(request.get("days") or 0)
        if days < 1:
            raise ValueError
        return date.fromisoformat(first).isoformat(), days
    except ValueError:
        raise UsageError(
            "A fault needs a first day and a number of days",
            where=str(request),
            action="give --from YYYY-MM-DD and --days N (at least 1)",
        ) from None


def _params(kind: str, given: Any) -> dict[str, str]:
    """Parameters of a kind, from a dict, a list of texts or one text with `;` between."""
    if isinstance(given, dict):
        pairs = [(str(k), str(v)) for k, v in given.items()]
    else:
        parts = given if isinstance(given, (list, tuple)) else str(given or "").split(";")
        pairs = [str(p).partition("=")[::2] for p in parts if str(p).strip()]
    allowed = KINDS[kind]
    if pairs and not allowed:
        raise UsageError(f"{kind} takes no --param", where=str(given), action="leave it out")
    params = dict(DEFAULTS.get(kind, {}))
    for name, value in pairs:
        key, chosen = (allowed[0], name) if not value and name not in allowed else (name, value)
        _one_of(f"parameter of {kind}", key.strip(), allowed)
        params[key.strip()] = chosen.strip()
    _check(kind, params)
    return params


def _check(kind: str, params: dict[str, str]) -> None:
    for name in ("share", "probability"):
        if name in params:
            _number(kind, name, params, 0, 1)
    if kind == "shift":
        _number(kind, "days", params, 1, 7)
    if kind == "drift":
        _one_of("change of drift", params["change"], CHANGES)
    if kind == "dead":
        _one_of("mode of dead", params["mode"], MODES)
    if kind != HTTP:
        return
    for name in ("times", "after", "seed", "seconds", "skew"):
        if name in params:
            _number(kind, name, params, -(10**9), 10**9)
    for part in params.get("kind", "").split(","):
        code, _, value = part.partition(":")
        if code != "code" or not value.lstrip("-").isdigit():
            _one_of("kind of http", part, (*PROTOCOL, "code:<number>"))


def _number(kind: str, name: str, params: dict[str, str], low: float, high: float) -> None:
    try:
        fits = low <= float(params[name]) <= high
    except ValueError:
        fits = False
    if not fits:
        raise UsageError(
            f"'{params[name]}' is no {name} of {kind}",
            action=f"give a number from {low} to {high}",
        )


def channel_of(source: str, name: str) -> str:
    """The channel id behind a channel id or (Tencent) a site set."""
    if source not in WITH_CHANNELS:
        raise UsageError(
            f"The streams of {source} have no channels",
            where=name,
            action=f"leave --channel out, or choose a source that has them: "
            f"{', '.join(WITH_CHANNELS)}",
        )
    if source == "tencent_ads":
        _one_of("channel of tencent_ads", name, (*SITE_SETS, *SITE_SETS.values()))
        return SITE_SETS.get(name, name)
    return _one_of("channel of page_events", name, CHANNEL_IDS)


def _one_of(what: str, value: str, allowed: Iterable[str]) -> str:
    if value not in allowed:
        raise UsageError(f"'{value}' is no {what}", action=f"choose one of: {', '.join(allowed)}")
    return value
