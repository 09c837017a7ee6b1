"""Douyin Open Platform (抖音开放平台): address, tokens, two envelopes, error codes."""

from datetime import timedelta
from typing import ClassVar

from extractors.core.context import PullContext
from extractors.core.errors import ApiError, Reaction, Rule
from extractors.core.grants import Renewed
from extractors.core.oauth import OAuthClient
from extractors.core.parse import integer
from extractors.core.ratelimit import Rate
from extractors.core.tokens import Minted
from extractors.core.vendor import minted, option

AUTHORISE = "let the owner of the Douyin account authorise the app again (抖音授权) and store the "
AUTHORISE += "new refresh token"
RENEWALS_USED_UP = 10020
NO_PERMISSION = 10004

RULES = {
    10004: Rule("the app lacks a permission", action="ask for the scope in the console"),
    10005: Rule("a parameter is missing"),
    10008: Rule("the access token has expired", Reaction.REFRESH_TOKEN),
    10010: Rule("the refresh token has expired", action=AUTHORISE),
    10020: Rule("the refresh token was renewed five times already", action=AUTHORISE),
    2100004: Rule("the system is busy", Reaction.BACKOFF),
    2100005: Rule("a parameter is not valid"),
    2190002: Rule("the access token is not valid", Reaction.REFRESH_TOKEN),
    2190004: Rule("the app lacks the scope", action="ask for the scope in the console"),
    2190008: Rule("the access token has expired", Reaction.REFRESH_TOKEN),
    28001003: Rule("the access token is not valid", Reaction.REFRESH_TOKEN),
    28001005: Rule("an internal error of the platform", Reaction.BACKOFF),
    28001008: Rule("the access token has expired", Reaction.REFRESH_TOKEN),
    28001016: Rule("a code that the platform lists without its text"),
}


class DouyinClient(OAuthClient):
    """Calls for one authorised Douyin account."""

    vendor = "Douyin"
    base_url = "https://open.douyin.com"
    rules = RULES
    # quotas per app and scope are in the console and not published: this stops a runaway loop
    rates = (Rate(10_000, 60),)
    # An access token lives 15 days and is refreshed only then; a refresh does not make the refresh
    # token (30 days) live longer. One that would not see the next refresh is renewed now.
    renew_before: ClassVar = timedelta(days=16)

    def __init__(self, pull: PullContext) -> None:
        """Take app and account from the options, secret and refresh token from the secrets."""
        self._pull = pull
        self._client_key, self.open_id = option(pull, "client_key"), option(pull, "open_id")
        super().__init__(pull, self._client_key, pull.account.secret("client_secret"))

    def refresh(self, refresh_token: str) -> Minted:
        """oauth/refresh_token: 15 more days of access; the refresh token stays as it is."""
        form = {
            "client_key": self._client_key,
            "grant_type": "refresh_token",
            "refresh_token": refresh_token,
        }
        answer = self.ask_token("/oauth/refresh_token/", form=form).get("data") or {}
        return minted(self.vendor, answer, refresh_life="refresh_expires_in")

    def renew(self, refresh_token: str) -> Renewed:
        """oauth/renew_refresh_token: a new one for 30 days, at most five times."""
        form = {"client_key": self._client_key, "refresh_token": refresh_token}
        try:
            answer = self.ask_token("/oauth/renew_refresh_token/", form=form).get("data") or {}
        except ApiError as error:
            if error.code in (RENEWALS_USED_UP, NO_PERMISSION):
                self._pull.warn(
                    "authorisation_ends",
                    f"the refresh token cannot be renewed (code {error.code}); {AUTHORISE} within "
                    f"{self.renew_before.days} days",
                )
            raise
        # this answer calls the refresh token's life expires_in
        return Renewed(str(answer["refresh_token"]), integer(answer.get("expires_in")))

    def verdict(self, answer: dict) -> int:
        """The first code that is not 0, of `data` and of `extra`; codes may be text."""
        data, extra = answer.get("data"), answer.get("extra")
        if not isinstance(data, dict):
            raise TypeError
        if code := integer(data.get("error_code")):
            return code
        if not isinstance(extra, dict):
            raise TypeError
        return integer(extra.get("error_code")) or integer(extra.get("sub_error_code")) or 0

    def token_verdict(self, answer: dict) -> int:
        """Answers of oauth have `data` and `message`, and no `extra`."""
        data = answer.get("data")
        if not isinstance(data, dict):
            raise TypeError
        return integer(data.get("error_code")) or 0

    def authorised(self, token: str) -> dict:
        """The account; the token travels in a header."""
        del token
        return {"open_id": self.open_id}

    def headers(self, token: str) -> dict:
        """The token: lower case, without Bearer."""
        return {"access-token": token}

    def get(self, path: str, question: dict | None = None) -> dict:
        """An authorised GET; returns `data`. Ids are URL-encoded on the way, so give them plain."""
        return self.call("GET", path, query=question or {})["data"]


def connect(pull: PullContext) -> DouyinClient:
    """The client of a pull."""
    return DouyinClient(pull)
