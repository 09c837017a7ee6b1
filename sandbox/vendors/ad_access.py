"""Who may ask an ad platform: codes of an authorisation, access tokens, refresh tokens."""

import hashlib
import hmac

from sandbox.state import State
from sandbox.timeline import SECOND_MS
from sandbox.tokens import TokenStore

ACCESS_LIFE_SECONDS = 86_400
REFRESH_LIFE_SECONDS = 2_592_000


class AdAccess:
    """Tokens of one platform; owners are the sandbox's names of the accounts.

    A refresh gives a new pair and voids the old refresh token; with `kills_access` the old access
    token dies at once as well.
    """

    def __init__(self, state: State, name: str, *, kills_access: bool, code_seconds: int) -> None:
        """Tokens live on the virtual clock and survive a restart."""
        self._state = state
        self._name = name
        self._kills_access = kills_access
        self._code_ms = code_seconds * SECOND_MS
        self.access = TokenStore(state, f"{name}_access", ACCESS_LIFE_SECONDS)
        self.refresh = TokenStore(state, f"{name}_refresh", REFRESH_LIFE_SECONDS)

    @property
    def _codes(self) -> dict:
        return self._state.tokens.setdefault(f"{self._name}_codes", {})

    @property
    def _unused(self) -> dict:
        """Refresh tokens handed out but never used: their life begins with their first use.

        Otherwise a clock set two months ahead would lock everybody out of a fresh sandbox.
        """
        return self._state.tokens.setdefault(f"{self._name}_unused", {})

    def refresh_token_of(self, account: str) -> str:
        """A valid refresh token: what a person gets who authorises the app (again)."""
        if token := self.refresh.current(account):
            return token
        token = self.refresh.mint(account)
        self._unused[token] = True
        return token

    def authorise(self, account: str) -> str:
        """A code, good for one exchange within some minutes."""
        seed = f"{self._state.world.seed}|{self._name}|{account}|{len(self._codes)}"
        code = hashlib.blake2b(seed.encode(), digest_size=20).hexdigest()
        self._codes[code] = [account, self._state.now_ms, False]
        self._state.save()
        return code

    def exchange(self, code: object) -> tuple[str, str]:
        """(verdict, account) of a code: `valid` (and now used), `used`, `expired` or `unknown`."""
        entry = self._codes.get(code) if isinstance(code, str) else None
        if entry is None:
            return "unknown", ""
        if entry[2]:
            return "used", entry[0]
        if self._state.now_ms > entry[1] + self._code_ms:
            return "expired", entry[0]
        entry[2] = True
        return "valid", entry[0]

    def check_refresh(self, token: object) -> tuple[str, str]:
        """(verdict, account) of a refresh token: `valid`, `expired`, `revoked` or `unknown`."""
        if not isinstance(token, str):
            return "unknown", ""
        if self._unused.pop(token, False):
            self.refresh.renew(token)
        return self.refresh.check(token), self.refresh.owner(token) or ""

    def pair(self, account: str) -> tuple[str, str]:
        """A new access and refresh token; the old refresh token works no more."""
        return (
            self.access.mint(account, revoke_former=self._kills_access),
            self.refresh.mint(account, revoke_former=True),
        )


def is_secret(given: object, secret: str) -> bool:
    """Whether a text is the secret."""
    return isinstance(given, str) and hmac.compare_digest(given.encode(), secret.encode())
