"""The truth of WeCom's further parts, table by table (see `sandbox.dump`)."""

import numpy as np
import pyarrow as pa

from sandbox.columns import at, date, names, texts
from sandbox.dump_events import callback_events
from sandbox.parameters import CAMPAIGNS, CHANNEL_IDS
from sandbox.timeline import DAY_MS, HOUR_MS, NEVER_MS, day_number, day_start_ms
from sandbox.world import World
from sandbox.world.acquisition import state_of
from sandbox.world.messages import BY_ONE, EXPERIMENTS, SEGMENTS, TO_GROUPS
from sandbox.world.moments import COMMENT
from sandbox.world.payments import ITEMS
from sandbox.world.posts import PURPOSES
from sandbox.world.service import ACCOUNT_NAMES

_FOUNDED_DAYS = 900
_RATINGS = ("satisfied", "middling", "dissatisfied")
_STATUSES = ("not_sent", "sent", "no_friend", "over_limit")
_FLOWS = ("refund", "fee", "payment", "withdrawal")


def _people(world: World, person: np.ndarray) -> pa.Array:
    return names(world.persons.external_userid.tolist(), person)


def _always(world: World, count: int) -> dict:
    """What was there long before the period."""
    moment = np.full(count, world.calendar.start_ms - _FOUNDED_DAYS * DAY_MS)
    return {"happened_at": at(moment), "visible_at": at(moment)}


def _happened(moment: np.ndarray) -> dict:
    """What is visible as soon as it happens."""
    return {"happened_at": at(moment), "visible_at": at(moment)}


def _departments(world: World) -> dict:
    corp = world.organisation
    return {
        "department_id": corp.department_id,
        "name": corp.department_name,
        "parent_id": corp.department_parent,
        **_always(world, len(corp.department_id)),
    }


def _staff(world: World) -> dict:
    corp = world.organisation
    return {
        "userid": corp.userid,
        "name": corp.name,
        "position": corp.position,
        "main_department_id": [d[0] for d in corp.department],
        "department_ids": corp.department,
        "is_leader": corp.is_leader,
        "is_service": corp.is_service,
        "status": corp.status,
        **_always(world, len(corp.userid)),
    }


def _tags(world: World) -> dict:
    corp = world.organisation
    created = np.array(corp.tag_created_ms)
    return {
        "tag_id": corp.tag_id,
        "tag_name": corp.tag_name,
        "group_id": [corp.group_id[g] for g in corp.tag_group],
        "group_name": [corp.group_name[g] for g in corp.tag_group],
        "deleted_at": at(np.array(corp.tag_deleted_ms)),
        **_happened(created),
    }


def _relation_tags(world: World) -> dict:
    corp, r = world.organisation, world.relations
    row, place = np.nonzero(corp.tags_of >= 0)
    return {
        "external_userid": _people(world, r.person[row]),
        "userid": names(world.staff, r.staff[row]),
        "tag_id": names(corp.tag_id, corp.tags_of[row, place]),
        **_happened(r.created_ms[row]),
    }


def _group_members(world: World) -> dict:
    m = world.members
    return {
        "chat_id": texts(world.groups.chat_id[m.group]),
        "userid": texts(m.userid),
        "is_staff": m.staff >= 0,
        "is_customer": m.person >= 0,
        "unionid": texts(m.unionid),
        "join_scene": m.join_scene,
        "inviting_userid": names(world.staff, m.inviting_staff),
        "inviter_userid": names(m.userid.tolist(), m.inviter),
        "inviter_unionid": names(m.unionid.tolist(), m.inviter),
        "depth": m.depth,
        "joined_date": date(day_number(m.join_ms)),
        "left_at": at(m.leave_ms),
        "is_removed": (m.leave_ms < NEVER_MS) & (m.quit_scene == 1),
        **_happened(m.join_ms),
    }


def _silence(world: World) -> dict:
    q = world.silence
    return {
        "wave": q.wave,
        "wave_at": at(q.wave_ms[q.wave]),
        "external_userid": _people(world, q.person),
        "is_treated": q.is_treated,
        "is_touched": q.is_reached,
        "reactivated_at": at(q.wakes_ms),
        "silent_since_at": at(q.from_ms[q.person]),
        **_happened(q.touched_ms),
    }


