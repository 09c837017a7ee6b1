"""Seconds, processor time and peak memory of one run, printed as one JSON line."""

import json
import resource
import time


def timed(function, *arguments: str) -> None:
    """Run it; print rows, seconds and the process's peak memory."""
    began, busy = time.perf_counter(), time.process_time()
    rows = function(*arguments)
    seconds = time.perf_counter() - began
    print(
        json.dumps(
            {
                "rows": rows,
                "seconds": round(seconds, 3),
                "cpu_seconds": round(time.process_time() - busy, 3),
                "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
            }
        )
    )
