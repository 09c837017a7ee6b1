"""WeChat official accounts: address, stable token, envelope, error codes.

The same rules and token hold for a store's appid, so `wechat_store` builds on this client.
"""

from extractors.core.context import PullContext
from extractors.core.errors import ApiError, Reaction, Rule
from extractors.core.ratelimit import Rate
from extractors.core.tokens import Minted
from extractors.core.vendor import TokenClient, minted, option, secret_refused

SECRET_CODES = (40001, 40013, 40125, 41002, 41004)
WHITE_LIST = "add this machine's public IP to the account's IP white list (IP白名单)"

RULES = {
    -1: Rule("the system is busy", Reaction.BACKOFF),
    40001: Rule("the token is not the newest one, or the secret is wrong", Reaction.REFRESH_TOKEN),
    40013: Rule("the appid is not valid"),
    40014: Rule("the access token is not valid", Reaction.REFRESH_TOKEN),
    40125: Rule("the appsecret is not valid"),
    40164: Rule("this machine's IP is not in the white list", action=WHITE_LIST),
    41001: Rule("the access token is missing"),
    42001: Rule("the access token has expired", Reaction.REFRESH_TOKEN),
    43002: Rule("the call must be a POST"),
    44002: Rule("the body is empty"),
    45009: Rule("the day's quota of this API is used up", Reaction.NEXT_DAY),
    45011: Rule("too many calls in this minute", Reaction.WAIT, block_seconds=(60, 60, 60)),
    47001: Rule("the body is not JSON"),
    47009: Rule("the API was taken offline; a newer one replaces it"),
    48001: Rule(
        "the account may not call this API",
        action="verify the account (微信认证) or ask "
        "for the permission, then run the same command again",
    ),
    50002: Rule("the account is limited"),
    61500: Rule("a date is not valid"),
    61501: Rule("the window is longer than the API allows"),
    61503: Rule("the day is not computed yet", Reaction.NOT_READY),
}


class OfficialAccountClient(TokenClient):
    """Calls of one appid, with the stable token that several processes may share."""

    vendor = "WeChat official account"
    base_url = "https://api.weixin.qq.com"
    rules = RULES
    # the quota per minute is not published: this only keeps a runaway loop in check
    rates = (Rate(10_000, 60),)

    def __init__(self, pull: PullContext) -> None:
        """Take appid and secret from the account."""
        self._account = pull.account
        self._appid, self._secret = option(pull, "appid"), pull.account.secret("secret")
        super().__init__(pull, self._appid, self._secret)

    def mint(self, refresh_token: str | None, rejected: str | None) -> Minted:
        """stable_token gives the current token; a new one is forced only where that is refused."""
        del refresh_token
        token = self._stable_token(is_forced=False)
        if token.token == rejected:
            token = self._stable_token(is_forced=True)
        return token

    def verdict(self, answer: dict) -> int:
        """`errcode`, which statistics leave out on success."""
        return int(answer.get("errcode") or 0)

    def post(self, path: str, body: dict) -> dict:
        """An authorised POST."""
        return self.call("POST", path, body=body)

    def _stable_token(self, *, is_forced: bool) -> Minted:
        body = {
            "grant_type": "client_credential",
            "appid": self._appid,
            "secret": self._secret,
            "force_refresh": is_forced,
        }
        try:
            answer = self.session.call(
                "POST", "/cgi-bin/stable_token", verdict=self.verdict, body=body
            )
        except ApiError as error:
            raise secret_refused(self.vendor, error, SECRET_CODES, self._account) from None
        return minted(self.vendor, answer)


def connect(pull: PullContext) -> OfficialAccountClient:
    """The client of a pull."""
    return OfficialAccountClient(pull)
