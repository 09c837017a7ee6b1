"""Who there is in the corp: departments, staff, and the library of customer tags."""

from typing import TYPE_CHECKING, ClassVar

import pyarrow as pa

from extractors.core.stream import UTC_TIMESTAMP, Kind, Personal, Stream, columns

if TYPE_CHECKING:
    from collections.abc import Iterable

    from extractors.core.context import PullContext

SOURCE = "wecom"
LANES = 4
TAGS_PER_QUESTION = 100
# outside the app's visible range, or removed between two calls
GONE_DEPARTMENT_CODES = (60003, 60011, 60123)
UNKNOWN_TAG = 40068
SUBDEPARTMENTS = "/cgi-bin/department/simplelist"


class Department(Stream):
    """Departments (部门列表).

    Source: department/list, developer.work.weixin.qq.com/document/path/90208.
    Grain:  one row per department id and day of snapshot. Only departments in the app's range: a
            parentid may name one that is not here. The root is 1.
    Units:  `order` ranks siblings, larger first.
    Late:   the present state.
    Raises: ApiError 48002, 48009, 60020.
    """

    source = SOURCE
    name = "department"
    kind = Kind.ENTITY
    endpoint = "/cgi-bin/department/list"
    endpoints = ("department.list",)
    confidence = "documented"
    schema = columns(
        id=pa.int64(),
        name=pa.string(),
        name_en=pa.string(),
        parentid=pa.int64(),
        order=pa.int64(),
        department_leader=pa.string(),
    )
    primary_key = ("id",)

    def extract(self, pull: "PullContext") -> None:
        """One call gives the whole tree."""
        pull.land({pull.today: pull.client.get(self.endpoint).get("department") or []})


class Staff(Stream):
    """Members of the corp, enabled for customer contact or not (部门成员详情).

    Source: department/simplelist and user/list, developer.work.weixin.qq.com/document/path/90201.
    Grain:  one row per userid and day of snapshot, also for a member of several departments.
    Units:  status 1 active, 2 disabled, 4 not activated, 5 left; gender 0 unknown, 1 male, 2
            female: text on the wire here, a number in customers. Lists are JSON.
    Late:   the present state; a list holds direct members only, so every department is asked.
    Raises: ApiError 48002, 48009, 60020. A department the app may not read is skipped with a
            warning.
    """

    source = SOURCE
    name = "staff"
    kind = Kind.ENTITY
    endpoint = "/cgi-bin/user/list"
    endpoints = ("user.list", "department.simplelist")
    confidence = "documented"
    schema = columns(
        userid=pa.string(),
        status=pa.int64(),
        gender=pa.int64(),
        main_department=pa.int64(),
        department=pa.string(),
        is_leader_in_dept=pa.string(),
        direct_leader=pa.string(),
    )
    primary_key = ("userid",)
    personal_columns: ClassVar = dict.fromkeys(
        (
            "name",
            "alias",
            "english_name",
            "mobile",
            "telephone",
            "email",
            "biz_mail",
            "avatar",
            "thumb_avatar",
            "qr_code",
            "address",
            "position",
            "external_position",
            "external_profile",
            "extattr",
            "open_userid",
        ),
        Personal.DROP,
    )
    # `order` ranks a member within each department; the rest are keys of old responses
    known_fields = frozenset({"order", "enable", "isleader", "hide_mobile"})

    def extract(self, pull: "PullContext") -> None:
        """Ask every department for its direct members."""
        answer = pull.client.get(SUBDEPARTMENTS)
        departments = [one["id"] for one in answer.get("department_id") or ()]
        members: dict[str, dict] = {}
        for rows in pull.map(lambda number: self._members(pull, number), departments, LANES):
            for row in rows:
                members.setdefault(row["userid"], row)
        pull.land({pull.today: list(members.values())})

    def _members(self, pull: "PullContext", department: int) -> list[dict]:
        from extractors.core.errors import ApiError

        try:
            answer = pull.client.get(self.endpoint, {"department_id": department})
        except ApiError as error:
            if error.code not in GONE_DEPARTMENT_CODES:
                raise
            pull.warn("department_skipped", f"{department} answered with code {error.code}")
            return []
        return answer.get("userlist") or []


class CorpTag(Stream):
    """The corp's customer tags (企业标签库), with the ones deleted since the last snapshot.

    Source: externalcontact/get_corp_tag_list, developer.work.weixin.qq.com/document/path/92117.
    Grain:  one row per tag and day of snapshot. A full listing leaves deleted tags out, so tags
            that were there in the snapshot before are asked for by id, and land once with
            `deleted`.
    Units:  `order` and `group_order` rank, larger first; they pass 32 bits.
    Late:   the present state.
    Raises: ApiError 48002, 60020.
    """

    source = SOURCE
    name = "corp_tag"
    kind = Kind.ENTITY
    endpoint = "/cgi-bin/externalcontact/get_corp_tag_list"
    endpoints = ("externalcontact.get_corp_tag_list",)
    confidence = "documented"
    schema = columns(
        tag_id=pa.string(),
        tag_name=pa.string(),
        create_time=UTC_TIMESTAMP,
        order=pa.int64(),
        deleted=pa.bool_(),
        group_id=pa.string(),
        group_name=pa.string(),
        group_create_time=UTC_TIMESTAMP,
        group_order=pa.int64(),
    )
    primary_key = ("tag_id",)

    def extract(self, pull: "PullContext") -> None:
        """The whole library, then what has gone from it."""
        rows = list(_tags(pull.client.post(self.endpoint, {})))
        gone = sorted(self._earlier(pull) - {row["tag_id"] for row in rows})
        for at in range(0, len(gone), TAGS_PER_QUESTION):
            rows += self._deleted(pull, gone[at : at + TAGS_PER_QUESTION])
        pull.land({pull.today: rows})

    def _earlier(self, pull: "PullContext") -> set[str]:
        """Tags of the newest earlier snapshot that were not deleted then."""
        from extractors.core.history import earlier_tables

        commit = next((c for c in reversed(pull.commits) if c.files), None)
        if commit is None:
            return set()
        table = earlier_tables(pull, commit.files[-1].event_date, ["tag_id", "deleted"])[-1]
        rows = table.to_pylist()
        return {row["tag_id"] for row in rows if not row["deleted"]}

    def _deleted(self, pull: "PullContext", tag_ids: list[str]) -> list[dict]:
        from extractors.core.errors import ApiError

        try:
            answer = pull.client.post(self.endpoint, {"tag_id": tag_ids})
        except ApiError as error:
            if error.code != UNKNOWN_TAG:
                raise
            return []  # nothing is known of them any more
        wanted = set(tag_ids)
        return [row for row in _tags(answer) if row["tag_id"] in wanted]


def _tags(answer: dict) -> "Iterable[dict]":
    for group in answer.get("tag_group") or ():
        for tag in group.get("tag") or ():
            named = {"id": "tag_id", "name": "tag_name"}
            row = {named.get(key, key): value for key, value in tag.items()}
            yield row | {
                "deleted": bool(tag.get("deleted") or group.get("deleted")),
                "group_id": group.get("group_id"),
                "group_name": group.get("group_name"),
                "group_create_time": group.get("create_time"),
                "group_order": group.get("order"),
            }
