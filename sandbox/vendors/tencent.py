"""Tencent Ads (腾讯广告) Marketing API v3.0: tokens and daily reports on both clocks."""

import re
from collections.abc import Callable

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.limits import RateLimit
from sandbox.state import State
from sandbox.tokens import TokenStore
from sandbox.vendors.common import Refusal, answer
from sandbox.vendors.tencent_reports import Reports
from sandbox.world.ad_catalog import AD_ACCOUNTS as ALL_ACCOUNTS

AD_ACCOUNTS = ALL_ACCOUNTS["tencent_ads"]
CLIENT_ID, CLIENT_SECRET = "1110000001", "sandbox-ads-secret-5e61"
ALLOWED_SKEW_SECONDS = 300
MAX_NONCE_LENGTH = 32
REFRESH_LIFE_SECONDS = 2_592_000
# the contract names no code for a refused parameter; this one is its "parameter not permitted"
PARAMETER = 31033
_ZH = {
    0: "",
    10000: "系统繁忙",
    11000: "access token 已过期",
    11002: "access token 无效",
    11004: "access token 格式错误",
    11005: "access token 为空",
    11007: "client_id 无效",
    11008: "应用请求超限",
    11010: "refresh token 格式错误",
    11011: "授权码格式错误",
    11012: "refresh token 已过期",
    11014: "接口不在授权范围内",
    11017: "每分钟请求超限",
    PARAMETER: "参数不允许",
}


