"""One of the processes: calls as fast as it gets permits, then prints how many it made.

Run by benchmarks/rate_limit: caller.py <address> <folder> <limit> <hold seconds> <end>
"""

import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from extractors.core.clock import PullClock
from extractors.core.errors import Reaction, Rule
from extractors.core.ratelimit import Rate, RateLimiter
from extractors.core.session import Session


def main(address: str, folder: str, limit: str, hold: str, end: str) -> int:
    clock = PullClock(datetime.now(UTC))
    holds = (float(hold),) * 20
    session = Session(
        vendor="Benchmark",
        base_url=address,
        app="benchmark",
        rules={45009: Rule("too many calls", Reaction.WAIT, block_seconds=holds)},
        rates=(Rate(int(limit), 1),),
        limiter=RateLimiter(Path(folder), clock.wall, clock.sleep),
        clock=clock,
        where="benchmark",
    )
    calls = 0
    while time.time() < float(end):
        session.call("GET", "/api", verdict=lambda answer: answer["errcode"])
        calls += 1
    return calls


if __name__ == "__main__":
    print(main(*sys.argv[1:]))
