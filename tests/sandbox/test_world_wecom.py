"""What is planted in WeCom's part of the world is there, with its size."""

import numpy as np
import pytest

from sandbox.parameters import TOP_INVITERS_SHARE, size_named
from sandbox.timeline import DAY_MS, NEVER_MS
from sandbox.world import generate
from sandbox.world.messages import EXPERIMENTS, SENT
from sandbox.world.posts import PURPOSES


@pytest.fixture(scope="module")
def demo():
    return generate(size_named("demo"), 7)


def test_mass_messages_reach_the_core_better_than_the_others(demo):
    m = demo.messages
    broadcast = (m.group < 0) & (m.wave[m.message] < 0)
    core = demo.persons.layer[m.person] == 0

    def reach(rows: np.ndarray) -> float:
        return (m.status[rows] == SENT).mean()

    assert reach(broadcast & core) == pytest.approx(0.92, abs=0.01)
    assert reach(broadcast & ~core) == pytest.approx(0.80, abs=0.01)
    assert {1, 2, 3} <= set(m.status[broadcast & ~core].tolist())
    lost = m.status == 2
    assert lost.any()
    # "no longer a friend" is true of all of them, and "sent" of nobody who had left
    left = np.full(len(demo.persons.layer), NEVER_MS)
    first = demo.relations.is_first
    left[demo.relations.person[first]] = demo.relations.customer_deleted_ms[first]
    assert (left[m.person[lost]] < demo.calendar.end_ms).all()
    sent = (m.status == SENT) & broadcast
    assert (left[m.person[sent]] > m.sent_ms[sent] - 8 * 60_000).all()


def test_a_wake_up_brings_back_more_of_the_silent_than_waiting(demo):
    """Read from activity alone: pages that knew the visitor, orders, group joins."""
    e, o, m, q = demo.page_events, demo.orders, demo.members, demo.silence
    seen = (e.person >= 0) & e.is_identified
    joined = m.person >= 0
    who = np.concatenate([e.person[seen], o.person, m.person[joined]])
    when = np.concatenate([e.event_ms[seen], o.created_ms, m.join_ms[joined]])
    count = len(demo.persons.layer)
    until = np.zeros(count, dtype=np.int64)
    r = demo.relations
    np.maximum.at(until, r.person, np.minimum(r.customer_deleted_ms, r.removed_ms))
    rates = {True: [0, 0], False: [0, 0]}
    for wave, moment in enumerate(q.wave_ms.tolist()):
        before = np.bincount(who[(when >= moment - 30 * DAY_MS) & (when < moment)], minlength=count)
        after = np.bincount(who[(when >= moment) & (when < moment + 7 * DAY_MS)], minlength=count)
        there = (demo.persons.first_add_ms < moment - 30 * DAY_MS) & (until > moment)
        silent = there & (before == 0)
        touched = np.zeros(count, dtype=bool)
        touched[q.person[(q.wave == wave) & q.is_reached]] = True
        for is_touched in (True, False):
            rows = silent & (touched == is_touched)
            rates[is_touched][0] += int((after[rows] > 0).sum())
            rates[is_touched][1] += int(rows.sum())
    assert rates[True][0] / rates[True][1] == pytest.approx(0.06, abs=0.01)
    assert rates[False][0] / rates[False][1] == pytest.approx(0.03, abs=0.01)
    assert rates[True][1] > 200


def test_tests_have_one_winner_one_without_effect_and_one_broken_split(demo):
    e = demo.exposures
    shown = np.array(
        [
            [((e.experiment == x) & (e.variant == v)).sum() for v in (0, 1)]
            for x in range(len(EXPERIMENTS))
        ]
    )
    clicked = e.clicked_ms < NEVER_MS
    clicks = np.array(
        [
            [((e.experiment == x) & (e.variant == v) & clicked).sum() for v in (0, 1)]
            for x in range(len(EXPERIMENTS))
        ]
    )
    rate = clicks / shown

    assert rate[0, 1] / rate[0, 0] == pytest.approx(1.42, abs=0.03)
    assert rate[1, 1] / rate[1, 0] == pytest.approx(1.0, abs=0.05)
    assert shown[2, 0] / shown[2].sum() == pytest.approx(0.58, abs=0.02)
    assert shown[1, 0] / shown[1].sum() == pytest.approx(0.50, abs=0.04)
    assert (e.clicked_ms[clicked] - e.exposed_ms[clicked] < 72 * 3_600_000).all()


