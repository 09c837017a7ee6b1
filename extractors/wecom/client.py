"""WeCom: address, token, envelope, error codes (its documents 91039, 90313 and 90312)."""

from array import array
from collections.abc import Callable, Hashable, Iterator

from extractors.core.context import PullContext
from extractors.core.errors import ApiError, Reaction, Rule
from extractors.core.paging import Cursor
from extractors.core.ratelimit import Rate
from extractors.core.tokens import Minted
from extractors.core.vendor import TokenClient, minted, option, secret_refused

SECRET_CODES = (40001, 40013, 40091, 41002, 41004, 50003)
# a member who left between two calls, or whom the app may no longer see
GONE_MEMBER_CODES = (40003, 40031, 60111, 60021, 60011)
NO_CONTACT = 84061
INVALID_CURSOR = 50100
# a list whose cursor dies is read again from its first page, so many times
RESTARTS = 3
STILL_DISPATCHED = (41063, 41079)
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
    40050: Rule("a group is unknown"),
    40058: Rule("a parameter is not valid or too long"),
    40063: Rule("a required parameter is missing"),
    40068: Rule("a tag is unknown"),
    40091: Rule("the secret belongs to another corp"),
    41001: Rule("the access token is missing"),
    41002: Rule("the corpid is missing"),
    41004: Rule("the secret is missing"),
    41044: Rule("a contact way is unknown"),
    41046: Rule("the group message's id is missing"),
    41047: Rule("a group message is unknown"),
    41060: Rule("a moment is unknown"),
    41061: Rule("the member did not publish this moment"),
    41062: Rule("the member has not published this moment yet", Reaction.EMPTY),
    41063: Rule("the group message is still being dispatched", Reaction.BACKOFF),
    41067: Rule("the moment is of the wrong kind for this call"),
    41079: Rule("the moment is still being dispatched", Reaction.BACKOFF),
    41093: Rule("the group message was cancelled"),
    41200: Rule("the function is open to certain business categories only"),
    41211: Rule("the corp has no customer moments"),
    42001: Rule("the access token has expired", Reaction.REFRESH_TOKEN),
    45009: Rule("too many calls", Reaction.WAIT, block_seconds=(60, 60, 300, 3600)),
    45029: Rule("the answer would be too large"),
    45033: Rule(
        "too many calls at once",
        Reaction.CROWDED,
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
    48007: Rule(
        "the app may not use this customer-service account",
        action="give the app the account under 微信客服 > 可调用接口的应用, then run it again",
    ),
    48009: Rule(
        "the contact-sync secret may not read members from this address",
        action="use the secret of a self-built app that sees the members",
    ),
    49008: Rule("the group was dissolved", Reaction.EMPTY),
    50002: Rule("a member is outside the permitted range"),
    50003: Rule("the app is disabled", action="enable the app in the admin console"),
    50100: Rule(
        "the paging cursor is not valid", action="run the same command again: paging starts anew"
    ),
    60003: Rule("a department is unknown"),
    60011: Rule("no privilege on a member"),
    60020: Rule("this machine's IP is not trusted", action=TRUSTED_IP),
    60021: Rule("a member is outside the app's visible range"),
    60111: Rule("a userid does not exist"),
    60123: Rule("a department id is not valid"),
    60253: Rule("the member does not serve this customer-service account"),
    81017: Rule("too many members are visible to list groups without naming owners"),
    84061: Rule("no such contact", Reaction.EMPTY),
    84074: Rule("no permission for customer contacts"),
    86003: Rule("a group is unknown"),
    90501: Rule("the chat is no customer group"),
    90509: Rule("the chat is no WeChat customer group"),
    95004: Rule("a customer-service account is unknown"),
    95011: Rule("customer service runs in WeCom, the secret is one of standalone service"),
    95012: Rule("customer service runs standalone, the secret is one of WeCom"),
    95014: Rule("the member is no servicer"),
    95017: Rule("the customer-service API is switched off in the admin console"),
    301042: Rule("this machine's IP is not on the allow list", action=TRUSTED_IP),
    600018: Rule("the window is not valid: over 30 days, older than 180 days, or not over yet"),
    610024: Rule("the corp must hand in its qualification papers first"),
    660003: Rule("a payee is outside the app's visible range"),
    660013: Rule("the payment app (对外收款) is switched off"),
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

    def get(self, path: str, query: dict | None = None) -> dict:
        """An authorised GET."""
        return self.call("GET", path, query=query)

    def post(self, path: str, body: dict) -> dict:
        """An authorised POST."""
        return self.call("POST", path, body=body)

    def pages(
        self, path: str, body: dict, field: str, key: Callable[[dict], Hashable]
    ) -> Iterator[list[dict]]:
        """The elements of a list, page by page, to the empty or missing cursor.

        A page may be short or empty before the end: rows outside the app's visible range are taken
        out after paging. How long a cursor lives is not documented: when it is refused half-way,
        the list is read again from the start, and what was given before is not given twice.

        Args:
            path: of the list.
            body: its filters and `limit`, the same for every page.
            field: the answer's list.
            key: what makes an element the same as one before.
        """
        given = array("q")  # of a corporation's every customer: 8 bytes each, not 60
        for attempt in range(RESTARTS + 1):
            seen = set(given) if attempt else set()
            try:
                for answer in Cursor().pages(lambda page: self.post(path, {**body, **page})):
                    elements = answer.get(field) or []
                    keys = [hash(key(element)) for element in elements]
                    if attempt:
                        elements = [
                            element
                            for element, known in zip(elements, keys, strict=True)
                            if known not in seen
                        ]
                    given.extend(keys)
                    yield elements
            except ApiError as error:
                if error.code != INVALID_CURSOR or attempt == RESTARTS:
                    raise
            else:
                return

    def listed(
        self, path: str, body: dict, field: str, key: Callable[[dict], Hashable]
    ) -> list[dict]:
        """The whole of a list, as `pages` reads it."""
        return [element for page in self.pages(path, body, field, key) for element in page]

    def follow_users(self) -> list[str]:
        """Userids of the staff enabled for customer contact."""
        answer = self.get("/cgi-bin/externalcontact/get_follow_user_list")
        return answer.get("follow_user") or []


def connect(pull: PullContext) -> WecomClient:
    """The client of a pull."""
    return WecomClient(pull)
