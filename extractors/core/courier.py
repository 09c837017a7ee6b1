"""Carries a call that must not be lost: in a process of its own, which outlives whoever asked.

A vendor that rotates refresh tokens voids the old one when it answers. Is the asking process killed
at that moment, the successor is gone and the account locked out. So the call is made by a courier:
a small process in a session of its own, reached by a socket. With the request it is handed the
asker's lock (an open file), so that nobody else can spend the token meanwhile; it puts the answer
on disk before it reports it. Its asker gone, it finishes the call it has and ends.
"""

import array
import atexit
import base64
import contextlib
import os
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path
from typing import NamedTuple

import orjson

# tests that answer in memory make calls in their own process
ENABLED = True
_LENGTH = struct.Struct("<I")


class Answer(NamedTuple):
    """What came back, as `Session` reads it."""

    status_code: int
    content: bytes


class LostAnswerError(Exception):
    """There was no answer; the request may have been received all the same."""


class Journal:
    """The calls of one intent: each answer lies on disk before it is given.

    Attributes:
        is_lost: an earlier call of this intent brought nothing that could be used.
    """

    def __init__(self, path: Path, intent: str, lock: int) -> None:
        """Take where the answer lies, whose it is, and the lock that the caller holds."""
        self.path, self.intent, self.lock = path, intent, lock
        self.is_lost = False
        self._calls = 0

    def send(self, method: str, url: str, query: dict, body: object, headers: dict) -> Answer:
        """The recorded answer of this intent, if its asker died; else a call.

        Raises:
            LostAnswerError: no answer came.
        """
        self._calls += 1
        if self._calls == 1 and (recorded := _recorded(self.path, self.intent)):
            return recorded
        self.is_lost = self._calls > 1
        request = {
            "method": method,
            "url": url,
            "query": query,
            "body": base64.b64encode(body).decode() if isinstance(body, bytes) else None,
            "json": None if isinstance(body, bytes) else body,
            "headers": headers,
            "path": str(self.path),
            "intent": self.intent,
        }
        return _courier().carry(request, self.lock) if ENABLED else _perform(request)

    def forget(self) -> None:
        """The answer is kept elsewhere now."""
        self.path.unlink(missing_ok=True)


class _Courier:
    """The asker's end."""

    def __init__(self) -> None:
        mine, its = socket.socketpair()
        self.socket, self.lock = mine, threading.Lock()
        with its:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "extractors.core.courier"],
                stdin=its.fileno(),
                stdout=subprocess.DEVNULL,
                start_new_session=True,  # a kill of the asker's group does not reach it
            )

    def carry(self, request: dict, lock: int) -> Answer:
        message = orjson.dumps(request)
        with self.lock:
            try:
                socket.send_fds(self.socket, [_LENGTH.pack(len(message))], [lock])
                self.socket.sendall(message)
                reply = _exactly(self.socket, _LENGTH.unpack(_exactly(self.socket, 4))[0])
            except (OSError, EOFError) as error:
                _forget_courier(self)
                raise LostAnswerError(type(error).__name__) from None
        return _read_reply(reply)

    def close(self) -> None:
        self.socket.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=5)


def _courier() -> _Courier:
    global _OPEN
    with _OPEN_LOCK:
        if _OPEN is None:
            _OPEN = _Courier()
            atexit.register(_OPEN.close)
        return _OPEN


def _forget_courier(broken: _Courier) -> None:
    global _OPEN
    with _OPEN_LOCK:
        if _OPEN is broken:
            _OPEN = None
            atexit.unregister(broken.close)
    broken.close()


_OPEN: _Courier | None = None
_OPEN_LOCK = threading.Lock()


def _leave_to_parent() -> None:
    global _OPEN
    _OPEN = None


# a forked process must not speak on its parent's socket
os.register_at_fork(after_in_child=_leave_to_parent)


def _read_reply(reply: bytes) -> Answer:
    raw = orjson.loads(reply)
    if raw.get("lost"):
        raise LostAnswerError(raw["lost"])
    return Answer(raw["status"], base64.b64decode(raw["body"]))


def _recorded(path: Path, intent: str) -> Answer | None:
    try:
        raw = orjson.loads(path.read_bytes())
        return _read_reply(orjson.dumps(raw)) if raw["intent"] == intent else None
    except (FileNotFoundError, ValueError, KeyError):
        return None


def _perform(request: dict) -> Answer:
    """Make the call and put its answer on disk, synced, whole or not at all."""
    import requests

    from extractors.core.session import pool_of

    body = base64.b64decode(request["body"]) if request["body"] else request["json"]
    try:
        answer = pool_of(request["url"]).send(
            request["method"], request["url"], request["query"], body, request["headers"]
        )
        status, content = answer.status_code, answer.content
    except requests.RequestException as error:
        raise LostAnswerError(type(error).__name__) from None
    path = Path(request["path"])
    temporary = path.with_suffix(".half")
    with contextlib.suppress(FileNotFoundError):
        temporary.unlink()
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(handle, _reply(status, content, request["intent"]))
        os.fsync(handle)
    finally:
        os.close(handle)
    temporary.replace(path)
    return Answer(status, content)


def _reply(status: int, content: bytes, intent: str = "") -> bytes:
    body = base64.b64encode(content).decode()
    return orjson.dumps({"intent": intent, "status": status, "body": body})


def _exactly(connection: socket.socket, size: int) -> bytes:
    parts = []
    while size:
        part = connection.recv(min(size, 65_536))
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def serve(connection: socket.socket) -> None:
    """Carry call after call until the asker is gone."""
    while True:
        # the lock comes with the length: from here on it is held by this process too
        header, ancillary, _, _ = connection.recvmsg(
            _LENGTH.size, socket.CMSG_SPACE(array.array("i").itemsize)
        )
        if not header:
            return
        locks = array.array("i")
        for _, _, data in ancillary:
            locks.frombytes(data)
        try:
            header += _exactly(connection, _LENGTH.size - len(header))
            request = orjson.loads(_exactly(connection, _LENGTH.unpack(header)[0]))
            try:
                answer = _perform(request)
                reply = _reply(*answer)
            except LostAnswerError as error:
                reply = orjson.dumps({"lost": str(error)})
        except EOFError:
            return  # the asker died before it had asked
        finally:
            for lock in locks:
                os.close(lock)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(_LENGTH.pack(len(reply)) + reply)


if __name__ == "__main__":
    serve(socket.socket(fileno=0))
