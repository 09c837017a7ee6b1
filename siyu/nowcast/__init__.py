"""What a number that is still growing will end up as: estimate, interval, completeness.

`nowcast` and `nowcast_ratio` estimate as of a day, `backtest` says how good that has been. The
method and its limits: docs/nowcast.md.
"""

from siyu.nowcast.analysis import Analysis, analyses, nowcast, nowcast_ratio, ratio_analyses
from siyu.nowcast.backtest import by_delay, past_estimates
from siyu.nowcast.settings import Settings
from siyu.nowcast.verdict import REASONS

__all__ = [
    "REASONS",
    "Analysis",
    "Settings",
    "analyses",
    "by_delay",
    "nowcast",
    "nowcast_ratio",
    "past_estimates",
    "ratio_analyses",
]
