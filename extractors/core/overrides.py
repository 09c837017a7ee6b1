"""What an account says differently about its streams: `options.streams.<name>` of its entry.

For what the contract only infers, and for sources that serve one account otherwise than the rest:

    options:
      streams:
        daily_report_request_time: {ready_at: "07:00", revised_for_days: 14}
        hourly_report: {enabled: false}
"""

import copy
from collections.abc import Callable
from datetime import time

from extractors.core.stream import Stream
from siyu.accounts import Account
from siyu.errors import ConfigurationError

OPTION = "streams"
MINUTES_A_DAY = 24 * 60


def for_account(stream: Stream, account: Account) -> Stream:
    """The stream as this account has it: a copy with its overrides, or the stream itself.

    Raises:
        ConfigurationError: an override is not known, or its value cannot be.
    """
    given = _given(account).get(stream.name)
    if given is None:
        return stream
    values = {
        key: value for key, value in _read(stream, account, given).items() if key != "enabled"
    }
    if not values or all(getattr(stream, key) == value for key, value in values.items()):
        return stream
    changed = copy.copy(stream)
    for key, value in values.items():
        setattr(changed, key, value)
    return changed


def is_enabled(stream: Stream, account: Account) -> bool:
    """Whether the account wants this stream pulled; all are unless it says no."""
    given = _given(account).get(stream.name)
    return given is None or _read(stream, account, given).get("enabled", True)


def check_overrides(account: Account) -> None:
    """Refuse overrides of streams that the source does not have, and values that cannot be.

    Raises:
        ConfigurationError: with the account and the key in `where`.
    """
    from extractors.registry import all_streams

    streams = {s.name: s for s in all_streams() if s.source == account.source}
    for name, given in _given(account).items():
        if name not in streams:
            raise ConfigurationError(
                f"There is no stream '{name}' to override",
                where=_where(account),
                action=f"choose one of: {', '.join(sorted(streams)) or 'none'}",
            )
        _read(streams[name], account, given)


def _given(account: Account) -> dict:
    given = account.options.get(OPTION) or {}
    if not isinstance(given, dict):
        raise ConfigurationError(
            "The overrides of an account's streams are no mapping",
            where=_where(account),
            action="write them like `streams: {customer: {enabled: false}}`",
        )
    return given


def _read(stream: Stream, account: Account, given: object) -> dict:
    where = f"{_where(account)}.{stream.name}"
    if not isinstance(given, dict):
        raise ConfigurationError(
            "The overrides of a stream are no mapping",
            where=where,
            action="write them like `{ready_at: '07:00', revised_for_days: 7}`",
        )
    values = {}
    for key, value in given.items():
        if key not in _READERS:
            raise ConfigurationError(
                f"'{key}' cannot be overridden",
                where=where,
                action=f"choose one of: {', '.join(sorted(_READERS))}",
            )
        read, expected = _READERS[key]
        try:
            values[key] = read(value)
        except (ValueError, TypeError):
            raise ConfigurationError(
                f"'{key}' cannot be {value!r}", where=where, action=f"give it {expected}"
            ) from None
    return values


def _where(account: Account) -> str:
    return f"{account.source}/{account.account} options.{OPTION}"


def _clock(value: object) -> time:
    if isinstance(value, int) and not isinstance(value, bool):
        # YAML 1.1 reads an unquoted 10:30 as the number 630
        if not 0 <= value < MINUTES_A_DAY:
            raise ValueError
        return time(*divmod(value, 60))
    if not isinstance(value, str):
        raise TypeError
    read = time.fromisoformat(value)
    if read.tzinfo is not None:
        raise ValueError
    return read


def _whole(least: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValueError
        return value

    return read


def _history(value: object) -> int | None:
    return None if value is None else _whole(1)(value)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


_READERS: dict[str, tuple[Callable, str]] = {
    "ready_at": (_clock, "a Shanghai clock time such as '07:00'"),
    "revised_for_days": (_whole(0), "a whole number of days, 0 or more"),
    "max_window_days": (_whole(1), "a whole number of days, 1 or more"),
    "history_days": (_history, "a whole number of days, 1 or more, or null for no limit"),
    "enabled": (_flag, "true or false"),
}
