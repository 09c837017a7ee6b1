"""Mass messages: who was meant to get them, who did, and why the others did not."""

from dataclasses import dataclass

import numpy as np

from sandbox.parameters import (
    BROKEN_SPLIT,
    LARGEST_AUDIENCE,
    MESSAGES_PER_WEEK,
    REACH_CORE,
    REACH_OTHERS,
    Size,
)
from sandbox.timeline import DAY_MS, HOUR_MS, NEVER_MS, OFFSET_MS
from sandbox.world.behaviour import Groups
from sandbox.world.calendar import Calendar
from sandbox.world.organisation import team_of, teams
from sandbox.world.people import Persons, Relations
from sandbox.world.posts import texts
from sandbox.world.randomness import hex_ids, stream
from sandbox.world.silence import Silence

SEGMENTS = ("all", "high_value", "middle", "long_tail", "silent", "half")
ALL, SILENT, HALF = 0, 4, 5
NOT_SENT, SENT, NO_FRIEND, OVER_LIMIT = 0, 1, 2, 3
TO_CUSTOMERS, TO_GROUPS, BY_ONE = 0, 1, 2
_CONFIRMED_SHARE = 0.97
# of those who deleted the staff member, as many are still in the segment by mistake
_LOST_KEPT = 0.12
# (name, share of variant A, its click rate, that of variant B), one per pair of messages
EXPERIMENTS = (
    ("title_test", 0.5, 0.06, 0.06),  # the lift is TITLE_CLICK_LIFT
    ("send_hour_test", 0.5, 0.05, 0.05),
    ("cover_test", BROKEN_SPLIT, 0.05, 0.05),
)


@dataclass
class Messages:
    """Messages, their tasks (message x staff) and recipients (message x customer or group).

    `experiment` and `variant` are -1 outside a test. A recipient's status is what the API shows
    once the member has acted (`task_sent_ms`); until then it is 0.
    """

    msgid: np.ndarray
    kind: np.ndarray  # TO_CUSTOMERS, TO_GROUPS, or BY_ONE member to own customers
    created_ms: np.ndarray
    creator: np.ndarray  # staff index, -1 for those made through the API
    segment: np.ndarray
    purpose: np.ndarray
    text: list[str]
    is_repeated: np.ndarray
    wave: np.ndarray
    experiment: np.ndarray
    variant: np.ndarray
    is_cancelled: np.ndarray
    task_message: np.ndarray
    task_staff: np.ndarray
    task_sent_ms: np.ndarray
    message: np.ndarray
    staff: np.ndarray
    person: np.ndarray  # -1 where a group received it
    group: np.ndarray
    status: np.ndarray
    sent_ms: np.ndarray


def messages(
    seed: int,
    size: Size,
    calendar: Calendar,
    persons: Persons,
    relations: Relations,
    groups: Groups,
    quiet: Silence,
) -> Messages:
    """All messages of the period."""
    rng = stream(seed, "messages")
    plan = _plan(rng, size, calendar, quiet)
    count = len(plan["created_ms"])
    purpose, text, repeated = texts(rng, plan["created_ms"])
    waking = plan["wave"] >= 0
    purpose[waking] = 1
    text = [
        "【好久不见】送你一份回归礼，点开领取" if w else t
        for w, t in zip(waking, text, strict=True)
    ]

    tasks = _tasks(rng, size, plan)
    sent_of = np.full((count, size.staff), -1, dtype=np.int64)
    sent_of[tasks[0], tasks[1]] = np.arange(len(tasks[0]))
    parts = []
    for number in range(count):
        if plan["is_cancelled"][number]:
            continue
        mine = sent_of[number] >= 0
        if plan["kind"][number] == TO_GROUPS:
            rows = np.flatnonzero(
                mine[groups.owner] & (groups.created_ms < plan["created_ms"][number])
            )
            rows = rows[rng.random(len(rows)) < 0.8]
            parts.append(
                (np.full(len(rows), number), groups.owner[rows], np.full(len(rows), -1), rows, rows)
            )
            continue
        row = _audience(rng, plan, number, mine, persons, relations, quiet)
        parts.append(
            (
                np.full(len(row), number),
                relations.staff[row],
                relations.person[row],
                np.full(len(row), -1),
                row,
            )
        )
    message, staff, person, group, row = (
        np.concatenate(c).astype(np.int64) for c in zip(*parts, strict=True)
    )
    confirmed = tasks[2][sent_of[message, staff]]
    status, sent = _outcomes(
        rng, plan, message, person, group, row, confirmed, persons, relations, quiet
    )
    return Messages(
        msgid=hex_ids(rng, count, 28, "msg"),
        **{k: v for k, v in plan.items() if k != "team"},
        purpose=purpose,
        text=text,
        is_repeated=repeated & ~waking,
        task_message=tasks[0],
        task_staff=tasks[1],
        task_sent_ms=tasks[2],
        message=message,
        staff=staff,
        person=person,
        group=group,
        status=status,
        sent_ms=sent,
    )


