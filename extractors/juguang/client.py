"""Xiaohongshu Juguang (小红书聚光): address, token in a header, rotating tokens, envelope."""

from extractors.core.context import PullContext
from extractors.core.errors import Reaction, Rule
from extractors.core.oauth import OAuthClient
from extractors.core.ratelimit import Rate
from extractors.core.tokens import Minted
from extractors.core.vendor import minted, option

AUTHORISE = "if it stays, let the advertiser authorise the app again, store the new refresh token"


class Rules(dict):
    """The contract lists no codes and knows none that may be asked again."""

    def get(self, code: int, default: Rule | None = None) -> Rule:
        """What to do about a code: one new token, then a person."""
        del code, default
        # a token that died early cannot be told from any other refusal
        return Rule("refused; the code is not documented", Reaction.REFRESH_TOKEN, AUTHORISE)


class JuguangClient(OAuthClient):
    """Calls for one advertiser account."""

    vendor = "Juguang"
    base_url = "https://adapi.xiaohongshu.com"
    rules = Rules()
    # no limit is documented
    rates = (Rate(20, 1),)

    def __init__(self, pull: PullContext) -> None:
        """Take app and advertiser from the options, secret and refresh token from the secrets."""
        self._app_id, self.advertiser_id = option(pull, "app_id"), option(pull, "advertiser_id")
        self._secret = pull.account.secret("secret")
        super().__init__(pull, self._app_id, self._secret)

    def refresh(self, refresh_token: str) -> Minted:
        """oauth2/refresh_token: a new pair; only the last refresh token works."""
        body = {
            "app_id": int(self._app_id),
            "secret": self._secret,
            "refresh_token": refresh_token,
        }
        answer = self.ask_token("/api/open/oauth2/refresh_token", body=body)
        return minted(self.vendor, answer.get("data") or {}, life="access_token_expires_in")

    def verdict(self, answer: dict) -> int:
        """`code`, which must be there; a `success` that denies it is a refusal too."""
        if "code" not in answer:
            raise ValueError
        return int(answer["code"]) or (-1 if answer.get("success") is False else 0)

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


def connect(pull: PullContext) -> JuguangClient:
    """The client of a pull."""
    return JuguangClient(pull)
