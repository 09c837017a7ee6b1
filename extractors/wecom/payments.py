"""Payments inside WeCom (对外收款): bills, and the merchant's fund flow."""

from datetime import date, time, timedelta
from typing import TYPE_CHECKING, ClassVar

import pyarrow as pa

from extractors.core.history import earlier_tables
from extractors.core.manifest import Arrival
from extractors.core.parse import business_dates
from extractors.core.stream import DAY, UTC_TIMESTAMP, Kind, Personal, Stream, columns
from extractors.wecom.created import by_creation_day
from siyu.calendar import days as days_between
from siyu.calendar import start_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from extractors.core.context import PullContext

SOURCE = "wecom"
BILLS_PER_PAGE, FLOWS_PER_PAGE = 1000, 200
# a payment is refunded later and changes its state then; more than this is rare (inferred)
REREAD_DAYS = 31
REFUND = 1


class Bill(Stream):
    """Payments and refunds (对外收款记录).

    Source: externalpay/get_bill_list, developer.work.weixin.qq.com/document/path/93667.
    Grain:  one row per bill_id and version: a payment's transaction_id or a refund's out_refund_no.
            A pull lands what is new or has changed; the newest pull's row counts.
    Units:  money in fen. bill_type 0 payment, 1 refund; missing in old responses: payment.
            Refunds have total_fee too, and a payment shows its refunds in refund_list and
            total_refund_fee as well: sum one of the two, never both. commodity amounts count
            items.
    Late:   latency undocumented; the last 31 days are read again with every pull (inferred), for
            refunds. Which time the window filters is undocumented, so a row lands under its own.
    Raises: ApiError 48002 when the app is not under 对外收款 > 可调用接口的应用, 660013.
    """

    is_occasional = True
    source = SOURCE
    name = "bill"
    kind = Kind.EVENT
    endpoint = "/cgi-bin/externalpay/get_bill_list"
    endpoints = ("externalpay.get_bill_list",)
    confidence = "documented; window's time, refund amounts' unit and revision inferred"
    schema = columns(
        bill_id=pa.string(),
        transaction_id=pa.string(),
        bill_type=pa.int64(),
        trade_state=pa.int64(),
        pay_time=UTC_TIMESTAMP,
        out_trade_no=pa.string(),
        out_refund_no=pa.string(),
        external_userid=pa.string(),
        total_fee=pa.int64(),
        payee_userid=pa.string(),
        payment_type=pa.int64(),
        mch_id=pa.string(),
        commodities=pa.string(),
        total_refund_fee=pa.int64(),
        refunds=pa.string(),
        miniprogram_appid=pa.string(),
    )
    primary_key = ("bill_id",)
    # counts only: on most days of a small shop there is no money at all, and that is no failure
    measures = ("payments", "refunds")
    revised_for_days = 2
    # "one month" at most
    max_window_days = 28
    personal_columns: ClassVar = {
        "external_userid": Personal.PSEUDONYM,
        **dict.fromkeys(("remark", "contact_info", "payer_info"), Personal.DROP),
    }
    # commodities, refunds and miniprogram_appid are made of these
    known_fields = frozenset({"commodity_list", "refund_list", "miniprogram_info"})

    def extract(self, pull: "PullContext") -> None:
        """Every page of the last month; what is as it was is not landed again."""
        rows: dict[tuple, dict] = {}
        for begin, end in self._windows(pull):
            body = {"begin_time": begin, "end_time": end, "limit": BILLS_PER_PAGE}
            for page in pull.client.pages(self.endpoint, body, "bill_list", _bill_id):
                # windows share their edges
                rows |= {(_bill_id(row), row.get("pay_time")): _bill(row) for row in page}
        table = pull.typed(list(rows.values()))
        dates = business_dates(table["pay_time"]).to_pylist()
        found = table.drop_columns([DAY]).to_pylist()
        by_day: dict[date, list[int]] = {}
        for position, day in enumerate(dates):
            if day is None:
                pull.reject({"reason": "a bill without pay_time"})
            else:
                by_day.setdefault(day, []).append(position)
        news: list[int] = []
        for day, positions in by_day.items():
            known = self._known(pull, day)
            fresh = [p for p in positions if known.get(found[p]["bill_id"]) != found[p]]
            news += fresh
            if fresh:
                known |= {found[p]["bill_id"]: found[p] for p in fresh}
                pull.arrivals += _arrivals(day, known.values())
        pull.land_events(table.take(pa.array(sorted(news), pa.int64())), "pay_time")

    def _windows(self, pull: "PullContext") -> "Iterator[tuple[int, int]]":
        first, last = pull.dates[0], pull.dates[-1]
        if not pull.is_explicit:
            first = min(first, pull.today - timedelta(REREAD_DAYS))
            if since := pull.account.options.get("since"):
                first = max(first, date.fromisoformat(str(since)))
        now = int(pull.clock.as_of.timestamp())
        asked = days_between(first, last)
        for at in range(0, len(asked), self.max_window_days):
            part = asked[at : at + self.max_window_days]
            begin, end = start_of(part[0]), start_of(part[-1] + timedelta(1))
            yield int(begin.timestamp()), min(int(end.timestamp()), now)

    def _known(self, pull: "PullContext", day: date) -> dict[str, dict]:
        """Newest landed row of each bill of a day."""
        names = [*self.schema.names, "_extra"]
        return {
            row["bill_id"]: row
            for table in earlier_tables(pull, day, names)
            for row in table.to_pylist()
        }


