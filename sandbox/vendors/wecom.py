"""WeCom (企业微信): customers and groups; the other endpoints are in the modules beside."""

import numpy as np
import orjson
from starlette.routing import Route

from sandbox import faults
from sandbox.state import State
from sandbox.timeline import day_number
from sandbox.vendors.common import (
    Refusal,
    decode_cursor,
    encode_cursor,
    is_int,
    is_texts,
    joined,
)
from sandbox.vendors.wecom_acquisition import AcquisitionApi
from sandbox.vendors.wecom_door import (
    ACCOUNT,
    CONTACT_SECRET,
    CORPID,
    GET,
    OK,
    SECRET,
    Door,
    Endpoint,
)
from sandbox.vendors.wecom_groups import GroupApi
from sandbox.vendors.wecom_messages import MessageApi
from sandbox.vendors.wecom_moments import MomentApi
from sandbox.vendors.wecom_pay import PayApi
from sandbox.vendors.wecom_service import ServiceApi
from sandbox.vendors.wecom_staff import StaffApi
from sandbox.vendors.wecom_statistics import Statistics
from sandbox.vendors.wecom_ways import ContactWayApi
from sandbox.world.acquisition import state_of


class WeCom:
    """The corp `corp_main` with one self-built app and its contact-sync assistant."""

    def __init__(
        self,
        state: State,
        *,
        rate_limit_scale: float = 1.0,
        concurrency: int = 0,
        latency_ms: float = 0.0,
    ) -> None:
        """Everything is computed from the state's world at its virtual now."""
        self.state = state
        self.door = Door(
            state,
            rate_limit_scale=rate_limit_scale,
            concurrency=concurrency,
            latency_ms=latency_ms,
        )
        self.statistics = Statistics(state)
        world = state.world
        self._staff_index = {name: n for n, name in enumerate(world.staff)}
        self._fragments: list[bytes | None] = [None] * len(world.relations.person)
        order = np.argsort(world.relations.staff, kind="stable")
        cuts = np.cumsum(np.bincount(world.relations.staff, minlength=len(world.staff)))[:-1]
        self._rows_of_staff = np.split(order, cuts)
        self._person_index: dict[str, int] | None = None
        self._version = -1

    def routes(self) -> list[Route]:
        """Every endpoint; POST endpoints also answer a GET, with the documented refusal."""
        stats, base = self.statistics, "externalcontact/"
        endpoints = [
            Endpoint(base + "get_follow_user_list", self._follow_users, GET),
            Endpoint(base + "list", self._list, GET, "external_userid"),
            Endpoint(base + "get", self._get, GET, "follow_user"),
            Endpoint(base + "batch/get_by_user", self._batch, empty="external_contact_list"),
            Endpoint(base + "groupchat/list", self._groups, empty="group_chat_list"),
            Endpoint(base + "get_user_behavior_data", stats.behaviour, empty="behavior_data"),
            Endpoint(base + "groupchat/statistic", stats.groups_by_owner, empty="items"),
            Endpoint(base + "groupchat/statistic_group_by_day", stats.groups_by_day, empty="items"),
        ]
        for part in (
            GroupApi,
            MessageApi,
            MomentApi,
            AcquisitionApi,
            ContactWayApi,
            PayApi,
            ServiceApi,
            StaffApi,
        ):
            endpoints += part(self.state).endpoints()
        return [
            Route("/cgi-bin/gettoken", self.door.gettoken, methods=["GET"]),
            *(self.door.route(endpoint) for endpoint in endpoints),
        ]

    # ------------------------------------------------------------------------------ contents
    def _follow_users(self, _: dict) -> dict:
        return OK | {"follow_user": self.state.world.staff}

    def _refresh(self) -> None:
        """What is in the lists at the virtual now."""
        if self._version == self.state.version:
            return
        state, world = self.state, self.state.world
        r, g, now = world.relations, world.groups, state.now_ms
        held = state.faults_of("wecom", ACCOUNT, "customer")
        created = faults.effective(held, r.created_ms, day_number(r.created_ms))
        removed = faults.effective(held, r.removed_ms, day_number(r.removed_ms))
        self._is_listed = (created <= now) & (removed > now)
        self._listed = [rows[self._is_listed[rows]] for rows in self._rows_of_staff]
        founded = faults.effective(
            state.faults_of("wecom", ACCOUNT, "group_chat"), g.created_ms, day_number(g.created_ms)
        )
        order = np.argsort(g.created_ms, kind="stable")
        self._listed_groups = order[founded[order] <= now]
        self._version = state.version

    def _list(self, query: dict) -> dict:
        self._refresh()
        userid = query.get("userid")
        if not userid:
            raise Refusal(41009, "userid missing")
        rows = self._listed[self._staff(userid)]
        if not len(rows):
            raise Refusal(84061, "not external contact")
        persons = self.state.world.relations.person[rows]
        return OK | {"external_userid": self.state.world.persons.external_userid[persons].tolist()}

    def _staff(self, userid: str) -> int:
        if userid not in self._staff_index:
            raise Refusal(40003, "invalid userid")
        return self._staff_index[userid]

    def _get(self, query: dict) -> dict:
        self._refresh()
        wanted = query.get("external_userid")
        if not wanted:
            raise Refusal(41035, "external_userid missing")
        if self._person_index is None:
            ids = self.state.world.persons.external_userid.tolist()
            self._person_index = {who: n for n, who in enumerate(ids)}
        if wanted not in self._person_index:
            raise Refusal(40096, "invalid external userid")
        person = self._person_index[wanted]
        rows = np.flatnonzero((self.state.world.relations.person == person) & self._is_listed)
        if not len(rows):
            raise Refusal(84061, "not external contact")
        follow = []
        for row in rows.tolist():
            info = self._follow_info(row)
            if tags := info.pop("tag_id", []):
                info["tags"] = [self._tag(tag) for tag in tags]
            follow.append(info)
        return OK | {"external_contact": self._contact(person), "follow_user": follow}

    def _tag(self, tag_id: str) -> dict:
        corp = self.state.world.organisation
        place = corp.tag_id.index(tag_id)
        return {
            "group_name": corp.group_name[corp.tag_group[place]],
            "tag_name": corp.tag_name[place],
            "type": 1,
            "tag_id": tag_id,
        }

    def _batch(self, body: dict) -> bytes:
        self._refresh()
        users = body.get("userid_list")
        if users is None:
            raise Refusal(40063, "missing parameter userid_list")
        if not is_texts(users):
            raise Refusal(40031, "invalid userid list")
        if not users or len(users) > 100:
            raise Refusal(40058, "userid_list needs 1 to 100 items. invalid Request Parameter")
        limit = body.get("limit", 50)
        if not is_int(limit) or limit < 1:
            raise Refusal(40058, "limit. invalid Request Parameter")
        parts = [self._listed[self._staff(user)] for user in users]
        start = 0
        if cursor := body.get("cursor"):
            position = decode_cursor(cursor, users)
            if position is None:
                raise Refusal(50100, "invalid cursor")
            # the place is kept by relation, so that nothing is skipped when one goes away
            part, row = map(int, position.split(":"))
            start = sum(map(len, parts[:part])) + int(np.searchsorted(parts[part], row, "right"))
        stop = start + min(limit, 100)
        rows = np.concatenate(parts)
        page = rows[start:stop]
        next_cursor = ""
        if stop < len(rows):
            ends = np.cumsum([len(p) for p in parts])
            part = int(np.searchsorted(ends, stop - 1, "right"))
            next_cursor = encode_cursor(f"{part}:{page[-1]}", users)
        return joined(
            OK, "external_contact_list", self.fragments(page), {"next_cursor": next_cursor}
        )

    def fragments(self, rows: np.ndarray) -> list[bytes]:
        """Ready JSON of relations; each is built once."""
        known = self._fragments
        result = []
        for row in rows.tolist():
            fragment = known[row]
            if fragment is None:
                person = int(self.state.world.relations.person[row])
                fragment = known[row] = orjson.dumps(
                    {
                        "external_contact": self._contact(person),
                        "follow_info": self._follow_info(row),
                    }
                )
            result.append(fragment)
        return result

    def _contact(self, person: int) -> dict:
        p = self.state.world.persons
        contact = {
            "external_userid": str(p.external_userid[person]),
            "name": f"微信用户{person + 1}",
            "avatar": f"https://wx.qlogo.example.com/{p.external_userid[person]}/0",
            "type": 1,
            "gender": int(p.gender[person]),
        }
        if p.unionid[person]:
            contact["unionid"] = str(p.unionid[person])
        return contact

    def _follow_info(self, row: int) -> dict:
        world, r = self.state.world, self.state.world.relations
        userid = world.staff[r.staff[row]]
        person, way = int(r.person[row]), int(r.add_way[row])
        started_by_staff = way in (2, 3, 6, 201)
        info = {
            "userid": userid,
            "remark": f"客户{person + 1}",
            "description": "",
            "createtime": int(r.created_ms[row] // 1000),
            "remark_corp_name": "",
            "remark_mobiles": [],
            "add_way": way,
            "oper_userid": userid
            if started_by_staff
            else str(world.persons.external_userid[person]),
        }
        corp = world.organisation
        if tags := [corp.tag_id[tag] for tag in corp.tags_of[row].tolist() if tag >= 0]:
            info["tag_id"] = tags
        if r.has_state[row]:
            info["state"] = state_of(int(r.channel[row]), int(r.campaign[row]))
        return info

    def _groups(self, body: dict) -> dict:
        self._refresh()
        g = self.state.world.groups
        limit = body.get("limit")
        if limit is None:
            raise Refusal(40063, "missing parameter limit")
        if not is_int(limit) or not 1 <= limit <= 1000:
            raise Refusal(40058, "limit. invalid Request Parameter")
        status = body.get("status_filter") or 0
        if status not in (0, 1, 2, 3):
            raise Refusal(40058, "status_filter. invalid Request Parameter")
        owners = self.statistics.owners(body, required=False)
        rows = self._listed_groups
        if owners is not None:
            rows = rows[np.isin(g.owner[rows], owners)]
        if status:
            rows = rows[g.status[rows] == status]
        filters = [status, body.get("owner_filter")]
        start = 0
        if cursor := body.get("cursor"):
            position = decode_cursor(cursor, filters)
            if position is None:
                raise Refusal(50100, "invalid cursor")
            start = int(position)
        page = rows[start : start + limit]
        more = start + limit < len(rows)
        return OK | {
            "group_chat_list": [
                {"chat_id": str(g.chat_id[row]), "status": int(g.status[row])} for row in page
            ],
            "next_cursor": encode_cursor(str(start + limit), filters) if more else "",
        }


__all__ = ["ACCOUNT", "CONTACT_SECRET", "CORPID", "SECRET", "WeCom"]
