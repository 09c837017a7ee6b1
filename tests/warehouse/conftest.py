"""Landings and builds that several tests share; dbt costs seconds, so they are made once."""

from datetime import timedelta

import pytest

from siyu.settings import Settings

from .landed import FIRST, Landing

DAYS = 12


@pytest.fixture(scope="session")
def landed(tmp_path_factory):
    """A landing of twelve daily cycles, read by all and changed by none."""
    home = tmp_path_factory.mktemp("landed")
    landing = Landing(home / "landing")
    for n in range(DAYS):
        landing.cycle(FIRST + timedelta(n))
    return home / "landing"


@pytest.fixture
def home(tmp_path, landed):
    """Settings of a fresh home that reads the shared landing."""
    return Settings(home=tmp_path, landing=str(landed))
