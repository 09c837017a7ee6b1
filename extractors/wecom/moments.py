"""Customer moments (客户朋友圈): what was published, by whom, who sees it, who reacted."""

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

import pyarrow as pa

from extractors.core.stream import UTC_TIMESTAMP, Kind, Personal, Stream, columns
from extractors.wecom.created import Carried, by_creation_day
from extractors.wecom.messages import OF_THE_CORP, described
from extractors.wecom.people import hidden, stripped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import date

    from extractors.core.context import PullContext
    from extractors.wecom.created import RowsByDay

SOURCE = "wecom"
LANES = 4
LIST = "/cgi-bin/externalcontact/get_moment_list"
TASKS = "/cgi-bin/externalcontact/get_moment_task"
# above these the source falls back to its default without a word
MOMENTS_PER_PAGE, TASKS_PER_PAGE, CUSTOMERS_PER_PAGE = 20, 1000, 5000
PUBLISHED = 1
# unknown, not published by this member, not yet published by it, of the wrong kind
NOTHING_CODES = (41060, 41061, 41062, 41067)


def moments_by_day(pull: "PullContext") -> "RowsByDay":
    """Moments under the business day of their creation."""

    def ask(begin: int, end: int) -> "Iterable[dict]":
        # an OPEN interval, alone among these lists: a moment made in the first second of the
        # window would be lost
        body = {"start_time": begin - 1, "end_time": end, "limit": MOMENTS_PER_PAGE}
        return pull.client.listed(LIST, body, "moment_list", lambda row: row["moment_id"])

    return by_creation_day(pull, ask)


def publishers(pull: "PullContext", day: "date", moment: dict) -> list[dict]:
    """The tasks of a moment of the corp; of a member's own, its creator as the one who has."""
    if moment.get("create_type") != OF_THE_CORP:
        creator = moment.get("creator")
        return [{"userid": creator, "publish_status": PUBLISHED}] if creator else []
    body = {"moment_id": moment["moment_id"], "limit": TASKS_PER_PAGE}
    return _unless_nothing(
        pull,
        day,
        lambda: pull.client.listed(TASKS, body, "task_list", lambda row: row["userid"]),
    )


def _unless_nothing(
    pull: "PullContext", day: "date", ask: "Callable[[], list[dict]]"
) -> list[dict]:
    """Rows, none where there is nothing to tell; a moment still dispatched leaves its day open."""
    from extractors.core.errors import ApiError
    from extractors.wecom.client import GONE_MEMBER_CODES, STILL_DISPATCHED

    try:
        return ask()
    except ApiError as error:
        if error.code in STILL_DISPATCHED:
            pull.not_ready(day, is_incomplete=True)
        elif error.code not in (*NOTHING_CODES, *GONE_MEMBER_CODES):
            raise
        return []


class Moment(Stream):
    """Customer moments of the corp and of its members (客户朋友圈发表记录).

    Source: externalcontact/get_moment_list, developer.work.weixin.qq.com/document/path/93333.
    Grain:  one row per moment_id, under the business day of its creation. Deleted moments are not
            listed.
    Units:  create_type 0 of the corp, 1 of a member; visible_type 0 some customers, 1 all. Text
            and place do not land: content_hash, content_label and media_hash as in
            group_message.
    Late:   none known; read again for 7 days, so that a deletion shows (inferred).
    Raises: ApiError 41211 when the corp has no moments, 48002, 60020.
    """

    is_occasional = True
    source = SOURCE
    name = "moment"
    kind = Kind.REPORT
    endpoint = LIST
    endpoints = ("externalcontact.get_moment_list",)
    confidence = "documented; revision inferred"
    schema = columns(
        moment_id=pa.string(),
        creator=pa.string(),
        create_time=UTC_TIMESTAMP,
        create_type=pa.int64(),
        visible_type=pa.int64(),
        content_hash=pa.string(),
        content_length=pa.int64(),
        content_label=pa.string(),
        content_types=pa.string(),
        link_url=pa.string(),
        media_hash=pa.string(),
    )
    primary_key = ("moment_id",)
    revised_for_days = 7
    # 30 days at most, and the window starts a second early
    max_window_days = 29
    known_fields = frozenset({"text", "image", "video", "link", "location"})

    def extract(self, pull: "PullContext") -> None:
        """One call per page of 20."""
        days = moments_by_day(pull)
        for moments in days.values():
            for moment in moments:
                images = moment.get("image") or []
                video, link = moment.get("video") or {}, moment.get("link") or {}
                media = [one.get("media_id") for one in (*images, video)]
                kinds = [k for k in ("image", "video", "link", "location") if moment.get(k)]
                moment |= described(pull, moment, [link.get("url")], media) | {
                    "content_types": kinds,
                    "link_url": link.get("url"),
                }
        pull.land(days)


