"""Business days: calendar days in Asia/Shanghai, and which of them are working days."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from siyu.errors import UsageError

SHANGHAI = ZoneInfo("Asia/Shanghai")


def business_date(moment: datetime) -> date:
    """The business day a moment falls in."""
    return aware(moment).astimezone(SHANGHAI).date()


def start_of(day: date) -> datetime:
    """The first moment of a business day, in UTC."""
    return at(day, time(0))


def at(day: date, clock: time) -> datetime:
    """The moment a Shanghai wall clock shows `clock` on `day`, in UTC."""
    return datetime.combine(day, clock, SHANGHAI).astimezone(UTC)


def aware(moment: datetime) -> datetime:
    """Refuse a moment without a time zone: it would mean another instant on another machine."""
    if moment.tzinfo is None:
        raise UsageError(
            f"The moment {moment.isoformat()} has no time zone",
            action="write it with an offset, e.g. 2026-04-13T10:30+08:00",
        )
    return moment


def days(first: date, last: date) -> list[date]:
    """Every day from first to last, both included."""
    return [first + timedelta(n) for n in range((last - first).days + 1)]


def moment_text(moment: datetime) -> str:
    """A moment as users type it: Shanghai time with its offset, seconds only where there are."""
    local = aware(moment).astimezone(SHANGHAI)
    is_whole = not (local.second or local.microsecond)
    return local.isoformat(timespec="minutes" if is_whole else "auto")


def parse_date(text: str) -> date:
    """A business day written YYYY-MM-DD."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"'{text}' is not a day", action="write it as YYYY-MM-DD") from None


def parse_moment(text: str) -> datetime:
    """A moment in ISO 8601 with an offset; a bare date means 10:30 Shanghai on that day.

    10:30 is when the last of the daily sources is ready (Douyin and Ocean Engine: 10:00).
    """
    try:
        if len(text) == 10:
            return at(parse_date(text), time(10, 30))
        return aware(datetime.fromisoformat(text)).astimezone(UTC)
    except ValueError:
        raise UsageError(
            f"'{text}' is not a moment", action="write it like 2026-04-13T10:30+08:00"
        ) from None


def is_holiday(day: date) -> bool:
    """Whether China rests on that day: weekends and public holidays, less moved working days.

    Source: the yearly notices of the State Council as kept by `chinesecalendar`. A year it does
    not know yet falls back on weekends.
    """
    import chinese_calendar

    try:
        return chinese_calendar.is_holiday(day)
    except NotImplementedError:
        return day.weekday() >= 5
