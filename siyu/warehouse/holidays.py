"""Write the seed of China's days off, which dbt reads as `seed_holidays`.

Run once a year, after `chinesecalendar` brought the State Council's new notice:
`python -m siyu.warehouse.holidays dbt_project/seeds/seed_holidays.csv`.
"""

import csv
import sys
from datetime import date
from pathlib import Path

from siyu.calendar import days, is_holiday

FIRST, LAST = date(2025, 1, 1), date(2026, 12, 31)


def write_seed(path: Path) -> int:
    """Write each day that differs from its weekday's rule, with the holiday's name; return rows."""
    import chinese_calendar

    rows = []
    for day in days(FIRST, LAST):
        is_off = is_holiday(day)
        if is_off != (day.weekday() >= 5) or chinese_calendar.get_holiday_detail(day)[1]:
            name = chinese_calendar.get_holiday_detail(day)[1] or ""
            rows.append((day.isoformat(), str(is_off).lower(), name))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["date_day", "is_day_off", "holiday_name"])
        writer.writerows(rows)
    return len(rows)


if __name__ == "__main__":
    write_seed(Path(sys.argv[1]))
