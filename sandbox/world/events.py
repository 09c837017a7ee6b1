"""What WeCom tells by callback: adds, losses, transfers, tags and group changes, as they happen."""

from dataclasses import dataclass

import numpy as np

from sandbox.timeline import DAY_MS, HOUR_MS, NEVER_MS
from sandbox.world.behaviour import Groups
from sandbox.world.calendar import Calendar
from sandbox.world.members import QR_CODE, GroupMembers
from sandbox.world.organisation import Organisation
from sandbox.world.people import Relations
from sandbox.world.randomness import stream

KINDS = (
    "add_external_contact",
    "edit_external_contact",
    "del_external_contact",
    "del_follow_user",
    "transfer_fail",
    "chat_create",
    "chat_add_member",
    "chat_del_member",
    "tag_create",
    "tag_update",
    "tag_delete",
    "tag_shuffle",
    "tag_group_create",
)
ADD, EDIT, REMOVED, LEFT, TRANSFER_FAIL, FOUNDED, JOINED, QUIT = range(8)
TAG_CREATE, TAG_UPDATE, TAG_DELETE, TAG_SHUFFLE, TAG_GROUP = range(8, 13)
FAIL_REASONS = ("customer_refused", "customer_limit_exceed")
_TRANSFER_SHARE = 0.5
_DUPLICATE_SHARE = 0.01


@dataclass
class CallbackEvents:
    """One row per event, ordered by time.

    `subject` is the row of what it is about: relation, member, group, tag or tag group. `detail`
    is 1 for a deletion by transfer, and the position of the reason of a failed transfer.
    `version` is how many changes of members the group has seen before.
    """

    kind: np.ndarray
    subject: np.ndarray
    staff: np.ndarray
    detail: np.ndarray
    version: np.ndarray
    happened_ms: np.ndarray
    is_sent_twice: np.ndarray


def callback_events(
    seed: int,
    calendar: Calendar,
    relations: Relations,
    groups: Groups,
    members: GroupMembers,
    corp: Organisation,
) -> CallbackEvents:
    """All events of the period, from what the rest of the world says."""
    rng = stream(seed, "callback_events")
    r = relations
    rows = np.arange(len(r.person))
    removed = r.removed_ms < NEVER_MS
    # handed over to the colleague who is there already
    others = np.zeros(len(rows), dtype=bool)
    second_at = np.full(int(r.person.max()) + 1, NEVER_MS)
    np.minimum.at(second_at, r.person[~r.is_first], r.created_ms[~r.is_first])
    others[r.is_first] = second_at[r.person[r.is_first]] < r.removed_ms[r.is_first]
    handed = removed & others & (rng.random(len(rows)) < _TRANSFER_SHARE)
    tagged = corp.tags_of[:, 0] >= 0
    edited = r.created_ms + rng.integers(5, 3_600, len(rows)) * 1000
    refuses = np.flatnonzero(
        (rng.random(len(rows)) < 0.01)
        & (np.minimum(r.removed_ms, r.customer_deleted_ms) == NEVER_MS)
    )
    offered = (
        calendar.start_ms
        + (rng.random(len(refuses)) * (calendar.count - 1) * DAY_MS).astype(np.int64) // 1000 * 1000
    )
    late = offered > r.created_ms[refuses]
    refuses, offered = refuses[late], offered[late]
    to_whom = (r.staff[refuses] + 1) % (int(r.staff.max()) + 1)

    table = [
        _part(ADD, rows, r.staff, r.created_ms),
        _part(EDIT, rows[tagged], r.staff[tagged], edited[tagged]),
        _part(REMOVED, rows, r.staff, r.removed_ms, handed.astype(np.int64)),
        _part(LEFT, rows, r.staff, r.customer_deleted_ms),
        _part(TRANSFER_FAIL, refuses, to_whom, offered, rng.integers(0, 2, len(refuses))),
        _part(FOUNDED, np.arange(len(groups.owner)), groups.owner, groups.created_ms),
        *_group_changes(groups, members),
        *_library(corp),
    ]
    kind, subject, staff, detail, version, moment = (
        np.concatenate(c) for c in zip(*table, strict=True)
    )
    inside = (moment >= calendar.start_ms) & (moment < calendar.end_ms)
    kind, subject, staff, detail, version, moment = (
        a[inside] for a in (kind, subject, staff, detail, version, moment)
    )
    order = np.lexsort((subject, kind, moment))
    return CallbackEvents(
        kind=kind[order],
        subject=subject[order],
        staff=staff[order],
        detail=detail[order],
        version=version[order],
        happened_ms=moment[order],
        is_sent_twice=rng.random(len(order)) < _DUPLICATE_SHARE,
    )


def _part(
    kind: int,
    subject: np.ndarray,
    staff: np.ndarray,
    moment: np.ndarray,
    detail: np.ndarray | None = None,
    version: np.ndarray | None = None,
) -> tuple[np.ndarray, ...]:
    nothing = np.zeros(len(subject), dtype=np.int64)
    return (
        np.full(len(subject), kind),
        subject,
        staff,
        nothing if detail is None else detail,
        nothing if version is None else version,
        moment,
    )


def _group_changes(groups: Groups, members: GroupMembers) -> list[tuple[np.ndarray, ...]]:
    """Joins and leaves, numbered within their group."""
    m, rows = members, np.arange(len(members.group))
    subject = np.concatenate([rows, rows])
    kind = np.repeat([JOINED, QUIT], len(rows))
    moment = np.concatenate([m.join_ms, m.leave_ms])
    detail = np.concatenate([np.where(m.join_scene == QR_CODE, 3, 0), m.quit_scene])
    order = np.lexsort((kind, moment, m.group[subject]))
    version = np.empty(len(order), dtype=np.int64)
    start = np.searchsorted(m.group[subject][order], m.group[subject][order])
    version[order] = np.arange(len(order)) - start
    staff = groups.owner[m.group[subject]]
    # the two founders belong to the founding
    real = (m.staff[subject] < 0) & (moment < NEVER_MS)
    return [
        tuple(
            column[real & (kind == which)]
            for column in (kind, subject, staff, detail, version, moment)
        )
        for which in (JOINED, QUIT)
    ]


def _library(corp: Organisation) -> list[tuple[np.ndarray, ...]]:
    """Changes of the tag library."""
    tags, groups = np.arange(len(corp.tag_id)), np.arange(len(corp.group_id))
    nobody = np.full(len(tags), -1)
    whole = np.array([len(groups) - 1])
    return [
        _part(TAG_GROUP, groups, nobody[: len(groups)], np.array(corp.group_created_ms)),
        _part(TAG_CREATE, tags, nobody, np.array(corp.tag_created_ms)),
        _part(TAG_DELETE, tags, nobody, np.array(corp.tag_deleted_ms)),
        _part(TAG_UPDATE, tags[-1:], nobody[:1], np.array([corp.shuffled_ms - HOUR_MS])),
        _part(TAG_SHUFFLE, whole, nobody[:1], np.array([corp.shuffled_ms])),
    ]
