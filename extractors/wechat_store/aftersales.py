"""After-sales: refunds and returns, listed by the time they were made, then read one by one."""

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from extractors.core.history import earlier_tables, recent_tables
from extractors.core.manifest import Arrival
from extractors.core.paging import NextKey
from extractors.core.parse import integer
from extractors.core.stream import UTC_TIMESTAMP, Kind, Personal, Stream, columns
from siyu.calendar import start_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extractors.core.context import PullContext

LANES = 8
MAX_RANGE_SECONDS = 86_400
# the list knows no time of change: days back on which cases are looked for that came out late
LATE_CASES = timedelta(7)
# ... and for how long a case that is not closed is read again
OPEN_CASES = timedelta(60)
# the two states that the contract names as money returned; every other one may still change
REFUNDED = ("MERCHANT_REFUND_SUCCESS", "MERCHANT_RETURN_SUCCESS")
KNOWN_CASE = frozenset(
    {
        "after_sale_order_id",
        "order_id",
        "status",
        "type",
        "reason",
        "create_time",
        "update_time",
        "refund_info",
        "product_info",
    }
)


class Aftersale(Stream):
    """Refunds and returns, each version that was seen (售后单列表, 售后单详情).

    Source: channels/ec/aftersale/getaftersalelist and getaftersaleorder, as client libraries call
            them (WxJava weixin-java-channel).
    Grain:  one row per after_sale_order_id and pull that saw it changed; the highest update_time
            counts. event_date is the business day it was asked for. status and type stay raw.
    Units:  amount in fen; times in seconds on the wire, UTC timestamps here.
    Late:   near real time. The list knows only the time of creation, in windows of 24 hours: the
            last 7 days are listed for cases that are new, and each case whose money is not
            returned is read again for 60 days.
    Raises: ApiError 45009 when the day's quota is used up, 48001 without permission.
    """

    is_occasional = True
    source = "wechat_store"
    name = "aftersale"
    kind = Kind.EVENT
    endpoint = "/channels/ec/aftersale/getaftersalelist"
    detail_endpoint = "/channels/ec/aftersale/getaftersaleorder"
    endpoints = ("store_aftersale_list",)
    confidence = "sdk"
    schema = columns(
        after_sale_order_id=pa.string(),
        order_id=pa.string(),
        status=pa.string(),
        type=pa.string(),
        reason=pa.string(),
        amount=pa.int64(),
        product_id=pa.string(),
        sku_id=pa.string(),
        count=pa.int64(),
        create_time=UTC_TIMESTAMP,
        update_time=UTC_TIMESTAMP,
    )
    primary_key = ("after_sale_order_id",)
    version_column = "update_time"
    measures = ("aftersales", "amount")
    # how long refunds take is not documented
    revised_for_days = 30
    max_window_days = 1
    # the buyer is told by the order; some answers name him here as well
    personal_columns: ClassVar = {"openid": Personal.DROP, "unionid": Personal.DROP}

    def extract(self, pull: "PullContext") -> None:
        """Read the cases that are new and those that may have changed; land what did."""
        following_on = pull.since is not None and not pull.is_explicit
        landed = _newest_landed(pull, pull.clock.as_of - OPEN_CASES) if following_on else {}
        first = start_of(pull.dates[0])
        if following_on:
            first = min(first, pull.clock.as_of - LATE_CASES)
        end = min(start_of(pull.dates[-1] + timedelta(1)), pull.clock.as_of)
        windows = _windows(int(first.timestamp()), int(end.timestamp()))
        listed = pull.map(lambda window: self._listed(pull, window), windows, LANES)
        wanted = [one for window in listed for one in window if one not in landed]
        wanted += [one for one, (_, status) in landed.items() if status not in REFUNDED]
        rows = pull.map(lambda one: self._case(pull, one), list(dict.fromkeys(wanted)), LANES)
        table = pull.typed(
            [row for row in rows if _version(row) != landed.get(row["after_sale_order_id"])]
        )
        timeless = pc.is_null(table["create_time"])
        for one in table.filter(timeless)["after_sale_order_id"].to_pylist():
            pull.reject({"reason": "no create_time", "after_sale_order_id": one})
        pull.land_events(table.filter(pc.invert(timeless)), "create_time")
        for day in pull.landing.collect():
            pull.arrivals += self._arrivals(pull, day)

    def _listed(self, pull: "PullContext", window: tuple[int, int]) -> list[str]:
        body = {"begin_create_time": window[0], "end_create_time": window[1]}
        pages = NextKey().pages(
            lambda page: pull.client.post(self.endpoint, body | (page if page["next_key"] else {}))
        )
        return [str(one) for page in pages for one in page.get("after_sale_order_id_list") or ()]

    def _case(self, pull: "PullContext", case_id: str) -> dict:
        answer = pull.client.post(self.detail_endpoint, {"after_sale_order_id": case_id})
        return flat(answer["after_sale_order"])

    def _arrivals(self, pull: "PullContext", day: date) -> "Iterator[Arrival]":
        """Cases of a day and the money returned, over the newest version of each case."""
        wanted = ["after_sale_order_id", "update_time", "status", "amount"]
        newest: dict[str, tuple] = {}
        for table in [*earlier_tables(pull, day, wanted), pull.landing.day(day).select(wanted)]:
            for one, updated_at, status, amount in zip(
                *(table[name].to_pylist() for name in wanted), strict=True
            ):
                version = (updated_at.timestamp() if updated_at else 0, status, amount or 0)
                if one not in newest or version[0] >= newest[one][0]:
                    newest[one] = version
        returned = sum(amount for _, status, amount in newest.values() if status in REFUNDED)
        yield Arrival(day, "", "aftersales", len(newest))
        yield Arrival(day, "", "amount", returned)


def flat(case: dict) -> dict:
    """A case's nested answer as a row; keys that the contract does not know keep their path."""
    refund, product = case.get("refund_info") or {}, case.get("product_info") or {}
    row = {name: case.get(name) for name in KNOWN_CASE - {"refund_info", "product_info"}}
    row["amount"] = refund.get("amount")
    row |= {name: product.get(name) for name in ("product_id", "sku_id", "count")}
    row |= {key: case[key] for key in case.keys() - KNOWN_CASE}
    row |= {f"refund_info.{key}": refund[key] for key in refund.keys() - {"amount"}}
    known = {"product_id", "sku_id", "count"}
    row |= {f"product_info.{key}": product[key] for key in product.keys() - known}
    return row


def _windows(start: int, end: int) -> list[tuple[int, int]]:
    """Windows that meet at their bounds: whether these are open or closed is not documented."""
    return [
        (first, min(first + MAX_RANGE_SECONDS, end))
        for first in range(start, max(end, start + 1), MAX_RANGE_SECONDS)
    ]


def _newest_landed(pull: "PullContext", since: datetime) -> dict[str, tuple[int, str | None]]:
    """Case -> (update_time in seconds, status) of its newest version landed since a moment."""
    newest: dict[str, tuple[int, str | None]] = {}
    wanted = ["after_sale_order_id", "update_time", "status", "create_time"]
    for table in recent_tables(pull, since, wanted):
        for one, updated_at, status, created_at in zip(
            *(table[name].to_pylist() for name in wanted), strict=True
        ):
            updated = int(updated_at.timestamp()) if updated_at else 0
            if created_at >= since and updated >= newest.get(one, (0, None))[0]:
                newest[one] = (updated, status)
    return newest


def _version(row: dict) -> tuple[int, str | None]:
    return integer(row.get("update_time")) or 0, row.get("status")
