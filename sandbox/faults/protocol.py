"""Faults of the line and of the protocol: what answers can do besides being right."""

import asyncio
import hashlib
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import orjson

from sandbox.faults.answers import is_refusal
from sandbox.faults.endpoints import OBJECTS, Call
from sandbox.faults.envelopes import CODES, refusal
from sandbox.faults.model import HTTP, Fault
from sandbox.faults.rows import drifted, row_lists
from sandbox.state import State
from sandbox.timeline import day_number

# what a client can meet and still get everything, if it does everything right
HARMLESS = (
    "500",
    "502",
    "503",
    "504",
    "timeout",
    "slow_drip",
    "reset",
    "truncated",
    "malformed",
    "code:busy",
    "duplicate_page",
    "reorder_page",
    "token_death",
    "clock_skew",
)
LINE = ("timeout", "slow_drip", "reset", "truncated")
LONGEST_SILENCE, LONGEST_DRIP, SKEW_SECONDS = 120.0, 3.0, 3600
Send = Callable[[dict], Awaitable[None]]
Receive = Callable[[], Awaitable[dict]]


@dataclass
class Answer:
    """A vendor's whole answer, before it goes out."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    @property
    def document(self) -> Any:
        """The parsed body, None where it is not JSON."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return None

    def with_body(self, body: bytes) -> "Answer":
        """The same answer with another body, its length told rightly."""
        kept = [(k, v) for k, v in self.headers if k != b"content-length"]
        return Answer(self.status, [*kept, (b"content-length", str(len(body)).encode())], body)


@dataclass
class Hit:
    """One request that a protocol fault takes."""

    fault: Fault
    kind: str

    @property
    def seconds(self) -> float:
        """How long a silence or a drip lasts."""
        default = LONGEST_SILENCE if self.kind == "timeout" else LONGEST_DRIP
        quick = self.fault.params.get("kind", "any") == "any"
        return self.fault.number("seconds", 1.0 if quick else default)


