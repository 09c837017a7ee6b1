"""What staff and groups do each day: the figures behind WeCom's statistics."""

from dataclasses import dataclass, replace

import numpy as np

from sandbox.parameters import (
    FIRST_RESPONSE_MEDIAN_SECONDS,
    REVISED_STAFF_DAYS_SHARE,
    WEEKEND_RESPONSE_FACTOR,
    Size,
)
from sandbox.timeline import DAY_MS, HOUR_MS, NEVER_MS
from sandbox.world.calendar import Calendar
from sandbox.world.people import Relations, lively_groups
from sandbox.world.randomness import hex_ids, stream


@dataclass
class StaffDays:
    """Arrays of staff x days. The `initial_` counters were shown until `revised_ms`."""

    new_apply_cnt: np.ndarray
    new_contact_cnt: np.ndarray
    chat_cnt: np.ndarray
    message_cnt: np.ndarray
    initial_chat_cnt: np.ndarray
    initial_message_cnt: np.ndarray
    negative_feedback_cnt: np.ndarray
    started_by_customer: np.ndarray  # chats that customers opened
    answered: np.ndarray  # of those, answered on the same day
    reply_seconds: np.ndarray  # summed first-response time of the answered ones
    visible_ms: np.ndarray  # per day
    revised_ms: np.ndarray


@dataclass
class Groups:
    """Customer groups, and arrays of groups x days of what happened in them."""

    chat_id: np.ndarray
    owner: np.ndarray
    created_ms: np.ndarray
    status: np.ndarray
    new_member_cnt: np.ndarray
    member_total: np.ndarray
    member_has_msg: np.ndarray
    msg_total: np.ndarray
    is_new: np.ndarray
    exists: np.ndarray
    visible_ms: np.ndarray  # per day


def ready_ms(calendar: Calendar) -> np.ndarray:
    """Statistics of a day are ready at 06:00 on the next."""
    return calendar.start_ms + (np.arange(calendar.count) + 1) * DAY_MS + 6 * HOUR_MS


def _per_staff_day(
    calendar: Calendar, staff: np.ndarray, moment: np.ndarray, staff_count: int
) -> np.ndarray:
    inside = (moment >= calendar.start_ms) & (moment < calendar.end_ms)
    day = (moment[inside] - calendar.start_ms) // DAY_MS
    cells = np.bincount(
        staff[inside] * calendar.count + day, minlength=staff_count * calendar.count
    )
    return cells.reshape(staff_count, calendar.count)


def staff_days(seed: int, size: Size, calendar: Calendar, relations: Relations) -> StaffDays:
    """Counts per staff member and day; adds and losses are exactly those of the relations."""
    rng = stream(seed, "staff_days")
    shape = (size.staff, calendar.count)
    added = _per_staff_day(calendar, relations.staff, relations.created_ms, size.staff)
    lost = _per_staff_day(calendar, relations.staff, relations.customer_deleted_ms, size.staff)
    base = np.bincount(
        relations.staff[relations.created_ms < calendar.start_ms], minlength=size.staff
    )
    customers = base[:, None] + added.cumsum(axis=1)
    rest = calendar.is_rest_day[None, :]
    works = rng.random(shape) > np.where(rest, 0.45, 0.04)
    mean = np.minimum(0.09 * customers + 1.5, 60) * np.where(rest, 0.6, 1.0)
    chats = np.where(works, rng.poisson(mean), 0)
    messages = chats + rng.poisson(chats * 5.2)
    started = rng.binomial(chats, 0.62)
    answered = rng.binomial(started, np.where(rest, 0.80, 0.90))
    sigma = 0.9
    mean_seconds = (
        FIRST_RESPONSE_MEDIAN_SECONDS
        * np.exp(sigma**2 / 2)
        * np.where(rest, WEEKEND_RESPONSE_FACTOR, 1.0)
    )
    seconds = answered * mean_seconds * rng.lognormal(-0.06, 0.35, shape)

    revised = (rng.random(shape) < REVISED_STAFF_DAYS_SHARE) & (chats > 0)
    short = rng.uniform(0.6, 0.95, shape)
    initial_chats = np.where(revised, np.maximum((chats * short).astype(np.int64), 1), chats)
    initial_messages = np.where(
        revised, np.maximum((messages * short).astype(np.int64), initial_chats), messages
    )
    revised &= (initial_chats != chats) | (initial_messages != messages)
    visible = ready_ms(calendar)
    revised_ms = np.where(revised, visible[None, :] + rng.integers(1, 4, shape) * DAY_MS, NEVER_MS)
    return StaffDays(
        new_apply_cnt=rng.poisson(0.4 + 0.3 * added),
        new_contact_cnt=added,
        chat_cnt=chats,
        message_cnt=messages,
        initial_chat_cnt=initial_chats,
        initial_message_cnt=initial_messages,
        negative_feedback_cnt=lost,
        started_by_customer=started,
        answered=answered,
        reply_seconds=seconds.astype(np.int64),
        visible_ms=visible,
        revised_ms=revised_ms,
    )


def groups(seed: int, size: Size, calendar: Calendar) -> Groups:
    """Groups of customers; 12 % are lively (above 10 % speak on a day), the median is under 5 %."""
    rng = stream(seed, "groups")
    count, days = size.groups, calendar.count
    before = rng.random(count) < 0.75
    age = rng.integers(1, 500, count) * DAY_MS
    ahead = rng.integers(0, days, count) * DAY_MS
    created = (
        calendar.start_ms
        + np.where(before, -age, ahead)
        + rng.integers(9 * HOUR_MS, 18 * HOUR_MS, count)
    )
    created_day = (created - calendar.start_ms) // DAY_MS
    day = np.arange(days)[None, :]
    exists = day >= created_day[:, None]
    is_new = day == created_day[:, None]
    lively = np.arange(count) < lively_groups(size)
    rate = np.where(
        lively,
        rng.uniform(0.11, 0.20, count),
        np.minimum(rng.lognormal(np.log(0.033), 0.45, count), 0.085),
    )
    starting = rng.integers(25, 160, count)
    joins = np.where(exists, rng.poisson(0.35, (count, days)), 0)
    joins = np.where(is_new, starting[:, None], joins)
    base = np.where(before, starting, 0)
    members = np.minimum(base[:, None] + joins.cumsum(axis=1), 500)
    joins = np.diff(members, axis=1, prepend=base[:, None])
    daily = np.clip(rate[:, None] * np.minimum(calendar.factor, 1.3)[None, :], 0, 0.9)
    speaking = np.where(exists, rng.binomial(members, daily), 0)
    owners = max(1, round(size.staff * 0.6))
    status = np.where(rng.random(count) < 0.03, 3, 0)
    return Groups(
        chat_id=hex_ids(rng, count, 30, "wr"),
        owner=rng.integers(0, owners, count),
        created_ms=created,
        status=status,
        new_member_cnt=joins,
        member_total=members,
        member_has_msg=speaking,
        msg_total=speaking + rng.poisson(speaking * 2.1),
        is_new=is_new,
        exists=exists,
        visible_ms=ready_ms(calendar),
    )


def after_leaves(founded: Groups, left: np.ndarray) -> Groups:
    """The groups with those who left taken off the members (arrays of groups x days)."""
    members = founded.member_total - left.cumsum(axis=1)
    speaking = np.minimum(founded.member_has_msg, members)
    return replace(
        founded,
        member_total=members,
        member_has_msg=speaking,
        msg_total=np.maximum(founded.msg_total, speaking),
    )
