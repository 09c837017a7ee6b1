"""Mass messages (群发): what was sent, who was to confirm it, whom it reached."""

import re
import unicodedata
from typing import TYPE_CHECKING, ClassVar

import pyarrow as pa

from extractors.core.stream import UTC_TIMESTAMP, Kind, Personal, Stream, columns
from extractors.wecom.created import Carried, by_creation_day
from extractors.wecom.people import hidden

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from extractors.core.context import PullContext
    from extractors.wecom.created import RowsByDay

SOURCE = "wecom"
LANES = 4
LIST = "/cgi-bin/externalcontact/get_groupmsg_list_v2"
TASKS = "/cgi-bin/externalcontact/get_groupmsg_task"
# two calls are needed for all of them: to customers, and to customer groups
CHAT_TYPES = ("single", "group")
# above these the source falls back to its default (50 and 500) without a word
MESSAGES_PER_PAGE, TASKS_PER_PAGE, RECIPIENTS_PER_PAGE = 100, 1000, 1000
CANCELLED, UNKNOWN_MESSAGE = 41093, 41047
_NOT_TEXT = re.compile(r"[\W_]+")
# the heading that posts of a series begin with, as in 【会员福利】本周…
_LABEL = re.compile(r"\s*【([^】]{1,12})】")
OF_THE_CORP = 0


def messages_by_day(pull: "PullContext") -> "RowsByDay":
    """Messages of both kinds under the business day of their creation."""

    def ask(begin: int, end: int) -> "Iterable[dict]":
        for chat_type in CHAT_TYPES:
            body = {
                "chat_type": chat_type,
                "start_time": begin,
                "end_time": end,
                "limit": MESSAGES_PER_PAGE,
            }
            for page in pull.client.pages(LIST, body, "group_msg_list", lambda row: row["msgid"]):
                for row in page:
                    yield {**row, "chat_type": chat_type}

    return by_creation_day(pull, ask)


def tasks_by_message(pull: "PullContext", days: "RowsByDay") -> dict[str, list[dict]]:
    """Tasks of the members by msgid; a day whose message is still dispatched stays open."""

    def ask(day_and_message: "tuple[date, dict]") -> list[dict]:
        from extractors.core.errors import ApiError
        from extractors.wecom.client import STILL_DISPATCHED

        day, message = day_and_message
        body = {"msgid": message["msgid"], "limit": TASKS_PER_PAGE}
        try:
            return pull.client.listed(TASKS, body, "task_list", lambda row: row["userid"])
        except ApiError as error:
            if error.code in STILL_DISPATCHED:
                pull.not_ready(day, is_incomplete=True)
            elif error.code not in (CANCELLED, UNKNOWN_MESSAGE):
                raise
            return []

    wanted = [(day, message) for day, messages in days.items() for message in messages]
    answers = pull.map(ask, wanted, LANES)
    return {message["msgid"]: tasks for (_, message), tasks in zip(wanted, answers, strict=True)}


class GroupMessage(Stream):
    """Mass messages to customers and to groups (群发记录).

    Source: externalcontact/get_groupmsg_list_v2, developer.work.weixin.qq.com/document/path/93338.
    Grain:  one row per msgid, under the business day of its creation.
    Units:  create_type 0 of the corp, 1 of a member. The text does not land: content_hash is a
            keyed hash of it without blanks and punctuation, media_hash one of its media and
            links, so that repeated material shows; content_length counts characters;
            content_label is the 【heading】 it begins with, of members' own messages only if the
            account option `content_labels` names it (members write names there).
    Late:   a member confirms before anything is sent, so results move for days; read again for 7
            (inferred).
    Raises: ApiError 48002, 60020.
    """

    is_occasional = True
    source = SOURCE
    name = "group_message"
    kind = Kind.REPORT
    endpoint = LIST
    endpoints = ("externalcontact.get_groupmsg_list_v2",)
    confidence = "documented; revision inferred"
    schema = columns(
        msgid=pa.string(),
        chat_type=pa.string(),
        creator=pa.string(),
        create_time=UTC_TIMESTAMP,
        create_type=pa.int64(),
        content_hash=pa.string(),
        content_length=pa.int64(),
        content_label=pa.string(),
        attachment_types=pa.string(),
        link_urls=pa.string(),
        media_hash=pa.string(),
    )
    primary_key = ("msgid",)
    revised_for_days = 7
    # "one month" at most: 28 days are less than any month
    max_window_days = 28
    known_fields = frozenset({"text", "attachments"})

    def extract(self, pull: "PullContext") -> None:
        """Two calls per window."""
        days = messages_by_day(pull)
        for messages in days.values():
            for message in messages:
                message |= _attached(pull, message)
        pull.land(days)


class GroupMessageTask(Stream):
    """Which members were to send a mass message, and when they did (群发成员发送任务).

    Source: externalcontact/get_groupmsg_task, developer.work.weixin.qq.com/document/path/93338.
    Grain:  one row per msgid and userid, under the business day of the message's creation.
    Units:  status 0 not sent, 2 sent; 1 in older samples: sent only where send_time says so.
    Late:   members confirm for days; read again for 7 (inferred).
    Raises: ApiError 48002, 60020. A message still being dispatched (41063) leaves its day open.
    """

    is_occasional = True
    source = SOURCE
    name = "group_message_task"
    kind = Kind.REPORT
    endpoint = TASKS
    endpoints = ("externalcontact.get_groupmsg_list_v2", "externalcontact.get_groupmsg_task")
    confidence = "documented; revision inferred, status 1 sdk"
    schema = columns(
        msgid=pa.string(),
        chat_type=pa.string(),
        userid=pa.string(),
        status=pa.int64(),
        send_time=UTC_TIMESTAMP,
    )
    primary_key = ("msgid", "userid")
    revised_for_days = 7
    max_window_days = 28

    def extract(self, pull: "PullContext") -> None:
        """The list, then one call per message."""
        days = messages_by_day(pull)
        tasks = tasks_by_message(pull, days)
        pull.land(
            {
                day: [
                    {**task, "msgid": message["msgid"], "chat_type": message["chat_type"]}
                    for message in messages
                    for task in tasks[message["msgid"]]
                ]
                for day, messages in days.items()
            }
        )


