"""Staff enabled for customer contact, and their customers."""

from typing import TYPE_CHECKING, ClassVar

import pyarrow as pa

from extractors.core.stream import UTC_TIMESTAMP, Kind, Personal, Stream, columns

if TYPE_CHECKING:
    from extractors.core.context import PullContext

SOURCE = "wecom"


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
    schema = columns(userid=pa.string())
    primary_key = ("userid",)

    def extract(self, pull: "PullContext") -> None:
        """One call; there are no pages."""
        pull.land(pull.today, [{"userid": userid} for userid in pull.client.follow_users()])


class Customer(Stream):
    """Customers, once per staff member who added them (批量获取客户详情).

    Source: externalcontact/batch/get_by_user, developer.work.weixin.qq.com/document/path/92994.
    Grain:  one row per external_userid, userid and day of snapshot. A customer who deleted the
            staff member stays; a pair whose staff member deleted the customer is gone.
    Units:  createtime in seconds since 1970 on the wire, a UTC timestamp here.
    Late:   the present state.
    Raises: ApiError 45033 when too many calls run at once (after backing off), 48002, 60020.
    """

    source = SOURCE
    name = "customer"
    kind = Kind.ENTITY
    endpoint = "/cgi-bin/externalcontact/batch/get_by_user"
    schema = columns(
        external_userid=pa.string(), unionid=pa.string(), type=pa.int64(), gender=pa.int64(),
        userid=pa.string(), createtime=UTC_TIMESTAMP, add_way=pa.int64(), state=pa.string(),
        tag_ids=pa.string(), oper_userid=pa.string())
    primary_key = ("external_userid", "userid")
    personal_columns: ClassVar = {
        "external_userid": Personal.PSEUDONYM, "unionid": Personal.PSEUDONYM,
        **dict.fromkeys(
            ("name", "avatar", "position", "corp_name", "corp_full_name", "external_profile",
             "remark", "description", "remark_corp_name", "remark_company", "remark_mobiles",
             "wechat_channels"), Personal.DROP)}
    # old tolerated fields of the home-school edition, and what `tag_ids` is made of
    known_fields = frozenset({"foreign_key", "is_subscribe", "subscriber_info", "tag_id", "tags"})

    def extract(self, pull: "PullContext") -> None:
        """Every page of every staff member."""
        raise NotImplementedError