def _messages(world: World) -> dict:
    m = world.messages
    tests = [name for name, *_ in EXPERIMENTS]
    return {
        "msgid": texts(m.msgid),
        "chat_type": names(["single", "group"], (m.kind == TO_GROUPS).astype(int)),
        "is_personal": m.kind == BY_ONE,
        "creator": names(world.staff, m.creator),
        "segment": names(SEGMENTS, m.segment),
        "purpose": names(PURPOSES, m.purpose),
        "text": m.text,
        "is_repeated": m.is_repeated,
        "wave": pa.array(m.wave, mask=m.wave < 0),
        "experiment": names(tests, m.experiment),
        "variant": names("AB", m.variant),
        "is_cancelled": m.is_cancelled,
        "created_date": date(day_number(m.created_ms)),
        **_happened(m.created_ms),
    }


def _message_tasks(world: World) -> dict:
    m = world.messages
    return {
        "msgid": texts(m.msgid[m.task_message]),
        "userid": names(world.staff, m.task_staff),
        "sent_at": at(m.task_sent_ms),
        **_happened(m.created_ms[m.task_message]),
    }


def _message_recipients(world: World) -> dict:
    m = world.messages
    created = m.created_ms[m.message]
    tasks = np.full((len(m.msgid), len(world.staff)), NEVER_MS)
    tasks[m.task_message, m.task_staff] = m.task_sent_ms
    known = tasks[m.message, m.staff]
    return {
        "msgid": texts(m.msgid[m.message]),
        "userid": names(world.staff, m.staff),
        "external_userid": _people(world, m.person),
        "chat_id": names(world.groups.chat_id.tolist(), m.group),
        "status": m.status,
        "status_name": names(_STATUSES, m.status),
        "is_core": np.where(m.person >= 0, world.persons.layer[m.person] == 0, False),
        "sent_at": at(m.sent_ms),
        "status_known_at": at(known),
        **_happened(created),
    }


def _exposures(world: World) -> dict:
    e = world.exposures
    return {
        "experiment": names([name for name, *_ in EXPERIMENTS], e.experiment),
        "variant": names("AB", e.variant),
        "external_userid": _people(world, e.person),
        "msgid": texts(world.messages.msgid[e.message]),
        "clicked_at": at(e.clicked_ms),
        **_happened(e.exposed_ms),
    }


def _moments(world: World) -> dict:
    m = world.moments
    return {
        "moment_id": texts(m.moment_id),
        "is_personal": m.is_personal,
        "is_public": m.is_public,
        "creator": names(world.staff, m.creator),
        "purpose": names(PURPOSES, m.purpose),
        "text": m.text,
        "is_repeated": m.is_repeated,
        "created_date": date(day_number(m.created_ms)),
        "deleted_at": at(m.deleted_ms),
        **_happened(m.created_ms),
    }


def _moment_tasks(world: World) -> dict:
    m = world.moments
    return {
        "moment_id": texts(m.moment_id[m.task_moment]),
        "userid": names(world.staff, m.task_staff),
        "published_at": at(m.task_published_ms),
        **_happened(m.created_ms[m.task_moment]),
    }


def _moment_recipients(world: World) -> dict:
    m = world.moments
    task = m.audience_task
    return {
        "moment_id": texts(m.moment_id[m.task_moment[task]]),
        "userid": names(world.staff, m.task_staff[task]),
        "external_userid": _people(world, m.audience_person),
        "sees_it": m.audience_sees,
        "published_at": at(m.task_published_ms[task]),
        **_happened(m.created_ms[m.task_moment[task]]),
    }


def _moment_comments(world: World) -> dict:
    m = world.moments
    task = m.reaction_task
    return {
        "moment_id": texts(m.moment_id[m.task_moment[task]]),
        "publisher_userid": names(world.staff, m.task_staff[task]),
        "kind": names(["like", "comment"], (m.reaction_kind == COMMENT).astype(int)),
        "external_userid": _people(world, m.reaction_person),
        "is_by_staff": m.reaction_person < 0,
        **_happened(m.reaction_ms),
    }


def _links(world: World) -> dict:
    a = world.acquisition
    return {
        "link_id": texts(a.link_id),
        "link_name": a.link_name,
        "channel_id": names(CHANNEL_IDS, a.link_channel),
        "is_console": a.is_console,
        "deleted_at": at(a.link_deleted_ms),
        **_happened(a.link_created_ms),
    }


