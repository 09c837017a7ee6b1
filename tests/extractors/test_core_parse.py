import json
from datetime import UTC, date, datetime
from typing import ClassVar

import pyarrow as pa
import pytest

from extractors.core.parse import business_dates, day_of_seconds, integer, moment, number, to_table
from extractors.core.privacy import Privacy, redact_text
from extractors.core.stream import UTC_TIMESTAMP, Kind, Personal, Stream, columns
from siyu.calendar import start_of


class Sample(Stream):
    source, name, kind, endpoint = "x", "sample", Kind.REPORT, "/x"
    schema = columns(
        id=pa.string(),
        count=pa.int64(),
        rate=pa.float64(),
        at=UTC_TIMESTAMP,
        day=pa.date32(),
        flag=pa.bool_(),
        person=pa.string(),
    )
    primary_key = ("id",)
    personal_columns: ClassVar = {"person": Personal.PSEUDONYM, "nickname": Personal.DROP}
    known_fields = frozenset({"known"})

    def extract(self, pull):
        raise AssertionError


@pytest.fixture
def parse(tmp_path):
    def parse_rows(*rows):
        parsed = to_table(
            Sample(),
            list(rows),
            [date(2026, 4, 1)] * len(rows),
            Privacy(b"k", tmp_path / "ids.sqlite"),
        )
        return parsed, parsed.table.to_pylist()

    return parse_rows


@pytest.mark.parametrize(
    ("wire", "value"),
    [
        (5, 5),
        ("5", 5),
        ("1,234", 1234),
        (5.0, 5),
        ("5.0", 5),
        ("", None),
        ("-", None),
        (None, None),
        (2**60 + 1, 2**60 + 1),
        (True, 1),
    ],
)
def test_counters_are_read_however_they_are_spelt(parse, wire, value):
    _, [row, _] = parse({"id": "1", "count": wire}, {"id": "2", "count": "7"})
    assert row["count"] == value


def test_a_value_that_is_no_number_is_null_kept_as_text_and_counted(parse):
    parsed, rows = parse(
        {"id": "1", "count": "many"}, {"id": "2", "count": 5.5}, {"id": "3", "count": 1}
    )
    assert [row["count"] for row in rows] == [None, None, 1]
    assert parsed.unreadable == {"count": 2}
    assert json.loads(rows[0]["_extra"]) == {"count": "many"}


def test_numbers_become_texts_with_every_digit(parse):
    _, [row] = parse({"id": 3704612354559743232})
    assert row["id"] == "3704612354559743232"


@pytest.mark.parametrize(
    ("wire", "value"),
    [
        (0, None),
        ("0", None),
        (None, None),
        (1525779812, datetime(2018, 5, 8, 11, 43, 32, tzinfo=UTC)),
        ("1525779812", datetime(2018, 5, 8, 11, 43, 32, tzinfo=UTC)),
        ("2026-04-13T00:00:00.123+08:00", datetime(2026, 4, 12, 16, 0, 0, 123000, tzinfo=UTC)),
    ],
)
def test_moments_are_read_from_seconds_and_from_text(parse, wire, value):
    _, [row] = parse({"id": "1", "at": wire})
    assert row["at"] == value


def test_a_row_without_its_key_is_left_out_and_counted(parse):
    parsed, rows = parse({"count": 1}, {"id": "2"})
    assert (parsed.without_key, [row["id"] for row in rows]) == (1, ["2"])


def test_known_fields_are_silent_dropped_ones_gone_unknown_ones_kept(parse):
    parsed, [row] = parse({"id": "1", "known": 1, "nickname": "张", "brand_new": {"a": [1]}})
    assert parsed.unknown_fields == {"brand_new"}
    assert json.loads(row["_extra"]) == {"brand_new": {"a": [1]}}


def test_flags_and_days(parse):
    _, rows = parse(
        {"id": "1", "flag": True, "day": "2026-04-13"},
        {"id": "2", "flag": 0, "day": "20260413"},
        {"id": "3"},
    )
    assert [row["flag"] for row in rows] == [True, False, None]
    assert rows[1]["day"] == date(2026, 4, 13)


def test_midnight_in_shanghai_names_its_own_day():
    for day in (date(2026, 4, 13), date(1999, 12, 31)):
        assert day_of_seconds(int(start_of(day).timestamp())) == day
        assert day_of_seconds(str(int(start_of(day).timestamp()) + 86399)) == day


def test_business_days_of_a_column_change_at_shanghai_midnight():
    moments = pa.array(
        [datetime(2026, 4, 12, 15, 59, 59, tzinfo=UTC), datetime(2026, 4, 12, 16, tzinfo=UTC)],
        UTC_TIMESTAMP,
    )
    assert business_dates(moments).to_pylist() == [date(2026, 4, 12), date(2026, 4, 13)]


def test_a_moment_without_offset_is_refused():
    with pytest.raises(ValueError, match="no offset"):
        moment("2026-04-13T12:00:00")


def test_scalars():
    assert number("60.25") == 60.25
    assert number("") is None
    with pytest.raises(ValueError):
        integer("1.5")


def test_broken_lines_lose_personal_values_also_when_cut_in_the_middle():
    line = '{"unionid": "o\\"A", "n": 1, "visitor_id": 5, "visitor_id": "cut'
    shown = redact_text(line, ("unionid", "visitor_id"))
    assert "o\\" not in shown
    assert "cut" not in shown
    assert '"n": 1' in shown


def test_rows_with_as_many_but_other_fields_are_not_alike(parse):
    parsed, rows = parse({"id": "1", "count": 1}, {"id": "2", "new": 5})
    assert parsed.always == {"id"}
    assert parsed.unknown_fields == {"new"}
    assert [row["count"] for row in rows] == [1, None]
    assert [row["_extra"] for row in rows] == [None, '{"new":5}']
