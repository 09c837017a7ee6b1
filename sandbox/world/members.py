"""Who is in the customer groups: joins with scene and inviter, and who leaves.

The joins are exactly those that the group statistics count. Some of them are fission: a member
passes on a poster of their own, whose code (`fx` and the inviter's unionid) comes back as `state`.
"""

from dataclasses import dataclass

import numpy as np

from sandbox.parameters import (
    FISSION_DEPTH,
    FISSION_SHARE,
    GROUP_LEAVE_PER_DAY,
    TOP_INVITERS_JOINS,
    TOP_INVITERS_SHARE,
    Size,
)
from sandbox.timeline import DAY_MS, HOUR_MS, NEVER_MS
from sandbox.world.behaviour import Groups
from sandbox.world.calendar import Calendar
from sandbox.world.pages import LAST_MOMENT_MS
from sandbox.world.people import Persons
from sandbox.world.randomness import clock_times_ms, hex_ids, stream

DIRECT, LINK, QR_CODE = 1, 2, 3
FISSION_PREFIX = "fx"
_STAFF_PER_GROUP = 2
_JOINS_PER_INVITER = 2.0


@dataclass
class GroupMembers:
    """One row per group and member, by group and time of joining.

    `staff` and `person` are -1 where the member is neither; `inviter` is the row of the member
    whose poster was scanned, `inviting_staff` the staff member who invited; -1 for nobody.
    """

    group: np.ndarray
    staff: np.ndarray
    person: np.ndarray
    userid: np.ndarray
    unionid: np.ndarray
    join_ms: np.ndarray
    join_scene: np.ndarray
    inviting_staff: np.ndarray
    inviter: np.ndarray
    depth: np.ndarray
    leave_ms: np.ndarray
    quit_scene: np.ndarray
    first_row: np.ndarray  # of each group, with the end as last element


def group_members(
    seed: int, size: Size, calendar: Calendar, groups: Groups, persons: Persons, staff: list[str]
) -> GroupMembers:
    """All members of all groups."""
    rng = stream(seed, "group_members")
    group, join = _joins(rng, calendar, groups)
    order = np.lexsort((join, group))
    group, join = group[order], join[order]
    rows = len(group)
    cuts = np.searchsorted(group, np.arange(size.groups + 1))
    place = np.arange(rows) - cuts[group]
    # the owner comes first, then a colleague
    worker = np.full(rows, -1, dtype=np.int64)
    worker[place == 0] = groups.owner[group[place == 0]]
    helper = place == 1
    worker[helper] = (
        groups.owner[group[helper]] + rng.integers(1, max(size.staff, 2), int(helper.sum()))
    ) % size.staff
    join[place == 0] = groups.created_ms[group[place == 0]]
    is_staff = worker >= 0
    person = _persons_in(rng, persons, group, join, is_staff)
    known = person >= 0

    userid = hex_ids(rng, rows, 30, "wm")
    userid[known] = persons.external_userid[person[known]]
    userid[is_staff] = np.array(staff)[worker[is_staff]]
    unionid = hex_ids(rng, rows, 26, "o6")
    unionid[rng.random(rows) < 0.03] = ""
    unionid[known] = persons.unionid[person[known]]
    unionid[is_staff] = ""

    scene = rng.choice([DIRECT, LINK, QR_CODE], rows, p=[0.35, 0.15, 0.5])
    inviting = np.where((scene != QR_CODE) & ~is_staff, groups.owner[group], -1)
    inviter, depth = _fission(rng, calendar, join, unionid, is_staff)
    brought = inviter >= 0
    scene[brought], inviting[brought] = QR_CODE, -1
    scene[is_staff] = DIRECT

    stays = rng.exponential(1 / GROUP_LEAVE_PER_DAY, rows)
    leave = _not_last_second(
        np.maximum(join, calendar.start_ms)
        + HOUR_MS
        + (np.minimum(stays, 10_000) * DAY_MS).astype(np.int64),
        calendar,
    )
    leave[is_staff | (leave >= calendar.end_ms)] = NEVER_MS
    return GroupMembers(
        group=group,
        staff=worker,
        person=person,
        userid=userid,
        unionid=unionid,
        join_ms=join,
        join_scene=scene,
        inviting_staff=inviting,
        inviter=inviter,
        depth=depth,
        leave_ms=leave,
        quit_scene=(rng.random(rows) < 0.2).astype(np.int8),
        first_row=cuts,
    )


def leaves_per_day(members: GroupMembers, calendar: Calendar, groups: int) -> np.ndarray:
    """Members who left, per group and day."""
    left = members.leave_ms < NEVER_MS
    day = (members.leave_ms[left] - calendar.start_ms) // DAY_MS
    cells = np.bincount(
        members.group[left] * calendar.count + day, minlength=groups * calendar.count
    )
    return cells.reshape(groups, calendar.count)


