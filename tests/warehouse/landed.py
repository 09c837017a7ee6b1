"""A small landing written by hand in the documented format: people, late leads, revised ads.

Everything is a function of the day and a person's number, so that any test can count for itself.
"""

import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from extractors.core.manifest import Arrival, Commit, LandedFile, Manifest
from extractors.core.stream import TECHNICAL_COLUMNS
from extractors.registry import get_stream
from siyu.calendar import at, business_date

FIRST = date(2026, 3, 2)
CHANNELS = ("tencent_moments", "live_stream", "partner")
PEOPLE = 60


def morning(day: date) -> datetime:
    """The daily pull of business day `day`: the next morning, 10:30."""
    return at(day + timedelta(1), time(10, 30))


@dataclass
class Landing:
    """Writes commits; keeps what event streams already delivered, for absolute arrivals."""

    root: Path
    known: dict = field(default_factory=lambda: defaultdict(float))

    def pull(
        self,
        source: str,
        stream: str,
        account: str,
        pulled_at: datetime,
        rows: dict[date, list[dict]],
        *,
        covered: list[date] | None = None,
        arrivals: list[Arrival] = (),
        not_ready: tuple[date, ...] = (),
    ) -> Commit:
        """Land rows by event date and commit them."""
        declared = get_stream(source, stream)
        run_id = _digest(source, stream, account, pulled_at)
        technical = {
            "_account": account,
            "_pulled_at": pulled_at,
            "_run_id": run_id,
            "_extra": None,
        }
        schema = pa.schema([*declared.schema, *TECHNICAL_COLUMNS])
        files = []
        for day, members in rows.items():
            if not members:
                continue
            table = pa.Table.from_pylist(
                [{**dict.fromkeys(schema.names), **row, **technical} for row in members], schema
            )
            path = (
                f"{source}/{stream}/event_date={day}/"
                f"{account}-{pulled_at:%Y%m%dT%H%M%SZ}-{run_id}.parquet"
            )
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(table, self.root / path, compression="zstd")
            content = json.dumps(members, default=str, sort_keys=True)
            files.append(LandedFile(path, day, len(members), 1, _digest(content)))
        days = covered if covered is not None else sorted(rows)
        commit = Commit(
            source=source,
            stream=stream,
            kind=str(declared.kind),
            account=account,
            run_id=run_id,
            pulled_at=pulled_at,
            started_at=pulled_at,
            finished_at=pulled_at,
            first_date=min(days, default=business_date(pulled_at)),
            last_date=max(days, default=business_date(pulled_at)),
            covered_dates=tuple(days),
            rows=sum(map(len, rows.values())),
            bytes=1,
            requests=1,
            schema_fingerprint="v1",
            files=tuple(files),
            arrivals=tuple(arrivals),
            not_ready_dates=not_ready,
        )
        Manifest(str(self.root)).add(commit)
        return commit

    def cycle(self, day: date) -> None:
        """Everything that the morning after `day` brings."""
        pulled_at = morning(day)
        self._customers(pulled_at)
        self._page_events(day, pulled_at)
        self._orders(day, pulled_at)
        self._ads(day, pulled_at)
        self._staff_days(day, pulled_at)

    def _customers(self, pulled_at: datetime) -> None:
        today = business_date(pulled_at)
        rows = [
            customer(n)
            for n in range(PEOPLE)
            if added_at(n) <= pulled_at
            # staff removed every seventh pair ten days after the add
            and not (n % 7 == 0 and pulled_at > added_at(n) + timedelta(10))
        ]
        self.pull(
            "wecom",
            "customer",
            "corp_main",
            pulled_at,
            {today: rows},
            arrivals=[Arrival(today, "", "rows", len(rows))],
        )
        self.pull(
            "wecom",
            "follow_user",
            "corp_main",
            pulled_at,
            {today: [{"userid": "s0"}, {"userid": "s1"}]},
        )
        self.pull(
            "wecom", "group_chat", "corp_main", pulled_at, {today: [{"chat_id": "g0", "status": 0}]}
        )

    def _page_events(self, day: date, pulled_at: datetime) -> None:
        rows: dict[date, list[dict]] = defaultdict(list)
        for back in range(8):
            for event, delay in events_of(day - timedelta(back)):
                if delay == back and day - timedelta(back) >= FIRST:
                    rows[day - timedelta(back)].append(event)
                    key = (day - timedelta(back), event["utm_source"] or "", event["event_type"])
                    self.known[key] += 1
        arrivals = [Arrival(*key, value) for key, value in self.known.items() if key[0] in rows]
        self.pull("page_events", "page_event", "h5_main", pulled_at, dict(rows), arrivals=arrivals)

    def _orders(self, day: date, pulled_at: datetime) -> None:
        rows: dict[date, list[dict]] = defaultdict(list)
        for back in range(6):
            created = day - timedelta(back)
            if created < FIRST:
                continue
            # on its day as paid; five days later every third as refunded
            for row in orders_of(created, refunded=back == 5):
                if back == 0 or (back == 5 and row["status"] == 200):
                    rows[created].append(row)
        arrivals = [
            arrival
            for created in rows
            for arrival in (
                Arrival(created, "", "orders", len(orders_of(created))),
                Arrival(
                    created,
                    "",
                    "order_price",
                    sum(row["order_price"] for row in orders_of(created)),
                ),
            )
        ]
        self.pull("wechat_store", "order", "shop_main", pulled_at, dict(rows), arrivals=arrivals)

    def _ads(self, day: date, pulled_at: datetime) -> None:
        for account in ("20001", "20002"):
            for clock, reach in (("request", 5), ("reporting", 1)):
                covered = [day - timedelta(n) for n in range(reach) if day - timedelta(n) >= FIRST]
                rows = {d: [ad_row(account, d, (day - d).days)] for d in covered}
                arrivals = [
                    Arrival(d, row["site_set"], measure, row[measure])
                    for d, (row,) in rows.items()
                    for measure in ("cost", "view_count", "valid_click_count", "conversions_count")
                ]
                self.pull(
                    "tencent_ads",
                    f"daily_report_{clock}_time",
                    account,
                    pulled_at,
                    rows,
                    arrivals=arrivals,
                )

    def _staff_days(self, day: date, pulled_at: datetime) -> None:
        row = {
            "userid": "s0",
            "message_cnt": 9,
            "chat_cnt": 3,
            "reply_percentage": 50.0,
            "avg_reply_time": 2.0,
        }
        self.pull(
            "wecom",
            "user_behavior",
            "corp_main",
            pulled_at,
            {day: [row]},
            arrivals=[Arrival(day, "", "message_cnt", 9)],
        )


