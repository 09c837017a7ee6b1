import subprocess
import sys

import pytest

from extractors.core.ratelimit import Rate, RateLimiter


@pytest.fixture
def limiter(tmp_path, clock):
    limiter = RateLimiter(tmp_path, clock.wall, clock.sleep)
    yield limiter
    limiter.close()


def test_permits_are_free_below_the_limit_and_waited_for_above(limiter, clock):
    rates = (Rate(10, 60),)  # nine with headroom
    for _ in range(9):
        limiter.acquire("app", "/x", rates)
    assert clock.slept == []
    limiter.acquire("app", "/x", rates)
    assert 59 <= sum(clock.slept) <= 63


def test_no_window_of_a_period_ever_holds_more_than_the_limit(limiter, clock):
    taken = []
    for _ in range(60):
        limiter.acquire("app", "/x", (Rate(20, 60),))
        taken.append(clock.wall())
        clock._wall += 1.7
    for start in taken:
        assert sum(start <= at < start + 60 for at in taken) <= 20


def test_endpoints_and_apps_have_permits_of_their_own(limiter, clock):
    for app, endpoint in (("a", "/x"), ("a", "/y"), ("b", "/x")):
        for _ in range(9):
            limiter.acquire(app, endpoint, (Rate(10, 60),))
    assert clock.slept == []


def test_a_block_holds_back_everyone_who_shares_the_folder(tmp_path, limiter, clock):
    limiter.block("app", "/x", (Rate(10, 60),), 60)
    other = RateLimiter(tmp_path, clock.wall, clock.sleep)
    other.acquire("app", "/x", (Rate(10, 60),))
    other.close()
    assert clock.slept == [60]


def test_a_clock_that_was_set_back_does_not_block_for_ever(limiter, clock):
    for _ in range(9):
        limiter.acquire("app", "/x", (Rate(10, 60),))
    clock._wall -= 100_000
    limiter.acquire("app", "/x", (Rate(10, 60),))
    assert clock.slept == []


def test_processes_share_the_limit(tmp_path):
    script = (
        "import sys; from pathlib import Path; "
        "from extractors.core.ratelimit import Rate, _Bucket; "
        "bucket = _Bucket(Path(sys.argv[1]), (Rate(10_000, 3600),)); "
        "print('ready', flush=True); sys.stdin.read(1); "
        "print(sum(bucket.take(1e6) == 0 for _ in range(8000)))"
    )
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path / "b")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _ in range(2)
    ]
    for worker in workers:
        worker.stdout.readline()
    granted = []
    for worker in workers:  # both at once
        worker.stdin.write(b"x")
        worker.stdin.flush()
    for worker in workers:
        granted.append(int(worker.communicate()[0]))
    assert sum(granted) == 9000  # of 16,000 asked for: 10,000 less headroom
