"""Extractors against the sandbox over real HTTP: what the world shows is landed, exactly once."""

import json
import os
import shutil
from dataclasses import replace
from datetime import date, timedelta

import pyarrow.parquet as pq
import pytest
import requests

from extractors.core.manifest import Manifest
from extractors.core.privacy import Privacy
from extractors.core.pull import pull, pull_all
from extractors.registry import families, get_stream
from siyu.accounts import load_accounts
from siyu.clock import cycle_of
from siyu.settings import SANDBOX_PSEUDONYM_KEY, Settings

FIRST, CYCLES = date(2026, 3, 20), 4


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A home after some daily cycles, the settings of it, and the truth as rows."""
    from sandbox.dump import dump
    from sandbox.parameters import size_named
    from sandbox.server import start
    from sandbox.world import generate

    folder = tmp_path_factory.mktemp("against")
    handle = start(size="small", seed=11, state_dir=folder / "state")
    old = {name: os.environ.pop(name, None) for name in ("SIYU_HOME", "SIYU_SANDBOX_URL")}
    try:
        settings = Settings(home=folder / "home", sandbox_url=handle.url)
        results = []
        for number in range(CYCLES):
            as_of = cycle_of(FIRST + timedelta(number))
            requests.put(
                f"{handle.url}/_sandbox/clock", json={"now": as_of.isoformat()}, timeout=30
            ).raise_for_status()
            results += pull_all(settings, as_of=as_of)
        dump(generate(size_named("small"), 11), folder / "truth")
        yield settings, as_of, folder / "truth", results, handle
    finally:
        handle.stop()
        os.environ.update({name: value for name, value in old.items() if value is not None})


@pytest.fixture(scope="module")
def landed(world):
    settings, as_of = world[:2]
    manifest = Manifest(settings.landing_address)

    def rows(source, stream):
        found = []
        for path in manifest.live_files(source, stream, as_of):
            day = date.fromisoformat(path.split("event_date=")[1][:10])
            found += [row | {"event_date": day} for row in pq.ParquetFile(path).read().to_pylist()]
        return found

    return rows


@pytest.fixture(scope="module")
def truth(world):
    _, as_of, folder, *_ = world

    def rows(table):
        return [
            row
            for row in pq.ParquetFile(folder / f"{table}.parquet").read().to_pylist()
            if row["visible_at"] is not None and row["visible_at"] <= as_of
        ]

    return rows


def hidden(clear):
    return clear and Privacy(SANDBOX_PSEUDONYM_KEY.encode(), None).pseudonym(clear)


def test_every_pull_succeeded_and_every_field_is_known(world):
    results = world[3]
    assert [str(r.error) for r in results if r.error] == []
    assert {r.stream for r in results if r.commit and r.commit.unknown_fields} == set()
    # the ordinary world cuts a few drops inside a line; their readers say so
    assert {r.stream for r in results if r.commit and r.commit.warnings} <= {"page_event"}


def test_every_visible_page_event_is_landed_once(landed, truth):
    rows = landed("page_events", "page_event")
    ids = [row["event_id"] for row in rows]
    assert len(ids) == len(set(ids))
    assert {(row["event_id"], row["event_date"], row["unionid"]) for row in rows} == {
        (row["event_id"], row["event_date"], hidden(row["unionid"])) for row in truth("page_events")
    }


def test_page_event_arrivals_count_what_was_visible(world, truth):
    settings, as_of = world[:2]
    frame = Manifest(settings.landing_address).arrivals_frame(as_of)
    frame = frame[frame["source"] == "page_events"]
    keys = ["event_date", "channel", "measure"]
    newest = frame.sort_values("pulled_at").groupby(["account", *keys])["value"].last()
    newest = newest.groupby(keys).sum()
    expected: dict = {}
    for row in truth("page_events"):
        key = (row["event_date"], row["utm_source"] or "", row["event_type"])
        expected[key] = expected.get(key, 0) + 1
    assert {key: value for key, value in newest.items() if value} == expected


def test_every_order_is_landed_with_its_price_in_fen(landed, truth):
    newest: dict = {}
    for row in sorted(landed("wechat_store", "order"), key=lambda r: r["update_time"]):
        newest[row["order_id"]] = row
    since = min(row["create_time"] for row in newest.values())
    expected = {row["order_id"]: row for row in truth("orders") if row["happened_at"] >= since}
    assert newest.keys() >= expected.keys()
    assert len(expected) > 50
    for order_id, row in expected.items():
        assert newest[order_id]["openid"] == hidden(row["openid"])
        assert newest[order_id]["product_price"] == row["product_price_fen"]


# stream -> its figures in the vendor's names (cost, impressions, clicks, conversions on the event
# and on the billing clock), fen per unit of cost, days after the exposure that the billing clock
# counts, and which conversions the platform knows
TENCENT = ("cost", "view_count", "valid_click_count")
OCEAN = ("stat_cost", "show_cnt", "click_cnt", "convert_cnt", "attribution_convert_cnt")
KUAISHOU = ("charge", "aclick", "bclick", "conversion_num", "conversion_num_by_impression_7d")
BAIDU = ("cost", "impression", "click", "ctOCPCConversions", "ocpcConversions")
BOTH = ("lead", "add")
AD_REPORTS = [
    ("tencent_ads.daily_report_request_time", (*TENCENT, None, "conversions_count"), 1, 30, BOTH),
    ("tencent_ads.daily_report_reporting_time", (*TENCENT, "conversions_count", None), 1, 30, BOTH),
    ("tencent_ads.hourly_report", (*TENCENT, "conversions_count", None), 1, 30, BOTH),
    ("oceanengine.promotion_report", OCEAN, 100, 30, BOTH),
    ("oceanengine.project_report", OCEAN, 100, 30, BOTH),
    ("kuaishou.unit_report", KUAISHOU, 100, 7, BOTH),
    ("kuaishou.campaign_report", KUAISHOU, 100, 7, BOTH),
    ("baidu.adgroup_report", BAIDU, 100, 7, BOTH),
    ("baidu.campaign_report", BAIDU, 100, 7, BOTH),
    (
        "juguang.campaign_report",
        ("fee", "impression", "click", None, "valid_leads"),
        100,
        7,
        ("lead",),
    ),
]


@pytest.mark.parametrize(("address", "figures", "fen", "window", "kinds"), AD_REPORTS)
def test_ads_equal_the_truth_to_the_fen_on_both_clocks(
    world, landed, truth, address, figures, fen, window, kinds
):
    """Cost and delivery of every landed day; conversions on the clock of each column."""
    source, stream = address.split(".")
    accounts = {a.account for a in load_accounts(world[0]) if a.source == source}
    found: dict = {}
    names = ("cost", "impressions", "clicks", "event", "billing")
    by_file = Manifest(world[0].landing_address)
    for account in accounts:
        for commit in by_file.commits(source, stream, account):
            found |= {(account, day): dict.fromkeys(names, 0) for day in commit.covered_dates}
    for row in landed(source, stream):
        kept = found[row["_account"], row["event_date"]]
        for name, column in zip(names, figures, strict=True):
            if column:
                kept[name] += round(row[column] * (fen if name == "cost" else 1))
    expected = {key: dict.fromkeys(names, 0) for key in found}
    for row in truth("ad_days"):
        if row["platform"] == source and (key := (row["account"], row["date"])) in expected:
            expected[key]["cost"] += row["cost_fen"]
            expected[key]["impressions"] += row["impressions"]
            expected[key]["clicks"] += row["clicks"]
    for row in truth("ad_conversions"):
        if row["platform"] != source or row["conversion_type"] not in kinds:
            continue
        days = (row["reported_date"], row["request_date"])
        if figures[3] and (row["account"], days[0]) in expected:
            expected[row["account"], days[0]]["event"] += 1
        if (
            figures[4]
            and (days[0] - days[1]).days <= window
            and (row["account"], days[1]) in expected
        ):
            expected[row["account"], days[1]]["billing"] += 1
    assert {account for account, _ in found} == accounts
    assert sum(values["cost"] for values in found.values()) > 0
    assert found == expected


@pytest.mark.parametrize(
    ("source", "account", "stream"),
    [
        ("oceanengine", "30001", "promotion_report"),
        ("tencent_ads", "20001", "daily_report_request_time"),
    ],
)
def test_a_large_accounts_files_hold_what_its_pages_hold(world, tmp_path, source, account, stream):
    settings, as_of = world[:2]
    window = (FIRST + timedelta(1), FIRST + timedelta(2))
    hashes = []
    for is_large in (False, True):
        home = Settings(home=tmp_path / str(is_large), sandbox_url=settings.sandbox_url)
        if (tokens := settings.root / "work" / "tokens").exists():
            # a second home with the first refresh token would void what the first one holds
            shutil.copytree(tokens, home.root / "work" / "tokens")
        one = next(a for a in load_accounts(home) if (a.source, a.account) == (source, account))
        one = replace(one, options={**one.options, "large": is_large})
        commit = pull(home, one, get_stream(source, stream), as_of=as_of, window=window)
        hashes.append([(file.event_date, file.rows, file.content_hash) for file in commit.files])
        assert commit.warnings == ()
    assert len(hashes[0]) == 2
    assert hashes[0] == hashes[1]


def test_control_totals_meet_the_detail(world):
    totals = [
        (result.source, total)
        for result in world[3]
        if families()[result.source] == "ads" and result.commit
        for total in result.commit.control_totals
        if total.platform_total is not None
    ]
    assert {source for source, _ in totals} >= {address.split(".")[0] for address, *_ in AD_REPORTS}
    # money is rounded to the fen in every row and in the total
    assert [
        (source, total)
        for source, total in totals
        if abs(total.platform_total - total.detail_total) > 0.05
    ] == []


def test_customers_are_those_of_the_world_and_hidden(world, landed, truth):
    _, as_of = world[:2]
    rows = [
        row for row in landed("wecom", "customer") if row["event_date"] == FIRST + timedelta(CYCLES)
    ]
    expected = {
        (hidden(row["external_userid"]), row["userid"])
        for row in truth("relations")
        if row["removed_by_staff_at"] is None or row["removed_by_staff_at"] > as_of
    }
    assert {(row["external_userid"], row["userid"]) for row in rows} == expected
    assert len(rows) == len(expected)


def test_nothing_secret_or_personal_lies_in_the_landing(world):
    settings, _, folder, _, handle = world
    accounts = requests.get(f"{handle.url}/_sandbox/accounts", timeout=10).json()["accounts"]
    forbidden = {value for account in accounts for value in account["credentials"].values()}
    for token in (settings.root / "work" / "tokens").glob("*.json"):
        forbidden.add(json.loads(token.read_text())["token"])
    people = pq.ParquetFile(folder / "persons.parquet").read().to_pylist()[:50]
    forbidden |= {
        row[key] for row in people for key in ("external_userid", "unionid", "openid") if row[key]
    }
    assert len(forbidden) > 100
    texts = []
    for path in (settings.root / "landing").rglob("*"):
        if path.suffix == ".parquet":
            texts.append(str(pq.ParquetFile(path).read().to_pylist()))
        elif path.is_file():
            texts.append(path.read_text())
    everything = "\n".join(texts)
    assert [word for word in forbidden if word in everything] == []


def test_a_rerun_of_a_cycle_lands_nothing_more(world):
    settings, as_of, *_ = world
    before = Manifest(settings.landing_address).commits()
    again = pull_all(settings, as_of=as_of)
    assert [r.error for r in again if r.error] == []
    assert Manifest(settings.landing_address).commits() == before


def test_frozen_behaviour_is_not_ready_and_caught_up_when_it_thaws(world):
    settings, _, _, _, handle = world
    url, day = handle.url, FIRST + timedelta(CYCLES)
    requests.post(
        f"{url}/_sandbox/faults",
        timeout=10,
        json={
            "source": "wecom",
            "stream": "user_behavior",
            "kind": "freeze",
            "from": day.isoformat(),
            "days": 2,
        },
    ).raise_for_status()
    seen = {}
    for number in range(3):
        as_of = cycle_of(day + timedelta(number))
        requests.put(
            f"{url}/_sandbox/clock", json={"now": as_of.isoformat()}, timeout=30
        ).raise_for_status()
        [result] = pull_all(settings, as_of=as_of, source="wecom", stream="user_behavior")
        assert result.error is None
        seen[number] = result.commit
    # business days D and D+1 are frozen; the cycle of D+2 has them all
    assert day in seen[0].not_ready_dates
    assert {day, day + timedelta(1)} <= set(seen[1].not_ready_dates)
    assert seen[2].not_ready_dates == ()
    assert {day + timedelta(n) for n in range(3)} <= set(seen[2].covered_dates)


# ------------------------------------------------------------------------- content and commerce
def test_douyin_days_equal_the_truth_once_they_are_final(world, landed, truth):
    as_of = world[1]
    videos = {(row["_account"], row["item_id"]) for row in landed("douyin", "video")}
    assert videos == {(row["account"], row["item_id"]) for row in truth("videos")}
    counters = ("play", "like", "comment", "share")
    found = {
        (row["item_id"], row["event_date"]): tuple(row[name] for name in counters)
        for row in landed("douyin", "video_daily")
    }
    expected = {
        (row["item_id"], row["date"]): tuple(row[name] for name in counters)
        for row in truth("video_days")
        if row["final_at"] <= as_of
    }
    assert len(expected) > 30
    assert {key: found.get(key) for key in expected} == expected


def test_followers_and_messages_equal_the_truth(landed, truth):
    found = {
        (row["event_date"], row["user_source"]): (row["new_user"], row["cancel_user"])
        for row in landed("wechat_oa", "user_summary")
    }
    expected = {
        (row["date"], row["user_source"]): (row["new_user"], row["cancel_user"])
        for row in truth("oa_user_days")
        if row["new_user"] or row["cancel_user"]
    }
    assert len(expected) > 30
    assert {key: value for key, value in found.items() if any(value)} == expected
    messages = {
        (row["event_date"], row["msg_type"]): row["msg_count"]
        for row in landed("wechat_oa", "upstream_message")
    }
    assert {key: count for key, count in messages.items() if count} == {
        (row["date"], row["msg_type"]): row["msg_count"]
        for row in truth("oa_message_days")
        if row["msg_count"]
    }


def test_every_visible_aftersale_is_landed_in_its_newest_state(world, landed, truth):
    as_of = world[1]
    newest: dict = {}
    for row in sorted(landed("wechat_store", "aftersale"), key=lambda r: r["update_time"]):
        newest[row["after_sale_order_id"]] = row
    expected = {row["after_sale_order_id"]: row for row in truth("aftersales")}
    assert newest.keys() == expected.keys()
    assert newest
    for case_id, row in expected.items():
        assert newest[case_id]["amount"] == row["amount_fen"]
        if row["decided_at"] is not None and row["decided_at"] <= as_of:
            assert newest[case_id]["status"] == row["final_status"]


def test_live_sessions_are_those_of_the_world(landed, truth):
    sessions = {row["export_id"] for row in landed("wechat_channels_live", "live_session")}
    boards = {row["export_id"]: row for row in landed("wechat_channels_live", "live_dashboard")}
    expected = {row["export_id"]: row for row in truth("live_sessions")}
    assert boards.keys() <= sessions
    assert expected.keys() <= sessions
    assert {one: boards[one]["new_watch_uv"] for one in expected} == {
        one: row["new_watch_uv"] for one, row in expected.items()
    }
