"""The kinds of value a column may hold, and what to tell whoever wrote another one."""

import re
from collections.abc import Callable
from datetime import date, time
from decimal import Decimal, InvalidOperation

# (what is wrong, what to do)
Complaint = tuple[str, str]
_FULL_WIDTH = str.maketrans("０１２３４５６７８９，．－／：％", "0123456789,.-/:%")


class BadValueError(ValueError):
    """A value that cannot be read; carries what to do."""

    def __init__(self, what: str, action: str) -> None:
        """Keep both parts apart."""
        super().__init__(what)
        self.what, self.action = what, action


def text(value: str) -> str:
    """Any text."""
    return value


def name(value: str) -> str:
    """An id: letters, digits, _ and -."""
    if not re.fullmatch(r"[A-Za-z0-9_\-]+", value):
        raise BadValueError(
            f"'{value}' is no id", "use letters, digits, _ and - only, without spaces"
        )
    return value


def day(value: str) -> date:
    """A day written YYYY-MM-DD."""
    try:
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
            raise ValueError
        return date.fromisoformat(value)
    except ValueError:
        raise BadValueError(f"'{value}' is not a day", _day_advice(value)) from None


def month(value: str) -> date:
    """The first day of a month."""
    if re.fullmatch(r"\d{4}-\d{2}", value):
        raise BadValueError(f"'{value}' names no day", f"write the month's first day: {value}-01")
    first = day(value)
    if first.day != 1:
        raise BadValueError(
            f"{value} is not the first day of a month", f"write {first.replace(day=1)}"
        )
    return first


def clock(value: str) -> time:
    """A Shanghai clock time written HH:MM."""
    try:
        if not re.fullmatch(r"\d{2}:\d{2}", value):
            raise ValueError
        return time.fromisoformat(value)
    except ValueError:
        raise BadValueError(f"'{value}' is not a time of day", "write it as 08:30") from None


def flag(value: str) -> bool:
    """Yes or no, written true or false."""
    if value not in ("true", "false"):
        raise BadValueError(f"'{value}' is neither true nor false", "write true or false")
    return value == "true"


def number(value: str) -> Decimal:
    """A number of 0 or more, without separators, signs of currency or %."""
    found = _decimal(value)
    if found < 0:
        raise BadValueError(f"{value} is negative", "write 0 or more")
    return found


def money(value: str) -> Decimal:
    """Yuan, at most two decimals."""
    found = number(value)
    if -found.as_tuple().exponent > 2:
        raise BadValueError(f"{value} has parts of a fen", "write yuan with two decimals")
    return found


def whole(value: str) -> int:
    """A whole number of 0 or more."""
    found = number(value)
    if found != found.to_integral_value():
        raise BadValueError(f"{value} is no whole number", "write it without decimals")
    return int(found)


def share(value: str) -> Decimal:
    """A share between 0 and 1."""
    found = number(value)
    if found > 1:
        raise BadValueError(
            f"{value} is no share between 0 and 1",
            f"write {found / 100} if you mean {value} %" if found <= 100 else "write 0.12 for 12 %",
        )
    return found


def _decimal(value: str) -> Decimal:
    try:
        if not re.fullmatch(r"[+-]?\d+(\.\d+)?", value):
            raise InvalidOperation
        return Decimal(value)
    except InvalidOperation:
        raise BadValueError(f"'{value}' is not a number", _number_advice(value)) from None


def _number_advice(value: str) -> str:
    plain = value.translate(_FULL_WIDTH).replace(",", "").replace(" ", "")
    plain = re.sub(r"^[¥￥]|元$", "", plain)
    if re.fullmatch(r"\d+(\.\d+)?%", plain):
        return f"write the share: {Decimal(plain[:-1]) / 100}"
    if match := re.fullmatch(r"(\d+(?:\.\d+)?)万", plain):
        return f"write it out: {(Decimal(match[1]) * 10_000).normalize():f}"
    if re.fullmatch(r"[+-]?\d+(\.\d+)?", plain):
        return f"write {plain}, without separators or units"
    return "write digits only, with a point before decimals"


def _day_advice(value: str) -> str:
    parts = re.findall(r"\d+", value.translate(_FULL_WIDTH))
    if len(parts) == 3 and len(parts[0]) == 4:
        try:
            return f"write {date(*map(int, parts))}"
        except ValueError:
            return "there is no such day in the calendar"
    return "write it as 2026-03-01"


Reader = Callable[[str], object]
