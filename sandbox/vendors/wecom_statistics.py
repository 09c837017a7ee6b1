"""WeCom statistics: staff behaviour and customer groups, by day."""

from typing import Any

import numpy as np

from sandbox import faults
from sandbox.state import State
from sandbox.timeline import SECOND_MS, day_number, day_start_ms
from sandbox.vendors.common import Refusal, is_int, is_texts

_OK = {"errcode": 0, "errmsg": "ok"}
MAX_DAYS = 30
HISTORY_DAYS = 180
ACCOUNT = "corp_main"
COUNTERS = ("new_apply_cnt", "new_contact_cnt", "chat_cnt", "message_cnt", "negative_feedback_cnt")
GROUP_FIELDS = (
    "new_chat_cnt",
    "chat_total",
    "chat_has_msg",
    "new_member_cnt",
    "member_total",
    "member_has_msg",
    "msg_total",
)
_ORDER_BY = {1: "new_chat_cnt", 2: "chat_total", 3: "new_member_cnt", 4: "member_total"}


class Statistics:
    """Figures of whole days, ready at 06:00 on the next."""

    def __init__(self, state: State) -> None:
        """Everything is computed from the state's world at its virtual now."""
        self.state = state
        self._staff_index = {name: n for n, name in enumerate(state.world.staff)}
        self._version = -1

    def _refresh(self) -> None:
        if self._version == self.state.version:
            return
        state, s, g = self.state, self.state.world.staff_days, self.state.world.groups
        calendar, now = state.world.calendar, state.now_ms
        number = calendar.first_number + np.arange(calendar.count)
        held = state.faults_of("wecom", ACCOUNT, "user_behavior")
        self._staff_ready = faults.effective(held, s.visible_ms, number) <= now
        revised = (
            faults.effective(held, s.revised_ms, np.broadcast_to(number, s.revised_ms.shape)) <= now
        )
        # until its revision a revised staff-day shows its first figures
        is_final = revised | (s.initial_message_cnt == s.message_cnt) & (
            s.initial_chat_cnt == s.chat_cnt
        )
        self._shown = {name: getattr(s, name) for name in COUNTERS}
        self._shown["chat_cnt"] = np.where(is_final, s.chat_cnt, s.initial_chat_cnt)
        self._shown["message_cnt"] = np.where(is_final, s.message_cnt, s.initial_message_cnt)
        self._group_ready = (
            faults.effective(
                state.faults_of("wecom", ACCOUNT, "group_statistic"), g.visible_ms, number
            )
            <= now
        )
        self._group_cells = {
            "new_chat_cnt": g.is_new,
            "chat_total": g.exists,
            "chat_has_msg": g.member_has_msg > 0,
            "new_member_cnt": g.new_member_cnt,
            "member_total": np.where(g.exists, g.member_total, 0),
            "member_has_msg": g.member_has_msg,
            "msg_total": g.msg_total,
        }
        self._version = state.version

    def _days(self, first: Any, last: Any, *, today_allowed: bool) -> range:
        """Day numbers of a closed interval of timestamps, floored to Shanghai days."""
        for value in (first, last):
            if value is None:
                raise Refusal(40063, "missing parameter start or end time")
            if not is_int(value) or not 0 < value < 10**11:
                raise Refusal(600018, "invalid start endtime")
        first_day = int(day_number(first * SECOND_MS))
        last_day = int(day_number(last * SECOND_MS))
        today = int(day_number(self.state.now_ms))
        newest = today if today_allowed else today - 1
        if (
            last_day < first_day
            or last_day - first_day >= MAX_DAYS
            or last_day > newest
            or first_day < today - HISTORY_DAYS
        ):
            raise Refusal(600018, "invalid start endtime")
        return range(first_day, last_day + 1)

    def _index(self, day: int) -> int | None:
        """Position of a day in the world's arrays, None outside the period."""
        index = day - self.state.world.calendar.first_number
        return index if 0 <= index < self.state.world.calendar.count else None

    # ----------------------------------------------------------------------------- behaviour
    def behaviour(self, body: dict) -> dict:
        """One combined series for all given members, one element per day."""
        self._refresh()
        users, parties = body.get("userid"), body.get("partyid")
        if users is None and parties is None:
            raise Refusal(40063, "missing parameter userid or partyid")
        users, parties = users or [], parties or []
        if not is_texts(users) or not isinstance(parties, list):
            raise Refusal(40058, "userid. invalid Request Parameter")
        if len(users) > 100 or len(parties) > 100 or not (users or parties):
            raise Refusal(40058, "userid needs 1 to 100 items. invalid Request Parameter")
        chosen = set()
        for user in users:
            if user not in self._staff_index:
                raise Refusal(40003, "invalid userid")
            chosen.add(self._staff_index[user])
        for party in parties:
            chosen.update(self._members_below(party))
        days = self._days(body.get("start_time"), body.get("end_time"), today_allowed=True)
        rows = np.array(sorted(chosen))
        return _OK | {"behavior_data": [self._behaviour_of(rows, day) for day in days]}

    def _members_below(self, party: Any) -> set[int]:
        """Service staff of a department and all below it."""
        corp = self.state.world.organisation
        if party not in corp.department_id:
            raise Refusal(60003, "department not found")
        below = {party}
        for own, parent in zip(corp.department_id, corp.department_parent, strict=True):
            if parent in below:  # parents come before their children
                below.add(own)
        return {
            self._staff_index[user]
            for user, mine in zip(corp.userid, corp.department, strict=True)
            if user in self._staff_index and below & set(mine)
        }

    def _behaviour_of(self, rows: np.ndarray, day: int) -> dict:
        element: dict[str, Any] = {"stat_time": int(day_start_ms(day)) // SECOND_MS}
        index = self._index(day)
        if index is None:
            over = day < int(day_number(self.state.now_ms))
            return element | dict.fromkeys(COUNTERS, 0) if over else element
        if not self._staff_ready[index]:
            return element  # before 06:00 of the next day the counters are not there at all
        for name in COUNTERS:
            element[name] = int(self._shown[name][rows, index].sum())
        s = self.state.world.staff_days
        started = int(s.started_by_customer[rows, index].sum())
        answered = int(s.answered[rows, index].sum())
        if element["chat_cnt"] and started:
            percentage = round(100 * answered / started, 2)
            whole = percentage == int(percentage)
            element["reply_percentage"] = int(percentage) if whole else percentage
            seconds = int(s.reply_seconds[rows, index].sum())
            element["avg_reply_time"] = round(seconds / answered / 60) if answered else 0
        return element

    # -------------------------------------------------------------------------------- groups
    def owners(self, body: dict, *, required: bool) -> np.ndarray | None:
        """Indices of the owners a filter names; None for all visible ones."""
        owner_filter = body.get("owner_filter")
        if owner_filter is None:
            if required:
                raise Refusal(40063, "missing parameter owner_filter")
            return None
        users = owner_filter.get("userid_list") if isinstance(owner_filter, dict) else None
        if users is None and not required:
            return None
        if not is_texts(users):
            raise Refusal(40031, "invalid userid list")
        if not users or len(users) > 100:
            raise Refusal(40058, "userid_list needs 1 to 100 items. invalid Request Parameter")
        unknown = [user for user in users if user not in self._staff_index]
        if unknown:
            raise Refusal(40003, "invalid userid")
        return np.array([self._staff_index[user] for user in users])

    def _group_days(self, body: dict) -> tuple[np.ndarray, range]:
        self._refresh()
        owners = self.owners(body, required=True)
        first = body.get("day_begin_time")
        days = self._days(first, body.get("day_end_time", first), today_allowed=False)
        return owners, days

    def groups_by_day(self, body: dict) -> dict:
        """One element per day, the owners combined; `*_total` are states, the rest that day's."""
        owners, days = self._group_days(body)
        mine = np.flatnonzero(np.isin(self.state.world.groups.owner, owners))
        items = []
        for day in days:
            index = self._index(day)
            if index is None:
                data = dict.fromkeys(GROUP_FIELDS, 0)
            elif self._group_ready[index]:
                data = {
                    name: int(self._group_cells[name][mine, index].sum()) for name in GROUP_FIELDS
                }
            else:
                data = {}
            items.append({"stat_time": int(day_start_ms(day)) // SECOND_MS, "data": data})
        return _OK | {"items": items}

    def groups_by_owner(self, body: dict) -> dict:
        """One element per owner over the range: flows add up, `*_total` as of the last day."""
        owners, days = self._group_days(body)
        limit, offset = body.get("limit", 500), body.get("offset", 0)
        order_by, ascending = body.get("order_by", 1), body.get("order_asc", 0)
        if not is_int(limit) or not 1 <= limit <= 1000 or not is_int(offset) or offset < 0:
            raise Refusal(40058, "limit or offset. invalid Request Parameter")
        if order_by not in _ORDER_BY or ascending not in (0, 1):
            raise Refusal(40058, "order_by. invalid Request Parameter")
        ready = [i for d in days if (i := self._index(d)) is not None and self._group_ready[i]]
        items = []
        for owner in dict.fromkeys(owners.tolist()):
            mine = np.flatnonzero(self.state.world.groups.owner == owner)
            if not len(mine) or not ready:
                continue
            data = {
                name: int(
                    self._group_cells[name][mine][
                        :, [ready[-1]] if name.endswith("_total") and name != "msg_total" else ready
                    ].sum()
                )
                for name in GROUP_FIELDS
            }
            items.append({"owner": self.state.world.staff[owner], "data": data})
        key = _ORDER_BY[order_by]
        items.sort(key=lambda item: item["data"][key], reverse=not ascending)
        page = items[offset : offset + limit]
        return _OK | {"total": len(items), "next_offset": offset + len(page), "items": page}
