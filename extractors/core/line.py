"""`requests`' adapter for one address: what is the same for every call is settled once.

`requests` looks up proxies, certificates and the pool of the address anew for every call; where
answers are small, that is a good part of the call.
"""

from typing import Any

from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool


class Line(HTTPAdapter):
    """The adapter for one address, one set of proxies and one set of certificates."""

    _found: HTTPConnectionPool | None = None

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
