"""Rules for what a pull landed, over one row per commit (made by `expectations.landing`)."""

from typing import TYPE_CHECKING

from expectations.suites.rules import at_most, holds
from expectations.verdict import BLOCK, DUPLICATED, PARTIAL, SCHEMA_DRIFT, SILENT_EMPTY, WARN

if TYPE_CHECKING:
    import great_expectations as gx

# an event may be delivered twice (a drop is resent); readers keep one, so a few are normal
REPEATED_SHARE = 0.05
# a line that cannot be read is kept in quarantine; more than this share is a changed format
REJECTED_SHARE = 0.01


def commits() -> "gx.ExpectationSuite":
    """What must hold for each pull."""
    import great_expectations as gx

    return gx.ExpectationSuite(
        name="landing.commits",
        expectations=[
            holds("has_content", check="has_content", cause=SILENT_EMPTY, severity=WARN),
            # the commit's own count against its files': a torn landing must never be modelled
            at_most("missing_rows", 0, check="rows_match_files", cause=PARTIAL, severity=BLOCK),
            at_most("duplicate_rows", 0, check="key_is_unique", cause=DUPLICATED, severity=BLOCK),
            at_most(
                "repeated_share",
                REPEATED_SHARE,
                check="few_rows_repeat",
                cause=DUPLICATED,
                severity=WARN,
            ),
            at_most(
                "short_of_control_totals",
                0,
                check="reaches_control_total",
                cause=PARTIAL,
                severity=BLOCK,
            ),
            at_most(
                "over_control_totals",
                0,
                check="within_control_total",
                cause=DUPLICATED,
                severity=BLOCK,
            ),
            # kept in _extra meanwhile; a person decides whether to model them
            at_most("unknown_fields", 0, check="is_known", cause=SCHEMA_DRIFT, severity=WARN),
            at_most(
                "rejected_share",
                REJECTED_SHARE,
                check="is_readable",
                cause=SCHEMA_DRIFT,
                severity=WARN,
            ),
        ],
    )
