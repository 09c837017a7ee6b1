"""The quality log: append-only evidence of every gate run. Incidents are derived from it alone.

One file per gate run, `<as_of>-<gate>-<run>-<digest>.jsonl`, written whole and never changed.
Running a gate again at the same moment with the same result writes nothing; with another result
(somebody repaired the data) it adds the next run, and the newest run of a moment comes last.
"""

import hashlib
import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from filelock import FileLock

from expectations.files import write_atomically
from expectations.verdict import Verdict
from siyu.calendar import aware
from siyu.errors import SiyuError
from siyu.settings import Settings

STAMP = "%Y%m%dT%H%M%SZ"

# A run's verdicts by its file: files never change, so one process reads each once.
_read: dict[str, tuple[Verdict, ...]] = {}


def record(settings: Settings, as_of: datetime, gate: str, verdicts: list[Verdict]) -> Path | None:
    """Add one gate run to the log; nothing when this is what its newest run says already.

    Raises:
        SiyuError: the log cannot be written; then the gate must not be believed to have run.
    """
    if not verdicts:
        return None
    lines = sorted(json.dumps(v.as_json(), ensure_ascii=False, sort_keys=True) for v in verdicts)
    text = "\n".join(lines) + "\n"
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    folder = log_folder(settings)
    stamp = aware(as_of).astimezone(UTC).strftime(STAMP)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.parent / ".log.lock", timeout=60):
            runs = sorted(folder.glob(f"{stamp}-{gate}-*.jsonl"))
            # extract DAGs judge their own commits side by side, so any equal run is this run
            # unless another run has judged the same scopes since
            if same := _repeats(runs, digest, verdicts):
                return same
            # counted over all gates: a repair judges again at the moment of the first judgement,
            # and an incident must not be told anew because another gate's run sorts before it
            number = sum(1 for _ in folder.glob(f"{stamp}-*.jsonl"))
            path = folder / f"{stamp}-{gate}-{number:03d}-{digest}.jsonl"
            write_atomically(path, text)
    except OSError as error:
        raise SiyuError(
            f"The quality log cannot be written ({error.strerror})",
            where=str(folder),
            action="free disk space or correct its permissions",
        ) from error
    return path


def _repeats(runs: list[Path], digest: str, verdicts: list[Verdict]) -> Path | None:
    scopes = {v.scope for v in verdicts}
    for path in reversed(runs):
        if path.stem.endswith(digest):
            return path
        if scopes & {v.scope for v in _verdicts_of(path)}:
            return None
    return None


def read(
    settings: Settings, *, until: datetime | None = None, before: datetime | None = None
) -> list[tuple[Verdict, ...]]:
    """Gate runs in the order they judged: by moment, then as they were written down.

    Args:
        settings: say where the log is.
        until: leave out runs as of a later moment.
        before: leave out runs as of this moment or later.
    """
    runs = []
    for path in log_folder(settings).glob("*.jsonl"):
        order = _order(path.stem)
        if (until and order[0] > until) or (before and order[0] >= before):
            continue
        runs.append((order, path))
    return [_verdicts_of(path) for _, path in sorted(runs)]


@cache
def _order(stem: str) -> tuple[datetime, int, str]:
    """Where a file's run belongs: by moment, then as it was written down."""
    stamp, gate, number, _ = stem.split("-")
    return datetime.strptime(stamp, STAMP).replace(tzinfo=UTC), int(number), gate


def log_folder(settings: Settings) -> Path:
    """The folder of the log's files."""
    return settings.quality_log / "log"


def _verdicts_of(path: Path) -> tuple[Verdict, ...]:
    key = str(path)
    if key not in _read:
        with path.open(encoding="utf-8") as file:
            _read[key] = tuple(Verdict.from_json(json.loads(line)) for line in file)
    return _read[key]
