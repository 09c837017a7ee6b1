"""WeCom: contact ways (联系我), those of the world and those that callers add."""

import hashlib
from typing import Any

import numpy as np

from sandbox import faults
from sandbox.parameters import CHANNELS
from sandbox.state import State
from sandbox.timeline import DAY_MS, SECOND_MS, day_number
from sandbox.vendors.common import Refusal, is_int, is_texts
from sandbox.vendors.wecom_door import ACCOUNT, OK, Endpoint, invalid, page, text_of

_OLDEST_MS = 1_625_846_400_000  # 2021-07-10: ways made before are not listed
_DEFAULT_DAYS = 90
_MOST_USERS = 100


class ContactWayApi:
    """Ways that were added through the API are kept across restarts."""

    def __init__(self, state: State) -> None:
        """Everything is computed from the state's world at its virtual now."""
        self.state = state

    def endpoints(self) -> list[Endpoint]:
        """Three endpoints."""
        base = "externalcontact/"
        return [
            Endpoint(base + "add_contact_way", self._add),
            Endpoint(base + "get_contact_way", self._get),
            Endpoint(base + "list_contact_way", self._list, empty="contact_way"),
        ]

    @property
    def _added(self) -> dict[str, list]:
        """By id: moment of creation and the way."""
        return self.state.kept.setdefault("contact_ways", {})

    def _ways(self) -> dict[str, tuple[int, dict]]:
        """All ways there are now, the oldest first."""
        state, a = self.state, self.state.world.acquisition
        held = state.faults_of("wecom", ACCOUNT, "contact_way")
        made = faults.effective(held, a.way_created_ms, day_number(a.way_created_ms))
        ways = {
            str(a.way_id[n]): (int(a.way_created_ms[n]), self._way(n))
            for n in np.flatnonzero(made <= state.now_ms).tolist()
        }
        ways |= {k: (at, way) for k, (at, way) in self._added.items() if at <= state.now_ms}
        return dict(sorted(ways.items(), key=lambda item: item[1][0]))

    def _way(self, n: int) -> dict:
        a, staff = self.state.world.acquisition, self.state.world.staff
        channel = CHANNELS[a.way_channel[n]]
        config_id = str(a.way_id[n])
        return {
            "config_id": config_id,
            "type": 2,
            "scene": 2,
            "remark": channel.name_zh[:30],
            "skip_verify": True,
            "state": channel.channel_id[:30],
            "qr_code": _qr_code(config_id),
            "user": [staff[s] for s in a.way_staff[n]],
            "party": [],
            "is_temp": False,
        }

    def _get(self, body: dict) -> dict:
        config_id = text_of(body, "config_id", 41043)
        found = self._ways().get(config_id)
        if found is None:
            raise Refusal(41044, "invalid config_id")
        return OK | {"contact_way": found[1]}

    def _list(self, body: dict) -> dict:
        now = self.state.now_ms
        ends = []
        defaults = {"start_time": now - _DEFAULT_DAYS * DAY_MS, "end_time": now}
        for name, default in defaults.items():
            value = body.get(name)
            if value is not None and not is_int(value):
                raise invalid(name)
            ends.append(default if value is None else value * SECOND_MS)
        start, end = ends
        ids = [
            config_id
            for config_id, (at, way) in self._ways().items()
            if max(start, _OLDEST_MS) <= at < end + SECOND_MS and not way["is_temp"]
        ]
        filters = [body.get("start_time"), body.get("end_time")]
        part, cursor = page(body, len(ids), filters, default=100, most=1_000)
        return OK | {
            "contact_way": [{"config_id": i} for i in ids[part]],
            "next_cursor": cursor,
        }

    def _add(self, body: dict) -> dict:
        kind, scene = body.get("type"), body.get("scene")
        if kind is None:
            raise Refusal(41037, "missing type")
        if scene is None:
            raise Refusal(41038, "missing scene")
        if kind not in (1, 2):
            raise Refusal(41039, "invalid type")
        if scene not in (1, 2):
            raise Refusal(41040, "invalid scene")
        style = body.get("style")
        if style is not None and (scene != 1 or style not in (1, 2, 3)):
            raise Refusal(41042, "invalid style")
        users, parties = body.get("user") or [], body.get("party") or []
        self._check_people(kind, users, parties)
        way: dict[str, Any] = {
            "type": kind,
            "scene": scene,
            "remark": _short(body, "remark"),
            "skip_verify": body.get("skip_verify", True),
            "state": _short(body, "state"),
            "user": users,
            "party": parties,
            "is_temp": bool(body.get("is_temp", False)),
        }
        if style is not None:
            way["style"] = style
        number = len(self._added) + 1
        seed = f"{self.state.world.seed}|contact_way|{number}".encode()
        config_id = hashlib.blake2b(seed, digest_size=16).hexdigest()
        way["config_id"] = config_id
        answer = OK | {"config_id": config_id}
        if scene == 2:
            way["qr_code"] = answer["qr_code"] = _qr_code(config_id)
        self._added[config_id] = [self.state.now_ms, way]
        self.state.save()
        return answer

    def _check_people(self, kind: int, users: Any, parties: Any) -> None:
        if not is_texts(users) or not isinstance(parties, list):
            raise invalid("user or party")
        if (kind == 1 and len(users) != 1) or (kind == 2 and not users and not parties):
            raise Refusal(41041, "invalid user count") if len(users) > 1 else invalid("user")
        corp = self.state.world.organisation
        if any(user not in corp.userid for user in users):
            raise Refusal(40003, "invalid userid")
        if any(party not in corp.department_id for party in parties):
            raise Refusal(60011, "no privilege to access/modify contact/party/agent")
        inside = {
            user
            for user, mine in zip(corp.userid, corp.department, strict=True)
            if set(mine) & set(parties)
        }
        if len(inside | set(users)) > _MOST_USERS:
            raise Refusal(41041, "too many users")
        inactive = {u for u, s in zip(corp.userid, corp.status, strict=True) if s != 1}
        if inactive & set(users):
            raise Refusal(41054, "user is not activated")


def _short(body: dict, name: str) -> str:
    value = body.get(name) or ""
    if not isinstance(value, str) or len(value) > 30:
        raise invalid(name)
    return value


def _qr_code(config_id: str) -> str:
    return f"https://wework.qpic.example.com/wwpic/{config_id}/0"
