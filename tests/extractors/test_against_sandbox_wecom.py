"""WeCom's streams against the sandbox over real HTTP: what landed is what the world shows."""

import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import date, timedelta

import pyarrow.parquet as pq
import pytest
import requests

from extractors.core.manifest import Manifest
from extractors.core.privacy import Privacy
from extractors.core.pull import pull_all
from siyu.calendar import business_date
from siyu.clock import cycle_of
from siyu.settings import SANDBOX_PSEUDONYM_KEY, Settings

FIRST, CYCLES = date(2026, 4, 6), 5
LAST = FIRST + timedelta(CYCLES - 1)
TODAY = LAST + timedelta(1)
FRESH = [LAST - timedelta(n) for n in range(3)]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Settings of a home after some daily cycles, the last moment, and the folder of the truth."""
    from sandbox.dump import dump
    from sandbox.parameters import size_named
    from sandbox.server import start
    from sandbox.world import generate

    folder = tmp_path_factory.mktemp("wecom")
    handle = start(size="small", seed=11, state_dir=folder / "state")
    receiver = None
    old = {name: os.environ.pop(name, None) for name in ("SIYU_HOME", "SIYU_SANDBOX_URL")}
    try:
        settings = Settings(home=folder / "home", sandbox_url=handle.url)
        receiver, url = receive(settings)
        results = []
        for number in range(-1, CYCLES):
            as_of = cycle_of(FIRST + timedelta(number))
            put(handle, "clock", now=as_of.isoformat())
            if number < 0:  # events are pushed from here on
                put(handle, "callback", url=f"{url}/callback/corp_main")
            else:
                results += pull_all(settings, as_of=as_of, source="wecom")
        dump(generate(size_named("small"), 11), folder / "truth")
        yield settings, as_of, folder / "truth", results
    finally:
        if receiver:
            receiver.kill()
            receiver.wait()
            receiver.stdout.close()
        handle.stop()
        os.environ.update({name: value for name, value in old.items() if value is not None})


def receive(settings):
    """The receiver as a process of its own, and its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "siyu", "callback", "serve", "--port", "0"],
        env=os.environ
        | {"SIYU_HOME": str(settings.root), "SIYU_SANDBOX_URL": settings.sandbox_url},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    return process, json.loads(process.stdout.readline())["url"]


def put(handle, what, **body):
    answer = requests.put(f"{handle.url}/_sandbox/{what}", json=body, timeout=60)
    answer.raise_for_status()


@pytest.fixture(scope="module")
def landed(world):
    """Rows of a stream as readers see them, with their event date."""
    settings, as_of = world[:2]
    manifest = Manifest(settings.landing_address)

    def rows(stream, *days):
        found = []
        for path in manifest.live_files("wecom", stream, as_of):
            day = date.fromisoformat(path.split("event_date=")[1][:10])
            if not days or day in days:
                found += [
                    row | {"event_date": day} for row in pq.ParquetFile(path).read().to_pylist()
                ]
        return found

    return rows


@pytest.fixture(scope="module")
def truth(world):
    def rows(table):
        return pq.ParquetFile(world[2] / f"{table}.parquet").read().to_pylist()

    return rows


def hidden(clear):
    return clear and Privacy(SANDBOX_PSEUDONYM_KEY.encode(), None).pseudonym(clear)


def before(moment, as_of):
    return moment is not None and moment <= as_of


def test_every_stream_is_pulled_and_every_field_known(world):
    from extractors.wecom import STREAMS

    results = world[3]
    assert [str(r.error) for r in results if r.error] == []
    assert {r.stream for r in results} == {stream.name for stream in STREAMS}
    assert {r.stream for r in results if r.commit and r.commit.unknown_fields} == set()
    assert {r.stream for r in results if r.commit and r.commit.warnings} == set()


def test_no_landed_day_repeats_a_key(world, landed):
    from extractors.wecom import STREAMS

    filled = 0
    for stream in STREAMS:
        by_file = Counter(
            (row["event_date"], row["_run_id"], *(row[key] for key in stream.primary_key))
            for row in landed(stream.name)
        )
        filled += bool(by_file)
        assert [key for key, count in by_file.items() if count > 1] == [], stream.name
    assert filled == len(STREAMS)


