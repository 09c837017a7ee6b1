"""内容抽取 · Official account articles and tracked page events.

- **When** daily at 08:30 Asia/Shanghai for the business day before (the partition).
- **Late** articles ready 08:00 the next day and cumulative for 30 days; leads,
bookings and redemptions of pages arrive 3 to 5 days late.
- **Again** a pull only adds files and the manifest decides what counts, so any run may be repeated.
- **Fails** one mapped task an account; its log names each stream that failed. Runbooks:
  `docs/oncall.md`.
"""

from airflow.sdk import CronPartitionTimetable, dag

from siyu.dag_tasks import AS_OF, DEFAULTS, TZ, land_and_check


@dag(
    dag_display_name="extract_content · 内容抽取",
    schedule=CronPartitionTimetable(
        "30 8 * * *", timezone=TZ, run_offset=-1, key_format="%Y-%m-%d"
    ),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    params={"as_of": AS_OF},
    doc_md=__doc__,
    tags=["extract", "content", "tier-1"],
)
def extract_content():
    land_and_check("content")


extract_content()
