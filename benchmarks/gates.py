"""What judging a day's pulls costs: landing, freshness, incidents; prints one JSON document.

Run: python benchmarks/gates.py [--streams 30] [--accounts 20] [--history 28] [--days 3]

The manifest is made here: every account has every stream (reports and lists of the registry), one
pull per day that lands the last seven days again, in four channels where the stream has channels.
`first` is a process that has read nothing yet, as an Airflow task is; `next` are the days after it
in the same process, as in `siyu replay`. Importing Great Expectations is timed apart. The fact and
mart gates are not in it: they count tables, whatever the number of accounts.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta

CHANNELS = ("a", "b", "c", "d")
FIRST = date(2026, 3, 2)
REPORTED_DAYS = 7


def timed(work: Callable[[], object]) -> tuple[object, dict]:
    """What the work returns, and what it cost."""
    wall, cpu = time.perf_counter(), time.process_time()
    done = work()
    return done, {
        "cpu_seconds": round(time.process_time() - cpu, 2),
        "wall_seconds": round(time.perf_counter() - wall, 2),
    }


def pull_of(stream, account: str, day: date, seed: int):
    """The commit of one morning's pull."""
    from extractors.core.manifest import Arrival, Commit, LandedFile
    from siyu.clock import cycle_of

    at = cycle_of(day)
    last = day if str(stream.kind) == "report" else day + timedelta(1)
    span = REPORTED_DAYS if str(stream.kind) == "report" else 1
    covered = tuple(last - timedelta(n) for n in reversed(range(span)))
    arrivals = tuple(
        Arrival(each, channel, measure, float(500 + (each.toordinal() * 31 + seed) % 97))
        for each in covered
        for channel in (CHANNELS if stream.channel_column else ("",))
        for measure in stream.measures
    )
    files = tuple(
        LandedFile(f"{stream.address}/{each}/{account}.parquet", each, 100, 9_000, f"{at}{each}")
        for each in covered
    )
    return Commit(
        source=stream.source,
        stream=stream.name,
        kind=str(stream.kind),
        account=account,
        run_id=f"{seed:08d}",
        pulled_at=at,
        started_at=at,
        finished_at=at,
        first_date=covered[0],
        last_date=covered[-1],
        covered_dates=covered,
        rows=100 * span,
        bytes=9_000 * span,
        requests=span,
        schema_fingerprint="0",
        files=files,
        arrivals=arrivals,
        repeated_keys=0,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=30)
    parser.add_argument("--accounts", type=int, default=20)
    parser.add_argument("--history", type=int, default=28)
    parser.add_argument("--days", type=int, default=3)
    options = parser.parse_args()

    from expectations import checks, freshness_gate, incidents, landing_gate
    from extractors.core.manifest import Manifest
    from extractors.registry import all_streams
    from siyu.clock import cycle_of
    from siyu.settings import Settings

    streams = [s for s in all_streams() if str(s.kind) != "event"][: options.streams]
    if len(streams) < options.streams:
        parser.error(f"the registry has {len(streams)} such streams")
    with tempfile.TemporaryDirectory() as home:
        os.environ["SIYU_HOME"] = home
        settings = Settings()
        manifest = Manifest(settings.landing_address)

        def land(day: date) -> list:
            commits = [
                pull_of(stream, f"account_{number}", day, 100 * place + number)
                for place, stream in enumerate(streams)
                for number in range(options.accounts)
            ]
            for commit in commits:
                manifest.add(commit)
            return commits

        for n in range(options.history):
            land(FIRST + timedelta(n))
        _, imported = timed(checks.context)
        days = []
        for n in range(options.days):
            day = FIRST + timedelta(options.history + n)
            commits, as_of = land(day), cycle_of(day)
            landed, landing = timed(lambda: landing_gate(settings, as_of, commits))  # noqa: B023 - called at once
            fresh, freshness = timed(lambda: freshness_gate(settings, as_of))  # noqa: B023
            _, derived = timed(lambda: incidents(settings, as_of))  # noqa: B023
            days.append(
                {
                    "pulls": len(commits),
                    "verdicts": len(landed) + len(fresh),
                    "failed": sum(not v.passed for v in [*landed, *fresh]),
                    "landing": landing,
                    "freshness": freshness,
                    "incidents": derived,
                }
            )
    print(
        json.dumps(
            {
                "streams": len(streams),
                "accounts": options.accounts,
                "history_days": options.history,
                "import_great_expectations": imported,
                "first": days[0],
                "next": days[1:],
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
