import importlib.util
import random
import subprocess
import sys
from pathlib import Path

import pytest

from extractors.core.ratelimit import Rate, RateLimiter


@pytest.fixture
def limiter(tmp_path, clock):
    limiter = RateLimiter(tmp_path, clock.wall, clock.sleep)
    yield limiter
    limiter.close()


def test_permits_are_free_below_the_limit_and_waited_for_above(limiter, clock):
    rates = (Rate(10, 60),)
    for _ in range(10):
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


def test_the_sum_that_is_kept_is_that_of_the_slots_whatever_happens(limiter, clock):
    rates = (Rate(40, 60), Rate(300, 600))
    bucket, rng, on_their_way = limiter._bucket("app", "/x", rates), random.Random(3), []
    for _ in range(3000):
        # time stands still, goes on, leaps, and now and then is set back
        clock._wall += rng.choice((0, 0, 0.2, 1, 5, 90, -30 if rng.random() < 0.1 else 0))
        on_their_way.append(limiter.acquire("app", "/x", rates))
        if rng.random() < 0.7:
            taken_at = on_their_way.pop(rng.randrange(len(on_their_way)))
            limiter.answered("app", "/x", rates, taken_at)
        _, words = bucket._read()
        for at, _, length in bucket.rates:
            present = int(clock.wall() / length)
            live = int(bucket._live(words, at, present)[:, 1].sum())
            assert bucket._sum(words, at, present) == live


def test_processes_share_the_limit(tmp_path):
    script = (
        "import sys; from pathlib import Path; "
        "from extractors.core.ratelimit import Rate, _Bucket; "
        "bucket = _Bucket(Path(sys.argv[1]), (Rate(10_000, 3600),)); "
        "print('ready', flush=True); sys.stdin.read(1); "
        "print(sum(bucket.take(lambda: 1e6)[0] == 0 for _ in range(8000)))"
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
    assert sum(granted) == 10_000  # of 16,000 asked for


def use(limiter, clock, calls):
    """Seconds that so many calls take."""
    before = clock.wall()
    for _ in range(calls):
        limiter.acquire("app", "/x", (Rate(100, 60),))
    return clock.wall() - before


def test_a_call_counts_until_a_period_after_its_answer(limiter, clock):
    rates = (Rate(10, 60),)
    for _ in range(10):
        taken_at = limiter.acquire("app", "/x", rates)
        clock._wall += 20  # on its way; the vendor may see it only now
        limiter.answered("app", "/x", rates, taken_at)
        clock._wall -= 20
    clock._wall += 20
    limiter.acquire("app", "/x", rates)
    assert 59 <= sum(clock.slept) <= 63


def test_after_a_refusal_less_is_asked_for_and_it_comes_back_in_steps(limiter, clock):
    rates = (Rate(100, 60),)
    assert use(limiter, clock, 40) == 0
    limiter.block("app", "/x", rates, 60)  # refused at 40 of 100
    limiter.block("app", "/x", rates, 60)  # and so was the call beside it: one lesson, not two
    clock._wall += 61
    assert use(limiter, clock, 36) < 1
    assert use(limiter, clock, 1) > 50  # nine tenths of what had been reached
    clock._wall += 2000
    assert use(limiter, clock, 60) < 1
    clock._wall += 100_000
    assert use(limiter, clock, 100) < 1


def test_a_vendor_that_refuses_again_and_again_is_asked_ever_less_but_never_nothing(limiter, clock):
    rates = (Rate(100, 60),)
    allowed = []
    for _ in range(12):
        limiter.acquire("app", "/x", rates)
        limiter.block("app", "/x", rates, 60)
        clock._wall += 61
        head, _ = limiter._bucket("app", "/x", rates)._read()
        allowed.append(head[1])
    assert allowed[0] == 0.25  # others use the app too: what we had reached says little
    assert allowed == sorted(allowed, reverse=True)
    assert allowed[-1] == 0.01
    assert use(limiter, clock, 1) < 61


@pytest.fixture
def benchmark(monkeypatch):
    folder = Path(__file__).parents[2] / "benchmarks" / "rate_limit"
    found = importlib.util.spec_from_file_location("rate_limit", folder / "__main__.py")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_four_processes_use_the_limit_and_meet_no_refusal(benchmark):
    figures = benchmark.measure(100, 20, 4)
    assert figures["refused"] == 0
    assert figures["share_of_limit"] >= 0.95


@pytest.mark.slow
def test_a_limit_that_is_lowered_on_the_way_is_learnt(benchmark):
    figures = benchmark.measure(100, 30, 4, lower_to=40, lower_after=5)
    assert 1 <= figures["refused"] <= 40
    assert 0.6 <= figures["share_of_limit"] <= 1
