"""Drops, the clock, and the freeze fault."""

import gzip
import json
from hashlib import sha256

import numpy as np
import pandas as pd
import pytest
from sandbox_api import moment, seconds

from sandbox.app import Sandbox
from sandbox.drops import Drops
from sandbox.faults import effective, make
from sandbox.state import State
from sandbox.timeline import DAY_MS, to_ms
from siyu.errors import SiyuError, UsageError


def raw_lines(drops: Drops) -> list[tuple[str, bytes]]:
    return [
        (str(path.relative_to(folder)), line)
        for folder in drops.folders.values()
        for path in sorted(folder.rglob("*.jsonl.gz"))
        for line in gzip.decompress(path.read_bytes()).splitlines()
    ]


def lines(drops: Drops) -> pd.DataFrame:
    """Each event once, as a careful reader would have it: no copies, no cut lines."""
    found = [
        json.loads(line) | {"_drop": place}
        for place, line in raw_lines(drops)
        if line.endswith(b"}")
    ]
    return pd.DataFrame(found).drop_duplicates("event_id")


def hashes(folder) -> dict[str, str]:
    return {
        str(p.relative_to(folder)): sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def test_drops_hold_what_is_visible_and_nothing_else(state_at, truth):
    sandbox = Sandbox(state_at("2026-03-06"))
    shown = lines(sandbox.drops)

    now = pd.Timestamp(moment("2026-03-06"))
    facts = truth["page_events"]
    visible = facts[facts.visible_at <= now]
    assert sorted(shown.event_id) == sorted(visible.event_id)
    merged = shown.merge(visible, on="event_id", suffixes=("", "_true"))
    assert (merged.event_type == merged.event_type_true).all()
    assert (merged.utm_source == merged.utm_source_true).all()
    assert (merged.utm_content == merged.utm_content_true).all()
    assert (merged.unionid.fillna("") == merged.unionid_true.fillna("")).all()
    assert (pd.to_datetime(merged.event_time) == merged.reported_at).all()
    assert (merged.reported_at == merged.happened_at).mean() > 0.99
    assert merged.event_time.str.fullmatch(r"2026-03-0\dT\d\d:\d\d:\d\d\.\d{3}\+08:00").all()
    merged = merged[~merged.is_in_late_file]
    hour = merged.visible_at.dt.tz_convert("Asia/Shanghai").dt.strftime("dt=%Y-%m-%d/hour=%H/")
    assert (merged._drop.str.slice(0, len("dt=2026-03-02/hour=00/")) == hour).all()


def test_many_small_moves_and_one_jump_write_the_same_bytes(state_at):
    steps = Sandbox(state_at("2026-03-02T00:00", "steps"))
    for hour in range(1, 80):
        steps.move_clock(steps.state.world.calendar.start_ms + hour * 3_600_000)
    jump = Sandbox(state_at("2026-03-05T07:00", "jump"))

    assert jump.state.now_ms == steps.state.now_ms
    assert len(hashes(jump.drops.folder)) > 60
    assert hashes(steps.drops.folder) == hashes(jump.drops.folder)
    # bytes 4 to 7 of a gzip file: the time of compression, which must not be there
    assert {p.read_bytes()[4:8] for p in jump.drops.folder.rglob("*.gz")} == {b"\0\0\0\0"}


def test_a_half_delivered_folder_is_completed_on_restart(state_at):
    whole = Sandbox(state_at("2026-03-03", "whole"))
    cut = state_at("2026-03-03", "cut")
    drops = Drops(cut)
    drops.deliver()
    victims = sorted(drops.folder.rglob("*.jsonl.gz"))[::2]
    for path in victims:
        path.unlink()  # killed before it wrote them: nothing of this was saved in state.json
    again = Sandbox(State(cut.folder, cut.world.size, cut.world.seed, cut.now_ms, world=cut.world))

    assert hashes(again.drops.folder) == hashes(whole.drops.folder)


def test_the_clock_does_not_go_back_unless_forced_and_then_takes_drops_back(state_at):
    sandbox = Sandbox(state_at("2026-03-04"))
    before = hashes(sandbox.drops.folder)
    sandbox.move_clock(to_ms(moment("2026-03-06")))

    with pytest.raises(UsageError, match="does not go back"):
        sandbox.move_clock(to_ms(moment("2026-03-04")))
    result = sandbox.move_clock(to_ms(moment("2026-03-04")), force=True)

    assert result["drops_removed"] > 0
    assert hashes(sandbox.drops.folder) == before
    assert sandbox.state.tokens == {}


def test_state_is_kept_and_another_world_is_refused(state_at, tmp_path):
    sandbox = Sandbox(state_at("2026-03-04"))
    sandbox.state.add_fault({"kind": "freeze", "source": "wecom", "from": "2026-03-06", "days": 2})
    world, folder = sandbox.state.world, sandbox.state.folder

    again = State(folder, world.size, world.seed, world=world)

    assert again.now_ms == sandbox.state.now_ms
    assert again.faults == sandbox.state.faults
    with pytest.raises(UsageError, match="another world"):
        State(folder, world.size, 8, world=world)
    (folder / "state.json").write_text("{broken")
    with pytest.raises(SiyuError, match="not readable"):
        State(folder, world.size, world.seed, world=world)


@pytest.mark.parametrize(
    ("request_", "named"),
    [
        ({"kind": "melt", "source": "wecom"}, "freeze, trickle"),
        ({"source": "tiktok"}, "page_events"),
        ({"source": "tencent_ads", "account": "3"}, "20001, 20002"),
        ({"source": "wecom", "stream": "orders"}, "user_behavior"),
        ({"source": "wecom", "channel": "organic"}, "page_events, tencent_ads"),
        ({"source": "tencent_ads", "channel": "SITE_SET_X"}, "SITE_SET_MOMENTS"),
        ({"source": "page_events", "channel": "tiktok"}, "live_stream"),
        ({"source": "wecom", "from": "yesterday"}, "YYYY-MM-DD"),
        ({"source": "wecom", "days": 0}, "YYYY-MM-DD"),
        ({"source": "wecom", "param": "3"}, "leave it out"),
    ],
)
def test_a_wrong_fault_is_refused_and_the_message_names_what_is_allowed(request_, named):
    whole = {"kind": "freeze", "from": "2026-03-06", "days": 2} | request_

    with pytest.raises(UsageError) as refusal:
        make(1, whole, 0)

    assert named in refusal.value.action


def test_a_fault_is_listed_with_its_window(state_at):
    state = state_at("2026-03-04")
    fault = state.add_fault(
        {
            "kind": "freeze",
            "source": "tencent_ads",
            "account": "20001",
            "channel": "SITE_SET_MOMENTS",
            "from": "2026-03-06",
            "days": 3,
        }
    )

    listed = fault.describe(state.now_ms)

    assert listed["channel"] == "tencent_moments"
    assert listed["state"] == "scheduled"
    assert listed["withheld_from"] == "2026-03-06T00:00:00+08:00"
    assert listed["released_at"] == "2026-03-09T12:00:00+08:00"


def test_only_what_becomes_visible_in_the_window_is_held():
    fault = make(1, {"kind": "freeze", "source": "wecom", "from": "1970-01-05", "days": 2}, 0)
    day = np.array([3, 3, 4, 4, 6, 6])
    start = 4 * DAY_MS - 8 * 3_600_000  # 1970-01-05 00:00 in Shanghai
    hour = 3_600_000
    visible = start + np.array([10 * hour, 12 * hour, 0, 34 * hour, 59 * hour, 60 * hour])

    held = effective([fault], visible, day)

    noon = start + 60 * hour
    # the night batch of the day before still came; its later part did not
    assert held.tolist() == [visible[0], noon, noon, noon, noon, visible[5]]


def test_a_frozen_channel_of_page_events_is_missing_for_its_days_and_then_whole(state_at, truth):
    sandbox = Sandbox(state_at("2026-03-05"))
    sandbox.state.add_fault(
        {
            "kind": "freeze",
            "source": "page_events",
            "channel": "live_stream",
            "from": "2026-03-06",
            "days": 3,
        }
    )
    facts = truth["page_events"]

    def missing(text: str) -> pd.DataFrame:
        sandbox.move_clock(to_ms(moment(text)))
        visible = facts[facts.visible_at <= pd.Timestamp(moment(text))]
        return visible[~visible.event_id.isin(lines(sandbox.drops).event_id)]

    for morning, days in (
        ("2026-03-06", 0),
        ("2026-03-07", 1),
        ("2026-03-08", 2),
        ("2026-03-09", 3),
    ):
        gone = missing(morning)
        new = gone[gone.event_date.astype(str) >= "2026-03-06"]
        assert set(gone.utm_source) <= {"live_stream"}
        whole = facts[
            (facts.utm_source == "live_stream")
            & (facts.event_type == "page_view")
            & (facts.visible_at <= pd.Timestamp(moment(morning)))
        ]
        missed = whole[whole.event_date.astype(str) >= "2026-03-06"]
        assert (new.event_type == "page_view").sum() == len(missed)
        assert len(missed) > 70 * days
        if days == 0:  # the night batches of the day before had run
            assert len(new) == len(gone)
    assert missing("2026-03-10").empty
    released = list(sandbox.drops.folder.glob("dt=2026-03-09/hour=12/h5-0000.jsonl.gz"))
    assert len(released) == 1


def test_clearing_a_fault_delivers_what_it_held(state_at, truth):
    sandbox = Sandbox(state_at("2026-03-05"))
    state = sandbox.state
    fault = state.add_fault(
        {"kind": "freeze", "source": "page_events", "from": "2026-03-06", "days": 5}
    )
    sandbox.move_clock(to_ms(moment("2026-03-08")))
    before = len(lines(sandbox.drops))

    state.clear_faults(fault.id)
    sandbox.drops.deliver()

    facts = truth["page_events"]
    due = facts[facts.visible_at <= pd.Timestamp(moment("2026-03-08"))]
    assert before < len(due)
    assert sorted(lines(sandbox.drops).event_id) == sorted(due.event_id)
    with pytest.raises(UsageError, match="no fault 9"):
        state.clear_faults(9)


def test_a_fault_never_hides_what_was_visible_already(state_at):
    sandbox = Sandbox(state_at("2026-03-08"))
    before = len(raw_lines(sandbox.drops))
    sandbox.state.add_fault(
        {"kind": "freeze", "source": "page_events", "from": "2026-03-03", "days": 9}
    )
    assert (sandbox.drops.visible_ms() <= sandbox.state.now_ms).sum() == before


@pytest.fixture
def frozen(api, no_faults):
    """Freeze a scope from 2026-04-06 on, for three days, on the shared server."""

    def add(**scope):
        api.at("2026-04-01")
        answer = api.http.post(
            f"{api.url}/_sandbox/faults",
            json={"kind": "freeze", "from": "2026-04-06", "days": 3, **scope},
        )
        assert answer.status_code == 200, answer.text

    return add


def mornings(api, shown) -> list[bool]:
    """Whether the morning after each business day from 2026-04-05 to -09 shows that day."""
    result = []
    for number in range(5, 10):
        api.at(f"2026-04-{number + 1:02d}")
        result.append(shown(f"2026-04-{number:02d}"))
    return result


EXACTLY_THREE_MISSED = [True, False, False, False, True]


def test_a_frozen_site_set_has_no_rows_and_the_others_keep_theirs(api, frozen):
    frozen(source="tencent_ads", account="20001", channel="SITE_SET_MOMENTS")

    def shown(day):
        found = {r["site_set"] for r in api.report(day, day)["data"]["list"]}
        assert {"SITE_SET_CHANNELS", "SITE_SET_WECHAT"} <= found
        assert api.report(day, day, account="20002")["data"]["page_info"]["total_number"] > 0
        return "SITE_SET_MOMENTS" in found

    assert mornings(api, shown) == EXACTLY_THREE_MISSED


def test_older_days_of_a_frozen_site_set_keep_their_last_figures(api, frozen, truth):
    frozen(source="tencent_ads", account="20001", channel="SITE_SET_MOMENTS")
    counts = []
    for day in ("2026-04-06", "2026-04-07", "2026-04-09", "2026-04-10"):
        api.at(day)
        rows = api.report("2026-03-20", "2026-04-05")["data"]["list"]
        counts.append(
            sum(r["conversions_count"] for r in rows if r["site_set"] == "SITE_SET_MOMENTS")
        )

    c = truth["ad_conversions"][
        lambda c: (
            (c.placement == "SITE_SET_MOMENTS")
            & (c.account == "20001")
            & (c.conversion_type != "order")
            & c.request_date.astype(str).between("2026-03-20", "2026-04-05")
        )
    ]
    whole = (c.visible_at <= pd.Timestamp(moment("2026-04-10"))).sum()
    assert counts[0] == counts[1] == counts[2] < counts[3] == whole


def test_one_clock_of_the_reports_may_freeze_alone(api, frozen):
    frozen(source="tencent_ads", account="20001", stream="daily_report_reporting_time")

    def shown(day):
        assert api.report(day, day)["data"]["list"]
        return bool(api.report(day, day, time_line="REPORTING_TIME")["data"]["list"])

    assert mornings(api, shown) == EXACTLY_THREE_MISSED


def test_frozen_statistics_lack_their_keys(api, frozen):
    frozen(source="wecom", stream="user_behavior")

    def shown(day):
        [element] = api.behaviour(api.staff(), day, day)
        groups = api.corp(
            "groupchat/statistic_group_by_day",
            {"owner_filter": {"userid_list": api.staff()}, "day_begin_time": seconds(day)},
        )
        assert groups["items"][0]["data"]
        return "message_cnt" in element

    assert mornings(api, shown) == EXACTLY_THREE_MISSED


def test_frozen_customers_orders_and_articles_stay_as_they_were(api, frozen, truth):
    for source in ("wecom", "wechat_store", "wechat_oa"):
        frozen(source=source)
    api.at("2026-04-06T09:00")
    before = len(api.customers()), len(api.order_ids("2026-04-01", "2026-04-06"))
    api.at("2026-04-09")
    during = len(api.customers()), len(api.order_ids("2026-04-01", "2026-04-06"))
    orders = api.order_ids("2026-04-06", "2026-04-09")
    published = truth["articles"].published_date.astype(str)
    day = published[(published >= "2026-04-06") & (published <= "2026-04-08")].iloc[0]
    article = api.articles(day)
    api.at("2026-04-09T12:00")

    created = truth["orders"].created_date.astype(str)
    assert before == during
    assert orders == []
    assert article == {"is_delay": True, "list": []}
    assert (
        len(api.order_ids("2026-04-06", "2026-04-09"))
        == created.between("2026-04-06", "2026-04-08").sum()
    )
    assert len(api.customers()) > before[0]
    assert api.articles(day)["list"]
