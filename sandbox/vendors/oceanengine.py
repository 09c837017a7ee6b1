"""Ocean Engine (巨量引擎) Marketing API: authorisation, envelope, limits, and its addresses."""

from collections.abc import Callable
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.limits import RateLimit
from sandbox.state import State
from sandbox.vendors.ad_access import (
    ACCESS_LIFE_SECONDS,
    REFRESH_LIFE_SECONDS,
    AdAccess,
    is_secret,
)
from sandbox.vendors.common import Refusal, answer, json_body
from sandbox.vendors.oceanengine_legacy import LegacyReports
from sandbox.vendors.oceanengine_objects import Objects
from sandbox.vendors.oceanengine_report_tasks import ReportTasks
from sandbox.vendors.oceanengine_reports import CustomReports

APP_ID, SECRET = 1830000000009001, "sandbox-oceanengine-7c0f"
# they pass 2^53, where a float would round them
ADVERTISERS = {"30001": 18300000000030001, "30002": 18300000000030003}
ACCOUNTS = {advertiser: account for account, advertiser in ADVERTISERS.items()}
NAMES = {"30001": "私域护肤旗舰店", "30002": "私域护肤门店"}
CODE_SECONDS = 600
ADVERTISER_CALLS_PER_SECOND, DEVELOPER_CALLS_PER_SECOND = 100, 60
REPORTS = "/open_api/v3.0/report/custom/"


