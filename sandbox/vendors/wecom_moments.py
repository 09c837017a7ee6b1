"""WeCom: customer moments, their publishers, audiences, likes and comments."""

from typing import Any

import numpy as np

from sandbox import faults
from sandbox.state import State
from sandbox.timeline import MINUTE_MS, SECOND_MS, day_number
from sandbox.vendors.common import Refusal
from sandbox.vendors.wecom_door import ACCOUNT, OK, Endpoint, invalid, page, text_of, window
from sandbox.world.moments import COMMENT

_LONGEST_DAYS = 30
_DISPATCH_MS = MINUTE_MS


class MomentApi:
    """Five endpoints; the list's window is open at both ends."""

    def __init__(self, state: State) -> None:
        """Everything is computed from the state's world at its virtual now."""
        self.state = state
        self._version = -1

    def endpoints(self) -> list[Endpoint]:
        """The endpoints of moments."""
        base = "externalcontact/get_moment_"
        return [
            Endpoint(base + "list", self._list, empty="moment_list"),
            Endpoint(base + "task", self._tasks, empty="task_list"),
            Endpoint(base + "customer_list", self._chosen, empty="customer_list"),
            Endpoint(base + "send_result", self._seeing, empty="customer_list"),
            Endpoint(base + "comments", self._comments, empty="comment_list"),
        ]

    def _refresh(self) -> None:
        if self._version == self.state.version:
            return
        state, m = self.state, self.state.world.moments
        if self._version < 0:
            self._index = {who: n for n, who in enumerate(m.moment_id.tolist())}
            self._staff_index = {user: n for n, user in enumerate(state.world.staff)}
            self._task_cuts = np.searchsorted(m.task_moment, np.arange(len(m.moment_id) + 1))
            tasks = np.arange(len(m.task_moment) + 1)
            self._audience_cuts = np.searchsorted(m.audience_task, tasks)
            self._reaction_cuts = np.searchsorted(m.reaction_task, tasks)
        day = day_number(m.created_ms)

        def shown(stream: str, moment: np.ndarray, business_day: np.ndarray) -> np.ndarray:
            held = state.faults_of("wecom", ACCOUNT, stream)
            return faults.effective(held, moment, business_day)

        self._listed_ms = shown("moment", m.created_ms, day)
        self._task_ms = shown("moment_task", m.task_published_ms, day[m.task_moment])
        self._seen_ms = shown("moment_recipient", m.task_published_ms, day[m.task_moment])
        reacted_day = day[m.task_moment[m.reaction_task]]
        self._reaction_ms = shown("moment_comment", m.reaction_ms, reacted_day)
        self._version = state.version

    def _list(self, body: dict) -> dict:
        self._refresh()
        m, now = self.state.world.moments, self.state.now_ms
        start, end = window(body, "start_time", "end_time", _LONGEST_DAYS)
        kind = body.get("filter_type", 2)
        if kind not in (0, 1, 2):
            raise invalid("filter_type")
        creator = body.get("creator") or ""
        second = m.created_ms // SECOND_MS * SECOND_MS
        # open interval: a moment on either end is not returned
        wanted = (self._listed_ms <= now) & (second > start) & (second < end)
        wanted &= m.deleted_ms > now
        if kind != 2:
            wanted &= m.is_personal == (kind == 1)
        if creator:
            wanted &= m.creator == self._staff_index.get(creator, -2)
        rows = np.flatnonzero(wanted)
        filters = [start, end, kind, creator]
        part, cursor = page(body, len(rows), filters, default=20, most=20, falls_back=True)
        return OK | {
            "next_cursor": cursor,
            "moment_list": [self._record(n) for n in rows[part].tolist()],
        }

    def _record(self, n: int) -> dict:
        m, text = self.state.world.moments, self.state.world.moments.text[n]
        record: dict[str, Any] = {
            "moment_id": str(m.moment_id[n]),
            "create_time": int(m.created_ms[n]) // SECOND_MS,
            "create_type": int(m.is_personal[n]),
            "visible_type": int(m.is_public[n]),
            "text": {"content": text},
        }
        if m.creator[n] >= 0:
            record["creator"] = self.state.world.staff[m.creator[n]]
        material = sum(text.encode()) % 1_000
        if m.media[n] == 0:
            record["image"] = [{"media_id": f"MEDIA{material:06d}"}]
        elif m.media[n] == 1:
            record["video"] = {
                "media_id": f"VIDEO{material:06d}",
                "thumb_media_id": f"THUMB{material:06d}",
            }
        else:
            record["link"] = {
                "title": text.split("】")[-1][:40],
                "url": f"https://h5.example.com/m/{material}",
            }
        if n % 9 == 4:
            record["location"] = {
                "latitude": "31.230416",
                "longitude": "121.473701",
                "name": "上海·人民广场店",
            }
        return record

    def _moment(self, body: dict) -> int:
        self._refresh()
        wanted = text_of(body, "moment_id", 41059)
        n = self._index.get(wanted)
        now, m = self.state.now_ms, self.state.world.moments
        if n is None or self._listed_ms[n] > now or m.deleted_ms[n] <= now:
            raise Refusal(41060, "invalid moment id")
        return n

    def _task(self, body: dict) -> tuple[int, int]:
        """Moment and task of the given member, who has published it."""
        n = self._moment(body)
        user = text_of(body, "userid", 41009)
        m = self.state.world.moments
        tasks = np.arange(self._task_cuts[n], self._task_cuts[n + 1])
        mine = tasks[m.task_staff[tasks] == self._staff_index.get(user, -1)]
        if not len(mine):
            raise Refusal(41061, "moment was not published by this userid")
        if self._seen_ms[mine[0]] > self.state.now_ms:
            raise Refusal(41062, "moment is not published by this userid yet")
        return n, int(mine[0])

    def _tasks(self, body: dict) -> dict:
        n = self._moment(body)
        m, now = self.state.world.moments, self.state.now_ms
        if m.is_personal[n]:
            raise Refusal(41067, "moment type not supported")
        if now < m.created_ms[n] + _DISPATCH_MS:
            raise Refusal(41079, "moment is dispatching")
        rows = np.arange(self._task_cuts[n], self._task_cuts[n + 1])
        part, cursor = page(body, len(rows), n, default=500, most=1_000, falls_back=True)
        return OK | {
            "next_cursor": cursor,
            "task_list": [
                {
                    "userid": self.state.world.staff[m.task_staff[row]],
                    "publish_status": int(self._task_ms[row] <= now),
                }
                for row in rows[part].tolist()
            ],
        }

    def _audience(self, body: dict, *, sees: bool, default: int, most: int) -> tuple[list, str]:
        _, task = self._task(body)
        m = self.state.world.moments
        rows = np.arange(self._audience_cuts[task], self._audience_cuts[task + 1])
        if sees:
            rows = rows[m.audience_sees[rows]]
        part, cursor = page(
            body, len(rows), [task, sees], default=default, most=most, falls_back=True
        )
        who = self.state.world.persons.external_userid[m.audience_person[rows[part]]]
        return who.tolist(), cursor

    def _chosen(self, body: dict) -> dict:
        who, cursor = self._audience(body, sees=False, default=500, most=1_000)
        user = body["userid"]
        return OK | {
            "next_cursor": cursor,
            "customer_list": [{"userid": user, "external_userid": w} for w in who],
        }

    def _seeing(self, body: dict) -> dict:
        who, cursor = self._audience(body, sees=True, default=3_000, most=5_000)
        return OK | {
            "next_cursor": cursor,
            "customer_list": [{"external_userid": w} for w in who],
        }

    def _comments(self, body: dict) -> dict:
        _, task = self._task(body)
        m, world = self.state.world.moments, self.state.world
        lists: dict[bool, list] = {True: [], False: []}
        for row in range(int(self._reaction_cuts[task]), int(self._reaction_cuts[task + 1])):
            if self._reaction_ms[row] > self.state.now_ms:
                continue
            person = int(m.reaction_person[row])
            who = (
                {"external_userid": str(world.persons.external_userid[person])}
                if person >= 0
                else {"userid": body["userid"]}
            )
            is_comment = bool(m.reaction_kind[row] == COMMENT)
            lists[is_comment].append(who | {"create_time": int(m.reaction_ms[row]) // SECOND_MS})
        return OK | {"comment_list": lists[True], "like_list": lists[False]}