def _plan(rng: np.random.Generator, size: Size, calendar: Calendar, quiet: Silence) -> dict:
    """Messages in order of time: broadcasts, experiments, wake-ups, to groups, by one member."""
    weeks = calendar.count / 7
    ordinary, own, chats = (
        max(2, round(weeks * per_week)) for per_week in (MESSAGES_PER_WEEK, 0.7, 0.5)
    )
    waves, pairs = len(quiet.wave_ms), len(EXPERIMENTS)
    kinds = np.repeat(
        [TO_CUSTOMERS, TO_CUSTOMERS, TO_CUSTOMERS, BY_ONE, TO_GROUPS],
        [ordinary, 2 * pairs, waves, own, chats],
    )
    count = len(kinds)
    day = rng.integers(0, calendar.count - 1, count)
    hour = rng.choice([10, 12, 15, 18, 20], count, p=[0.2, 0.2, 0.15, 0.3, 0.15])
    created = (
        calendar.start_ms + day * DAY_MS + hour * HOUR_MS + rng.integers(0, 40 * 60, count) * 1000
    )
    segment = rng.choice(4, count, p=[0.25, 0.3, 0.25, 0.2])
    experiment, variant = np.full(count, -1), np.full(count, -1)
    test = slice(ordinary, ordinary + 2 * pairs)
    experiment[test], variant[test] = np.repeat(np.arange(pairs), 2), np.tile([0, 1], pairs)
    starts = np.linspace(0.2, 0.7, pairs)
    created[test] = np.repeat(
        calendar.start_ms + (starts * calendar.count).astype(np.int64) * DAY_MS + 12 * HOUR_MS, 2
    )
    segment[test] = HALF
    wave = np.full(count, -1)
    wake = slice(ordinary + 2 * pairs, ordinary + 2 * pairs + waves)
    wave[wake], created[wake], segment[wake] = np.arange(waves), quiet.wave_ms, SILENT
    whole = (experiment >= 0) | (wave >= 0) | (segment == 1)
    team = np.where(whole, -1, rng.integers(0, teams(size.staff), count))
    creator = rng.integers(0, size.staff, count)
    through_api = (kinds == TO_CUSTOMERS) & (rng.random(count) < 0.5)
    cancelled = np.zeros(count, dtype=bool)
    cancelled[ordinary // 2] = True
    order = np.argsort(created, kind="stable")
    return {
        "kind": kinds[order],
        "created_ms": created[order],
        "creator": np.where(through_api, -1, creator)[order],
        "segment": segment[order],
        "wave": wave[order],
        "experiment": experiment[order],
        "variant": variant[order],
        "is_cancelled": cancelled[order],
        "team": team[order],
    }


def _tasks(
    rng: np.random.Generator, size: Size, plan: dict
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Message, staff member and moment of confirming (NEVER_MS if they never do)."""
    everybody = np.arange(size.staff)
    alone = (plan["kind"] == BY_ONE)[:, None]
    asked = np.where(
        alone,
        everybody[None, :] == plan["creator"][:, None],
        (plan["team"] < 0)[:, None]
        | (team_of(everybody, size.staff)[None, :] == plan["team"][:, None]),
    )
    message, staff = np.nonzero(asked)
    created = plan["created_ms"][message]
    hours = np.minimum(rng.lognormal(np.log(2.5), 1.1, len(message)), 110)
    hours = np.where(plan["kind"][message] == BY_ONE, 0.02, hours)
    sent = created + (hours * HOUR_MS).astype(np.int64) // 1000 * 1000
    # nobody sends at night
    clock = (sent + OFFSET_MS) % DAY_MS
    sent += np.where(clock < 8 * HOUR_MS, 8 * HOUR_MS, 0)
    sent += np.where(clock > 22 * HOUR_MS, 11 * HOUR_MS, 0)
    never = (rng.random(len(message)) >= _CONFIRMED_SHARE) & (plan["kind"][message] != BY_ONE)
    # a wake-up is sent by everybody: whom it reaches is decided with the silent themselves
    never &= plan["wave"][message] < 0
    sent = np.where(plan["wave"][message] >= 0, created + HOUR_MS // 2, sent)
    return message, staff, np.where(never | plan["is_cancelled"][message], NEVER_MS, sent)


def _audience(
    rng: np.random.Generator,
    plan: dict,
    number: int,
    mine: np.ndarray,
    persons: Persons,
    relations: Relations,
    quiet: Silence,
) -> np.ndarray:
    """Rows of the relations that a message is meant for."""
    moment, segment = plan["created_ms"][number], plan["segment"][number]
    r = relations
    listed = r.is_first & (r.created_ms < moment) & (r.removed_ms > moment)
    if segment == SILENT:
        meant = np.zeros(len(persons.layer), dtype=bool)
        meant[quiet.person[(quiet.wave == plan["wave"][number]) & quiet.is_treated]] = True
        return np.flatnonzero(listed & meant[r.person])
    if segment == HALF:
        share = EXPERIMENTS[plan["experiment"][number]][1]
        # the same draw for both variants, so that nobody gets two
        draw = stream(int(moment // 1000), "split").random(len(persons.layer)) < share
        listed &= draw[r.person] == (plan["variant"][number] == 0)
    elif segment:
        listed &= persons.layer[r.person] == segment - 1
    rows = np.flatnonzero(listed & mine[r.staff])
    lost = r.customer_deleted_ms[rows] <= moment
    rows = rows[~lost | (rng.random(len(rows)) < _LOST_KEPT)]
    if len(rows) > LARGEST_AUDIENCE:
        rows = np.sort(rng.choice(rows, LARGEST_AUDIENCE, replace=False))
    return rows


def _outcomes(
    rng: np.random.Generator,
    plan: dict,
    message: np.ndarray,
    person: np.ndarray,
    group: np.ndarray,
    row: np.ndarray,
    confirmed: np.ndarray,
    persons: Persons,
    relations: Relations,
    quiet: Silence,
) -> tuple[np.ndarray, np.ndarray]:
    """Status and time of sending: reach is 0.92 of the core and 0.80 of the others."""
    count = len(message)
    sent = np.where(
        confirmed < NEVER_MS, confirmed + rng.integers(0, 8 * 60, count) * 1000, NEVER_MS
    )
    to_person = group < 0
    lost = np.zeros(count, dtype=bool)
    lost[to_person] = relations.customer_deleted_ms[row[to_person]] <= sent[to_person]
    lost &= sent < NEVER_MS
    can = (sent < NEVER_MS) & ~lost
    core = to_person & (persons.layer[np.maximum(person, 0)] == 0)
    chance = np.ones(count)
    for mine, reach in ((core, REACH_CORE), (to_person & ~core, REACH_OTHERS)):
        # what cannot be sent counts too, so those who can are sent a little more
        able = (can & mine).sum()
        chance[mine] = min(1.0, reach * mine.sum() / able) if able else 0.0
    status = np.where(can & (rng.random(count) < chance), SENT, NOT_SENT)
    status[lost] = NO_FRIEND
    over = can & (status == NOT_SENT) & (rng.random(count) < 0.45)
    status[over] = OVER_LIMIT
    waking = plan["wave"][message] >= 0
    if waking.any():
        at = {}
        for wave, who, reached, when in zip(
            quiet.wave.tolist(),
            quiet.person.tolist(),
            quiet.is_reached.tolist(),
            quiet.touched_ms.tolist(),
            strict=True,
        ):
            at[wave, who] = when if reached else NEVER_MS
        for place in np.flatnonzero(waking).tolist():
            when = at[int(plan["wave"][message[place]]), int(person[place])]
            status[place] = SENT if when < NEVER_MS else OVER_LIMIT
            sent[place] = when
    return status.astype(np.int8), np.where(status == SENT, sent, NEVER_MS)


__all__ = ["EXPERIMENTS", "SEGMENTS", "Messages", "messages"]
