"""The XML of WeCom's callback events."""

import hashlib

from sandbox.timeline import SECOND_MS
from sandbox.vendors.wecom_door import CORPID
from sandbox.vendors.wecom_groups import member_version
from sandbox.world import World, events
from sandbox.world.acquisition import state_of
from sandbox.world.events import FAIL_REASONS, KINDS

AGENT_ID = "1000002"
_TAG_CHANGES = {
    events.TAG_CREATE: ("create", "tag"),
    events.TAG_UPDATE: ("update", "tag"),
    events.TAG_DELETE: ("delete", "tag"),
    events.TAG_GROUP: ("create", "tag_group"),
    events.TAG_SHUFFLE: ("shuffle", ""),
}


def event_xml(world: World, row: int) -> str:
    """The plain XML of one event."""
    e = world.callback_events
    kind = int(e.kind[row])
    created = int(e.happened_ms[row]) // SECOND_MS
    if kind <= events.TRANSFER_FAIL:
        fields = _contact(world, row, kind)
    elif kind <= events.QUIT:
        fields = _chat(world, row, kind)
    else:
        fields = _tag(world, row, kind)
    head = {"ToUserName": CORPID, "FromUserName": "sys", "CreateTime": created, "MsgType": "event"}
    return f"<xml>{_xml(head | fields)}</xml>"


def envelope(encrypted: str) -> str:
    """The body of the POST."""
    content = _xml({"ToUserName": CORPID, "AgentID": AGENT_ID, "Encrypt": encrypted})
    return f"<xml>{content}</xml>"


def _contact(world: World, row: int, kind: int) -> dict:
    e, r = world.callback_events, world.relations
    relation = int(e.subject[row])
    who = str(world.persons.external_userid[r.person[relation]])
    fields = {
        "Event": "change_external_contact",
        "ChangeType": KINDS[kind],
        "UserID": world.staff[e.staff[row]],
        "ExternalUserID": who,
    }
    if kind == events.ADD:
        if r.has_state[relation]:
            fields["State"] = state_of(int(r.channel[relation]), int(r.campaign[relation]))
        seed = f"welcome|{relation}".encode()
        fields["WelcomeCode"] = hashlib.blake2b(seed, digest_size=16).hexdigest()
    elif kind == events.REMOVED and e.detail[row]:
        fields["Source"] = "DELETE_BY_TRANSFER"
    elif kind == events.TRANSFER_FAIL:
        fields["FailReason"] = FAIL_REASONS[e.detail[row]]
    return fields


def _chat(world: World, row: int, kind: int) -> dict:
    e, m = world.callback_events, world.members
    subject = int(e.subject[row])
    group = subject if kind == events.FOUNDED else int(m.group[subject])
    chat = str(world.groups.chat_id[group])
    fields = {"Event": "change_external_chat", "ChatId": chat}
    if kind == events.FOUNDED:
        return fields | {"ChangeType": "create"}
    joins = kind == events.JOINED
    version = int(e.version[row])
    return fields | {
        "ChangeType": "update",
        "UpdateDetail": "add_member" if joins else "del_member",
        "JoinScene": int(e.detail[row]) if joins else 0,
        "QuitScene": 0 if joins else int(e.detail[row]),
        "MemChangeCnt": 1,
        "MemChangeList": [str(m.userid[subject])],
        "LastMemVer": member_version(chat, version),
        "CurMemVer": member_version(chat, version + 1),
    }


def _tag(world: World, row: int, kind: int) -> dict:
    corp, subject = world.organisation, int(world.callback_events.subject[row])
    change, what = _TAG_CHANGES[kind]
    ids = corp.tag_id if what == "tag" else corp.group_id
    fields = {"Event": "change_external_tag", "Id": ids[subject]}
    if what:
        fields["TagType"] = what
    return fields | {"ChangeType": change}


def _xml(fields: dict) -> str:
    parts = []
    for name, value in fields.items():
        if isinstance(value, list):
            text = "".join(f"<Item><![CDATA[{item}]]></Item>" for item in value)
        elif isinstance(value, int):
            text = str(value)
        else:
            text = f"<![CDATA[{value}]]>"
        parts.append(f"<{name}>{text}</{name}>")
    return "".join(parts)