def test_members_of_groups_are_those_who_are_in_them(world, landed, truth):
    as_of = world[1]
    rows = landed("group_member", TODAY)
    expected = {
        (
            row["chat_id"],
            row["userid"] if row["is_staff"] else hidden(row["userid"]),
            row["join_scene"],
        )
        for row in truth("group_members")
        if before(row["happened_at"], as_of) and not before(row["left_at"], as_of)
    }
    assert {(r["chat_id"], r["member_id"], r["join_scene"]) for r in rows} == expected
    assert len(expected) > 500


def test_the_sharing_tree_can_be_joined(world, landed, truth):
    rows = landed("group_member", TODAY)
    people = {row["unionid"] for row in rows if row["unionid"]}
    sharers = {row["inviter_unionid"] for row in rows if row["inviter_unionid"]}
    known = {hidden(row["inviter_unionid"]) for row in truth("group_members")}
    assert len(sharers) > 5
    assert sharers <= known
    assert sharers & people


def test_recipients_of_young_messages_have_their_status(world, landed, truth):
    as_of = world[1]
    messages = {row["msgid"]: row for row in truth("group_messages")}
    expected = {}
    for row in truth("group_message_recipients"):
        message = messages[row["msgid"]]
        if message["created_date"] not in FRESH or message["is_cancelled"]:
            continue
        known = before(row["status_known_at"], as_of)
        if message["chat_type"] == "single":
            key = (row["msgid"], row["userid"], hidden(row["external_userid"]))
            expected[key] = row["status"] if known else 0
        elif known and row["status"] == 1:
            expected[row["msgid"], row["userid"], row["chat_id"]] = 1
    rows = landed("group_message_recipient", *FRESH)
    found = {(r["msgid"], r["userid"], r["recipient_id"]): r["status"] for r in rows}
    assert found == expected
    assert {0, 1} <= set(found.values())


def test_results_carried_over_are_what_was_read_before(world, landed):
    settings = world[0]
    manifest = Manifest(settings.landing_address)
    old = [LAST - timedelta(n) for n in (3, 4)]
    by_pull = defaultdict(dict)
    for commit in manifest.commits("wecom", "group_message_recipient"):
        for file in commit.files:
            if file.event_date in old:
                by_pull[file.event_date][commit.pulled_at] = file.rows
    assert by_pull
    for counts in by_pull.values():
        ordered = [counts[at] for at in sorted(counts)]
        assert ordered == sorted(ordered)  # none is lost on the way


def test_moments_their_audience_and_reactions(world, landed, truth):
    as_of = world[1]
    moments = {
        row["moment_id"]: row
        for row in truth("moments")
        if row["created_date"] in FRESH and not before(row["deleted_at"], as_of)
    }
    assert {r["moment_id"] for r in landed("moment", *FRESH)} == set(moments)
    seen = {
        (row["moment_id"], row["userid"], hidden(row["external_userid"]))
        for row in truth("moment_recipients")
        if row["moment_id"] in moments and row["sees_it"] and before(row["published_at"], as_of)
    }
    rows = landed("moment_recipient", *FRESH)
    assert {(r["moment_id"], r["userid"], r["external_userid"]) for r in rows} == seen
    reactions = Counter(
        (row["moment_id"], row["kind"], "staff" if row["is_by_staff"] else "customer")
        for row in truth("moment_comments")
        if row["moment_id"] in moments and before(row["happened_at"], as_of)
    )
    rows = landed("moment_comment", *FRESH)
    found = Counter((r["moment_id"], r["interaction"], r["actor_type"]) for r in rows)
    assert found == reactions


def test_customers_by_link_and_clicks_by_day(world, landed, truth):
    as_of = world[1]
    listed = {row["link_id"] for row in landed("acquisition_link", TODAY)}
    assert listed
    expected = {
        (row["link_id"], hidden(row["external_userid"]), row["userid"])
        for row in truth("acquisition_customers")
        if row["link_id"] in listed and before(row["happened_at"], as_of)
    }
    rows = landed("acquisition_customer", TODAY)
    assert {(r["link_id"], r["external_userid"], r["userid"]) for r in rows} == expected
    clicks = defaultdict(set)
    for row in truth("acquisition_clicks"):
        if row["link_id"] in listed and row["date"] in FRESH:
            clicks[row["link_id"], row["date"]].add(row["clicker"])
    rows = landed("acquisition_statistic", *FRESH)
    found = {
        (r["link_id"], r["event_date"]): r["click_link_customer_cnt"]
        for r in rows
        if r["click_link_customer_cnt"]
    }
    assert found == {key: len(who) for key, who in clicks.items()}