class MomentTask(Stream):
    """Which members were to publish a moment of the corp, and whether they did (发表任务).

    Source: externalcontact/get_moment_task, document 93333.
    Grain:  one row per moment_id and userid, under the business day of the moment's creation.
            Members' own moments have none.
    Units:  publish_status 0 not published, 1 published; no time is given.
    Late:   members publish for days; read again for 7 (inferred).
    Raises: ApiError 48002, 60020. A moment still being dispatched (41079) leaves its day open.
    """

    is_occasional = True
    source = SOURCE
    name = "moment_task"
    kind = Kind.REPORT
    endpoint = TASKS
    endpoints = ("externalcontact.get_moment_list", "externalcontact.get_moment_task")
    confidence = "documented; revision inferred"
    schema = columns(moment_id=pa.string(), userid=pa.string(), publish_status=pa.int64())
    primary_key = ("moment_id", "userid")
    revised_for_days = 7
    max_window_days = 29

    def extract(self, pull: "PullContext") -> None:
        """The list, then one call per moment of the corp."""
        days = moments_by_day(pull)
        wanted = [
            (day, moment)
            for day, moments in days.items()
            for moment in moments
            if moment.get("create_type") == OF_THE_CORP
        ]
        rows: RowsByDay = {day: [] for day in days}
        answers = pull.map(lambda pair: publishers(pull, *pair), wanted, LANES)
        for (day, moment), tasks in zip(wanted, answers, strict=True):
            rows[day] += [{**task, "moment_id": moment["moment_id"]} for task in tasks]
        pull.land(rows)


class _PerPublisher(Stream):
    """What is asked for per moment and member who published it."""

    source = SOURCE
    kind = Kind.REPORT
    revised_for_days = 7
    max_window_days = 29

    def extract(self, pull: "PullContext") -> None:
        """The list, one call per moment of the corp, one per member who published it."""
        days = moments_by_day(pull)
        wanted = [(day, moment) for day, moments in days.items() for moment in moments]
        tasks = pull.map(lambda pair: publishers(pull, *pair), wanted, LANES)
        carried = Carried(pull, ("moment_id", "userid"))
        ask: list[tuple] = []
        for (day, moment), members in zip(wanted, tasks, strict=True):
            keep = []
            for member in members:
                pair = (moment["moment_id"], member["userid"])
                if carried.serves(day, *pair):
                    keep.append(pair)
                elif member.get("publish_status") == PUBLISHED:
                    ask.append((day, *pair))
            carried.land(day, keep)
        rows: RowsByDay = {day: [] for day in days}
        answers = pull.map(lambda asked: self._ask(pull, *asked), ask, LANES)
        for (day, moment_id, userid), found in zip(ask, answers, strict=True):
            rows[day] += [
                {**row, "moment_id": moment_id, "userid": userid} for row in self._rows(pull, found)
            ]
        pull.land(rows)

    @abstractmethod
    def _ask(self, pull: "PullContext", day: "date", moment_id: str, userid: str) -> list[dict]:
        """The source's rows for one member's publication."""

    @abstractmethod
    def _rows(self, pull: "PullContext", found: list[dict]) -> list[dict]:
        """Those rows as they land, without moment_id and userid."""


