"""Which accounts are pulled, and the credentials of each.

Accounts are one line each in `config/accounts.yml`; their secrets come from the environment or,
inside Airflow, from the connection `siyu_<source>_<account>`. With `SIYU_SANDBOX_URL` set, the
sandbox's own list is used instead, so that a newcomer configures nothing.
"""

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field

import yaml

from siyu.errors import ConfigurationError, UsageError
from siyu.settings import SANDBOX_PSEUDONYM_KEY, Settings


@dataclass(frozen=True)
class Account:
    """One account of one source: where it answers, and what opens it."""

    source: str
    account: str
    base_url: str = ""
    name_zh: str = ""
    options: dict = field(default_factory=dict)  # e.g. corpid, appid, account_id, since
    credentials: dict = field(default_factory=dict, repr=False)  # e.g. secret, refresh_token

    def secret(self, key: str) -> str:
        """A credential by name; a missing one says which variable or connection gives it."""
        if value := self.credentials.get(key):
            return value
        variable = environment_variable(self.source, self.account)
        raise ConfigurationError(
            f"No '{key}' for this account",
            where=f"{self.source}/{self.account}",
            action=f'set {variable}=\'{{"{key}": "…"}}\' or the Airflow connection '
            f"{connection_id(self.source, self.account)}",
        )


def environment_variable(source: str, account: str) -> str:
    """The variable that holds an account's credentials as JSON."""
    return "SIYU_SECRET_" + re.sub(r"\W", "_", f"{source}_{account}").upper()


def connection_id(source: str, account: str) -> str:
    """The Airflow connection whose extras hold an account's credentials."""
    return re.sub(r"\W", "_", f"siyu_{source}_{account}").lower()


def load_accounts(
    settings: Settings, *, connection: Callable[[str], dict] | None = None
) -> list[Account]:
    """Every configured account, sorted by source and account.

    Args:
        settings: says whether the sandbox or the file is asked.
        connection: reads an Airflow connection's extras by id; None outside Airflow.

    Raises:
        ConfigurationError: the file or the sandbox cannot be read, or an entry is malformed.
    """
    entries = _from_sandbox(settings) if settings.sandbox_url else _from_file(settings)
    accounts = []
    for entry in entries:
        if not isinstance(entry, dict) or not {"source", "account"} <= entry.keys():
            raise ConfigurationError(
                f"An account entry is malformed: {entry!r}",
                where=str(settings.accounts_file),
                action="give each entry a source and an account",
            )
        source, account = str(entry["source"]), str(entry["account"])
        credentials = entry.get("credentials") or _secrets(source, account, connection)
        accounts.append(
            Account(
                source,
                account,
                entry.get("base_url", ""),
                entry.get("name_zh", account),
                entry.get("options") or {},
                credentials,
            )
        )
    return sorted(accounts, key=lambda a: (a.source, a.account))


def select(
    accounts: list[Account], source: str | None = None, account: str | None = None
) -> list[Account]:
    """The accounts of a source, or the one named; unknown names list what there is."""
    chosen = [a for a in accounts if source in (None, a.source) and account in (None, a.account)]
    if not chosen:
        known = ", ".join(f"{a.source}/{a.account}" for a in accounts) or "none"
        raise UsageError(
            f"No account {source or '*'}/{account or '*'}", action=f"choose one of: {known}"
        )
    return chosen


def pseudonym_key(settings: Settings) -> bytes:
    """The HMAC key of personal ids; the sandbox alone may do without a configured one."""
    if key := settings.pseudonym_key.get_secret_value():
        return key.encode()
    if settings.sandbox_url:
        return SANDBOX_PSEUDONYM_KEY.encode()
    raise ConfigurationError(
        "No key for pseudonyms",
        where="SIYU_PSEUDONYM_KEY",
        action="set it to a long random text and keep it: ids made with another key do not join",
    )


def _secrets(source: str, account: str, connection: Callable[[str], dict] | None) -> dict:
    if text := os.environ.get(environment_variable(source, account)):
        try:
            return json.loads(text)
        except ValueError:
            # without the text: it is a secret
            raise ConfigurationError(
                "The credentials are not JSON",
                where=environment_variable(source, account),
                action='write them like {"secret": "…"}',
            ) from None
    return connection(connection_id(source, account)) if connection else {}


def _from_file(settings: Settings) -> list[dict]:
    path = settings.accounts_file
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        raise ConfigurationError(
            "There is no accounts file",
            where=str(path),
            action="copy config/accounts.example.yml there, or set SIYU_SANDBOX_URL",
        ) from None
    except yaml.YAMLError as error:
        raise ConfigurationError(
            f"The accounts file is not YAML: {error}",
            where=str(path),
            action="correct the line it names",
        ) from None
    return document.get("accounts") or []


def _from_sandbox(settings: Settings) -> list[dict]:
    import requests

    url = settings.sandbox_url.rstrip("/") + "/_sandbox/accounts"
    try:
        answer = requests.get(url, timeout=10)
        answer.raise_for_status()
    except requests.RequestException as error:
        raise ConfigurationError(
            f"The sandbox does not answer ({type(error).__name__})",
            where=url,
            action="start it with `siyu sandbox serve`",
        ) from None
    return answer.json()["accounts"]
