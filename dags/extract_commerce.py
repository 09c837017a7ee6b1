"""电商抽取 · WeChat Store orders.

- **When** daily at 01:00 Asia/Shanghai for the business day before (the partition).
- **Late** near real time; an order changes for weeks after it was made.
- **Again** a pull only adds files and the manifest decides what counts, so any run may be repeated.
- **Fails** one mapped task an account; its log names each stream that failed. Runbooks:
  `docs/oncall.md`.
"""

from airflow.sdk import CronPartitionTimetable, dag

from siyu.dag_tasks import AS_OF, DEFAULTS, TZ, land_and_check


@dag(
    dag_display_name="extract_commerce · 电商抽取",
    schedule=CronPartitionTimetable("0 1 * * *", timezone=TZ, run_offset=-1, key_format="%Y-%m-%d"),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    params={"as_of": AS_OF},
    doc_md=__doc__,
    tags=["extract", "commerce", "tier-1"],
)
def extract_commerce():
    land_and_check("commerce")


extract_commerce()
