"""Daily reports as asynchronous tasks: one day a task, a CSV file each."""

import hashlib
from datetime import date
from typing import TYPE_CHECKING

from extractors.ads import Answer
from extractors.ads_async import DONE, FAILED, RUNNING, file_of, rows_of
from extractors.core.errors import MalformedAnswerError

if TYPE_CHECKING:
    from extractors.core.context import PullContext

ADD, GET = "/v3.0/async_reports/add", "/v3.0/async_reports/get"
FILE = "/v3.0/async_report_files/get"
TASKS_PER_PAGE = 100
# a task waits for the platform, not for us: several at once
LANES = 4


def read(
    pull: "PullContext",
    level: str,
    time_line: str,
    group_by: list[str],
    fields: list[str],
    days: list[date],
) -> Answer:
    """The rows of these days, each from a task of its own."""

    def rows(day: date) -> list[dict]:
        question = {
            "level": level,
            "report_fields": [name for name in fields if name not in group_by],
            "group_by": group_by,
            "time_line": time_line,
            "granularity": "DAILY",
            "date": day.isoformat(),
        }
        content = file_of(
            pull,
            question,
            create=lambda: _create(pull, question),
            state=lambda task: _state(_task(pull, task)),
            fetch=lambda task: _fetch(pull, task),
        )
        # a day is asked for alone, so its file may leave it out
        return [
            {"date": day.isoformat(), "account_id": pull.client.account_id, **row}
            for row in rows_of(content, {}, ("adgroup_id", "cost"))
        ]

    return Answer([row for part in pull.map(rows, days, LANES) for row in part])


def _create(pull: "PullContext", question: dict) -> str:
    name = f"siyu {pull.stream.name} {question['date']}"
    return str(pull.client.post(ADD, {**question, "task_name": name})["task_id"])


def _task(pull: "PullContext", task: str) -> dict:
    from extractors.core.paging import PageNumber

    account = {"account_id": pull.client.account_id}
    pages = PageNumber(TASKS_PER_PAGE).pages(lambda page: pull.client.get(GET, {**account, **page}))
    return next((t for page in pages for t in page["list"] if str(t["task_id"]) == task), {})


def _state(task: dict) -> str:
    status = str(task.get("status") or "")
    if status == "TASK_STATUS_COMPLETED":
        return FAILED if (task.get("result") or {}).get("code") else DONE
    # the contract names one status alone; an unknown one is waited for, and the wait has an end
    return FAILED if not task or "FAIL" in status or "ERROR" in status else RUNNING


def _fetch(pull: "PullContext", task: str) -> bytes:
    files = _task(pull, task)["result"]["data"]["file_info_list"]
    parts = []
    for file in files:
        question = {"task_id": int(task), "file_id": file["file_id"]}
        content = pull.client.file(FILE, question)
        # a file cut on its way would be days without their last ad groups
        if file.get("md5") and hashlib.md5(content).hexdigest() != file["md5"].lower():  # noqa: S324
            raise MalformedAnswerError(
                "A report's file is not the one that the platform announced",
                where=f"{pull.where} task {task}",
                action="run the same command again: it fetches the file anew",
            )
        parts.append(content)
    # every file repeats the heading
    bodies = [part.strip(b"\r\n") for part in parts]
    return b"\n".join([bodies[0], *(body.partition(b"\n")[2] for body in bodies[1:])])
