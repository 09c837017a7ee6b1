"""Xiaohongshu Juguang (小红书聚光) Marketing API: tokens, offline and real-time reports."""

from typing import Any

import orjson
from starlette.routing import Route

from sandbox.limits import RateLimit
from sandbox.state import State
from sandbox.vendors.ad_access import ACCESS_LIFE_SECONDS, REFRESH_LIFE_SECONDS
from sandbox.vendors.ad_post import PostApi
from sandbox.vendors.juguang_reports import LEVELS, Reports

APP_ID, SECRET = 3011, "sandbox-juguang-91ad"
ADVERTISERS = {"60001": 60001}
NAMES = {"60001": "私域护肤"}
USER_ID = "5f0000000000000000060001"
CALLS_PER_MINUTE = 3_000
OAUTH, REPORT = "/api/open/oauth2/", "/api/open/jg/data/report/"


class Juguang:
    """One advertiser under one developer app."""

    def __init__(self, state: State, *, rate_limit_scale: float = 1.0) -> None:
        """Everything is computed from the state's world at its virtual now."""
        self.reports = Reports(state)
        limit = RateLimit(CALLS_PER_MINUTE, scale=rate_limit_scale, timer=state.elapsed_seconds)
        app = (APP_ID, SECRET)
        self._api = PostApi(state, "juguang", app, ADVERTISERS, limit, self._envelope)
        self._flat_api = PostApi(state, "juguang", app, ADVERTISERS, limit, self._flat_envelope)
        self.access = self._api.access
        self._calls = 0

    def routes(self) -> list[Route]:
        """Tokens and reports."""
        post = ["POST"]
        offline = [
            Route(
                f"{REPORT}offline/{level}",
                self._api.api(self.reports.offline(level)),
                methods=post,
            )
            for level in LEVELS
        ]
        # notes have no real-time report
        realtime = [
            Route(
                f"{REPORT}realtime/{level}",
                self._flat_api.api(self.reports.realtime(level)),
                methods=post,
            )
            for level in LEVELS
            if level != "note"
        ]
        return [
            Route(OAUTH + "access_token", self._api.open(self._exchange), methods=post),
            Route(OAUTH + "refresh_token", self._api.open(self._refresh), methods=post),
            *offline,
            *realtime,
        ]

    # ------------------------------------------------------------------------------- envelope
    def _head(self, code: int, message: str) -> dict[str, Any]:
        self._calls += 1
        request_id = f"jg{self._calls:016d}"
        return {"code": code, "success": code == 0, "msg": message, "request_id": request_id}

    def _envelope(self, code: int, message: str, data: bytes) -> bytes:
        return orjson.dumps(self._head(code, message))[:-1] + b',"data":' + data + b"}"

    def _flat_envelope(self, code: int, message: str, data: bytes) -> bytes:
        """Real-time answers carry their fields beside the code."""
        head = orjson.dumps(self._head(code, message))
        return head if data == b"{}" else head[:-1] + b"," + data[1:]

    # ---------------------------------------------------------------------------------- oauth
    def _exchange(self, body: dict) -> dict:
        return self._pair(self._api.account_of_code(body))

    def _refresh(self, body: dict) -> dict:
        return self._pair(self._api.account_of_refresh(body))

    def _pair(self, account: str) -> dict:
        access, refresh = self.access.pair(account)
        return {
            "access_token": access,
            "access_token_expires_in": ACCESS_LIFE_SECONDS,
            "refresh_token": refresh,
            "refresh_token_expires_in": REFRESH_LIFE_SECONDS,
            "user_id": USER_ID,
            "approval_role_type": 4,
            "role_type": 4,
            "platform_type": 1,
            "approval_advertisers": [
                {"advertiser_id": ADVERTISERS[account], "advertiser_name": NAMES[account]}
            ],
        }
