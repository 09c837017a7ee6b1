"""What one pull of a tiny stream costs beside its requests, in a process that pulls many.

Run: python benchmarks/extract/overhead.py [--pulls 200] [--manifest 2000] [--profile]

The stream is WeCom's follow_user: one call, 400 rows, one file. `--manifest` documents of other
pulls lie in the landing before. Prints one JSON document.
"""

import argparse
import cProfile
import json
import os
import pstats
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path

from extractors.core import session
from extractors.core.manifest import Commit, Manifest
from extractors.core.pull import pull
from extractors.registry import get_stream
from siyu.accounts import Account
from siyu.settings import Settings

AS_OF = datetime.fromisoformat("2026-04-14T10:30:00+08:00")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pulls", type=int, default=200)
    parser.add_argument("--manifest", type=int, default=2000)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    server = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("server.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with tempfile.TemporaryDirectory(prefix="siyu-benchmark-") as folder:
        os.environ |= {"SIYU_HOME": folder, "SIYU_PSEUDONYM_KEY": "of the benchmark"}
        settings = Settings()
        address = f"{server.stdout.readline().strip()}/1"
        account = Account("wecom", "corp_main", address, "", {"corpid": "w"}, {"secret": "s"})
        stream = get_stream("wecom", "follow_user")
        manifest = Manifest(settings.landing_address)
        for number in range(options.manifest):
            at = AS_OF - timedelta(minutes=number)
            day = at.date()
            named = ("wecom", f"other_{number % 50}", "entity", "corp_main", f"r{number}")
            manifest.add(Commit(*named, at, at, at, day, day, (day,), 0, 0, 0, "x"))
        waited, send = [0.0], session._Pool.send

        def timed_send(self, *arguments):
            began = time.perf_counter()
            try:
                return send(self, *arguments)
            finally:
                waited[0] += time.perf_counter() - began

        session._Pool.send = timed_send
        pull(settings, account, stream, as_of=AS_OF)  # imports and the first listing
        waited[0], profile = 0.0, cProfile.Profile()
        began, busy = time.perf_counter(), time.process_time()
        if options.profile:
            profile.enable()
        today = AS_OF.date()
        for number in range(1, options.pulls + 1):
            # the token serves for some hours, as it does for the many streams of a daily cycle
            as_of = AS_OF + timedelta(seconds=10 * number)
            commit = pull(settings, account, stream, as_of=as_of, window=(today, today))
            assert commit.rows == 400
        profile.disable()
        seconds = time.perf_counter() - began
        figures = {
            "pulls": options.pulls,
            "milliseconds": round(1000 * seconds / options.pulls, 2),
            "cpu_milliseconds": round(1000 * (time.process_time() - busy) / options.pulls, 2),
            "of_which_requests": round(1000 * waited[0] / options.pulls, 2),
            "beside_requests": round(1000 * (seconds - waited[0]) / options.pulls, 2),
        }
        print(json.dumps(figures))
        if options.profile:
            pstats.Stats(profile).sort_stats("cumtime").print_stats(
                "extractors|filelock|sqlite", 45
            )
    server.stdin.close()
    server.wait(timeout=10)


if __name__ == "__main__":
    main()
