import gzip
import json
from datetime import UTC, date, datetime, timedelta

import pytest
from vendor_accounts import AS_OF, TODAY, YESTERDAY

from extractors.core.manifest import Manifest
from siyu.accounts import Account
from siyu.errors import ConfigurationError, SiyuError


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "drops").mkdir()
    return tmp_path / "drops"


@pytest.fixture
def account(folder):
    return Account("page_events", "h5_main", "", "页面", {"drop_address": str(folder)})


def event(event_id, event_type="page_view", at="2026-04-13T12:00:00.123+08:00", **also):
    return {
        "event_id": event_id,
        "event_type": event_type,
        "event_time": at,
        "visitor_id": "v-clear",
        "unionid": "oCLEAR",
        "page_id": "p1",
        "page_url": "http://h5",
        "utm_source": "tencent_moments",
        "utm_medium": None,
        "utm_campaign": "c",
        "utm_content": None,
        "device": "ios",
        "dwell_seconds": 1.5,
    } | also


def drop(folder, *events, day=YESTERDAY, hour=12, name="h5-0", raw=None):
    path = folder / f"dt={day}" / f"hour={hour:02d}" / f"{name}.jsonl.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = raw if raw is not None else b"".join(json.dumps(e).encode() + b"\n" for e in events)
    path.write_bytes(gzip.compress(text, mtime=0))
    return path


def values(commit):
    return {(a.event_date, a.channel, a.measure): a.value for a in commit.arrivals}


def test_events_land_on_the_business_day_of_their_own_time(folder, account, run):
    drop(
        folder,
        event("a", at="2026-04-12T23:59:59.999+08:00"),
        event("b", at="2026-04-13T00:00:00.000+08:00"),
    )
    commit, rows = run("page_events", "page_event", account=account)
    assert [r["event_id"] for r in rows[date(2026, 4, 12)]] == ["a"]
    assert rows[YESTERDAY][0]["event_time"] == datetime(2026, 4, 12, 16, tzinfo=UTC)
    assert rows[YESTERDAY][0]["_object"] == f"dt={YESTERDAY}/hour=12/h5-0.jsonl.gz"
    assert commit.inputs == (f"dt={YESTERDAY}/hour=12/h5-0.jsonl.gz",)
    text = str(rows)
    assert "v-clear" not in text
    assert "oCLEAR" not in text


def test_a_visitor_is_no_person_of_the_vault(folder, account, run, settings):
    import sqlite3
    from contextlib import closing

    drop(folder, event("a"))
    run("page_events", "page_event", account=account)
    with closing(sqlite3.connect(settings.root / "vault" / "ids.sqlite")) as vault:
        assert [row[0] for row in vault.execute("select clear_id from ids")] == ["oCLEAR"]


def test_an_object_is_read_once_and_counts_are_absolute(folder, account, run):
    drop(folder, event("a"), event("b", "lead_form"))
    run("page_events", "page_event", account=account, as_of=AS_OF - timedelta(hours=5))
    drop(folder, event("c", "lead_form"), day=TODAY, hour=8)
    commit, _ = run("page_events", "page_event", account=account)
    assert commit.rows == 1
    assert values(commit) == {
        (YESTERDAY, "tencent_moments", "page_view"): 1,
        (YESTERDAY, "tencent_moments", "lead_form"): 2,
    }


def test_copies_are_dropped_within_a_pull_and_counted_once_across_pulls(folder, account, run):
    drop(folder, event("a"), event("a"))
    first, rows = run(
        "page_events", "page_event", account=account, as_of=AS_OF - timedelta(hours=5)
    )
    assert len(rows[YESTERDAY]) == 1
    drop(folder, event("a"), event("b"), day=TODAY, hour=8)
    second, _ = run("page_events", "page_event", account=account)
    key = (YESTERDAY, "tencent_moments", "page_view")
    assert (values(first)[key], values(second)[key]) == (1, 2)
    # the copy that came a day later is not landed again either
    assert (first.duplicate_rows, second.duplicate_rows, second.rows) == (1, 1, 1)


