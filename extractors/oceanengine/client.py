"""Ocean Engine: address, token in a header, rotating refresh tokens, envelope, error codes."""

import orjson

from extractors.core.context import PullContext
from extractors.core.errors import Reaction, Rule
from extractors.core.oauth import OAuthClient
from extractors.core.ratelimit import Rate
from extractors.core.tokens import Minted
from extractors.core.vendor import minted, option

AUTHORISE = "let the advertiser authorise the app again and store the new refresh token"

RULES = {
    40000: Rule("a parameter is missing, of a wrong type, or a bad advertiser id"),
    40002: Rule("no permission for this account or API, or the secret does not match"),
    40100: Rule("the platform limits this API for everybody", Reaction.BACKOFF),
    40102: Rule("the access token has expired", Reaction.REFRESH_TOKEN),
    40103: Rule("the refresh token has expired or was used before", action=AUTHORISE),
    # a token that another process has just replaced looks like this: one refresh is tried first
    40104: Rule("the access token is empty or unusable", Reaction.REFRESH_TOKEN, AUTHORISE),
    40105: Rule("the access token is not valid", Reaction.REFRESH_TOKEN, AUTHORISE),
    40107: Rule("the refresh token was replaced before", action=AUTHORISE),
    40110: Rule("too many calls of this app", Reaction.WAIT, block_seconds=(1, 2, 5, 30)),
    40113: Rule("the app does not exist or is disabled"),
    40115: Rule("the auth_code was used or is older than 10 minutes"),
    40118: Rule("the API is not in the allow list", action="apply for the API in the console"),
    40119: Rule("developer and advertiser are different subjects"),
    # the contract: not to be repeated at once
    40130: Rule("too many calls for this advertiser", Reaction.WAIT, block_seconds=(5, 30, 60)),
    50000: Rule("the system failed or timed out", Reaction.BACKOFF),
    50001: Rule("the system is busy", Reaction.BACKOFF),
    50002: Rule("temporarily unavailable", Reaction.BACKOFF),
}
# the quota is per developer and shown only in the console; an account's option `qps` tells it
CALLS_PER_SECOND = 20


class OceanEngineClient(OAuthClient):
    """Calls for one advertiser account."""

    vendor = "Ocean Engine"
    base_url = "https://api.oceanengine.com"
    rules = RULES
    dead_codes = (40103, 40107)

    def __init__(self, pull: PullContext) -> None:
        """Take app and advertiser from the options, secret and refresh token from the secrets."""
        self._app_id, self.advertiser_id = option(pull, "app_id"), option(pull, "advertiser_id")
        self._secret = pull.account.secret("secret")
        self.rates = (Rate(int(pull.account.options.get("qps", CALLS_PER_SECOND)), 1),)
        super().__init__(pull, self._app_id, self._secret)

    def refresh(self, refresh_token: str) -> Minted:
        """oauth2/refresh_token: a new pair; the old access and refresh tokens die at once."""
        body = {
            "app_id": int(self._app_id),
            "secret": self._secret,
            "grant_type": "refresh_token",
            "refresh_token": refresh_token,
        }
        answer = self.ask_token("/open_api/oauth2/refresh_token/", body=body)
        return minted(self.vendor, answer.get("data") or {})

    def verdict(self, answer: dict) -> int:
        """`code`, which must be there."""
        if "code" not in answer:
            raise ValueError
        return int(answer["code"])

    def authorised(self, token: str) -> dict:
        """Nothing in the query."""
        del token
        return {}

    def headers(self, token: str) -> dict:
        """The token, without `Bearer`."""
        return {"Access-Token": token}

    def get(self, path: str, question: dict) -> dict:
        """An authorised GET for the account; arrays and objects travel as JSON text."""
        query = {
            name: value if isinstance(value, str | int) else orjson.dumps(value).decode()
            for name, value in {"advertiser_id": self.advertiser_id, **question}.items()
        }
        return self.call("GET", path, query=query).get("data") or {}

    def post(self, path: str, question: dict) -> dict:
        """An authorised POST for the account."""
        body = {"advertiser_id": int(self.advertiser_id), **question}
        return self.call("POST", path, body=body).get("data") or {}

    def file(self, path: str, question: dict) -> bytes:
        """An authorised download."""
        return self.download(path, {"advertiser_id": self.advertiser_id, **question})


def connect(pull: PullContext) -> OceanEngineClient:
    """The client of a pull."""
    return OceanEngineClient(pull)
