"""What Kuaishou and Juguang share: JSON bodies by POST, the token in a header, a code in the body.

Neither's contract names its codes. Those here are the sandbox's own: 4xxxxx is final, 5xxxxx may
be asked again.
"""

from collections.abc import Callable
from datetime import date
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from sandbox.limits import RateLimit
from sandbox.state import State
from sandbox.timeline import day_number, number_of_date
from sandbox.vendors.ad_access import AdAccess, is_secret
from sandbox.vendors.common import Refusal, answer, is_int, json_body

PARAMETER, CREDENTIALS, TOKEN, PERMISSION, BUSY = 400001, 400101, 401001, 403001, 500429
CODE_SECONDS = 600


class PostApi:
    """Checks of app, token, advertiser and rate; a platform adds its envelope."""

    def __init__(
        self,
        state: State,
        name: str,
        app: tuple[int, str],
        advertisers: dict[str, int],
        limit: RateLimit,
        envelope: Callable[[int, str, bytes], bytes],
    ) -> None:
        """One app over some advertisers.

        Args:
            state: world and clock.
            name: of the source.
            app: its id and secret.
            advertisers: account -> the platform's own id.
            limit: counted for each advertiser and address.
            envelope: code, message and the ready data -> the body.
        """
        self.access = AdAccess(state, name, kills_access=False, code_seconds=CODE_SECONDS)
        self._app = app
        self._accounts = {advertiser: account for account, advertiser in advertisers.items()}
        self._limit = limit
        self._envelope = envelope

    def open(self, handler: Callable[[dict], dict]) -> Callable:
        """An endpoint that needs app and secret only."""

        def call(request: Request, body: dict) -> bytes:
            del request
            if str(body.get("app_id")) != str(self._app[0]) or not is_secret(
                body.get("secret"), self._app[1]
            ):
                raise Refusal(CREDENTIALS, "app_id or secret invalid")
            return orjson.dumps(handler(body))

        return self._endpoint(call)

    def api(self, handler: Callable[[str, dict], bytes]) -> Callable:
        """An endpoint that needs a token for its advertiser."""

        def call(request: Request, body: dict) -> bytes:
            token = request.headers.get("Access-Token")
            if not token:
                raise Refusal(TOKEN, "Access-Token is empty")
            verdict = self.access.access.check(token)
            if verdict != "valid":
                raise Refusal(TOKEN, f"Access-Token {verdict}")
            advertiser = body.get("advertiser_id")
            if not is_int(advertiser):
                raise Refusal(PARAMETER, "advertiser_id must be an integer")
            if not self._limit.allows(f"{advertiser} {request.url.path}"):
                raise Refusal(BUSY, "too many requests")
            if self._accounts.get(advertiser) != self.access.access.owner(token):
                raise Refusal(PERMISSION, f"no permission for advertiser {advertiser}")
            return handler(self._accounts[advertiser], body)

        return self._endpoint(call)

    def _endpoint(self, call: Callable[[Request, dict], bytes]) -> Callable:
        async def endpoint(request: Request) -> Response:
            try:
                body = await json_body(request)
                if not isinstance(body, dict):
                    raise Refusal(PARAMETER, "the body must be a JSON object")
                return answer(self._envelope(0, "OK", call(request, body)))
            except orjson.JSONDecodeError:
                return answer(self._envelope(PARAMETER, "the body is not JSON", b"{}"))
            except Refusal as refusal:
                return answer(self._envelope(refusal.code, refusal.message, b"{}"))

        return endpoint

    def account_of_code(self, body: dict) -> str:
        """Whose authorisation an auth_code stands for."""
        verdict, account = self.access.exchange(body.get("auth_code"))
        if verdict != "valid":
            raise Refusal(CREDENTIALS, f"auth_code {verdict}")
        return account

    def account_of_refresh(self, body: dict) -> str:
        """Whose refresh token it is."""
        verdict, account = self.access.check_refresh(body.get("refresh_token"))
        if verdict != "valid":
            raise Refusal(CREDENTIALS, f"refresh_token {verdict}")
        return account


def whole(body: dict, name: str, default: int, most: int) -> int:
    """A number from 1 to the most the platform takes."""
    value = body.get(name, default)
    if not is_int(value) or not 1 <= value <= most:
        raise Refusal(PARAMETER, f"{name} must be 1 to {most}")
    return value


def one_of(body: dict, name: str, default: str, allowed: tuple[str, ...]) -> str:
    """A value of an enumeration."""
    value = body.get(name, default)
    if value not in allowed:
        raise Refusal(PARAMETER, f"{name} must be one of {', '.join(allowed)}")
    return value


def ids(body: dict, name: str, most: int) -> frozenset[int] | None:
    """Ids to keep; None keeps all."""
    value = body.get(name)
    if not value:
        return None
    if not isinstance(value, list) or len(value) > most or not all(is_int(v) for v in value):
        raise Refusal(PARAMETER, f"{name} must be at most {most} integers")
    return frozenset(value)


def day(body: dict[str, Any], name: str) -> int:
    """The number of a day given as yyyy-MM-dd."""
    try:
        return number_of_date(date.fromisoformat(body[name]))
    except (KeyError, TypeError, ValueError):
        raise Refusal(PARAMETER, f"{name} must be yyyy-MM-dd") from None


def in_order(state: State, first: int, last: int) -> None:
    """Refuse days the wrong way round, and days to come."""
    if last < first or last > int(day_number(state.now_ms)):
        raise Refusal(PARAMETER, "the days must not end before they start or after today")
