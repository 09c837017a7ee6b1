"""到点构建 · start `build_warehouse` at 12:00 when a source is still missing.

- **Why** numbers that are flagged incomplete are worth more at noon than no numbers; the marts say
what is missing, and `watch_freshness` has told on-call already.
- **Does** nothing when a build finished since 00:00 of the day.
"""

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import CronTriggerTimetable, dag, task

from siyu.dag_tasks import AS_OF, DEFAULTS, TZ


@dag(
    dag_display_name="build_at_deadline · 到点构建",
    schedule=CronTriggerTimetable("0 12 * * *", timezone=TZ),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    params={"as_of": AS_OF},
    doc_md=__doc__,
    tags=["warehouse"],
)
def build_at_deadline():
    @task.short_circuit(doc_md="Go on only when today's build has not finished.")
    def not_built_yet(params: dict) -> bool:
        from siyu.calendar import business_date
        from siyu.clock import now
        from siyu.settings import Settings
        from siyu.warehouse import last_build_at

        settings = Settings()
        as_of = now(settings, params["as_of"])
        built_at = last_build_at(settings)
        print(f"last build as of {built_at}, now {as_of}")
        return built_at is None or business_date(built_at) < business_date(as_of)

    not_built_yet() >> TriggerDagRunOperator(
        task_id="start_build", trigger_dag_id="build_warehouse", doc_md="Build with what is there."
    )


build_at_deadline()
