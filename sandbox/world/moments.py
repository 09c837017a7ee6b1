"""Customer moments (客户朋友圈): who published them, who sees them, who likes and comments."""

from dataclasses import dataclass

import numpy as np

from sandbox.parameters import Size
from sandbox.timeline import DAY_MS, HOUR_MS, NEVER_MS
from sandbox.world.calendar import Calendar
from sandbox.world.organisation import team_of, teams
from sandbox.world.people import Relations
from sandbox.world.posts import texts
from sandbox.world.randomness import hex_ids, stream
from sandbox.world.silence import Silence

_ENTERPRISE_PER_WEEK, _PERSONAL_PER_WEEK = 1.5, 1.0
_PUBLISHED_SHARE = 0.88
_LIKES, _COMMENTS = 0.04, 0.01
_MOST_PUBLISHERS = 20
LIKE, COMMENT = 0, 1


@dataclass
class Moments:
    """Moments, their publishers (moment x staff), audiences and reactions.

    `person` of a reaction is -1 where a staff member reacted; `audience_*` are the customers
    chosen by each publisher; they see the moment once it is published and they are friends still.
    """

    moment_id: np.ndarray
    is_personal: np.ndarray
    is_public: np.ndarray
    creator: np.ndarray  # -1 for those made through the API
    created_ms: np.ndarray
    deleted_ms: np.ndarray
    purpose: np.ndarray
    text: list[str]
    is_repeated: np.ndarray
    media: np.ndarray  # 0 image, 1 video, 2 link
    task_moment: np.ndarray
    task_staff: np.ndarray
    task_published_ms: np.ndarray
    audience_task: np.ndarray
    audience_person: np.ndarray
    audience_sees: np.ndarray
    reaction_kind: np.ndarray
    reaction_task: np.ndarray
    reaction_person: np.ndarray
    reaction_ms: np.ndarray


def moments(
    seed: int, size: Size, calendar: Calendar, relations: Relations, quiet: Silence
) -> Moments:
    """All moments of the period."""
    rng = stream(seed, "moments")
    weeks = calendar.count / 7
    shared, own = max(3, round(weeks * _ENTERPRISE_PER_WEEK)), max(2, round(weeks))
    count = shared + own
    created = (
        calendar.start_ms
        + rng.integers(0, calendar.count - 1, count) * DAY_MS
        + rng.integers(9 * 3600, 21 * 3600, count) * 1000
    )
    personal = np.arange(count) >= shared
    order = np.argsort(created, kind="stable")
    created, personal = created[order], personal[order]
    # one falls exactly on midnight: an edge of windows
    created[count // 2] = (created[count // 2] - calendar.start_ms) // DAY_MS * DAY_MS + (
        calendar.start_ms
    )
    created.sort()
    purpose, text, repeated = texts(rng, created)
    creator = rng.integers(0, size.staff, count)
    public = personal | (rng.random(count) < 0.4)
    task_moment, task_staff, published = _tasks(rng, size, created, personal, creator)
    task, row, sees = _audience(rng, public, created, task_moment, task_staff, published, relations)
    person = relations.person[row]
    deleted = np.where(rng.random(count) < 0.04, created + 3 * DAY_MS, NEVER_MS)
    kind, reacted_task, who, when = _reactions(
        rng, calendar, quiet, task, person, sees, published, deleted[task_moment]
    )
    through_api = ~personal & (rng.random(count) < 0.5)
    return Moments(
        moment_id=hex_ids(rng, count, 26, "mom"),
        is_personal=personal,
        is_public=public,
        creator=np.where(through_api, -1, creator),
        created_ms=created,
        deleted_ms=deleted,
        purpose=purpose,
        text=text,
        is_repeated=repeated,
        media=rng.choice(3, count, p=[0.6, 0.15, 0.25]),
        task_moment=task_moment,
        task_staff=task_staff,
        task_published_ms=published,
        audience_task=task,
        audience_person=person,
        audience_sees=sees,
        reaction_kind=kind,
        reaction_task=reacted_task,
        reaction_person=who,
        reaction_ms=when,
    )


