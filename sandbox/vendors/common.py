"""What the vendors' endpoints share: answers, bodies, opaque cursors."""

import base64
import hashlib
from typing import Any
from urllib.parse import parse_qsl

import orjson
from starlette.requests import Request
from starlette.responses import Response


class Refusal(Exception):  # noqa: N818 - not an error of ours: the vendor's way to say no
    """A documented vendor error; `extra` are fields that its body still carries."""

    def __init__(self, code: int, message: str, **extra: Any) -> None:
        """Code and message as the vendor words them."""
        self.code, self.message, self.extra = code, message, extra
        super().__init__(message)


def answer(body: dict | bytes, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer with status 200: these vendors say everything in the body."""
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    return Response(content, media_type="application/json", headers=headers)


def joined(head: dict, name: str, fragments: list[bytes], tail: dict | None = None) -> bytes:
    """A JSON object of head, a list of ready fragments, and tail, without parsing them again."""
    start = orjson.dumps(head)[:-1]
    comma = b"," if head else b""
    end = b"," + orjson.dumps(tail)[1:] if tail else b"}"
    return b"".join((start, comma, b'"', name.encode(), b'":[', b",".join(fragments), b"]", end))


async def json_body(request: Request) -> Any:
    """The parsed body; None when there is none.

    Raises:
        orjson.JSONDecodeError: it is not JSON.
    """
    content = await request.body()
    return orjson.loads(content) if content.strip() else None


async def form_body(request: Request) -> dict[str, str]:
    """The fields of an urlencoded form; the last of a repeated one."""
    return dict(parse_qsl((await request.body()).decode(errors="replace")))


def encode_cursor(position: str, filters: Any) -> str:
    """An opaque cursor that is only good for the same filters."""
    text = f"{position}|{_digest(position, filters)}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(cursor: Any, filters: Any) -> str | None:
    """The position inside a cursor, or None if it is not one of ours for these filters."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        position, digest = base64.urlsafe_b64decode(padded).decode().split("|")
    except (ValueError, TypeError, AttributeError):
        return None
    return position if digest == _digest(position, filters) else None


def _digest(position: str, filters: Any) -> str:
    return hashlib.blake2b(position.encode() + orjson.dumps(filters), digest_size=8).hexdigest()


def is_int(value: Any) -> bool:
    """A JSON integer (true and false are not)."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_texts(value: Any) -> bool:
    """A JSON array of strings."""
    return isinstance(value, list) and all(isinstance(v, str) for v in value)
