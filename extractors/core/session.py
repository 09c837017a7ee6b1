"""HTTP with retries: pooled connections, backoff with jitter, permits, holds. Knows no vendor.

Addresses carry tokens and secrets in their query, so no exception of `requests` is ever shown or
chained, and the connection log is scrubbed.
"""

import logging
import os
import re
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

import orjson
import requests
from tenacity import RetryCallState, Retrying, retry_if_exception_type
from tenacity.wait import wait_exponential_jitter
from urllib3.exceptions import HTTPError
from urllib3.util import parse_url

from extractors.core.clock import PullClock
from extractors.core.courier import Answer, Journal, LostAnswerError
from extractors.core.errors import (
    ApiError,
    MalformedAnswerError,
    Reaction,
    Rule,
    UnreachableError,
    api_error,
)
from extractors.core.lanes import lanes_of
from extractors.core.line import Line
from extractors.core.ratelimit import Rate, RateLimiter
from extractors.core.tape import Replay, Tape

TIMEOUT_SECONDS = (5, 60)
ATTEMPTS = 4
CROWDED_ATTEMPTS = 8
POOL = 32
_SECRET = re.compile(
    r"((?:access_token|corpsecret|secret|client_secret|refresh_token|key|appid|"
    r"corpid|client_id)=)[^&\s\"']+"
)


class _Transient(Exception):  # noqa: N818 - a signal between two functions, never seen outside
    def __init__(self, error: Exception) -> None:
        self.error = error


class _Held(Exception):  # noqa: N818 - likewise
    def __init__(self, error: ApiError, rule: Rule) -> None:
        self.error, self.rule = error, rule


