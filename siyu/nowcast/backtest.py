"""How close the estimates came: error and coverage by delay, against the two naive rules.

Rolling origin: each estimate was made from what was known on its own day (see `estimate`), so every
past day is a test that nothing was tuned on.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from siyu.nowcast.analysis import Analysis
from siyu.nowcast.settings import Settings
from siyu.nowcast.verdict import SHOWN

RULES = ("estimate", "raw", "last_week")


def past_estimates(analyses: Iterable[Analysis], settings: Settings | None = None) -> pd.DataFrame:
    """Every estimate whose outcome is known and that had history enough to be judged.

    Columns: the keys, event_date, delay, final, estimate, raw, last_week, completeness, is_shown,
    is_covered.
    """
    settings = settings or Settings()
    frames = []
    for analysis in analyses:
        made, verdict = analysis.made, analysis.verdict
        last = made.value.shape[2] - 1
        judged = (
            np.isfinite(made.final)
            & np.isfinite(made.estimate)
            & np.isfinite(made.last_week)
            & np.isfinite(made.value)
            & (verdict.tests >= settings.minimum_tests)
        )
        judged[:, :, last] = False
        series, origin, delay = np.nonzero(judged)
        frame = analysis.triangle.keys.iloc[series].reset_index(drop=True)
        days = np.array(analysis.triangle.days, dtype=object)
        frame["event_date"] = days[origin - delay]
        frame["delay"] = delay
        for name, values in (
            ("final", made.final),
            ("estimate", made.estimate),
            ("raw", made.value),
            ("last_week", made.last_week),
            ("completeness", made.completeness),
        ):
            frame[name] = values[judged]
        frame["is_shown"] = verdict.reason[judged] == SHOWN
        frame["is_covered"] = ~(verdict.missed_low | verdict.missed_high)[judged]
        frames.append(frame)
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def by_delay(past: pd.DataFrame, *, shown: bool = True) -> pd.DataFrame:
    """One row per delay, and one for all of them (delay "all").

    Errors are in percent: `mape_*` the mean of |error| / final over days whose final is not 0,
    `wape_*` the sum of |error| over the sum of the finals.

    Args:
        past: from `past_estimates`.
        shown: errors and coverage of what was shown; False: of every estimate.
    """
    rows = []
    for delay, part in [*past.groupby("delay", sort=True), ("all", past)]:
        counted = part[part["is_shown"]] if shown else part
        row = {
            "delay": delay,
            "tests": len(part),
            "shown": len(part[part["is_shown"]]),
            "completeness": part["completeness"].median(),
        }
        final = counted["final"].abs()
        for rule in RULES:
            error = (counted[rule] - counted["final"]).abs()
            row[f"mape_{rule}"] = 100 * (error / final)[final > 0].mean()
            total = final.sum()
            row[f"wape_{rule}"] = 100 * error.sum() / total if total > 0 else np.nan
        row["coverage"] = 100 * counted["is_covered"].mean() if len(counted) else np.nan
        rows.append(row)
    return pd.DataFrame(rows)
