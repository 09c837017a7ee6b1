"""Faults of the data that show in answers: wrong rows, missing rows, rows of another day."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import orjson

from sandbox.faults import rows as r
from sandbox.faults.endpoints import NESTED, OBJECTS, Call
from sandbox.faults.model import Fault
from sandbox.faults.registry import STREAMS
from sandbox.parameters import SITE_SETS

# parameters that name the asked days, in any vendor's request
_ASKED = frozenset(
    (
        "begin_date",
        "end_date",
        "start_date",
        "startDate",
        "endDate",
        "ds",
        "start_time",
        "end_time",
        "day_begin_time",
        "day_end_time",
        "begin_time",
        "date_range",
    )
)
# what a request may be about, where its rows do not say it
_ABOUT = ("userid", "owner_filter", "open_kfid", "servicer_userid", "item_id", "msgid", "moment_id")
_TOTALS = ("total_number", "total_count", "total", "totalRowCount", "rowCount")
_MORE = {"has_more": False, "next_cursor": "", "next_key": "", "next_offset": 0}
NEVER_IN_ANSWERS = ("freeze", "shift", "dead")
Again = Callable[[int], Awaitable[Any]]


def is_refusal(document: Any) -> bool:
    """Whether a vendor's answer says no."""
    if not isinstance(document, dict):
        return True
    data, header = document.get("data"), document.get("header")
    codes = (
        document.get("errcode"),
        document.get("code"),
        data.get("error_code") if isinstance(data, dict) else None,
        header.get("status") if isinstance(header, dict) else None,
    )
    return any(code not in (None, 0, "0") for code in codes)


def asks_for_days(call: Call) -> bool:
    """Whether the request names the days it wants."""
    return bool(_ASKED & (call.query.keys() | call.form.keys()))


def asked_day(call: Call) -> int | None:
    """The one day a request asks for, None where it asks for none or several."""
    given = {**call.query, **call.form}
    days = {r.day_in(given[key]) for key in _ASKED & given.keys()} - {None}
    return days.pop() if len(days) == 1 else None


def moved_call(call: Call, days: int) -> Call:
    """The same request for days earlier or later."""

    def move(key: str, value: Any) -> Any:
        if key == "nonce":
            return f"{value}+"[-32:]
        if key not in _ASKED:
            return value
        if isinstance(value, str) and value.startswith("{"):
            inside = {k: r.moved(v, days) for k, v in orjson.loads(value).items()}
            return orjson.dumps(inside).decode()
        if isinstance(value, dict):
            return {k: r.moved(v, days) for k, v in value.items()}
        return r.moved(value, days)

    form = call.form
    if "body" in form and isinstance(form["body"], dict):  # Baidu's envelope
        form["body"] = {k: move(k, v) for k, v in form["body"].items()}
    body = orjson.dumps({k: move(k, v) for k, v in form.items()}) if form else call.body
    return replace(call, query={k: move(k, v) for k, v in call.query.items()}, body=body)


class AnswerFaults:
    """Changes the answers of one state's vendors; remembers the last row of each page."""

    def __init__(self) -> None:
        """Nothing is remembered yet."""
        self._last: dict[tuple, list[Any]] = {}

    async def apply(
        self, faults: list[Fault], call: Call, document: Any, now_ms: int, again: Again
    ) -> tuple[Any, bool]:
        """The answer under the faults of its stream, and whether any changed it."""
        changed = False
        for fault in faults:
            before = orjson.dumps(document)
            work = _Work(fault, call, document, now_ms)
            if fault.kind in ("resend", "timezone") and work.is_report:
                await work.take_days_from(again)
            elif fault.kind == "timezone":
                work.shift_times()
            elif fault.kind == "empty":
                work.empty()
            elif fault.kind == "duplicate":
                self._duplicate(work)
            elif fault.kind == "partial" and work.kind != "V":
                work.keep_a_part()
            elif fault.kind == "trickle" and work.is_report:
                work.scale(fault.number("share", 0.2))
            elif fault.kind == "drift":
                work.drift()
            document = work.document
            if orjson.dumps(document) != before:
                fault.hits += 1
                changed = True
        return document, changed

    def _duplicate(self, work: "_Work") -> None:
        call, key = work.call, (work.fault.id, work.call.path)
        given = {**call.query, **call.form}
        follows = str(given.get("page") or given.get("page_num") or 1) not in ("0", "1") or any(
            str(given.get(k) or "0") not in ("0", "") for k in ("cursor", "next_key", "startRow")
        )
        earlier = self._last.get(key, []) if follows else []
        last: list[Any] = []
        for container, name in work.lists:
            found = [row for row in container[name] if work.touches(row)]
            last = found[-1:] or last
            twice = [row for row in container[name] for _ in range(2 if work.touches(row) else 1)]
            container[name] = [*earlier, *twice]
            earlier = []
        self._last[key] = last