class FundFlow(Stream):
    """Every movement on the merchant accounts (资金流水), to reconcile bills with.

    Source: externalpay/get_fund_flow, developer.work.weixin.qq.com/document/path/98100.
    Grain:  one row per mch_id, request_no, transaction_type and fund_flow_type, under the business
            day of its timestamp.
    Units:  money in fen, always positive; fund_flow_type 1 income, 2 expense. transaction_type 1
            refund, 2 fee, 3 payment, 4 withdrawal, 5 other.
    Late:   a day's rows are made after 11:00 of the next day; read again for 3 days (inferred).
    Raises: ApiError 660001, 660011 for an unknown merchant, 48002.
    """

    is_occasional = True
    source = SOURCE
    name = "fund_flow"
    kind = Kind.REPORT
    endpoint = "/cgi-bin/externalpay/get_fund_flow"
    endpoints = ("externalpay.get_fund_flow",)
    confidence = "documented; key and revision inferred"
    schema = columns(
        timestamp=UTC_TIMESTAMP,
        request_no=pa.string(),
        transaction_type=pa.int64(),
        fund_flow_type=pa.int64(),
        transaction_amount=pa.int64(),
        account_balance=pa.int64(),
        out_trade_no=pa.string(),
        mch_id=pa.string(),
        operator_userid=pa.string(),
    )
    primary_key = ("mch_id", "request_no", "transaction_type", "fund_flow_type")
    ready_at = time(11)
    revised_for_days = 3
    max_window_days = 30
    history_days = 3 * 365
    earliest = date(2022, 12, 1)
    personal_columns: ClassVar = {"remark": Personal.DROP}
    known_fields = frozenset({"group_list"})

    def extract(self, pull: "PullContext") -> None:
        """Pages of 200, at most 31 days at once."""

        def ask(begin: int, end: int) -> "Iterable[dict]":
            body = {"begin_time": begin, "end_time": end, "limit": FLOWS_PER_PAGE}
            return pull.client.listed(
                self.endpoint,
                body,
                "fund_flow_list",
                lambda row: tuple(row.get(key) for key in self.primary_key),
            )

        pull.land(by_creation_day(pull, ask, "timestamp"))


def _bill_id(row: dict) -> str | None:
    # on a refund row the other numbers are those of its payment
    if row.get("bill_type") == REFUND:
        return row.get("out_refund_no")
    return row.get("transaction_id")


def _bill(row: dict) -> dict:
    refunds = row.get("refund_list")
    return {
        **row,
        "bill_id": _bill_id(row),
        "commodities": row.get("commodity_list"),
        "refunds": refunds
        and [
            # without the comment, which is free text
            {key: value for key, value in refund.items() if key != "refund_comment"}
            for refund in refunds
        ],
        "miniprogram_appid": (row.get("miniprogram_info") or {}).get("appid"),
    }


def _arrivals(day: date, bills: "Iterable[dict]") -> list[Arrival]:
    """What is known of a day in all."""
    bills = list(bills)
    refunds = sum(bill["bill_type"] == REFUND for bill in bills)
    return [
        Arrival(day, "", "payments", len(bills) - refunds),
        Arrival(day, "", "refunds", refunds),
    ]
