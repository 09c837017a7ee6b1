"""Videos: the list with what each has got so far, and the thirty days that are told of each."""

from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from extractors.core.history import earlier_tables
from extractors.core.paging import NextKey
from extractors.core.parse import moment
from extractors.core.stream import DAY, UTC_TIMESTAMP, Kind, Stream, columns
from extractors.douyin.series import by_date, covering_days
from siyu.calendar import business_date

if TYPE_CHECKING:
    from extractors.core.context import PullContext

LANES = 8
VIDEOS_PER_PAGE = 20
VIDEO_LIST = "/api/douyin/v1/video/video_list/"
COUNTERS = (
    "play_count",
    "digg_count",
    "comment_count",
    "share_count",
    "download_count",
    "forward_count",
)
DAILY = ("play", "like", "comment", "share")
TOTALS = ("total_play", "total_like", "total_comment", "total_share")
# the platform gives figures of a video for so many days after it was made
TOLD_FOR = timedelta(30)


def listed(pull: "PullContext") -> list[dict]:
    """Every video of the account, each once: one published while paging shifts the others."""
    pages = NextKey(send="cursor", receive="cursor").pages(
        # the cursor is a number that goes back unchanged; the first one is 0
        lambda page: pull.client.get(
            VIDEO_LIST, {"cursor": page["cursor"] or 0, "count": VIDEOS_PER_PAGE}
        )
    )
    videos = [video for page in pages for video in page.get("list") or ()]
    return list({video["item_id"]: video for video in videos}.values())


def told(pull: "PullContext") -> list[tuple[str, datetime]]:
    """(item_id, time it was made) of the videos that the platform still gives figures of."""
    found = [(video["item_id"], moment(video.get("create_time"))) for video in listed(pull)]
    oldest = pull.clock.as_of - TOLD_FOR
    return [(item_id, made_at) for item_id, made_at in found if made_at and made_at >= oldest]


class Video(Stream):
    """Every video of the account, with its counts to date (查询授权账号视频列表).

    Source: api/douyin/v1/video/video_list, as client libraries call it.
    Grain:  one row per item_id and snapshot. item_id is an encrypted text, not a number.
    Units:  counts since publication, as of the call: difference snapshots, never add them. A count
            can go down (a like withdrawn, a comment removed).
    Late:   real time.
    Raises: ApiError 2190004 without the scope video.list.
    """

    source = "douyin"
    name = "video"
    kind = Kind.ENTITY
    endpoint = VIDEO_LIST
    endpoints = ("dy_video_list",)
    confidence = "sdk; page size inferred"
    schema = columns(
        item_id=pa.string(),
        video_id=pa.string(),
        title=pa.string(),
        create_time=UTC_TIMESTAMP,
        is_reviewed=pa.bool_(),
        is_top=pa.bool_(),
        media_type=pa.int64(),
        video_status=pa.int64(),
        share_url=pa.string(),
        **dict.fromkeys(COUNTERS, pa.int64()),
    )
    primary_key = ("item_id",)
    measures = ("rows",)
    known_fields = frozenset({"statistics", "cover"})

    def extract(self, pull: "PullContext") -> None:
        """All pages of the list."""
        pull.land({pull.today: [{**(one.get("statistics") or {}), **one} for one in listed(pull)]})


class VideoBase(Stream):
    """Figures of each video over the last 30 days (视频基础数据).

    Source: data/external/item/base, as client libraries call it.
    Grain:  one row per item_id made in the last 30 days, and snapshot.
    Units:  rolling 30-day totals, computed anew each day: no series, never add snapshots.
            avg_play_duration in seconds.
    Late:   refreshed about 10:00 with the day before; an account's first figures come the day
            after it was authorised.
    Raises: ApiError 2190004 without the scope data.external.item.
    """

    source = "douyin"
    name = "video_base"
    kind = Kind.ENTITY
    endpoint = "/data/external/item/base/"
    endpoints = ("dy_item_base",)
    confidence = "sdk"
    schema = columns(
        item_id=pa.string(),
        **dict.fromkeys(TOTALS, pa.int64()),
        avg_play_duration=pa.float64(),
    )
    primary_key = ("item_id",)
    measures = ("rows",)

    def extract(self, pull: "PullContext") -> None:
        """One call per video; one without a result yet has no row."""

        def read(video: tuple) -> dict | None:
            # an object here, where the series answer with a list
            result = pull.client.get(self.endpoint, {"item_id": video[0]}).get("result")
            return {**result, "item_id": video[0]} if result else None

        rows = pull.map(read, told(pull), LANES)
        pull.land({pull.today: [row for row in rows if row]})


