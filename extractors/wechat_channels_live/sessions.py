"""Live sessions by the day they began, and the dashboard of each."""

from datetime import date
from typing import TYPE_CHECKING, ClassVar

import orjson
import pyarrow as pa

from extractors.core.errors import MalformedAnswerError
from extractors.core.privacy import redact
from extractors.core.stream import UTC_TIMESTAMP, Kind, Stream, columns

if TYPE_CHECKING:
    from extractors.core.context import PullContext

LANES = 4
LIST = "/channels/livedashboard/getlivelist"
DATA = "/channels/livedashboard/getlivedata"
SUMMARY = (
    "new_watch_uv",
    "max_online_watch_uv",
    "impression_uv",
    "average_watch_seconds_per_audience",
    "new_follow_uv",
    "comment_uv",
)
SALES = ("total_gmv", "total_pay_pv", "total_pay_uv", "refund_amount")
# the contract names these blocks and not what is in them: kept as the JSON text that they are
BLOCKS = (
    "live_comparison_index",
    "live_ec_conversion_metric",
    "live_ec_profile",
    "live_distribution_channel",
    "single_live_ec_spu_data_page_v2",
)


class LiveByDay(Stream):
    """What both streams share: the list of a day's sessions."""

    is_occasional = True
    source = "wechat_channels_live"
    kind = Kind.REPORT
    endpoint = LIST
    endpoints = ("live_dashboard_data",)
    confidence: ClassVar[str] = "sdk; revision inferred"
    primary_key = ("export_id",)
    max_window_days = 1

    def extract(self, pull: "PullContext") -> None:
        """One list per day; days without a session are known to be empty."""
        listed = pull.map(lambda day: self._listed(pull, day), pull.dates, LANES)
        sessions = [
            (day, one) for day, items in zip(pull.dates, listed, strict=True) for one in items
        ]
        rows = pull.map(lambda found: self.row(pull, found[1]), sessions, LANES)
        landed: dict[date, list[dict]] = {day: [] for day in pull.dates}
        for (day, _), row in zip(sessions, rows, strict=True):
            landed[day].append(row)
        pull.land(landed)

    def row(self, pull: "PullContext", session: dict) -> dict:
        """A session of the list as a row."""
        del pull
        return session

    def _listed(self, pull: "PullContext", day: date) -> list[dict]:
        answer = pull.client.post(LIST, {"ds": int(f"{day:%Y%m%d}")})
        if answer.get("has_more"):
            # no way to ask for the rest is documented: better said than silently cut
            pull.warn("truncated_list", f"the platform says that {day} had more sessions")
        return list({one["export_id"]: one for one in answer.get("live_items") or ()}.values())


class LiveSession(LiveByDay):
    """Which live sessions there were (直播大屏直播列表).

    Source: channels/livedashboard/getlivelist, as client libraries call it.
    Grain:  one row per export_id, on the day that lists it (ds).
    Units:  create_time in seconds on the wire, a UTC timestamp here.
    Late:   real time; a day is listed again for a week all the same.
    Raises: ApiError 48001 where the dashboard is not granted.
    """

    name = "live_session"
    schema = columns(export_id=pa.string(), create_time=UTC_TIMESTAMP)
    measures = ("rows",)
    revised_for_days = 1


class LiveDashboard(LiveByDay):
    """What each live session brought: viewers, followers, sales (直播大屏数据).

    Source: channels/livedashboard/getlivedata, as client libraries call it. Each block of an answer
            is JSON text inside of a string and is read a second time.
    Grain:  one row per export_id, on the day that lists it (ds).
    Units:  *_uv persons of the session, total_gmv and refund_amount fen, average_watch_seconds_per_
            audience seconds; refund_rate (platform's own ratio, 0..1) is kept and never summed.
    Late:   real time during the session; refund_amount moves on as refunds arrive, for longer than
            the session is read again: refunds are counted from after-sales, not from here.
    Raises: ApiError 48001 where the dashboard is not granted; MalformedAnswerError when a block is
            no JSON.
    """

    name = "live_dashboard"
    schema = columns(
        export_id=pa.string(),
        create_time=UTC_TIMESTAMP,
        **dict.fromkeys((*SUMMARY, *SALES), pa.int64()),
        refund_rate=pa.float64(),
        **dict.fromkeys(BLOCKS, pa.string()),
    )
    measures = ("new_watch_uv", "total_gmv")
    revised_for_days = 7
    known_fields = frozenset({"errcode", "errmsg"})

    def row(self, pull: "PullContext", session: dict) -> dict:
        """A session with its dashboard; keys that the contract does not know keep their path."""
        answer = pull.client.post(DATA, {"export_id": session["export_id"]})
        board = self._block(answer, "live_dashboard_data")
        summary, sales = board.get("summary") or {}, self._block(answer, "live_ec_data_summary")
        row = {**session}
        row |= {name: summary.get(name) for name in SUMMARY}
        row |= {name: sales.get(name) for name in (*SALES, "refund_rate")}
        for name in BLOCKS:
            if block := self._block(answer, name):
                row[name] = orjson.dumps(redact(block)).decode()
        known = {"live_dashboard_data", "live_ec_data_summary", *BLOCKS}
        row |= {key: answer[key] for key in answer.keys() - known}
        for path, inner, names in (
            ("live_dashboard_data", board, {"summary"}),
            ("live_dashboard_data.summary", summary, SUMMARY),
            ("live_ec_data_summary", sales, {*SALES, "refund_rate"}),
        ):
            row |= {f"{path}.{key}": inner[key] for key in inner.keys() - set(names)}
        return row

    def _block(self, answer: dict, name: str) -> dict:
        """A block's JSON text, read; an empty one is an empty block."""
        text = answer.get(name) or "{}"
        try:
            block = orjson.loads(text) if isinstance(text, str) else text
        except ValueError:
            block = None
        if not isinstance(block, dict):
            raise MalformedAnswerError(
                f"'{name}' of a live session is no JSON object",
                where=f"{self.address} {DATA}",
                action="nothing of this pull was landed; run the same command again, and if it "
                "stays, compare the answer with the contract",
            )
        return block
