"""Rules that every DAG file keeps, and the shape of the graph between them."""

from pathlib import Path

import pytest

DAGS = Path(__file__).parents[2] / "dags"
EXTRACTS = {"extract_wecom", "extract_content", "extract_ads", "extract_commerce"}


@pytest.fixture(scope="module")
def dags(tmp_path_factory):
    patch = pytest.MonkeyPatch()
    patch.setenv("AIRFLOW_HOME", str(tmp_path_factory.mktemp("airflow")))
    patch.setenv("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Airflow's own, at import
        from airflow.dag_processing.dagbag import DagBag

        bag = DagBag(DAGS)
    patch.undo()
    assert bag.import_errors == {}
    assert bag.dags, f"no DAG found in {DAGS}"
    return bag.dags


def test_every_file_holds_the_dag_of_its_name(dags):
    assert {path.stem for path in DAGS.glob("*.py")} == set(dags)


def test_every_dag_is_documented_owned_and_tagged(dags):
    for dag_id, dag in dags.items():
        assert len(dag.doc_md) > 100, dag_id
        assert dag.tags, dag_id
        assert {task.owner for task in dag.tasks} == {"data-engineering"}, dag_id
        assert all(task.doc_md for task in dag.tasks), dag_id


def test_no_dag_catches_up_or_overlaps_itself(dags):
    for dag_id, dag in dags.items():
        assert dag.catchup is False, dag_id
        assert dag.max_active_runs == 1, dag_id


def test_a_wrong_setting_is_not_retried(dags):
    for dag in dags.values():
        for task in dag.tasks:
            rules = {rule.exception: rule.action.name for rule in task.retry_policy.rules}
            assert rules["siyu.errors.ConfigurationError"] == "FAIL"


def test_the_exceptions_named_by_the_retry_policy_exist(dags):
    from siyu import errors

    for rule in dags["extract_ads"].tasks[0].retry_policy.rules:
        module, _, name = rule.exception.rpartition(".")
        assert module == "siyu.errors"
        assert issubclass(getattr(errors, name), errors.SiyuError)


def test_every_task_that_writes_the_warehouse_waits_for_its_pool(dags):
    build = {task.task_id: task.pool for task in dags["build_warehouse"].tasks}

    assert {name for name, pool in build.items() if pool == "siyu_warehouse"} == {
        "build_facts",
        "fact_gate",
        "build_marts",
        "mart_gate",
        "publish_or_hold",
    }
    assert dags["backfill_source"].get_task("rebuild").pool == "siyu_warehouse"


def test_the_build_waits_for_the_partition_of_every_extract_dag(dags):
    emitted = {
        outlet.name for dag_id in EXTRACTS for task in dags[dag_id].tasks for outlet in task.outlets
    }
    awaited = {asset.name for asset in dags["build_warehouse"].timetable.asset_condition.objects}

    assert (
        emitted
        == awaited
        == {"landing_wecom", "landing_content", "landing_ads", "landing_commerce"}
    )


def test_every_source_belongs_to_a_family_that_an_extract_dag_pulls(dags):
    from extractors.registry import all_streams, families

    pulled = {dag_id.removeprefix("extract_") for dag_id in EXTRACTS}

    assert families().keys() == {stream.source for stream in all_streams()}
    assert set(families().values()) == pulled


def test_freshness_is_watched_by_a_dag_that_needs_no_other(dags):
    watch = dags["watch_freshness"]

    assert {task.task_id for task in watch.tasks} == {"freshness_gate", "send_alerts"}
    assert not any(task.pool == "siyu_warehouse" for task in watch.tasks)
    assert watch.get_task("send_alerts").trigger_rule == "all_done"


def test_dag_files_compute_nothing_at_import():
    for path in DAGS.glob("*.py"):
        top = [
            line for line in path.read_text().splitlines() if line.startswith(("import ", "from "))
        ]
        modules = {line.split()[1] for line in top}
        allowed = {
            "airflow.sdk",
            "siyu.dag_tasks",
            "airflow.providers.standard.operators.trigger_dagrun",
        }
        assert modules <= allowed, path.name


def test_a_backfill_offers_every_source_there_is(dags):
    from extractors.registry import all_streams

    offered = dags["backfill_source"].params.get_param("source").schema["enum"]

    assert offered == sorted({stream.source for stream in all_streams()})


def test_a_pull_logs_its_window_rows_and_warnings(caplog):
    from datetime import UTC, date, datetime
    from types import SimpleNamespace

    from siyu.dag_tasks import log_pull

    commit = SimpleNamespace(
        rows=1234,
        window=(date(2026, 4, 1), date(2026, 4, 7)),
        covered_dates=(date(2026, 4, 1),),
        files=("f",),
        requests=3,
        pulled_at=datetime(2026, 4, 8, 2, tzinfo=UTC),
        run_id="r1",
        not_ready_dates=(date(2026, 4, 7),),
        unknown_fields=("new_field",),
        warnings=("short_pages: 1 of 2",),
    )
    with caplog.at_level("INFO"):
        log_pull("daily_report", commit)
        log_pull("daily_report", None)

    levels = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert "1,234 rows of 2026-04-01..2026-04-07" in levels[0][1]
    assert [level for level, _ in levels] == ["INFO", "WARNING", "WARNING", "WARNING", "INFO"]
    assert levels[3][1] == "daily_report: short_pages: 1 of 2"
