"""WeCom: who is in a customer group."""

import hashlib

import numpy as np

from sandbox import faults
from sandbox.state import State
from sandbox.timeline import SECOND_MS, day_number
from sandbox.vendors.common import Refusal
from sandbox.vendors.wecom_door import ACCOUNT, OK, Endpoint, invalid, text_of
from sandbox.world.members import FISSION_PREFIX


def member_version(chat_id: str, changes: int) -> str:
    """The group's member version after some changes, as callbacks and details carry it."""
    seed = f"{chat_id}|{changes}".encode()
    return hashlib.md5(seed, usedforsecurity=False).hexdigest()


def group_name(number: int) -> str:
    """What a group is called; a few have no name."""
    return "" if number % 17 == 5 else f"思域福利{number + 1}群"


class GroupApi:
    """`groupchat/get`."""

    def __init__(self, state: State) -> None:
        """Everything is computed from the state's world at its virtual now."""
        self.state = state
        self._index = {chat: n for n, chat in enumerate(state.world.groups.chat_id.tolist())}
        self._version = -1

    def endpoints(self) -> list[Endpoint]:
        """One endpoint."""
        return [Endpoint("externalcontact/groupchat/get", self._get)]

    def _refresh(self) -> None:
        if self._version == self.state.version:
            return
        state, m = self.state, self.state.world.members
        held = state.faults_of("wecom", ACCOUNT, "group_member")
        self._joined = faults.effective(held, m.join_ms, day_number(m.join_ms))
        leave_day = day_number(np.minimum(m.leave_ms, state.world.calendar.end_ms))
        self._left = faults.effective(held, m.leave_ms, leave_day)
        self._version = state.version

    def _get(self, body: dict) -> dict:
        self._refresh()
        chat = text_of(body, "chat_id", 86003, "chatid")
        need_name = body.get("need_name", 0)
        if need_name not in (0, 1):
            raise invalid("need_name")
        world, now = self.state.world, self.state.now_ms
        g, m = world.groups, world.members
        number = self._index.get(chat)
        if number is None or g.created_ms[number] > now:
            raise Refusal(40050, "invalid chatid")
        rows = np.arange(m.first_row[number], m.first_row[number + 1])
        here = rows[(self._joined[rows] <= now) & (self._left[rows] > now)]
        changes = int((self._joined[rows] <= now).sum() + (self._left[rows] <= now).sum())
        owner = world.staff[g.owner[number]]
        detail = {
            "chat_id": chat,
            "name": group_name(number),
            "owner": owner,
            "create_time": int(g.created_ms[number]) // SECOND_MS,
            "member_list": [self._member(row, bool(need_name)) for row in here.tolist()],
            "admin_list": [{"userid": owner}],
            "member_version": member_version(chat, changes),
        }
        if number % 3 == 0:
            detail["notice"] = "每周三 20:00 直播答疑，群内不发广告。"
        return OK | {"group_chat": detail}

    def _member(self, row: int, with_name: bool) -> dict:
        m, world = self.state.world.members, self.state.world
        is_staff = m.staff[row] >= 0
        member = {
            "userid": str(m.userid[row]),
            "type": 1 if is_staff else 2,
            "join_time": int(m.join_ms[row]) // SECOND_MS,
            "join_scene": int(m.join_scene[row]),
            "group_nickname": "",
        }
        if not is_staff and m.unionid[row]:
            member["unionid"] = str(m.unionid[row])
        if m.inviting_staff[row] >= 0:
            member["invitor"] = {"userid": world.staff[m.inviting_staff[row]]}
        if m.inviter[row] >= 0:
            # the poster of the member who shared it: its join way carries their unionid
            member["state"] = f"{FISSION_PREFIX}{m.unionid[m.inviter[row]]}"
        if with_name:
            corp = world.organisation
            member["name"] = corp.name[m.staff[row]] if is_staff else f"微信用户{row + 1}"
        return member


__all__ = ["GroupApi", "group_name", "member_version"]
