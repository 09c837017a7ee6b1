"""Douyin open platform: tokens, videos, per-day series of videos and accounts."""

from collections.abc import Callable

import numpy as np
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.limits import RateLimit
from sandbox.state import State
from sandbox.timeline import DAY_MS, SECOND_MS
from sandbox.vendors.common import Refusal, answer, form_body, json_body
from sandbox.vendors.douyin_data import METRICS, DouyinData
from sandbox.vendors.douyin_tokens import DouyinTokens

_ITEM = "/data/external/item/"
_USER = "/data/external/user/"
MAX_COUNT = 20
EXPIRED = {"video": 2190008, "data": 28001008}
INVALID = {"video": 2190002, "data": 28001003}
PARAMETER = 2100005


class Douyin:
    """Accounts dy_main and dy_second under one application."""

    def __init__(self, state: State, *, rate_limit_scale: float = 1.0) -> None:
        """Everything is computed from the state's world at its virtual now."""
        self.state = state
        self.tokens = DouyinTokens(state)
        self.data = DouyinData(state)
        self._limit = RateLimit(3_000, scale=rate_limit_scale, timer=state.elapsed_seconds)
        self._calls = 0

    def routes(self) -> list[Route]:
        """OAuth and data."""
        calls = [
            self._call("/api/douyin/v1/video/video_list/", self._video_list, family="video"),
            self._call("/video/list/", self._video_list, family="video"),
            self._call("/api/douyin/v1/user/fans_data/", self._fans, family="data"),
            self._call(_ITEM + "base/", self._item_base, family="data", as_text=True),
        ]
        calls += [
            self._call(_ITEM + f"{m}/", self._item_daily(m), family="data", as_text=True)
            for m in METRICS
        ]
        calls += [
            self._call(_USER + f"{kind}/", self._user_daily(kind), family="data", as_text=True)
            for kind in ("fans", "item", "like", "comment", "share", "profile")
        ]
        for path in ("/api/douyin/v1/video/video_data/", "/video/data/"):
            calls.append(self._call(path, self._video_data, family="video", method="POST"))
        return calls + self.tokens.routes() + [self._userinfo_route()]

    # ------------------------------------------------------------------------------- envelope
    def _extra(self, code: int, message: str, *, as_text: bool) -> dict:
        self._calls += 1
        now = self.state.now_ms
        return {
            "error_code": code,
            "description": message,
            "sub_error_code": 0,
            "sub_description": "",
            "logid": f"{now // SECOND_MS:014d}{self.state.world.seed:08x}{self._calls:010x}",
            "now": str(now) if as_text else now,
        }

    def _call(
        self,
        path: str,
        handler: Callable,
        *,
        family: str,
        method: str = "GET",
        as_text: bool = False,
    ) -> Route:
        """An endpoint that needs a user's token; `as_text` answers its numbers as strings."""

        async def endpoint(request: Request) -> Response:
            try:
                account = self._admit(request, path, family)
                body = await json_body(request) if method == "POST" else None
                data = handler(account, request, body)
                data |= {"error_code": 0, "description": ""}
                code, message = 0, ""
            except Refusal as refusal:
                code, message = refusal.code, refusal.message
                data = {"error_code": code, "description": message}
            except ValueError:
                code, message = PARAMETER, "参数不合法"
                data = {"error_code": code, "description": message}
            if as_text:
                data = _numbers_as_text(data)
            return answer({"data": data, "extra": self._extra(code, message, as_text=as_text)})

        return Route(path, endpoint, methods=[method])

    def _admit(self, request: Request, path: str, family: str) -> str:
        """The account whose token and open_id the call carries."""
        token = request.headers.get("access-token") or request.query_params.get("access_token")
        open_id = request.query_params.get("open_id")
        if not token or not open_id:
            raise Refusal(10005 if open_id else PARAMETER, "参数不合法")
        verdict = self.tokens.check(token)
        if verdict == "expired":
            raise Refusal(EXPIRED[family], "access_token已过期,请刷新或重新授权")
        account = self.tokens.account_of(open_id)
        if verdict != "valid" or self.tokens.owner(token) != account:
            raise Refusal(INVALID[family], "access_token无效")
        if not self._limit.allows(f"{account} {path}"):
            raise Refusal(2100004, "系统繁忙，此时请开发者稍候再试")
        return account

    def _userinfo_route(self) -> Route:
        async def endpoint(request: Request) -> Response:
            form = await form_body(request)
            token, open_id = form.get("access_token"), form.get("open_id")
            verdict = self.tokens.check(token or "")
            account = self.tokens.account_of(open_id or "")
            if verdict == "expired":
                data = {"error_code": 2190008, "description": "access_token已过期"}
            elif verdict != "valid" or self.tokens.owner(token) != account:
                data = {"error_code": 28001003, "description": "access_token无效"}
            else:
                data = self.data.profile(account, open_id) | {"error_code": 0, "description": ""}
            failed = bool(data["error_code"])
            return answer({"data": data, "message": "error" if failed else "success"})

        return Route("/oauth/userinfo/", endpoint, methods=["POST"])

    # ----------------------------------------------------------------------------------- data
    def _video_list(self, account: str, request: Request, _: None) -> dict:
        query = request.query_params
        count, cursor = int(query.get("count", 10)), int(query.get("cursor", 0))
        if not 1 <= count <= MAX_COUNT:
            raise Refusal(PARAMETER, f"count 应为 1 到 {MAX_COUNT}")
        rows = self.data.listed(account)  # newest first
        created = self.state.world.videos.created_ms[rows]
        # the cursor is the creation time of the last one given
        rest = rows if cursor == 0 else rows[created < cursor]
        page = rest[:count]
        return {
            "list": [self.data.video(n) for n in page.tolist()],
            "cursor": int(self.state.world.videos.created_ms[page[-1]]) if len(page) else cursor,
            "has_more": len(rest) > count,
        }

    def _video_data(self, account: str, _: Request, body: dict | None) -> dict:
        videos = self.state.world.videos
        ids = (body or {}).get("item_ids") or (body or {}).get("video_ids")
        if not isinstance(ids, list) or not ids:
            raise Refusal(10005, "item_ids 或 video_ids 必填")
        mine = self.data.listed(account).tolist()
        return {
            "list": [
                self.data.video(n)
                for n in mine
                if videos.item_id[n] in ids or videos.video_id[n] in ids
            ]
        }

    def _item(self, account: str, request: Request) -> int | None:
        """The asked video, None when it is older than 30 days.

        Raises:
            Refusal: no video of this account.
        """
        item_id = request.query_params.get("item_id")
        if not item_id:
            raise Refusal(10005, "item_id 必填")
        row = self.data.find(account, item_id)
        if row is None:
            raise Refusal(28001016, "视频不属于该授权用户")
        age = self.state.now_ms - int(self.state.world.videos.created_ms[row])
        return row if age <= 30 * DAY_MS else None

    def _item_base(self, account: str, request: Request, _: None) -> dict:
        row = self._item(account, request)
        return {"result": {} if row is None else self.data.base(account, row)}

    def _item_daily(self, metric: str) -> Callable:
        def handler(account: str, request: Request, _: None) -> dict:
            days = _date_type(request)
            row = self._item(account, request)
            rows = [] if row is None else self.data.item_days(account, row, metric, days)
            return {"result_list": rows}

        return handler

    def _user_daily(self, kind: str) -> Callable:
        def handler(account: str, request: Request, _: None) -> dict:
            return {"result_list": self.data.user_days(account, kind, _date_type(request))}

        return handler

    def _fans(self, account: str, *_: object) -> dict:
        return {"fans_data": self.data.fans(account)}


def _date_type(request: Request) -> int:
    days = request.query_params.get("date_type")
    if days not in ("7", "15", "30"):
        raise Refusal(PARAMETER, "date_type 应为 7、15 或 30")
    return int(days)


def _numbers_as_text(value: object) -> object:
    """The sample payloads of this family show every number as a string."""
    if isinstance(value, dict):
        return {k: _numbers_as_text(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_numbers_as_text(v) for v in value]
    is_number = isinstance(value, (int, float, np.integer)) and not isinstance(value, bool)
    return str(value) if is_number else value
