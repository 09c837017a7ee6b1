"""WeCom's event callbacks: what happens in the world is posted to the receiver as it becomes known.

Whenever the clock has moved, the events in between are sent in their order by one thread, so that
the receiver may call the sandbox meanwhile. A receiver that does not answer with status 200 within
five seconds gets the event three more times, then it is lost, as it is with the real platform.
"""

import asyncio
import contextlib
import queue
import secrets
import threading
import time
from collections import Counter
from datetime import datetime
from typing import Any

import numpy as np
import requests
from starlette.requests import Request

from sandbox.faults import effective
from sandbox.state import State
from sandbox.timeline import day_number, to_ms
from sandbox.vendors.wecom_crypto import CallbackCrypto
from sandbox.vendors.wecom_door import ACCOUNT, CORPID
from sandbox.vendors.wecom_events import envelope, event_xml
from siyu.errors import SiyuError, UsageError

CALLBACK_TOKEN = "sandboxCallbackToken"  # noqa: S105 - protects made-up data only
CALLBACK_AES_KEY = "0Ks4oL0tVb5gWVJzNHDEhqedHkwXlciMcpdF2O3rgss"
TIMEOUT_SECONDS = 5.0
RETRIES = 3
# a move of the clock answers after this even if the receiver is still busy
_PATIENCE_SECONDS = 30.0


