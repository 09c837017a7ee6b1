"""Tencent Ads v3: address, token, timestamp and nonce, envelope, error codes."""

import uuid

import orjson

from extractors.core.context import PullContext
from extractors.core.errors import ApiError, Reaction, Rule
from extractors.core.ratelimit import Rate
from extractors.core.tokens import Minted
from extractors.core.vendor import TokenClient, minted, option, secret_refused

SECRET_CODES = (11002, 11004, 11005, 11007, 11010, 11012)
AUTHORISE = "let the advertiser authorise the app again and store the new refresh token"

RULES = {
    10000: Rule("the system is busy", Reaction.BACKOFF),
    10001: Rule("the platform is under maintenance", Reaction.BACKOFF),
    11000: Rule("the access token has expired", Reaction.REFRESH_TOKEN),
    # the contract says to authorise anew; a token that another process replaced looks the same, so
    # one refresh is tried first
    11002: Rule("the access token is not valid", Reaction.REFRESH_TOKEN, AUTHORISE),
    11004: Rule("the access token is malformed"),
    11005: Rule("the access token is missing"),
    11007: Rule("the client_id is not valid"),
    11008: Rule("the app's request limit is exceeded", Reaction.WAIT, block_seconds=(60, 300)),
    11010: Rule("the refresh token is malformed", action=AUTHORISE),
    11012: Rule("the refresh token has expired", action=AUTHORISE),
    11014: Rule("the API lies outside the granted scope", action=AUTHORISE),
    11016: Rule("too many calls in this second", Reaction.WAIT, block_seconds=(1, 1, 2, 5, 60)),
    11017: Rule("too many calls in this minute", Reaction.WAIT, block_seconds=(60, 60, 60)),
    11018: Rule("the day's quota is used up", Reaction.NEXT_DAY),
    11019: Rule("far too many calls", Reaction.WAIT, block_seconds=(60, 300)),
    11022: Rule("the user's token limit is exceeded", Reaction.WAIT, block_seconds=(60, 300)),
    31033: Rule("a parameter is not permitted for this account"),
}


class TencentAdsClient(TokenClient):
    """Calls for one advertiser account."""

    vendor = "Tencent Ads"
    base_url = "https://api.e.qq.com"
    rules = RULES
    # per app and API; the day's 20,000 is left to the platform, waiting a day here helps nobody
    rates = (Rate(1_000, 60),)

    def __init__(self, pull: PullContext) -> None:
        """Take client and account from the options, secret and refresh token from the secrets."""
        self._account = pull.account
        self._client_id, self.account_id = option(pull, "client_id"), option(pull, "account_id")
        self._secret = pull.account.secret("client_secret")
        self._refresh_token = pull.account.secret("refresh_token")
        super().__init__(pull, self._client_id, self._secret, self._refresh_token)

    def mint(self, refresh_token: str | None, rejected: str | None) -> Minted:
        """oauth/token: a new access token; the refresh token stays and its 30 days start again."""
        del rejected
        query = {
            "client_id": self._client_id,
            "client_secret": self._secret,
            "grant_type": "refresh_token",
            "refresh_token": refresh_token or self._refresh_token,
        }
        try:
            answer = self.session.call(
                "GET", "/oauth/token", verdict=self.verdict, params=lambda: query
            )
        except ApiError as error:
            raise secret_refused(self.vendor, error, SECRET_CODES, self._account) from None
        return minted(self.vendor, answer.get("data") or {}, life="access_token_expires_in")

    def verdict(self, answer: dict) -> int:
        """`code`, which must be there."""
        if "code" not in answer:
            raise ValueError
        return int(answer["code"])

    def authorised(self, token: str) -> dict:
        """Token, moment and nonce, new for each attempt: a repeated nonce is refused."""
        return {
            "access_token": token,
            "timestamp": int(self._clock.now().timestamp()),
            "nonce": uuid.uuid4().hex,
        }

    def get(self, path: str, question: dict) -> dict:
        """An authorised GET; structures travel as JSON text. Returns `data`."""
        query = {
            name: value if isinstance(value, str | int) else orjson.dumps(value).decode()
            for name, value in question.items()
        }
        return self.call("GET", path, query=query).get("data") or {}

    def post(self, path: str, question: dict) -> dict:
        """An authorised POST for the account. Returns `data`."""
        body = {"account_id": int(self.account_id), **question}
        return self.call("POST", path, body=body).get("data") or {}

    def file(self, path: str, question: dict) -> bytes:
        """An authorised download for the account."""
        return self.download(path, {"account_id": self.account_id, **question})


def connect(pull: PullContext) -> TencentAdsClient:
    """The client of a pull."""
    return TencentAdsClient(pull)
