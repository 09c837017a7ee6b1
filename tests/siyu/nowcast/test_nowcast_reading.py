from datetime import date

import pytest

from siyu.errors import UsageError
from siyu.nowcast import nowcast
from siyu.nowcast.reading import read_triangle


@pytest.fixture
def file(tmp_path):
    def write(*lines, header="reference_date,delay,count"):
        path = tmp_path / "triangle.csv"
        path.write_text("\n".join([header, *lines]) + "\n")
        return path

    return write


def test_new_reports_become_known_values(file):
    read = read_triangle(file("2026-03-02,0,5", "2026-03-02,2,3", "2026-03-04,0,1"))

    assert read.keys == ["series"]
    # the 3rd is there with nothing
    assert read.arrivals["value"].tolist() == [5, 8, 0, 1]
    assert read.as_of == date(2026, 3, 4)


def test_reports_after_the_date_are_dropped_before_anything_is_learnt(file):
    read = read_triangle(file("2026-03-02,0,5", "2026-03-02,30,3"), date(2026, 3, 10))

    assert read.longest_delay == 0


@pytest.mark.parametrize(
    ("dates", "name"),
    [
        (("2026-03-02", "2026-03-03", "2026-03-05"), "day"),
        (("2026-03-02", "2026-03-09", "2026-03-23"), "week"),
        (("2026-01-31", "2026-02-28", "2026-03-31"), "day"),
        (("2026-01-01", "2026-02-01", "2026-04-01"), "month"),
        (("1981-01-01", "1982-01-01", "1984-01-01"), "year"),
    ],
)
def test_the_period_is_read_off_the_dates(file, dates, name):
    read = read_triangle(file(*(f"{day},0,1" for day in dates)))

    assert read.period.name == name
    numbers = [read.period.number(date.fromisoformat(day)) for day in dates]
    assert [str(read.period.first_date(number)) for number in numbers] == list(dates)


def test_rows_come_back_with_the_dates_of_the_file(file):
    lines = [f"{year}-07-01,{delay},10" for year in range(2000, 2004) for delay in range(4)]
    read = read_triangle(file(*lines), date(2003, 12, 31))

    rows = read.dated(nowcast(read.arrivals, read.as_of, keys=read.keys, is_complete=True))

    assert rows["reference_date"].tolist() == [date(year, 7, 1) for year in range(2000, 2004)]
    assert rows["value"].tolist() == [40, 30, 20, 10]


def test_days_after_the_last_reference_date_are_not_there(file):
    """The last report may come weeks after the last day that anything is reported of."""
    read = read_triangle(file("2026-03-02,0,5", "2026-03-04,0,1", "2026-03-02,40,3"))

    rows = read.dated(nowcast(read.arrivals, read.as_of, keys=read.keys, is_complete=True))

    assert rows["reference_date"].tolist() == [date(2026, 3, n) for n in (2, 3, 4)]
    assert rows["reason"].tolist() == ["final", "no_history", "no_history"]


def test_other_columns_name_series(file):
    path = file("a,2026-03-02,0,5", "b,2026-03-02,0,7", header="channel,reference_date,delay,count")

    assert read_triangle(path).keys == ["channel"]


@pytest.mark.parametrize(
    ("lines", "header", "message"),
    [
        (["2026-03-02,5"], "reference_date,count", "no column delay"),
        (["yesterday,0,5"], "reference_date,delay,count", "no date or number"),
        (["2026-03-02,-1,5"], "reference_date,delay,count", "a delay that is not"),
        (["2026-03-02,0.5,5"], "reference_date,delay,count", "a delay that is not"),
        ([], "reference_date,delay,count", "no rows"),
    ],
)
def test_a_file_that_is_no_triangle_is_wrong_use(file, lines, header, message):
    with pytest.raises(UsageError, match=message):
        read_triangle(file(*lines, header=header))


def test_a_date_before_the_first_report_is_wrong_use(file):
    with pytest.raises(UsageError, match="no report up to 2026-03-01"):
        read_triangle(file("2026-03-02,0,5"), date(2026, 3, 1))
