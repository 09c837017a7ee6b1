"""Statistics by business day: published content, followers, messages to the account."""

from datetime import date, time, timedelta
from typing import TYPE_CHECKING, ClassVar

import pyarrow as pa

from extractors.core.stream import Kind, Stream, columns

if TYPE_CHECKING:
    from extractors.core.context import PullContext

LANES = 4
FIRST_DAY_OF_CONTENT = date(2025, 11, 1)
FIRST_DAY_OF_USERS = date(2014, 12, 1)


class Datacube(Stream):
    """What every datacube call shares: a window of days, `list`, and no errcode on success.

    Attributes:
        has_every_day: the account has one row a day, so a day without one is not computed yet;
            otherwise nothing happened on it.
    """

    source = "wechat_oa"
    kind = Kind.REPORT
    ready_at = time(8)
    # values are computed once; a late day says is_delay and changes within days
    revised_for_days = 1
    confidence: ClassVar[str] = "documented"
    has_every_day: ClassVar[bool] = False

    def extract(self, pull: "PullContext") -> None:
        """One call per window."""
        asked = set(pull.dates)
        answers = pull.map(lambda window: self._read(pull, *window), pull.windows(), LANES)
        landed: dict[date, list[dict]] = {}
        strange: set[str] = set()
        for first, last, answer in answers:
            window = [day for day in pull.dates if first <= day <= last]
            landed |= {day: [] for day in window}
            is_delay = bool(answer.get("is_delay"))
            for item in answer.get("list") or ():
                day = date.fromisoformat(item["ref_date"])
                if day in asked and first <= day <= last:
                    landed[day].append(self.row(item, is_delay=is_delay and day == last))
                elif not first <= day <= last:
                    strange.add(item["ref_date"])
            # a flag on the newest day is usual; one that stays is a day that is late
            if is_delay and last in asked and last < pull.today - timedelta(1):
                pull.not_ready(last, is_incomplete=True)
        if strange:
            pull.warn("shifted_day", f"days nobody asked for: {', '.join(sorted(strange))}")
        if self.has_every_day:
            for day in [day for day, rows in landed.items() if not rows]:
                pull.not_ready(day)
                del landed[day]
        pull.land(landed)

    def row(self, item: dict, *, is_delay: bool) -> dict:
        """An item of `list` as a row; its `detail`, where there is one, becomes columns.

        `is_delay` is said of a whole answer: it is kept on the newest day that was asked for.
        """
        detail = item.get("detail") or {}
        flags = {"is_delay": is_delay} if "is_delay" in self.schema.names else {}
        return {**item, **detail, **flags}

    def _read(self, pull: "PullContext", first: date, last: date) -> tuple[date, date, dict]:
        """A window's answer; its newest days are left out while they are not computed."""
        from extractors.core.errors import ApiError, Reaction

        while first <= last:
            body = {"begin_date": first.isoformat(), "end_date": last.isoformat()}
            try:
                return first, last, pull.client.post(self.endpoint, body)
            except ApiError as error:
                if error.reaction != Reaction.NOT_READY:
                    raise
            pull.not_ready(last)
            last -= timedelta(1)
        return first, last, {}


class ArticleRead(Datacube):
    """Who read each published item on a day, by scene (发表内容每日阅读数据).

    Source: datacube/getarticleread, developers.weixin.qq.com/doc/service/api/wedata.
    Grain:  one row per msgid that was read on the day.
    Units:  persons of the day, not additive over days. read_user_source is JSON whose row 全部 is
            the total of the others (and equals read_user): never sum it with them.
    Late:   the day before from 08:00; computed once, unless is_delay says that it will change.
    Raises: ApiError 61501 for a window over one day, 48001 for an unverified account.
    """

    name = "article_read"
    endpoint = "/datacube/getarticleread"
    endpoints = ("oa_article_read",)
    schema = columns(
        msgid=pa.string(),
        read_user=pa.int64(),
        read_user_source=pa.string(),
        is_delay=pa.bool_(),
    )
    primary_key = ("msgid",)
    measures = ("read_user",)
    earliest = FIRST_DAY_OF_CONTENT
    known_fields = frozenset({"ref_date", "detail"})


