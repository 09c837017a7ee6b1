"""How much of a vendor's limit several processes use together; prints one JSON document.

Run: python benchmarks/rate_limit [--limit 100] [--seconds 300] [--processes 4]
     python benchmarks/rate_limit --seconds 60 --lower-to 40 --lower-after 20

A local server allows `limit` calls in any second (a sliding window, by its own clock) and answers
45009 above it, holding calls for a second then. Each process calls it as fast as it is let; the
permits are shared by files. With `--lower-to` the server lowers its limit on the way.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from pathlib import Path

HOLD_SECONDS = 1.0
OK, REFUSED = b'{"errcode":0}', b'{"errcode":45009}'


class Vendor:
    """Counts calls in a sliding second."""

    def __init__(self, limit: int) -> None:
        """Take the limit; it may be changed on the way."""
        self.limit, self.accepted, self.refused = limit, 0, 0
        self.held_until = 0.0
        self._recent: deque[float] = deque()
        self._ready = threading.Event()

    def answer(self) -> bytes:
        """One call."""
        now = time.monotonic()
        while self._recent and self._recent[0] <= now - 1:
            self._recent.popleft()
        if now < self.held_until or len(self._recent) >= self.limit:
            self.held_until = max(self.held_until, now + HOLD_SECONDS)
            self.refused += 1
            return REFUSED
        self._recent.append(now)
        self.accepted += 1
        return OK

    def serve(self) -> str:
        """Start serving in a thread of its own; returns the address."""
        threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True).start()
        self._ready.wait()
        return self.address

    async def _serve(self) -> None:
        vendor = self

        class Connection(asyncio.Protocol):
            def connection_made(self, transport: asyncio.Transport) -> None:
                self.transport = transport

            def data_received(self, data: bytes) -> None:
                # one small GET at a time on each connection
                body = vendor.answer()
                self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body))
                self.transport.write(body)

        server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", 0)
        self.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self._ready.set()
        await asyncio.Event().wait()


def measure(
    limit: int,
    seconds: float,
    processes: int,
    lower_to: int | None = None,
    lower_after: float = 0,
) -> dict:
    """Figures of one run: calls, refusals, and the share of the limit that was used."""
    vendor = Vendor(limit)
    address = vendor.serve()
    caller = [sys.executable, str(Path(__file__).with_name("caller.py")), address]
    with tempfile.TemporaryDirectory(prefix="siyu-benchmark-") as folder:
        began = time.time() + 2  # until every process has imported what it needs
        asked = [folder, str(limit), str(HOLD_SECONDS), str(began + seconds)]
        workers = [
            subprocess.Popen([*caller, *asked], stdout=subprocess.PIPE) for _ in range(processes)
        ]
        time.sleep(max(0, began - time.time()))
        before, refused_before = vendor.accepted, vendor.refused
        if lower_to:
            time.sleep(lower_after)
            vendor.limit = lower_to
            # the way down is not counted: what is shown is the lowered limit's use
            time.sleep((seconds - lower_after) / 2)
            before, settled = vendor.accepted, time.time()
        else:
            settled = began
        time.sleep(max(0, began + seconds - time.time()))
        used = (vendor.accepted - before) / (time.time() - settled)
        done = sum(int(worker.communicate(timeout=60)[0]) for worker in workers)
    return {
        "limit_per_second": limit,
        "processes": processes,
        "seconds": seconds,
        "lowered_to": lower_to,
        "calls": done,
        "refused": vendor.refused - refused_before,
        "calls_per_second": round(used, 1),
        "share_of_limit": round(used / (lower_to or limit), 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--lower-to", type=int)
    parser.add_argument("--lower-after", type=float, default=20)
    options = parser.parse_args()
    print(json.dumps(measure(**vars(options))))


if __name__ == "__main__":
    main()
