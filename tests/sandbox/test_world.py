"""The generated world: same to the byte anywhere, and carrying what world.md plants."""

import os
import subprocess
import sys
from dataclasses import fields
from hashlib import sha256

import numpy as np
import pytest

from sandbox.dump import TABLES, dump
from sandbox.parameters import CHANNEL_IDS, CHANNELS, CLICK_PRICE_FEN, size_named
from sandbox.timeline import DAY_MS, NEVER_MS
from sandbox.world import generate
from sandbox.world.ad_catalog import UNITS, first_day, last_day
from sandbox.world.ads import ORDER
from siyu.errors import UsageError


@pytest.fixture(scope="module")
def demo():
    return generate(size_named("demo"), 7)


def digest(folder) -> dict[str, str]:
    return {p.name: sha256(p.read_bytes()).hexdigest() for p in sorted(folder.glob("*.parquet"))}


def test_one_seed_is_one_world_to_the_byte_in_any_process_and_time_zone(world, tmp_path):
    dump(world, tmp_path / "here")
    program = (
        "import sys, pathlib\nfrom sandbox.dump import dump\n"
        "from sandbox.parameters import size_named\nfrom sandbox.world import generate\n"
        "dump(generate(size_named('small'), 7), pathlib.Path(sys.argv[1]))"
    )
    subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "there")],
        check=True,
        env={**os.environ, "TZ": "America/New_York", "PYTHONHASHSEED": "99", "LC_ALL": "C"},
    )

    assert len(digest(tmp_path / "here")) == len(TABLES)
    assert digest(tmp_path / "there") == digest(tmp_path / "here")


def test_another_seed_is_another_world(world):
    other = generate(size_named("small"), 8)

    assert not np.array_equal(other.persons.openid, world.persons.openid)
    assert not np.array_equal(other.ads.cost_fen, world.ads.cost_fen)


