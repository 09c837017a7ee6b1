"""Customer service (微信客服): its accounts and their daily statistics."""

from datetime import date, time
from typing import TYPE_CHECKING, ClassVar

import pyarrow as pa

from extractors.core.stream import Kind, Personal, Stream, columns
from siyu.calendar import start_of

if TYPE_CHECKING:
    from extractors.core.context import PullContext

SOURCE = "wecom"
LANES = 4
ACCOUNTS = "/cgi-bin/kf/account/list"
ACCOUNTS_PER_PAGE = 100
# not on the account's list of servicers, no servicer at all, or gone from the corp
NO_SERVICER_CODES = (40003, 60253, 95014)
# a day without any session is believed where days used to have fewer than this
BUSY_SESSIONS = 20
BUSY_DAYS = 7
CORP_COUNTERS = (
    "session_cnt",
    "customer_cnt",
    "customer_msg_cnt",
    "upgrade_service_customer_cnt",
    "ai_session_reply_cnt",
    "msg_rejected_customer_cnt",
)
CORP_RATIOS = ("ai_transfer_rate", "ai_knowledge_hit_rate")
SERVICER_COUNTERS = (
    "session_cnt",
    "customer_cnt",
    "customer_msg_cnt",
    "satisfaction_investgate_cnt",
    "upgrade_service_customer_cnt",
    "upgrade_service_member_invite_cnt",
    "upgrade_service_member_customer_cnt",
    "upgrade_service_groupchat_invite_cnt",
    "upgrade_service_groupchat_customer_cnt",
    "msg_rejected_customer_cnt",
)
SERVICER_RATIOS = (
    "reply_rate",
    "first_reply_average_sec",
    "satisfaction_participation_rate",
    "satisfied_rate",
    "middling_rate",
    "dissatisfied_rate",
)


def kf_accounts(pull: "PullContext") -> list[dict]:
    """Every account. No total and no cursor: the end is a page that is not full."""
    rows: list[dict] = []
    while True:
        body = {"offset": len(rows), "limit": ACCOUNTS_PER_PAGE}
        page = pull.client.post(ACCOUNTS, body).get("account_list") or []
        rows += page
        if len(page) < ACCOUNTS_PER_PAGE:
            return rows


class KfAccount(Stream):
    """Customer-service accounts (客服账号).

    Source: kf/account/list, developer.work.weixin.qq.com/document/path/94661.
    Grain:  one row per open_kfid and day of snapshot; the name is what customers see.
    Units:  none.
    Late:   the present state.
    Raises: ApiError 48002, 60020, 95011 and 95012 when the secret belongs to the other mode.
    """

    source = SOURCE
    name = "kf_account"
    kind = Kind.ENTITY
    endpoint = ACCOUNTS
    endpoints = ("kf.account.list",)
    confidence = "documented"
    schema = columns(open_kfid=pa.string(), name=pa.string(), manage_privilege=pa.bool_())
    primary_key = ("open_kfid",)
    personal_columns: ClassVar = {"avatar": Personal.DROP}

    def extract(self, pull: "PullContext") -> None:
        """Pages by offset."""
        pull.land({pull.today: kf_accounts(pull)})


class _KfStatistic(Stream):
    """Daily service statistics. A day on which nothing happened has no `statistic`, and neither has
    one that is not computed yet: before 06:00 of the next day it is not asked for, after that it
    is believed, unless such a day would be out of all proportion.
    """  # noqa: D205

    source = SOURCE
    kind = Kind.REPORT
    measures = ("rows", "session_cnt", "customer_msg_cnt")
    ready_at = time(6)
    revised_for_days = 5
    # 31 days here, 30 elsewhere: keep to the smaller
    max_window_days = 30
    history_days = 180
    earliest = date(2022, 3, 11)

    def series(
        self, pull: "PullContext", open_kfid: str, servicer: str | None = None
    ) -> dict[date, dict]:
        """Statistics by day that has any, for the days asked for."""
        from extractors.core.parse import day_of_seconds

        asked = {"open_kfid": open_kfid} | ({"servicer_userid": servicer} if servicer else {})
        wanted, found = set(pull.dates), {}
        for first, last in pull.windows():
            begin, end = (int(start_of(day).timestamp()) for day in (first, last))
            body = {**asked, "start_time": begin, "end_time": end}
            for element in pull.client.post(self.endpoint, body).get("statistic_list") or ():
                day = day_of_seconds(element["stat_time"])
                statistic = element.get("statistic")
                if statistic and day in wanted:
                    found[day] = statistic
        return found

    def land_days(self, pull: "PullContext", rows: dict[date, list[dict]]) -> None:
        """Land the days; the newest, if empty against all habit, is not computed yet."""
        pull.land(rows)
        newest = max(rows, default=None)
        if newest and not rows[newest] and _is_busy(pull, newest):
            pull.not_ready(newest)


