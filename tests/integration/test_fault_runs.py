"""Every source pulled over a line that breaks at random places: the landing is as without faults.

The clean landing is held against the world's truth in tests/extractors/test_against_sandbox*.py;
here a faulty one is held against the clean one, row by row. Each run has a seed: the same requests
are hit each time.
"""

import time
from collections import Counter
from datetime import date, timedelta

import pyarrow.parquet as pq
import pytest
import requests

from extractors.core.clock import PullClock
from extractors.core.manifest import Manifest
from extractors.core.pull import pull_all
from extractors.core.stream import TECHNICAL_COLUMNS, Kind
from extractors.registry import get_stream
from siyu.clock import cycle_of
from siyu.settings import Settings

# early in the world: little history, so that many runs are cheap
FIRST, CYCLES = date(2026, 3, 8), 2
SOURCES = (
    "wecom",
    "tencent_ads",
    "page_events",
    "wechat_store",
    "wechat_oa",
    "douyin",
    "oceanengine",
    "kuaishou",
    "baidu",
    "juguang",
    "wechat_channels_live",
)
# of a hundred requests so many are hit
PROBABILITY = {"page_events": 0.3, "wecom": 0.03, "wechat_store": 0.05, "douyin": 0.05}
QUICK_RUNS, ALL_RUNS = 20, 200
ATTEMPTS = 8


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """The sandbox, the homes still to be pulled at its clock, and the contents of a clean one."""
    from sandbox.server import start

    folder = tmp_path_factory.mktemp("fault-runs")
    handle = start(size="small", seed=5, state_dir=folder / "state")
    yield folder, handle
    handle.stop()


@pytest.fixture
def impatient(monkeypatch):
    """Waiting costs nothing, and still is time that passes for tokens, limits and retries.

    Each pull begins at its moment again: the vendors' clock stands still, and one that signs its
    calls with the time refuses what is minutes off.
    """
    waited, began = [0.0], {}

    def sleep(_, seconds):
        waited[0] += seconds
        time.sleep(min(seconds, 0.002))

    monkeypatch.setattr(PullClock, "sleep", sleep)
    monkeypatch.setattr(PullClock, "wall", lambda _: time.time() + waited[0])
    now = PullClock.now

    def later(clock):
        since = waited[0] - began.setdefault(id(clock), (clock, waited[0]))[1]
        return now(clock) + timedelta(seconds=since)

    monkeypatch.setattr(PullClock, "now", later)


def control(handle, path, method="put", **document):
    answer = requests.request(method, f"{handle.url}/_sandbox/{path}", json=document, timeout=60)
    answer.raise_for_status()
    return answer.json()


def contents(settings, source):
    """(stream, account, day, row) -> how often readers see it; copies of an event are one."""
    manifest = Manifest(settings.landing_address)
    technical = {field.name for field in TECHNICAL_COLUMNS}
    seen = Counter()
    for name in sorted({commit.stream for commit in manifest.commits(source)}):
        stream = get_stream(source, name)
        for path in manifest.live_files(source, name):
            day = path.split("event_date=")[1][:10]
            for row in pq.ParquetFile(path).read().to_pylist():
                values = {k: v for k, v in row.items() if k not in technical and k != "_object"}
                key = (name, row["_account"], day, tuple(sorted(values.items(), key=repr)))
                seen[_hashable(key)] += 1
        if stream.kind == Kind.EVENT:
            seen = Counter({key: 1 if key[0] == name else n for key, n in seen.items()})
    return seen


def _hashable(key):
    return (*key[:3], repr(key[3]))


def pulled(settings, source, as_of, attempts):
    """Pull until nothing fails any more, as Airflow's retries would; returns what still fails."""
    for _ in range(attempts):
        results = pull_all(settings, as_of=as_of, source=source)
        errors = [(result.stream, str(result.error)) for result in results if result.error]
        if not errors:
            break
    return errors


def hit_at_random(handle, source, seed):
    chance = PROBABILITY.get(source, 0.2)
    control(
        handle,
        "faults",
        "post",
        kind="http",
        source=source,
        param=["kind=any", f"seed={seed}", f"probability={chance}"],
    )


def landed_through_faults(served, runs):
    """Each run's differences from the clean landing, and the number of requests that were hit."""
    folder, handle = served
    base = folder / f"runs-{len(runs)}"
    sources = sorted({source for source, _ in runs})
    homes = {run: base / f"{run[0]}-{run[1]}" for run in runs} | {
        (source, None): base / f"{source}-clean" for source in sources
    }
    settings = {
        run: Settings(home=home, sandbox_url=handle.url, pull_workers=1)
        for run, home in homes.items()
    }
    hits = Counter()
    control(handle, "clock", now=cycle_of(FIRST).isoformat(), force=True)
    for number in range(CYCLES):
        as_of = cycle_of(FIRST + timedelta(number))
        control(handle, "clock", now=as_of.isoformat())
        for (source, seed), one in settings.items():
            control(handle, "faults", "delete")
            if seed is not None:
                hit_at_random(handle, source, seed)
                pulled(one, source, as_of, ATTEMPTS)
                hits[source, seed] += control(handle, "faults", "get")["faults"][-1]["hits"]
                control(handle, "faults", "delete")
            errors = pulled(one, source, as_of, 3)
            assert errors == [], (source, seed, number)
    clean = {source: contents(settings[source, None], source) for source in sources}
    differences = {}
    for source, seed in runs:
        found = contents(settings[source, seed], source)
        differences[source, seed] = (clean[source] - found, found - clean[source])
    return clean, differences, hits


def held(clean, differences, hits):
    assert all(rows for rows in clean.values()), "a source landed nothing: nothing was compared"
    wrong = {
        run: (sum(lost.values()), sum(more.values()), [*lost, *more][:2])
        for run, (lost, more) in differences.items()
        if lost or more
    }
    assert wrong == {}
    # faults that never struck prove nothing
    assert sum(hits.values()) >= 2 * len(differences)


def test_twenty_runs_through_random_faults_land_everything_once(served, impatient):
    runs = [(SOURCES[n % len(SOURCES)], 100 + n) for n in range(QUICK_RUNS)]

    held(*landed_through_faults(served, runs))


@pytest.mark.slow
def test_two_hundred_runs_through_random_faults_land_everything_once(served, impatient):
    runs = [(SOURCES[n % len(SOURCES)], 1000 + n) for n in range(ALL_RUNS)]

    held(*landed_through_faults(served, runs))
