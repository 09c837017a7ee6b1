"""api.weixin.qq.com: tokens of official accounts and stores, and the article statistics."""

from collections.abc import Callable
from datetime import date

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox import faults
from sandbox.limits import RateLimit
from sandbox.state import State
from sandbox.timeline import date_of, date_of_number, day_number, number_of_date
from sandbox.tokens import TokenStore
from sandbox.vendors.common import Refusal, answer, json_body
from sandbox.world.articles import COUNTERS, SCENE_SHARES, SCENES, STAT_DAYS

OA_APPID, OA_SECRET = "wxsandbox00000000a1", "sandbox-oa-secret-19c2"
STORE_APPID, STORE_SECRET = "wxsandbox00000000b2", "sandbox-store-secret-84d0"
SECRETS = {OA_APPID: OA_SECRET, STORE_APPID: STORE_SECRET}
DAILY_QUOTA = 100_000
_EARLIEST = date(2025, 11, 1)
_JUMP = (0.12, 0.10, 0.12, 0.18, 0.48)


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


class OfficialAccount:
    """Article statistics of `oa_main`; success bodies carry no errcode."""

    def __init__(self, state: State, tokens: WeixinTokens) -> None:
        """Everything is computed from the state's world at its virtual now."""
        self.state = state
        self._tokens = tokens
        self._version = -1

    def routes(self) -> list[Route]:
        """The datacube endpoint (root path, not below /cgi-bin)."""
        return [
            post_api(self._tokens, "/datacube/getarticletotaldetail", OA_APPID, self._total_detail)
        ]

    def _refresh(self) -> None:
        if self._version == self.state.version:
            return
        a, calendar = self.state.world.articles, self.state.world.calendar
        # a row belongs to its stat day
        stat_day = calendar.first_number + a.day[:, None] + range(STAT_DAYS)
        visible = faults.effective(
            self.state.faults_of("wechat_oa", "oa_main", "article_total_detail"),
            a.visible_ms,
            stat_day,
        )
        self._rows = (visible <= self.state.now_ms).sum(axis=1)
        self._version = self.state.version

    def _total_detail(self, body: dict) -> dict:
        self._refresh()
        try:
            begin = date.fromisoformat(body.get("begin_date") or "")
            end = date.fromisoformat(body.get("end_date") or "")
        except (TypeError, ValueError):
            raise Refusal(61500, "date format error") from None
        if begin != end:
            raise Refusal(61501, "date range error")
        today = int(day_number(self.state.now_ms))
        number = number_of_date(begin)
        if number >= today or begin < _EARLIEST:
            raise Refusal(61500, "date range error")
        since_midnight = (self.state.now_ms + 8 * 3_600_000) % 86_400_000
        if number == today - 1 and since_midnight < 8 * 3_600_000:
            raise Refusal(61503, "data not ready")
        index = number - self.state.world.calendar.first_number
        articles = (self.state.world.articles.day == index).nonzero()[0].tolist()
        listed = [self._article(n, begin.isoformat()) for n in articles if self._rows[n]]
        is_delay = number == today - 1 or len(listed) < len(articles)
        return {"is_delay": is_delay, "list": listed}

    def _article(self, number: int, ref_date: str) -> dict:
        a = self.state.world.articles
        first = self.state.world.calendar.first_number + int(a.day[number])
        rows = []
        for k in range(int(self._rows[number])):
            counters = dict(zip(COUNTERS, a.known[number, :, k].tolist(), strict=True))
            reads = counters["read_user"]
            sources = [{"user_count": reads, "scene_desc": "全部"}]
            parts = (SCENE_SHARES * reads).astype(int).tolist()
            parts[-1] += reads - sum(parts)
            sources += [
                {"user_count": c, "scene_desc": s} for s, c in zip(SCENES, parts, strict=True)
            ]
            rows.append(
                {
                    "stat_date": date_of_number(first + k).isoformat(),
                    **counters,
                    "read_user_source": sources,
                    "read_delivery_rate": round(reads / int(a.fans[number]), 4),
                    "read_finish_rate": float(a.finish_rate[number]),
                    "read_avg_activetime": float(a.active_minutes[number]),
                    "read_jump_position": [
                        {"position": p + 1, "rate": rate} for p, rate in enumerate(_JUMP)
                    ],
                }
            )
        return {
            "ref_date": ref_date,
            "msgid": str(a.msgid[number]),
            "publish_type": int(a.publish_type[number]),
            "title": a.title[number],
            "content_url": f"https://mp.weixin.qq.com/s/sandbox-{a.msgid[number]}",
            "detail_list": rows,
        }
