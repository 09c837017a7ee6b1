"""Articles by day of publication."""

from collections.abc import Iterable
from datetime import date, time
from typing import TYPE_CHECKING

import pyarrow as pa

from extractors.core.stream import DAY, Kind, Stream, columns

if TYPE_CHECKING:
    from extractors.core.context import PullContext

LANES = 4
COUNTERS = (
    "read_user",
    "share_user",
    "zaikan_user",
    "like_user",
    "comment_count",
    "collection_user",
    "praise_money",
    "read_subscribe_user",
)


class ArticleTotalDetail(Stream):
    """How often each article was read since it was published (发表内容发表详细数据).

    Source: datacube/getarticletotaldetail, developers.weixin.qq.com/doc/subscription/api/wedata.
    Grain:  one row per msgid and stat_date; event_date is the day of publication (ref_date).
            Rows are CUMULATIVE from publication to stat_date: take the newest, never the sum.
    Units:  persons and counts; praise_money in fen; *_rate 0..1; read_avg_activetime in minutes.
    Late:   the newest stat_date is yesterday, from 08:00; each of the 30 days after publication
            adds a row, so every publication day is read again for 30 days. is_delay = not final.
    Raises: ApiError 61501 for a window over one day, 48001 for an unverified account.
    """

    is_occasional = True
    source = "wechat_oa"
    name = "article_total_detail"
    kind = Kind.REPORT
    endpoint = "/datacube/getarticletotaldetail"
    endpoints = ("oa_article_total_detail",)
    confidence = "documented"
    schema = columns(
        msgid=pa.string(),
        publish_type=pa.int64(),
        title=pa.string(),
        content_url=pa.string(),
        stat_date=pa.date32(),
        **dict.fromkeys(COUNTERS, pa.int64()),
        read_delivery_rate=pa.float64(),
        read_finish_rate=pa.float64(),
        read_avg_activetime=pa.float64(),
        read_user_source=pa.string(),
        is_delay=pa.bool_(),
    )
    primary_key = ("msgid", "stat_date")
    measures = ("read_user",)
    ready_at = time(8)
    revised_for_days = 30
    max_window_days = 1
    earliest = date(2025, 11, 1)
    known_fields = frozenset({"ref_date", "detail_list", "read_jump_position"})

    def extract(self, pull: "PullContext") -> None:
        """One call per day of publication."""
        from extractors.core.errors import ApiError, Reaction

        def read(day: date) -> list[dict] | None:
            body = {"begin_date": day.isoformat(), "end_date": day.isoformat()}
            try:
                answer = pull.client.post(self.endpoint, body)
            except ApiError as error:
                if error.reaction != Reaction.NOT_READY:
                    raise
                return None
            return [
                {**detail, **article, "is_delay": bool(answer.get("is_delay"))}
                for article in answer.get("list") or ()
                for detail in article.get("detail_list") or ()
            ]

        landed: dict[date, list[dict]] = {}
        for day, rows in zip(pull.dates, pull.map(read, pull.dates, LANES), strict=True):
            if rows is None:
                pull.not_ready(day)
                continue
            if shifted := {row.get("ref_date") for row in rows} - {day.isoformat(), None}:
                pull.warn("shifted_day", f"asked for {day}, got {', '.join(sorted(shifted))}")
            landed[day] = rows
        pull.land(landed)

    def arrivals(self, table: pa.Table) -> Iterable[tuple[date, str, str, float | None]]:
        """Readers so far: the newest stat_date of each article, summed over a day's articles."""
        newest: dict[tuple, tuple] = {}
        for day, msgid, stat_date, readers in zip(
            *(table[name].to_pylist() for name in (DAY, "msgid", "stat_date", "read_user")),
            strict=True,
        ):
            key = (day, msgid)
            if key not in newest or stat_date > newest[key][0]:
                newest[key] = (stat_date, readers or 0)
        by_day: dict[date, int] = {}
        for (day, _), (_, readers) in newest.items():
            by_day[day] = by_day.get(day, 0) + readers
        for day, readers in by_day.items():
            yield day, "", "read_user", readers
