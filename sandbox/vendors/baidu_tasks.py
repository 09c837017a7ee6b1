"""Baidu: a report as an asynchronous task with a file behind an address of its own."""

import csv
import hashlib
import io
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from sandbox.state import State
from sandbox.timeline import MINUTE_MS
from sandbox.vendors.baidu_reports import Ask, Reports
from sandbox.vendors.baidu_requests import refuse

TASK_LIFE_MS, FILE_LIFE_MS = 10 * MINUTE_MS, 5 * MINUTE_MS
STATES = ("SUBMITTED", "RUNNING", "SUCCESS")


@dataclass
class Task:
    """A task; every look at it brings it one state further, since the clock stands still."""

    account: str
    ask: Ask
    created_ms: int
    looks: int = -1
    given_ms: int = 0  # when the address of the file was given out last


class Tasks:
    """Tasks live ten minutes of the virtual clock, their files' addresses five."""

    def __init__(self, state: State, reports: Reports) -> None:
        """Tasks of all accounts."""
        self._state = state
        self._reports = reports
        self._tasks: dict[str, Task] = {}

    def create(self, request: Request, account: str, body: dict) -> dict:
        """CreateReportTask: the question of getReportData, without paging."""
        del request
        ask = self._reports.checked(account, body)
        seed = f"{self._state.world.seed}|{len(self._tasks)}"
        number = hashlib.blake2b(seed.encode(), digest_size=12).hexdigest()
        self._tasks[number] = Task(account, ask, self._state.now_ms)
        return {"data": {"taskId": number}}

    def status(self, request: Request, account: str, body: dict) -> dict:
        """GetTaskStatus; `fileUrl` is there once the task is done."""
        number = body.get("taskId")
        task = self._tasks.get(number) if isinstance(number, str) else None
        if (
            task is None
            or task.account != account
            or self._state.now_ms > task.created_ms + TASK_LIFE_MS
        ):
            raise refuse("taskId", "is unknown or older than 10 minutes")
        task.looks = min(task.looks + 1, len(STATES) - 1)
        # absent, not null, before the end: Baidu's own client refuses a null there
        shown: dict = {"taskId": number, "taskStatus": STATES[task.looks]}
        if STATES[task.looks] == "SUCCESS":
            task.given_ms = self._state.now_ms
            base = str(request.base_url).rstrip("/")
            shown["fileUrl"] = f"{base}/report-files/{number}.csv"
            shown["dataStartRow"] = 2
            shown["tableHeader"] = list(task.ask.columns)
        return {"data": [shown]}

    async def file(self, request: Request) -> Response:
        """The file itself: a line with the period, the headings, the rows."""
        task = self._tasks.get(request.path_params["name"].removesuffix(".csv"))
        if (
            task is None
            or task.looks < len(STATES) - 1
            or self._state.now_ms > task.given_ms + FILE_LIFE_MS
        ):
            return PlainTextResponse("no such file", 404)
        rows, _ = self._reports.rows(task.ask)
        text = io.StringIO(newline="")
        lines = csv.writer(text)
        lines.writerow([f"reportType {task.ask.type}"])
        lines.writerow(task.ask.columns)
        lines.writerows(row.values() for row in rows)
        return Response(text.getvalue().encode(), media_type="text/csv; charset=utf-8")