class _Work:
    """One fault on one answer."""

    def __init__(self, fault: Fault, call: Call, document: Any, now_ms: int) -> None:
        self.fault, self.call, self.document, self.now_ms = fault, call, document, now_ms
        self.kind = STREAMS[fault.source][fault.stream].kind
        self.is_report = self.kind == "R"
        self.asked = asked_day(call)
        self.lists, self.object_at = _places(call.path, document)

    def touches(self, row: Any, *, days_before: int = 0) -> bool:
        """Whether a row is in the fault's scope."""
        fault = self.fault
        if fault.channel:
            site_set = row.get("site_set") if isinstance(row, dict) else None
            if SITE_SETS.get(site_set or "") != fault.channel:
                return False
        day = r.row_day(row)
        return self._day_is_touched(self.asked if day is None else day, days_before)

    def _day_is_touched(self, day: int | None, days_before: int = 0) -> bool:
        fault = self.fault
        if day is None or not self.is_report:
            return fault.is_on(self.now_ms)
        runs = max(fault.from_ms, fault.added_ms) <= self.now_ms < fault.released_ms
        first = fault.first_number - (days_before if fault.is_on(self.now_ms) else 0)
        return runs and day >= first

    @property
    def object_is_touched(self) -> bool:
        """Whether an answer without rows is in the scope."""
        return not self.fault.channel and self._day_is_touched(self.asked)

    def _change_object(self, change: Callable[[dict], Any]) -> None:
        if self.object_at is None or not self.object_is_touched:
            return
        found = r.inner(self.document, self.object_at)
        if found is None:
            return
        if not self.object_at:
            self.document = change(found)
            return
        parent = r.inner(self.document, self.object_at[:-1])
        parent[self.object_at[-1]] = change(found)

    def _change_rows(self, change: Callable[[Any], Any]) -> None:
        for container, name in self.lists:
            container[name] = [change(x) if self.touches(x) else x for x in container[name]]

    def shift_times(self) -> None:
        """Eight hours back: China's time taken for UTC."""
        first = self.fault.first_number

        def change(value: Any) -> Any:
            return r.shifted_hours(value, -8, from_day=first)

        self._change_rows(change)
        self._change_object(change)

    def drift(self) -> None:
        """A change of schema."""
        change, name = self.fault.params["change"], self.fault.params.get("field")

        def drifted(row: Any) -> Any:
            return r.drifted(row, change, name)

        self._change_rows(drifted)
        self._change_object(drifted)

    def scale(self, share: float) -> None:
        """Only a part of every count and amount."""

        def less(value: Any) -> Any:
            return r.changed_measures(value, lambda number: number * share)

        self._change_rows(less)
        self._change_object(less)

    def empty(self) -> None:
        """Successful, but nothing in it."""
        for container, name in self.lists:
            self._keep(container, name, lambda row: not self.touches(row))
        if not (self.object_at == () or self.kind == "V"):
            self._change_object(lambda _: {})

    def keep_a_part(self) -> None:
        """A fixed part of the rows; where rows name nobody, a part of their figures."""
        share = self.fault.number("share", 0.5)
        given = {**self.call.query, **self.call.form}
        about = {k: given[k] for k in _ABOUT if k in given}
        key = orjson.dumps(about, option=orjson.OPT_SORT_KEYS) if about else b""

        def stays(row: Any) -> bool:
            return not self.touches(row) or r.identity(row, key) < share

        for container, name in self.lists:
            if about or all(r.has_identity(row) for row in container[name]):
                self._keep(container, name, stays)
            else:
                self.scale(share)
        if not self.lists and self.is_report:
            self.scale(share)

    def _keep(self, container: Any, name: Any, stays: Callable[[Any], bool]) -> None:
        kept = [row for row in container[name] if stays(row)]
        _fix_totals(self.document, len(container[name]), len(kept))
        container[name] = kept
        if not kept:
            _end_paging(self.document)

    async def take_days_from(self, again: Again) -> None:
        """Yesterday's rows as today's (resend), or tomorrow's (a day that begins at 08:00)."""
        step = -1 if self.fault.kind == "resend" else 1
        before = 1 if step == 1 else 0
        is_nested = self.call.path in NESTED
        if asks_for_days(self.call) and not is_nested:
            other = await again(step)
        else:
            other = orjson.loads(orjson.dumps(self.document))
        other_lists, _ = _places(self.call.path, other) if other else ([], None)
        for number, (container, name) in enumerate(self.lists):
            place = other_lists[number] if number < len(other_lists) else None
            found = [r.relabelled(row, -step) for row in (place[0][place[1]] if place else [])]
            own = [row for row in container[name] if not self.touches(row, days_before=before)]
            new = [row for row in found if self.touches(row, days_before=before)]
            _fix_totals(self.document, len(container[name]), len(own) + len(new))
            container[name] = own + new
        if self.object_at:
            found = r.inner(other, self.object_at) or {}
            self._change_object(lambda _: found)


def _places(path: str, document: Any) -> tuple[list[tuple[Any, Any]], tuple[str, ...] | None]:
    """Lists of rows of an answer, or the place of its one object."""
    if not isinstance(document, dict):
        return [], None
    if path in OBJECTS:
        return [], OBJECTS[path]
    lists = r.row_lists(document)
    if nested := NESTED.get(path):
        items = [item for container, name in lists for item in container[name]]
        return [(item, nested) for item in items if nested in item], None
    return lists, None


def _fix_totals(document: Any, old: int, new: int) -> None:
    """Totals that counted exactly the rows of this answer follow them."""
    stack = [document]
    while stack:
        place = stack.pop()
        for key, value in place.items():
            if key in _TOTALS and value == old and isinstance(value, int):
                place[key] = new
            elif isinstance(value, dict):
                stack.append(value)


def _end_paging(document: Any) -> None:
    stack = [document]
    while stack:
        place = stack.pop()
        for key, value in place.items():
            if key in _MORE and not isinstance(value, (dict, list)):
                place[key] = type(value)(_MORE[key])
            elif isinstance(value, dict):
                stack.append(value)
