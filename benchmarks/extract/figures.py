"""Seconds, processor time and peak memory of one run, printed as one JSON line."""

import json
import re
import time
from pathlib import Path


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
                "peak_mib": peak_mib(),
            }
        )
    )


def peak_mib() -> int:
    """This process's own peak; `getrusage` would count what its parent had before."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status).group(1)) // 1024