def _joins(
    rng: np.random.Generator, calendar: Calendar, groups: Groups
) -> tuple[np.ndarray, np.ndarray]:
    """Group and moment of each join; per group and day as many as the statistics say."""
    joins = groups.new_member_cnt
    base = groups.member_total[:, 0] - joins[:, 0]
    before = np.repeat(np.arange(len(base)), base)
    age = np.maximum(calendar.start_ms - groups.created_ms[before], 1)
    early = np.minimum(rng.exponential(20 * DAY_MS, len(before)), (age - 1) * rng.random(len(age)))
    group, day = (
        np.repeat(a.ravel(), joins.ravel())
        for a in np.broadcast_arrays(
            np.arange(len(base))[:, None], np.arange(calendar.count)[None, :]
        )
    )
    midnight = calendar.start_ms + day * DAY_MS
    moment = midnight + clock_times_ms(rng, len(day))
    founded = groups.created_ms[group]
    # on the day of founding after it
    moment = np.where(
        moment < founded,
        founded + ((midnight + LAST_MOMENT_MS - founded) * rng.random(len(day))).astype(np.int64),
        moment,
    )
    moment = np.minimum(moment, midnight + LAST_MOMENT_MS)
    return (
        np.concatenate([before, group]),
        np.concatenate([groups.created_ms[before] + early.astype(np.int64), moment]),
    )


def _persons_in(
    rng: np.random.Generator,
    persons: Persons,
    group: np.ndarray,
    join: np.ndarray,
    is_staff: np.ndarray,
) -> np.ndarray:
    """Which customer each member is: those who were added early joined early."""
    member = np.flatnonzero(persons.group >= 0)  # persons are ordered by their first add
    member = member[np.argsort(persons.group[member], kind="stable")]
    wanted = np.bincount(persons.group[member], minlength=int(group.max()) + 1)
    free = np.flatnonzero(~is_staff)
    shuffled = free[np.lexsort((rng.random(len(free)), group[free]))]
    start = np.searchsorted(group[shuffled], np.arange(len(wanted)))
    chosen = shuffled[np.arange(len(shuffled)) - start[group[shuffled]] < wanted[group[shuffled]]]
    chosen = chosen[np.lexsort((join[chosen], group[chosen]))]
    # a group with more customers than places keeps its first ones
    has = np.bincount(group[chosen], minlength=len(wanted))
    offset = np.cumsum(wanted) - wanted
    rank = np.arange(len(member)) - offset[persons.group[member]]
    result = np.full(len(group), -1, dtype=np.int64)
    result[chosen] = member[rank < has[persons.group[member]]]
    return result


def _fission(
    rng: np.random.Generator,
    calendar: Calendar,
    join: np.ndarray,
    unionid: np.ndarray,
    is_staff: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Row of the inviter (-1 for none) and depth in the sharing tree (0 for its root)."""
    rows = len(join)
    brought = (join >= calendar.start_ms) & ~is_staff & (rng.random(rows) < FISSION_SHARE)
    invited = np.flatnonzero(brought)
    inviter, depth = np.full(rows, -1, dtype=np.int64), np.zeros(rows, dtype=np.int8)
    able = np.flatnonzero(~is_staff & (unionid != ""))
    # those who share: half were there before the period, the rest came themselves by a poster
    wanted = max(2, round(len(invited) / (_JOINS_PER_INVITER / (1 - TOP_INVITERS_JOINS))))
    early = able[join[able] < calendar.start_ms + calendar.count * DAY_MS // 3]
    came, were = early[brought[early]], early[join[early] < calendar.start_ms]
    pool = np.concatenate(
        [
            rng.permutation(were)[: wanted - wanted // 3],
            rng.permutation(came)[: wanted // 3],
        ]
    )
    if not len(invited) or not len(pool):
        return inviter, depth
    pool = pool[np.argsort(join[pool], kind="stable")]
    # not everybody in the pool ends up with a join; the share is one of those who do
    is_top = np.zeros(len(pool), dtype=bool)
    top = max(1, round(len(pool) * TOP_INVITERS_SHARE * 0.88))
    is_top[rng.choice(len(pool), top, replace=False)] = True
    for mine, chosen in (
        (invited[::2], pool[is_top]),
        (invited[1::2], pool[~is_top] if (~is_top).any() else pool),
    ):
        there = np.searchsorted(join[chosen], join[mine])
        picked = chosen[(rng.random(len(mine)) * there).astype(np.int64)]
        inviter[mine] = np.where(there > 0, picked, -1)
    while True:
        depth = _depths(inviter)
        deep = depth > FISSION_DEPTH
        if not deep.any():
            return inviter, depth
        inviter[deep] = inviter[inviter[deep]]


def _depths(inviter: np.ndarray) -> np.ndarray:
    depth = np.zeros(len(inviter), dtype=np.int8)
    above = inviter.copy()
    while (above >= 0).any():
        alive = above >= 0
        depth[alive] += 1
        above[alive] = inviter[above[alive]]
    return depth


def _not_last_second(moment: np.ndarray, calendar: Calendar) -> np.ndarray:
    late = (moment - calendar.start_ms) % DAY_MS > LAST_MOMENT_MS
    return np.where(late, moment - 2_000, moment)
