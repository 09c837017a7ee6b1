"""WeCom (企业微信): tokens, customers, behaviour statistics, groups and their statistics."""

from collections.abc import Callable

import numpy as np
import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox import faults
from sandbox.limits import RateLimit
from sandbox.parameters import CAMPAIGNS, CHANNEL_IDS
from sandbox.state import State
from sandbox.timeline import day_number
from sandbox.tokens import TokenStore
from sandbox.vendors.common import (
    Refusal,
    answer,
    decode_cursor,
    encode_cursor,
    is_int,
    is_texts,
    joined,
    json_body,
)
from sandbox.vendors.wecom_statistics import Statistics

CORPID = "wwsandbox0000000001"
SECRET = "sandbox-corp-secret-7f3a"  # noqa: S105 - opens made-up data only
ACCOUNT = "corp_main"
_OK = {"errcode": 0, "errmsg": "ok"}
_BASE = "/cgi-bin/externalcontact/"


class WeCom:
    """The corp `corp_main` with one self-built app."""

    def __init__(self, state: State, *, rate_limit_scale: float = 1.0) -> None:
        """Everything is computed from the state's world at its virtual now."""
        self.state = state
        self.tokens = TokenStore(state, "wecom", 7200)
        self.statistics = Statistics(state)
        self._limit = RateLimit(
            10_000,
            scale=rate_limit_scale,
            block_seconds=60,
            timer=state.elapsed_seconds,
        )
        world = state.world
        self._staff_index = {name: n for n, name in enumerate(world.staff)}
        self._fragments: list[bytes | None] = [None] * len(world.relations.person)
        order = np.argsort(world.relations.staff, kind="stable")
        cuts = np.cumsum(np.bincount(world.relations.staff, minlength=len(world.staff)))[:-1]
        self._rows_of_staff = np.split(order, cuts)
        self._person_index: dict[str, int] | None = None
        self._version = -1
        self._errors = 0

    def routes(self) -> list[Route]:
        """Every endpoint; POST endpoints also answer a GET, with the documented refusal."""
        get, post = ("GET",), ("GET", "POST")
        stats = self.statistics
        table: list[tuple[str, Callable, tuple, str]] = [
            ("get_follow_user_list", self._follow_users, get, ""),
            ("list", self._list, get, "external_userid"),
            ("get", self._get, get, "follow_user"),
            ("batch/get_by_user", self._batch, post, "external_contact_list"),
            ("groupchat/list", self._groups, post, "group_chat_list"),
            ("get_user_behavior_data", stats.behaviour, post, "behavior_data"),
            ("groupchat/statistic", stats.groups_by_owner, post, "items"),
            ("groupchat/statistic_group_by_day", stats.groups_by_day, post, "items"),
        ]
        routes = [
            Route(_BASE + path, self._api(path, handler, methods, empty), methods=list(methods))
            for path, handler, methods, empty in table
        ]
        return [Route("/cgi-bin/gettoken", self._gettoken, methods=["GET"]), *routes]

    # ------------------------------------------------------------------------------ the door
    def _api(self, path: str, handler: Callable, methods: tuple, empty: str) -> Callable:
        async def endpoint(request: Request) -> Response:
            try:
                self._admit(path, request.query_params.get("access_token"))
                if "POST" in methods:
                    return answer(handler(await self._body(request)))
                return answer(handler(request.query_params))
            except Refusal as refusal:
                # error bodies still carry the endpoint's list, empty
                extra = {empty: []} if empty else {}
                return self._refuse(refusal, extra)

        return endpoint

    def _admit(self, path: str, token: str | None) -> None:
        if not self._limit.allows(path):
            raise Refusal(45009, "api freq out of limit")
        if not token:
            raise Refusal(41001, "access_token missing")
        state = self.tokens.check(token)
        if state == "expired":
            raise Refusal(42001, "access_token expired")
        if state != "valid":
            raise Refusal(40014, "invalid access_token")

    async def _body(self, request: Request) -> dict:
        if request.method != "POST":
            raise Refusal(40058, "invalid Request Parameter")
        try:
            body = await json_body(request)
        except orjson.JSONDecodeError:
            body = None
        if not isinstance(body, dict):
            raise Refusal(40058, "Warning: wrong json format. invalid Request Parameter")
        return body

    def _refuse(self, refusal: Refusal, extra: dict) -> Response:
        self._errors += 1
        text = (
            f"{refusal.message}, hint: [{1_700_000_000 + self._errors}], from ip: 127.0.0.1, "
            f"more info at https://open.work.weixin.qq.com/devtool/query?e={refusal.code}"
        )
        return answer(
            {"errcode": refusal.code, "errmsg": text, **extra, **refusal.extra},
            {"error-code": str(refusal.code), "error-msg": refusal.message},
        )

    async def _gettoken(self, request: Request) -> Response:
        query = request.query_params
        try:
            if not self._limit.allows("gettoken"):
                raise Refusal(45009, "api freq out of limit")
            if not query.get("corpid"):
                raise Refusal(41002, "corpid missing")
            if not query.get("corpsecret"):
                raise Refusal(41004, "corpsecret missing")
            if query["corpid"] != CORPID:
                raise Refusal(40013, "invalid corpid")
            if query["corpsecret"] != SECRET:
                raise Refusal(40001, "invalid credential")
        except Refusal as refusal:
            return self._refuse(refusal, {})
        # the same token while it is valid; asking again does not extend its life
        token = self.tokens.current(CORPID) or self.tokens.mint(CORPID)
        return answer(_OK | {"access_token": token, "expires_in": self.tokens.seconds_left(token)})

    # ------------------------------------------------------------------------------ contents
    def _follow_users(self, _: dict) -> dict:
        return _OK | {"follow_user": self.state.world.staff}

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
        return _OK | {"external_userid": self.state.world.persons.external_userid[persons].tolist()}

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
            tags = info.pop("tag_id", [])
            info["tags"] = [
                {"group_name": "客户分层", "tag_name": _TAGS[tag], "type": 1, "tag_id": tag}
                for tag in tags
            ]
            follow.append(info)
        return _OK | {"external_contact": self._contact(person), "follow_user": follow}

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
            _OK, "external_contact_list", self.fragments(page), {"next_cursor": next_cursor}
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
            "tag_id": [list(_TAGS)[world.persons.layer[person]]],
            "remark_corp_name": "",
            "remark_mobiles": [],
            "add_way": way,
            "oper_userid": userid
            if started_by_staff
            else str(world.persons.external_userid[person]),
        }
        if r.has_state[row]:
            state = CHANNEL_IDS[r.channel[row]]
            if r.campaign[row] >= 0:
                state += f":{CAMPAIGNS[r.campaign[row]]}"
            info["state"] = state[:30]
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
        return _OK | {
            "group_chat_list": [
                {"chat_id": str(g.chat_id[row]), "status": int(g.status[row])} for row in page
            ],
            "next_cursor": encode_cursor(str(start + limit), filters) if more else "",
        }


_TAGS = {"etsandboxhigh": "高价值", "etsandboxmid": "中坚", "etsandboxtail": "长尾"}