class Session:
    """Calls of one app, counted; each answer is a JSON object whose verdict is 'yes'."""

    def __init__(
        self,
        *,
        vendor: str,
        base_url: str,
        app: str,
        rules: dict[int, Rule],
        rates: tuple[Rate, ...],
        limiter: RateLimiter,
        clock: PullClock,
        where: str,
    ) -> None:
        """Take what is the vendor's (rules, rates) and what is the pull's (limiter, clock)."""
        self.vendor, self.app, self.rules, self.rates = vendor, app, rules, rates
        self.base_url = base_url.rstrip("/")
        self.limiter, self.clock, self.where = limiter, clock, where
        self.requests = 0
        self._count = threading.Lock()
        self._pool = pool_of(self.base_url)
        self.tape: Tape | Replay | None = None
        self._retrying = Retrying(
            retry=retry_if_exception_type(_Transient),
            stop=_attempts_used_up,
            wait=wait_exponential_jitter(multiplier=0.5, max=30, jitter=0.5),
            sleep=clock.sleep,
            reraise=True,
        )

    def call(
        self,
        method: str,
        path: str,
        *,
        verdict: Callable[[dict], int],
        params: Callable[[], dict] = dict,
        headers: Callable[[], dict] = dict,
        body: dict | bytes | None = None,
        error: type[ApiError] = ApiError,
        host: str = "",
        journal: Journal | None = None,
        question: bytes = b"",
    ) -> dict:
        """Ask until there is an answer.

        Args:
            method: GET or POST.
            path: below the base address; also the endpoint that permits are counted for.
            verdict: reads the vendor's code from an answer, 0 for yes.
            params: makes the query anew for each attempt (tokens, nonces).
            headers: likewise, for vendors that want the token there.
            body: sent as raw UTF-8 JSON: some endpoints refuse escapes; bytes are sent as they are,
                as a form.
            error: class of the error when the vendor refuses.
            host: another base address than the session's: the vendor's token server.
            journal: carries a call whose answer must not be lost.
            question: names the call on the tape of the pull's pages; calls without are not kept.

        Raises:
            ApiError: the vendor refused, with code, meaning and advice.
            UnreachableError: no answer, or only server errors, after all attempts.
            MalformedAnswerError: no JSON object, after all attempts.
        """
        asked = (method, path, verdict, params, headers, body, error, host, journal, question)
        return self._patiently(path, self._once, *asked)

    def download(
        self,
        path: str,
        *,
        verdict: Callable[[dict], int],
        params: Callable[[], dict] = dict,
        headers: Callable[[], dict] = dict,
        question: bytes = b"",
    ) -> bytes:
        """GET a file; an answer that is a JSON object is the vendor's refusal.

        Raises:
            ApiError: the vendor refused.
            UnreachableError: no answer, or only server errors, after all attempts.
            MalformedAnswerError: a JSON object that says yes and is no file, or nothing at all.
        """
        return self._patiently(path, self._file, path, verdict, params, headers, question)

    def _patiently(self, path: str, attempt: Callable, *arguments: object) -> Any:
        holds = 0
        while True:
            try:
                return self._repeatedly(attempt, *arguments)
            except _Transient as transient:
                raise transient.error from None
            except _Held as held:
                if holds >= len(held.rule.block_seconds):
                    raise held.error from None
                self.limiter.block(self.app, path, self.rates, held.rule.block_seconds[holds])
                holds += 1

    def _repeatedly(self, attempt: Callable, *arguments: object) -> Any:
        try:
            return attempt(*arguments)
        except _Transient as transient:
            failed: list[_Transient] = [transient]

        # tenacity costs as much as a whole call: it is begun when there is something to repeat
        def again() -> Any:
            if failed:
                raise failed.pop()
            return attempt(*arguments)

        return self._retrying(again)

    def _once(
        self,
        method: str,
        path: str,
        verdict: Callable[[dict], int],
        params: Callable[[], dict],
        headers: Callable[[], dict],
        body: dict | bytes | None,
        error: type[ApiError],
        host: str,
        journal: Journal | None,
        question: bytes,
    ) -> dict:
        where = f"{self.where} {path}"
        if question and self.tape and self.tape.is_replay:
            content = self.tape.answer(question, where)
        else:
            content = self._content(method, path, params, headers, body, host, journal)
        parsed, code = self._verdict(content, verdict, where)
        reaction = self.rules[code].reaction if code in self.rules else Reaction.STOP
        lanes = lanes_of(self.app, path)
        lanes.crowded() if reaction == Reaction.CROWDED and code else lanes.went_well()
        if not code or reaction in _KEPT:
            self._keep(question, content)
        if code:
            self._refuse(code, where, error)
        return parsed

    def _keep(self, question: bytes, content: bytes) -> None:
        if question and self.tape and not self.tape.is_replay:
            self.tape.record(question, content)

    def _file(
        self,
        path: str,
        verdict: Callable[[dict], int],
        params: Callable[[], dict],
        headers: Callable[[], dict],
        question: bytes,
    ) -> bytes:
        where = f"{self.where} {path}"
        if question and self.tape and self.tape.is_replay:
            return self.tape.answer(question, where)
        content = self._content("GET", path, params, headers, None)
        if content and not content.lstrip().startswith(b"{"):
            self._keep(question, content)
            return content
        _, code = self._verdict(content, verdict, where)
        if code:
            self._refuse(code, where, ApiError)
        raise _Transient(
            MalformedAnswerError(
                f"{self.vendor} gave no file, and no error either",
                where=where,
                action="run the same command again; nothing of this pull was landed",
            )
        )

    def _content(
        self,
        method: str,
        path: str,
        params: Callable[[], dict],
        headers: Callable[[], dict],
        body: dict | bytes | None,
        host: str = "",
        journal: Journal | None = None,
    ) -> bytes:
        taken_at = self.limiter.acquire(self.app, path, self.rates)
        with self._count:
            self.requests += 1
        where = f"{self.where} {path}"
        base_url = host.rstrip("/") or self.base_url
        send = (journal or (pool_of(base_url) if host else self._pool)).send
        try:
            with lanes_of(self.app, path).one():
                answer = send(method, base_url + path, params(), body, headers())
            self.limiter.answered(self.app, path, self.rates, taken_at)
        except (requests.RequestException, LostAnswerError) as failure:
            raise _Transient(
                UnreachableError(
                    f"{self.vendor} cannot be reached ({_kind(failure)})",
                    where=f"{where} at {urlsplit(base_url).netloc}",
                    action="check the address in the accounts file, the network and the proxy, "
                    "then run the same command again",
                )
            ) from None
        if answer.status_code >= 400:
            failed = UnreachableError(
                f"{self.vendor} answers with HTTP {answer.status_code}",
                where=where,
                action="run the same command again in some minutes"
                if answer.status_code >= 429
                else "check the base address in the accounts file: the path does not exist there",
            )
            raise (
                _Transient(failed)
                if answer.status_code in (408, 429) or answer.status_code >= 500
                else failed
            )
        return answer.content

    def _verdict(
        self, content: bytes, verdict: Callable[[dict], int], where: str
    ) -> tuple[dict, int]:
        try:
            parsed = orjson.loads(content)
            if not isinstance(parsed, dict):
                raise TypeError
            return parsed, verdict(parsed)
        except (ValueError, TypeError):
            raise _Transient(
                MalformedAnswerError(
                    f"{self.vendor} sent an answer that is not a JSON object "
                    f"({len(content)} bytes)",
                    where=where,
                    action="nothing of this pull was landed; run the same command again, "
                    "and if it stays, look for a proxy that changes answers",
                )
            ) from None

    def _refuse(self, code: int, where: str, kind: type[ApiError]) -> None:
        refused = api_error(self.vendor, self.rules, code, where, kind)
        if refused.reaction in (Reaction.BACKOFF, Reaction.CROWDED):
            raise _Transient(refused)
        if refused.reaction == Reaction.WAIT:
            raise _Held(refused, self.rules[code])
        raise refused


