"""WeCom's address book and tag library."""

from typing import Any

import numpy as np

from sandbox import faults
from sandbox.state import State
from sandbox.timeline import SECOND_MS, day_number
from sandbox.vendors.common import Refusal, is_texts
from sandbox.vendors.wecom_door import (
    ACCOUNT,
    APP,
    CONTACTS,
    GET,
    OK,
    Endpoint,
    invalid,
    missing,
    page,
)

ROOT = 1


class StaffApi:
    """Departments, members, tags. The app sees the whole corp."""

    def __init__(self, state: State) -> None:
        """Everything is computed from the state's world at its virtual now."""
        self.state = state

    def endpoints(self) -> list[Endpoint]:
        """Details are closed to the contact-sync assistant; the id list is open to it only."""
        book = {"methods": GET, "callers": (APP,), "wrong_caller": 48009}
        return [
            Endpoint("user/list_id", self._list_id, empty="dept_user", callers=(CONTACTS,)),
            Endpoint("user/list", self._details, empty="userlist", **book),
            Endpoint("user/simplelist", self._names, empty="userlist", **book),
            Endpoint("department/list", self._departments, empty="department", **book),
            Endpoint(
                "department/simplelist",
                self._department_ids,
                GET,
                "department_id",
                callers=(APP, CONTACTS),
            ),
            Endpoint("externalcontact/get_corp_tag_list", self._tags, empty="tag_group"),
        ]

    # ------------------------------------------------------------------------------- members
    def _list_id(self, body: dict) -> dict:
        corp = self.state.world.organisation
        rows = [
            {"userid": user, "department": department}
            for user, mine in zip(corp.userid, corp.department, strict=True)
            for department in mine
        ]
        part, cursor = page(body, len(rows), "list_id", default=1_000, most=10_000)
        return OK | {"next_cursor": cursor, "dept_user": rows[part]}

    def _members(self, query: Any) -> list[int]:
        """Rows of the direct members of the asked department."""
        corp = self.state.world.organisation
        wanted = query.get("department_id")
        if not wanted:
            raise missing("department_id")
        number = _number(wanted)
        if number not in corp.department_id:
            raise Refusal(60003, "department not found")
        return [n for n, mine in enumerate(corp.department) if number in mine]

    def _names(self, query: Any) -> dict:
        corp = self.state.world.organisation
        return OK | {
            "userlist": [
                {
                    "userid": corp.userid[n],
                    "name": corp.name[n],
                    "department": corp.department[n],
                }
                for n in self._members(query)
            ]
        }

    def _details(self, query: Any) -> dict:
        return OK | {"userlist": [self._member(n) for n in self._members(query)]}

    def _member(self, n: int) -> dict:
        """Without mobile, e-mail, gender, avatar: apps made since June 2022 do not get them."""
        corp = self.state.world.organisation
        mine = corp.department[n]
        leader = "opsmanager" if corp.is_service[n] else ""
        member = {
            "userid": corp.userid[n],
            "name": corp.name[n],
            "department": mine,
            "order": [0] * len(mine),
            "position": corp.position[n],
            "status": corp.status[n],
            "main_department": mine[0],
            "is_leader_in_dept": [int(corp.is_leader[n])] + [0] * (len(mine) - 1),
            "direct_leader": [leader] if leader else [],
            "alias": "",
            "telephone": "",
            "english_name": "",
            "extattr": {"attrs": []},
        }
        if corp.is_service[n]:
            member["external_position"] = "护肤顾问"
        return member

    # --------------------------------------------------------------------------- departments
    def _below(self, query: Any) -> list[int]:
        """Positions of a department and all below it; the whole tree when none is asked for."""
        corp = self.state.world.organisation
        wanted = query.get("id")
        if wanted in (None, ""):
            return list(range(len(corp.department_id)))
        number = _number(wanted)
        if number not in corp.department_id:
            raise Refusal(60003, "department not found")
        found, result = {number}, []
        for n, (own, parent) in enumerate(
            zip(corp.department_id, corp.department_parent, strict=True)
        ):
            if own in found or parent in found:  # parents come before their children
                found.add(own)
                result.append(n)
        return result

    def _departments(self, query: Any) -> dict:
        corp = self.state.world.organisation
        leaders: dict[int, list[str]] = {}
        for user, mine, leads in zip(corp.userid, corp.department, corp.is_leader, strict=True):
            if leads:
                leaders.setdefault(mine[0], []).append(user)
        return OK | {
            "department": [
                {
                    "id": corp.department_id[n],
                    "name": corp.department_name[n],
                    "department_leader": leaders.get(corp.department_id[n], []),
                    "parentid": corp.department_parent[n],
                    "order": _order(n),
                }
                for n in self._below(query)
            ]
        }

    def _department_ids(self, query: Any) -> dict:
        corp = self.state.world.organisation
        return OK | {
            "department_id": [
                {
                    "id": corp.department_id[n],
                    "parentid": corp.department_parent[n],
                    "order": _order(n),
                }
                for n in self._below(query)
            ]
        }

    # ---------------------------------------------------------------------------------- tags
    def _tags(self, body: dict) -> dict:
        """The library; a deleted tag shows only to those who ask for its id or its group."""
        groups, tags = body.get("group_id") or [], body.get("tag_id") or []
        if not is_texts(groups) or not is_texts(tags):
            raise invalid("tag_id or group_id")
        corp, now = self.state.world.organisation, self.state.now_ms
        held = self.state.faults_of("wecom", ACCOUNT, "corp_tag")
        born = {}
        for name, moments in (("group", corp.group_created_ms), ("tag", corp.tag_created_ms)):
            born[name] = [at <= now if not held else _shown(held, at, now) for at in moments]
        if any(g not in corp.group_id for g in groups) or (
            not groups and any(t not in corp.tag_id for t in tags)
        ):
            raise Refusal(40068, "invalid tagid")
        result = []
        for g, group_id in enumerate(corp.group_id):
            if (groups and group_id not in groups) or not born["group"][g]:
                continue
            mine = []
            for t, tag_id in enumerate(corp.tag_id):
                gone = corp.tag_deleted_ms[t] <= now
                asked = bool(groups) or tag_id in tags
                if corp.tag_group[t] != g or not born["tag"][t] or (gone and not asked):
                    continue
                if tags and not groups and tag_id not in tags:
                    continue
                entry = {
                    "id": tag_id,
                    "name": corp.tag_name[t],
                    "create_time": corp.tag_created_ms[t] // SECOND_MS,
                    "order": self._tag_order(t),
                }
                mine.append(entry | {"deleted": gone} if asked else entry)
            if tags and not groups and not mine:
                continue
            entry = {
                "group_id": group_id,
                "group_name": corp.group_name[g],
                "create_time": corp.group_created_ms[g] // SECOND_MS,
                "order": 2**32 - 1 - g,
                "tag": sorted(mine, key=lambda tag: -tag["order"]),
            }
            result.append(entry | {"deleted": False} if tags and not groups else entry)
        return OK | {"tag_group": result}

    def _tag_order(self, tag: int) -> int:
        """Above signed 32 bit; the last group is put in another order once."""
        corp = self.state.world.organisation
        place = tag
        if self.state.now_ms >= corp.shuffled_ms and corp.tag_group[tag] == len(corp.group_id) - 1:
            place = len(corp.tag_id) - tag
        return 2**31 + 1_000 - place


def _shown(held: list, moment_ms: int, now_ms: int) -> bool:
    at = np.array([moment_ms])
    return bool(faults.effective(held, at, day_number(at))[0] <= now_ms)


def _number(text: Any) -> int:
    if not str(text).isdigit():
        raise Refusal(60123, "invalid party id")
    return int(text)


def _order(position: int) -> int:
    return 100_000_000 - 1_000 * position
