"""Baidu Marketing (百度营销): address, token in the body's header object, envelope with status."""

from extractors.core.context import PullContext
from extractors.core.errors import Reaction, Rule
from extractors.core.oauth import OAuthClient
from extractors.core.ratelimit import Rate
from extractors.core.tokens import Minted
from extractors.core.vendor import minted, option

OK, PARTLY, ALL_FAILED, SYSTEM = 0, 1, 2, 3
AUTHORISE = (
    "look the code up in Baidu's list; if it is about the token, let the account's owner authorise "
    "the app again and store the new refresh token"
)


class Rules(dict):
    """`status` 3 is the system's own failure; the codes of a refusal are not documented."""

    def get(self, code: int, default: Rule | None = None) -> Rule:
        """What to do about a code: for all but system failures one new token, then a person."""
        del default
        if code == SYSTEM:
            return Rule("the system failed", Reaction.BACKOFF)
        # a token that died early cannot be told from any other refusal
        return Rule("refused; the code is not in the contract", Reaction.REFRESH_TOKEN, AUTHORISE)


class BaiduClient(OAuthClient):
    """Calls for one account, which is named by its user name."""

    vendor = "Baidu"
    base_url = "https://api.baidu.com"
    token_url = "https://u.baidu.com"  # noqa: S105 - an address
    rules = Rules()
    rates = (Rate(50, 1),)

    def __init__(self, pull: PullContext) -> None:
        """Take app, user name and user id from the options, the secret key from the secrets."""
        self._app_id = option(pull, "app_id")
        self._user_name, self._user_id = option(pull, "user_name"), option(pull, "user_id")
        self._secret_key = pull.account.secret("secret_key")
        super().__init__(pull, self._app_id, self._secret_key)

    def refresh(self, refresh_token: str) -> Minted:
        """oauth/refreshToken: both tokens are new."""
        body = {
            "appId": self._app_id,
            "refreshToken": refresh_token,
            "secretKey": self._secret_key,
            "userId": int(self._user_id),
        }
        answer = self.ask_token("/oauth/refreshToken", body=body)
        return minted(
            self.vendor,
            answer.get("data") or {},
            life="expiresIn",
            token="accessToken",  # noqa: S106 - names of fields
            refresh="refreshToken",
            refresh_life="refreshExpiresIn",
        )

    def token_verdict(self, answer: dict) -> int:
        """`code` of the token server, which has an envelope of its own."""
        if "code" not in answer:
            raise ValueError
        return int(answer["code"])

    def verdict(self, answer: dict) -> int:
        """`header.status`; a partly failed answer passes, and `is_partial` tells it."""
        header = answer["header"]
        status = int(header["status"])
        if status in (OK, PARTLY):
            return 0
        if status == SYSTEM:
            return SYSTEM
        failures = header.get("failures") or ()
        return next((int(f["code"]) for f in failures if f.get("code")), status)

    def authorised(self, token: str) -> dict:
        """Nothing in the query."""
        del token
        return {}

    def authorised_body(self, token: str, body: dict | bytes | None) -> dict | bytes | None:
        """The caller in a header object beside the question."""
        return {"header": {"userName": self._user_name, "accessToken": token}, "body": body}

    def post(self, path: str, question: dict) -> dict:
        """An authorised POST; returns header and body."""
        return self.call("POST", path, body=question)


def is_partial(answer: dict) -> bool:
    """Whether a part of the answer is missing, although there is one."""
    return int(answer["header"]["status"]) == PARTLY


def connect(pull: PullContext) -> BaiduClient:
    """The client of a pull."""
    return BaiduClient(pull)
