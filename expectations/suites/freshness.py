"""Rules for the arrival of data, over one row per series and business day judged.

The frame is made by `expectations.freshness`; a column that does not apply to a row is true there,
or missing. Nothing here blocks: late data is published flagged (is_final, completeness), because
what is known of a day is right as far as it goes. docs/decisions say the same.
"""

from typing import TYPE_CHECKING

from expectations.suites.rules import at_least, holds
from expectations.verdict import (
    NOT_PULLED,
    PARTIAL,
    SCHEMA_DRIFT,
    SILENT_EMPTY,
    SOURCE_LATE,
    STUCK,
    WARN,
)

if TYPE_CHECKING:
    import great_expectations as gx


def arrivals() -> "gx.ExpectationSuite":
    """What must hold for a series on a business day whose data is expected by now."""
    import great_expectations as gx

    return gx.ExpectationSuite(
        name="freshness.arrivals",
        expectations=[
            holds("is_pulled", check="is_pulled", cause=NOT_PULLED, severity=WARN),
            # the source says it is not ready, or nothing came where the band asks for something
            holds("is_delivered", check="is_delivered", cause=SOURCE_LATE, severity=WARN),
            holds("has_content", check="has_content", cause=SILENT_EMPTY, severity=WARN),
            holds("is_new", check="is_new", cause=STUCK, severity=WARN),
            holds("is_known", check="is_known", cause=SCHEMA_DRIFT, severity=WARN),
            # known value less the lower end of its band
            at_least("margin", 0, check="value_within_band", cause=PARTIAL, severity=WARN),
        ],
    )
