"""Every kind of data fault, on a report, an entity list and events, over real HTTP."""

import gzip
import json

import numpy as np
import pandas as pd
import pytest
from ads_api import AdsApi
from sandbox_api import moment, seconds

from sandbox.app import Sandbox
from sandbox.faults import effective, make
from sandbox.timeline import DAY_MS, to_ms
from siyu.errors import UsageError

FIRST, DAYS = "2026-04-06", 3  # the morning cycles of 6, 7 and 8 April
IN_WINDOW, AFTER = "2026-04-08", "2026-04-09T12:00"
DAY = "2026-04-07"  # asked in the morning of IN_WINDOW


@pytest.fixture
def fault(api, no_faults):
    """Add a fault to the shared server, from FIRST on."""

    def add(kind: str, **scope):
        api.at("2026-04-01")
        body = {"kind": kind, "from": FIRST, "days": DAYS, **scope}
        answer = api.http.post(f"{api.url}/_sandbox/faults", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return add


def behaviour(api, day: str = DAY) -> list[dict]:
    return api.behaviour(api.staff(), day, day)


def ad_rows(api, first: str = DAY, last: str | None = None) -> list[dict]:
    return api.report(first, last or first)["data"]["list"]


def customers(api) -> list[tuple]:
    return [
        (c["external_contact"]["external_userid"], c["follow_info"]["userid"])
        for c in api.customers()
    ]


def added(api) -> dict[str, int]:
    """When each relation began, as the list says."""
    return {
        c["follow_info"]["userid"] + c["external_contact"]["external_userid"]: c["follow_info"][
            "createtime"
        ]
        for c in api.customers()
    }


def orders(api, day: str = DAY) -> list[str]:
    return api.order_ids(day, str(pd.Timestamp(day).date() + pd.Timedelta(days=1)))


def at(api, when: str, read):
    api.at(when)
    return read(api)


# ------------------------------------------------------------------------------------- arrival
def test_trickle_shows_a_share_of_reports_and_events_and_the_rest_at_the_end(api, fault):
    whole = at(api, IN_WINDOW, ad_rows), at(api, IN_WINDOW, orders)
    fault("trickle", source="tencent_ads", param="share=0.2")
    fault("trickle", source="wechat_store", stream="order", param="0.5")

    part = at(api, IN_WINDOW, ad_rows), at(api, IN_WINDOW, orders)
    after = at(api, AFTER, ad_rows), at(api, AFTER, orders)

    cost = [sum(row["cost"] for row in rows) for rows in (whole[0], part[0])]
    assert cost[1] == pytest.approx(0.2 * cost[0], rel=0.01)
    assert {r["adgroup_id"] for r in part[0]} == {r["adgroup_id"] for r in whole[0]}
    assert 0 < len(part[1]) < len(whole[1])
    assert set(part[1]) < set(whole[1])
    assert sum(row["cost"] for row in after[0]) == cost[0]
    assert after[1] == whole[1]


def test_trickle_lets_a_share_of_new_customers_into_the_list(api, fault):
    before, whole = at(api, "2026-04-05", customers), at(api, IN_WINDOW, customers)
    fault("trickle", source="wecom", stream="customer", param={"share": "0.3"})

    part = at(api, IN_WINDOW, customers)

    assert len(before) < len(part) < len(whole)
    assert set(part) < set(whole)


def test_shift_makes_everything_come_days_later(api, fault, truth):
    fault("shift", source="wecom", stream="user_behavior", param="days=2")
    fault("shift", source="wechat_store", stream="order", param="days=2")
    shown = []
    for number in (5, 6, 7, 8):
        api.at(f"2026-04-{number + 1:02d}")
        shown.append("message_cnt" in behaviour(api, f"2026-04-{number:02d}")[0])
    late = "message_cnt" in at(api, "2026-04-09", lambda a: behaviour(a, "2026-04-06"))[0]
    created = truth["orders"].created_date.astype(str)

    assert shown == [True, False, False, False]
    assert late
    assert at(api, "2026-04-08T23:59", orders) == []
    api.at("2026-04-09T23:59")
    assert len(orders(api)) == (created == DAY).sum()


def test_shift_on_any_array_adds_days_only_inside_the_window():
    request = {"kind": "shift", "source": "wecom", "from": "1970-01-05", "days": 1, "param": "5"}
    late = make(1, request, 0)
    start = 4 * DAY_MS - 8 * 3_600_000
    visible = start + np.array([-1, 0, DAY_MS // 2 - 1, 3 * DAY_MS // 2])

    shown = effective([late], visible, np.array([4, 4, 4, 5]))

    assert (shown - visible).tolist() == [0, 5 * DAY_MS, 5 * DAY_MS, 0]


# --------------------------------------------------------------------------------- wrong content
def test_resend_answers_with_the_rows_of_the_day_before(api, fault):
    before, own = at(api, DAY, lambda a: ad_rows(a, "2026-04-06")), at(api, IN_WINDOW, ad_rows)
    staff_before = at(api, IN_WINDOW, lambda a: behaviour(a, "2026-04-06"))
    customers_then = at(api, DAY, customers)
    fault("resend", source="tencent_ads")
    fault("resend", source="wecom")

    rows = at(api, IN_WINDOW, ad_rows)
    [staff] = behaviour(api)

    def figures(found):
        return sorted((r["adgroup_id"], r["site_set"], r["view_count"], r["cost"]) for r in found)

    assert {r["date"] for r in rows} == {DAY}
    assert figures(rows) == figures(before) != figures(own)
    assert staff["message_cnt"] == staff_before[0]["message_cnt"]
    assert staff["stat_time"] == seconds(DAY)
    assert customers(api) == customers_then
    assert figures(at(api, AFTER, ad_rows)) == figures(own)


def test_empty_answers_succeed_without_rows(api, fault):
    fault("empty", source="tencent_ads", account="20001")
    fault("empty", source="wecom")
    fault("empty", source="wechat_store")
    api.at(IN_WINDOW)

    answer = api.report(DAY, DAY)
    assert answer["code"] == 0
    assert answer["data"]["list"] == []
    assert answer["data"]["page_info"]["total_number"] == 0
    assert ad_rows(api, "2026-04-05")  # days before the first stay
    assert api.report(DAY, DAY, account="20002")["code"] == 0
    assert api.corp("get_follow_user_list")["follow_user"] == []
    assert orders(api) == []
    api.at(AFTER)
    assert ad_rows(api)
    assert behaviour(api)
    assert orders(api)


def test_duplicate_rows_come_twice_and_across_pages(api, fault):
    whole = at(api, IN_WINDOW, orders), at(api, IN_WINDOW, ad_rows)
    listed = at(api, IN_WINDOW, customers)
    for source, stream in (("wechat_store", ""), ("tencent_ads", ""), ("wecom", "customer")):
        fault("duplicate", source=source, stream=stream)

    api.at(IN_WINDOW)
    rows = ad_rows(api)
    paged = api.order_ids(DAY, "2026-04-08", page_size=3)
    twice = customers(api)

    assert len(rows) == 2 * len(whole[1])
    assert {json.dumps(r) for r in rows} == {json.dumps(r) for r in whole[1]}
    assert set(paged) == set(whole[0])
    assert len(paged) > 2 * len(whole[0])  # the last of a page again on the next
    assert sorted(set(twice)) == sorted(set(listed))
    assert len(twice) >= 2 * len(listed)


def test_timezone_puts_reports_under_the_day_before_and_moves_times_by_eight_hours(api, fault):
    whole = at(api, IN_WINDOW, lambda a: ad_rows(a, DAY))
    ids = at(api, IN_WINDOW, orders)
    created = {i: api.store("get", {"order_id": i})["order"]["create_time"] for i in ids}
    joined = added(api)
    for source in ("wechat_store", "tencent_ads", "wecom"):
        fault("timezone", source=source)
    api.at(IN_WINDOW)

    day_before, newest = ad_rows(api, "2026-04-06"), ad_rows(api, DAY)
    moved = {i: api.store("get", {"order_id": i})["order"]["create_time"] for i in ids}
    shown = added(api)

    assert {r["date"] for r in day_before} == {"2026-04-06"}
    assert sorted(r["cost"] for r in day_before) == sorted(r["cost"] for r in whole)
    assert sum(r["cost"] for r in newest) < sum(r["cost"] for r in whole)  # of today, so far
    assert {created[i] - moved[i] for i in ids} == {8 * 3600}
    assert {joined[k] - shown[k] for k in joined} == {0, 8 * 3600}


@pytest.mark.parametrize("change", ["rename", "type", "unit", "new_field"])
def test_drift_changes_the_schema_of_reports_lists_and_events(api, fault, change):
    number = at(api, IN_WINDOW, orders)[0]
    for source in ("wecom", "wechat_store"):
        fault("drift", source=source, param=f"change={change}")
    before = at(api, "2026-04-05", lambda a: behaviour(a, "2026-04-04"))[0]
    api.at(IN_WINDOW)
    [row] = behaviour(api)
    customer = api.customers()[0]
    order = api.store("get", {"order_id": number})["order"]

    assert "new_apply_cnt" in before
    if change == "rename":
        assert "new_apply_cnt_v2" in row
        assert "new_apply_cnt" not in row
        assert any(k.endswith("_v2") for part in customer.values() for k in part)
    elif change == "type":
        assert isinstance(row["new_apply_cnt"], dict)
        assert any(isinstance(v, dict) and "value" in v for v in _flat(order))
    elif change == "unit":
        assert row["new_apply_cnt"] % 100 == 0
    else:
        assert row["sandbox_new_field"] == customer["sandbox_new_field"] == 1
        assert order["sandbox_new_field"] == 1


def _flat(value):
    yield value
    if isinstance(value, dict):
        for inner in value.values():
            yield from _flat(inner)


def test_a_dead_account_refuses_and_the_other_lives(api, fault):
    fault("dead", source="tencent_ads", account="20001")
    fault("dead", source="wecom", stream="customer")
    fault("dead", source="douyin", account="dy_main", param="mode=reset")

    api.at("2026-04-06")
    assert ad_rows(api, "2026-04-05")  # the morning of the first day still works
    api.at(IN_WINDOW)
    assert api.report(DAY, DAY)["code"] == 11014
    assert api.report(DAY, DAY, account="20002")["code"] == 0
    assert api.corp("batch/get_by_user", {"userid_list": api.staff()})["errcode"] == 48002
    assert behaviour(api)
    api.at(AFTER)
    assert ad_rows(api)
    assert api.customers()


@pytest.mark.parametrize(
    ("source", "path"), [("juguang", "offline/account"), ("kuaishou", "account_report")]
)
def test_a_level_that_no_stream_reads_outlives_a_dead_fault(api, fault, source, path):
    ads = AdsApi(api)
    added = fault("dead", source=source)

    def call(day: str = DAY) -> dict:
        return getattr(ads, source)(path, day, day)

    def listed() -> dict:
        return next(f for f in api.get("/_sandbox/faults")["faults"] if f["id"] == added["id"])

    ads.at("2026-04-06")
    assert call("2026-04-05")["code"] == 0  # the morning of the first day still works
    ads.at(IN_WINDOW)
    assert call()["code"] != 0
    assert listed()["hits"] == listed()["seen"] >= 1
    cleared = api.http.delete(f"{api.url}/_sandbox/faults", params={"id": added["id"]})
    assert cleared.status_code == 200
    assert listed()["state"] == "cleared"
    assert call()["code"] == 0


def test_partial_shows_some_staff_rows_and_customers_and_always_the_same(api, fault):
    staff = at(api, IN_WINDOW, lambda a: a.staff())
    whole = at(api, IN_WINDOW, ad_rows), at(api, IN_WINDOW, customers)
    for source in ("wecom", "tencent_ads"):
        fault("partial", source=source, param="share=0.5")
    api.at(IN_WINDOW)

    rows, again = ad_rows(api), ad_rows(api)
    left = api.corp("get_follow_user_list")["follow_user"]
    by_staff = {user: api.behaviour([user], DAY, DAY) for user in staff}
    some = customers(api)

    assert rows == again
    assert 0 < len(rows) < len(whole[0])
    assert {json.dumps(r) for r in rows} < {json.dumps(r) for r in whole[0]}
    assert 0 < len(left) < len(staff)
    assert 0 < sum(bool(found) for found in by_staff.values()) < len(staff)
    assert 0 < len(some) < len(whole[1])


def test_a_channel_is_cut_out_of_answers(api, fault):
    whole = at(api, IN_WINDOW, ad_rows)
    fault("empty", source="tencent_ads", channel="SITE_SET_MOMENTS")
    found = at(api, IN_WINDOW, ad_rows)

    assert found == [r for r in whole if r["site_set"] != "SITE_SET_MOMENTS"]
    assert len(found) < len(whole)


def test_article_details_repeat_the_stat_day_before(api, fault, truth):
    facts = truth["article_days"]
    published = facts[facts.stat_date.astype(str) == DAY].published_date.astype(str)
    day = published[published < "2026-04-05"].iloc[0]
    fault("resend", source="wechat_oa")
    [article, *_] = at(api, IN_WINDOW, lambda a: a.articles(day))["list"]
    known = {r["stat_date"]: r["read_user"] for r in article["detail_list"]}

    assert known[DAY] == known["2026-04-06"] or known[DAY] == known["2026-04-05"]
    assert list(known) == sorted(known)


def test_faults_and_their_parameters_are_listed(api, fault):
    added = fault("trickle", source="wecom", param="0.4")
    listed = api.get("/_sandbox/faults")["faults"]
    assert added["params"] == {"share": "0.4"}
    assert [f["id"] for f in listed if f["kind"] == "trickle"][-1] == added["id"]


# --------------------------------------------------------------------------------------- drops
def raw(sandbox, account: str = "h5_main") -> list[dict]:
    return [
        {"drop": str(path.relative_to(sandbox.drops.folders[account])), **json.loads(line)}
        for path in sorted(sandbox.drops.folders[account].rglob("*.jsonl.gz"))
        for line in gzip.decompress(path.read_bytes()).splitlines()
        if line.endswith(b"}")
    ]


@pytest.fixture
def drops(state_at):
    """A sandbox over the shared world with a fault of page events in its second week."""

    def make_one(kind: str, until: str = "2026-03-12", **request):
        sandbox = Sandbox(state_at("2026-03-09", kind))
        sandbox.state.add_fault(
            {"kind": kind, "source": "page_events", "from": "2026-03-10", "days": 2, **request}
        )
        sandbox.move_clock(to_ms(moment(until)))
        return sandbox

    return make_one


def test_resent_drops_repeat_the_last_ones_until_the_release(drops, truth):
    sandbox = drops("resend", account="h5_main")
    found = pd.DataFrame(raw(sandbox))
    inside = found[found["drop"].str.startswith("dt=2026-03-11/hour=1")]
    facts = truth["page_events"]

    assert len(inside) > 0
    assert (inside.event_time < "2026-03-10").mean() == 1
    assert found.event_id.duplicated().sum() > 100
    mini = pd.DataFrame(raw(sandbox, "mini_main"))
    assert (mini.event_time > "2026-03-11").any()
    sandbox.move_clock(to_ms(moment("2026-03-12T12:00")))
    due = facts[facts.visible_at <= pd.Timestamp(moment("2026-03-12T12:00"))]
    assert set(pd.DataFrame(raw(sandbox)).event_id) == set(due[due.account == "h5_main"].event_id)


def test_empty_drops_are_there_and_hold_nothing(drops):
    sandbox = drops("empty")
    folder = sandbox.drops.folders["h5_main"] / "dt=2026-03-11"
    files = sorted(folder.rglob("h5-3599.jsonl.gz"))

    assert len(files) == 24
    noon = [p for p in files if "hour=13" in str(p)]
    assert gzip.decompress(noon[0].read_bytes()) == b""


def test_duplicate_and_drifting_lines_and_wrong_hours(drops):
    twice = pd.DataFrame(raw(drops("duplicate", channel="live_stream")))
    day = twice[twice["drop"].str.startswith("dt=2026-03-11/hour=15")]
    counts = day.groupby(["utm_source", "event_id"]).size()
    assert (counts["live_stream"] >= 2).all()
    assert (counts["community"] == 1).mean() > 0.9

    drift = raw(drops("drift", param="change=rename"))
    new = [line for line in drift if line["drop"] > "dt=2026-03-11/hour=15"]
    assert all("dwell_seconds_v2" in line for line in new)
    assert all("dwell_seconds" in line for line in drift if line["drop"] < "dt=2026-03-10")

    early = pd.DataFrame(raw(drops("timezone", until="2026-03-11T09:00")))
    late = early[early["drop"].str.startswith("dt=2026-03-10/hour=03/h5")]
    assert late.event_time.str.startswith("2026-03-09T").any()


def test_a_dead_drop_account_has_no_folder_until_the_release(drops, truth):
    sandbox = drops("dead", account="mini_main")
    folder = sandbox.drops.folders["mini_main"]
    assert not folder.exists()
    assert sandbox.drops.folders["h5_main"].exists()
    sandbox.move_clock(to_ms(moment("2026-03-12T12:00")))
    facts = truth["page_events"].query("account == 'mini_main'")
    due = facts[facts.visible_at <= pd.Timestamp(moment("2026-03-12T12:00"))]
    assert {line["event_id"] for line in raw(sandbox, "mini_main")} == set(due.event_id)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["trickle", "partial", "shift"])
def test_drops_with_less_are_whole_in_the_end(drops, truth, kind):
    sandbox = drops(kind)
    facts = truth["page_events"]

    def missing(text):
        sandbox.move_clock(to_ms(moment(text)))
        due = facts[facts.visible_at <= pd.Timestamp(moment(text))]
        accounts = sandbox.drops.folders
        shown = {line["event_id"] for account in accounts for line in raw(sandbox, account)}
        return (~due.event_id.isin(shown)).sum(), len(due)

    part, _ = missing("2026-03-12T11:00")
    assert part > 200
    rest, due = missing("2026-03-15T13:00")
    assert rest == 0
    assert due > part


def test_a_parameter_that_a_kind_lacks_is_refused():
    for kind, param, named in (
        ("freeze", "share=1", "leave it out"),
        ("trickle", "share=2", "from 0 to 1"),
        ("shift", "days=9", "from 1 to 7"),
        ("drift", "change=colour", "rename"),
        ("dead", "mode=zombie", "silent"),
        ("http", "kind=flood", "slow_drip"),
    ):
        request = {"kind": kind, "source": "wecom", "from": FIRST, "days": 1, "param": param}
        with pytest.raises(UsageError) as refused:
            make(1, request, 0)
        assert named in refused.value.action
