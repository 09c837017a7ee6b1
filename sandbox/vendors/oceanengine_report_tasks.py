"""Ocean Engine: the custom report as an asynchronous task with a CSV file."""

import csv
import io
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from sandbox.state import State
from sandbox.timeline import iso
from sandbox.vendors.common import Refusal
from sandbox.vendors.oceanengine_reports import Ask, CustomReports
from sandbox.vendors.oceanengine_requests import PARAMETER, page_of, whole

MOST_ROWS = 1_000_000
STATES = tuple(f"ASYNC_TASK_STATUS_{name}" for name in ("CREATED", "EXECUTING", "COMPLETED"))


@dataclass
class Task:
    """A task; every look at it brings it one state further, since the clock stands still."""

    account: str
    name: str
    ask: Ask
    page: int
    page_size: int
    created_ms: int
    looks: int = 0


class ReportTasks:
    """Tasks live as long as the server."""

    def __init__(self, state: State, reports: CustomReports) -> None:
        """Tasks of all accounts."""
        self._state = state
        self._reports = reports
        self._tasks: dict[int, Task] = {}

    def create(self, account: str, asked: dict[str, Any]) -> dict:
        """async_task/create."""
        name = asked.get("task_name")
        if not isinstance(name, str) or not name:
            raise Refusal(PARAMETER, "task_name: required")
        if not asked.get("data_topic"):
            raise Refusal(PARAMETER, "data_topic: required")
        task = Task(
            account,
            name,
            self._reports.checked(account, asked),
            whole(asked, "page", 1, MOST_ROWS),
            whole(asked, "page_size", MOST_ROWS, MOST_ROWS),
            self._state.now_ms,
        )
        number = 7300000000000900001 + 2 * len(self._tasks)
        self._tasks[number] = task
        return self._shown(number, task)

    def get(self, account: str, asked: dict[str, Any]) -> dict:
        """async_task/get."""
        number, task = self._found(account, asked)
        task.looks += 1
        return self._shown(number, task)

    def download(self, account: str, asked: dict[str, Any]) -> Response:
        """async_task/download: a file, no JSON."""
        _, task = self._found(account, asked)
        if task.looks < len(STATES) - 1:
            raise Refusal(PARAMETER, "task_id: the task is not completed")
        rows, _ = self._reports.rows(task.ask)
        rows, _ = page_of(rows, task.page, task.page_size)
        text = io.StringIO(newline="")
        lines = csv.writer(text)
        lines.writerow((*task.ask.dimensions, *task.ask.metrics))
        for row in rows:
            lines.writerow((*row["dimensions"].values(), *row["metrics"].values()))
        return Response(text.getvalue().encode(), media_type="text/csv; charset=utf-8")

    def _found(self, account: str, asked: dict[str, Any]) -> tuple[int, Task]:
        number = str(asked.get("task_id", ""))
        task = self._tasks.get(int(number)) if number.isdigit() else None
        if task is None or task.account != account:
            raise Refusal(PARAMETER, "task_id: no such task")
        return int(number), task

    @staticmethod
    def _shown(number: int, task: Task) -> dict:
        return {
            "task_id": number,
            "task_name": task.name,
            "task_status": STATES[min(task.looks, len(STATES) - 1)],
            "create_time": iso(task.created_ms)[:19].replace("T", " "),
        }
