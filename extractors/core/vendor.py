"""A client that authorises calls with a token, and replaces the token once when it is refused."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

from extractors.core.context import PullContext
from extractors.core.errors import (
    ApiError,
    AuthenticationError,
    MalformedAnswerError,
    Reaction,
    Rule,
)
from extractors.core.ratelimit import Rate
from extractors.core.session import Session
from extractors.core.tape import label
from extractors.core.tokens import Minted, app_key
from siyu.accounts import Account, environment_variable
from siyu.errors import ConfigurationError


class TokenClient(ABC):
    """Base of the vendors' clients.

    Attributes:
        vendor: its name in messages.
        rules: what its codes mean and what to do.
        rates: its limits per app and endpoint.
        base_url: its address where the account names none.
    """

    vendor: ClassVar[str]
    base_url: ClassVar[str]
    rules: ClassVar[dict[int, Rule]]
    rates: ClassVar[tuple[Rate, ...]]

    def __init__(self, pull: PullContext, app_id: str, *secrets: str) -> None:
        """Take the pull's limiter, tokens and clock, and what names and opens the app."""
        self._tokens, self._clock = pull.tokens, pull.clock
        self._app = app_key(pull.account.source, app_id, *secrets)
        self.session = Session(
            vendor=self.vendor,
            base_url=pull.account.base_url or self.base_url,
            app=f"{pull.account.source}|{app_id}",
            rules=self.rules,
            rates=self.rates,
            limiter=pull.limiter,
            clock=pull.clock,
            where=pull.where,
        )
        self.session.tape = pull.tape

    @property
    def requests(self) -> int:
        """Calls made so far."""
        return self.session.requests

    def call(
        self, method: str, path: str, *, query: dict | None = None, body: dict | None = None
    ) -> dict:
        """One authorised call; a refused token is replaced and the call repeated, once."""
        question = label(method, path, query, body)
        return self._renewing(lambda token: self._call(token, method, path, query, body, question))

    def download(self, path: str, query: dict) -> bytes:
        """One authorised GET of a file, with the same one replacement of a refused token."""
        return self._renewing(
            lambda token: self.session.download(
                path,
                verdict=self.verdict,
                params=lambda: {**query, **self.authorised(token)},
                headers=lambda: self.headers(token),
                question=label("FILE", path, query, None),
            )
        )

    def _renewing(self, ask: Callable[[str], Any]) -> Any:
        if self.session.tape.is_replay:
            return ask("")
        token = self.token()
        try:
            return ask(token)
        except ApiError as error:
            if error.reaction != Reaction.REFRESH_TOKEN:
                raise
        return ask(self.token(rejected=token))

    def token(self, rejected: str | None = None) -> str:
        """The app's token; never the one that was just refused."""
        return self._tokens.get(
            self._app,
            self._clock.now,
            lambda refresh_token: self.mint(refresh_token, rejected),
            rejected=rejected,
        )

    @abstractmethod
    def mint(self, refresh_token: str | None, rejected: str | None) -> Minted:
        """Ask the vendor for a token.

        Args:
            refresh_token: the newest one the vendor issued to us, if it issues any.
            rejected: the token it has just refused, if any.
        """

    @abstractmethod
    def verdict(self, answer: dict) -> int:
        """The vendor's code in an answer; 0 for yes."""

    def authorised(self, token: str) -> dict:
        """The query parameters that carry the token, made anew for each attempt."""
        return {"access_token": token}

    def headers(self, token: str) -> dict:
        """The headers that carry the token, where a vendor wants it there."""
        del token
        return {}

    def authorised_body(self, token: str, body: dict | bytes | None) -> dict | bytes | None:
        """The body with the token in it, where a vendor wants it there."""
        del token
        return body

    def _call(
        self,
        token: str,
        method: str,
        path: str,
        query: dict | None,
        body: dict | bytes | None,
        question: bytes,
    ) -> dict:
        return self.session.call(
            method,
            path,
            verdict=self.verdict,
            body=self.authorised_body(token, body),
            params=lambda: {**(query or {}), **self.authorised(token)},
            headers=lambda: self.headers(token),
            question=question,
        )


def option(pull: PullContext, name: str) -> str:
    """An account option that the vendor cannot do without."""
    if value := pull.account.options.get(name):
        return str(value)
    raise ConfigurationError(
        f"The account has no option '{name}'",
        where=f"{pull.account.source}/{pull.account.account}",
        action="add it under `options` in the accounts file; "
        "config/accounts.example.yml shows one of each source",
    )


def minted(
    vendor: str,
    answer: dict,
    *,
    life: str = "expires_in",
    token: str = "access_token",  # noqa: S107 - names of fields, not secrets
    refresh: str = "refresh_token",
    refresh_life: str = "refresh_token_expires_in",
) -> Minted:
    """The token of an answer, under the vendor's own field names.

    Raises:
        MalformedAnswerError: the answer says yes and gives none.
    """
    value, seconds = answer.get(token), answer.get(life) or 7200
    if not value:
        raise MalformedAnswerError(
            f"{vendor} gave no access token, and no error either",
            action="run the same command again; if it stays, look for a proxy that changes answers",
        )
    ends = answer.get(refresh_life)
    return Minted(
        str(value), float(seconds), answer.get(refresh) or None, float(ends) if ends else None
    )


def secret_refused(
    vendor: str, error: ApiError, codes: tuple[int, ...], account: Account
) -> ApiError:
    """For codes that mean a refused secret: an error that says where the secret is kept."""
    if error.code not in codes:
        return error
    variable = environment_variable(account.source, account.account)
    return AuthenticationError(
        error.what.replace(f"{vendor} refused the call", f"{vendor} refused the credentials"),
        where=error.where,
        code=error.code,
        reaction=error.reaction,
        action=f"check the ids in the accounts file and the secret in {variable} (or the Airflow "
        f"connection); do not repeat it before: failures in a row block this machine",
    )