class GroupMessageRecipient(Stream):
    """Whom a mass message reached, and why not (群发成员执行结果).

    Source: externalcontact/get_groupmsg_send_result, document 93338.
    Grain:  one row per msgid, userid (the sender) and recipient, under the business day of the
            message's creation. recipient_id is a customer's pseudonym (chat_type single) or a
            chat_id (group). Groups have rows only where sent: no row is no failure.
    Units:  status 0 not sent, 1 sent, 2 no friend any more, 3 had too many messages already. Other
            codes than the task's: there 2 is sent.
    Late:   read again for 7 days (inferred): every day for 3, then when a member sends after all,
            and a last time.
    Raises: ApiError 48002, 60020.
    """

    is_occasional = True
    source = SOURCE
    name = "group_message_recipient"
    kind = Kind.REPORT
    endpoint = "/cgi-bin/externalcontact/get_groupmsg_send_result"
    endpoints = (
        "externalcontact.get_groupmsg_list_v2",
        "externalcontact.get_groupmsg_task",
        "externalcontact.get_groupmsg_send_result",
    )
    confidence = "documented; revision inferred"
    schema = columns(
        msgid=pa.string(),
        chat_type=pa.string(),
        userid=pa.string(),
        recipient_id=pa.string(),
        status=pa.int64(),
        send_time=UTC_TIMESTAMP,
    )
    primary_key = ("msgid", "userid", "recipient_id")
    revised_for_days = 7
    max_window_days = 28
    personal_columns: ClassVar = {"external_userid": Personal.PSEUDONYM}
    known_fields = frozenset({"chat_id"})

    def extract(self, pull: "PullContext") -> None:
        """The list, one call per message, one per member who is to send it."""
        from extractors.core.parse import moment

        days = messages_by_day(pull)
        tasks = tasks_by_message(pull, days)
        carried = Carried(pull, ("msgid", "userid"))
        for day, messages in days.items():
            ask, keep = [], []
            for message in messages:
                for task in tasks[message["msgid"]]:
                    sent_at = moment(task.get("send_time"))
                    if message["chat_type"] == "group" and not task.get("status"):
                        continue  # a member chooses the groups when sending: nothing before
                    pair = (message["msgid"], task["userid"])
                    if carried.serves(day, *pair, changed_at=sent_at):
                        keep.append(pair)
                    else:
                        ask.append((message, task["userid"]))
            results = pull.map(lambda pair: self._results(pull, *pair), ask, LANES)
            rows = [row for result in results for row in result]
            customers = [row for row in rows if row["recipient_id"] is None]
            ids = hidden(pull, [row.get("external_userid") for row in customers])
            for row, pseudonym in zip(customers, ids, strict=True):
                row["recipient_id"] = pseudonym
            pull.land({day: rows})
            carried.land(day, keep)

    def _results(self, pull: "PullContext", message: dict, userid: str) -> list[dict]:
        from extractors.core.errors import ApiError
        from extractors.wecom.client import GONE_MEMBER_CODES

        body = {"msgid": message["msgid"], "userid": userid, "limit": RECIPIENTS_PER_PAGE}
        try:
            rows = pull.client.listed(
                self.endpoint,
                body,
                "send_list",
                lambda row: (row.get("external_userid"), row.get("chat_id")),
            )
        except ApiError as error:
            if error.code not in (*GONE_MEMBER_CODES, CANCELLED, UNKNOWN_MESSAGE):
                raise
            pull.warn("member_skipped", f"{userid} answered with code {error.code}")
            return []
        return [
            {
                **row,
                "msgid": message["msgid"],
                "chat_type": message["chat_type"],
                "userid": userid,
                "recipient_id": row.get("chat_id") if message["chat_type"] == "group" else None,
            }
            for row in rows
        ]


def described(
    pull: "PullContext", row: dict, links: list[str | None], media: list[str | None]
) -> dict:
    """What is kept of a text and its media: hashes that show repeated material, and a length."""
    text = (row.get("text") or {}).get("content") or ""
    named = sorted(one for one in (*links, *media) if one)
    label = _LABEL.match(text)
    known = label and (
        row.get("create_type") == OF_THE_CORP
        or label[1] in (pull.account.options.get("content_labels") or ())
    )
    plain = _NOT_TEXT.sub("", unicodedata.normalize("NFKC", text).casefold())
    return {
        "content_hash": pull.privacy.pseudonym(plain) if plain else None,
        "content_length": len(text),
        "content_label": label[1] if label and known else None,
        "media_hash": pull.privacy.pseudonym("|".join(named)) if named else None,
    }


def _attached(pull: "PullContext", message: dict) -> dict:
    attachments = message.get("attachments") or []
    parts = [attachment.get(attachment.get("msgtype")) or {} for attachment in attachments]
    links = [part.get("url") or part.get("page") for part in parts]
    media = [part.get("media_id") or part.get("pic_url") for part in parts]
    return described(pull, message, links, media) | {
        "attachment_types": [attachment.get("msgtype") for attachment in attachments],
        "link_urls": [link for link in links if link],
    }
