"""Customer groups and their daily statistics."""

from datetime import time
from typing import TYPE_CHECKING

import pyarrow as pa

from extractors.core.stream import Kind, Stream, columns
from extractors.wecom.members import land_per_member

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extractors.core.context import PullContext

SOURCE = "wecom"
GROUP_LIST = "/cgi-bin/externalcontact/groupchat/list"
GROUPS_PER_PAGE = 1000
COUNTERS = (
    "new_chat_cnt",
    "chat_total",
    "chat_has_msg",
    "new_member_cnt",
    "member_total",
    "member_has_msg",
    "msg_total",
)


def group_chats(pull: "PullContext") -> list[dict]:
    """Every listed group: chat_id and status. `limit` is required by this list."""
    return pull.client.listed(
        GROUP_LIST, {"limit": GROUPS_PER_PAGE}, "group_chat_list", lambda row: row["chat_id"]
    )


class GroupChat(Stream):
    """Customer groups (客户群列表).

    Source: externalcontact/groupchat/list, developer.work.weixin.qq.com/document/path/92120.
    Grain:  one row per chat_id and day of snapshot. Groups whose owner has left are not listed.
    Units:  status 0 normal, 1 owner left, 2 being inherited, 3 inherited.
    Late:   the present state.
    Raises: ApiError 81017 when more than 1,000 members are visible and no owner was named.
    """

    source = SOURCE
    name = "group_chat"
    kind = Kind.ENTITY
    endpoint = GROUP_LIST
    endpoints = ("externalcontact.groupchat.list",)
    confidence = "documented"
    schema = columns(chat_id=pa.string(), status=pa.int64())
    primary_key = ("chat_id",)

    def extract(self, pull: "PullContext") -> None:
        """Every page of the list."""
        pull.land({pull.today: group_chats(pull)})


class GroupStatistic(Stream):
    """What happened in each owner's groups, day by day (按自然日聚合的群聊数据统计).

    Source: groupchat/statistic_group_by_day, developer.work.weixin.qq.com/document/path/92133.
    Grain:  one row per owner and statistics day; one call per owner, because a call for several
            owners answers with their sum.
    Units:  counts; *_total are states at the end of the day, not sums.
    Late:   undocumented; asked for from 06:00 of the next day, read again for 5 days.
    Raises: ApiError 600018 for a day outside yesterday .. 180 days ago.
    """

    source = SOURCE
    name = "group_statistic"
    kind = Kind.REPORT
    endpoint = "/cgi-bin/externalcontact/groupchat/statistic_group_by_day"
    endpoints = ("externalcontact.groupchat.statistic_group_by_day",)
    confidence = "documented; readiness and revision inferred"
    schema = columns(owner=pa.string(), **dict.fromkeys(COUNTERS, pa.int64()))
    primary_key = ("owner",)
    measures = ("rows", "msg_total")
    ready_at = time(6)
    revised_for_days = 5
    max_window_days = 30
    history_days = 180
    # education industry only
    known_fields = frozenset({"stat_time", "migrate_trainee_chat_cnt"})

    def extract(self, pull: "PullContext") -> None:
        """One call per owner and window of 30 days."""

        def ask(owner: str, begin: int, end: int) -> "Iterator[dict]":
            answer = pull.client.post(
                self.endpoint,
                {
                    "day_begin_time": begin,
                    "day_end_time": end,
                    "owner_filter": {"userid_list": [owner]},
                },
            )
            for item in answer.get("items") or ():
                yield {"stat_time": item["stat_time"], **(item.get("data") or {})}

        land_per_member(pull, "owner", COUNTERS, ask)
