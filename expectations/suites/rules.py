"""The few shapes of rule that the suites are written with."""

from typing import TYPE_CHECKING

from expectations.checks import GX_SEVERITIES

if TYPE_CHECKING:
    import great_expectations.expectations as gxe


def holds(column: str, *, check: str, cause: str, severity: str) -> "gxe.Expectation":
    """Every row's flag `column` is true."""
    import great_expectations.expectations as gxe

    return gxe.ExpectColumnValuesToBeInSet(
        column=column, value_set=[True], severity=GX_SEVERITIES[severity],
        meta={"check": check, "cause": cause})


def at_least(column: str, other: str, *, check: str, cause: str,
             severity: str) -> "gxe.Expectation":
    """Every row's `column` is not below its `other`; rows where either is missing are not judged."""
    import great_expectations.expectations as gxe

    return gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A=column, column_B=other, or_equal=True, ignore_row_if="either_value_is_missing",
        severity=GX_SEVERITIES[severity], meta={"check": check, "cause": cause})


def at_most(column: str, limit: float, *, check: str, cause: str,
            severity: str) -> "gxe.Expectation":
    """Every row's `column` is not above the limit; missing values are not judged."""
    import great_expectations.expectations as gxe

    return gxe.ExpectColumnValuesToBeBetween(
        column=column, max_value=limit, severity=GX_SEVERITIES[severity],
        meta={"check": check, "cause": cause})