class ArticleShare(Datacube):
    """Who shared each published item on a day (发表内容每日分享数据).

    Source: datacube/getarticleshare, developers.weixin.qq.com/doc/service/api/wedata.
    Grain:  one row per msgid that was shared on the day.
    Units:  persons of the day, not additive over days.
    Late:   as article_read.
    Raises: ApiError 61501 for a window over one day, 48001 for an unverified account.
    """

    name = "article_share"
    endpoint = "/datacube/getarticleshare"
    endpoints = ("oa_article_share",)
    schema = columns(msgid=pa.string(), share_user=pa.int64(), is_delay=pa.bool_())
    primary_key = ("msgid",)
    measures = ("share_user",)
    earliest = FIRST_DAY_OF_CONTENT
    known_fields = frozenset({"ref_date", "detail"})


class BizSummary(Datacube):
    """What all published items of the account got on a day (发表内容概况总数据).

    Source: datacube/getbizsummary, developers.weixin.qq.com/doc/subscription/api/wedata.
    Grain:  one row per day (ref_date).
    Units:  persons of the day (de-duplicated over items, so neither days nor items add up to it);
            comment_count and send_page_count are counts. read_user_source: JSON as in article_read.
    Late:   as article_read; is_delay is said of the whole window and kept on its newest day.
    Raises: ApiError 61501 for a window over 30 days, 48001 for an unverified account.
    """

    name = "biz_summary"
    endpoint = "/datacube/getbizsummary"
    endpoints = ("oa_biz_summary",)
    schema = columns(
        ref_date=pa.date32(),
        read_user=pa.int64(),
        share_user=pa.int64(),
        zaikan_user=pa.int64(),
        like_user=pa.int64(),
        comment_count=pa.int64(),
        collection_user=pa.int64(),
        redirect_ori_page_user=pa.int64(),
        send_page_count=pa.int64(),
        read_user_source=pa.string(),
        is_delay=pa.bool_(),
    )
    primary_key = ("ref_date",)
    measures = ("read_user", "share_user")
    max_window_days = 30
    earliest = FIRST_DAY_OF_CONTENT
    known_fields = frozenset({"detail"})
    has_every_day = True


class UserSummary(Datacube):
    """Followers won and lost on a day, by where they came from (用户增减数据).

    Source: datacube/getusersummary, developers.weixin.qq.com/doc/service/api/wedata.
    Grain:  one row per user_source and day on which somebody came or went. user_source 0 holds all
            other sources together; there is no total row, so the rows do add up.
    Units:  persons.
    Late:   the day before from 08:00; no later change is documented.
    Raises: ApiError 61501 for a window over 7 days.
    """

    name = "user_summary"
    endpoint = "/datacube/getusersummary"
    endpoints = ("oa_user_summary",)
    schema = columns(user_source=pa.int64(), new_user=pa.int64(), cancel_user=pa.int64())
    primary_key = ("user_source",)
    measures = ("new_user", "cancel_user")
    max_window_days = 7
    earliest = FIRST_DAY_OF_USERS
    known_fields = frozenset({"ref_date"})


class UserCumulate(Datacube):
    """How many followers the account had at the end of a day (累计用户数据).

    Source: datacube/getusercumulate, developers.weixin.qq.com/doc/service/api/wedata.
    Grain:  one row per day (ref_date).
    Units:  persons, a stock: the newest day counts, days are never added.
    Late:   the day before from 08:00; no later change is documented.
    Raises: ApiError 61501 for a window over 7 days.
    """

    name = "user_cumulate"
    endpoint = "/datacube/getusercumulate"
    endpoints = ("oa_user_cumulate",)
    schema = columns(ref_date=pa.date32(), cumulate_user=pa.int64())
    primary_key = ("ref_date",)
    measures = ("cumulate_user",)
    max_window_days = 7
    earliest = FIRST_DAY_OF_USERS
    has_every_day = True


class UpstreamMessage(Datacube):
    """Messages that users sent to the account on a day, by type (消息发送概况数据).

    Source: datacube/getupstreammsg, developers.weixin.qq.com/doc/service/api/wedata. Its weekly,
            monthly and distribution siblings say the same in other cuts and are not read.
    Grain:  one row per msg_type and day.
    Units:  msg_user persons (of a type and day, not additive over types), msg_count messages.
    Late:   the day before from 08:00; no later change is documented.
    Raises: ApiError 61501 for a window over 7 days.
    """

    name = "upstream_message"
    endpoint = "/datacube/getupstreammsg"
    endpoints = ("oa_upstream_msg",)
    schema = columns(msg_type=pa.int64(), msg_user=pa.int64(), msg_count=pa.int64())
    primary_key = ("msg_type",)
    measures = ("msg_count",)
    max_window_days = 7
    known_fields = frozenset({"ref_date"})