class Callbacks:
    """The sender; the address and how far it got survive a restart."""

    def __init__(
        self, state: State, url: str | None = None, *, timeout_seconds: float = TIMEOUT_SECONDS
    ) -> None:
        """What happened before the first start was told to nobody."""
        self.state = state
        self.crypto = CallbackCrypto(CALLBACK_TOKEN, CALLBACK_AES_KEY, CORPID)
        self.counts: Counter[str] = Counter()
        self._timeout = timeout_seconds
        self._queue: queue.Queue[int] = queue.Queue()
        self._thread: threading.Thread | None = None
        self._http = requests.Session()
        self._http.trust_env = False  # the receiver is near; no proxy
        self._is_down = False
        self._told: np.ndarray | None = None
        if url is not None:
            state.kept["callback_url"] = url
        state.kept.setdefault("callbacks_until_ms", state.now_ms)

    @property
    def url(self) -> str | None:
        """Where events go; None for nowhere."""
        return self.state.kept.get("callback_url")

    # ---------------------------------------------------------------------------- what is due
    def _known_ms(self) -> np.ndarray:
        """When each event becomes known under the present faults."""
        happened = self.state.world.callback_events.happened_ms
        held = self.state.faults_of("wecom", ACCOUNT, "callback_event")
        return effective(held, happened, day_number(happened))

    def collect(self) -> int:
        """Queue what has become known since the last time; how many events that were."""
        state = self.state
        if self.url is None and self._told is None:
            state.kept["callbacks_until_ms"] = state.now_ms
            return 0
        known = self._known_ms()
        if self._told is None:
            self._told = known <= state.kept["callbacks_until_ms"]
        due = np.flatnonzero((known <= state.now_ms) & ~self._told)
        self._told[due] = True
        state.kept["callbacks_until_ms"] = state.now_ms
        if self.url is None:
            return 0
        for row in due[np.argsort(known[due], kind="stable")].tolist():
            self._queue.put(row)
        if len(due) and self._thread is None:
            self._thread = threading.Thread(target=self._work, daemon=True)
            self._thread.start()
        return len(due)

    def take_back(self) -> None:
        """The clock went back: what is later than now has not been told."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._queue.get_nowait()
                self._queue.task_done()
        self.state.kept["callbacks_until_ms"] = self.state.now_ms
        self._told = None

    async def settled(self) -> None:
        """Wait until the queue is empty, but not for ever."""
        for _ in range(int(_PATIENCE_SECONDS / 0.01)):
            if not self._queue.unfinished_tasks:
                return
            await asyncio.sleep(0.01)

    # -------------------------------------------------------------------------------- sending
    def _work(self) -> None:
        while True:
            row = self._queue.get()
            try:
                if self.url is not None:
                    self._tell(self.url, row, self.counts)
            finally:
                self._queue.task_done()

    def _tell(self, url: str, row: int, counts: Counter[str]) -> None:
        """Send one event, some of them twice."""
        events = self.state.world.callback_events
        plain = event_xml(self.state.world, row)
        copies = 2 if events.is_sent_twice[row] else 1
        for copy in range(copies):
            if self._post(url, plain, counts):
                counts["repeated" if copy else "sent"] += 1
            elif not copy:
                counts["failed"] += 1

    def _signed(self, encrypted: str) -> dict[str, str]:
        """Query parameters; their time is the real one of sending, which receivers check."""
        return self.crypto.query(str(int(time.time())), secrets.token_hex(5), encrypted)

    def _post(self, url: str, plain: str, counts: Counter[str]) -> bool:
        encrypted = self.crypto.encrypt(plain)
        query = self._signed(encrypted)
        body = envelope(encrypted).encode()
        # who has just failed on everything is tried once, until it answers again
        for attempt in range(1 if self._is_down else 1 + RETRIES):
            counts["retries"] += attempt > 0
            try:
                answer = self._http.post(
                    url,
                    params=query,
                    data=body,
                    headers={"Content-Type": "text/xml"},
                    timeout=self._timeout,
                )
            except requests.RequestException:
                continue
            if answer.status_code == 200:
                self._is_down = False
                return True
        self._is_down = True
        return False

    def verify(self, url: str) -> None:
        """Ask the receiver to decrypt an `echostr`, as saving the address does.

        Raises:
            UsageError: it does not answer, or not with the plain text.
        """
        plain = str(secrets.randbelow(9 * 10**18) + 10**18)
        encrypted = self.crypto.encrypt(plain)
        query = self._signed(encrypted)
        try:
            answer = self._http.get(url, params=query | {"echostr": encrypted}, timeout=5)
            said = answer.text if answer.status_code == 200 else f"HTTP {answer.status_code}"
        except requests.RequestException as error:
            said = type(error).__name__
        if said != plain:
            raise UsageError(
                f"The receiver did not give back the decrypted echostr: {said[:200]}",
                where=url,
                action="start it with the token and EncodingAESKey of /_sandbox/accounts",
            )

    def send_window(self, url: str, first_ms: int, last_ms: int) -> dict:
        """Send all events of a window (its end excluded) that have happened, once more."""
        happened = self.state.world.callback_events.happened_ms
        ends = (first_ms, min(last_ms, self.state.now_ms + 1))
        counts: Counter[str] = Counter()
        self._is_down = False
        for row in range(*np.searchsorted(happened, ends).tolist()):
            self._tell(url, row, counts)
            if self._is_down:
                raise SiyuError(
                    f"The receiver does not take the events ({counts['sent']} sent before)",
                    where=url,
                    action="look at its log; WeCom wants status 200 within 5 s",
                )
        return {"url": url, **{k: counts[k] for k in ("sent", "repeated", "retries")}}

    # -------------------------------------------------------------------------------- control
    def status(self) -> dict:
        """Where events go and how that went."""
        names = ("sent", "repeated", "retries", "failed")
        return {
            "url": self.url,
            **{name: self.counts[name] for name in names},
            "waiting": self._queue.unfinished_tasks,
        }

    async def control(self, request: Request, body: dict) -> dict:
        """`/_sandbox/callback`: read it, set the address (verified first), or switch it off."""
        if request.method == "PUT":
            url = body.get("url")
            if url is not None and not _is_address(url):
                raise UsageError(f"'{url}' is no address", action="give http://host:port/path")
            if url is not None and body.get("verify", True):
                await asyncio.to_thread(self.verify, url)
            self.collect()  # what happened until now goes where it went until now
            self.state.kept["callback_url"] = url
            self._is_down = False
            self.collect()
            self.state.save()
        return self.status()

    async def control_resend(self, _: Request, body: dict) -> dict:
        """`/_sandbox/callback/resend`: a window once more, to any address."""
        url = body.get("url") or self.url
        if not _is_address(url):
            raise UsageError("There is no address to send to", action="give --url")
        ends = []
        for name in ("from", "to"):
            try:
                ends.append(to_ms(datetime.fromisoformat(body[name]).astimezone()))
            except (KeyError, TypeError, ValueError):
                raise UsageError(
                    f"'{name}' is no moment", action="give ISO 8601 with an offset"
                ) from None
        return await asyncio.to_thread(self.send_window, url, *ends)


def _is_address(url: Any) -> bool:
    return isinstance(url, str) and url.startswith(("http://", "https://"))