@pytest.mark.parametrize(
    "bad",
    [
        b'{"event_id": "x", "event_type": "page_view", "visitor_id": "v-clear", "unionid": "oCLE',
        b"not json at all oCLEAR",
        b'{"event_type": "page_view"}',
        b"[1]",
        b"\xff\xfe",
    ],
)
def test_a_bad_line_is_quarantined_and_the_good_ones_land(folder, account, run, settings, bad):
    good = json.dumps(event("a")).encode()
    drop(folder, raw=good + b"\n" + bad)
    commit, rows = run("page_events", "page_event", account=account)
    assert [r["event_id"] for r in rows[YESTERDAY]] == ["a"]
    assert commit.rejected_rows == 1
    assert commit.warnings[0].startswith("rejected_rows: 1 rows")
    [quarantined] = (settings.root / "landing" / "_quarantine").rglob("*.jsonl")
    evidence = json.loads(quarantined.read_text())
    assert (evidence["line"], evidence["object"]) == (2, commit.inputs[0])
    assert "v-clear" not in quarantined.read_text()
    assert "oCLE" not in quarantined.read_text()


def test_a_time_without_offset_is_rejected_not_guessed(folder, account, run):
    drop(folder, event("a"), event("b", at="2026-04-13 12:00:00"), event("c", at="soon"))
    commit, rows = run("page_events", "page_event", account=account)
    assert [r["event_id"] for r in rows[YESTERDAY]] == ["a"]
    assert commit.rejected_rows == 2


def test_a_broken_upload_lands_what_is_readable(folder, account, run):
    path = drop(folder, *[event(f"e{n}", page_url=f"http://h5/{n * 7919}") for n in range(400)])
    path.write_bytes(path.read_bytes()[:-400])
    commit, rows = run("page_events", "page_event", account=account)
    assert 0 < len(rows[YESTERDAY]) < 400
    assert commit.rejected_rows >= 1


def test_objects_of_several_gzip_members_are_read_whole(folder, account, run):
    path = drop(folder, event("a"))
    path.write_bytes(path.read_bytes() + gzip.compress(json.dumps(event("b")).encode()))
    commit, _ = run("page_events", "page_event", account=account)
    assert commit.rows == 2


def test_drops_of_a_later_hour_are_not_there_yet(folder, account, run):
    drop(folder, event("a"), day=TODAY, hour=10)
    drop(folder, event("b"), day=TODAY, hour=11)
    commit, _ = run("page_events", "page_event", account=account)
    assert commit.inputs == (f"dt={TODAY}/hour=10/h5-0.jsonl.gz",)


def test_a_pull_without_news_is_committed_and_touches_no_day(folder, account, run):
    commit, rows = run("page_events", "page_event", account=account)
    assert (rows, commit.covered_dates, commit.rows) == ({}, (), 0)


def test_a_backfill_reads_again_what_was_delivered_until_the_window_is_final(
    folder, account, run, settings
):
    drop(folder, event("a"))
    drop(folder, event("late", "booking"), day=TODAY, hour=2)
    run("page_events", "page_event", account=account, as_of=AS_OF - timedelta(hours=5))
    commit, _ = run("page_events", "page_event", account=account, window=(YESTERDAY, YESTERDAY))
    assert len(commit.inputs) == 2
    assert values(commit)[YESTERDAY, "tencent_moments", "booking"] == 1
    assert len(Manifest(settings.landing_address).live_files("page_events", "page_event")) == 2


def test_an_object_uploaded_days_late_is_found_in_its_old_folder(folder, account, run):
    drop(folder, event("a"))
    run("page_events", "page_event", account=account, as_of=AS_OF - timedelta(hours=5))
    old = date(2026, 3, 1)
    drop(folder, event("late", at="2026-03-01T09:10:00+08:00"), day=old, hour=9)
    commit, rows = run("page_events", "page_event", account=account)
    assert [r["event_id"] for r in rows[old]] == ["late"]
    assert commit.inputs == ("dt=2026-03-01/hour=09/h5-0.jsonl.gz",)


