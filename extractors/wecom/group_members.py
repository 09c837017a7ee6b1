"""Who is in each customer group."""

import re
from typing import TYPE_CHECKING, ClassVar

import pyarrow as pa

from extractors.core.stream import UTC_TIMESTAMP, Kind, Personal, Stream, columns
from extractors.wecom.people import hidden

if TYPE_CHECKING:
    from extractors.core.context import PullContext

LANES = 4
STAFF = 1
# a marker of our own on posters that members pass on (裂变): whose poster it was
SHARED_BY = re.compile(r"fx([\w-]{24,28})")
# dissolved, or no customer group (any more)
GONE_GROUP_CODES = (40050, 49008, 86003, 90501, 90509)


class GroupMember(Stream):
    """Members of the customer groups (客户群详情).

    Source: externalcontact/groupchat/get, developer.work.weixin.qq.com/document/path/92122.
    Grain:  one row per chat_id, member and day of snapshot. Who left is simply gone: there is no
            time of leaving. member_id is a staff userid (member_type 1) or a pseudonym (2).
    Units:  join_scene 1 invited by a member, 2 by link, 3 by QR code (0 and 3 in callbacks). The
            inviter is a staff userid, or a pseudonym where it is nobody of the staff. A join by a
            member's own poster carries `fx` and that member's unionid as state: it lands as
            inviter_unionid, and state as `fx`. The group's name lands only with the account
            option `land_group_names`: people name groups after people.
    Late:   the present state; changes reach this call seconds later.
    Raises: ApiError 48002, 60020. A group dissolved meanwhile is skipped.
    """

    source = "wecom"
    name = "group_member"
    kind = Kind.ENTITY
    endpoint = "/cgi-bin/externalcontact/groupchat/get"
    endpoints = ("externalcontact.groupchat.get",)
    confidence = "documented, state sdk"
    schema = columns(
        chat_id=pa.string(),
        group_name=pa.string(),
        owner=pa.string(),
        group_create_time=UTC_TIMESTAMP,
        member_version=pa.string(),
        member_id=pa.string(),
        member_type=pa.int64(),
        is_admin=pa.bool_(),
        unionid=pa.string(),
        inviter_unionid=pa.string(),
        join_time=UTC_TIMESTAMP,
        join_scene=pa.int64(),
        invitor_id=pa.string(),
        state=pa.string(),
    )
    primary_key = ("chat_id", "member_id")
    personal_columns: ClassVar = {
        "unionid": Personal.PSEUDONYM,
        "inviter_unionid": Personal.PSEUDONYM,
        "userid": Personal.PSEUDONYM,
        **dict.fromkeys(("name", "group_nickname", "notice"), Personal.DROP),
    }
    # what member_type, group_create_time, invitor_id and is_admin are made of
    known_fields = frozenset({"type", "create_time", "invitor", "admin_list", "member_list"})

    def extract(self, pull: "PullContext") -> None:
        """The list of groups, then one call per group."""
        from extractors.wecom.groups import group_chats

        staff = set(pull.client.follow_users())
        with_names = bool(pull.account.options.get("land_group_names"))
        groups = group_chats(pull)
        rows: list[dict] = []
        for chat in pull.map(lambda row: self._chat(pull, row["chat_id"]), groups, LANES):
            if chat:
                rows += _members(chat, staff, with_names)
        outsiders = [row for row in rows if row.pop("_is_outsider")]
        for row, member_id in zip(
            outsiders, hidden(pull, [row["member_id"] for row in outsiders]), strict=True
        ):
            row["member_id"] = member_id
        invited = [row for row in rows if row.pop("_by_outsider")]
        for row, invitor_id in zip(
            invited, hidden(pull, [row["invitor_id"] for row in invited]), strict=True
        ):
            row["invitor_id"] = invitor_id
        pull.land({pull.today: rows})

    def _chat(self, pull: "PullContext", chat_id: str) -> dict | None:
        from extractors.core.errors import ApiError

        try:
            return pull.client.post(self.endpoint, {"chat_id": chat_id})["group_chat"]
        except ApiError as error:
            if error.code not in GONE_GROUP_CODES:
                raise
            return None


def _members(chat: dict, staff: set[str], with_names: bool) -> list[dict]:
    members = chat.get("member_list") or []
    colleagues = staff | {row["userid"] for row in members if row.get("type") == STAFF}
    admins = {row.get("userid") for row in chat.get("admin_list") or ()}
    of_group = {key: value for key, value in chat.items() if key not in ("name", "notice")} | {
        "group_name": chat.get("name") if with_names else None,
        "group_create_time": chat.get("create_time"),
    }
    rows = []
    for member in members:
        invitor = (member.get("invitor") or {}).get("userid")
        shared = SHARED_BY.fullmatch(member.get("state") or "")
        rows.append(
            of_group
            | member
            | {
                "member_id": member.get("userid"),
                "member_type": member.get("type"),
                "is_admin": member.get("userid") in admins,
                "invitor_id": invitor,
                "inviter_unionid": shared and shared[1],
                "state": "fx" if shared else member.get("state"),
                # anyone not known to be of the staff is somebody to hide
                "_is_outsider": member.get("type") != STAFF,
                "_by_outsider": bool(invitor) and invitor not in colleagues,
            }
        )
    return rows