def test_few_inviters_bring_half_of_the_joins_in_trees_of_depth_four(demo):
    m = demo.members
    invited = m.inviter >= 0
    joins = np.sort(np.unique(m.inviter[invited], return_counts=True)[1])[::-1]
    top = round(TOP_INVITERS_SHARE * len(joins))

    assert joins[:top].sum() / joins.sum() == pytest.approx(0.5, abs=0.04)
    assert m.depth.max() == 4
    assert (m.depth[invited] == m.depth[m.inviter[invited]] + 1).all()
    assert (m.join_ms[m.inviter[invited]] <= m.join_ms[invited]).all()
    assert (m.unionid[m.inviter[invited]] != "").all()
    assert (m.join_scene[invited] == 3).all()


def test_members_add_up_to_the_group_statistics(demo):
    m, g = demo.members, demo.groups
    days = demo.calendar.count
    inside = m.join_ms >= demo.calendar.start_ms
    day = (m.join_ms[inside] - demo.calendar.start_ms) // DAY_MS
    joins = np.bincount(m.group[inside] * days + day, minlength=len(g.owner) * days)

    assert (joins.reshape(-1, days) == g.new_member_cnt).all()
    last = (m.leave_ms >= demo.calendar.end_ms).astype(int)
    assert (np.bincount(m.group, last) == g.member_total[:, -1]).all()
    assert (m.leave_ms > m.join_ms).all()
    assert (g.member_has_msg <= g.member_total).all()
    known = m.person >= 0
    assert (m.userid[known] == demo.persons.external_userid[m.person[known]]).all()
    assert (demo.persons.group[m.person[known]] == m.group[known]).all()


def test_service_is_quick_on_workdays_and_resolves_most(demo):
    s = demo.service
    rest = demo.calendar.is_rest_day[(s.start_ms - demo.calendar.start_ms) // DAY_MS]
    human = (s.servicer >= 0) & (s.first_response_seconds >= 0)

    workday = np.median(s.first_response_seconds[human & ~rest])
    assert workday == pytest.approx(95, abs=6)
    assert np.median(s.first_response_seconds[human & rest]) / workday == pytest.approx(
        1.5, abs=0.2
    )
    assert s.is_resolved.mean() == pytest.approx(0.87, abs=0.015)


def test_posts_follow_the_mix_and_repeat_material(demo):
    purposes = np.concatenate([demo.messages.purpose[demo.messages.wave < 0], demo.moments.purpose])
    share = np.bincount(purposes, minlength=len(PURPOSES)) / len(purposes)
    repeated = np.concatenate([demo.messages.is_repeated, demo.moments.is_repeated])

    assert share == pytest.approx([0.55, 0.35, 0.06, 0.04], abs=0.02)
    assert repeated.mean() == pytest.approx(0.18, abs=0.06)
    for part in (demo.messages, demo.moments):
        moment = {}
        for text, at, again in zip(part.text, part.created_ms, part.is_repeated, strict=True):
            if again:
                assert at - moment[text] <= 30 * DAY_MS
            moment[text] = at


def test_links_agree_with_the_relations(demo):
    a, r = demo.acquisition, demo.relations
    by_link = np.flatnonzero(r.add_way == 16)

    assert a.relation.tolist() == by_link.tolist()
    assert (a.link_channel[a.link] == r.channel[a.relation]).all()
    added = r.created_ms[a.relation]
    in_period = added >= demo.calendar.start_ms
    assert (a.link_created_ms[a.link] <= added)[in_period].all()
    assert (a.link_deleted_ms[a.link] > added).all()


def test_payments_are_refunded_like_orders_and_the_balance_stays_above_zero(demo):
    p = demo.payments

    assert (p.refunded_ms < NEVER_MS).mean() == pytest.approx(0.06, abs=0.02)
    assert (p.flow_balance_fen > 0).all()
    assert (np.diff(p.flow_ms) >= 0).all()
    silent = demo.silence.is_silent(np.maximum(p.person, 0), p.paid_ms) & (p.person >= 0)
    assert not silent.any()


@pytest.mark.slow
def test_the_large_world_makes_its_parts_with_vectors():
    """A tenth of a large world stays quick: nothing goes person by person."""
    import time

    world = generate(size_named("large", customers=100_000, days=90, staff=80, groups=500), 7)
    began = time.process_time()
    parts = (world.messages, world.moments, world.service, world.callback_events)
    assert time.process_time() - began < 10
    assert all(parts)
    assert np.bincount(world.messages.message).max() <= 20_000
