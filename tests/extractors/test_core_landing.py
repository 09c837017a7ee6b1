"""A pull of any size lands the same rows, in the same order, with the same hashes."""

import random
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from vendor_accounts import AS_OF

from extractors.core import spill
from extractors.core.landing import Landing
from extractors.core.storage import Storage
from extractors.core.stream import DAY, Kind, Stream, columns
from extractors.core.sums import Sums, mismatches

DAYS = [date(2026, 4, 1) + timedelta(n) for n in range(3)]


class Report(Stream):
    source, name, kind, endpoint = "tencent_ads", "made_up", Kind.REPORT, "/x"
    schema = columns(account_id=pa.string(), ad_id=pa.string(), site=pa.string(), cost=pa.int64())
    primary_key = ("account_id", "ad_id", "site")
    channel_column = "site"
    measures = ("rows", "cost")

    def extract(self, pull):
        raise AssertionError("not called")


def tables(rows=30_000, size=500):
    """Rows of three days; the first has nearly all of them; in no order."""
    made = random.Random(7)
    order = list(range(rows))
    made.shuffle(order)
    for at in range(0, rows, size):
        part = order[at : at + size]
        yield pa.table(
            {
                "account_id": ["20001"] * len(part),
                "ad_id": [f"ad-{n // 2:06d}" for n in part],
                "site": [f"s{n % 2}" for n in part],
                "cost": pa.array([n if n % 11 else None for n in part], pa.int64()),
                "_extra": pa.nulls(len(part), pa.string()),
                DAY: pa.array([DAYS[n % 50 % 3 if n % 50 < 3 else 0] for n in part], pa.date32()),
            }
        )


def write(folder, monkeypatch, memory, made=None):
    monkeypatch.setattr(spill, "BYTES_IN_MEMORY", memory)
    monkeypatch.setattr(spill, "BATCH_ROWS", 512)
    landing = Landing(Report(), "20001", AS_OF, "run", Storage(str(folder)))
    for table in made or tables():
        landing.add(table)
    sums = Sums(landing.stream, dict.fromkeys([(d, "cost") for d in DAYS], 1.0))
    files = landing.write(sums.add)
    result = (
        {f.event_date: (f.rows, f.content_hash) for f in files},
        {f.event_date: pq.read_table(Path(folder, f.path)).to_pylist() for f in files},
        sorted(sums.arrivals(landing)),
        sums.control_totals(),
    )
    landing.close()
    return landing, result


@pytest.fixture
def whole(tmp_path, monkeypatch):
    landing, result = write(tmp_path / "whole", monkeypatch, 10**9)
    assert landing._runs is None
    return result


@pytest.mark.parametrize("memory", [200_000, 1_000_000])
def test_rows_that_do_not_fit_into_memory_land_as_if_they_did(tmp_path, monkeypatch, whole, memory):
    landing, spilt = write(tmp_path / "spilt", monkeypatch, memory)
    assert len(landing._runs._runs) > 1
    for mine, expected in zip(spilt, whole, strict=True):
        assert mine == expected


def test_a_day_larger_than_memory_comes_in_sorted_parts(tmp_path, monkeypatch):
    landing, _ = write(tmp_path, monkeypatch, 200_000)
    landing = Landing(Report(), "20001", AS_OF, "run", Storage(str(tmp_path)))
    for table in tables():
        landing.add(table)
    parts = list(landing.parts(DAYS[0]))
    landing.close()
    assert len(parts) > 3
    assert max(part.nbytes for part in parts) < 3 * 200_000
    columns_of = [part.select(["ad_id", "site"]).to_pylist() for part in parts]
    keys = [(row["ad_id"], row["site"]) for rows in columns_of for row in rows]
    assert keys == sorted(keys)


