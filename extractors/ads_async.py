"""Reports that a platform computes as a task and hands over as a file: for large accounts.

A task's id is written down until its file was read, so a pull that was killed while waiting goes
on with the same task. Losing the note costs one more task, nothing else: what counts lands once.
"""

import csv
import hashlib
import io
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from extractors.core.errors import ApiError, MalformedAnswerError, Reaction
from siyu.errors import SiyuError

if TYPE_CHECKING:
    from extractors.core.context import PullContext

DONE, FAILED, RUNNING = "done", "failed", "running"
# an older task's figures are older than the pull says they are
REUSED_FOR = timedelta(hours=1)
WAITS_SECONDS = (1, 2, 5, 10, 20, *[30] * 58)  # half an hour in all
TASKS_PER_QUESTION = 2


def file_of(
    pull: "PullContext",
    question: dict,
    *,
    create: Callable[[], str],
    state: Callable[[str], str],
    fetch: Callable[[str], bytes],
) -> bytes:
    """The file that answers a question: made by a new task, or by one begun before a kill.

    Args:
        pull: whose clock waits, and whose stream and account name the note.
        question: what is asked; the same question goes on with the same task.
        create: begins a task and returns its id.
        state: DONE, FAILED or RUNNING.
        fetch: the file of a task that is done.

    Raises:
        SiyuError: the platform failed the task twice, or half an hour was not enough.
    """
    note = _Note(pull, question)
    for _ in range(TASKS_PER_QUESTION):
        task = note.task(pull.clock.now())
        if task is None:
            task = create()
            note.write(task, pull.clock.now())
        try:
            found = _waited(pull, task, state)
            if found == RUNNING:
                raise SiyuError(
                    "The platform has not finished the report after half an hour",
                    where=f"{pull.where} task {task}",
                    action="run the same command again within the hour: it goes on with this task",
                )
            if found == DONE:
                content = fetch(task)
                note.forget()
                return content
        except ApiError as error:
            # a task that the platform no longer knows is begun anew; a full quota is not
            if error.reaction != Reaction.STOP or not note.is_from_before:
                raise
        note.forget()
    raise SiyuError(
        "The platform failed to compute the report twice",
        where=pull.where,
        action="run the same command again later, or take `large` out of the account's options",
    )


def rows_of(content: bytes, names: dict[str, str], needed: tuple[str, ...]) -> list[dict]:
    """Rows of a CSV file, by the names that the API uses.

    Args:
        content: UTF-8 with or without its mark, or GB 18030.
        names: other headings (the platform's own language) -> API names.
        needed: columns without which the file cannot be read.

    Raises:
        MalformedAnswerError: it is no CSV file, or one of other columns.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("gb18030", errors="replace")
    lines = csv.reader(io.StringIO(text, newline=""))
    heading = [names.get(cell.strip(), cell.strip()) for cell in next(lines, [])]
    if missing := [name for name in needed if name not in heading]:
        raise MalformedAnswerError(
            f"The report's file has no column {', '.join(missing)}",
            action="nothing of this pull was committed; compare the file's heading with the stream",
        )
    rows = []
    for line in lines:
        if not line:
            continue
        if len(line) != len(heading):
            raise MalformedAnswerError(
                f"Line {len(rows) + 2} of the report's file has {len(line)} cells, not "
                f"{len(heading)}",
                action="run the same command again: the file may have been cut",
            )
        rows.append(dict(zip(heading, map(str.strip, line), strict=True)))
    return rows


def _waited(pull: "PullContext", task: str, state: Callable[[str], str]) -> str:
    found = state(task)
    for seconds in WAITS_SECONDS:
        if found != RUNNING:
            break
        pull.clock.sleep(seconds)
        found = state(task)
    return found


class _Note:
    """Where a task's id is kept while its file has not been read."""

    def __init__(self, pull: "PullContext", question: dict) -> None:
        asked = orjson.dumps(question, option=orjson.OPT_SORT_KEYS)
        name = f"{pull.stream.address}.{pull.account.account}"
        folder = pull.tokens.folder.parent / "async_tasks"
        self.path: Path = folder / f"{name}.{hashlib.sha256(asked).hexdigest()[:16]}.json"
        self.is_from_before = False

    def task(self, now: datetime) -> str | None:
        """The id of a task begun within the last hour."""
        try:
            noted = orjson.loads(self.path.read_bytes())
            begun = datetime.fromisoformat(noted["begun_at"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None
        # a rerun at the same moment may begin a little before the note was written
        self.is_from_before = abs(now - begun) <= REUSED_FOR
        return noted["task"] if self.is_from_before else None

    def write(self, task: str, now: datetime) -> None:
        """Keep an id; the file is replaced whole."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_suffix(".tmp")
        temporary.write_bytes(orjson.dumps({"task": task, "begun_at": now}))
        temporary.replace(self.path)
        self.is_from_before = False

    def forget(self) -> None:
        """The file was read, or the task failed."""
        self.path.unlink(missing_ok=True)
