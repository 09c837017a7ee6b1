"""A vendor that rotates refresh tokens, on a port of its own, and a client of it."""

import json
import os
import signal
import sys
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

from extractors.core import courier, grants
from extractors.core.clock import PullClock
from extractors.core.errors import Reaction, Rule
from extractors.core.oauth import OAuthClient
from extractors.core.ratelimit import Rate, RateLimiter
from extractors.core.tape import Tape
from extractors.core.tokens import TokenCache
from extractors.core.vendor import minted
from siyu.accounts import Account

NOW = datetime(2026, 4, 14, 2, 30, tzinfo=UTC)
SPENT = 40107


class Vendor:
    """Each refresh voids the old pair: at once (strict), or when the new one is used (lenient).

    Attributes:
        on_rotated: called after the tokens were rotated and before the answer leaves.
    """

    def __init__(self, *, is_strict=True):
        self.is_strict, self.calls, self.number = is_strict, [], 0
        self.refresh_token, self.access_token, self.before = "granted", "", None
        self.on_rotated = lambda: None
        self.lock = threading.Lock()

    def refresh(self, token):
        with self.lock:
            self.calls.append(token)
            if token == self.refresh_token:
                self.before = None if self.is_strict else token
            elif token != self.before:
                return {"code": SPENT}
            self.number += 1
            self.refresh_token = f"refresh-{self.number}"
            self.access_token = f"access-{self.number}"
            data = {
                "access_token": self.access_token,
                "expires_in": 86400,
                "refresh_token": self.refresh_token,
                "refresh_token_expires_in": 2592000,
            }
        self.on_rotated()
        return {"code": 0, "data": data}

    @contextmanager
    def serving(self):
        vendor = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                content = json.dumps(vendor.refresh(body["refresh_token"])).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


class Client(OAuthClient):
    vendor = "Strict Ads"
    base_url = "http://unused.test"
    rules = {SPENT: Rule("spent"), 50000: Rule("busy", Reaction.BACKOFF)}  # noqa: RUF012
    rates = (Rate(1000, 60),)
    dead_codes = (SPENT,)

    def refresh(self, refresh_token):
        answer = self.ask_token("/refresh", body={"refresh_token": refresh_token})
        return minted(self.vendor, answer["data"])

    def verdict(self, answer):
        return answer["code"]


def client(folder, url, *, after=timedelta(), granted="granted", kind=Client):
    """A client as a pull makes it, `after` so long."""
    clock = PullClock(NOW + after)
    clock.sleep = lambda _: None
    account = Account("oceanengine", "30001", url, "", {}, {"refresh_token": granted})
    pull = SimpleNamespace(
        account=account,
        tokens=TokenCache(Path(folder) / "tokens"),
        clock=clock,
        limiter=RateLimiter(Path(folder) / "limits", clock.wall, lambda _: None),
        tape=Tape(),
        where="oceanengine/30001 project_report",
    )
    grants._OPEN.clear()  # as another process would see it
    return kind(pull, "1", "s")


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def kill_at(step):
    """Let this process be killed at a step of its next refresh."""
    write, carry, forget = grants.write, courier._Courier.carry, courier.Journal.forget
    writes = []

    def writing(path, grant):
        writes.append(grant)
        if step == "before the intent":
            die()
        if step == "half of the answer saved" and len(writes) == 2:
            path.with_suffix(".new").write_bytes(b'{"access_token": "acc')
            die()
        if step == "saved, not in place" and len(writes) == 2:
            Path.replace = lambda *_: die()
        write(path, grant)
        if step == "the intent noted" and len(writes) == 1:
            die()
        if step == "saved" and len(writes) == 2:
            die()

    def carrying(self, request, lock):
        if step == "while the vendor answers":
            threading.Thread(target=lambda: (time.sleep(0.6), die())).start()
        answer = carry(self, request, lock)
        if step == "answered, not saved":
            die()
        return answer

    def forgetting(self):
        forget(self)
        if step == "the answer let go":
            die()

    grants.write, courier._Courier.carry = writing, carrying
    courier.Journal.forget = forgetting


if __name__ == "__main__":
    kill_at(sys.argv[3])
    sys.stdout.write(client(sys.argv[1], sys.argv[2]).token())
