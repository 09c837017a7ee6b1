"""Clients whose access tokens come from a refresh token that a person granted (OAuth).

A subclass says how one refresh is asked for; keeping the tokens, rotating them and getting over
lost answers is done here and in `grants`, once for all vendors.
"""

import threading
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import ClassVar
from urllib.parse import urlencode

from extractors.core.context import PullContext
from extractors.core.courier import Journal
from extractors.core.errors import ApiError
from extractors.core.grants import Grants, Renewed
from extractors.core.tokens import Minted, app_key
from extractors.core.vendor import TokenClient
from siyu.accounts import connection_id, environment_variable


class OAuthClient(TokenClient):
    """Base of the clients of ad platforms and of Douyin.

    The account's credential `refresh_token` is where the chain starts; what the vendor issues after
    that is kept by `Grants`. When a person authorises again and stores a new refresh token, a new
    chain starts.

    Attributes:
        token_url: the vendor's token server where it is another address than `base_url`.
        dead_codes: codes of a refresh that mean "this refresh token is spent, expired or unknown";
            empty: every refusal that waiting does not heal.
        renew_before: for vendors whose refresh token is swapped by a call of its own (`renew`):
            how long before its end.
    """

    token_url: ClassVar[str] = ""
    dead_codes: ClassVar[tuple[int, ...]] = ()
    renew_before: ClassVar[timedelta | None] = None

    def __init__(self, pull: PullContext, app_id: str, secret: str) -> None:
        """Take what names and opens the app; the refresh token comes from the credentials."""
        self._granted = pull.account.secret("refresh_token")
        self._where = pull.where
        self._variable = environment_variable(pull.account.source, pull.account.account)
        self._connection = connection_id(pull.account.source, pull.account.account)
        super().__init__(pull, app_id, secret, self._granted)
        self._grants = Grants.below(pull.tokens.folder)
        self._chain = app_key(pull.account.source, app_id, self._granted)
        self._carrying = threading.local()
        self.token_host = pull.account.base_url or self.token_url or self.base_url

    @abstractmethod
    def refresh(self, refresh_token: str) -> Minted:
        """Ask the vendor once for a token, usually by `ask_token`.

        Returns:
            The access token and its life, with the refresh token of the answer where it has one.
        """

    def renew(self, refresh_token: str) -> Renewed:
        """Swap the refresh token for one that lives longer; only with `renew_before`."""
        raise NotImplementedError

    def token(self, rejected: str | None = None) -> str:
        """The app's token; never the one that was just refused."""
        return self._grants.token(self._chain, self, self._clock.now, rejected=rejected)

    def mint(self, refresh_token: str | None, rejected: str | None) -> Minted:
        """One refresh."""
        del rejected
        return self.refresh(refresh_token or self._granted)

    def ask_token(
        self,
        path: str,
        *,
        method: str = "POST",
        body: dict | None = None,
        form: dict | None = None,
        query: dict | None = None,
    ) -> dict:
        """One call to the token server; returns the whole answer."""
        return self.session.call(
            method,
            path,
            verdict=self.token_verdict,
            params=lambda: query or {},
            body=urlencode(form).encode() if form else body,
            host=self.token_host,
            journal=getattr(self._carrying, "journal", None),
        )

    def token_verdict(self, answer: dict) -> int:
        """The code in an answer of the token server, where its envelope differs."""
        return self.verdict(answer)

    @contextmanager
    def carried(self, journal: Journal) -> Iterator[None]:
        """Let this thread's calls to the token server go through a journal."""
        self._carrying.journal = journal
        try:
            yield
        finally:
            self._carrying.journal = None

    @property
    def granted(self) -> str:
        """The refresh token that the credentials hold."""
        return self._granted

    def is_dead(self, error: ApiError) -> bool:
        """Whether a refused refresh means that its refresh token is of no use any more."""
        return error.code in self.dead_codes if self.dead_codes else True

    def how_to_authorise(self) -> str:
        """What a person must do when the chain is broken."""
        return (
            f"let the account's owner authorise the app again in {self.vendor}'s console, and "
            f"store the new refresh token in {self._variable} (or in the Airflow connection "
            f"{self._connection}). Nothing landed is damaged: the next pull goes on from the "
            "manifest. Do not repeat it before: other accounts are not concerned"
        )

    @property
    def where(self) -> str:
        """Source, account and stream, for messages."""
        return self._where
