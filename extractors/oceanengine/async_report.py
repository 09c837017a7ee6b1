"""The custom report as an asynchronous task: create, wait, download a CSV file."""

from typing import TYPE_CHECKING

from extractors.ads import Answer
from extractors.ads_async import DONE, FAILED, RUNNING, file_of, rows_of

if TYPE_CHECKING:
    from extractors.core.context import PullContext

PATH = "/open_api/v3.0/report/custom/async_task/{}/"
MOST_ROWS = 1_000_000
STATES = {
    "ASYNC_TASK_STATUS_CREATED": RUNNING,
    "ASYNC_TASK_STATUS_EXECUTING": RUNNING,
    "ASYNC_TASK_STATUS_COMPLETED": DONE,
    "ASYNC_TASK_STATUS_FAILED": FAILED,
}


def read(pull: "PullContext", question: dict, names: dict[str, str]) -> Answer:
    """The rows of a report that is too long for pages of 100.

    Args:
        pull: which account.
        question: the report's own.
        names: what a heading may say instead of a field's name -> the field's name.
    """
    client = pull.client

    def create() -> str:
        name = f"siyu {pull.stream.name} {question['start_time'][:10]}"
        body = {**question, "task_name": name, "page": 1, "page_size": MOST_ROWS}
        return str(client.post(PATH.format("create"), body)["task_id"])

    def state(task: str) -> str:
        answer = client.get(PATH.format("get"), {"task_id": int(task)})
        # an unknown state is waited for; the wait has an end
        return STATES.get(answer.get("task_status"), RUNNING)

    content = file_of(
        pull,
        question,
        create=create,
        state=state,
        fetch=lambda task: client.file(PATH.format("download"), {"task_id": int(task)}),
    )
    needed = (*question["dimensions"], *question["metrics"])
    rows = rows_of(content, names, needed)
    if len(rows) >= MOST_ROWS:
        pull.warn(
            "file_full", f"the file holds {MOST_ROWS} rows, the most it may: some are missing"
        )
    return Answer(rows)
