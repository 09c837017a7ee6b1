"""Readers always see one whole snapshot, whoever is killed, and never one that a gate forbids."""

import json
import os
import subprocess
import sys
import threading
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest
from test_gates import change, warehouse
from test_quality_log import record, verdict
from world import morning

import expectations
from expectations import publishing
from siyu.errors import UsageError

DAY = date(2026, 4, 14)
STEPS = ("checked", "copied", "synced", "kept", "replaced")


def publish(settings, day=DAY):
    warehouse(settings, morning(day))
    return expectations.publish(settings, morning(day))


def shown(settings):
    with duckdb.connect(str(settings.published), read_only=True) as connection:
        return connection.execute("select count(*) from mart_kpi_daily").fetchone()[0]


def test_marts_are_published_whole_and_under_their_plain_names(settings):
    result = publish(settings)

    assert result == publishing.PublishResult(True, "", "marts-20260415T023000Z.duckdb")
    with duckdb.connect(str(settings.published), read_only=True) as connection:
        tables = {row[0] for row in connection.execute("show tables").fetchall()}
    assert {"mart_kpi_daily", "mart_data_freshness", "siyu_snapshot"} <= tables
    # readers get no fact and no person
    assert not any(name.startswith(("fct_", "stg_", "dim_customer")) for name in tables)
    assert expectations.published_as_of(settings) == morning(DAY)


def test_the_same_publish_again_is_the_same(settings):
    publish(settings)

    assert publish(settings).published
    assert len(publishing.snapshots(settings)) == 1


def test_a_failed_mart_gate_holds_and_says_why(settings):
    publish(settings)
    warehouse(settings, morning(DAY + timedelta(1)))
    change(settings, "update marts.mart_engagement_daily set stickiness_rate = 7")

    result = expectations.publish(settings, morning(DAY + timedelta(1)))

    assert not result.published
    assert "比率超出" in result.reason
    assert "rates outside" in result.reason
    held = json.loads((settings.published.parent / "held.json").read_text())
    assert held["reason"] == result.reason
    assert expectations.published_as_of(settings) == morning(DAY)


def test_a_checker_error_holds(settings):
    publish(settings)
    warehouse(settings, morning(DAY + timedelta(1)))
    change(settings, "drop table marts.mart_kpi_daily")

    assert not expectations.publish(settings, morning(DAY + timedelta(1))).published
    assert expectations.published_as_of(settings) == morning(DAY)


def test_after_the_repair_the_same_moment_is_published_and_no_longer_held(settings):
    warehouse(settings, morning(DAY))
    change(settings, "update marts.mart_engagement_daily set stickiness_rate = 7")
    expectations.publish(settings, morning(DAY))
    change(settings, "update marts.mart_engagement_daily set stickiness_rate = 0.7")

    expectations.mart_gate(settings, morning(DAY))
    result = expectations.publish(settings, morning(DAY))

    assert result.published
    assert not (settings.published.parent / "held.json").exists()


def test_duplicates_in_the_landing_hold_and_a_late_source_does_not(settings):
    record(settings, DAY, verdict())
    assert publish(settings).published

    record(
        settings,
        DAY,
        verdict(
            gate="landing", cause="duplicated", severity="block", channel="", family="duplication"
        ),
        gate="landing",
    )
    assert not publish(settings).published


def test_the_last_snapshots_are_kept_and_can_be_shown_again(settings):
    for n in range(9):
        publish(settings, DAY + timedelta(n))

    kept = [path.name for path in publishing.snapshots(settings)]
    assert len(kept) == settings.keep_snapshots
    assert publishing.rollback(settings).snapshot == kept[-2]
    assert expectations.published_as_of(settings) == morning(DAY + timedelta(7))
    assert publishing.rollback(settings).snapshot == kept[-3]
    publishing.rollback(settings, kept[-1].removesuffix(".duckdb"))
    assert expectations.published_as_of(settings) == morning(DAY + timedelta(8))
    with pytest.raises(UsageError, match="There is no snapshot marts-1999") as caught:
        publishing.rollback(settings, "marts-1999")
    assert kept[0] in caught.value.action


def test_a_rollback_holds_until_it_is_released(settings):
    publish(settings)
    publish(settings, DAY + timedelta(1))
    rolled_back = publishing.rollback(settings).snapshot

    held = publish(settings, DAY + timedelta(2))

    assert not held.published
    assert rolled_back in held.reason
    assert "siyu publish --release" in held.reason
    assert publishing.shown_snapshot(settings) == rolled_back
    assert publishing.release(settings)
    assert publish(settings, DAY + timedelta(2)).published
    assert not publishing.release(settings)


def test_a_reader_keeps_its_snapshot_while_a_new_one_is_published(settings):
    publish(settings)

    with duckdb.connect(str(settings.published), read_only=True) as reader:
        publish(settings, DAY + timedelta(1))
        old = reader.execute("select as_of_at from siyu_snapshot").fetchone()[0]

    assert old == morning(DAY).replace(tzinfo=None)
    assert expectations.published_as_of(settings) == morning(DAY + timedelta(1))


def read_for_ever(path, seen, errors, stop):
    """Open, read and close as a dashboard does, each time in a process-wide fresh instance."""
    code = (
        "import sys, duckdb\n"
        "while True:\n"
        "    with duckdb.connect(sys.argv[1], read_only=True) as c:\n"
        "        a = c.execute('select as_of_at from siyu_snapshot').fetchone()[0]\n"
        "        n = c.execute('select count(*) from mart_kpi_daily').fetchone()[0]\n"
        "        b = c.execute('select max(as_of_at)::timestamp from mart_kpi_daily')"
        ".fetchone()[0]\n"
        "    print(a == b and n == 1, a, flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TZ": "UTC"},
    ) as reader:
        for line in reader.stdout:
            seen.append(line.split()[0] == "True")
            if stop.is_set():
                break
        reader.terminate()
        errors.append(reader.stderr.read())


def test_a_publish_killed_at_any_step_leaves_readers_a_whole_snapshot(settings):
    publish(settings)
    day = DAY + timedelta(1)
    warehouse(settings, morning(day))
    expectations.fact_gate(settings, morning(day))
    expectations.mart_gate(settings, morning(day))
    seen, errors, stop = [], [], threading.Event()
    reader = threading.Thread(target=read_for_ever, args=(settings.published, seen, errors, stop))
    reader.start()
    try:
        for step in STEPS:
            died = subprocess.run(
                [
                    sys.executable,
                    str(Path(__file__).with_name("publish_and_die.py")),
                    str(settings.root),
                    morning(day).isoformat(),
                    step,
                ],
                check=False,
                timeout=60,
            )
            assert died.returncode == -9, step
            assert shown(settings) == 1
    finally:
        stop.set()
        reader.join(timeout=30)

    assert errors == [""]  # it read to the end and never missed the file
    assert len(seen) > len(STEPS)
    assert all(seen)
    # the next one sweeps up and ends
    assert expectations.publish(settings, morning(day)).published
    left = [p.name for p in settings.published.parent.iterdir() if p.name.startswith(".building")]
    assert left == []
    assert expectations.published_as_of(settings) == morning(day)


def test_a_full_disk_leaves_the_snapshot_before(settings, monkeypatch):
    publish(settings)
    warehouse(settings, morning(DAY + timedelta(1)))

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(publishing, "_sync", full)
    with pytest.raises(publishing.SiyuError, match="No space left"):
        expectations.publish(settings, morning(DAY + timedelta(1)))

    assert expectations.published_as_of(settings) == morning(DAY)
