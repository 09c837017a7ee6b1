"""How fast the estimator is on one core; prints one JSON document.

Run: python benchmarks/nowcast.py [--series 1000] [--days 120] [--seed 7]

`seconds` is the whole of `nowcast` (arrival frame in, rows out), `core_seconds` the part of it
between triangle and verdicts; `reading_seconds` turns the frame into triangles. Two kinds of lag:
events that are final after 7 days and attributed conversions that move for 30.
"""

import argparse
import json
import time
from datetime import date, timedelta

import numpy as np
import pandas as pd

from siyu.calendar import is_holiday
from siyu.nowcast import analyses, nowcast
from siyu.nowcast.triangle import triangles

FIRST = date(2026, 1, 5)
CURVES = {
    "final_after_7_days": [0.40, 0.52, 0.60, 0.78, 0.92, 0.99, 0.995, 1.0],
    "final_after_30_days": [*(1 - 0.55 * np.exp(-np.arange(30) / 3.5)), 1.0],
}


def arrivals(curve: list[float], series: int, days: int, seed: int) -> pd.DataFrame:
    """Arrival history of series of different size, each pulled every day."""
    rng = np.random.default_rng(seed)
    share = np.diff([0.0, *curve])
    volume = rng.lognormal(4, 1.2, series)[:, None] * np.where(np.arange(days) % 7 < 5, 1.0, 0.75)
    known = rng.poisson(volume[:, :, None] * share).cumsum(axis=2)
    number, day, delay = np.nonzero(
        np.broadcast_to(np.arange(days)[:, None] + np.arange(len(curve)) < days, known.shape)
    )
    event_dates = np.array([FIRST + timedelta(n) for n in range(days)], dtype=object)
    return pd.DataFrame(
        {
            "source": "benchmark",
            "stream": "events",
            "account": number.astype(str),
            "channel": "",
            "measure": "events",
            "event_date": event_dates[day],
            "delay_days": delay,
            "value": known[number, day, delay].astype(float),
        }
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=1000)
    parser.add_argument("--days", type=int, default=120)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()

    as_of = FIRST + timedelta(options.days - 1)
    is_holiday(as_of)  # the calendar's own import
    result: dict = {"series": options.series, "days": options.days}
    for name, curve in CURVES.items():
        frame = arrivals(curve, options.series, options.days, options.seed)
        final_delay = len(curve) - 1
        keys = ["source", "stream", "account", "channel", "measure"]
        began = time.process_time(), time.perf_counter()
        rows = nowcast(frame, as_of, final_delay=final_delay)
        used = time.process_time() - began[0], time.perf_counter() - began[1]
        began_reading = time.process_time()
        triangles(frame, as_of, keys, final_delay=final_delay)
        reading = time.process_time() - began_reading
        began_core = time.process_time()
        for _ in analyses(frame, as_of, final_delay=final_delay):
            pass
        result[name] = {
            "arrival_rows": len(frame),
            "rows": len(rows),
            "estimates_shown": int(rows["reason"].isna().sum()),
            "cpu_seconds": round(used[0], 2),
            "seconds": round(used[1], 2),
            "reading_seconds": round(reading, 2),
            "core_seconds": round(time.process_time() - began_core - reading, 2),
        }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