class MomentRecipient(_PerPublisher):
    """Customers who can see a published moment (发表后的可见客户).

    Source: externalcontact/get_moment_send_result, document 93333.
    Grain:  one row per moment_id, userid (the member who published it) and customer, under the
            business day of the moment's creation.
    Units:  none.
    Late:   read for 7 days (inferred): every day for 3, for members who publish later, and a last
            time.
    Raises: ApiError 48002, 60020. 41062 (not published yet) is nothing.
    """

    is_occasional = True
    name = "moment_recipient"
    endpoint = "/cgi-bin/externalcontact/get_moment_send_result"
    endpoints = (
        "externalcontact.get_moment_list",
        "externalcontact.get_moment_task",
        "externalcontact.get_moment_send_result",
    )
    confidence = "documented; revision inferred"
    schema = columns(moment_id=pa.string(), userid=pa.string(), external_userid=pa.string())
    primary_key = ("moment_id", "userid", "external_userid")
    personal_columns: ClassVar = {"external_userid": Personal.PSEUDONYM}

    def _ask(self, pull: "PullContext", day: "date", moment_id: str, userid: str) -> list[dict]:
        body = {"moment_id": moment_id, "userid": userid, "limit": CUSTOMERS_PER_PAGE}
        return _unless_nothing(
            pull,
            day,
            lambda: pull.client.listed(
                self.endpoint, body, "customer_list", lambda row: row.get("external_userid")
            ),
        )

    def _rows(self, pull: "PullContext", found: list[dict]) -> list[dict]:
        del pull
        return [{**row, "external_userid": stripped(row.get("external_userid"))} for row in found]


class MomentComment(_PerPublisher):
    """Comments and likes under a moment (客户朋友圈的互动数据).

    Source: externalcontact/get_moment_comments, document 93333.
    Grain:  one row per moment_id, userid (the member who published it), interaction (comment or
            like), actor and second of acting, under the business day of the moment's creation.
            The API gives no id of an act: one actor's twice in a second is a row given twice.
            actor_id is a pseudonym (actor_type customer) or a userid.
    Units:  create_time a UTC timestamp; the text of a comment is not given.
    Late:   read again for 7 days (inferred): every day for 3, and a last time.
    Raises: ApiError 48002, 60020.
    """

    is_occasional = True
    name = "moment_comment"
    endpoint = "/cgi-bin/externalcontact/get_moment_comments"
    endpoints = (
        "externalcontact.get_moment_list",
        "externalcontact.get_moment_task",
        "externalcontact.get_moment_comments",
    )
    confidence = "documented; revision inferred"
    schema = columns(
        moment_id=pa.string(),
        userid=pa.string(),
        interaction=pa.string(),
        actor_type=pa.string(),
        actor_id=pa.string(),
        create_time=UTC_TIMESTAMP,
    )
    primary_key = ("moment_id", "userid", "interaction", "actor_id", "create_time")
    personal_columns: ClassVar = {"external_userid": Personal.PSEUDONYM}

    def _ask(self, pull: "PullContext", day: "date", moment_id: str, userid: str) -> list[dict]:
        def ask() -> list[dict]:
            body = {"moment_id": moment_id, "userid": userid}
            answer = pull.client.post(self.endpoint, body)
            return [
                {**row, "interaction": interaction}
                for interaction in ("comment", "like")
                # empty or missing where nobody did
                for row in answer.get(f"{interaction}_list") or ()
            ]

        return _unless_nothing(pull, day, ask)

    def _rows(self, pull: "PullContext", found: list[dict]) -> list[dict]:
        pseudonyms = hidden(pull, [row.get("external_userid") for row in found])
        rows = []
        for row, pseudonym in zip(found, pseudonyms, strict=True):
            actor = pseudonym or stripped(row.get("userid"))
            rows.append(
                {
                    **row,
                    "actor_type": "customer" if pseudonym else "staff",
                    "actor_id": actor,
                }
            )
        return rows