def test_a_cut_object_is_read_again_once_it_is_whole(folder, account, run):
    lines = [json.dumps(event(f"e{n}")).encode() for n in range(3)]
    drop(folder, raw=b"\n".join(lines)[:-9])
    first, _ = run("page_events", "page_event", account=account, as_of=AS_OF - timedelta(hours=5))
    assert (first.rows, first.rejected_rows) == (2, 1)
    unchanged, _ = run(
        "page_events", "page_event", account=account, as_of=AS_OF - timedelta(hours=4)
    )
    assert unchanged.inputs == ()
    path = drop(folder, raw=b"\n".join(lines))
    commit, rows = run("page_events", "page_event", account=account)
    assert [r["event_id"] for r in rows[YESTERDAY]] == ["e2"]
    assert (commit.duplicate_rows, commit.rejected_rows) == (2, 0)
    assert commit.input_stamps == (str(path.stat().st_size),)
    assert values(commit)[YESTERDAY, "tencent_moments", "page_view"] == 3


def test_a_clock_that_is_ahead_counts_on_the_day_of_delivery_and_keeps_its_time(
    folder, account, run
):
    drop(
        folder,
        # delivered in the hour before midnight
        event("ahead", at="2026-04-14T00:20:00+08:00"),
        event("next_year", at="2027-01-01T00:00:00+08:00"),
        event("right", at="2026-04-13T23:59:59+08:00"),
        hour=23,
    )
    _, rows = run("page_events", "page_event", account=account)
    assert {r["event_id"] for r in rows[YESTERDAY]} == {"ahead", "next_year", "right"}
    [ahead] = [r for r in rows[YESTERDAY] if r["event_id"] == "ahead"]
    assert ahead["event_time"] == datetime(2026, 4, 13, 16, 20, tzinfo=UTC)
    assert ahead["_delivered_at"] == datetime(2026, 4, 13, 15, 0, tzinfo=UTC)


def test_a_copy_of_an_event_whose_clock_was_ahead_lands_on_no_second_day(folder, account, run):
    one = event("a", at="2026-04-14T00:20:00+08:00")
    drop(folder, one, hour=23)
    run("page_events", "page_event", account=account, as_of=AS_OF - timedelta(hours=5))
    drop(folder, one, day=TODAY, hour=9)
    commit, rows = run("page_events", "page_event", account=account)
    assert (rows, commit.duplicate_rows) == ({}, 1)


def test_a_device_without_a_clock_opens_no_day_of_1970(folder, account, run):
    drop(
        folder,
        event("a"),
        event("clockless", at="1970-01-01T08:00:07+08:00"),
        event("old", at="2026-02-01T08:00:00+08:00"),
    )
    commit, rows = run("page_events", "page_event", account=account)
    assert set(rows) == {YESTERDAY, date(2026, 2, 1)}
    assert commit.rejected_rows == 1


def test_each_account_reads_its_own_drops(folder, account, run, tmp_path):
    (tmp_path / "mini").mkdir()
    mini = Account("page_events", "mini_main", "", "小程序", {"drop_address": f"{tmp_path}/mini"})
    drop(folder, event("a"))
    drop(tmp_path / "mini", event("b"), name="mini-0")
    for one, expected in ((account, "a"), (mini, "b")):
        commit, rows = run("page_events", "page_event", account=one)
        assert [r["event_id"] for r in rows[YESTERDAY]] == [expected]
        assert len(commit.inputs) == 1


def test_a_missing_folder_says_so(account, folder, run):
    folder.rmdir()
    with pytest.raises(SiyuError, match="drop folder does not exist"):
        run("page_events", "page_event", account=account)


def test_an_account_without_an_address_says_so(run):
    with pytest.raises(ConfigurationError, match="drop_address"):
        run("page_events", "page_event", account=Account("page_events", "h5_main"))


def test_an_object_store_is_read_like_a_folder(run):
    import fsspec

    files = fsspec.filesystem("memory")
    path = f"/bucket/dt={YESTERDAY}/hour=12/h5-0.jsonl.gz"
    files.pipe_file(path, gzip.compress(json.dumps(event("a")).encode()))
    account = Account("page_events", "h5_main", "", "", {"drop_address": "memory://bucket"})
    commit, _ = run("page_events", "page_event", account=account)
    assert commit.inputs == (f"dt={YESTERDAY}/hour=12/h5-0.jsonl.gz",)
