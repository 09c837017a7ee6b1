"""Baidu Marketing (百度营销): tokens, the caller in the body's header, status in the answer's."""

from collections.abc import Callable
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.limits import RateLimit
from sandbox.state import State
from sandbox.timeline import SECOND_MS, iso
from sandbox.vendors.ad_access import (
    ACCESS_LIFE_SECONDS,
    REFRESH_LIFE_SECONDS,
    AdAccess,
    is_secret,
)
from sandbox.vendors.baidu_legacy import LegacyReports
from sandbox.vendors.baidu_reports import Reports
from sandbox.vendors.baidu_requests import ARGUMENT, Partial, failure
from sandbox.vendors.baidu_tasks import Tasks
from sandbox.vendors.common import Refusal, answer, json_body

APP_ID, SECRET_KEY = "sandbox-baidu-app-50", "sandbox-baidu-secret-84d7"
USERS = {"50001": ("siyu-baidu", 50001)}
CODE_SECONDS = 600
CALLS_PER_SECOND = 50
SERVICE = "/json/sms/service/"
REPORTS = SERVICE + "OpenApiReportService/"
# the contract stores no list of failure codes; these are the sandbox's own
TOKEN, USER, FREQUENCY = 8102, 8103, 8501


class Baidu:
    """One account under one developer app."""

    def __init__(self, state: State, *, rate_limit_scale: float = 1.0) -> None:
        """Everything is computed from the state's world at its virtual now."""
        self.state = state
        self.access = AdAccess(state, "baidu", kills_access=False, code_seconds=CODE_SECONDS)
        self.reports = Reports(state, {account: user for account, (_, user) in USERS.items()})
        self.tasks = Tasks(state, self.reports)
        self.legacy = LegacyReports(state, self.reports.figures)
        self._limit = RateLimit(
            CALLS_PER_SECOND,
            scale=rate_limit_scale,
            window_seconds=1.0,
            timer=state.elapsed_seconds,
        )

    def routes(self) -> list[Route]:
        """Tokens (u.baidu.com), reports and the legacy service (api.baidu.com)."""
        post = ["POST"]
        return [
            Route("/oauth/accessToken", self._open(self._exchange), methods=post),
            Route("/oauth/refreshToken", self._open(self._refresh), methods=post),
            Route(REPORTS + "getReportData", self._api(self.reports.get), methods=post),
            Route(REPORTS + "createReportTask", self._api(self.tasks.create), methods=post),
            Route(REPORTS + "getTaskStatus", self._api(self.tasks.status), methods=post),
            Route("/report-files/{name}", self.tasks.file, methods=["GET"]),
            Route(
                SERVICE + "ReportService/getRealTimeData", self._api(self.legacy.get), methods=post
            ),
        ]

    # ------------------------------------------------------------------------------- envelope
    def _api(self, handler: Callable[[Request, str, dict], dict | bytes]) -> Callable:
        async def endpoint(request: Request) -> Response:
            try:
                whole = await json_body(request)
                if not isinstance(whole, dict) or not isinstance(whole.get("header"), dict):
                    raise Refusal(ARGUMENT, "header needed", position="header")
                account = self._admit(whole["header"], request.url.path)
                body = whole.get("body")
                if not isinstance(body, dict):
                    raise Refusal(ARGUMENT, "body needed", position="body")
                return answer(_wrapped(handler(request, account, body)))
            except orjson.JSONDecodeError:
                return answer(_failed(Refusal(ARGUMENT, "the body is not JSON")))
            except Partial as partial:
                return answer(_wrapped(partial.body, partial.failures))
            except Refusal as refusal:
                return answer(_failed(refusal))

        return endpoint

    def _admit(self, header: dict, path: str) -> str:
        """The account of the caller, who names itself and its token in the header object."""
        token = header.get("accessToken")
        if not isinstance(token, str) or not token:
            raise Refusal(TOKEN, "accessToken is empty", position="header.accessToken")
        verdict = self.access.access.check(token)
        if verdict != "valid":
            raise Refusal(TOKEN, f"accessToken {verdict}", position="header.accessToken")
        account = self.access.access.owner(token)
        if header.get("userName") != USERS[account][0]:
            raise Refusal(USER, "no permission for userName", position="header.userName")
        if not self._limit.allows(path):
            raise Refusal(FREQUENCY, "too many requests", position="")
        return account

    # ---------------------------------------------------------------------------------- oauth
    def _open(self, handler: Callable[[dict], str]) -> Callable:
        """The token server's own envelope: code, message, data."""

        async def endpoint(request: Request) -> Response:
            try:
                body = await json_body(request)
                if not isinstance(body, dict):
                    raise Refusal(ARGUMENT, "the body must be a JSON object")
                if body.get("appId") != APP_ID or not is_secret(body.get("secretKey"), SECRET_KEY):
                    raise Refusal(TOKEN, "appId or secretKey invalid")
                account = handler(body)
                if body.get("userId") != USERS[account][1]:
                    raise Refusal(USER, "userId has not authorised the app")
                data = self._pair(account)
            except orjson.JSONDecodeError:
                return answer({"code": ARGUMENT, "message": "the body is not JSON"})
            except Refusal as refusal:
                return answer({"code": refusal.code, "message": refusal.message})
            return answer({"code": 0, "message": "success", "data": data})

        return endpoint

    def _exchange(self, body: dict) -> str:
        if body.get("grantType") != "auth_code":
            raise Refusal(ARGUMENT, "grantType must be auth_code")
        verdict, account = self.access.exchange(body.get("authCode"))
        if verdict != "valid":
            raise Refusal(TOKEN, f"authCode {verdict}")
        return account

    def _refresh(self, body: dict) -> str:
        verdict, account = self.access.check_refresh(body.get("refreshToken"))
        if verdict != "valid":
            raise Refusal(TOKEN, f"refreshToken {verdict}")
        return account

    def _pair(self, account: str) -> dict[str, Any]:
        access, refresh = self.access.pair(account)
        now = self.state.now_ms

        def until(seconds: int) -> str:
            return iso(now + seconds * SECOND_MS)[:19].replace("T", " ")

        return {
            "accessToken": access,
            "refreshToken": refresh,
            "openId": f"open{USERS[account][1]}",
            "userId": USERS[account][1],
            "expiresIn": ACCESS_LIFE_SECONDS,
            "refreshExpiresIn": REFRESH_LIFE_SECONDS,
            "expiresTime": until(ACCESS_LIFE_SECONDS),
            "refreshExpiresTime": until(REFRESH_LIFE_SECONDS),
        }


def _header(status: int, desc: str, failures: list[dict], done: int) -> dict[str, Any]:
    return {
        "desc": desc,
        "failures": failures,
        "oprs": 1,
        "succ": done,
        "oprtime": 0,
        "quota": 1,
        "rquota": 99_999,
        "status": status,
    }


def _wrapped(body: dict | bytes, failures: list[dict] | None = None) -> bytes:
    """Status 0, or 1 where a part of the answer is missing."""
    header = (
        _header(1, "partial success", failures, 1) if failures else _header(0, "success", [], 1)
    )
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    return b'{"header":' + orjson.dumps(header) + b',"body":' + content + b"}"


def _failed(refusal: Refusal) -> dict:
    position = refusal.extra.get("position", "")
    failures = [failure(refusal.code, refusal.message, position)]
    return {"header": _header(2, "failure", failures, 0), "body": {}}
