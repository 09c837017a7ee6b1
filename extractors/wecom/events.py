"""Events that the callback receiver kept: the only sign of some changes."""

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, ClassVar

import orjson
import pyarrow as pa

from extractors.core.history import earlier_tables, earlier_values
from extractors.core.manifest import Arrival
from extractors.core.stream import UTC_TIMESTAMP, Kind, Personal, Stream, columns
from extractors.wecom.people import hidden

if TYPE_CHECKING:
    from extractors.core.context import PullContext

# the event's own names -> ours
NAMES = {
    "Event": "event",
    "ChangeType": "change_type",
    "CreateTime": "create_time",
    "UserID": "userid",
    "ExternalUserID": "external_userid",
    "State": "state",
    "Source": "source",
    "FailReason": "fail_reason",
    "ChatId": "chat_id",
    "UpdateDetail": "update_detail",
    "JoinScene": "join_scene",
    "QuitScene": "quit_scene",
    "MemChangeCnt": "mem_change_cnt",
    "LastMemVer": "last_mem_ver",
    "CurMemVer": "cur_mem_ver",
    "Id": "tag_id",
    "TagType": "tag_type",
    "StrategyId": "strategy_id",
}


class CallbackEvent(Stream):
    """Changes of customers, groups and tags as WeCom pushed them (事件回调).

    Source: what `siyu callback serve` kept; the events of work.weixin.qq.com document 92130.
    Grain:  one row per event_key: a keyed hash of everything the event says, so that one pushed
            twice is one. event_date is the business day of its CreateTime. Events of other types
            land too, what we have no column for in `_extra`.
    Units:  join_scene 0 invited, 3 QR code (other codes than group_member's); quit_scene 0 left, 1
            removed; mem_change_ids are pseudonyms, of staff too, as JSON.
    Late:   pushed within seconds, asked for again three times at most: what found nobody listening
            is lost, so lists stay the truth about who is a customer. del_follow_user (a customer
            deleted a member) is in no list at all.
    Raises: SiyuError when the spool cannot be read. A line that is no event is counted.
    """

    source = "wecom"
    name = "callback_event"
    kind = Kind.EVENT
    endpoint = "POST /callback/<account>"
    endpoints = ()
    confidence = "documented (92130); delivery not guaranteed"
    schema = columns(
        event_key=pa.string(),
        event=pa.string(),
        change_type=pa.string(),
        create_time=UTC_TIMESTAMP,
        received_at=UTC_TIMESTAMP,
        userid=pa.string(),
        external_userid=pa.string(),
        state=pa.string(),
        source=pa.string(),
        fail_reason=pa.string(),
        chat_id=pa.string(),
        update_detail=pa.string(),
        join_scene=pa.int64(),
        quit_scene=pa.int64(),
        mem_change_cnt=pa.int64(),
        mem_change_ids=pa.string(),
        last_mem_ver=pa.string(),
        cur_mem_ver=pa.string(),
        tag_id=pa.string(),
        tag_type=pa.string(),
        strategy_id=pa.string(),
    )
    primary_key = ("event_key",)
    measures = ("rows", "add_external_contact", "del_follow_user")
    revised_for_days = 1
    personal_columns: ClassVar = {"external_userid": Personal.PSEUDONYM}
    known_fields = frozenset({"ToUserName", "FromUserName", "MsgType", "MemChangeList", "AgentID"})

    def extract(self, pull: "PullContext") -> None:
        """Land what is not landed yet; then take away files that hold nothing else."""
        from extractors.core.parse import day_of_seconds
        from extractors.wecom.callback.spool import Spool, spool_folder

        spool = Spool(spool_folder(pull.home, pull.account.account))
        landed = _Landed(pull)
        now = pull.clock.as_of.timestamp()
        fresh: dict[date, dict[str, dict]] = {}
        for path in spool.files():
            records, broken = spool.read(path)
            if broken:
                pull.reject({"file": path.name, "reason": "not an event"}, broken)
            waiting = 0
            for record in records:
                at = _seconds(record)
                if at is None:
                    pull.reject({"file": path.name, "reason": "an event without CreateTime"})
                elif at > now:
                    waiting += 1  # asked as of an earlier moment, it has not happened yet
                else:
                    day, key = day_of_seconds(at), _key(pull, record)
                    if key not in landed.keys(day):
                        fresh.setdefault(day, {}).setdefault(key, record)
                        waiting += 1
            if not waiting:
                spool.remove_if(path, lambda record: landed.holds(pull, record))
        wanted = set(pull.dates) if pull.is_explicit else None
        for day, events in sorted(fresh.items()):
            if wanted is None or day in wanted:
                pull.land({day: self._rows(pull, events)})
        known = earlier_values(pull)
        for day in pull.landing.collect():
            pull.arrivals += self._arrivals(pull, day, known)

    def _rows(self, pull: "PullContext", events: dict[str, dict]) -> list[dict]:
        rows = []
        for key, record in events.items():
            event = record["event"]
            row = {NAMES.get(name, name): value for name, value in event.items()}
            row |= {"event_key": key, "received_at": record["received_at"]}
            changed = event.get("MemChangeList")
            if isinstance(changed, dict):
                items = changed.get("Item") or []
                # staff and customers alike: which is which is not said
                row["mem_change_ids"] = hidden(pull, [items] if isinstance(items, str) else items)
            rows.append(row)
        return rows

    def _arrivals(
        self, pull: "PullContext", day: date, known: dict[tuple[date, str, str], float]
    ) -> Iterator[Arrival]:
        """Events of a day so far: those of earlier pulls and these."""
        types = pull.landing.day(day)["change_type"].to_pylist()
        for measure in self.measures:
            new = len(types) if measure == "rows" else types.count(measure)
            yield Arrival(day, "", measure, known.get((day, "", measure), 0) + new)


class _Landed:
    """Keys of the events that commits have landed, by day."""

    def __init__(self, pull: "PullContext") -> None:
        self._pull = pull
        self._days: dict[date, set[str]] = {}

    def keys(self, day: date) -> set[str]:
        if day not in self._days:
            tables = earlier_tables(self._pull, day, ["event_key"])
            self._days[day] = {key for table in tables for key in table["event_key"].to_pylist()}
        return self._days[day]

    def holds(self, pull: "PullContext", record: dict) -> bool:
        from extractors.core.parse import day_of_seconds

        at = _seconds(record)
        # without a time it can never land: it was counted, and is done with
        return at is None or _key(pull, record) in self.keys(day_of_seconds(at))


def _seconds(record: dict) -> int | None:
    text = record["event"].get("CreateTime")
    return int(text) if isinstance(text, str) and text.isdigit() else None


def _key(pull: "PullContext", record: dict) -> str:
    said = orjson.dumps(record["event"], option=orjson.OPT_SORT_KEYS)
    return pull.privacy.pseudonym(said.decode())
