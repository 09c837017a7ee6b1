"""WeCom: customer-service (微信客服) accounts and their daily statistics."""

from typing import Any

import numpy as np

from sandbox import faults
from sandbox.state import State
from sandbox.timeline import DAY_MS, HOUR_MS, SECOND_MS, day_number, day_start_ms
from sandbox.vendors.common import Refusal, is_int
from sandbox.vendors.wecom_door import ACCOUNT, OK, Endpoint, invalid, missing
from sandbox.world.service import ACCOUNT_NAMES, DISSATISFIED, MIDDLING, SATISFIED

_LONGEST_DAYS, _HISTORY_DAYS = 31, 180


class ServiceApi:
    """Rates are ratios and times are seconds here, unlike in the contact statistics."""

    def __init__(self, state: State) -> None:
        """Everything is computed from the state's world at its virtual now."""
        self.state = state
        self._version = -1

    def endpoints(self) -> list[Endpoint]:
        """Three endpoints."""
        return [
            Endpoint("kf/account/list", self._accounts, empty="account_list"),
            Endpoint("kf/get_corp_statistic", self._corp, empty="statistic_list"),
            Endpoint("kf/get_servicer_statistic", self._servicer, empty="statistic_list"),
        ]

    def _refresh(self) -> None:
        if self._version == self.state.version:
            return
        state, s = self.state, self.state.world.service
        calendar = state.world.calendar
        if self._version < 0:
            # sessions are ordered by time, so a day is a slice
            starts = calendar.start_ms + np.arange(calendar.count + 1) * DAY_MS
            self._cuts = np.searchsorted(s.start_ms, starts)
            day = (s.start_ms - calendar.start_ms) // DAY_MS
            replied = (s.first_response_ms - calendar.start_ms) // DAY_MS
            self._same_day = (s.first_response_seconds >= 0) & (replied == day)
        numbers = calendar.first_number + np.arange(calendar.count)
        ready = day_start_ms(numbers) + DAY_MS + 6 * HOUR_MS
        self._ready = {}
        for stream in ("kf_corp_statistic", "kf_servicer_statistic"):
            held = state.faults_of("wecom", ACCOUNT, stream)
            self._ready[stream] = faults.effective(held, ready, numbers) <= state.now_ms
        self._version = state.version

    def _accounts(self, body: dict) -> dict:
        offset, limit = body.get("offset", 0), body.get("limit", 100)
        if not is_int(offset) or offset < 0 or not is_int(limit) or not 1 <= limit <= 100:
            raise invalid("offset or limit")
        ids = self.state.world.service.open_kfid.tolist()
        rows = [
            {
                "open_kfid": kfid,
                "name": name,
                "avatar": f"https://wework.qpic.example.com/kf/{n}/0",
                "manage_privilege": True,
            }
            for n, (kfid, name) in enumerate(zip(ids, ACCOUNT_NAMES, strict=True))
        ]
        return OK | {"account_list": rows[offset : offset + limit]}

    def _asked(self, body: dict) -> tuple[int, range]:
        """Account and day numbers, floored to Shanghai days, both ends included."""
        self._refresh()
        kfid = body.get("open_kfid")
        if kfid in (None, ""):
            raise Refusal(60251, "missing open_kfid")
        if not isinstance(kfid, str) or not kfid.startswith("wk"):
            raise Refusal(60252, "invalid open_kfid")
        ids = self.state.world.service.open_kfid.tolist()
        if kfid not in ids:
            raise Refusal(95004, "open_kfid not exist")
        ends = []
        for name in ("start_time", "end_time"):
            value = body.get(name)
            if value is None:
                raise missing(name)
            if not is_int(value) or not 0 < value < 10**11:
                raise Refusal(600018, "invalid start endtime")
            ends.append(int(day_number(value * SECOND_MS)))
        first, last = ends
        today = int(day_number(self.state.now_ms))
        if (
            last < first
            or last - first >= _LONGEST_DAYS
            or last >= today
            or first < today - _HISTORY_DAYS
        ):
            raise Refusal(600018, "invalid start endtime")
        return ids.index(kfid), range(first, last + 1)

    def _sessions(self, day: int, account: int) -> np.ndarray:
        """Rows of the account's sessions of a day (position in the calendar)."""
        rows = np.arange(self._cuts[day], self._cuts[day + 1])
        return rows[self.state.world.service.account[rows] == account]

    def _series(self, days: range, stream: str, statistic: Any) -> dict:
        """One element per day; `statistic` is absent when nothing happened or nothing is ready."""
        calendar, elements = self.state.world.calendar, []
        for number in days:
            element: dict[str, Any] = {"stat_time": int(day_start_ms(number)) // SECOND_MS}
            index = number - calendar.first_number
            if 0 <= index < calendar.count and self._ready[stream][index]:
                figures = statistic(index)
                if figures:
                    element["statistic"] = figures
            elements.append(element)
        return OK | {"statistic_list": elements}

    def _corp(self, body: dict) -> dict:
        account, days = self._asked(body)
        s = self.state.world.service

        def figures(day: int) -> dict:
            rows = self._sessions(day, account)
            if not len(rows):
                return {}
            assisted = rows[s.is_by_assistant[rows]]
            result = {
                "session_cnt": len(rows),
                "customer_cnt": len(np.unique(s.person[rows])),
                "customer_msg_cnt": int(s.messages[rows].sum()),
                "upgrade_service_customer_cnt": int(s.is_upgraded[rows].sum()),
                "ai_session_reply_cnt": len(assisted),
                "msg_rejected_customer_cnt": int(s.is_rejected[rows].sum()),
            }
            if len(assisted):
                result["ai_transfer_rate"] = _ratio((s.servicer[assisted] >= 0).sum(), assisted)
                result["ai_knowledge_hit_rate"] = _ratio(
                    s.is_knowledge_hit[assisted].sum(), assisted
                )
            return result

        return self._series(days, "kf_corp_statistic", figures)

    def _servicer(self, body: dict) -> dict:
        account, days = self._asked(body)
        user = body.get("servicer_userid") or ""
        world, s = self.state.world, self.state.world.service
        staff = -1
        if user:
            if user not in world.staff:
                raise Refusal(40003, "invalid userid")
            staff = world.staff.index(user)
            if staff not in s.servicers[account]:
                raise Refusal(60253, "not a servicer of this account")

        def figures(day: int) -> dict:
            rows = self._sessions(day, account)
            rows = rows[s.servicer[rows] == staff if user else s.servicer[rows] >= 0]
            return self._figures(rows) if len(rows) else {}

        return self._series(days, "kf_servicer_statistic", figures)

    def _figures(self, rows: np.ndarray) -> dict:
        """Figures of sessions that people handled."""
        s = self.state.world.service
        asked, rated = rows[s.is_asked[rows]], rows[s.rating[rows] > 0]
        answered = rows[s.first_response_seconds[rows] >= 0]
        upgraded = int(s.is_upgraded[rows].sum())
        result: dict[str, Any] = {
            "session_cnt": len(rows),
            "customer_cnt": len(np.unique(s.person[rows])),
            "customer_msg_cnt": int(s.messages[rows].sum()),
            "reply_rate": _ratio(self._same_day[rows].sum(), rows),
            "satisfaction_investgate_cnt": len(asked),
            "upgrade_service_customer_cnt": upgraded,
            "upgrade_service_member_invite_cnt": upgraded,
            "upgrade_service_member_customer_cnt": upgraded,
            "upgrade_service_groupchat_invite_cnt": 0,
            "upgrade_service_groupchat_customer_cnt": 0,
            "msg_rejected_customer_cnt": int(s.is_rejected[rows].sum()),
        }
        if len(answered):
            seconds = s.first_response_seconds[answered]
            result["first_reply_average_sec"] = round(float(seconds.mean()), 2)
        if len(asked):
            result["satisfaction_participation_rate"] = _ratio(len(rated), asked)
        if len(rated):
            for name, value in (
                ("satisfied_rate", SATISFIED),
                ("middling_rate", MIDDLING),
                ("dissatisfied_rate", DISSATISFIED),
            ):
                result[name] = _ratio((s.rating[rated] == value).sum(), rated)
        return result


def _ratio(part: Any, of: np.ndarray) -> float | int:
    """A ratio from 0 to 1; whole ones arrive as integers."""
    value = round(float(part) / len(of), 4)
    return int(value) if value in (0.0, 1.0) else value