class TencentAds:
    """Accounts 20001 and 20002 under one developer app."""

    def __init__(self, state: State, *, rate_limit_scale: float = 1.0) -> None:
        """Everything is computed from the state's world at its virtual now."""
        self.state = state
        self.access = TokenStore(state, "tencent_access", 86_400)
        self.refresh = TokenStore(state, "tencent_refresh", REFRESH_LIFE_SECONDS)
        self.reports = Reports(state)
        self._limit = RateLimit(1_000, scale=rate_limit_scale, timer=state.elapsed_seconds)
        self._nonces: dict[tuple[str, str], int] = {}
        self._calls = 0

    def routes(self) -> list[Route]:
        """Authorisation and reports."""
        return [
            Route("/oauth/token", self._oauth(self._token), methods=["GET"]),
            Route("/oauth/refresh_token", self._oauth(self._new_pair), methods=["GET"]),
            Route("/v3.0/daily_reports/get", self._daily_reports, methods=["GET"]),
        ]

    def refresh_token_of(self, account: str) -> str:
        """A valid refresh token: what a person gets who authorises the app (again)."""
        if token := self.refresh.current(account):
            return token
        token = self.refresh.mint(account)
        self._unused[token] = True
        return token

    @property
    def _unused(self) -> dict:
        """Refresh tokens handed out but never used: their 30 days begin with their first use.

        Otherwise a clock set two months ahead would lock everybody out of a fresh sandbox.
        """
        return self.state.tokens.setdefault("tencent_unused", {})

    # ------------------------------------------------------------------------------- envelope
    def _trace(self) -> str:
        self._calls += 1
        return f"{self.state.world.seed:08x}{self._calls:024x}"

    def _ok(self, data: dict, api: str) -> Response:
        return answer(
            {
                "code": 0,
                "message": "",
                "message_cn": "",
                "data": data,
                "trace_id": (trace := self._trace()),
            },
            self._headers(api, trace),
        )

    def _refuse(self, refusal: Refusal, api: str) -> Response:
        trace = self._trace()
        return answer(
            {
                "code": refusal.code,
                "message": f"{refusal.message} (trace_id: {trace})",
                "message_cn": _ZH.get(refusal.code, "请求失败"),
                "data": {},
                "trace_id": trace,
            },
            self._headers(api, trace),
        )

    def _headers(self, api: str, trace: str) -> dict[str, str]:
        left = self._limit.remaining_percent(api)
        return {"X-RateLimit-Remaining": f"100,{left}", "X-TSA-Trace-Id": trace}

    # ---------------------------------------------------------------------------------- oauth
    def _oauth(self, handler: Callable) -> Callable:
        async def endpoint(request: Request) -> Response:
            try:
                if not self._limit.allows("oauth"):
                    raise Refusal(11017, "per-minute limit exceeded")
                query = request.query_params
                if query.get("client_id") != CLIENT_ID or (
                    query.get("client_secret") != CLIENT_SECRET
                ):
                    raise Refusal(11007, "client_id or client_secret invalid")
                return self._ok(handler(query), "oauth")
            except Refusal as refusal:
                return self._refuse(refusal, "oauth")

        return endpoint

    def _account_of(self, query: QueryParams) -> tuple[str, str]:
        token = query.get("refresh_token") or ""
        if not re.fullmatch(r"[0-9a-f]{64}", token):
            raise Refusal(11010, "refresh_token malformed")
        if self._unused.pop(token, False):
            self.refresh.renew(token)
        if self.refresh.check(token) != "valid":
            raise Refusal(11012, "refresh_token expired")
        return token, self.refresh.owner(token)

    def _token(self, query: QueryParams) -> dict:
        grant = query.get("grant_type")
        if grant == "authorization_code":
            raise Refusal(11011, "authorization_code malformed: authorise at /_sandbox/accounts")
        if grant != "refresh_token":
            raise Refusal(PARAMETER, "grant_type is authorization_code or refresh_token")
        token, account = self._account_of(query)
        self.refresh.renew(token)  # the same refresh token stays, its 30 days begin anew
        return {
            "access_token": self.access.mint(account),
            "access_token_expires_in": 86_400,
            "refresh_token_expires_in": REFRESH_LIFE_SECONDS,
        }

    def _new_pair(self, query: QueryParams) -> dict:
        _, account = self._account_of(query)
        return {
            "access_token": self.access.mint(account, revoke_former=True),
            "refresh_token": self.refresh.mint(account, revoke_former=True),
            "access_token_expires_in": 86_400,
            "refresh_token_expires_in": REFRESH_LIFE_SECONDS,
        }

    # --------------------------------------------------------------------------------- report
    def _admit(self, query: QueryParams, api: str) -> None:
        if not self._limit.allows(api):
            raise Refusal(11017, "per-minute limit exceeded")
        token = query.get("access_token")
        if not token:
            raise Refusal(11005, "access_token empty")
        if not re.fullmatch(r"[0-9a-f]{64}", token):
            raise Refusal(11004, "access_token malformed")
        verdict = self.access.check(token)
        if verdict == "expired":
            raise Refusal(11000, "access_token expired")
        if verdict != "valid":
            raise Refusal(11002, "access_token invalid")
        timestamp, nonce = query.get("timestamp", ""), query.get("nonce", "")
        now = self.state.now_ms // 1000
        if not timestamp.isdigit() or abs(int(timestamp) - now) > ALLOWED_SKEW_SECONDS:
            raise Refusal(PARAMETER, "timestamp is not within 300 seconds of the server's time")
        if not nonce or len(nonce) > MAX_NONCE_LENGTH:
            raise Refusal(PARAMETER, "nonce needs 1 to 32 characters")
        if (token, nonce) in self._nonces:
            raise Refusal(PARAMETER, "nonce was used before")
        if len(self._nonces) > 200_000:  # older ones fail on their timestamp anyway
            horizon = now - 2 * ALLOWED_SKEW_SECONDS
            self._nonces = {k: t for k, t in self._nonces.items() if t >= horizon}
        self._nonces[token, nonce] = now
        account = query.get("account_id")
        if not account:
            raise Refusal(PARAMETER, "account_id needed")
        if account not in AD_ACCOUNTS or self.access.owner(token) != account:
            raise Refusal(11014, f"account_id {account} is outside the granted scope")

    async def _daily_reports(self, request: Request) -> Response:
        api = "daily_reports/get"
        try:
            self._admit(request.query_params, api)
            trace = self._trace()
            return answer(
                self.reports.report(request.query_params, trace), self._headers(api, trace)
            )
        except Refusal as refusal:
            return self._refuse(refusal, api)
