"""Pulling processes; items and functions are of the standard library, so that workers find them."""

import operator
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from extractors.core import workers
from siyu.errors import SiyuError


def test_one_worker_is_the_calling_process():
    assert list(workers.run_all(lambda _: os.getpid(), [1, 2], 1)) == [os.getpid()] * 2


def test_several_workers_answer_in_order_from_other_processes():
    assert list(workers.run_all(operator.neg, range(20), 2)) == [-n for n in range(20)]
    assert os.getpid() not in set(workers.run_all(eval, ["__import__('os').getpid()"] * 4, 2))


def test_a_killed_worker_says_so_and_the_next_call_works():
    with pytest.raises(SiyuError, match="was killed"):
        list(workers.run_all(eval, ["__import__('os')._exit(9)", "1"], 2))

    assert list(workers.run_all(abs, [-1, -2], 2)) == [1, 2]


def test_workers_end_when_their_parent_is_killed():
    script = """
import time
from extractors.core import workers
if __name__ == "__main__":
    print(*workers.run_all(eval, ["__import__('os').getpid()"] * 2, 2), flush=True)
    time.sleep(60)
"""
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    pids = {int(pid) for pid in parent.stdout.readline().split()}
    assert pids
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()

    deadline = time.monotonic() + 15
    while alive := {pid for pid in pids if _is_running(pid)}:
        assert time.monotonic() < deadline, f"still running: {alive}"
        time.sleep(0.1)


def _is_running(pid):
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rsplit(")", 1)[1].split()[0] != "Z"  # a zombie has ended
