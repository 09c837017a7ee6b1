import threading
import time

import pytest

from extractors.core.lanes import side_by_side


class Calls:
    """Notes who makes them and how many are under way; the last ones wait for their answers."""

    def __init__(self, wait_from=None, fail_at=None):
        self.wait_from, self.fail_at = wait_from, fail_at
        self.made, self.active, self.most, self.lock = [], 0, 0, threading.Lock()

    def __call__(self, item):
        with self.lock:
            self.made.append(threading.current_thread())
            self.active += 1
            self.most = max(self.most, self.active)
        if self.wait_from is not None and item >= self.wait_from:
            time.sleep(0.1)
        with self.lock:
            self.active -= 1
        if item == self.fail_at:
            raise KeyError(item)
        return item * 2


def test_calls_that_do_not_wait_follow_one_another():
    calls = Calls()
    assert side_by_side(calls, list(range(50)), 8) == [n * 2 for n in range(50)]
    assert calls.most == 1


def test_calls_that_wait_are_made_side_by_side():
    calls = Calls(wait_from=5)
    assert side_by_side(calls, list(range(60)), 8) == [n * 2 for n in range(60)]
    assert calls.most == 8
    assert calls.made[:6] == [threading.current_thread()] * 6


def test_calls_that_compute_are_not_given_more_threads_than_can_run():
    calls = Calls()

    def compute(item):
        until = time.thread_time() + 0.03
        while time.thread_time() < until:
            pass
        return calls(item)

    side_by_side(compute, list(range(20)), 8)
    assert len(set(calls.made)) <= 2


def test_one_lane_stays_one():
    calls = Calls(wait_from=0)
    assert side_by_side(calls, [1, 2, 3, 4], 1) == [2, 4, 6, 8]
    assert calls.most == 1


@pytest.mark.parametrize("fail_at", [1, 10])
def test_the_first_failure_stops_the_rest(fail_at):
    calls = Calls(wait_from=0, fail_at=fail_at)
    with pytest.raises(KeyError):
        side_by_side(calls, list(range(200)), 4)
    assert len(calls.made) < 30


def test_nothing_is_nothing():
    assert side_by_side(Calls(), [], 4) == []
