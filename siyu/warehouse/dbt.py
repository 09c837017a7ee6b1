"""dbt, run inside this process: one call builds many models."""

import gc
import hashlib
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
from filelock import FileLock

from siyu.errors import SiyuError
from siyu.settings import Settings
from siyu.warehouse.database import connect
from siyu.warehouse.state import PROJECT, code_fingerprint

Progress = Callable[[int, int, str], None]

_PARSED: dict[str, Any] = {}  # code fingerprint -> dbt's parsed project; it names no home


def run_dbt(
    settings: Settings,
    command: list[str],
    *,
    variables: dict | None = None,
    on_progress: Progress | None = None,
) -> list[Any]:
    """Run one dbt command and return its node results.

    The project is parsed apart, without variables and for no home: dbt throws its parse cache away
    whenever a variable or the database's path changes, and the days to rebuild change every time.

    Raises:
        SiyuError: a model, seed or test failed, or the project cannot be parsed.
    """
    os.environ.setdefault("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner

    folder = settings.work("dbt", "logs").parent
    log = folder / "logs" / "dbt.log"
    try:
        with _without_collection():
            parsed = _parsed(log)
            os.environ["SIYU_WAREHOUSE"] = str(settings.warehouse)
            runner = dbtRunner(manifest=parsed, callbacks=[_teller(on_progress)])
            given = ["--vars", orjson.dumps(variables).decode()] if variables else []
            ran = runner.invoke([*command, *_options(folder / "target", log.parent), *given])
    finally:
        # dbt keeps the database and its log open for the life of the process otherwise
        DuckDBConnectionManager.close_all_connections()
        _close_log()
    if ran.exception is not None:
        raise SiyuError(
            f"dbt stopped: {_first_line(ran.exception)}",
            where=str(log),
            action="read the log; run `siyu build` again, it redoes what is missing",
        )
    results = list(ran.result.results)
    _raise_first_failure(settings, results, log)
    return results


def _parsed(log: Path) -> Any:
    # dbt keeps its parse and reads again only the files that changed: 7 s become half a second.
    # One folder for each checkout, since the parse names its files by their paths.
    from dbt.cli.main import dbtRunner

    key = code_fingerprint()
    if key not in _PARSED:
        cache = parse_cache()
        # the path of the database counts as a change of the project, its name is in the models
        os.environ["SIYU_WAREHOUSE"] = "warehouse.duckdb"
        with FileLock(cache / "lock"):
            ran = dbtRunner().invoke(["parse", *_options(cache, log.parent)])
        _close_log()
        if not ran.success:
            raise SiyuError(
                f"dbt cannot read the project: {_first_line(ran.exception)}",
                where=str(PROJECT),
                action=f"correct it; details are in {log}",
            )
        _PARSED[key] = ran.result
    return _PARSED[key]


def parse_cache() -> Path:
    """Where dbt's parse of this checkout is kept, made: below the user's folder of caches."""
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = caches / "siyu" / "dbt" / hashlib.sha256(str(PROJECT).encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _options(target: Path, logs: Path) -> list[str]:
    return [
        "--project-dir",
        str(PROJECT),
        "--profiles-dir",
        str(PROJECT),
        "--target-path",
        str(target),
        "--log-path",
        str(logs),
        "--log-level",
        "none",
        "--log-level-file",
        "info",
        "--no-use-colors",
        "--quiet",
        "--no-version-check",
    ]


@contextmanager
def _without_collection() -> Iterator[None]:
    # Python's cyclic collector walks all of dbt's project over and over: a seventh of a build
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _raise_first_failure(settings: Settings, results: list[Any], log: Path) -> None:
    failed = [r for r in results if str(r.status) in {"error", "fail", "warn", "runtime error"}]
    if not failed:
        return
    first = failed[0]
    others = f" ({len(failed) - 1} more failed)" if len(failed) > 1 else ""
    kind = str(first.node.resource_type).replace("_", " ")
    told = f"{first.node.original_file_path}, {log}"
    reason = _reason(first.message)
    if kind == "test":
        reason += _broken_rows(settings, first)
        action = (
            "the data broke this rule: find the rows with the test's compiled SQL, named in "
            "the log; nothing was published"
        )
    else:
        action = (
            "correct the model or its inputs and run `siyu build` again: it redoes what is missing"
        )
    raise SiyuError(
        f"dbt {kind} {first.node.name} failed{others}: {reason}",
        where=told,
        action=action,
    )


def _broken_rows(settings: Settings, result: Any) -> str:
    # the first rows that a test returned: of `sound_rows`, which rule and how many rows break it
    if str(result.status) == "error":
        return ""
    with connect(settings) as connection:
        found = connection.execute(result.node.compiled_code)
        names = [column[0] for column in found.description]
        rows = [dict(zip(names, map(str, row), strict=True)) for row in found.fetchmany(5)]
    return "; " + "; ".join(", ".join(f"{k} {v}" for k, v in row.items()) for row in rows)


def _close_log() -> None:
    for handler in logging.getLogger("file_log").handlers:
        handler.close()


def _teller(on_progress: Progress | None) -> Callable[[Any], None]:
    counted = {"LogModelResult", "LogSeedResult", "LogTestResult"}
    done = 0

    def tell(event: Any) -> None:
        nonlocal done
        if on_progress and event.info.name in counted:
            done += 1
            # dbt names the same figure differently for models and tests
            total = getattr(event.data, "total", None) or getattr(event.data, "num_models", 0)
            on_progress(done, total, event.data.node_info.node_name)

    return tell


def _reason(message: str | None) -> str:
    lines = [line.strip() for line in (message or "no message").splitlines() if line.strip()]
    # dbt's first line only repeats the name of the node
    return (
        lines[1]
        if len(lines) > 1
        and lines[0].startswith(("Runtime Error", "Compilation Error", "Database Error"))
        else lines[0]
    )


def _first_line(error: BaseException | None) -> str:
    return _reason(str(error) if error is not None else None)