# refusals that a stream may read something from; the others are asked again, or end the pull
_KEPT = (Reaction.STOP, Reaction.EMPTY, Reaction.NOT_READY)


def _attempts_used_up(state: RetryCallState) -> bool:
    failed = state.outcome.exception() if state.outcome else None
    error = failed.error if isinstance(failed, _Transient) else None
    # the number of calls at once halves with each such answer: from 32 to one in five steps
    is_crowded = isinstance(error, ApiError) and error.reaction == Reaction.CROWDED
    return state.attempt_number >= (CROWDED_ATTEMPTS if is_crowded else ATTEMPTS)


def _kind(failure: Exception) -> str:
    # only the class: the text holds the address, and the address holds the secret
    return str(failure) if isinstance(failure, LostAnswerError) else type(failure).__name__


_HEADERS = {
    "User-Agent": "siyu",
    "Accept": "application/json",
    "Accept-Encoding": "gzip, deflate",
}


class _Pool:
    """Connections to one address. A request is put together here and handed to the adapter.

    `Session.request` merges settings, cookies, hooks and environment for every call, which costs
    more than the call itself; none of them is used here, and redirects are not followed.
    """

    def __init__(self, base_url: str) -> None:
        self.adapter = Line(pool_connections=1, pool_maxsize=POOL)
        # as urllib3 writes it: lower case, IDNA, no user
        self.host = parse_url(base_url)._replace(auth=None).netloc
        # looked up once here instead of on every call
        self.proxies = requests.utils.get_environ_proxies(base_url)
        self.verify = os.environ.get("REQUESTS_CA_BUNDLE") or True

    def send(
        self, method: str, url: str, query: dict, body: dict | bytes | None, headers: dict
    ) -> Answer:
        request = requests.PreparedRequest()
        request.method, request.url = method, f"{url}?{urlencode(query)}" if query else url
        request.headers = {"Host": self.host, **_HEADERS, **headers}
        if body is not None:
            is_form = isinstance(body, bytes)
            request.body = body if is_form else orjson.dumps(body)
            request.headers["Content-Type"] = (
                "application/x-www-form-urlencoded" if is_form else "application/json"
            )
            request.headers["Content-Length"] = str(len(request.body))
        answer = self.adapter.send(
            request,
            timeout=TIMEOUT_SECONDS,
            verify=self.verify,
            proxies=self.proxies,
            stream=True,
        )
        try:
            # in one piece: `Response.content` puts it together from pieces of 10 KB
            return Answer(answer.status_code, answer.raw.read(decode_content=True))
        except HTTPError as error:
            raise requests.ConnectionError(type(error).__name__) from None
        finally:
            answer.close()


_POOLS: dict[str, _Pool] = {}
_POOLS_LOCK = threading.Lock()


def pool_of(url: str) -> _Pool:
    """One pool per address and process, kept between pulls."""
    base_url = "{0.scheme}://{0.netloc}".format(urlsplit(url))
    with _POOLS_LOCK:
        return _POOLS.setdefault(base_url, _POOLS.get(base_url) or _Pool(base_url))


class _Scrub(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = _SECRET.sub(r"\1***", record.getMessage()), ()
        return True


logging.getLogger("urllib3.connectionpool").addFilter(_Scrub())
# a forked worker must not share sockets with its parent
os.register_at_fork(after_in_child=_POOLS.clear)