def added_at(number: int) -> datetime:
    """Two people a day, at 09:00 and 22:30 Shanghai; a third of them before the first day."""
    day = FIRST + timedelta((number - PEOPLE // 3) // 2)
    return at(day, time(9, 0) if number % 2 else time(22, 30))


def customer(number: int) -> dict:
    """A customer's row; every tenth has no unionid, every fifth no state."""
    return {
        "external_userid": f"x{number}",
        "unionid": None if number % 10 == 3 else f"u{number}",
        "type": 1,
        "gender": number % 3,
        "userid": f"s{number % 2}",
        "createtime": added_at(number),
        "add_way": 4 if number % 5 == 0 else 1,
        "state": None if number % 5 == 0 else CHANNELS[number % 3] + ":spring",
        "tag_ids": "[]",
        "oper_userid": "s0",
    }


def events_of(day: date) -> list[tuple[dict, int]]:
    """(event, delay in days) of a business day: views at once, every other lead days later."""
    found = []
    ordinal = (day - FIRST).days
    for number in range(PEOPLE):
        if ordinal < 0 or (number + ordinal) % 4:
            continue
        channel = CHANNELS[(number + ordinal) % 3]
        moment = at(day, time(20, number % 60, 5))
        common = {
            "visitor_id": f"v{number}",
            "unionid": None if number % 10 == 3 else f"u{number}",
            "utm_source": None if number % 11 == 0 else channel,
            "page_id": "p1",
            "_object": "drop",
        }
        for copy in range(1 + number % 2):
            found.append(
                (
                    {
                        "event_id": f"{day}-view-{number}-{copy}",
                        "event_type": "page_view",
                        "event_time": moment + timedelta(seconds=copy),
                        **common,
                    },
                    0,
                )
            )
        if number % 3 == 0:
            lead = {
                "event_id": f"{day}-lead-{number}",
                "event_type": "lead_form",
                "event_time": moment + timedelta(minutes=3),
                **common,
            }
            found.append((lead, 4 if number % 2 else 0))
    return found


def orders_of(day: date, *, refunded: bool = False) -> list[dict]:
    """Orders created on a day; the one created at 23:50 is paid after midnight."""
    rows = []
    ordinal = (day - FIRST).days
    for position, number in enumerate((ordinal % PEOPLE, ordinal * 7 % PEOPLE)):
        created = at(day, time(23, 50) if position else time(12, 0))
        is_refunded = refunded and number % 3 == 0
        rows.append(
            {
                "order_id": f"{day}-{position}",
                "status": 200 if is_refunded else 30,
                "openid": f"o{number}",
                "unionid": None if number % 10 == 3 else f"u{number}",
                "create_time": created,
                "update_time": created + timedelta(days=5 if is_refunded else 0, minutes=20),
                "pay_time": created + timedelta(minutes=15),
                "order_price": 1999 + number,
                "product_price": 1999 + number,
                "freight": 0,
                "discounted_price": 0,
            }
        )
    return rows


def ad_row(account: str, day: date, age_days: int) -> dict:
    """A report row: cost stands, conversions grow for four days."""
    ordinal = (day - FIRST).days
    return {
        "account_id": account,
        "adgroup_id": f"{account}-a",
        "adgroup_name": "spring",
        "site_set": "SITE_SET_MOMENTS",
        "view_count": 1000 + ordinal,
        "valid_click_count": 50 + ordinal,
        "cost": 10_001 + ordinal,
        "conversions_count": 4 + min(age_days, 4),
        "scan_follow_user_count": 1,
    }


def _digest(*parts: object) -> str:
    return hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()[:12]