class VideoDaily(Stream):
    """Plays, likes, comments and shares of each video on a day (视频播放/点赞/评论/分享数据).

    Source: data/external/item/{play,like,comment,share}, developer.open-douyin.com (dop, data open
            service, video data).
    Grain:  one row per item_id and day.
    Units:  counts of the day itself (increments; inferred from the SDKs' field texts).
    Late:   refreshed about 10:00 with the day before; the last 30 days are given whole each time.
            A date that is missing is not computed yet, not zero. A video older than 30 days is not
            answered for at all: its days are carried over from the newest landing, because a day's
            newest pull stands for the whole day.
    Raises: ApiError 2190004 without the scope data.external.item.
    """

    source = "douyin"
    name = "video_daily"
    kind = Kind.REPORT
    endpoint = "/data/external/item/"
    endpoints = ("dy_item_daily",)
    confidence = "documented; increments inferred"
    schema = columns(item_id=pa.string(), **dict.fromkeys(DAILY, pa.int64()))
    primary_key = ("item_id",)
    required = primary_key  # a series may lag behind the others
    measures = ("play", "like")
    ready_at = time(10)
    revised_for_days = 30
    history_days = 30
    known_fields = frozenset({"date"})

    def extract(self, pull: "PullContext") -> None:
        """Four calls per video, for the shortest trailing window that reaches all days."""
        window = covering_days(pull)
        videos = told(pull)
        calls = [(item_id, metric) for item_id, _ in videos for metric in DAILY]

        def read(call: tuple[str, str]) -> dict[date, dict]:
            item_id, metric = call
            question = {"item_id": item_id, "date_type": window}
            return by_date(pull.client.get(f"{self.endpoint}{metric}/", question))

        rows: dict[date, dict[str, dict]] = {day: {} for day in pull.dates}
        told_of: Counter = Counter()
        for (item_id, metric), series in zip(calls, pull.map(read, calls, LANES), strict=True):
            for day in series.keys() & rows.keys():
                row = rows[day].setdefault(item_id, {"item_id": item_id})
                row |= {key: value for key, value in series[day].items() if key != "date"}
                told_of[item_id, day] += metric in series[day]
        for day in pull.dates:
            self._land(pull, day, rows[day], videos, told_of)

    def _land(
        self,
        pull: "PullContext",
        day: date,
        rows: dict[str, dict],
        videos: list[tuple[str, datetime]],
        told_of: Counter,
    ) -> None:
        """Land a day, with what the platform no longer tells of it, or call it not ready."""
        born = {item_id: business_date(made_at) for item_id, made_at in videos}
        if not rows and any(first <= day for first in born.values()):
            pull.not_ready(day)
            return
        # the day a video was made on may be missing from its series
        if any(first < day and told_of[one, day] < len(DAILY) for one, first in born.items()):
            pull.not_ready(day, is_incomplete=True)
        pull.land({day: list(rows.values())})
        pull.landing.add(self._carried(pull, day, rows.keys()))

    def _carried(self, pull: "PullContext", day: date, answered: Iterable[str]) -> pa.Table:
        """Rows of a day's newest landing for the videos that are not in this answer."""
        names = [*self.schema.names, "_extra"]
        tables = earlier_tables(pull, day, names)
        if not tables:
            return pull.typed([])
        newest = tables[-1]
        known = pa.array(sorted(answered), pa.string())
        rest = newest.filter(pc.invert(pc.is_in(newest["item_id"], value_set=known)))
        return rest.append_column(pa.field(DAY, pa.date32()), pa.repeat(pa.scalar(day), len(rest)))
