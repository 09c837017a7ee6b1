"""广告抽取 · cost, impressions, clicks and conversions of every ad platform, on both clocks.

- **When** daily at 09:30 Asia/Shanghai for the business day before (the partition).
- **Late** ready 08:00 to 09:00 the next day; the billing clock is restated for 7 to 30 days.
- **Again** a pull only adds files and the manifest decides what counts, so any run may be repeated.
- **Fails** one mapped task an account; its log names each stream that failed. Runbooks:
  `docs/oncall.md`.
"""

from airflow.sdk import CronPartitionTimetable, dag

from siyu.dag_tasks import AS_OF, DEFAULTS, TZ, land_and_check


@dag(
    dag_display_name="extract_ads · 广告抽取",
    schedule=CronPartitionTimetable(
        "30 9 * * *", timezone=TZ, run_offset=-1, key_format="%Y-%m-%d"
    ),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    params={"as_of": AS_OF},
    doc_md=__doc__,
    tags=["extract", "ads", "tier-1"],
)
def extract_ads():
    land_and_check("ads")


extract_ads()
