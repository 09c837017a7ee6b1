"""Messages that followers sent to the official account: by day, hour, week, month, and how many."""

from collections.abc import Callable
from datetime import timedelta

from sandbox.state import State
from sandbox.timeline import DAY_MS, HOUR_MS, date_of_number, day_start_ms
from sandbox.vendors.common import Refusal
from sandbox.world.followers import INTERVAL_SHARES, MESSAGE_TYPES

# name -> longest span in days
MESSAGES = {
    "getupstreammsg": 7,
    "getupstreammsghour": 1,
    "getupstreammsgweek": 1,
    "getupstreammsgmonth": 1,
    "getupstreammsgdist": 15,
    "getupstreammsgdistweek": 1,
    "getupstreammsgdistmonth": 1,
}


class Messages:
    """The seven message endpoints; `window` checks a request's dates."""

    def __init__(self, state: State, window: Callable[..., range]) -> None:
        """Everything is computed from the state's world at its virtual now."""
        self.state = state
        self._window = window
        self._version = -1

    def handler(self, name: str) -> Callable[[dict], dict]:
        """What answers one endpoint."""
        rows_of = self._interval_rows if "dist" in name else self._type_rows

        def answer(body: dict) -> dict:
            self._refresh()
            asked = self._window(body, MESSAGES[name])
            if name.endswith(("week", "month")):
                indices = self._period(asked[0], "week" if name.endswith("week") else "month")
                return {"list": rows_of(asked[0], indices) if indices else []}
            if name.endswith("hour"):
                return {"list": self._hour_rows(asked[0])}
            return {"list": [r for d in asked for r in rows_of(d, self._known([d]))]}

        return answer

    def _refresh(self) -> None:
        if self._version == self.state.version:
            return
        from sandbox.vendors.weixin_datacube import days_ready

        self._ready = days_ready(self.state, "upstream_message") <= self.state.now_ms
        self._version = self.state.version

    def _known(self, days: range | list[int]) -> list[int]:
        calendar = self.state.world.calendar
        indices = (day - calendar.first_number for day in days)
        return [i for i in indices if 0 <= i < calendar.count and self._ready[i]]

    def _period(self, first: int, kind: str) -> list[int]:
        """Days of the week or month that begins on a day, once it is over.

        Raises:
            Refusal: it is not the first day of one (61500), or the period is not over (61503).
        """
        begin = date_of_number(first)
        if kind == "week":
            fits, end = begin.weekday() == 0, begin + timedelta(7)
        else:
            fits, end = begin.day == 1, (begin + timedelta(32)).replace(day=1)
        if not fits:
            raise Refusal(61500, "date format error")
        last = first + (end - begin).days
        if self.state.now_ms < day_start_ms(last) + 8 * HOUR_MS:
            raise Refusal(61503, "data not ready")
        return self._known(range(first, last))

    def _type_rows(self, day: int, indices: list[int]) -> list[dict]:
        """One row per message type; over several days a writer counts once."""
        days = self.state.world.oa_days
        counts = days.messages[indices].sum(axis=(0, 2)).tolist()
        writers = days.writers[indices].sum(axis=0).tolist()
        share = 1.0 if len(indices) < 2 else 0.55
        return [
            {
                "ref_date": date_of_number(day).isoformat(),
                "msg_type": kind,
                "msg_user": max(1, round(users * share)),
                "msg_count": count,
            }
            for kind, users, count in zip(MESSAGE_TYPES, writers, counts, strict=True)
            if count
        ]

    def _hour_rows(self, day: int) -> list[dict]:
        rows = []
        for index in self._known([day]):
            messages = self.state.world.oa_days.messages[index]
            rows += [
                {
                    "ref_date": date_of_number(day).isoformat(),
                    "ref_hour": hour * 100,
                    "msg_type": kind,
                    "msg_user": max(1, round(int(messages[n, hour]) * 0.8)),
                    "msg_count": int(messages[n, hour]),
                }
                for hour in range(DAY_MS // HOUR_MS)
                for n, kind in enumerate(MESSAGE_TYPES)
                if messages[n, hour]
            ]
        return rows

    def _interval_rows(self, day: int, indices: list[int]) -> list[dict]:
        """Writers by how many messages they sent: 1 is 1-5, 2 is 6-10, 3 is more."""
        users = int(self.state.world.oa_days.writers[indices].sum())
        users = round(users * (1.0 if len(indices) < 2 else 0.55))
        parts = [int(users * share) for share in INTERVAL_SHARES[1:]]
        parts.insert(0, users - sum(parts))
        return [
            {
                "ref_date": date_of_number(day).isoformat(),
                "count_interval": n + 1,
                "msg_user": part,
            }
            for n, part in enumerate(parts)
            if part
        ]
