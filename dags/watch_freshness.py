"""数据新鲜度监控 · is every source as complete as it should be by now?

- **When** every 30 minutes, independent of every other DAG: it reads the manifest only, so it also
fires when extraction never ran.
- **Says** which source, account, channel and stream is late, since which business day, and why; one
message at opening, one at recovery.
- **On failure of this DAG itself** nobody is watching: treat it as urgent.
Runbooks: `docs/oncall.md`.
"""

from airflow.sdk import CronTriggerTimetable, dag, task

from siyu.dag_tasks import AS_OF, DEFAULTS, TZ, send_alerts


@dag(
    dag_display_name="watch_freshness · 数据新鲜度监控",
    schedule=CronTriggerTimetable("*/30 * * * *", timezone=TZ),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    params={"as_of": AS_OF},
    doc_md=__doc__,
    tags=["quality", "tier-1"],
)
def watch_freshness():
    @task(
        doc_md="Every source x account x channel against its arrival curve. A late source is not a "
        "failed task: it is an incident."
    )
    def freshness_gate(params: dict) -> str:
        from expectations import freshness_gate as judge
        from siyu.clock import now
        from siyu.dag_tasks import verdict_report
        from siyu.settings import Settings

        settings = Settings()
        return verdict_report(judge(settings, now(settings, params["as_of"])))

    alerts = task(
        send_alerts, trigger_rule="all_done", doc_md="Openings and recoveries, each once."
    )

    freshness_gate() >> alerts()


watch_freshness()
