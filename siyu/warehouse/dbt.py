"""dbt, run inside this process: one call builds many models."""

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from siyu.errors import SiyuError
from siyu.settings import Settings
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

    The project is parsed apart and without variables: dbt throws its parse cache away whenever a
    variable changes, and the days to rebuild change every time.

    Raises:
        SiyuError: a model, seed or test failed, or the project cannot be parsed.
    """
    os.environ.setdefault("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
    os.environ["SIYU_WAREHOUSE"] = str(settings.warehouse)
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner

    folder = settings.work("dbt", "logs").parent
    options = [
        "--project-dir",
        str(PROJECT),
        "--profiles-dir",
        str(PROJECT),
        "--target-path",
        str(folder / "target"),
        "--log-path",
        str(folder / "logs"),
        "--log-level",
        "none",
        "--log-level-file",
        "info",
        "--no-use-colors",
        "--quiet",
        "--no-version-check",
    ]
    log = folder / "logs" / "dbt.log"
    try:
        key = code_fingerprint()
        if key not in _PARSED:
            parsed = dbtRunner().invoke(["parse", *options])
            if not parsed.success:
                raise SiyuError(
                    f"dbt cannot read the project: {_first_line(parsed.exception)}",
                    where=str(PROJECT),
                    action=f"correct it; details are in {log}",
                )
            _PARSED[key] = parsed.result
            _close_log()
        runner = dbtRunner(manifest=_PARSED[key], callbacks=[_teller(on_progress)])
        given = ["--vars", orjson.dumps(variables).decode()] if variables else []
        ran = runner.invoke([*command, *options, *given])
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
    _raise_first_failure(results, log)
    return results


def _raise_first_failure(results: list[Any], log: Path) -> None:
    failed = [r for r in results if str(r.status) in {"error", "fail", "warn", "runtime error"}]
    if not failed:
        return
    first = failed[0]
    others = f" ({len(failed) - 1} more failed)" if len(failed) > 1 else ""
    kind = str(first.node.resource_type).replace("_", " ")
    told = f"{first.node.original_file_path}, {log}"
    if kind == "test":
        action = (
            "the data broke this rule: find the rows with the test's compiled SQL, named in "
            "the log; nothing was published"
        )
    else:
        action = (
            "correct the model or its inputs and run `siyu build` again: it redoes what is missing"
        )
    raise SiyuError(
        f"dbt {kind} {first.node.name} failed{others}: {_reason(first.message)}",
        where=told,
        action=action,
    )


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