class Protocol:
    """Picks the requests that are hit, and makes the wrong answers."""

    def __init__(self, state: State) -> None:
        """Nothing is remembered yet."""
        self._state = state
        self._pages: dict[tuple[bytes, str], list[Any]] = {}

    def hit(
        self, call: Call, sources: tuple[str, ...], account: str, stream: str
    ) -> tuple[Hit | None, str]:
        """The first protocol fault that takes this request, and the source it speaks for."""
        for fault in self._state.faults:
            if fault.kind != HTTP or fault.source not in sources:
                continue
            if fault.account not in ("", account) or fault.stream not in ("", stream):
                continue
            path = fault.params.get("path")
            if (path not in call.path) if path else call.is_authorisation:
                continue
            fault.seen += 1
            if kind := self._kind(fault):
                fault.hits += 1
                return Hit(fault, kind), fault.source
        return None, sources[0] if sources else ""

    def _kind(self, fault: Fault) -> str | None:
        """What the fault does to this request, None for nothing."""
        given, today = fault.params, str(int(day_number(self._state.now_ms)))
        if given.get("quota_day") == today:
            return "quota"
        if fault.seen <= fault.number("after", 0):
            return None
        times = given.get("times", "0" if "probability" in given else "1")
        if float(times) and fault.hits >= float(times):
            return None
        if _chance(fault, "hit") >= fault.number("probability", 1.0):
            return None
        kinds = given.get("kind", "any").split(",")
        options = HARMLESS if kinds == ["any"] else kinds
        kind = options[int(_chance(fault, "kind") * len(options))]
        if kind == "quota":
            given["quota_day"] = today
        return kind

    # -------------------------------------------------------------------------------- answers
    def refusal(self, hit: Hit, source: str) -> Answer | None:
        """An answer that needs no vendor: a status, a code, a quota."""
        if hit.kind.isdigit():
            words = f"sandbox fault {hit.kind}".encode()
            headers = [(b"content-type", b"text/plain")]
            if hit.kind in ("429", "503"):
                headers.append((b"retry-after", b"1"))
            return Answer(int(hit.kind), headers, b"").with_body(words)
        if hit.kind == "quota":
            code = CODES[source][1]
        elif hit.kind == "code:busy":
            code = CODES[source][2]
        elif hit.kind.startswith("code:"):
            code = int(hit.kind.removeprefix("code:"))
        else:
            return None
        return Answer(200, [(b"content-type", b"application/json")], b"").with_body(
            refusal(source, code)
        )

    def changed(self, hit: Hit, call: Call, account: str, answer: Answer) -> Answer:
        """The vendor's answer after the fault."""
        if hit.kind == "malformed":
            return answer.with_body(answer.body[: max(1, len(answer.body) * 2 // 3)])
        document = answer.document
        if not isinstance(document, dict):
            return answer
        if hit.kind == "clock_skew":
            _skew(document, int(hit.fault.number("skew", SKEW_SECONDS)))
        elif not is_refusal(document) and call.path not in OBJECTS:
            self._change_rows(hit.kind, call, account, document)
        return answer.with_body(orjson.dumps(document))

    def remember(self, call: Call, account: str, answer: Answer) -> None:
        """Keep a page's rows: a later page of the same list may bring them again."""
        document = answer.document
        if isinstance(document, dict) and not is_refusal(document):
            for container, name in row_lists(document)[:1]:
                self._pages[call.question, account] = container[name]

    def _change_rows(self, kind: str, call: Call, account: str, document: dict) -> None:
        # an answer's first list is what is paged; others describe it (a group's administrators)
        for container, name in row_lists(document)[:1]:
            rows = container[name]
            if kind == "duplicate_page":
                container[name] = [*self._pages.get((call.question, account), rows), *rows]
            elif kind == "reorder_page":
                container[name] = rows[::-1]
            elif kind == "shrink":
                container[name] = rows[: len(rows) // 2]
                _lower_totals(document, len(rows) - len(rows) // 2)
            elif kind == "drift":
                container[name] = [drifted(row, "rename", None) for row in rows]

    def kill_token(self, call: Call) -> None:
        """Let the token that a call carries die at once."""
        carried = call.values() | set(call.headers.values())
        for kind in self._state.tokens.values():
            for token, entry in (kind.get("issued", {}) if isinstance(kind, dict) else {}).items():
                if token in carried:
                    entry[2] = True


def _chance(fault: Fault, what: str) -> float:
    """A fixed number in 0..1 for each request that a fault has seen."""
    scope = f"{fault.source}|{fault.account}|{fault.stream}"
    text = f"{fault.params.get('seed', 0)}|{scope}|{fault.seen}|{what}"
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def _skew(document: dict, seconds: int) -> None:
    stack: list[Any] = [document]
    while stack:
        place = stack.pop()
        for key, value in place.items():
            if isinstance(value, dict):
                stack.append(value)
            elif key in ("now", "server_time", "timestamp") and str(value).isdigit():
                unit = 1000 if int(value) > 10**11 else 1
                place[key] = type(value)(int(value) + seconds * unit)


def _lower_totals(document: dict, lost: int) -> None:
    stack: list[Any] = [document]
    while stack:
        place = stack.pop()
        for key, value in place.items():
            if isinstance(value, dict):
                stack.append(value)
            elif key in ("total_number", "total_count", "total", "totalRowCount") and isinstance(
                value, int
            ):
                place[key] = max(0, value - lost)


# ------------------------------------------------------------------------------------- the line
async def break_line(hit: Hit, answer: Answer | None, receive: Receive, send: Send) -> None:
    """Silence, a drip, a reset, or a body that ends too early."""
    if hit.kind == "timeout":
        await _gone(receive, hit.seconds)
        _close(send, reset=False)
    elif hit.kind == "reset":
        _close(send, reset=True)
    elif answer is not None:
        await send(
            {"type": "http.response.start", "status": answer.status, "headers": answer.headers}
        )
        if hit.kind == "truncated":
            half = answer.body[: len(answer.body) // 2]
            await send({"type": "http.response.body", "body": half, "more_body": True})
            _close(send, reset=False)
        else:
            await _drip(answer.body, hit.seconds, send)
            return
    await _gone(receive, 5)


async def _drip(body: bytes, seconds: float, send: Send) -> None:
    """The first bytes one by one, then the rest in pieces, over some seconds."""
    steps = 100
    single, rest = body[: steps // 2], body[steps // 2 :]
    size = max(1, -(-len(rest) // (steps // 2)))
    pieces = [single[n : n + 1] for n in range(len(single))]
    pieces += [rest[n : n + size] for n in range(0, len(rest), size)]
    for piece in pieces:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        await asyncio.sleep(seconds / steps)
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _gone(receive: Receive, seconds: float) -> None:
    """Wait until the caller has gone, at most some seconds."""
    try:
        async with asyncio.timeout(seconds):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return


def _close(send: Send, *, reset: bool) -> None:
    """Close the connection under the answer; a reset drops what is not sent yet."""
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is None:
        return
    if reset:
        line = transport.get_extra_info("socket")
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    else:
        transport.close()
