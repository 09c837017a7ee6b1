"""WeCom: acquisition links, who came by them, how they are used, and the quota."""

import numpy as np

from sandbox import faults
from sandbox.state import State
from sandbox.timeline import DAY_MS, HOUR_MS, SECOND_MS, day_number, day_start_ms
from sandbox.vendors.common import Refusal, is_int
from sandbox.vendors.wecom_door import ACCOUNT, GET, OK, Endpoint, invalid, missing, page, text_of
from sandbox.world.acquisition import state_of

_HISTORY_DAYS, _LONGEST_DAYS = 180, 30


class AcquisitionApi:
    """Only links that the app made and that are still valid."""

    def __init__(self, state: State) -> None:
        """Everything is computed from the state's world at its virtual now."""
        self.state = state
        self._version = -1

    def endpoints(self) -> list[Endpoint]:
        """The quota's path has an underscore and its method is GET."""
        base = "externalcontact/customer_acquisition"
        return [
            Endpoint(base + "/list_link", self._list, empty="link_id_list"),
            Endpoint(base + "/get", self._get),
            Endpoint(base + "/customer", self._customers, empty="customer_list"),
            Endpoint(base + "/statistic", self._statistic),
            Endpoint(base + "_quota", self._quota, GET),
        ]

    def _refresh(self) -> None:
        if self._version == self.state.version:
            return
        state, a = self.state, self.state.world.acquisition
        now = state.now_ms
        if self._version < 0:
            self._added_ms = state.world.relations.created_ms[a.relation]
            self._rows = [np.flatnonzero(a.link == n) for n in range(len(a.link_id))]
        held = state.faults_of("wecom", ACCOUNT, "acquisition_customer")
        self._come = faults.effective(held, self._added_ms, day_number(self._added_ms)) <= now
        self._talked = faults.effective(held, a.chat_ms, day_number(self._added_ms)) <= now
        links = state.faults_of("wecom", ACCOUNT, "acquisition_link")
        made = faults.effective(links, a.link_created_ms, day_number(a.link_created_ms))
        self._valid = (made <= now) & (a.link_deleted_ms > now) & ~a.is_console
        calendar = state.world.calendar
        numbers = calendar.first_number + np.arange(calendar.count)
        ready = day_start_ms(numbers) + DAY_MS + 6 * HOUR_MS
        statistic = state.faults_of("wecom", ACCOUNT, "acquisition_statistic")
        self._ready = faults.effective(statistic, ready, numbers) <= now
        self._version = state.version

    def _link(self, body: dict) -> int:
        self._refresh()
        wanted = text_of(body, "link_id", 40063, "missing parameter link_id:")
        place = np.flatnonzero(self.state.world.acquisition.link_id == wanted)
        if not len(place) or not self._valid[place[0]]:
            raise invalid("link_id")
        return int(place[0])

    def _list(self, body: dict) -> dict:
        self._refresh()
        rows = np.flatnonzero(self._valid)
        part, cursor = page(body, len(rows), "links", default=100, most=100)
        ids = self.state.world.acquisition.link_id[rows[part]].tolist()
        more = {"next_cursor": cursor} if cursor else {}
        return OK | {"link_id_list": ids} | more

    def _get(self, body: dict) -> dict:
        n = self._link(body)
        a, staff = self.state.world.acquisition, self.state.world.staff
        return OK | {
            "link": {
                "link_name": a.link_name[n],
                "url": f"https://work.weixin.qq.com/ca/{a.link_id[n]}",
                "create_time": int(a.link_created_ms[n]) // SECOND_MS,
                "skip_verify": True,
            },
            "range": {"user_list": staff[: min(len(staff), 500)], "department_list": []},
        }

    def _customers(self, body: dict) -> dict:
        n = self._link(body)
        world, a = self.state.world, self.state.world.acquisition
        rows = self._rows[n][self._come[self._rows[n]]]
        part, cursor = page(body, len(rows), n, default=100, most=1_000)
        rows = rows[part]
        r, found = world.relations, []
        for row, relation in zip(rows.tolist(), a.relation[rows].tolist(), strict=True):
            customer = {
                "external_userid": str(world.persons.external_userid[r.person[relation]]),
                "userid": world.staff[r.staff[relation]],
                "chat_status": int(self._talked[row]),
            }
            if r.has_state[relation]:
                customer["state"] = state_of(int(r.channel[relation]), int(r.campaign[relation]))
            found.append(customer)
        return OK | {"customer_list": found, "next_cursor": cursor}

    def _statistic(self, body: dict) -> dict:
        """Totals of the whole range; the customers who clicked are counted once each."""
        n = self._link(body)
        first, last = (self._day(body, name) for name in ("start_time", "end_time"))
        today = int(day_number(self.state.now_ms))
        if (
            last < first
            or last - first > _LONGEST_DAYS
            or last > today
            or first < today - _HISTORY_DAYS
        ):
            raise Refusal(600018, "invalid start endtime")
        a, calendar = self.state.world.acquisition, self.state.world.calendar

        def counts(moment: np.ndarray) -> np.ndarray:
            index = day_number(moment) - calendar.first_number
            inside = (index >= 0) & (index < calendar.count)
            inside &= (index >= first - calendar.first_number) & (
                index <= last - calendar.first_number
            )
            # a day that is not computed yet adds nothing
            return inside & self._ready[np.clip(index, 0, calendar.count - 1)]

        clicked = (a.click_link == n) & counts(a.click_ms)
        added = counts(self._added_ms[self._rows[n]])
        return OK | {
            "click_link_customer_cnt": len(np.unique(a.click_who[clicked])),
            "new_customer_cnt": int(added.sum()),
        }

    @staticmethod
    def _day(body: dict, name: str) -> int:
        value = body.get(name)
        if value is None:
            raise missing(name)
        if not is_int(value) or not 0 < value < 10**11:
            raise Refusal(600018, "invalid start endtime")
        return int(day_number(value * SECOND_MS))

    def _quota(self, _: dict) -> dict:
        """`total` is what was used so far; the batch that ends first is used up first."""
        self._refresh()
        a, now = self.state.world.acquisition, self.state.now_ms
        held = self.state.faults_of("wecom", ACCOUNT, "acquisition_quota")
        used = int(
            (faults.effective(held, self._added_ms, day_number(self._added_ms)) <= now).sum()
        )
        left, batches = used, []
        for size, until in sorted(a.bought, key=lambda batch: batch[1]):
            taken = min(left, size)
            left -= taken
            if until > now and size > taken:
                batches.append({"expire_date": until // SECOND_MS, "balance": size - taken})
        return OK | {
            "total": used,
            "balance": sum(b["balance"] for b in batches),
            "quota_list": batches,
        }
