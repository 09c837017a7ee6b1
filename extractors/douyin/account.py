"""The account as a whole: its days, and who its fans are."""

from datetime import date, time
from typing import TYPE_CHECKING

import pyarrow as pa

from extractors.core.stream import Kind, Stream, columns
from extractors.douyin.series import by_date, covering_days

if TYPE_CHECKING:
    from extractors.core.context import PullContext

LANES = 6
# endpoint below /data/external/user/ -> what it tells of a day
SERIES = {
    "fans": ("total_fans", "new_fans"),
    "item": ("new_issue", "total_issue", "new_play"),
    "like": ("new_like",),
    "comment": ("new_comment",),
    "share": ("new_share",),
    "profile": ("profile_uv",),
}
DISTRIBUTIONS = ("gender", "age", "geographical", "device", "interest", "active_days")


class AccountDaily(Stream):
    """Fans, videos, plays and reactions of the account on a day (用户粉丝数、视频情况、点赞等).

    Source: data/external/user/{fans,item,like,comment,share,profile}, as client libraries call it.
    Grain:  one row per day (date).
    Units:  total_* are stocks at the end of the day, new_* counts of the day (new_fans may be
            negative), profile_uv persons.
    Late:   the next day about 10:00; the last 30 days are given whole each time. A date that is
            missing is not computed yet, not zero. Accounts under 1,000 fans get no figures at
            all: all series empty is such an account, and is said in a warning.
    Raises: ApiError 2190004 without the scope data.external.user.
    """

    source = "douyin"
    name = "account_daily"
    kind = Kind.REPORT
    endpoint = "/data/external/user/"
    endpoints = ("dy_user_daily",)
    confidence = "sdk"
    schema = columns(
        date=pa.date32(),
        **dict.fromkeys([name for names in SERIES.values() for name in names], pa.int64()),
    )
    primary_key = ("date",)
    # what a video brings is up to the video: only that the day is there can be judged
    measures = ("rows", "total_fans")
    ready_at = time(10)
    revised_for_days = 30
    history_days = 30

    def extract(self, pull: "PullContext") -> None:
        """Six calls, for the shortest trailing window that reaches all days."""
        question = {"date_type": covering_days(pull)}

        def read(series: str) -> dict[date, dict]:
            return by_date(pull.client.get(f"{self.endpoint}{series}/", question))

        answers = pull.map(read, SERIES, LANES)
        if not any(answers):
            pull.warn("no_figures", "every series is empty: accounts under 1,000 fans get none")
            return
        landed: dict[date, list[dict]] = {}
        for day in pull.dates:
            told = [answer[day] for answer in answers if day in answer]
            if not told:
                pull.not_ready(day)
                continue
            if len(told) < len(SERIES):
                pull.not_ready(day, is_incomplete=True)
            row: dict = {}
            for item in told:
                row |= item
            landed[day] = [row]
        pull.land(landed)


class FansProfile(Stream):
    """Who the fans are, in shares of the platform's own groups (用户粉丝数据).

    Source: api/douyin/v1/user/fans_data, developer.open-douyin.com (dop, fans portrait).
    Grain:  one row per distribution and item (gender, age, geographical, device, interest,
            active_days; flow = where fans came from), and snapshot.
    Units:  value in persons; of `flow`, value is fans_sum and all_sum the platform's total.
            all_fans_num, the same on every row, is the account's fans.
    Late:   whole two days after the account was authorised; accounts under 100 fans get none.
    Raises: ApiError 2190004 without the scope fans.data.
    """

    source = "douyin"
    name = "fans_profile"
    kind = Kind.ENTITY
    endpoint = "/api/douyin/v1/user/fans_data/"
    endpoints = ("dy_fans_portrait",)
    confidence = "documented"
    schema = columns(
        distribution=pa.string(),
        item=pa.string(),
        value=pa.int64(),
        all_sum=pa.int64(),
        all_fans_num=pa.int64(),
    )
    primary_key = ("distribution", "item")
    measures = ("rows",)

    def extract(self, pull: "PullContext") -> None:
        """One call."""
        fans = pull.client.get(self.endpoint).get("fans_data") or {}
        rows = [
            {**one, "distribution": name}
            for name in DISTRIBUTIONS
            for one in fans.get(f"{name}_distributions") or ()
        ]
        rows += [
            {"distribution": "flow", "item": one.get("flow"), "value": one.get("fans_sum")}
            | {key: value for key, value in one.items() if key not in ("flow", "fans_sum")}
            for one in fans.get("flow_contributions") or ()
        ]
        known = {f"{name}_distributions" for name in DISTRIBUTIONS}
        known |= {"flow_contributions", "all_fans_num"}
        common = {"all_fans_num": fans.get("all_fans_num")}
        common |= {f"fans_data.{key}": fans[key] for key in fans.keys() - known}
        pull.land({pull.today: [{**row, **common} for row in rows]})
