"""How answers are paged. Each style is a small object that knows no vendor and no HTTP.

`ask` is called with the parameters of a page and returns its answer; the iterator yields answers.
A paging that would never end (a cursor that repeats, pages past any size) is an error.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from extractors.core.errors import MalformedAnswerError

MAX_PAGES = 1_000_000
Ask = Callable[[dict], dict]


@dataclass(frozen=True)
class Cursor:
    """An opaque cursor; the end is an empty or missing one, never a short or empty page."""

    send: str = "cursor"
    receive: str = "next_cursor"

    def pages(self, ask: Ask) -> Iterator[dict]:
        """Answers until the cursor is empty."""
        cursor, seen = "", set()
        while True:
            answer = ask({self.send: cursor} if cursor else {})
            yield answer
            cursor = answer.get(self.receive) or ""
            if not cursor:
                return
            _not_twice(cursor, seen, self.receive)


@dataclass(frozen=True)
class NextKey:
    """A key that goes with `has_more`; the first page sends an empty key."""

    send: str = "next_key"
    receive: str = "next_key"
    more: str = "has_more"

    def pages(self, ask: Ask) -> Iterator[dict]:
        """Answers until `has_more` is false."""
        key, seen = "", set()
        while True:
            answer = ask({self.send: key})
            yield answer
            if not answer.get(self.more):
                return
            key = answer.get(self.receive) or ""
            if not key:
                raise MalformedAnswerError(
                    f"The source says there is more but gives no {self.receive}",
                    action="run the same command again; if it stays, tell the vendor",
                )
            _not_twice(key, seen, self.receive)


@dataclass(frozen=True)
class PageNumber:
    """Numbered pages; the answer tells how many there are."""

    size: int
    send: str = "page"
    send_size: str = "page_size"
    info: str = "page_info"
    total: str = "total_page"

    def pages(self, ask: Ask) -> Iterator[dict]:
        """Answers from page 1 to the last; the last number may grow while reading."""
        number = 1
        while number <= MAX_PAGES:
            answer = ask({self.send: number, self.send_size: self.size})
            yield answer
            if number >= int((answer.get(self.info) or {}).get(self.total) or 0):
                return
            number += 1


@dataclass(frozen=True)
class Counted:
    """Numbered pages; the answer tells how many rows there are in all.

    Rows received are counted, not pages asked for: a source that gives smaller pages than it was
    asked for would otherwise be left too early.
    """

    size: int
    rows: str
    send: str = "page"
    send_size: str = "page_size"
    total: str = "total_count"

    def pages(self, ask: Ask) -> Iterator[dict]:
        """Answers until all rows were given, or a page is empty."""
        received = 0
        for number in range(1, MAX_PAGES):
            answer = ask({self.send: number, self.send_size: self.size})
            yield answer
            got = len(answer.get(self.rows) or ())
            received += got
            if not got or received >= int(answer.get(self.total) or 0):
                return


@dataclass(frozen=True)
class Offset:
    """Pages by the number of the first row; the answer tells how many rows there are in all."""

    size: int
    rows: str = "rows"
    send: str = "startRow"
    send_size: str = "rowCount"
    total: str = "totalRowCount"

    def pages(self, ask: Ask) -> Iterator[dict]:
        """Answers until all rows were given, or a page is empty."""
        start = 0
        for _ in range(MAX_PAGES):
            answer = ask({self.send: start, self.send_size: self.size})
            yield answer
            got = len(answer.get(self.rows) or ())
            start += got
            if not got or start >= int(answer.get(self.total) or 0):
                return


def _not_twice(key: str, seen: set[str], name: str) -> None:
    if key in seen:
        raise MalformedAnswerError(
            f"The source gave the same {name} twice: its pages would never end",
            action="run the same command again; if it stays, tell the vendor",
        )
    seen.add(key)
