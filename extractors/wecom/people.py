"""Ids that are a customer's in one row and a staff member's in the next."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from extractors.core.stream import Personal

if TYPE_CHECKING:
    from extractors.core.context import PullContext


def hidden(pull: "PullContext", ids: Iterable[str | None]) -> list[str | None]:
    """Pseudonyms of customers' ids, for columns that hold staff userids too.

    The documented samples of some lists have blanks around ids: they are taken off first, else the
    same person would have two pseudonyms. Call it from the pull's own thread only.
    """
    return pull.privacy.pseudonyms([stripped(one) for one in ids], Personal.PSEUDONYM)


def stripped(identifier: str | None) -> str | None:
    """An id without surrounding blanks."""
    return identifier.strip() if isinstance(identifier, str) else identifier
