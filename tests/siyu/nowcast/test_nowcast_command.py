import csv
import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from lagged import FIRST, noisy, until

from extractors.core.manifest import Arrival, Commit, Manifest
from siyu.cli import cli
from siyu.nowcast.landing import landed_arrivals


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    known = noisy(400)[0]
    path = tmp_path_factory.mktemp("nowcast") / "reports.csv"
    with path.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["reference_date", "delay", "count"])
        for day, new in enumerate(np.diff(known, axis=1, prepend=0.0)):
            for delay, count in enumerate(new):
                writer.writerow([FIRST + timedelta(day), delay, int(count)])
    return path


def run(*arguments):
    return CliRunner().invoke(cli, ["nowcast", *map(str, arguments)])


def answer(*arguments):
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_triangle_is_estimated_per_reference_date(file):
    as_of = FIRST + timedelta(140)

    document = answer("--triangle", file, "--as-of", as_of)

    assert (document["as_of"], document["period"], document["final_delay"]) == (
        str(as_of),
        "day",
        4,
    )
    assert len(document["rows"]) == 141
    row = document["rows"][-2]
    assert row["reference_date"] == str(as_of - timedelta(1))
    assert row["known"] < row["low"] < row["estimate"] < row["high"]
    assert 0.4 < row["completeness"] < 0.7
    assert row["reason"] is None


def test_people_read_what_is_open_and_why_it_is_not_estimated(file):
    result = run("--triangle", file, "--as-of", FIRST + timedelta(15))

    assert result.exit_code == 0
    assert result.output.count("too few closed days") == 4
    assert str(FIRST + timedelta(12)) in result.output
    assert str(FIRST + timedelta(11)) not in result.output


@pytest.mark.parametrize(
    ("name", "reserve", "error"), [("raa", 52_135, 26_909), ("genins", 18_680_856, 2_447_095)]
)
def test_pooled_without_shrinkage_prints_the_published_reserve(name, reserve, error):
    path = f"tests/data/triangles/{name}.csv"

    document = answer("--triangle", path, "--pooled", "--no-shrinkage")

    [total] = document["totals"]
    assert (round(total["reserve"]), round(total["standard_error"])) == (reserve, error)
    assert round(sum(r["estimate"] - r["known"] for r in document["rows"])) == reserve
    assert f"{reserve:,}" in run("--triangle", path, "--pooled", "--no-shrinkage").output


def test_the_back_test_prints_error_and_coverage_by_delay(file):
    [result] = answer("backtest", "--triangle", file)["backtests"]

    assert [row["delay"] for row in result["shown"]] == [0, 1, 2, 3, "all"]
    third = result["shown"][2]
    assert third["mape_estimate"] < min(third["mape_raw"], third["mape_last_week"])
    assert "coverage" in run("backtest", "--triangle", file).output


def test_too_little_history_to_test_on_fails_and_says_so():
    result = run("backtest", "--triangle", "tests/data/triangles/raa.csv")

    assert result.exit_code == 1
    assert "Too little history" in result.output


@pytest.mark.parametrize(
    "arguments",
    [
        ("--triangle", "no.csv"),
        ("--triangle", "tests/data/triangles/raa.csv", "--home", "var"),
        ("--triangle", "tests/data/triangles/raa.csv", "--as-of", "yesterday"),
        ("--triangle", "tests/data/triangles/raa.csv", "--max-delay", "0"),
    ],
)
def test_wrong_use_exits_with_2(arguments):
    assert run(*arguments).exit_code == 2


def test_an_empty_landing_fails_and_says_what_to_do(tmp_path):
    result = run("--home", tmp_path)

    assert result.exit_code == 1
    assert "siyu pull" in result.output


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A landing whose manifest tells of 60 days of late leads, pulled every morning."""
    root = tmp_path_factory.mktemp("home")
    manifest = Manifest(str(root / "landing"))
    known = until(noisy(500, days=60))[0]
    for day in range(60):
        at = datetime(2026, 3, 2, 2, 30, tzinfo=UTC) + timedelta(day)
        seen = [(day - d, float(known[day - d, d])) for d in range(5) if day >= d]
        manifest.add(commit(at, [(FIRST + timedelta(t), value) for t, value in seen]))
    return root


def commit(at, values):
    dates = tuple(sorted(day for day, _ in values))
    return Commit(
        source="page_events",
        stream="page_event",
        kind="event",
        account="h5_main",
        run_id=f"{at:%j}",
        pulled_at=at,
        started_at=at,
        finished_at=at,
        first_date=dates[0],
        last_date=dates[-1],
        covered_dates=dates,
        rows=1,
        bytes=1,
        requests=1,
        schema_fingerprint="",
        arrivals=tuple(Arrival(day, "live", "lead_form", value) for day, value in values),
    )


def test_the_landing_is_estimated_with_the_final_delay_of_its_streams(home):
    document = answer("--home", home, "--as-of", FIRST + timedelta(59))

    rows = document["rows"]
    assert {row["stream"] for row in rows} == {"page_event"}
    assert sum(row["reason"] != "final" for row in rows) == 7  # leads are revised for 7 days
    assert answer("backtest", "--home", home, "--as-of", FIRST + timedelta(59))["backtests"]


def test_streams_that_are_never_revised_are_left_out(home):
    class Landed:
        def arrivals_frame(self, as_of):
            return pd.DataFrame(
                {
                    "source": ["page_events", "wecom", "nobody"],
                    "stream": ["page_event", "customer", "x"],
                }
            )

    frame = landed_arrivals(Landed(), None)

    assert frame["stream"].tolist() == ["page_event"]
    assert frame["final_delay"].tolist() == [7]
