"""Kuaishou (磁力引擎): address, token in a header, rotating refresh tokens, envelope."""

from extractors.core.context import PullContext
from extractors.core.errors import Reaction, Rule
from extractors.core.oauth import OAuthClient
from extractors.core.ratelimit import Rate
from extractors.core.tokens import Minted
from extractors.core.vendor import minted, option

AUTHORISE = "if it stays, let the advertiser authorise the app again, store the new refresh token"
SERVER = 5


class Rules(dict):
    """The contract lists no codes, only their leading digit: 5xxxxx may be asked again."""

    def get(self, code: int, default: Rule | None = None) -> Rule:
        """What to do about a code: for all but server failures one new token, then a person."""
        del default
        if str(code).startswith(str(SERVER)) and len(str(code)) == 6:
            return Rule("the platform failed", Reaction.BACKOFF)
        # a token that died early cannot be told from any other refusal
        return Rule("refused; the code is not documented", Reaction.REFRESH_TOKEN, AUTHORISE)


class KuaishouClient(OAuthClient):
    """Calls for one advertiser account."""

    vendor = "Kuaishou"
    base_url = "https://ad.e.kuaishou.com"
    rules = Rules()
    # level 2 of 1000 to 5000 a minute, over app, API and advertiser together
    rates = (Rate(2_000, 60),)

    def __init__(self, pull: PullContext) -> None:
        """Take app and advertiser from the options, secret and refresh token from the secrets."""
        self._app_id, self.advertiser_id = option(pull, "app_id"), option(pull, "advertiser_id")
        self._secret = pull.account.secret("secret")
        super().__init__(pull, self._app_id, self._secret)

    def refresh(self, refresh_token: str) -> Minted:
        """oauth2/authorize/refresh_token: a new pair; only the newest refresh token works."""
        body = {
            "app_id": int(self._app_id),
            "secret": self._secret,
            "refresh_token": refresh_token,
        }
        answer = self.ask_token("/rest/openapi/oauth2/authorize/refresh_token", body=body)
        return minted(self.vendor, answer.get("data") or {}, life="access_token_expires_in")

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

    def post(self, path: str, question: dict) -> dict:
        """An authorised POST for the account."""
        body = {"advertiser_id": int(self.advertiser_id), **question}
        return self.call("POST", path, body=body).get("data") or {}


def connect(pull: PullContext) -> KuaishouClient:
    """The client of a pull."""
    return KuaishouClient(pull)