def test_payments_and_refunds_to_the_fen(world, landed, truth):
    as_of = world[1]
    newest = {}
    for row in sorted(landed("bill"), key=lambda r: r["_pulled_at"]):
        newest[row["bill_id"]] = row
    start = min(row["pay_time"] for row in newest.values())
    paid = {r["transaction_id"]: r["total_fee"] for r in newest.values() if r["bill_type"] == 0}
    visible = [row for row in truth("payments") if row["is_visible"]]
    assert paid == {
        row["transaction_id"]: row["total_fee_fen"]
        for row in visible
        if start <= row["happened_at"] <= as_of
    }
    refunds = sum(r["total_fee"] for r in newest.values() if r["bill_type"] == 1)
    assert refunds == sum(
        row["refund_fee_fen"]
        for row in visible
        if row["refunded_at"] and start <= row["refunded_at"] <= as_of
    )
    assert refunds > 0


def test_service_sessions_of_each_servicer(landed, truth):
    days = {row["event_date"] for row in landed("kf_servicer_statistic")}
    expected = Counter(
        (row["open_kfid"], row["servicer_userid"], row["date"])
        for row in truth("kf_sessions")
        # the assistant may begin a session and hand it over: then it is a servicer's
        if row["date"] in days and row["servicer_userid"]
    )
    found = {
        (r["open_kfid"], r["servicer_userid"], r["event_date"]): r["session_cnt"]
        for r in landed("kf_servicer_statistic")
    }
    assert found == expected
    assert len(found) > 20


def test_every_pushed_event_landed_once(world, landed, truth):
    as_of, start_at = world[1], cycle_of(FIRST - timedelta(1))
    happened = [row for row in truth("callback_events") if start_at < row["happened_at"] <= as_of]
    contacts = {
        (row["kind"], row["userid"], hidden(row["external_userid"]), row["happened_at"])
        for row in happened
        if row["external_userid"]
    }
    rows = landed("callback_event")
    found = [
        (r["change_type"], r["userid"], r["external_userid"], r["create_time"])
        for r in rows
        if r["event"] == "change_external_contact"
    ]
    seconds = {(kind, user, who, at.replace(microsecond=0)) for kind, user, who, at in contacts}
    assert sorted(found) == sorted(seconds)  # some were pushed twice
    assert "del_follow_user" in {kind for kind, *_ in found}
    assert len(rows) == len(happened)
    assert any(row["is_sent_twice"] for row in happened)
    members = {member for r in rows for member in json.loads(r["mem_change_ids"] or "[]") if member}
    assert members == {hidden(row["member_userid"]) for row in happened if row["member_userid"]}


def test_the_spool_holds_the_last_days_events_only(world):
    settings = world[0]
    waiting = sorted((settings.root / "spool").rglob("*.jsonl"))
    committed = Manifest(settings.landing_address).commits("wecom", "callback_event")
    assert sum(commit.rows for commit in committed) > 20
    # one file an hour of the wall clock: the last pull's own stays until the next one
    assert len(waiting) <= 2


def test_the_organisation_and_its_tags(world, landed, truth):
    as_of = world[1]
    assert {r["id"] for r in landed("department", TODAY)} == {
        row["department_id"] for row in truth("departments")
    }
    assert {r["userid"] for r in landed("staff", TODAY)} <= {
        row["userid"] for row in truth("staff")
    }
    alive = {
        row["tag_id"]
        for row in truth("tags")
        if before(row["happened_at"], as_of) and not before(row["deleted_at"], as_of)
    }
    assert {r["tag_id"] for r in landed("corp_tag", TODAY) if not r["deleted"]} == alive
    assert business_date(as_of) == TODAY
