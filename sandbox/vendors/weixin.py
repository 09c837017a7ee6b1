"""api.weixin.qq.com: tokens of official accounts and stores, and what all its calls share."""

from collections.abc import Callable

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.limits import RateLimit
from sandbox.state import State
from sandbox.timeline import date_of
from sandbox.tokens import TokenStore
from sandbox.vendors.common import Refusal, answer, json_body

OA_APPID, OA_SECRET = "wxsandbox00000000a1", "sandbox-oa-secret-19c2"
STORE_APPID, STORE_SECRET = "wxsandbox00000000b2", "sandbox-store-secret-84d0"
SECRETS = {OA_APPID: OA_SECRET, STORE_APPID: STORE_SECRET}
DAILY_QUOTA = 100_000


class WeixinTokens:
    """cgi-bin/token, cgi-bin/stable_token, and the check every call goes through."""

    def __init__(self, state: State, *, rate_limit_scale: float = 1.0) -> None:
        """Tokens of both kinds live two hours; a new plain token kills the one before."""
        self.state = state
        self.plain = TokenStore(state, "weixin", 7200)
        self.stable = TokenStore(state, "weixin_stable", 7200)
        self._limit = RateLimit(5_000, scale=rate_limit_scale, timer=state.elapsed_seconds)
        self._quota = int(DAILY_QUOTA * rate_limit_scale)
        self._used: dict[tuple, int] = {}

    def routes(self) -> list[Route]:
        """The two token endpoints."""
        return [
            Route("/cgi-bin/token", self._token, methods=["GET", "POST"]),
            Route("/cgi-bin/stable_token", self._stable_token, methods=["GET", "POST"]),
        ]

    async def _token(self, request: Request) -> Response:
        try:
            appid = self._app(dict(request.query_params), wrong_secret=40125)
        except Refusal as refusal:
            return refuse(refusal)
        return answer(
            {"access_token": self.plain.mint(appid, revoke_former=True), "expires_in": 7200}
        )

    async def _stable_token(self, request: Request) -> Response:
        try:
            body = await post_body(request)
            appid = self._app(body, wrong_secret=40001)
        except Refusal as refusal:
            return refuse(refusal)
        token = self.stable.current(appid)
        if token is None or body.get("force_refresh"):
            token = self.stable.mint(appid, revoke_former=True)
        return answer({"access_token": token, "expires_in": self.stable.seconds_left(token)})

    def _app(self, given: dict, wrong_secret: int) -> str:
        if not self._limit.allows("token"):
            raise Refusal(45011, "api minute-quota reach limit, please retry next minute")
        if given.get("grant_type") != "client_credential":
            raise Refusal(40002, "invalid grant_type")
        if given.get("appid") not in SECRETS:
            raise Refusal(40013, "invalid appid")
        if given.get("secret") != SECRETS[given["appid"]]:
            raise Refusal(wrong_secret, "invalid appsecret")
        return given["appid"]

    def admit(self, path: str, token: str | None, appid: str) -> None:
        """Let a call pass, or refuse it with the documented code."""
        if not self._limit.allows(f"{appid} {path}"):
            raise Refusal(45011, "api minute-quota reach limit, please retry next minute")
        if not token:
            raise Refusal(41001, "access_token missing")
        store = self.stable if self.stable.owner(token) else self.plain
        state = store.check(token)
        if state == "expired":
            raise Refusal(42001, "access_token expired")
        if state != "valid":
            raise Refusal(40001, "invalid credential, access_token is invalid or not latest")
        if store.owner(token) != appid:
            raise Refusal(48001, "api unauthorized")
        key = (appid, path, date_of(self.state.now_ms))
        self._used[key] = self._used.get(key, 0) + 1
        if self._quota and self._used[key] > self._quota:
            raise Refusal(45009, "reach max api daily quota limit")


async def post_body(request: Request) -> dict:
    """The JSON body of a POST.

    Raises:
        Refusal: not a POST, empty, or not a JSON object.
    """
    if request.method != "POST":
        raise Refusal(43002, "require POST method")
    try:
        body = await json_body(request)
    except orjson.JSONDecodeError:
        raise Refusal(47001, "data format error") from None
    if body is None:
        raise Refusal(44002, "empty post data")
    if not isinstance(body, dict):
        raise Refusal(47001, "data format error")
    return body


def refuse(refusal: Refusal) -> Response:
    """A failure: HTTP 200 with a code."""
    return answer({"errcode": refusal.code, "errmsg": refusal.message, **refusal.extra})


def post_api(tokens: WeixinTokens, path: str, appid: str, handler: Callable) -> Route:
    """A POST endpoint that needs the token of one app."""

    async def endpoint(request: Request) -> Response:
        try:
            tokens.admit(path, request.query_params.get("access_token"), appid)
            return answer(handler(await post_body(request)))
        except Refusal as refusal:
            return refuse(refusal)

    return Route(path, endpoint, methods=["GET", "POST"])
