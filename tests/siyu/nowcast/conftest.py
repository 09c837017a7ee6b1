"""Fixtures of the estimator's tests."""

import numpy as np
import pytest
from lagged import noisy


@pytest.fixture(scope="package")
def counts() -> np.ndarray:
    """Eight series of 300 a day over 150 days, all of it known."""
    return noisy(300, series=8)
