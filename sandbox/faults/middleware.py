"""Between the line and the vendors: every fault that shows in answers is made here."""

from collections.abc import Callable, Iterable
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qsl, urlencode

import orjson

from sandbox.faults.answers import NEVER_IN_ANSWERS, AnswerFaults, is_refusal, moved_call
from sandbox.faults.endpoints import Call, source_of, stream_of
from sandbox.faults.envelopes import CODES
from sandbox.faults.model import Fault
from sandbox.faults.protocol import LINE, Answer, Hit, Protocol, Receive, Send, break_line
from sandbox.state import State

Accounts = Callable[[], Iterable[tuple[str, str, dict[str, str]]]]


class FaultMiddleware:
    """Wraps the application; without faults it only writes the virtual Date."""

    def __init__(self, app: Callable, state: State, accounts: Accounts) -> None:
        """`accounts` gives (source, account, options) when it is first needed."""
        self._app, self._state, self._accounts = app, state, accounts
        self._answers, self._protocol = AnswerFaults(), Protocol(state)
        self._names: dict[str, dict[str, str]] | None = None
        self._date: tuple[int, bytes] = (-1, b"")

    async def __call__(self, scope: dict, receive: Receive, send: Send) -> None:
        """One request."""
        # these kinds only change when a fact becomes visible: the vendors see to that
        is_plain = scope["type"] != "http" or all(
            fault.kind in ("freeze", "shift") for fault in self._state.faults
        )
        if is_plain or scope["path"].startswith(("/_sandbox", "/robot", "/cgi-bin/webhook")):
            await self._app(scope, receive, self._dated(send))
            return
        body = b""
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
        call = Call(
            scope["path"],
            dict(parse_qsl(scope["query_string"].decode(), keep_blank_values=True)),
            {k.decode().lower(): v.decode() for k, v in scope["headers"]},
            body,
        )
        sources = source_of(call, frozenset(self._appids()))
        account = self._account_of(call, sources)
        stream = stream_of(sources[0], call) if sources else ""
        hit, source = self._protocol.hit(call, sources, account, stream)
        dead = self._dead(sources, account, stream) if not call.is_authorisation else None
        if dead is not None:
            hit, source = dead, sources[0]
        await self._serve(scope, receive, send, call, account, stream, hit, source)

    async def _serve(
        self,
        scope: dict,
        receive: Receive,
        send: Send,
        call: Call,
        account: str,
        stream: str,
        hit: Hit | None,
        source: str,
    ) -> None:
        if hit and hit.kind in ("timeout", "reset"):
            await break_line(hit, None, receive, send)
            return
        if hit and hit.kind == "token_death":
            self._protocol.kill_token(call)
        answer = self._protocol.refusal(hit, source) if hit else None
        if answer is None:
            answer = await self._faulty(scope, call, account, stream, source)
            if hit is None or hit.kind != "duplicate_page":
                self._protocol.remember(call, account, answer)
            if hit and hit.kind not in (*LINE, "token_death"):
                answer = self._protocol.changed(hit, call, account, answer)
        skew = int(hit.fault.number("skew", 3600)) if hit and hit.kind == "clock_skew" else 0
        answer.headers.append((b"date", self._date_text(skew)))
        if hit and hit.kind in LINE:
            await break_line(hit, answer, receive, send)
            return
        await send(
            {"type": "http.response.start", "status": answer.status, "headers": answer.headers}
        )
        await send({"type": "http.response.body", "body": answer.body})

    # ----------------------------------------------------------------------------- the vendors
    async def _ask(self, scope: dict, call: Call) -> Answer:
        """What the vendor answers to a call, whole."""
        given = Answer(500, [], b"")
        query = urlencode(call.query).encode() if call.query else scope["query_string"]
        kept = [(k, v) for k, v in scope["headers"] if k != b"content-length"]
        headers = [*kept, (b"content-length", str(len(call.body)).encode())]

        async def receive() -> dict:
            return {"type": "http.request", "body": call.body, "more_body": False}

        async def send(message: dict) -> None:
            if message["type"] == "http.response.start":
                given.status, given.headers = message["status"], list(message["headers"])
            else:
                given.body += message.get("body", b"")

        await self._app({**scope, "query_string": query, "headers": headers}, receive, send)
        return given

    async def _faulty(
        self, scope: dict, call: Call, account: str, stream: str, source: str
    ) -> Answer:
        """The vendor's answer under the data faults of its stream."""
        answer = await self._ask(scope, call)
        faults = [
            fault
            for fault in self._state.faults_of(source, account, stream)
            if stream and fault.kind not in NEVER_IN_ANSWERS and self._runs(fault)
        ]
        document = answer.document if faults else None
        if not faults or answer.status != 200 or is_refusal(document):
            return answer

        async def again(days: int) -> Any:
            other = (await self._ask(scope, moved_call(call, days))).document
            return None if is_refusal(other) else other

        now_ms = self._state.now_ms
        document, changed = await self._answers.apply(faults, call, document, now_ms, again)
        for fault in faults:
            self._count(fault)
        return answer.with_body(orjson.dumps(document)) if changed else answer

    def _runs(self, fault: Fault) -> bool:
        return max(fault.from_ms, fault.added_ms) <= self._state.now_ms < fault.released_ms

    def _count(self, narrowed: Fault) -> None:
        """A narrowed copy counts for the fault it was made of."""
        for fault in self._state.faults:
            if fault.id == narrowed.id:
                fault.seen += 1
                fault.hits = max(fault.hits, narrowed.hits)

    def _dead(self, sources: tuple[str, ...], account: str, stream: str) -> Hit | None:
        """The first fault by which this account's endpoints are dead now."""
        for source in sources:
            for fault in self._state.faults_of(source, account, stream):
                if fault.kind == "dead" and fault.is_on(self._state.now_ms):
                    fault.hits += 1  # what is dead answers nothing right
                    self._count(fault)
                    mode = fault.params.get("mode", "refuse")
                    kinds = {"silent": "timeout", "reset": "reset"}
                    return Hit(fault, kinds.get(mode, f"code:{CODES[source][0]}"))
        return None

    # -------------------------------------------------------------------------------- accounts
    def _load(self) -> dict[str, dict[str, str]]:
        if self._names is None:
            self._names = {}
            for source, account, options in self._accounts():
                names = self._names.setdefault(source, {})
                for value in options.values():
                    # what two accounts share (an app) names neither
                    is_shared = names.get(value, account) != account
                    names[value] = "" if is_shared else account
        return self._names

    def _appids(self) -> list[str]:
        return [value for value, account in self._load().get("wechat_store", {}).items() if account]

    def _account_of(self, call: Call, sources: tuple[str, ...]) -> str:
        """The account a call is for: the only one of the source, or the one it names."""
        if not sources:
            return ""
        names = self._load().get(sources[0], {})
        accounts = {account for account in names.values() if account}
        if len(accounts) == 1:
            return accounts.pop()
        named = {names[value] for value in call.values() & names.keys()} - {""}
        return named.pop() if len(named) == 1 else ""

    # ------------------------------------------------------------------------------------ date
    def _date_text(self, skew_seconds: int = 0) -> bytes:
        now = self._state.now_ms // 1000 + skew_seconds
        if self._date[0] != now:
            self._date = (now, formatdate(now, usegmt=True).encode())
        return self._date[1]

    def _dated(self, send: Send) -> Send:
        date = self._date_text()

        async def dated(message: dict) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"date", date)]
            await send(message)

        return dated
