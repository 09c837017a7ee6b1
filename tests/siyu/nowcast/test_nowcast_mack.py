"""The triangles and what was published of them.

RAA: Mack, T. (1994), Measuring the variability of chain ladder reserve estimates, CAS Forum.
GenIns: Taylor and Ashe (1983), Second moments of estimates of outstanding claims; Mack (1993).
"""

from pathlib import Path

import numpy as np
import pytest

from siyu.nowcast import Settings, nowcast
from siyu.nowcast.mack import mack
from siyu.nowcast.reading import read_triangle
from siyu.nowcast.triangle import triangles

TRIANGLES = Path("tests/data/triangles")
PUBLISHED = [("raa", 52_135, 26_909), ("genins", 18_680_856, 2_447_095)]


@pytest.fixture(params=PUBLISHED, ids=lambda p: p[0])
def published(request):
    name, reserve, error = request.param
    return read_triangle(TRIANGLES / f"{name}.csv"), reserve, error


def test_reserve_and_standard_error_are_the_published_ones(published):
    read, reserve, error = published
    [triangle] = triangles(read.arrivals, read.as_of, read.keys, final_delay=9, is_complete=True)

    fit = mack(triangle.known[0])

    assert (round(fit.reserve), round(fit.error)) == (reserve, error)


def test_the_estimator_without_weekdays_and_shrinkage_is_the_chain_ladder(published):
    read, reserve, _ = published
    rows = nowcast(
        read.arrivals,
        read.as_of,
        keys=read.keys,
        final_delay=9,
        is_rest_day=None,
        is_complete=True,
        settings=Settings(weekday=False, shrinkage=False),
    )

    assert round((rows["nowcast"] - rows["value"]).sum()) == reserve
    assert (rows["nowcast_low"] <= rows["nowcast"]).all()
    assert (rows["nowcast_high"] >= rows["nowcast"]).all()


def test_a_triangle_without_chance_has_no_error():
    final = np.array([100.0, 200.0, 150.0, 80.0])
    known = final[:, None] * np.array([0.5, 0.8, 0.9, 1.0])
    known[np.arange(4)[:, None] + np.arange(4) > 3] = np.nan

    fit = mack(known)

    np.testing.assert_allclose(fit.ultimates, final)
    assert fit.error == pytest.approx(0, abs=1e-6)
