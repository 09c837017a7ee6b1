"""WeCom: mass messages, their tasks and what became of each recipient."""

from typing import Any

import numpy as np

from sandbox import faults
from sandbox.state import State
from sandbox.timeline import MINUTE_MS, NEVER_MS, SECOND_MS, day_number
from sandbox.vendors.common import Refusal
from sandbox.vendors.wecom_door import (
    ACCOUNT,
    OK,
    Endpoint,
    invalid,
    missing,
    page,
    text_of,
    window,
)
from sandbox.world.messages import BY_ONE, NOT_SENT, SENT, TO_GROUPS

_MONTH_DAYS = 31
# right after its creation a message is still being dispatched
_DISPATCH_MS = MINUTE_MS


class MessageApi:
    """Records, tasks and results; everything changes until all members have acted."""

    def __init__(self, state: State) -> None:
        """Everything is computed from the state's world at its virtual now."""
        self.state = state
        self._version = -1

    def endpoints(self) -> list[Endpoint]:
        """Three endpoints."""
        base = "externalcontact/get_groupmsg_"
        return [
            Endpoint(base + "list_v2", self._list, empty="group_msg_list"),
            Endpoint(base + "task", self._tasks, empty="task_list"),
            Endpoint(base + "send_result", self._results, empty="send_list"),
        ]

    def _refresh(self) -> None:
        if self._version == self.state.version:
            return
        state, m = self.state, self.state.world.messages
        if self._version < 0:
            self._index = {msgid: n for n, msgid in enumerate(m.msgid.tolist())}
            self._staff_index = {user: n for n, user in enumerate(state.world.staff)}
            self._task_cuts = np.searchsorted(m.task_message, np.arange(len(m.msgid) + 1))
            self._key = m.message * len(state.world.staff) + m.staff
            self._order = np.argsort(self._key, kind="stable")
            self._sorted_key = self._key[self._order]
        day = day_number(m.created_ms)

        def shown(stream: str, moment: np.ndarray, business_day: np.ndarray) -> np.ndarray:
            held = state.faults_of("wecom", ACCOUNT, stream)
            return faults.effective(held, moment, business_day)

        self._listed_ms = shown("group_message", m.created_ms, day)
        self._acted_ms = shown("group_message_task", m.task_sent_ms, day[m.task_message])
        self._result_ms = shown("group_message_recipient", m.task_sent_ms, day[m.task_message])
        self._version = state.version

    def _list(self, body: dict) -> dict:
        self._refresh()
        m, staff = self.state.world.messages, self.state.world.staff
        chat_type = body.get("chat_type")
        if chat_type is None:
            raise missing("chat_type")
        if chat_type not in ("single", "group"):
            raise invalid("chat_type")
        start, end = window(body, "start_time", "end_time", _MONTH_DAYS)
        kind = body.get("filter_type", 2)
        if kind not in (0, 1, 2):
            raise invalid("filter_type")
        creator = body.get("creator") or ""
        wanted = (m.kind == TO_GROUPS) == (chat_type == "group")
        wanted &= (self._listed_ms <= self.state.now_ms) & (m.created_ms >= start)
        wanted &= m.created_ms < end + SECOND_MS
        if kind != 2:
            wanted &= (m.kind == BY_ONE) == (kind == 1)
        if creator:
            wanted &= m.creator == self._staff_index.get(creator, -2)
        rows = np.flatnonzero(wanted)
        filters = [chat_type, start, end, kind, creator]
        part, cursor = page(body, len(rows), filters, default=50, most=100, falls_back=True)
        return OK | {
            "next_cursor": cursor,
            "group_msg_list": [self._record(n, staff) for n in rows[part].tolist()],
        }

    def _record(self, n: int, staff: list[str]) -> dict:
        m = self.state.world.messages
        record: dict[str, Any] = {
            "msgid": str(m.msgid[n]),
            "create_time": int(m.created_ms[n]) // SECOND_MS,
            "create_type": int(m.kind[n] == BY_ONE),
            "text": {"content": m.text[n]},
            "attachments": [attachment(n, m.text[n])],
        }
        if m.creator[n] >= 0:
            record["creator"] = staff[m.creator[n]]
        return record

    def _message(self, body: dict) -> int:
        self._refresh()
        msgid = text_of(body, "msgid", 41046)
        n = self._index.get(msgid)
        if n is None or self._listed_ms[n] > self.state.now_ms:
            raise Refusal(41047, "invalid msgid")
        m = self.state.world.messages
        if self.state.now_ms < m.created_ms[n] + _DISPATCH_MS:
            raise Refusal(41063, "group msg is dispatching")
        return n

    def _tasks(self, body: dict) -> dict:
        n = self._message(body)
        m, staff, now = self.state.world.messages, self.state.world.staff, self.state.now_ms
        if m.is_cancelled[n]:
            raise Refusal(41093, "group msg has been cancelled")
        rows = np.arange(self._task_cuts[n], self._task_cuts[n + 1])
        part, cursor = page(body, len(rows), n, default=500, most=1_000, falls_back=True)
        tasks = []
        for row in rows[part].tolist():
            task = {"userid": staff[m.task_staff[row]], "status": 0}
            if self._acted_ms[row] <= now:
                task |= {"status": 2, "send_time": int(m.task_sent_ms[row]) // SECOND_MS}
            tasks.append(task)
        return OK | {"next_cursor": cursor, "task_list": tasks}

    def _results(self, body: dict) -> dict:
        n = self._message(body)
        world, now = self.state.world, self.state.now_ms
        m = world.messages
        user = text_of(body, "userid", 41009)
        staff = self._staff_index.get(user)
        tasks = slice(int(self._task_cuts[n]), int(self._task_cuts[n + 1]))
        place = np.flatnonzero(m.task_staff[tasks] == (-1 if staff is None else staff))
        if staff is None or not len(place):
            raise Refusal(40003, "invalid userid")
        acted = self._result_ms[tasks][place[0]] <= now
        key = n * len(world.staff) + staff
        first, last = np.searchsorted(self._sorted_key, [key, key + 1])
        rows = self._order[first:last]
        to_groups = m.kind[n] == TO_GROUPS
        if to_groups and not acted:
            rows = rows[:0]  # which groups is chosen while sending
        part, cursor = page(body, len(rows), [n, user], default=500, most=1_000, falls_back=True)
        rows = rows[part]
        who = (
            world.groups.chat_id[m.group[rows]]
            if to_groups
            else (world.persons.external_userid[m.person[rows]])
        )
        name = "chat_id" if to_groups else "external_userid"
        results = []
        for receiver, status, sent in zip(
            who.tolist(), m.status[rows].tolist(), m.sent_ms[rows].tolist(), strict=True
        ):
            # a message on its way within this very hour has no result yet
            known = acted and (sent <= now or sent == NEVER_MS)
            result = {name: receiver, "userid": user, "status": status if known else NOT_SENT}
            if known and status == SENT:
                result["send_time"] = sent // SECOND_MS
            results.append(result)
        return OK | {"next_cursor": cursor, "send_list": results}


def attachment(number: int, text: str) -> dict:
    """What hangs on a post: the same text always brings the same material."""
    material = sum(text.encode()) % 1_000
    if number % 3 == 0:
        return {"msgtype": "image", "image": {"media_id": f"MEDIA{material:06d}"}}
    if number % 3 == 1:
        title = text.split("】")[-1][:40]
        url = f"https://h5.example.com/p/{material}"
        return {"msgtype": "link", "link": {"title": title, "picurl": "", "desc": "", "url": url}}
    return {
        "msgtype": "miniprogram",
        "miniprogram": {
            "title": "会员中心",
            "appid": "wxsandboxmini00001",
            "page": f"/pages/item?id={material}",
        },
    }
