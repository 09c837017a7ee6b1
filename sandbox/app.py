"""The HTTP application: vendors, robot, and the control of clock and faults."""

import html
import inspect
from collections.abc import Callable
from datetime import datetime

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from sandbox.callbacks import CALLBACK_AES_KEY, CALLBACK_TOKEN, Callbacks
from sandbox.drops import Drops
from sandbox.faults.middleware import FaultMiddleware
from sandbox.parameters import CHANNELS
from sandbox.robot import ROBOT_KEY, Robot
from sandbox.state import State
from sandbox.timeline import iso, to_ms
from sandbox.vendors import wecom, weixin
from sandbox.vendors.ads import AdPlatforms
from sandbox.vendors.douyin import Douyin
from sandbox.vendors.douyin_tokens import CLIENT_KEY, CLIENT_SECRET
from sandbox.vendors.store import Store
from sandbox.vendors.store_aftersales import Aftersales
from sandbox.vendors.store_compass import Compass
from sandbox.vendors.weixin_datacube import OfficialAccount
from sandbox.world.videos import DOUYIN_ACCOUNTS
from siyu.errors import SiyuError, UsageError


class Sandbox:
    """All stand-ins over one state."""

    def __init__(
        self,
        state: State,
        *,
        rate_limit_scale: float = 1.0,
        robot_per_minute: int = 20,
        callback_url: str | None = None,
        wecom_concurrency: int = 0,
        latency_ms: float = 0.0,
    ) -> None:
        """Deliver what is due at the clock's present, then be ready to serve."""
        self.state = state
        self.drops = Drops(state)
        self.callbacks = Callbacks(state, callback_url)
        self.wecom = wecom.WeCom(
            state,
            rate_limit_scale=rate_limit_scale,
            concurrency=wecom_concurrency,
            latency_ms=latency_ms,
        )
        self.weixin_tokens = weixin.WeixinTokens(state, rate_limit_scale=rate_limit_scale)
        self.official_account = OfficialAccount(state, self.weixin_tokens)
        self.store = Store(state, self.weixin_tokens)
        self.ads = AdPlatforms(state, rate_limit_scale=rate_limit_scale)
        self.aftersales = Aftersales(state, self.weixin_tokens)
        self.compass = Compass(state, self.weixin_tokens)
        self.douyin = Douyin(state, rate_limit_scale=rate_limit_scale)
        self.robot = Robot(state, per_minute=robot_per_minute)
        self.drops.deliver()
        state.save()

    def application(self) -> FaultMiddleware:
        """The ASGI application."""
        control = [
            Route("/", self._index),
            Route("/_sandbox/health", self._control(self._health), methods=["GET"]),
            Route("/_sandbox/accounts", self._control(self._accounts), methods=["GET"]),
            Route("/_sandbox/authorise", self._control(self._authorise), methods=["POST"]),
            Route("/_sandbox/clock", self._control(self._clock), methods=["GET", "PUT"]),
            Route(
                "/_sandbox/faults", self._control(self._faults), methods=["GET", "POST", "DELETE"]
            ),
            Route(
                "/_sandbox/callback",
                self._control(self.callbacks.control),
                methods=["GET", "PUT"],
            ),
            Route(
                "/_sandbox/callback/resend",
                self._control(self.callbacks.control_resend),
                methods=["POST"],
            ),
        ]
        vendors = (
            self.wecom,
            self.weixin_tokens,
            self.official_account,
            self.store,
            self.ads,
            self.aftersales,
            self.compass,
            self.douyin,
            self.robot,
        )
        inner = _ByPath(control + [r for v in vendors for r in v.routes()])
        return FaultMiddleware(inner, self.state, self._options)

    def _options(self) -> list[tuple[str, str, dict[str, str]]]:
        """Source, account and options of every account: how a call says whose it is."""
        listed = self._entries("")
        return [
            (e["source"], e["account"], {k: v for k, v in e["options"].items() if k != "since"})
            for e in listed
        ]

    # -------------------------------------------------------------------------------- control
    def _control(self, handler: Callable) -> Callable:
        async def endpoint(request: Request) -> Response:
            try:
                content = await request.body()
                body = orjson.loads(content) if content else {}
                if not isinstance(body, dict):
                    raise UsageError("The body must be a JSON object")
                result, status = handler(request, body), 200
                if inspect.isawaitable(result):
                    result = await result
                # a move of the clock is over when the receiver has heard of it
                if request.method != "GET":
                    await self.callbacks.settled()
            except orjson.JSONDecodeError:
                result, status = _problem(UsageError("The body is not JSON")), 400
            except SiyuError as error:
                result, status = _problem(error), 400
            return Response(orjson.dumps(result), status, media_type="application/json")

        return endpoint

    def _health(self, *_: object) -> dict:
        world = self.state.world
        return {
            "status": "ok",
            "now": iso(self.state.now_ms),
            "world": {
                "size": world.size.name,
                "seed": world.seed,
                "first_date": str(world.calendar.days[0]),
                "last_date": str(world.calendar.days[-1]),
            },
        }

    def _clock(self, request: Request, body: dict) -> dict:
        if request.method == "GET":
            return {"now": iso(self.state.now_ms)}
        try:
            moment = datetime.fromisoformat(body["now"])
        except (KeyError, TypeError, ValueError):
            moment = None
        if moment is None or moment.tzinfo is None:
            raise UsageError(
                "The clock needs a moment with a time zone",
                action='send {"now": "2026-04-13T10:30:00+08:00"}',
            )
        return self.move_clock(to_ms(moment), force=bool(body.get("force")))

    def move_clock(self, now_ms: int, *, force: bool = False) -> dict:
        """Move the virtual present; drops that are due appear, on the way back they go."""
        state, removed = self.state, 0
        if now_ms < state.now_ms:
            if not force:
                raise UsageError(
                    f"The clock stands at {iso(state.now_ms)} and does not go back to "
                    f"{iso(now_ms)}",
                    action="add --force (drops of the future are removed, tokens become invalid)",
                )
            state.now_ms = now_ms
            state.tokens.clear()
            for fault in state.faults:
                fault.added_ms = min(fault.added_ms, now_ms)
                if fault.cleared_ms is not None:
                    fault.cleared_ms = min(fault.cleared_ms, now_ms)
            state.changed()
            removed = self.drops.take_back()
            self.callbacks.take_back()
        state.move_to(now_ms)
        written = self.drops.deliver()
        self.callbacks.collect()
        state.save()
        return {"now": iso(state.now_ms), "drops_written": written, "drops_removed": removed}

    def _faults(self, request: Request, body: dict) -> dict:
        state = self.state
        if request.method == "POST":
            added = state.add_fault(body).describe(state.now_ms)
            self.drops.deliver()  # a folder may be gone at once
            return added
        if request.method == "DELETE":
            number = request.query_params.get("id") or body.get("id")
            if number is not None and not str(number).isdigit():
                raise UsageError(
                    f"'{number}' is no number of a fault",
                    action="list them with `siyu sandbox fault list`",
                )
            cleared = state.clear_faults(int(number) if number is not None else None)
            self.drops.deliver()
            self.callbacks.collect()
            state.save()
            return {"cleared": [f.id for f in cleared]}
        return {"faults": [f.describe(state.now_ms) for f in state.faults]}

    def _authorise(self, _: Request, body: dict) -> dict:
        source, account = str(body.get("source", "")), str(body.get("account", ""))
        return {"auth_code": self.ads.authorise(source, account)}

    def _accounts(self, request: Request, _: dict) -> dict:
        base = str(request.base_url).rstrip("/")
        return {
            "accounts": self._entries(base),
            "robot_webhook": f"{base}/cgi-bin/webhook/send?key={ROBOT_KEY}",
        }

    def _entries(self, base: str) -> list[dict]:
        """All accounts with what a person gets who authorises them."""
        since = self.state.world.first_day_text

        def entry(source: str, account: str, name: str, options: dict, credentials: dict) -> dict:
            return {
                "source": source,
                "account": account,
                "base_url": base,
                "name_zh": name,
                "options": {"since": since, **options},
                "credentials": credentials,
            }

        return [
            entry(
                "wecom",
                "corp_main",
                "企业微信（主体）",
                {"corpid": wecom.CORPID}
                | ({"callback_url": self.callbacks.url} if self.callbacks.url else {}),
                {
                    "secret": wecom.SECRET,
                    "contact_secret": wecom.CONTACT_SECRET,
                    "callback_token": CALLBACK_TOKEN,
                    "callback_aes_key": CALLBACK_AES_KEY,
                },
            ),
            entry(
                "wechat_oa",
                "oa_main",
                "公众号（主号）",
                {"appid": weixin.OA_APPID},
                {"secret": weixin.OA_SECRET},
            ),
            entry(
                "wechat_store",
                "shop_main",
                "微信小店（主店）",
                {"appid": weixin.STORE_APPID},
                {"secret": weixin.STORE_SECRET},
            ),
            *(entry(*account) for account in self.ads.accounts()),
            entry(
                "wechat_channels_live",
                "shop_main",
                "视频号直播（主店）",
                {"appid": weixin.STORE_APPID},
                {"secret": weixin.STORE_SECRET},
            ),
            *(
                entry(
                    "douyin",
                    account,
                    name,
                    {
                        "client_key": CLIENT_KEY,
                        "open_id": self.douyin.tokens.open_id(account),
                        "since": self._douyin_since(account),
                    },
                    {
                        "client_secret": CLIENT_SECRET,
                        "refresh_token": self.douyin.tokens.refresh_token_of(account),
                    },
                )
                for account, name in zip(DOUYIN_ACCOUNTS, ("抖音主号", "抖音二号"), strict=True)
            ),
            *(
                entry(
                    "page_events",
                    account,
                    name,
                    {"drop_address": str(self.drops.folders[account].absolute())},
                    {},
                )
                for account, name in (("h5_main", "H5 埋点"), ("mini_main", "小程序埋点"))
            ),
        ]

    def _douyin_since(self, account: str) -> str:
        starts = self.state.world.account_days.starts[DOUYIN_ACCOUNTS.index(account)]
        return self.state.world.calendar.days[int(starts)].isoformat()

    # ---------------------------------------------------------------------------------- index
    async def _index(self, _: Request) -> Response:
        health = self._health()
        world = health["world"]
        links = (
            ("/robot", "群机器人收到的消息 · what the group robot received"),
            ("/_sandbox/health", "状态 · health"),
            ("/_sandbox/clock", "虚拟时钟 · clock"),
            ("/_sandbox/faults", "故障 · faults"),
            ("/_sandbox/accounts", "账号 · accounts"),
            ("/_sandbox/callback", "企业微信回调 · WeCom callbacks"),
        )
        items = "".join(f'<li><a href="{path}">{path}</a> {text}</li>' for path, text in links)
        channels = "、".join(f"{c.name_zh} <code>{c.channel_id}</code>" for c in CHANNELS)
        return HTMLResponse(
            '<!doctype html><html lang="zh-CN"><meta charset="utf-8"><title>Siyu 沙箱</title>'
            '<body style="font:15px/1.7 sans-serif;max-width:720px;margin:40px auto;'
            'padding:0 16px"><h1>Siyu 沙箱 <small>sandbox</small></h1>'
            "<p>企业微信、公众号、微信小店、广告平台和 H5 埋点的本地替身："
            "数据会晚到，也会被修订。<br>"
            "Local stand-ins of the vendor APIs, with data that comes late and is revised.</p>"
            f"<p>世界 world：{html.escape(world['size'])}，种子 seed {world['seed']}，"
            f"{world['first_date']} – {world['last_date']}<br>虚拟时间 now："
            f"{html.escape(health['now'])}</p><p>渠道 channels：{channels}</p>"
            f"<ul>{items}</ul></body></html>"
        )


class _ByPath:
    """Finds a plain path's route at once; Starlette tries 150 of them in turn for each call."""

    def __init__(self, routes: list[Route]) -> None:
        self._others = Starlette(routes=routes)
        self._plain: dict[tuple[str, str], Route] = {}
        for route in routes:
            for method in route.methods:
                if "{" not in route.path:
                    self._plain.setdefault((method, route.path), route)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self._plain.get((scope["method"], scope["path"])) if "method" in scope else None
        await (route.app if route else self._others)(scope, receive, send)


def _problem(error: SiyuError) -> dict:
    return {"error": {"what": error.what, "where": error.where, "action": error.action}}
