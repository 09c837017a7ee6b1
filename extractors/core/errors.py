"""What vendors refuse, and what to do about it: one class per reaction, one table per vendor."""

from dataclasses import dataclass
from enum import StrEnum

from siyu.errors import SiyuError


class Reaction(StrEnum):
    """What the core does when a vendor answers with a code."""

    STOP = "stop"  # a person must change something
    BACKOFF = "backoff"  # wait, growing and jittered, and ask again
    CROWDED = "crowded"  # too many calls at once: fewer of them, then ask again
    WAIT = "wait"  # calls are blocked: hold all of them back, then go on
    NEXT_DAY = "next_day"  # the day's quota is used up
    REFRESH_TOKEN = "refresh_token"  # noqa: S105 - a reaction, not a secret
    EMPTY = "empty"  # there is nothing: no error
    NOT_READY = "not_ready"  # the source has not computed that day yet


@dataclass(frozen=True)
class Rule:
    """One code of a vendor's table.

    Attributes:
        block_seconds: for WAIT, how long each hold lasts; after the last one it is an error.
    """

    meaning: str
    reaction: Reaction = Reaction.STOP
    action: str = ""
    block_seconds: tuple[float, ...] = (60,)


ADVICE = {
    Reaction.STOP: "correct what the code names, then run the same command again",
    Reaction.BACKOFF: "the source stayed busy; run the same command again in some minutes",
    Reaction.CROWDED: "other programs use this app at the same time; run the same command later",
    Reaction.WAIT: "calls stayed blocked after waiting; find what else uses this app's quota, then "
    "run the same command again",
    Reaction.NEXT_DAY: "the quota comes back on the next day; run the same command then",
    Reaction.REFRESH_TOKEN: "a fresh token was refused as well; check the app's permissions and "
    "that nothing else replaces its token",
    Reaction.EMPTY: "nothing",
    Reaction.NOT_READY: "run the same command again in half an hour",
}


class ApiError(SiyuError):
    """The vendor answered, and the answer is no."""

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        action: str = "",
        code: int = 0,
        reaction: Reaction = Reaction.STOP,
    ) -> None:
        """Keep the code, so that a stream can tell an empty list from a refusal."""
        super().__init__(what, where=where, action=action)
        self.code, self.reaction = code, reaction

    def __reduce__(self) -> tuple:
        """Survive the process boundary with the code."""
        return (
            _rebuild,
            (type(self), self.what, self.where, self.action, self.code, self.reaction),
        )


class AuthenticationError(ApiError):
    """The account's credentials are refused."""


class UnreachableError(SiyuError):
    """Nobody answers at the address, or only with server errors."""


class MalformedAnswerError(SiyuError):
    """The answer is not what the contract says, however often it was asked for."""


class SchemaChangeError(MalformedAnswerError):
    """What the stream declares does not hold any more; its raw pages lie in quarantine."""

    cause = "schema_drift"


def _rebuild(
    cls: type[ApiError], what: str, where: str, action: str, code: int, reaction: Reaction
) -> ApiError:
    return cls(what, where=where, action=action, code=code, reaction=reaction)


def api_error(
    vendor: str, rules: dict[int, Rule], code: int, where: str, kind: type[ApiError] = ApiError
) -> ApiError:
    """The error of a code: its number, meaning and advice.

    The vendor's own message is left out on purpose: it echoes addresses and, with some codes, parts
    of the request.
    """
    rule = rules.get(code, Rule("a code that the contract does not list"))
    return kind(
        f"{vendor} refused the call with code {code}: {rule.meaning}",
        where=where,
        action=rule.action or ADVICE[rule.reaction],
        code=code,
        reaction=rule.reaction,
    )
