"""补数 · pull a window of one source again and rebuild what it touches.

- **When** by hand: "Trigger" asks for source, stream, account and the window (or all history).
- **Does** the same as `siyu backfill --source … --from … --to …` (or `--all-history`) followed by
`siyu build`, `siyu gate fact mart` and `siyu publish`. The newest pull of a business day replaces
it whole for readers; nothing landed is overwritten.
"""

from airflow.sdk import Param, dag, task

from siyu.dag_tasks import (
    AS_OF,
    DEFAULTS,
    SOURCES,
    WAREHOUSE_POOL,
    backfill_window,
)

NAME = ["null", "string"]


@dag(
    dag_display_name="backfill_source · 补数",
    schedule=None,
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    params={
        "source": Param(
            "tencent_ads",
            type="string",
            title="来源 source",
            enum=SOURCES,
        ),
        "stream": Param(
            None, type=NAME, title="数据流 stream", description="Empty: all of the source"
        ),
        "account": Param(None, type=NAME, title="账号 account", description="Empty: all accounts"),
        "first_date": Param("2026-01-01", type="string", format="date", title="起 first day"),
        "last_date": Param("2026-01-01", type="string", format="date", title="止 last day"),
        "all_history": Param(
            False,
            type="boolean",
            title="全部历史 all history",
            description="Instead of the days: every day the source still keeps and that was never "
            "answered for.",
        ),
        "as_of": AS_OF,
    },
    doc_md=__doc__,
    tags=["repair"],
)
def backfill_source():
    @task(doc_md="One pull a stream and account, in the largest windows the source allows.")
    def pull_window(params: dict) -> int:
        return backfill_window(params)

    @task(
        pool=WAREHOUSE_POOL, doc_md="Rebuild the business days that the window touched, then gates."
    )
    def rebuild(params: dict) -> str:
        from siyu.clock import now
        from siyu.cycle import build_judge_publish
        from siyu.settings import Settings

        settings = Settings()
        result = build_judge_publish(settings, now(settings, params["as_of"]))
        return "published" if result.published else f"held: {result.reason}"

    pull_window() >> rebuild()


backfill_source()
