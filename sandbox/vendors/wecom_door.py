"""What every WeCom endpoint shares: tokens, limits, refusals, bodies and cursor pages."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.limits import RateLimit
from sandbox.state import State
from sandbox.timeline import SECOND_MS
from sandbox.tokens import TokenStore
from sandbox.vendors.common import (
    Refusal,
    answer,
    decode_cursor,
    encode_cursor,
    is_int,
    json_body,
)

CORPID = "wwsandbox0000000001"
SECRET = "sandbox-corp-secret-7f3a"  # noqa: S105 - opens made-up data only
CONTACT_SECRET = "sandbox-contact-secret-91bd"  # noqa: S105 - of the contact-sync assistant
ACCOUNT = "corp_main"
OK = {"errcode": 0, "errmsg": "ok"}
GET, POST = ("GET",), ("GET", "POST")
# who may call: the self-built app, or the contact-sync assistant
APP, CONTACTS = "app", "contacts"
_SECRETS = {SECRET: (APP, CORPID), CONTACT_SECRET: (CONTACTS, f"{CORPID}|contacts")}


@dataclass(frozen=True)
class Endpoint:
    """One path below /cgi-bin/; `empty` is the list that its error bodies still carry."""

    path: str
    handler: Callable[[Any], dict | bytes]
    methods: tuple[str, ...] = POST
    empty: str = ""
    callers: tuple[str, ...] = (APP,)
    wrong_caller: int = 48002


class Door:
    """Admits calls: token, frequency, concurrency; answers with status 200 whatever happens."""

    def __init__(
        self,
        state: State,
        *,
        rate_limit_scale: float = 1.0,
        concurrency: int = 0,
        latency_ms: float = 0.0,
    ) -> None:
        """A concurrency of 0 sets no limit; the latency is how long each call takes at least."""
        self.tokens = TokenStore(state, "wecom", 7200)
        self._limits = tuple(
            RateLimit(
                calls,
                scale=rate_limit_scale,
                window_seconds=window,
                block_seconds=window,
                timer=state.elapsed_seconds,
            )
            for calls, window in ((10_000, 60), (150_000, 3_600))
        )
        self._concurrency, self._latency = concurrency, latency_ms / 1000
        self._running: Counter[str] = Counter()
        self._errors = 0

    def route(self, endpoint: Endpoint) -> Route:
        """The route of an endpoint; a POST endpoint answers a GET with the documented refusal."""

        async def serve(request: Request) -> Response:
            self._running[endpoint.path] += 1
            try:
                self._admit(endpoint, request.query_params.get("access_token"))
                if self._latency:
                    await asyncio.sleep(self._latency)
                asked = await _body(request) if "POST" in endpoint.methods else request.query_params
                return answer(endpoint.handler(asked))
            except Refusal as refusal:
                # error bodies still carry the endpoint's list, empty
                return self.refuse(refusal, {endpoint.empty: []} if endpoint.empty else {})
            finally:
                self._running[endpoint.path] -= 1

        return Route(f"/cgi-bin/{endpoint.path}", serve, methods=list(endpoint.methods))

    def _allowed(self, path: str) -> bool:
        per_minute, per_hour = (limit.allows(path) for limit in self._limits)
        return per_minute and per_hour

    def _admit(self, endpoint: Endpoint, token: str | None) -> None:
        if not self._allowed(endpoint.path):
            raise Refusal(45009, "api freq out of limit")
        if self._concurrency and self._running[endpoint.path] > self._concurrency:
            raise Refusal(45033, "api concurrent out of limit")
        if not token:
            raise Refusal(41001, "access_token missing")
        state = self.tokens.check(token)
        if state == "expired":
            raise Refusal(42001, "access_token expired")
        if state != "valid":
            raise Refusal(40014, "invalid access_token")
        caller = APP if self.tokens.owner(token) == CORPID else CONTACTS
        if caller not in endpoint.callers:
            forbidden = "api forbidden"
            if endpoint.wrong_caller == 48009:
                forbidden += " for contact assistant"
            raise Refusal(endpoint.wrong_caller, forbidden)

    def refuse(self, refusal: Refusal, extra: dict) -> Response:
        """The documented error body and headers."""
        self._errors += 1
        text = (
            f"{refusal.message}, hint: [{1_700_000_000 + self._errors}], from ip: 127.0.0.1, "
            f"more info at https://open.work.weixin.qq.com/devtool/query?e={refusal.code}"
        )
        return answer(
            {"errcode": refusal.code, "errmsg": text, **extra, **refusal.extra},
            {"error-code": str(refusal.code), "error-msg": refusal.message},
        )

    async def gettoken(self, request: Request) -> Response:
        """One token per secret; the same while it is valid."""
        query = request.query_params
        try:
            if not self._allowed("gettoken"):
                raise Refusal(45009, "api freq out of limit")
            if not query.get("corpid"):
                raise Refusal(41002, "corpid missing")
            if not query.get("corpsecret"):
                raise Refusal(41004, "corpsecret missing")
            if query["corpid"] != CORPID:
                raise Refusal(40013, "invalid corpid")
            if query["corpsecret"] not in _SECRETS:
                raise Refusal(40001, "invalid credential")
        except Refusal as refusal:
            return self.refuse(refusal, {})
        _, owner = _SECRETS[query["corpsecret"]]
        # the same token while it is valid; asking again does not extend its life
        token = self.tokens.current(owner) or self.tokens.mint(owner)
        return answer(OK | {"access_token": token, "expires_in": self.tokens.seconds_left(token)})


async def _body(request: Request) -> dict:
    if request.method != "POST":
        raise invalid()
    try:
        body = await json_body(request)
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        raise Refusal(40058, "Warning: wrong json format. invalid Request Parameter")
    return body


def invalid(name: str = "") -> Refusal:
    """A parameter that cannot be right."""
    return Refusal(40058, f"{name}. invalid Request Parameter" if name else _INVALID)


def missing(name: str) -> Refusal:
    """A parameter that should be there."""
    return Refusal(40063, f"missing parameter {name}")


_INVALID = "invalid Request Parameter"


def page(
    body: dict, count: int, filters: Any, *, default: int, most: int, falls_back: bool = False
) -> tuple[slice, str]:
    """The rows of a cursor page and the next cursor (empty at the end).

    Args:
        body: holds `limit` and `cursor`.
        count: rows in all.
        filters: what the cursor is bound to.
        default: page size without a limit.
        most: largest limit.
        falls_back: a limit above the largest silently gives the default; refused otherwise.
    """
    limit = body.get("limit", default)
    if not is_int(limit) or limit < 1:
        raise invalid("limit")
    if limit > most:
        if not falls_back:
            raise invalid("limit")
        limit = default
    start = 0
    if cursor := body.get("cursor"):
        position = decode_cursor(cursor, filters)
        if position is None:
            raise Refusal(50100, "invalid cursor")
        start = int(position)
    stop = start + limit
    return slice(start, stop), encode_cursor(str(stop), filters) if stop < count else ""


def window(body: dict, first: str, last: str, longest_days: float) -> tuple[int, int]:
    """A window of timestamps in seconds, given back in milliseconds.

    Raises:
        Refusal: 40063 for a missing end, 40058 for one that is no moment or too long a span.
    """
    ends = []
    for name in (first, last):
        value = body.get(name)
        if value is None:
            raise missing(name)
        if not is_int(value) or not 0 < value < 10**11:
            raise invalid(name)
        ends.append(value * SECOND_MS)
    if ends[1] < ends[0] or ends[1] - ends[0] > longest_days * 86_400_000:
        raise invalid(f"{first} to {last}")
    return ends[0], ends[1]


def text_of(body: dict, name: str, code: int, what: str = "") -> str:
    """A required text."""
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise Refusal(code, f"{what or name} missing")
    return value
