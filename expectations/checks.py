"""Run a Great Expectations suite over a small frame; say which rows break which rule.

The engine (pandas, DuckDB) has already reduced each check to one row per series, pull or table.
Great Expectations is imported inside functions only: it costs seconds. One context per process.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from siyu.errors import SiyuError

if TYPE_CHECKING:
    import great_expectations as gx
    import pandas as pd

KEY = "key"  # the column that names a row of a frame
# GX's word for each of our severities, and back
GX_SEVERITIES = {"block": "critical", "warn": "warning", "info": "info"}
SEVERITIES = {theirs: ours for ours, theirs in GX_SEVERITIES.items()}

_contexts: dict[str, Any] = {}


class CheckerError(SiyuError):
    """The check could not run: the data may be good or bad, nobody knows."""


@dataclass(frozen=True)
class Break:
    """One row that breaks one rule."""

    key: str
    check: str
    cause: str
    severity: str


def context(folder: Path | None = None) -> Any:
    """The process's GX context: in memory, or kept in a folder so that Data Docs can be built."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    name = str(folder or "")
    if name not in _contexts:
        import great_expectations as gx
        from great_expectations.data_context.types.base import ProgressBarsConfig

        made = (
            gx.get_context(mode="file", project_root_dir=folder)
            if folder
            else gx.get_context(mode="ephemeral")
        )
        made.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
        _contexts[name] = made
    return _contexts[name]


def whole_frame(gx_context: Any, name: str) -> Any:
    """The batch definition that takes a whole frame; made once per context and name."""
    source = gx_context.data_sources.all().get("frames") or gx_context.data_sources.add_pandas(
        "frames"
    )
    assets = {asset.name: asset for asset in source.assets}
    if name in assets:
        return assets[name].get_batch_definition("whole")
    return source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("whole")


def run(frame: "pd.DataFrame", suite: "Callable[[], gx.ExpectationSuite]") -> list[Break]:
    """Validate a frame whose column `key` names its rows, in one validation.

    Each expectation (made by `expectations.suites.rules`) bounds a column; its meta has `check`
    and `cause`, its severity is GX's. An empty frame has nothing to judge.

    Raises:
        CheckerError: GX or the frame failed, in whatever way. Never means that the data are bad.
    """
    if frame.empty:
        return []
    try:
        rules = suite()
        batch = whole_frame(context(), rules.name).get_batch(batch_parameters={"dataframe": frame})
        result = batch.validate(rules, result_format="BASIC")
    except Exception as error:  # whatever GX raises is a fault of the checker
        raise CheckerError(
            f"Great Expectations failed: {type(error).__name__}: {error}",
            action="run `siyu gate` again; if it persists see docs/oncall.md, checker_error",
        ) from error
    return [found for outcome in result.results for found in _breaks(outcome, frame)]


def _breaks(outcome: Any, frame: "pd.DataFrame") -> list[Break]:
    config = outcome.expectation_config
    meta = config.meta or {}
    if raised := _exception_of(outcome.exception_info):
        raise CheckerError(
            f"Great Expectations could not run '{meta.get('check', config.type)}': {raised}",
            action="see docs/oncall.md, checker_error",
        )
    if outcome.success:
        return []
    column, low, high = (config.kwargs.get(k) for k in ("column", "min_value", "max_value"))
    beyond = frame[column] < low if low is not None else frame[column] > high
    severity = SEVERITIES[config.severity.value]
    found = [Break(key, meta["check"], meta["cause"], severity) for key in frame.loc[beyond, KEY]]
    if not found:
        raise CheckerError(
            f"Great Expectations found '{meta['check']}' broken, but no row is",
            where=column,
            action="see docs/oncall.md, checker_error",
        )
    return found


def _exception_of(info: dict | None) -> str:
    """GX gives one record, or one per metric it could not compute."""
    if not info:
        return ""
    records = [info] if "raised_exception" in info else list(info.values())
    for record in records:
        if record.get("raised_exception") or record.get("exception_message"):
            return str(record.get("exception_message") or "unknown")[:300]
    return ""
