"""Errors for the person who must act: what failed, where, what it means, what to do."""


class SiyuError(Exception):
    """A failure that a person can act on; the command line prints it and exits with 1.

    Attributes:
        what: what failed, in one clause.
        where: source, stream, account, file or address it failed at.
        action: what the reader should do now.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", action: str = "") -> None:
        """Keep the three parts apart so that alerts and logs can show them apart."""
        self.what, self.where, self.action = what, where, action
        super().__init__(what)

    def __str__(self) -> str:
        """One line a person can read in a log."""
        where = f" [{self.where}]" if self.where else ""
        action = f" What to do: {self.action}" if self.action else ""
        return f"{self.what}{where}.{action}"

    def __reduce__(self) -> tuple:
        """Survive the process boundary of an Airflow task or a pool."""
        return (_rebuild, (type(self), self.what, self.where, self.action))


def _rebuild(cls: type[SiyuError], what: str, where: str, action: str) -> SiyuError:
    return cls(what, where=where, action=action)


class UsageError(SiyuError):
    """The caller asked for something that cannot be asked; exit code 2."""

    exit_code = 2


class ConfigurationError(SiyuError):
    """A setting, account or secret is missing or wrong; nothing was attempted; exit code 2."""

    exit_code = 2
