"""The daily cycle as a whole: repeated, interrupted, and with a channel that stops."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

FIRST, LAST = "2026-03-25", "2026-03-31"
REPLAY = [
    sys.executable,
    "-m",
    "siyu",
    "replay",
    "--from",
    FIRST,
    "--to",
    LAST,
    "--world",
    "small",
    "--json",
]


def start(home: Path, *extra: str, stdout: int = subprocess.PIPE) -> subprocess.Popen:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("SIYU")}
    with log_of(home).open("ab") as log:
        return subprocess.Popen(
            [*REPLAY, *extra],
            env=clean | {"SIYU_HOME": str(home)},
            text=True,
            stdout=stdout,
            stderr=log,
            start_new_session=True,
        )


def log_of(home: Path) -> Path:
    return home.parent / f"{home.name}.log"


def run(home: Path, *extra: str) -> list[dict]:
    process = start(home, *extra)
    out, _ = process.communicate(timeout=300)
    assert process.returncode == 0, log_of(home).read_text()[-3000:]
    return [json.loads(line) for line in out.splitlines()]


def kill(process: subprocess.Popen) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def marts(home: Path) -> dict[str, list[tuple]]:
    """Every published mart, as sorted rows."""
    with duckdb.connect(str(home / "published" / "marts.duckdb"), read_only=True) as published:
        names = [
            row[0]
            for row in published.execute(
                "select table_name from information_schema.tables where table_name like 'mart_%'"
            ).fetchall()
        ]
        assert names
        return {
            name: sorted(map(str, published.execute(f'select * from "{name}"').fetchall()))
            for name in names
        }


def landed(home: Path) -> set[str]:
    """Every committed file of the landing."""
    files = set()
    for document in (home / "landing" / "_manifest").rglob("*.json"):
        files |= {entry["path"] for entry in json.loads(document.read_text())["files"]}
    return files


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    home = tmp_path_factory.mktemp("clean") / "home"
    lines = run(home)
    return home, lines


def test_each_day_prints_the_documented_line(clean):
    _, lines = clean

    assert [line["date"] for line in lines] == [f"2026-03-{day}" for day in range(25, 32)]
    for line in lines:
        assert {
            "date",
            "pulled",
            "verdicts",
            "opened",
            "recovered",
            "messages",
            "published",
        } <= set(line)
        assert all(
            {"source", "account", "stream", "event_dates", "rows"} == set(pull)
            for pull in line["pulled"]
        )
        assert all(
            {
                "gate",
                "source",
                "account",
                "channel",
                "stream",
                "event_date",
                "cause",
                "severity",
                "passed",
            }
            == set(verdict)
            for verdict in line["verdicts"]
        )
    assert lines[-1]["published"] is True
    assert {line["published"] for line in lines[:-1]} == {None}


def test_a_healthy_world_opens_no_incident(clean):
    assert [line["opened"] for line in clean[1] if line["opened"]] == []


def test_every_stream_lands_every_day(clean):
    from extractors.registry import all_streams

    expected = {(stream.source, stream.name) for stream in all_streams()}
    for line in clean[1]:
        assert {(p["source"], p["stream"]) for p in line["pulled"]} == expected, line["date"]


def test_a_second_replay_changes_nothing(clean):
    home, _ = clean
    files, numbers = landed(home), marts(home)
    alerts = sorted(p.read_text() for p in (home / "quality").rglob("*.jsonl"))

    run(home)

    assert landed(home) == files
    assert marts(home) == numbers
    assert sorted(p.read_text() for p in (home / "quality").rglob("*.jsonl")) == alerts


def test_another_world_is_refused_in_the_same_home(clean):
    process = start(clean[0], "--seed", "8")
    out, _ = process.communicate(timeout=60)

    assert process.returncode == 2
    assert "holds the world" in json.loads(out)["error"]["what"]


MOMENTS = {
    "in the first pull": lambda home: any((home / "landing").rglob("*.parquet")),
    "in a later pull": lambda home: (
        len(list((home / "landing" / "_manifest").rglob("*.json"))) > 30
    ),
    "in the build": lambda home: (home / "work" / "warehouse.duckdb").exists(),
    "in the publish": lambda home: any((home / "published").glob(".*")),
}


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_replay_killed_and_run_again_ends_as_if_it_never_stopped(clean, tmp_path, moment):
    home = tmp_path / "home"
    process = start(home, stdout=subprocess.DEVNULL)  # nobody reads: a full pipe would stop it
    deadline = time.monotonic() + 240
    try:
        while not MOMENTS[moment](home):
            assert process.poll() is None, f"ended before it was {moment}"
            assert time.monotonic() < deadline, f"never was {moment}"
            time.sleep(0.005)
    finally:
        kill(process)

    run(home)

    assert landed(home) == landed(clean[0])
    assert marts(home) == marts(clean[0])