class OceanEngine:
    """Two advertisers under one developer app."""

    def __init__(self, state: State, *, rate_limit_scale: float = 1.0) -> None:
        """Everything is computed from the state's world at its virtual now."""
        self.state = state
        self.access = AdAccess(state, "oceanengine", kills_access=True, code_seconds=CODE_SECONDS)
        self.reports = CustomReports(state)
        self.tasks = ReportTasks(state, self.reports)
        self.objects = Objects(state, ADVERTISERS)
        self.legacy = LegacyReports(state)
        limits = {"scale": rate_limit_scale, "window_seconds": 1.0, "timer": state.elapsed_seconds}
        self._per_advertiser = RateLimit(ADVERTISER_CALLS_PER_SECOND, **limits)
        self._per_developer = RateLimit(DEVELOPER_CALLS_PER_SECOND, **limits)
        self._calls = 0

    def routes(self) -> list[Route]:
        """Authorisation, reports, tasks, lists, and the legacy reports."""
        get, post = ["GET"], ["POST"]
        lists = "/open_api/v3.0/"
        return [
            Route("/open_api/oauth2/access_token/", self._open(self._exchange), methods=post),
            Route("/open_api/oauth2/refresh_token/", self._open(self._refresh), methods=post),
            Route("/open_api/oauth2/advertiser/get/", self._advertisers, methods=get),
            Route(REPORTS + "get/", self._api(self.reports.get), methods=get),
            Route(REPORTS + "config/get/", self._api(self.reports.config), methods=get),
            Route(REPORTS + "async_task/create/", self._api(self.tasks.create), methods=post),
            Route(REPORTS + "async_task/get/", self._api(self.tasks.get), methods=get),
            Route(REPORTS + "async_task/download/", self._api(self.tasks.download), methods=get),
            Route(lists + "project/list/", self._api(self.objects.projects), methods=get),
            Route(lists + "promotion/list/", self._api(self.objects.promotions), methods=get),
            *(
                Route(
                    f"/open_api/2/report/{level}/get/",
                    self._api(self.legacy.level(level)),
                    methods=get,
                )
                for level in ("campaign", "advertiser", "ad", "creative")
            ),
        ]

    # ------------------------------------------------------------------------------- envelope
    def _envelope(self, code: int, message: str, data: dict | bytes | None = None) -> bytes:
        self._calls += 1
        request_id = f"2026{self.state.world.seed:08d}{self._calls:020d}"
        head = orjson.dumps({"code": code, "message": message, "request_id": request_id})
        content = data if isinstance(data, bytes) else orjson.dumps(data or {})
        return head[:-1] + b',"data":' + content + b"}"

    def _refusal(self, refusal: Refusal) -> Response:
        headers = {"X-RateLimit-Dimension": d} if (d := refusal.extra.get("dimension")) else None
        return answer(self._envelope(refusal.code, refusal.message), headers)

    def _open(self, handler: Callable[[dict], dict]) -> Callable:
        """An endpoint that needs no token."""

        async def endpoint(request: Request) -> Response:
            try:
                body = await _body(request)
                if body.get("app_id") != APP_ID and str(body.get("app_id")) != str(APP_ID):
                    raise Refusal(40113, "app not found")
                if not is_secret(body.get("secret"), SECRET):
                    raise Refusal(40002, "secret mismatch")
                return answer(self._envelope(0, "OK", handler(body)))
            except Refusal as refusal:
                return self._refusal(refusal)

        return endpoint

    def _api(self, handler: Callable[[str, dict[str, Any]], dict | bytes | Response]) -> Callable:
        """An endpoint that needs a token and an advertiser of its own."""

        async def endpoint(request: Request) -> Response:
            try:
                asked = (
                    await _body(request) if request.method == "POST" else dict(request.query_params)
                )
                account = self._admit(request, asked)
                result = handler(account, asked)
                if isinstance(result, Response):
                    return result
                return answer(self._envelope(0, "OK", result))
            except Refusal as refusal:
                return self._refusal(refusal)

        return endpoint

    def _admit(self, request: Request, asked: dict[str, Any]) -> str:
        """The account behind the token, if it is the one that is asked for."""
        owner = self._owner(request.headers.get("Access-Token"))
        try:
            advertiser = int(asked.get("advertiser_id", ""))
        except (TypeError, ValueError):
            raise Refusal(40000, "advertiser_id: must be an integer") from None
        if not self._per_advertiser.allows(str(advertiser)):
            raise Refusal(40130, "advertiser qps limit reached", dimension="advertiser")
        if not self._per_developer.allows(request.url.path):
            raise Refusal(40110, "developer qps limit reached", dimension="developer")
        if ACCOUNTS.get(advertiser) != owner:
            raise Refusal(40002, f"no permission to operate advertiser {advertiser}")
        return owner

    def _owner(self, token: str | None) -> str:
        if not token:
            raise Refusal(40104, "access_token is empty")
        verdict = self.access.access.check(token)
        if verdict == "expired":
            raise Refusal(40102, "access_token expired")
        if verdict != "valid":
            raise Refusal(40105, "access_token invalid")
        return self.access.access.owner(token)

    # ---------------------------------------------------------------------------------- oauth
    def _exchange(self, body: dict) -> dict:
        if body.get("grant_type") not in (None, "auth_code"):
            raise Refusal(40000, "grant_type: must be auth_code")
        if not body.get("auth_code"):
            raise Refusal(40000, "auth_code: required")
        verdict, account = self.access.exchange(body["auth_code"])
        if verdict == "unknown":
            raise Refusal(40107, "auth_code invalid")
        if verdict != "valid":
            raise Refusal(40115, "auth_code used or expired")
        ids = [ADVERTISERS[account]]
        return self._pair(account) | {"advertiser_ids": ids, "advertiser_id": ids[0]}

    def _refresh(self, body: dict) -> dict:
        if body.get("grant_type") not in (None, "refresh_token"):
            raise Refusal(40000, "grant_type: must be refresh_token")
        if not body.get("refresh_token"):
            raise Refusal(40000, "refresh_token: required")
        verdict, account = self.access.check_refresh(body["refresh_token"])
        if verdict == "expired":
            raise Refusal(40103, "refresh_token expired")
        if verdict != "valid":
            raise Refusal(40107, "refresh_token invalid")
        return self._pair(account)

    def _pair(self, account: str) -> dict:
        access, refresh = self.access.pair(account)
        return {
            "access_token": access,
            "expires_in": ACCESS_LIFE_SECONDS,
            "refresh_token": refresh,
            "refresh_token_expires_in": REFRESH_LIFE_SECONDS,
        }

    async def _advertisers(self, request: Request) -> Response:
        """The token travels in the query or in the header."""
        query = request.query_params
        try:
            account = self._owner(query.get("access_token") or request.headers.get("Access-Token"))
        except Refusal as refusal:
            return self._refusal(refusal)
        advertiser = {
            "advertiser_id": ADVERTISERS[account],
            "advertiser_name": NAMES[account],
            "advertiser_role": 1,
            "account_role": "ADVERTISER",
            "account_string_id": None,
            "is_valid": True,
        }
        return answer(self._envelope(0, "OK", {"list": [advertiser]}))


async def _body(request: Request) -> dict[str, Any]:
    try:
        body = await json_body(request)
    except orjson.JSONDecodeError:
        raise Refusal(40000, "the body is not JSON") from None
    if not isinstance(body, dict):
        raise Refusal(40000, "the body must be a JSON object")
    return body
