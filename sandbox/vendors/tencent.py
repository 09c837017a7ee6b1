"""Tencent Ads (腾讯广告) Marketing API v3.0: tokens, reports on both clocks, tasks, ad groups."""

import re
from collections.abc import Callable

import orjson
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.limits import RateLimit
from sandbox.state import State
from sandbox.vendors.ad_access import ACCESS_LIFE_SECONDS, REFRESH_LIFE_SECONDS, AdAccess
from sandbox.vendors.common import Refusal, answer, json_body
from sandbox.vendors.tencent_adgroups import AdGroups
from sandbox.vendors.tencent_reports import Reports
from sandbox.vendors.tencent_tasks import ReportTasks
from sandbox.world.ad_catalog import AD_ACCOUNTS as ALL_ACCOUNTS

AD_ACCOUNTS = ALL_ACCOUNTS["tencent_ads"]
CLIENT_ID, CLIENT_SECRET = "1110000001", "sandbox-ads-secret-5e61"
ALLOWED_SKEW_SECONDS = 300
MAX_NONCE_LENGTH = 32
CODE_SECONDS = 300
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
    11009: "授权码已过期",
    11012: "refresh token 已过期",
    11013: "授权码已使用",
    11014: "接口不在授权范围内",
    11017: "每分钟请求超限",
    PARAMETER: "参数不允许",
}


class TencentAds:
    """Accounts 20001 and 20002 under one developer app."""

    def __init__(self, state: State, *, rate_limit_scale: float = 1.0) -> None:
        """Everything is computed from the state's world at its virtual now."""
        self.state = state
        self.access = AdAccess(state, "tencent", kills_access=True, code_seconds=CODE_SECONDS)
        self.reports = Reports(state)
        self.tasks = ReportTasks(state, self.reports)
        self.adgroups = AdGroups(state)
        self._limit = RateLimit(1_000, scale=rate_limit_scale, timer=state.elapsed_seconds)
        self._nonces: dict[tuple[str, str], int] = {}
        self._calls = 0

    def routes(self) -> list[Route]:
        """Authorisation and reports."""
        return [
            Route("/oauth/token", self._oauth(self._token), methods=["GET"]),
            Route("/oauth/refresh_token", self._oauth(self._new_pair), methods=["GET"]),
            self._report("daily_reports/get", hourly=False),
            self._report("hourly_reports/get", hourly=True),
            Route("/v3.0/async_reports/add", self._add_task, methods=["POST"]),
            self._get("async_reports/get", self.tasks.get),
            self._get("async_report_files/get", self.tasks.file),
            self._get("adgroups/get", self.adgroups.get),
        ]

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
        verdict, account = self.access.check_refresh(token)
        if verdict != "valid":
            raise Refusal(11012, "refresh_token expired")
        return token, account

    def _token(self, query: QueryParams) -> dict:
        grant = query.get("grant_type")
        if grant == "authorization_code":
            return self._authorised(query)
        if grant != "refresh_token":
            raise Refusal(PARAMETER, "grant_type is authorization_code or refresh_token")
        token, account = self._account_of(query)
        self.access.refresh.renew(token)  # the same refresh token stays, its 30 days begin anew
        return {
            "access_token": self.access.access.mint(account),
            "access_token_expires_in": ACCESS_LIFE_SECONDS,
            "refresh_token_expires_in": REFRESH_LIFE_SECONDS,
        }

    def _authorised(self, query: QueryParams) -> dict:
        if not query.get("redirect_uri"):
            raise Refusal(PARAMETER, "redirect_uri needed")
        verdict, account = self.access.exchange(query.get("authorization_code"))
        if verdict != "valid":
            code, word = {"used": (11013, "already used"), "expired": (11009, "expired")}.get(
                verdict, (11011, "malformed")
            )
            raise Refusal(code, f"authorization_code {word}")
        return self._pair(account) | {
            "authorizer_info": {
                "account_uin": 3_000_000_000 + int(account),
                "account_id": int(account),
                "scope_list": ["ads_insights", "ads_management"],
                "wechat_account_id": "",
                "account_role_type": "ACCOUNT_ROLE_TYPE_ADVERTISER",
                "account_type": "ACCOUNT_TYPE_ADVERTISER",
                "role_type": "ROLE_TYPE_ROOT",
            }
        }

    def _new_pair(self, query: QueryParams) -> dict:
        return self._pair(self._account_of(query)[1])

    def _pair(self, account: str) -> dict:
        access, refresh = self.access.pair(account)
        return {
            "access_token": access,
            "refresh_token": refresh,
            "access_token_expires_in": ACCESS_LIFE_SECONDS,
            "refresh_token_expires_in": REFRESH_LIFE_SECONDS,
        }

    # --------------------------------------------------------------------------------- report
    def _admit(self, query: QueryParams, api: str, account_id: object = None) -> None:
        if not self._limit.allows(api):
            raise Refusal(11017, "per-minute limit exceeded")
        token = query.get("access_token")
        if not token:
            raise Refusal(11005, "access_token empty")
        if not re.fullmatch(r"[0-9a-f]{64}", token):
            raise Refusal(11004, "access_token malformed")
        verdict = self.access.access.check(token)
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
        account = str(account_id or query.get("account_id") or "")
        if not account:
            raise Refusal(PARAMETER, "account_id needed")
        if account not in AD_ACCOUNTS or self.access.access.owner(token) != account:
            raise Refusal(11014, f"account_id {account} is outside the granted scope")

    def _report(self, api: str, *, hourly: bool) -> Route:
        async def endpoint(request: Request) -> Response:
            try:
                self._admit(request.query_params, api)
                trace = self._trace()
                content = self.reports.report(request.query_params, trace, hourly=hourly)
                return answer(content, self._headers(api, trace))
            except Refusal as refusal:
                return self._refuse(refusal, api)

        return Route(f"/v3.0/{api}", endpoint, methods=["GET"])

    def _get(self, api: str, handler: Callable[[QueryParams], dict | Response]) -> Route:
        async def endpoint(request: Request) -> Response:
            try:
                self._admit(request.query_params, api)
                result = handler(request.query_params)
                return result if isinstance(result, Response) else self._ok(result, api)
            except Refusal as refusal:
                return self._refuse(refusal, api)

        return Route(f"/v3.0/{api}", endpoint, methods=["GET"])

    async def _add_task(self, request: Request) -> Response:
        """A POST: token, timestamp and nonce in the query, the question in the body."""
        api = "async_reports/add"
        try:
            body = await json_body(request)
            if not isinstance(body, dict):
                raise Refusal(PARAMETER, "the body must be a JSON object")
            account = body.get("account_id") or request.query_params.get("account_id")
            self._admit(request.query_params, api, account)
            return self._ok(self.tasks.add(body | {"account_id": account}), api)
        except orjson.JSONDecodeError:
            return self._refuse(Refusal(PARAMETER, "the body is not JSON"), api)
        except Refusal as refusal:
            return self._refuse(refusal, api)
