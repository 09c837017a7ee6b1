"""Rules for facts and marts, over one row per table (made by `expectations.warehouse`)."""

from typing import TYPE_CHECKING

from expectations.suites.rules import at_most, holds
from expectations.verdict import BLOCK, BROKEN_RULE

if TYPE_CHECKING:
    import great_expectations as gx


def facts() -> "gx.ExpectationSuite":
    """What must hold for every fact before marts are believed."""
    return _rules("fact.tables")


def marts() -> "gx.ExpectationSuite":
    """What must hold for every mart before it is published."""
    return _rules("mart.tables")


def _rules(name: str) -> "gx.ExpectationSuite":
    import great_expectations as gx

    return gx.ExpectationSuite(
        name=name,
        expectations=[
            holds("has_rows", check="has_rows", cause=BROKEN_RULE, severity=BLOCK),
            at_most("duplicate_keys", 0, check="key_is_unique", cause=BROKEN_RULE, severity=BLOCK),
            at_most("null_keys", 0, check="key_is_complete", cause=BROKEN_RULE, severity=BLOCK),
            at_most(
                "rows_out_of_range",
                0,
                check="rates_within_0_and_1",
                cause=BROKEN_RULE,
                severity=BLOCK,
            ),
            holds("is_as_of", check="is_as_of", cause=BROKEN_RULE, severity=BLOCK),
            holds("total_is_kept", check="total_is_kept", cause=BROKEN_RULE, severity=BLOCK),
        ],
    )