@pytest.mark.parametrize("memory", [200_000, 10**9])
def test_days_are_dropped_and_repeats_counted(tmp_path, monkeypatch, memory):
    monkeypatch.setattr(spill, "BYTES_IN_MEMORY", memory)
    landing = Landing(Report(), "20001", AS_OF, "run", Storage(str(tmp_path)))
    made = list(tables(6_000))
    for table in [*made, made[0]]:
        landing.add(table)
    assert landing.repeats(DAYS) == made[0].num_rows
    first = landing.day(DAYS[0]).num_rows
    landing.drop(DAYS[1:])
    assert landing.collect() == DAYS[:1]
    assert (landing.day(DAYS[0]).num_rows, landing.day(DAYS[1]).num_rows) == (first, 0)
    landing.add(made[1])
    assert DAYS[1] in landing.collect()
    assert landing.day(DAYS[1]).num_rows > 0
    landing.close()


@pytest.mark.parametrize("memory", [200_000, 10**9])
def test_a_page_given_twice_lands_once_and_is_counted(tmp_path, monkeypatch, memory):
    monkeypatch.setattr(spill, "BYTES_IN_MEMORY", memory)
    landing = Landing(Report(), "20001", AS_OF, "run", Storage(str(tmp_path)))
    made = list(tables(6_000))
    for table in [made[0], *made, made[0]]:
        landing.add(table)
    files = landing.write()
    landing.close()
    assert sum(file.rows for file in files) == sum(table.num_rows for table in made)
    assert landing.copies == 2 * made[0].num_rows


@pytest.mark.parametrize("few", [0, 64])
def test_nulls_are_equal_and_differing_rows_of_a_key_all_stay(few, monkeypatch):
    monkeypatch.setattr(spill, "FEW_ROWS", few)
    key = ("id", "part")
    table = pa.table(
        {
            DAY: pa.array([DAYS[0]] * 5, pa.date32()),
            "id": ["a", "a", "a", "b", "b"],
            "part": pa.array([None, None, None, None, "x"], pa.string()),
            "value": pa.array([1, None, 1, None, None], pa.int64()),
        }
    )
    kept, repeated = spill.without_copies(table, key)
    assert kept.to_pydict()["value"] == [1, None, None, None]
    assert kept.to_pydict()["id"] == ["a", "a", "b", "b"]
    assert repeated == 1


def test_runs_leave_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(spill.tempfile, "tempdir", None)
    write(tmp_path / "landing", monkeypatch, 200_000)
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_total_that_detail_misses_by_more_than_the_tolerance_is_named(whole):
    stream = Report()
    totals = whole[3]
    assert {t.measure for t in totals} == {"cost"}
    assert len(list(mismatches(stream, totals))) == 1
    right = [t._replace(platform_total=t.detail_total * 1.0005) for t in totals]
    assert list(mismatches(stream, right)) == []
    stream.control_tolerance = 0.0001
    [warning] = mismatches(stream, right)
    assert warning.startswith("cost 2026-04-01: ")
    assert list(mismatches(stream, [t._replace(platform_total=None) for t in totals])) == []


def test_a_day_that_says_the_same_again_has_no_second_file(tmp_path):
    made = list(tables(3_000))
    storage = Storage(str(tmp_path))

    def write_again(run, before, *, dearer=False):
        landing = Landing(Report(), "20001", AS_OF, run, storage, before)
        for table in made:
            if dearer:
                is_first = pc.equal(table[DAY], pa.scalar(DAYS[0], pa.date32()))
                cost = pc.if_else(is_first, pc.add(table["cost"], 1), table["cost"])
                table = table.set_column(table.column_names.index("cost"), "cost", cost)
            landing.add(table)
        return {file.event_date: file for file in landing.write()}

    first = write_again("one", {})
    same = write_again("two", first)
    other = write_again("three", first, dearer=True)

    assert same == first
    assert {day for day in other if other[day].path != first[day].path} == {DAYS[0]}
    assert len(list(tmp_path.rglob("*.parquet"))) == len(DAYS) + 1
