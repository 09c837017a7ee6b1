"""Douyin's tokens: application token, user tokens that are extended, refresh tokens renewed."""

import hashlib

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.state import State
from sandbox.tokens import TokenStore
from sandbox.vendors.common import Refusal, answer, form_body
from sandbox.world.videos import DOUYIN_ACCOUNTS

CLIENT_KEY, CLIENT_SECRET = "awsandbox00000001", "sandbox-douyin-secret-77b1"
ACCESS_SECONDS, REFRESH_SECONDS, CLIENT_SECONDS = 1_296_000, 2_592_000, 7_200
MAX_RENEWALS = 5
SCOPE = (
    "user_info,video.list.bind,video.data.bind,data.external.item,data.external.user,"
    "fans.data.bind,renew_refresh_token"
)
MISSING, EXPIRED_REFRESH, RENEWALS_USED, NO_PERMISSION = 10005, 10010, 10020, 10004


class DouyinTokens:
    """Two rules that are easily confused.

    Refreshing extends the access token and never the refresh token; renewing swaps the refresh
    token, at most five times for one authorisation.
    """

    def __init__(self, state: State) -> None:
        """Tokens are kept with the state."""
        self.state = state
        self.access = TokenStore(state, "douyin_access", ACCESS_SECONDS)
        self.refresh = TokenStore(state, "douyin_refresh", REFRESH_SECONDS)
        self.client = TokenStore(state, "douyin_client", CLIENT_SECONDS)
        self._account = {self.open_id(a): a for a in DOUYIN_ACCOUNTS}

    @property
    def _renewals(self) -> dict[str, int]:
        """Renewals since the user authorised, by account."""
        return self.state.tokens.setdefault("douyin_renewals", {})

    @property
    def _unused(self) -> dict[str, bool]:
        """Refresh tokens handed out but never used: their 30 days begin with their first use."""
        return self.state.tokens.setdefault("douyin_unused", {})

    def open_id(self, account: str) -> str:
        """The user's id in this application."""
        digest = hashlib.blake2b(f"{self.state.world.seed}|{account}".encode(), digest_size=18)
        return f"_000{digest.hexdigest()}"

    def account_of(self, open_id: str) -> str | None:
        """The account behind an open_id."""
        return self._account.get(open_id)

    def check(self, token: str) -> str:
        """`valid`, `expired`, `revoked` or `unknown`."""
        return self.access.check(token)

    def owner(self, token: str) -> str | None:
        """Whose user token it is."""
        return self.access.owner(token)

    def refresh_token_of(self, account: str) -> str:
        """A valid refresh token: what a person gets who authorises the app (again)."""
        if token := self.refresh.current(account):
            return token
        token = self.refresh.mint(account, revoke_former=True)
        self._renewals[account] = 0
        self._unused[token] = True
        return token

    def code_of(self, account: str) -> str:
        """The authorisation code that works next: each is good for one use."""
        used = self.state.tokens.setdefault("douyin_codes", {}).get(account, 0)
        return f"code-{account}-{used + 1}"

    def routes(self) -> list[Route]:
        """The four oauth endpoints."""
        handlers = {
            "client_token": self._client_token,
            "access_token": self._access_token,
            "refresh_token": self._refresh_token,
            "renew_refresh_token": self._renew,
        }
        return [self._route(name, handler) for name, handler in handlers.items()]

    def _route(self, name: str, handler: object) -> Route:
        async def endpoint(request: Request) -> Response:
            try:
                form = await _form(request, json_too=name == "client_token")
                data = handler(form) | {"error_code": 0, "description": ""}
                return answer({"data": data, "message": "success"})
            except Refusal as refusal:
                data = {"error_code": refusal.code, "description": refusal.message}
                return answer({"data": data, "message": "error"})

        return Route(f"/oauth/{name}/", endpoint, methods=["POST"])

    def _app(self, form: dict, *, secret: bool, grant: str | None) -> None:
        if form.get("client_key") != CLIENT_KEY:
            code = NO_PERMISSION if form.get("client_key") else MISSING
            raise Refusal(code, "client_key错误")
        if secret and form.get("client_secret") != CLIENT_SECRET:
            raise Refusal(NO_PERMISSION, "client_secret错误")
        if grant and form.get("grant_type") != grant:
            raise Refusal(MISSING, "grant_type错误")

    def _client_token(self, form: dict) -> dict:
        self._app(form, secret=True, grant="client_credential")
        token = self.client.mint(CLIENT_KEY)
        return {"access_token": token, "expires_in": CLIENT_SECONDS}

    def _access_token(self, form: dict) -> dict:
        self._app(form, secret=True, grant="authorization_code")
        codes = self.state.tokens.setdefault("douyin_codes", {})
        for account in DOUYIN_ACCOUNTS:
            if form.get("code") == self.code_of(account):
                codes[account] = codes.get(account, 0) + 1
                self._renewals[account] = 0
                access = self.access.mint(account, revoke_former=True)
                return self._pair(account, access, self.refresh.mint(account, revoke_former=True))
        raise Refusal(10007, "授权码过期或已使用")

    def _refresh_token(self, form: dict) -> dict:
        self._app(form, secret=False, grant="refresh_token")
        account, refresh = self._refresh_of(form)
        token = self.access.current(account)
        if token:  # before its end the same token only lives on
            self.access.renew(token)
        else:
            token = self.access.mint(account)
        return self._pair(account, token, refresh)

    def _renew(self, form: dict) -> dict:
        self._app(form, secret=False, grant=None)
        account, _ = self._refresh_of(form)
        if self._renewals.get(account, 0) >= MAX_RENEWALS:
            raise Refusal(RENEWALS_USED, "refresh_token续期次数已达上限，需要用户重新授权")
        self._renewals[account] = self._renewals.get(account, 0) + 1
        token = self.refresh.mint(account, revoke_former=True)
        return {"refresh_token": token, "expires_in": REFRESH_SECONDS}

    def _refresh_of(self, form: dict) -> tuple[str, str]:
        token = form.get("refresh_token")
        if not token:
            raise Refusal(MISSING, "refresh_token必填")
        if self._unused.pop(token, None):
            self.refresh.renew(token)
        if self.refresh.check(token) != "valid":
            raise Refusal(EXPIRED_REFRESH, "refresh_token已过期，请重新授权")
        return self.refresh.owner(token), token

    def _pair(self, account: str, access: str, refresh: str) -> dict:
        return {
            "access_token": access,
            "expires_in": self.access.seconds_left(access),
            "refresh_token": refresh,
            "refresh_expires_in": self.refresh.seconds_left(refresh),
            "open_id": self.open_id(account),
            "scope": SCOPE,
        }


async def _form(request: Request, *, json_too: bool) -> dict:
    """A form, as these calls want it; the application token also takes JSON."""
    kind = request.headers.get("content-type", "")
    if kind.startswith("application/x-www-form-urlencoded"):
        return await form_body(request)
    if json_too:
        try:
            body = orjson.loads(await request.body() or b"{}")
        except orjson.JSONDecodeError:
            raise Refusal(MISSING, "参数缺失") from None
        return body if isinstance(body, dict) else {}
    raise Refusal(MISSING, "参数缺失：请使用 application/x-www-form-urlencoded")
