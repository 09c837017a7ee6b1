"""The manifest document of a pull, from what it gathered."""

from datetime import date

from extractors.core.context import PullContext
from extractors.core.landing import schema_fingerprint
from extractors.core.manifest import Arrival, Commit
from extractors.core.stream import Kind, Stream
from extractors.core.sums import Sums, mismatches


def commit_of(context: PullContext, run_id: str, files: list, sums: Sums) -> Commit:
    """What the pull landed, answered for and met."""
    stream = context.stream
    touched = {file.event_date for file in files}
    if stream.kind == Kind.EVENT:
        covered = touched | set(context.dates) if context.is_explicit else touched
        arrivals = context.arrivals
    else:
        covered = set(context.dates) - context.unanswered
        arrivals = _arrivals(stream, sums.arrivals(context.landing), covered, touched)
    control_totals = [*context.control_totals, *sums.control_totals()]
    for warning in mismatches(stream, control_totals):
        context.warn("control_total_mismatch", warning)
    if context.shifted_days:
        strange = ", ".join(map(str, sorted(context.shifted_days)))
        context.warn("shifted_day", f"days nobody asked for: {strange}")
    for column, count in sorted(context.unreadable.items()):
        context.warn("unreadable_values", f"{count} in {column}; kept as text in _extra")
    return Commit(
        source=stream.source,
        stream=stream.name,
        kind=str(stream.kind),
        account=context.account.account,
        run_id=run_id,
        pulled_at=context.clock.as_of,
        started_at=context.clock.as_of,
        finished_at=context.clock.now(),
        first_date=context.dates[0],
        last_date=context.dates[-1],
        covered_dates=tuple(sorted(covered)),
        rows=sum(file.rows for file in files),
        bytes=sum(file.bytes for file in files),
        requests=context.requests,
        schema_fingerprint=schema_fingerprint(stream),
        unknown_fields=tuple(sorted(context.unknown_fields)),
        not_ready_dates=tuple(sorted(context.unanswered | context.incomplete)),
        control_totals=tuple(control_totals),
        inputs=tuple(context.inputs),
        files=tuple(files),
        arrivals=tuple(arrivals),
        rejected_rows=context.rejected_rows,
        warnings=tuple(context.warnings),
        is_backfill=context.is_explicit,
        input_stamps=tuple(context.input_stamps),
        repeated_keys=None if stream.kind == Kind.EVENT else context.landing.repeated_keys,
        duplicate_rows=context.duplicate_rows + context.landing.copies,
    )


def _arrivals(
    stream: Stream, landed: list[Arrival], covered: set[date], touched: set[date]
) -> list[Arrival]:
    found = list(landed)
    if stream.channel_column is None:
        # the source answered for the day and had nothing: known to be zero
        found += [
            Arrival(day, "", measure, 0) for day in covered - touched for measure in stream.measures
        ]
    return sorted(found)