def _link_customers(world: World) -> dict:
    a, r = world.acquisition, world.relations
    row = a.relation
    return {
        "link_id": texts(a.link_id[a.link]),
        "external_userid": _people(world, r.person[row]),
        "userid": names(world.staff, r.staff[row]),
        "channel_id": names(CHANNEL_IDS, r.channel[row]),
        "campaign": names(CAMPAIGNS, r.campaign[row]),
        "state": [
            state_of(c, g) if has else None
            for c, g, has in zip(
                r.channel[row].tolist(),
                r.campaign[row].tolist(),
                r.has_state[row].tolist(),
                strict=True,
            )
        ],
        "first_message_at": at(a.chat_ms),
        **_happened(r.created_ms[row]),
    }


def _link_clicks(world: World) -> dict:
    a = world.acquisition
    ready = day_start_ms(day_number(a.click_ms)) + DAY_MS + 6 * HOUR_MS
    return {
        "link_id": texts(a.link_id[a.click_link]),
        "clicker": a.click_who,
        "date": date(day_number(a.click_ms)),
        "happened_at": at(a.click_ms),
        "visible_at": at(ready),
    }


def _contact_ways(world: World) -> dict:
    a = world.acquisition
    return {
        "config_id": texts(a.way_id),
        "channel_id": names(CHANNEL_IDS, a.way_channel),
        "userids": [[world.staff[s] for s in mine] for mine in a.way_staff],
        **_happened(a.way_created_ms),
    }


def _payments(world: World) -> dict:
    p = world.payments
    return {
        "transaction_id": texts(p.transaction_id),
        "out_trade_no": texts(p.out_trade_no),
        "external_userid": _people(world, p.person),
        "payee_userid": names(world.staff, p.staff),
        "is_visible": p.staff >= 0,
        "payment_type": p.kind,
        "item": names([name for name, _ in ITEMS], p.item),
        "quantity": p.quantity,
        "total_fee_fen": p.total_fen,
        "paid_date": date(day_number(p.paid_ms)),
        "refund_asked_at": at(p.refund_asked_ms),
        "refunded_at": at(p.refunded_ms),
        "refund_fee_fen": p.refund_fen,
        **_happened(p.paid_ms),
    }


def _fund_flow(world: World) -> dict:
    p = world.payments
    ready = day_start_ms(day_number(p.flow_ms)) + DAY_MS + 11 * HOUR_MS
    return {
        "out_trade_no": names(p.out_trade_no.tolist(), p.flow_payment),
        "kind": names(_FLOWS, p.flow_kind - 1),
        "amount_fen": p.flow_fen,
        "balance_fen": p.flow_balance_fen,
        "date": date(day_number(p.flow_ms)),
        "happened_at": at(p.flow_ms),
        "visible_at": at(ready),
    }


def _kf_sessions(world: World) -> dict:
    s = world.service
    ready = day_start_ms(day_number(s.start_ms)) + DAY_MS + 6 * HOUR_MS
    seconds = s.first_response_seconds
    return {
        "session_id": texts(s.session_id),
        "open_kfid": texts(s.open_kfid[s.account]),
        "account_name": names(ACCOUNT_NAMES, s.account),
        "servicer_userid": names(world.staff, s.servicer),
        "external_userid": _people(world, s.person),
        "is_by_assistant": s.is_by_assistant,
        "first_response_seconds": pa.array(seconds, mask=seconds < 0),
        "customer_messages": s.messages,
        "is_resolved": s.is_resolved,
        "is_survey_sent": s.is_asked,
        "rating": names(_RATINGS, s.rating.astype(np.int64) - 1),
        "is_upgraded": s.is_upgraded,
        "is_rejected": s.is_rejected,
        "date": date(day_number(s.start_ms)),
        "happened_at": at(s.start_ms),
        "visible_at": at(ready),
    }


WECOM_TABLES = {
    "departments": _departments,
    "staff": _staff,
    "tags": _tags,
    "relation_tags": _relation_tags,
    "group_members": _group_members,
    "wake_up_persons": _silence,
    "group_messages": _messages,
    "group_message_tasks": _message_tasks,
    "group_message_recipients": _message_recipients,
    "experiment_exposures": _exposures,
    "moments": _moments,
    "moment_tasks": _moment_tasks,
    "moment_recipients": _moment_recipients,
    "moment_comments": _moment_comments,
    "acquisition_links": _links,
    "acquisition_customers": _link_customers,
    "acquisition_clicks": _link_clicks,
    "contact_ways": _contact_ways,
    "payments": _payments,
    "fund_flow": _fund_flow,
    "kf_sessions": _kf_sessions,
    "callback_events": callback_events,
}
