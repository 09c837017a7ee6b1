"""The executor of the local Airflow: a LocalExecutor whose workers have imported what tasks need.

A task is a fork of a worker. Imported once before the workers start, pyarrow, pandas, Great
Expectations and dbt cost each task nothing; imported in the task they cost three to six seconds of
processor time, of thirty tasks a day. Code that is edited reaches tasks when Airflow is restarted.
"""

import importlib
import os

from airflow.executors.local_executor import LocalExecutor

# importing these starts no thread of their own that a fork would lose
NEEDED_BY_TASKS = (
    "airflow.sdk.execution_time.task_runner",
    "siyu.dag_tasks",
    "extractors.core.pull",
    "extractors.registry",
    "extractors.core.manifest",
    "expectations.alerts",
    "expectations.checks",
    "expectations.freshness",
    "expectations.landing",
    "expectations.publishing",
    "great_expectations",
    "pandas",
    "siyu.inputs",
    "siyu.warehouse.builder",
    "dbt.adapters.duckdb",
    "dbt.cli.main",
)


class WarmLocalExecutor(LocalExecutor):
    """Imports first, forks then."""

    def start(self) -> None:
        """Import what tasks need, then start the workers as ever."""
        os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
        os.environ.setdefault("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
        for name in NEEDED_BY_TASKS:
            importlib.import_module(name)
        super().start()
