"""Access tokens of all vendors, aged on the virtual clock and kept across restarts."""

import hashlib

from sandbox.state import State
from sandbox.timeline import DAY_MS


class TokenStore:
    """Tokens of one kind. `rotates`: a new token makes the one before invalid."""

    def __init__(self, state: State, kind: str, life_seconds: int) -> None:
        """Tokens live `life_seconds` from their minting."""
        self._state = state
        self._kind = kind
        self._life_ms = life_seconds * 1000

    @property
    def _tokens(self) -> dict:
        return self._state.tokens.setdefault(self._kind, {"count": 0, "issued": {}})

    def current(self, owner: str) -> str | None:
        """The owner's newest token, if it is still valid."""
        newest = None
        for token, (whose, _, revoked) in self._tokens["issued"].items():
            if whose == owner and not revoked and self.check(token) == "valid":
                newest = token
        return newest

    def mint(self, owner: str, *, revoke_former: bool = False) -> str:
        """A new token for an owner."""
        tokens = self._tokens
        tokens["count"] += 1
        seed = f"{self._state.world.seed}|{self._kind}|{owner}|{tokens['count']}"
        token = hashlib.blake2b(seed.encode(), digest_size=32).hexdigest()
        if revoke_former:
            self.revoke(owner)
        # the ones long dead are forgotten, and answer like unknown ones
        horizon = self._state.now_ms - max(10 * self._life_ms, 366 * DAY_MS)
        tokens["issued"] = {t: v for t, v in tokens["issued"].items() if v[1] > horizon}
        tokens["issued"][token] = [owner, self._state.now_ms, False]
        self._state.save()
        return token

    def revoke(self, owner: str) -> None:
        """Make all tokens of an owner invalid."""
        for entry in self._tokens["issued"].values():
            if entry[0] == owner:
                entry[2] = True

    def renew(self, token: str) -> None:
        """Let a token's life begin anew."""
        self._tokens["issued"][token][1] = self._state.now_ms
        self._state.save()

    def owner(self, token: str) -> str | None:
        """Whose token it is."""
        entry = self._tokens["issued"].get(token)
        return entry[0] if entry else None

    def seconds_left(self, token: str) -> int:
        """Remaining life."""
        issued = self._tokens["issued"][token][1]
        return max(0, (issued + self._life_ms - self._state.now_ms) // 1000)

    def check(self, token: str) -> str:
        """`valid`, `expired`, `revoked` or `unknown`."""
        entry = self._tokens["issued"].get(token)
        if entry is None:
            return "unknown"
        if self._state.now_ms >= entry[1] + self._life_ms:
            return "expired"
        return "revoked" if entry[2] else "valid"