class KfCorpStatistic(_KfStatistic):
    """Service statistics of each account (客户数据统计企业汇总).

    Source: kf/get_corp_statistic, developer.work.weixin.qq.com/document/path/95489.
    Grain:  one row per open_kfid and statistics day that had sessions.
    Units:  counts; *_rate are ratios 0..1 (inferred), null where they cannot be computed.
            msg_rejected_customer_cnt: customers whom the staff muted, not the reverse.
    Late:   from 06:00 of the next day; read again for 5 days (inferred).
    Raises: ApiError 48007, 95011, 95012, 600018.
    """

    name = "kf_corp_statistic"
    endpoint = "/cgi-bin/kf/get_corp_statistic"
    endpoints = ("kf.account.list", "kf.get_corp_statistic")
    confidence = "documented; ratios and revision inferred"
    schema = columns(
        open_kfid=pa.string(),
        **dict.fromkeys(CORP_COUNTERS, pa.int64()),
        **dict.fromkeys(CORP_RATIOS, pa.float64()),
    )
    primary_key = ("open_kfid",)

    def extract(self, pull: "PullContext") -> None:
        """One call per account and window."""
        accounts = [row["open_kfid"] for row in kf_accounts(pull)]
        rows: dict[date, list[dict]] = {day: [] for day in pull.dates}
        answers = pull.map(lambda account: self.series(pull, account), accounts, LANES)
        for account, found in zip(accounts, answers, strict=True):
            for day, statistic in found.items():
                rows[day].append({**statistic, "open_kfid": account})
        self.land_days(pull, rows)


class KfServicerStatistic(_KfStatistic):
    """Service statistics of each account and servicer (接待人员明细).

    Source: kf/get_servicer_statistic, developer.work.weixin.qq.com/document/path/95490.
    Grain:  one row per open_kfid, servicer_userid and statistics day that had sessions. The total
            of an account (a call without servicer) does not land: it only tells whether a
            servicer is missing.
    Units:  counts; first_reply_average_sec in SECONDS; *_rate are ratios 0..1 (inferred), null
            where they cannot be computed. `investgate` is the vendor's spelling.
    Late:   from 06:00 of the next day; read again for 5 days (inferred).
    Raises: ApiError 48007, 600018. Nobody lists an account's servicers: those seen before are
            asked for, and all staff enabled for customer contact (and the account option
            `kf_servicers`) as soon as the total shows that one is missing.
    """

    name = "kf_servicer_statistic"
    endpoint = "/cgi-bin/kf/get_servicer_statistic"
    endpoints = ("kf.account.list", "kf.get_servicer_statistic")
    confidence = "documented; ratios and revision inferred"
    schema = columns(
        open_kfid=pa.string(),
        servicer_userid=pa.string(),
        **dict.fromkeys(SERVICER_COUNTERS, pa.int64()),
        **dict.fromkeys(SERVICER_RATIOS, pa.float64()),
    )
    primary_key = ("open_kfid", "servicer_userid")

    def extract(self, pull: "PullContext") -> None:
        """Per account its total, its known servicers, and the rest of the staff when needed."""
        rows: dict[date, list[dict]] = {day: [] for day in pull.dates}
        known = self._known(pull)
        for account in (row["open_kfid"] for row in kf_accounts(pull)):
            total = self.series(pull, account)
            servicers = sorted(known.get(account, ()))
            found = self._of(pull, account, servicers)
            if _is_short(found, total):
                rest = set(pull.client.follow_users())
                rest |= set(pull.account.options.get("kf_servicers") or ())
                found |= self._of(pull, account, sorted(rest - set(servicers)))
            for (servicer, day), statistic in found.items():
                row = {**statistic, "open_kfid": account, "servicer_userid": servicer}
                rows[day].append(row)
        self.land_days(pull, rows)

    def _of(
        self, pull: "PullContext", account: str, servicers: list[str]
    ) -> dict[tuple[str, date], dict]:
        from extractors.core.errors import ApiError

        def read(servicer: str) -> dict[date, dict]:
            try:
                return self.series(pull, account, servicer)
            except ApiError as error:
                if error.code not in NO_SERVICER_CODES:
                    raise
                return {}

        answers = pull.map(read, servicers, LANES)
        return {
            (servicer, day): statistic
            for servicer, found in zip(servicers, answers, strict=True)
            for day, statistic in found.items()
        }

    def _known(self, pull: "PullContext") -> dict[str, set[str]]:
        """Servicers per account in what the last commits landed."""
        from extractors.core.history import earlier_tables

        known: dict[str, set[str]] = {}
        days = sorted({file.event_date for commit in pull.commits for file in commit.files})
        for day in days[-BUSY_DAYS:]:
            table = earlier_tables(pull, day, ["open_kfid", "servicer_userid"])[-1]
            for row in table.to_pylist():
                known.setdefault(row["open_kfid"], set()).add(row["servicer_userid"])
        return known


def _is_short(found: dict[tuple[str, date], dict], total: dict[date, dict]) -> bool:
    """Whether the servicers' sessions of any day are fewer than the account's."""
    sums: dict[date, int] = {}
    for (_, day), statistic in found.items():
        sums[day] = sums.get(day, 0) + int(statistic.get("session_cnt") or 0)
    return any(
        sums.get(day, 0) < int(statistic.get("session_cnt") or 0)
        for day, statistic in total.items()
    )


def _is_busy(pull: "PullContext", before: date) -> bool:
    """Whether each of the last known days had so many sessions that none at all is no chance."""
    from extractors.core.history import earlier_values

    known = {
        day: value
        for (day, _, measure), value in earlier_values(pull).items()
        if measure == "session_cnt" and day < before
    }
    last = [known[day] for day in sorted(known)[-BUSY_DAYS:]]
    return bool(last) and min(last) >= BUSY_SESSIONS
