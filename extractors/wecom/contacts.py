"""Staff enabled for customer contact, and their customers."""

from typing import TYPE_CHECKING, ClassVar

import pyarrow as pa

from extractors.core.stream import UTC_TIMESTAMP, Kind, Personal, Stream, columns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extractors.core.context import PullContext

SOURCE = "wecom"
MOST_STAFF_PER_CALL = 100
CUSTOMERS_PER_PAGE = 100
# this endpoint is the one that most often refuses simultaneous calls (45033)
LANES = 4
# few enough that four lanes of them take no memory to speak of
ROWS_PER_TABLE = 1_000
CUSTOMER_STARTED = "customer"


class FollowUser(Stream):
    """Staff who may have customers (配置了客户联系功能的成员).

    Source: externalcontact/get_follow_user_list, developer.work.weixin.qq.com/document/path/92571.
    Grain:  one row per userid and day of snapshot.
    Units:  none.
    Late:   the present state; staff outside the app's visible range are left out silently.
    Raises: ApiError 48002 when the app may not call it, 60020 when this machine's IP is unknown.
    """

    source = SOURCE
    name = "follow_user"
    kind = Kind.ENTITY
    endpoint = "/cgi-bin/externalcontact/get_follow_user_list"
    endpoints = ("externalcontact.get_follow_user_list",)
    confidence = "documented"
    schema = columns(userid=pa.string())
    primary_key = ("userid",)

    def extract(self, pull: "PullContext") -> None:
        """One call; there are no pages."""
        pull.land({pull.today: [{"userid": userid} for userid in pull.client.follow_users()]})


class Customer(Stream):
    """Customers, once per staff member who added them (批量获取客户详情).

    Source: externalcontact/batch/get_by_user, developer.work.weixin.qq.com/document/path/92994.
    Grain:  one row per external_userid, userid and day of snapshot. A customer who deleted the
            staff member stays; a pair whose staff member deleted the customer is gone.
    Units:  createtime in seconds since 1970 on the wire, a UTC timestamp here. oper_userid is
            `customer` where the customer started the relation.
    Late:   the present state.
    Raises: ApiError 45033 when too many calls run at once (after backing off), 48002, 60020.
    """

    source = SOURCE
    name = "customer"
    kind = Kind.ENTITY
    endpoint = "/cgi-bin/externalcontact/batch/get_by_user"
    endpoints = ("externalcontact.batch.get_by_user",)
    confidence = "documented"
    schema = columns(
        external_userid=pa.string(),
        unionid=pa.string(),
        type=pa.int64(),
        gender=pa.int64(),
        userid=pa.string(),
        createtime=UTC_TIMESTAMP,
        add_way=pa.int64(),
        state=pa.string(),
        tag_ids=pa.string(),
        oper_userid=pa.string(),
    )
    primary_key = ("external_userid", "userid")
    personal_columns: ClassVar = {
        "external_userid": Personal.PSEUDONYM,
        "unionid": Personal.PSEUDONYM,
        **dict.fromkeys(
            (
                "name",
                "avatar",
                "position",
                "corp_name",
                "corp_full_name",
                "external_profile",
                "remark",
                "description",
                "remark_corp_name",
                "remark_company",
                "remark_mobiles",
                "wechat_channels",
            ),
            Personal.DROP,
        ),
    }
    # old tolerated fields of the home-school edition, and what `tag_ids` is made of
    known_fields = frozenset({"foreign_key", "is_subscribe", "subscriber_info", "tag_id", "tags"})

    def extract(self, pull: "PullContext") -> None:
        """Every page of every staff member, a few groups of staff at a time."""
        staff = pull.client.follow_users()
        size = min(MOST_STAFF_PER_CALL, -(-len(staff) // LANES) or 1)
        groups = [staff[at : at + size] for at in range(0, len(staff), size)]
        pull.map(lambda group: self._land_group(pull, group), groups, LANES)

    def _land_group(self, pull: "PullContext", staff: list[str]) -> None:
        from extractors.core.errors import ApiError
        from extractors.wecom.client import GONE_MEMBER_CODES, NO_CONTACT

        rows: list[dict] = []
        try:
            for page in self._pages(pull, staff):
                rows += map(_pair, page)
                if len(rows) >= ROWS_PER_TABLE:
                    pull.land({pull.today: rows})
                    rows = []
        except ApiError as error:
            if error.code not in (NO_CONTACT, *GONE_MEMBER_CODES):
                raise
            if len(staff) > 1:
                # which of them it is about is not said: ask for each alone
                for userid in staff:
                    self._land_group(pull, [userid])
                return
            if error.code != NO_CONTACT:
                pull.warn("member_skipped", f"{staff[0]} answered with code {error.code}")
        pull.land({pull.today: rows})

    def _pages(self, pull: "PullContext", staff: list[str]) -> "Iterator[list[dict]]":
        body = {"userid_list": staff, "limit": CUSTOMERS_PER_PAGE}
        return pull.client.pages(self.endpoint, body, "external_contact_list", _pair_key)


def _pair_key(element: dict) -> tuple:
    contact, follow = element["external_contact"], element["follow_info"]
    return contact.get("external_userid"), follow.get("userid")


def _pair(element: dict) -> dict:
    """One (customer, staff member) pair as a flat row."""
    row, follow = element["external_contact"], element["follow_info"]
    row.update(follow)
    row["tag_ids"] = follow.get("tag_id") or []
    # the customer may be the one who started it: then this is a customer's id, not a member's
    if row.get("oper_userid") == row.get("external_userid"):
        row["oper_userid"] = CUSTOMER_STARTED
    return row
