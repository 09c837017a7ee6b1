"""WeCom: address, token, envelope, error codes (its documents 91039, 90313 and 90312)."""

from extractors.core.context import PullContext
from extractors.core.errors import ApiError, Reaction, Rule
from extractors.core.ratelimit import Rate
from extractors.core.tokens import Minted
from extractors.core.vendor import TokenClient, minted, option, secret_refused

SECRET_CODES = (40001, 40013, 40091, 41002, 41004, 50003)
# a member who left between two calls, or whom the app may no longer see
GONE_MEMBER_CODES = (40003, 40031, 60111, 60021, 60011)
NO_CONTACT = 84061
TRUSTED_IP = (
    "add this machine's public IP to the app's trusted IPs (企业可信IP) in the WeCom "
    "admin console; it takes about a minute"
)

RULES = {
    -1: Rule("the system is busy", Reaction.BACKOFF),
    6000: Rule("data version conflict", Reaction.BACKOFF),
    40001: Rule(
        "the secret or token is not valid: wrong, reset, or the app is disabled",
        Reaction.REFRESH_TOKEN,
    ),
    40003: Rule("a userid is unknown or its owner has left"),
    40013: Rule("the corpid is not valid"),
    40014: Rule("the access token is not valid", Reaction.REFRESH_TOKEN),
    40031: Rule("the list of userids is not valid"),
    40033: Rule("the request holds escaped characters"),
    40035: Rule("a parameter is not valid"),
    40058: Rule("a parameter is not valid or too long"),
    40063: Rule("a required parameter is missing"),
    40091: Rule("the secret belongs to another corp"),
    41001: Rule("the access token is missing"),
    41002: Rule("the corpid is missing"),
    41004: Rule("the secret is missing"),
    42001: Rule("the access token has expired", Reaction.REFRESH_TOKEN),
    45009: Rule("too many calls", Reaction.WAIT, block_seconds=(60, 60, 300, 3600)),
    45029: Rule("the answer would be too large"),
    45033: Rule(
        "too many calls at once",
        Reaction.BACKOFF,
        "other programs use this app at the same time; run the same command again later",
    ),
    45035: Rule("conflicting changes", Reaction.BACKOFF),
    45036: Rule("access is limited because of abnormal traffic", Reaction.BACKOFF),
    48001: Rule("the API is not authorised"),
    48002: Rule(
        "the app may not call this API",
        action="add the app under 客户联系 > "
        "可调用接口的应用 in the admin console, then run the same command again",
    ),
    48004: Rule("the authorisation is missing or was cancelled"),
    50002: Rule("a member is outside the permitted range"),
    50003: Rule("the app is disabled", action="enable the app in the admin console"),
    50100: Rule(
        "the paging cursor is not valid", action="run the same command again: paging starts anew"
    ),
    60011: Rule("no privilege on a member"),
    60020: Rule("this machine's IP is not trusted", action=TRUSTED_IP),
    60021: Rule("a member is outside the app's visible range"),
    60111: Rule("a userid does not exist"),
    81017: Rule("too many members are visible to list groups without naming owners"),
    84061: Rule("no such contact", Reaction.EMPTY),
    84074: Rule("no permission for customer contacts"),
    301042: Rule("this machine's IP is not on the allow list", action=TRUSTED_IP),
    600018: Rule("the window is not valid: over 30 days, older than 180 days, or not over yet"),
    610024: Rule("the corp must hand in its qualification papers first"),
}


class WecomClient(TokenClient):
    """Calls of one self-built app."""

    vendor = "WeCom"
    base_url = "https://qyapi.weixin.qq.com"
    rules = RULES
    # per corp and API
    rates = (Rate(10_000, 60), Rate(150_000, 3600))

    def __init__(self, pull: PullContext) -> None:
        """Take corpid and secret from the account."""
        self._account = pull.account
        self._corpid, self._secret = option(pull, "corpid"), pull.account.secret("secret")
        super().__init__(pull, self._corpid, self._secret)

    def mint(self, refresh_token: str | None, rejected: str | None) -> Minted:
        """gettoken: gives the same token while it is valid, a new one after that."""
        del refresh_token, rejected
        path = "/cgi-bin/gettoken"
        try:
            answer = self.session.call(
                "GET",
                path,
                verdict=self.verdict,
                params=lambda: {"corpid": self._corpid, "corpsecret": self._secret},
            )
        except ApiError as error:
            raise secret_refused(self.vendor, error, SECRET_CODES, self._account) from None
        return minted(self.vendor, answer)

    def verdict(self, answer: dict) -> int:
        """`errcode`, which may be missing on success."""
        return int(answer.get("errcode") or 0)

    def get(self, path: str) -> dict:
        """An authorised GET."""
        return self.call("GET", path)

    def post(self, path: str, body: dict) -> dict:
        """An authorised POST."""
        return self.call("POST", path, body=body)

    def follow_users(self) -> list[str]:
        """Userids of the staff enabled for customer contact."""
        answer = self.get("/cgi-bin/externalcontact/get_follow_user_list")
        return answer.get("follow_user") or []


def connect(pull: PullContext) -> WecomClient:
    """The client of a pull."""
    return WecomClient(pull)
