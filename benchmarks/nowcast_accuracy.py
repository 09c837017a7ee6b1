"""How close the estimator comes, by delay, against the two naive rules; prints one JSON document.

Run: python benchmarks/nowcast_accuracy.py [--seeds 5] [--size demo]

`sandbox`: the late page events of the sandbox's worlds, by channel and in total, as pulls at 10:30
would have seen them; 120 days, final after 7. `simulated`: the same curve and that of attributed
conversions (final after 30 days) at steady volumes over 180 days. Each as `siyu nowcast backtest`
judges it, for what was shown; `losing_delays` are those at which a naive rule was closer.
"""

import argparse
import json
from collections.abc import Iterator
from datetime import date, timedelta

import numpy as np
import pandas as pd

from sandbox.dump import TABLES
from sandbox.parameters import CONVERSION_CURVE, FUNNEL_CURVE, size_named
from sandbox.world import generate
from sandbox.world.arrival import batch_factors, daily_curves
from siyu.nowcast import analyses, by_delay, past_estimates

KEYS = ["series", "channel", "measure"]
PULLED_AT = pd.Timedelta(hours=10, minutes=30)
LATE = ("lead_form", "booking", "redemption")
FIRST = date(2026, 1, 5)


def page_events(size: str, seed: int) -> pd.DataFrame:
    """Counts of late events per channel, measure, day and the delay of the pull that saw them."""
    table = TABLES["page_events"](generate(size_named(size), seed))
    names = ("event_type", "event_date", "utm_source", "visible_at")
    events = pd.DataFrame({name: table[name].to_pandas() for name in names})
    events = events[events["event_type"].isin(LATE) & events["visible_at"].notna()]
    seen = events["visible_at"].dt.tz_convert("Asia/Shanghai").dt.tz_localize(None) - PULLED_AT
    events["delay_days"] = (seen.dt.ceil("D") - pd.to_datetime(events["event_date"])).dt.days
    counts = events.groupby(["utm_source", "event_type", "event_date", "delay_days"]).size()
    counts = counts.rename("count").rename_axis(["channel", "measure", "event_date", "delay_days"])
    counts = counts.reset_index()
    totals = counts.groupby(["measure", "event_date", "delay_days"], as_index=False)["count"].sum()
    both = pd.concat([counts, totals.assign(channel="all")])
    return known(both.assign(series=str(seed)))


def simulated(
    curve: np.ndarray, volume: float, is_batched: bool, seed: int, count: int = 20, days: int = 180
) -> pd.DataFrame:
    """Series with weekday effects, a wandering level and a curve that varies from day to day."""
    rng = np.random.default_rng(seed)
    calendar = tuple(FIRST + timedelta(n) for n in range(days + len(curve)))
    factors = batch_factors(calendar, len(curve)) if is_batched else None
    frames = []
    for number in range(count):
        curves = daily_curves(rng, np.array(curve), len(calendar), factors=factors)[:days]
        weekday = np.array([0.75 if day.weekday() >= 5 else 1.0 for day in calendar[:days]])
        level = volume * weekday * np.exp(np.cumsum(rng.normal(0, 0.02, days)))
        events = rng.poisson(level * rng.gamma(100, 1 / 100, days))
        share = np.diff(curves, axis=1, prepend=0.0).clip(0)
        new = rng.multinomial(events, share / share.sum(axis=1, keepdims=True))
        day, delay = np.nonzero(new)
        frames.append(
            pd.DataFrame(
                {
                    "series": str(number),
                    "channel": "",
                    "measure": "",
                    "event_date": np.array(calendar, dtype=object)[day],
                    "delay_days": delay,
                    "count": new[day, delay],
                }
            )
        )
    return known(pd.concat(frames))


def known(counts: pd.DataFrame) -> pd.DataFrame:
    """Absolute values known at each delay, from new counts."""
    counts = counts.sort_values("delay_days", kind="stable")
    counts["value"] = counts.groupby([*KEYS, "event_date"])["count"].cumsum()
    return counts


def tested(arrivals: pd.DataFrame, final_delay: int) -> pd.DataFrame:
    """Every past estimate whose outcome is known."""
    as_of = pd.to_datetime(arrivals["event_date"]).max().date()
    made = analyses(arrivals, as_of, keys=KEYS, final_delay=final_delay, is_complete=True)
    return past_estimates(made)


def summary(past: pd.DataFrame) -> dict:
    """Errors and coverage by delay, where anything was shown."""
    table = by_delay(past)
    delays = table[(table["shown"] > 0) & (table["delay"] != "all")]
    naive = delays[["mape_raw", "mape_last_week"]].min(axis=1)
    every = by_delay(past, shown=False).iloc[-1]
    return {
        "shown": int(table["shown"].iloc[-1]),
        "tests": int(table["tests"].iloc[-1]),
        "coverage": round(table["coverage"].iloc[-1], 1),
        "coverage_of_all": round(every["coverage"], 1),
        "losing_delays": delays["delay"][delays["mape_estimate"] >= naive].tolist(),
        "by_delay": {
            int(row["delay"]): {
                "shown": int(row["shown"]),
                **{
                    name: round(row[name], 1)
                    for name in ("mape_estimate", "mape_raw", "mape_last_week", "coverage")
                },
            }
            for row in delays.to_dict("records")
        },
    }


def results(size: str, seeds: int) -> Iterator[tuple[str, dict]]:
    worlds = pd.concat([page_events(size, seed) for seed in range(1, seeds + 1)])
    past = tested(worlds, len(FUNNEL_CURVE) - 1)
    for measure in LATE:
        part = past[past["measure"] == measure]
        yield f"sandbox {measure}, total", summary(part[part["channel"] == "all"])
        yield f"sandbox {measure}, by channel", summary(part[part["channel"] != "all"])
    for name, curve, volumes in (
        ("page events", FUNNEL_CURVE, (2000, 200, 20, 3)),
        ("conversions", CONVERSION_CURVE, (1000, 50, 5)),
    ):
        for volume in volumes:
            series = simulated(curve, volume, curve is FUNNEL_CURVE, seed=volume)
            past = tested(series, len(curve) - 1)
            yield f"simulated {name}, {volume} a day", summary(past)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--size", default="demo")
    options = parser.parse_args()
    print(json.dumps(dict(results(options.size, options.seeds))))


if __name__ == "__main__":
    main()
