"""The truth of WeCom's callback events (see `sandbox.dump`)."""

import numpy as np

from sandbox.columns import at, names
from sandbox.world import World
from sandbox.world.events import FAIL_REASONS, KINDS, TRANSFER_FAIL


def callback_events(world: World) -> dict:
    """One row per event, what it is about by name."""
    e, m = world.callback_events, world.members
    relation = np.where(e.kind <= TRANSFER_FAIL, e.subject, -1)
    member = np.where(
        (e.kind == KINDS.index("chat_add_member")) | (e.kind == KINDS.index("chat_del_member")),
        e.subject,
        -1,
    )
    group = np.where(e.kind == KINDS.index("chat_create"), e.subject, -1)
    group = np.where(member >= 0, m.group[member], group)
    tag = np.where(
        np.isin(e.kind, [KINDS.index(f"tag_{what}") for what in ("create", "update", "delete")]),
        e.subject,
        -1,
    )
    failed = e.kind == TRANSFER_FAIL
    return {
        "kind": names(KINDS, e.kind),
        "userid": names(world.staff, e.staff),
        "external_userid": names(
            world.persons.external_userid.tolist(),
            np.where(relation >= 0, world.relations.person[relation], -1),
        ),
        "chat_id": names(world.groups.chat_id.tolist(), group),
        "member_userid": names(m.userid.tolist(), member),
        "tag_id": names(world.organisation.tag_id, tag),
        "is_by_transfer": (e.kind == KINDS.index("del_external_contact")) & (e.detail == 1),
        "fail_reason": names(FAIL_REASONS, np.where(failed, e.detail, -1)),
        "is_sent_twice": e.is_sent_twice,
        "happened_at": at(e.happened_ms),
        "visible_at": at(e.happened_ms),
    }
