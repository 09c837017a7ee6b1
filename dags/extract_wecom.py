"""企业微信抽取 · WeCom staff, customers, groups and their daily statistics.

- **When** daily at 06:30 Asia/Shanghai for the business day before (the partition).
- **Late** statistics ready 06:00 the next day; before that the keys are missing.
- **Again** a pull only adds files and the manifest decides what counts, so any run may be repeated.
- **Fails** one mapped task an account; its log names each stream that failed. Runbooks:
  `docs/oncall.md`.
"""

from airflow.sdk import CronPartitionTimetable, dag

from siyu.dag_tasks import AS_OF, DEFAULTS, TZ, land_and_check


@dag(
    dag_display_name="extract_wecom · 企业微信抽取",
    schedule=CronPartitionTimetable(
        "30 6 * * *", timezone=TZ, run_offset=-1, key_format="%Y-%m-%d"
    ),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    params={"as_of": AS_OF},
    doc_md=__doc__,
    tags=["extract", "wecom", "tier-1"],
)
def extract_wecom():
    land_and_check("wecom")


extract_wecom()
