"""The present moment, asked once at the door (command or DAG task), then passed in as `as_of`."""

from datetime import UTC, date, datetime, time, timedelta

from siyu.calendar import at, business_date, moment_text, parse_date, parse_moment
from siyu.errors import ConfigurationError, UsageError
from siyu.settings import Settings

DAILY_CYCLE_AT = time(10, 30)  # after the last daily source is ready (10:00)


def now(settings: Settings, as_of: str | None = None) -> datetime:
    """The moment given, else the sandbox's virtual clock when one is used, else the wall clock.

    A home that a sandbox filled stands still at its newest pull while no sandbox is named.
    """
    if as_of:
        return parse_moment(as_of)
    if settings.sandbox_url:
        return sandbox_now(settings.sandbox_url)
    if settings.work("world.json").exists():
        # a home of the sandbox's world, read without it: there, it is as late as the last pull
        return _newest_pull(settings) or datetime.now(UTC)
    return datetime.now(UTC)


def _newest_pull(settings: Settings) -> datetime | None:
    from extractors.core.manifest import Manifest

    commits = Manifest(settings.landing_address).commits()
    return max((commit.pulled_at for commit in commits), default=None)


def sandbox_now(url: str) -> datetime:
    """What the sandbox's virtual clock shows."""
    import requests

    try:
        answer = requests.get(url.rstrip("/") + "/_sandbox/clock", timeout=10)
        answer.raise_for_status()
    except requests.RequestException as error:
        raise ConfigurationError(
            f"The sandbox does not answer ({type(error).__name__})",
            where=url,
            action="start it with `siyu sandbox serve`",
        ) from None
    return parse_moment(answer.json()["now"])


def check_partition(as_of: datetime, partition: str | None) -> None:
    """Refuse to call a day landed that is not over at the moment of the pull.

    An older day is no error: the pull takes what is due now, and that includes a day that was
    never answered for.

    Raises:
        UsageError: the partition names a later day than `as_of` knows, or no day.
    """
    if partition and parse_date(partition) > day_of(as_of):
        raise UsageError(
            f"The run is for {partition}, and the newest whole day then is {day_of(as_of)}",
            where=f"as_of {moment_text(as_of)}",
            action="trigger it again once that day is over (with the sandbox: move its clock on), "
            "or leave as_of empty",
        )


def cycle_of(day: date) -> datetime:
    """When the daily cycle of business day `day` runs: the next morning at 10:30 Shanghai."""
    return at(day + timedelta(1), DAILY_CYCLE_AT)


def day_of(as_of: datetime) -> date:
    """The newest whole business day at `as_of`."""
    return business_date(as_of) - timedelta(1)
