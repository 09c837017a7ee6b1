"""Tencent reports as asynchronous tasks: one day each, a CSV file behind the task."""

import csv
import hashlib
import io
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.datastructures import QueryParams
from starlette.responses import Response

from sandbox.state import State
from sandbox.timeline import day_number
from sandbox.vendors.common import Refusal
from sandbox.vendors.tencent_reports import PARAMETER, Ask, Reports, chosen, number

DAILY_HISTORY_DAYS, HOURLY_HISTORY_DAYS = 365, 30
MAX_GROUPS, MAX_FILTERS = 5, 5
STATES = ("TASK_STATUS_PENDING", "TASK_STATUS_PROCESSING", "TASK_STATUS_COMPLETED")


@dataclass
class Task:
    """A task; every look at it brings it one state further, since the clock stands still."""

    number: int
    account: str
    name: str
    ask: Ask
    created_ms: int
    looks: int = -1


class ReportTasks:
    """Tasks live as long as the server."""

    def __init__(self, state: State, reports: Reports) -> None:
        """Tasks of all accounts."""
        self._state = state
        self._reports = reports
        self._tasks: list[Task] = []

    def add(self, body: dict[str, Any]) -> dict:
        """async_reports/add."""
        name = body.get("task_name")
        if not isinstance(name, str) or not name:
            raise Refusal(PARAMETER, "task_name needed")
        granularity = body.get("granularity")
        if granularity not in ("DAILY", "HOURLY"):
            raise Refusal(PARAMETER, "granularity must be DAILY or HOURLY")
        hourly = granularity == "HOURLY"
        group_by, filtering = body.get("group_by"), body.get("filtering") or []
        if not isinstance(group_by, list) or len(group_by) > MAX_GROUPS:
            raise Refusal(PARAMETER, f"group_by has at most {MAX_GROUPS} items")
        if not isinstance(filtering, list) or len(filtering) > MAX_FILTERS:
            raise Refusal(PARAMETER, f"filtering has at most {MAX_FILTERS} items")
        # the same question as of the reports, of one day
        query = {
            "account_id": str(body["account_id"]),
            "level": body.get("level"),
            "group_by": orjson.dumps(group_by).decode(),
            "fields": orjson.dumps(body.get("report_fields")).decode(),
            "date_range": orjson.dumps(
                {"start_date": body.get("date"), "end_date": body.get("date")}
            ).decode(),
            "filtering": orjson.dumps(filtering).decode(),
        }
        if "time_line" in body:
            query["time_line"] = body["time_line"]
        ask = self._reports.checked(QueryParams(query), hourly=hourly)
        history = HOURLY_HISTORY_DAYS if hourly else DAILY_HISTORY_DAYS
        if ask.first <= int(day_number(self._state.now_ms)) - history:
            raise Refusal(PARAMETER, f"date is more than {history} days ago")
        task = Task(900_001 + len(self._tasks), ask.account, name, ask, self._state.now_ms)
        self._tasks.append(task)
        return {"task_id": task.number}

    def get(self, query: QueryParams) -> dict:
        """async_reports/get: the account's tasks, newest first."""
        mine = [t for t in reversed(self._tasks) if t.account == query["account_id"]]
        page, size = number(query, "page", 1, 99_999), number(query, "page_size", 10, 100)
        shown = mine[(page - 1) * size : page * size]
        for task in shown:
            task.looks = min(task.looks + 1, len(STATES) - 1)
        info = {
            "page": page,
            "page_size": size,
            "total_number": len(mine),
            "total_page": -(-len(mine) // size),
        }
        return {"list": [self._shown(task) for task in shown], "page_info": info}

    def _shown(self, task: Task) -> dict:
        shown = {
            "task_id": task.number,
            "task_name": task.name,
            "status": STATES[task.looks],
            "created_time": task.created_ms // 1000,
        }
        if STATES[task.looks] == "TASK_STATUS_COMPLETED":
            md5 = hashlib.md5(self._content(task), usedforsecurity=False).hexdigest()
            files = [{"file_id": task.number * 10, "md5": md5}]
            shown["result"] = {"code": 0, "data": {"file_info_list": files}}
        return shown

    def file(self, query: QueryParams) -> Response:
        """async_report_files/get: the file, no JSON."""
        for task in self._tasks:
            if (
                task.account == query["account_id"]
                and query.get("task_id") == str(task.number)
                and query.get("file_id") == str(task.number * 10)
                and task.looks == len(STATES) - 1
            ):
                return Response(self._content(task), media_type="text/csv; charset=utf-8")
        raise Refusal(PARAMETER, "there is no such file")

    def _content(self, task: Task) -> bytes:
        """A line of headings, the groups first."""
        ask = task.ask
        headings = [*ask.group_by, *(name for name in ask.fields if name not in ask.group_by)]
        text = io.StringIO(newline="")
        lines = csv.writer(text)
        lines.writerow(headings)
        for row in self._reports.rows(ask, ask.first, ask.last):
            known = row | chosen(ask, row)
            lines.writerow(known.get(name, "") for name in headings)
        return text.getvalue().encode()