def test_the_demo_world_has_the_agreed_volumes(demo):
    events = demo.page_events
    day = (events.event_ms - demo.calendar.start_ms) // DAY_MS
    views = np.array(
        [
            np.bincount(day[(events.channel == c) & (events.event_type == 0)], minlength=120)
            for c in range(len(CHANNEL_IDS))
        ]
    )
    adds = np.bincount(
        np.maximum((demo.persons.first_add_ms - demo.calendar.start_ms) // DAY_MS, -1) + 1,
        minlength=121,
    )[1:]
    paid = demo.orders.paid_ms < NEVER_MS
    orders = np.bincount((demo.orders.created_ms[paid] - demo.calendar.start_ms) // DAY_MS)

    assert len(demo.persons.openid) == len(set(demo.persons.openid)) == 5000
    assert len(demo.staff) == 40
    assert np.bincount(day).min() > 2_400
    assert np.bincount(day).mean() < 5_000
    assert views[:-1].min() >= 90
    assert views[-1].mean() < 5
    assert (views[-1] == 0).any()
    assert 15 <= adds.mean() <= 40
    assert 30 <= orders.mean() <= 60


def test_page_events_arrive_after_the_curve_of_the_world(demo):
    events = demo.page_events
    day = (events.event_ms - demo.calendar.start_ms) // DAY_MS
    delay = (events.visible_ms - demo.calendar.start_ms) // DAY_MS - day
    funnel, quick = events.event_type >= 2, events.event_type < 2

    known = [(delay[funnel] <= d).mean() for d in (0, 1, 2, 3, 4, 5, 7)]

    assert known == pytest.approx([0.40, 0.52, 0.60, 0.78, 0.92, 0.99, 1.0], abs=0.02)
    assert abs((delay[quick] == 0).mean() - 0.97) < 0.005
    assert delay[quick].max() == 1
    assert (events.visible_ms > events.event_ms).all()


def test_partners_report_less_on_rest_days(demo):
    events = demo.page_events
    late = events.event_type >= 2
    arrival = ((events.visible_ms - demo.calendar.start_ms) // DAY_MS)[late]
    delay = arrival - ((events.event_ms - demo.calendar.start_ms) // DAY_MS)[late]
    batch = arrival[(delay >= 3) & (delay <= 5) & (arrival < 120)]
    per_day = np.bincount(batch, minlength=120)
    rest = demo.calendar.is_rest_day

    assert per_day[rest].mean() < 0.75 * per_day[~rest].mean()


def test_conversions_are_credited_back_after_the_curve_of_the_world(demo):
    for platform, curve, after in (
        ("tencent_ads", [0.45, 0.63, 0.74, 0.82, 0.87, 0.91, 0.95, 1.0], 30),
        ("oceanengine", [0.50, 0.68, 0.78, 0.84, 0.89, 0.92, 0.96, 1.0], 30),
        ("kuaishou", [0.52, 0.72, 0.82, 0.88, 0.92, 0.95, 1.0, 1.0], 7),
    ):
        visible_day, claims = visible_days(demo, platform)
        delay = visible_day - claims.request_day

        known = [(delay <= d).mean() for d in (0, 1, 2, 3, 4, 5, 7, 30)]

        assert known == pytest.approx(curve, abs=0.04), platform
        assert delay.max() <= after


def test_every_conversion_is_final_on_its_own_day_the_next_morning(demo):
    claims = demo.ads.claims
    wait = claims.visible_ms - demo.calendar.start_ms - (claims.event_day + 1) * DAY_MS

    assert wait.max() < 8 * 3_600_000
    assert (claims.visible_ms >= demo.ads.conversions.happened_ms[claims.conversion]).all()
    assert (claims.request_day <= claims.event_day).all()


def test_platforms_claim_what_the_visitors_did_and_some_of_it_twice(demo):
    claims, truth = demo.ads.claims, demo.ads.conversions
    times = np.bincount(claims.conversion, minlength=len(truth.kind))
    paid = np.array([c.utm_medium == "paid" for c in CHANNELS])[truth.channel]

    assert times[paid].mean() == pytest.approx(0.95 + 0.12 * 0.5, abs=0.04)
    assert 0.02 < (times >= 2).mean() < 0.08
    assert 0.005 < (times[~paid] > 0).mean() < 0.04
    own = claims.is_own
    channels = np.array([CHANNEL_IDS.index(cell.channel) for cell in demo.ads.cells])
    assert (channels[claims.cell[own]] == truth.channel[claims.conversion[own]]).all()
    assert (channels[claims.cell[~own]] != truth.channel[claims.conversion[~own]]).all()


def visible_days(demo, platform):
    """Day index on which each claim on a form or an add shows, and those claims."""
    ads = demo.ads
    chosen = np.isin(ads.claims.cell, ads.cells_of(platform)) & (ads.claim_kind() != ORDER)
    columns = (getattr(ads.claims, f.name)[chosen] for f in fields(ads.claims))
    claims = type(ads.claims)(*columns)
    return (claims.visible_ms - demo.calendar.start_ms) // DAY_MS, claims


def test_shares_vary_from_day_to_day_more_than_by_counting_alone(demo):
    events = demo.page_events
    late = events.event_type >= 2
    day = ((events.event_ms - demo.calendar.start_ms) // DAY_MS)[late]
    same = ((events.visible_ms - demo.calendar.start_ms) // DAY_MS)[late] == day
    total = np.bincount(day, minlength=120)
    share = np.bincount(day, same, minlength=120) / total

    assert share.var() > 1.2 * (0.4 * 0.6 / total).mean()


def test_live_stream_posters_convert_to_adds_nearly_twice_as_well_as_articles():
    # ten times the traffic, so that sampling error is small against the effect
    size = size_named("demo", page_scale=5.0, customers=30_000, days=60)
    from sandbox.world import pages
    from sandbox.world.calendar import calendar
    from sandbox.world.randomness import stream

    visits = pages.visits(3, size, calendar(size.first_day, 60, stream(3, "calendar")))

    def rate(channel: str) -> float:
        clicks = (visits.channel == CHANNEL_IDS.index(channel)) & visits.is_click
        return visits.is_add[clicks].mean()

    assert rate("live_stream") == pytest.approx(0.15, abs=0.01)
    assert rate("official_account") == pytest.approx(0.08, abs=0.01)


def test_the_cost_of_a_click_rises_three_percent_a_month(demo):
    ads = demo.ads
    for channel, price in CLICK_PRICE_FEN.items():
        mine = [n for n, cell in enumerate(ads.cells) if cell.channel == channel]
        first, last = (
            ads.cost_fen[mine][:, days].sum() / ads.clicks[mine][:, days].sum()
            for days in (slice(0, 30), slice(90, 120))
        )
        assert last / first == pytest.approx(1.03 ** (90 / 30.4), rel=0.03), channel
        assert first == pytest.approx(price * 1.03**0.5, rel=0.05)


def test_the_more_a_channel_buys_on_a_day_the_dearer_is_its_click(demo):
    ads = demo.ads
    mine = [n for n, cell in enumerate(ads.cells) if cell.channel == "tencent_moments"]
    clicks, cost = ads.clicks[mine].sum(axis=0), ads.cost_fen[mine].sum(axis=0)
    price = cost / clicks / 1.03 ** (np.arange(120) / 30.4)

    assert np.corrcoef(clicks, price)[0, 1] > 0.6


def test_units_run_in_their_time_and_a_small_account_has_true_zeros(demo):
    ads = demo.ads
    for unit in UNITS:
        mine = [n for n, cell in enumerate(ads.cells) if cell.unit is unit]
        days = np.flatnonzero(ads.clicks[mine].sum(axis=0))
        assert days[0] >= first_day(unit, demo.calendar)
        assert days[-1] <= last_day(unit, demo.calendar)
    starts = (ads.clicks > 0).argmax(axis=1)
    small = ads.cells_of("tencent_ads", "20002")
    mine = np.isin(ads.claims.cell, small) & (ads.claims.event_day >= 0)
    per_day = np.bincount(ads.claims.event_day[mine], minlength=120)

    assert sorted({int(s) for s in starts if s > 20}) == [42, 48, 54, 60]
    assert (per_day == 0).mean() > 0.1
    assert per_day.sum() > 0


def test_six_percent_of_paid_orders_are_refunded_after_four_days(demo):
    o = demo.orders
    paid, refunded = o.paid_ms < NEVER_MS, o.refunded_ms < NEVER_MS
    wait = (o.refunded_ms - o.paid_ms)[refunded] / DAY_MS

    assert refunded[paid].mean() == pytest.approx(0.06, abs=0.01)
    assert np.median(wait) == pytest.approx(4, abs=0.5)
    assert not refunded[~paid].any()


def test_interactive_customers_leave_far_less_often(demo):
    lost = np.zeros(5000, dtype=bool)
    lost[demo.relations.person[demo.relations.customer_deleted_ms < NEVER_MS]] = True
    # of those who came in the period, so that everybody was exposed about equally
    new = demo.persons.first_add_ms >= demo.calendar.start_ms
    lively = demo.persons.is_interactive

    assert lost[new & lively].mean() < 0.55 * lost[new & ~lively].mean()


def test_twelve_percent_of_groups_are_lively_and_the_median_is_quiet(demo):
    g = demo.groups
    rate = g.member_has_msg.sum(axis=1) / np.maximum(g.member_total, 1).sum(axis=1)

    assert (rate > 0.10).mean() == pytest.approx(0.12, abs=0.02)
    assert np.median(rate) < 0.05


def test_evening_articles_are_opened_more_and_tutorials_interact_more():
    size = size_named("demo", days=400)
    from sandbox.world import articles
    from sandbox.world.calendar import calendar
    from sandbox.world.randomness import stream

    a = articles.articles(5, size, calendar(size.first_day, 400, stream(5, "calendar")))
    hour = (a.published_ms // 3_600_000 + 8) % 24
    first = np.char.endswith(a.msgid, "_1")
    opens = a.known[:, 0, -1] / a.fans
    interactions = a.known[:, 1:6, -1].sum(axis=1)

    def interacting(chosen):
        return interactions[chosen].sum() / a.known[chosen, 0, -1].sum()

    evening = opens[first & (hour == 18)].mean() / opens[first & (hour == 12)].mean()
    tutorial = interacting(a.is_tutorial) / interacting(a.purpose == 1)
    assert evening == pytest.approx(1.12, abs=0.06)
    assert tutorial == pytest.approx(1.20, abs=0.05)
    assert (np.diff(a.known, axis=2) >= 0).all()


def test_staff_never_delete_a_customer_within_two_days(demo):
    r = demo.relations
    removed = r.removed_ms < NEVER_MS

    assert removed.any()
    assert ((r.removed_ms - r.created_ms)[removed] > 2 * DAY_MS).all()
    assert not ((r.customer_deleted_ms < NEVER_MS) & (r.customer_deleted_ms > r.removed_ms)).any()


def test_a_world_too_small_for_its_traffic_is_refused():
    with pytest.raises(UsageError, match="fewer than join"):
        generate(size_named("small", customers=50), 7)
    with pytest.raises(UsageError, match="no world of size 'tiny'"):
        size_named("tiny")