def _tasks(
    rng: np.random.Generator,
    size: Size,
    created: np.ndarray,
    personal: np.ndarray,
    creator: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    everybody = np.arange(size.staff)
    team = rng.integers(0, teams(size.staff), len(created))
    mine = team_of(everybody, size.staff)[None, :] == team[:, None]
    mine &= mine.cumsum(axis=1) <= _MOST_PUBLISHERS
    asked = np.where(personal[:, None], everybody[None, :] == creator[:, None], mine)
    moment, staff = np.nonzero(asked)
    hours = np.minimum(rng.lognormal(np.log(1.5), 1.0, len(moment)), 60)
    never = rng.random(len(moment)) >= _PUBLISHED_SHARE
    published = created[moment] + (hours * HOUR_MS).astype(np.int64) // 1000 * 1000
    published = np.where(never, NEVER_MS, published)
    return moment, staff, np.where(personal[moment], created[moment], published)


def _audience(
    rng: np.random.Generator,
    public: np.ndarray,
    created: np.ndarray,
    task_moment: np.ndarray,
    task_staff: np.ndarray,
    published: np.ndarray,
    r: Relations,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Task, relation and whether the customer sees it, for every customer chosen."""
    by_staff = np.argsort(r.staff, kind="stable")
    cuts = np.searchsorted(r.staff[by_staff], np.arange(int(r.staff.max()) + 2))
    tasks, rows, seen = [], [], []
    for task, (moment, staff) in enumerate(
        zip(task_moment.tolist(), task_staff.tolist(), strict=True)
    ):
        row = by_staff[cuts[staff] : cuts[staff + 1]]
        now = created[moment]
        row = row[(r.created_ms[row] < now) & (r.removed_ms[row] > now)]
        if not public[moment]:
            row = row[rng.random(len(row)) < 0.5]
        shown = (published[task] < NEVER_MS) & (r.customer_deleted_ms[row] > published[task])
        tasks.append(np.full(len(row), task))
        rows.append(row)
        seen.append(shown)
    return np.concatenate(tasks), np.concatenate(rows), np.concatenate(seen)


def _reactions(
    rng: np.random.Generator,
    calendar: Calendar,
    quiet: Silence,
    task: np.ndarray,
    person: np.ndarray,
    sees: np.ndarray,
    published: np.ndarray,
    deleted: np.ndarray,
) -> tuple[np.ndarray, ...]:
    """Likes and comments of those who see it and are not silent; staff answer some comments."""
    awake = sees & ~quiet.is_silent(person, published[task])
    parts = []
    for kind, rate in ((LIKE, _LIKES), (COMMENT, _COMMENTS)):
        chosen = np.flatnonzero(awake & (rng.random(len(task)) < rate))
        when = published[task[chosen]] + (
            np.minimum(rng.exponential(9, len(chosen)) + 0.02, 90) * HOUR_MS
        ).astype(np.int64)
        inside = (when < calendar.end_ms) & (when < deleted[task[chosen]])
        # a reaction that would come after somebody fell silent does not come
        inside &= ~quiet.is_silent(person[chosen], when)
        chosen, when = chosen[inside], when[inside]
        parts.append((np.full(len(chosen), kind), task[chosen], person[chosen], when))
        if kind == COMMENT:
            answered = rng.random(len(chosen)) < 0.4
            reply = when[answered] + 20 * 60_000
            parts.append(
                (
                    np.full(int(answered.sum()), kind),
                    task[chosen[answered]],
                    np.full(int(answered.sum()), -1),
                    reply,
                )
            )
    kinds, tasks, who, when = (np.concatenate(c) for c in zip(*parts, strict=True))
    order = np.lexsort((who, when, tasks))
    return kinds[order], tasks[order], who[order], when[order]
