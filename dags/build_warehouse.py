"""数仓构建与发布 · model what landed, judge it, publish or hold.

- **When** as soon as the day's partitions of all four extract DAGs are in; `build_at_deadline`
  starts
it without them at 12:00 Asia/Shanghai.
- **Does** staging, dimensions and facts → fact gate → marts → mart gate → publish. Only the
  business
days that new pulls touched are rebuilt.
- **Held** a failed gate leaves yesterday's snapshot in place and says why; readers never see half a
build.
- **Again** any run may be repeated; a build that was killed is redone by the next one.
Runbooks: `docs/oncall.md`.
"""

from airflow.sdk import PartitionedAssetTimetable, dag, task

from siyu.dag_tasks import (
    AS_OF,
    DEFAULTS,
    WAREHOUSE_POOL,
    landing_asset,
    send_alerts,
    verdict_report,
)


@dag(
    dag_display_name="build_warehouse · 数仓构建与发布",
    schedule=PartitionedAssetTimetable(
        assets=landing_asset("wecom")
        & landing_asset("content")
        & landing_asset("ads")
        & landing_asset("commerce")
    ),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    params={"as_of": AS_OF},
    doc_md=__doc__,
    tags=["warehouse", "tier-1"],
)
def build_warehouse():
    @task(
        pool=WAREHOUSE_POOL, doc_md="Staging, dimensions and facts of the business days that moved."
    )
    def build_facts(params: dict) -> str:
        return build_layer("facts", params)

    @task(pool=WAREHOUSE_POOL, doc_md="Keys, totals and rates of the facts; a `block` stops here.")
    def fact_gate(params: dict) -> str:
        from expectations import fact_gate as judge
        from siyu.clock import now
        from siyu.settings import Settings

        settings = Settings()
        return verdict_report(judge(settings, now(settings, params["as_of"])))

    @task(pool=WAREHOUSE_POOL, doc_md="Marts and observability on the judged facts.")
    def build_marts(params: dict) -> str:
        return build_layer("marts", params)

    @task(
        pool=WAREHOUSE_POOL, doc_md="Marts against their facts; the verdicts decide on publishing."
    )
    def mart_gate(params: dict) -> str:
        from expectations import mart_gate as judge
        from siyu.clock import now
        from siyu.settings import Settings

        settings = Settings()
        return verdict_report(judge(settings, now(settings, params["as_of"])))

    @task(
        pool=WAREHOUSE_POOL,
        doc_md="Swap the published snapshot atomically, or hold it and say why.",
    )
    def publish_or_hold(params: dict) -> str:
        from expectations import publish
        from siyu.clock import now
        from siyu.errors import SiyuError
        from siyu.settings import Settings

        settings = Settings()
        result = publish(settings, now(settings, params["as_of"]))
        if not result.published:
            raise SiyuError(
                f"Publishing is held: {result.reason}",
                where=str(settings.published),
                action="readers keep the last snapshot; repair, then clear this task",
            )
        return f"published {result.snapshot}"

    # whatever happened above, on-call is told
    alerts = task(
        send_alerts, trigger_rule="all_done", doc_md="Openings and recoveries, each once."
    )

    (build_facts() >> fact_gate() >> build_marts() >> mart_gate() >> publish_or_hold() >> alerts())


def build_layer(layer: str, params: dict) -> str:
    """Build one layer; the log names each model, the returned text sums up."""
    from siyu.clock import now
    from siyu.settings import Settings
    from siyu.warehouse import build

    settings = Settings()
    result = build(
        settings,
        as_of=now(settings, params["as_of"]),
        select=layer,
        on_progress=lambda done, total, name: print(f"{done}/{total} {name}"),
    )
    return (
        f"{result.models} models in {result.seconds:.1f} s, {len(result.affected_dates)} days moved"
    )


build_warehouse()
