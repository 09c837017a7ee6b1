"""Connections that `requests` uses, with less done per call.

`requests`, urllib3 and `http.client` settle proxies, certificates, addresses and header syntax anew
for every call; with small answers that takes longer than everything else a pull does. Here it is
done once per address, and the plain answer (HTTP/1.1 with its length told) is read in one step.
Every other answer, and everything that goes wrong, is left to `http.client` and urllib3.
"""

import http.client
import re
from typing import Any, NamedTuple

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPHeaderDict, HTTPResponse, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

_STATUS = re.compile(rb"HTTP/1\.1 ([2-9]\d\d) ?([^\r\n]*)$")
# names are tokens; a line that begins with a space goes on with the one before
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n]*)$")
_LENGTH = re.compile(r"[0-9]{1,18}$")
_BODILESS = (204, 304)


class _Reply(http.client.HTTPResponse):
    """Reads the head of a plain answer without the parser of e-mails."""

    def begin(self) -> None:
        """Read status and headers."""
        if self.headers is not None or not self._begin_plainly():
            super().begin()

    def _begin_plainly(self) -> bool:
        # looks at what has come without taking it, so that `http.client` can begin anew
        head, end, _ = self.fp.peek().partition(b"\r\n\r\n")
        first, *lines = head.split(b"\r\n")
        status, headers = _STATUS.match(first), http.client.HTTPMessage()
        if not end or not status:
            return False
        for line in lines:
            header = _HEADER.match(line)
            if not header:
                return False
            name, value = header[1].decode(), header[2].decode("latin-1")
            headers.set_raw(name, value)
        lengths, code = headers.get_all("Content-Length", []), int(status[1])
        if len(lengths) != 1 or not _LENGTH.match(lengths[0]) or "Transfer-Encoding" in headers:
            return False
        if code in _BODILESS or self._method == "HEAD":
            return False
        self.fp.read(len(head) + len(end))
        self.code, self.status, self.version = code, code, 11
        self.reason = status[2].decode("latin-1").strip()
        self.headers = self.msg = headers
        self.length, self.chunked, self.will_close = int(lengths[0]), False, self._check_close()
        return True


class _Answer(HTTPResponse):
    """One that came over a connection of this module."""


class _Exchange:
    """One request in one packet, and its answer."""

    def request(
        self,
        method: str,
        url: str,
        body: bytes | None = None,
        headers: Any = None,
        **options: Any,
    ) -> None:
        """Send a request whose headers are complete."""
        del options
        lines = [f"{method} {url} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items())]
        if any("\r" in line or "\n" in line for line in lines):
            raise ValueError("A header has a line break")
        if self.sock is None:
            self.connect()
        self.sock.settimeout(self.timeout)
        self._asked = method, url
        self.sock.sendall("\r\n".join((*lines, "\r\n")).encode("latin-1") + (body or b""))

    def getresponse(self) -> HTTPResponse:
        """Read the answer's head; its body is read by whoever wants it."""
        self.sock.settimeout(self.timeout)
        method, url = self._asked
        reply = _Reply(self.sock, method=method)
        try:
            reply.begin()
        except BaseException:
            reply.close()
            self.close()
            raise
        if reply.will_close:
            self.close()  # the reply keeps the socket until it is read
        return _Answer(
            body=reply,
            headers=HTTPHeaderDict(reply.headers.items()),
            status=reply.status,
            version=reply.version,
            reason=reply.reason,
            preload_content=False,
            decode_content=False,
            original_response=reply,
            request_method=method,
            request_url=url,
        )


class _Connection(_Exchange, HTTPConnection):
    pass


class _SecureConnection(_Exchange, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class Given(NamedTuple):
    """An answer whose body waits to be read, as far as `Session` looks at it."""

    status_code: int
    raw: HTTPResponse

    def close(self) -> None:
        """Give the connection back; one whose answer was not read is closed."""
        self.raw.close()
        self.raw.release_conn()


class Line(HTTPAdapter):
    """`requests`' adapter for one address, one set of proxies and one set of certificates."""

    _found: HTTPConnectionPool | None = None

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Let the pools have the connections of this module; those to proxies stay as they are."""
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}

    def get_connection_with_tls_context(self, *arguments: Any, **options: Any) -> Any:
        """The pool of the address, looked up once."""
        if self._found is None:
            self._found = super().get_connection_with_tls_context(*arguments, **options)
        return self._found

    def request_url(self, request: PreparedRequest, proxies: dict | None) -> str:
        """What stands in the request's first line."""
        if proxies:
            return super().request_url(request, proxies)
        return "/" + request.url.split("/", 3)[3]

    def build_response(self, req: PreparedRequest, resp: HTTPResponse) -> Given | Response:
        """The answer without cookies, history and guessed encodings: nobody asks for them."""
        if isinstance(resp, _Answer):
            return Given(resp.status, resp)
        return super().build_response(req, resp)
