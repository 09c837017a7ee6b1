from datetime import UTC, datetime

import pytest
import responses

from siyu.clock import check_partition, now
from siyu.errors import ConfigurationError, UsageError
from siyu.settings import Settings


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.delenv("SIYU_SANDBOX_URL", raising=False)
    return Settings(home=tmp_path)


def test_a_moment_that_is_given_wins(settings):
    assert now(settings, "2026-05-28T10:30+08:00") == datetime(2026, 5, 28, 2, 30, tzinfo=UTC)


@responses.activate
def test_with_a_sandbox_its_clock_is_the_present(settings):
    settings.sandbox_url = "http://sandbox.test"
    responses.get("http://sandbox.test/_sandbox/clock", json={"now": "2026-05-28T10:30:00+08:00"})

    assert now(settings) == datetime(2026, 5, 28, 2, 30, tzinfo=UTC)


@responses.activate
def test_a_silent_sandbox_says_how_to_start_it(settings):
    settings.sandbox_url = "http://sandbox.test"

    with pytest.raises(ConfigurationError, match="siyu sandbox serve"):
        now(settings)


def test_a_home_that_a_sandbox_filled_stands_still_at_its_newest_pull(settings):
    from extractors.core.manifest import Commit, Manifest

    pulled_at = datetime(2026, 5, 28, 2, 30, tzinfo=UTC)
    settings.work("world.json").write_text("{}")
    Manifest(settings.landing_address).add(
        Commit(
            source="wecom",
            stream="customer",
            kind="entity",
            account="corp_main",
            run_id="abc",
            pulled_at=pulled_at,
            started_at=pulled_at,
            finished_at=pulled_at,
            first_date=pulled_at.date(),
            last_date=pulled_at.date(),
            covered_dates=(pulled_at.date(),),
            rows=0,
            bytes=0,
            requests=0,
            schema_fingerprint="",
        )
    )

    assert now(settings) == pulled_at


def test_any_other_home_lives_in_the_present(settings):
    before = datetime.now(UTC)

    assert before <= now(settings) <= datetime.now(UTC)


def test_a_run_for_a_day_that_is_not_over_is_refused():
    at_noon = datetime.fromisoformat("2026-04-14T12:00:00+08:00")
    for fine in ("2026-04-13", "2026-04-01", None):
        check_partition(at_noon, fine)
    with pytest.raises(UsageError, match="newest whole day then is 2026-04-13"):
        check_partition(at_noon, "2026-04-14")
