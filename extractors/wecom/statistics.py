"""What each staff member did in one-to-one chats, day by day."""

from datetime import time
from typing import TYPE_CHECKING

import pyarrow as pa

from extractors.core.stream import Kind, Stream, columns
from extractors.wecom.members import land_per_member

if TYPE_CHECKING:
    from extractors.core.context import PullContext

COUNTERS = ("new_apply_cnt", "new_contact_cnt", "chat_cnt", "message_cnt", "negative_feedback_cnt")


class UserBehavior(Stream):
    """Contact statistics of each staff member (联系客户统计).

    Source: externalcontact/get_user_behavior_data, work.weixin.qq.com document 92132.
    Grain:  one row per userid and statistics day; one call per member, because a call for several
            members answers with their sum and no key.
    Units:  counts; reply_percentage 0..100, avg_reply_time in minutes (both null without chats).
    Late:   asked for from 06:00 of the next day; earlier, counters are missing from the answer
            (missing = not ready, never 0). 1 % of staff-days move once in the following days, so
            each is read again for 5 days.
    Raises: ApiError 600018 for a window over 30 days or older than 180 days.
    """

    source = "wecom"
    name = "user_behavior"
    kind = Kind.REPORT
    endpoint = "/cgi-bin/externalcontact/get_user_behavior_data"
    endpoints = ("externalcontact.get_user_behavior_data",)
    confidence = "documented; readiness observed, revision inferred"
    schema = columns(
        userid=pa.string(),
        **dict.fromkeys(COUNTERS, pa.int64()),
        reply_percentage=pa.float64(),
        avg_reply_time=pa.float64(),
    )
    primary_key = ("userid",)
    required = primary_key  # a counter may be missing: it is null then
    measures = ("rows", "message_cnt", "new_contact_cnt")
    ready_at = time(6)
    revised_for_days = 5
    max_window_days = 30
    history_days = 180
    known_fields = frozenset({"stat_time"})

    def extract(self, pull: "PullContext") -> None:
        """One call per member and window of 30 days."""

        def ask(userid: str, start: int, end: int) -> list[dict]:
            answer = pull.client.post(
                self.endpoint, {"userid": [userid], "start_time": start, "end_time": end}
            )
            return answer.get("behavior_data") or []

        land_per_member(pull, "userid", COUNTERS, ask)
