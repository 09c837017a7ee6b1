"""The few shapes of rule that the suites are written with.

Each bounds a column's least or largest value: on a small frame that costs a third of a rule over
every row, and `expectations.checks` names the rows beyond the bound once GX has said there are any.
"""

from typing import TYPE_CHECKING

from expectations.checks import GX_SEVERITIES

if TYPE_CHECKING:
    import great_expectations.expectations as gxe


def holds(column: str, *, check: str, cause: str, severity: str) -> "gxe.Expectation":
    """Every row's flag `column` is true."""
    return at_least(column, 1, check=check, cause=cause, severity=severity)


def at_least(
    column: str, limit: float, *, check: str, cause: str, severity: str
) -> "gxe.Expectation":
    """No row's `column` is below the limit; missing values are not judged."""
    import great_expectations.expectations as gxe

    return gxe.ExpectColumnMinToBeBetween(
        column=column,
        min_value=limit,
        severity=GX_SEVERITIES[severity],
        meta={"check": check, "cause": cause},
    )


def at_most(
    column: str, limit: float, *, check: str, cause: str, severity: str
) -> "gxe.Expectation":
    """No row's `column` is above the limit; missing values are not judged."""
    import great_expectations.expectations as gxe

    return gxe.ExpectColumnMaxToBeBetween(
        column=column,
        max_value=limit,
        severity=GX_SEVERITIES[severity],
        meta={"check": check, "cause": cause},
    )
