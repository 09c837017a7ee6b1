"""From the spool to the landing: every event once, hidden, and the spool emptied after."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from callback_sender import NOW, event_xml
from vendor_accounts import AS_OF, TODAY, YESTERDAY
from wecom_answers import everything, second

from extractors.core import pull as pull_module
from extractors.core.privacy import Privacy
from extractors.wecom.callback.spool import Spool, spool_folder
from extractors.wecom.callback.xml import parse
from extractors.wecom.events import CallbackEvent

CUSTOMER = "woAJ2GCAAAXtWyujaWJHDDGi0mACHAAA"


@pytest.fixture
def spool(settings):
    return Spool(spool_folder(settings.root, "corp_main"))


def receive(spool, *messages, hour=0):
    for message in messages:
        event = parse(message.encode())
        event.pop("WelcomeCode", None)
        spool.append(event, datetime.fromtimestamp(NOW + 3600 * hour, UTC))


def contact(change_type="del_follow_user", at=None, user="zhangsan", **also):
    at = second(YESTERDAY) if at is None else at
    return event_xml(change_type=change_type, at=at, UserID=user, ExternalUserID=CUSTOMER, **also)


def values(commit):
    return {(a.event_date, a.measure): a.value for a in commit.arrivals}


# the documented samples of document 92130, each with what must be read from it
SAMPLES = [
    (contact("add_external_contact", State="teststate"), {"state": "teststate"}),
    (contact("add_half_external_contact", State="teststate"), {"state": "teststate"}),
    (contact("edit_external_contact"), {"userid": "zhangsan"}),
    (
        contact("del_external_contact", Source="DELETE_BY_TRANSFER"),
        {"source": "DELETE_BY_TRANSFER"},
    ),
    (contact("del_follow_user"), {"userid": "zhangsan"}),
    (contact("transfer_fail", FailReason="customer_refused"), {"fail_reason": "customer_refused"}),
    *(
        (
            event_xml("change_external_chat", change, second(YESTERDAY), ChatId="CHAT_ID"),
            {"chat_id": "CHAT_ID"},
        )
        for change in ("create", "dismiss")
    ),
    (
        event_xml(
            "change_external_chat",
            "update",
            second(YESTERDAY),
            ChatId="wrx7HUARsKwGRaQBVKPBTcEyzdHA4HrQ",
            UpdateDetail="add_member",
            JoinScene=1,
            QuitScene=0,
            MemChangeCnt=10,
            MemChangeList="<Item>Jack</Item><Item>Rose</Item>",
            LastMemVer="9c3f97c2ada667dfb5f6d03308d963e1",
            CurMemVer="71217227bbd112ecfe3a49c482195cb4",
        ),
        {
            "update_detail": "add_member",
            "join_scene": 1,
            "quit_scene": 0,
            "mem_change_cnt": 10,
            "last_mem_ver": "9c3f97c2ada667dfb5f6d03308d963e1",
            "cur_mem_ver": "71217227bbd112ecfe3a49c482195cb4",
        },
    ),
    *(
        (
            event_xml(
                "change_external_tag",
                change,
                second(YESTERDAY),
                Id="TAG_ID",
                TagType="tag",
                StrategyId=1,
            ),
            {"tag_id": "TAG_ID", "tag_type": "tag", "strategy_id": "1"},
        )
        for change in ("create", "update", "delete")
    ),
    (
        event_xml("change_external_tag", "shuffle", second(YESTERDAY), Id="", StrategyId="S"),
        {"tag_id": "", "strategy_id": "S"},
    ),
]


@pytest.mark.parametrize(("message", "expected"), SAMPLES)
def test_the_documented_event_lands(spool, pull_of, settings, message, expected):
    receive(spool, message)
    commit, rows = pull_of(CallbackEvent)
    [row] = rows[YESTERDAY]
    assert expected.items() <= row.items()
    assert row["create_time"] == datetime.fromtimestamp(second(YESTERDAY), UTC)
    assert (row["_extra"], commit.unknown_fields, commit.rejected_rows) == (None, (), 0)
    if row["external_userid"]:
        pseudonym = Privacy(b"a-key-of-the-tests", settings.root).pseudonym
        assert row["external_userid"] == pseudonym(CUSTOMER)
    assert not any(text in everything(rows) for text in (CUSTOMER, "Jack", "Rose"))


def test_members_that_changed_land_as_pseudonyms(spool, pull_of, settings):
    update = {"ChatId": "c", "UpdateDetail": "del_member"}
    for items in ("<Item>Jack</Item>", "<Item>Jack</Item><Item>Rose</Item>"):
        receive(
            spool,
            event_xml(
                "change_external_chat", "update", second(YESTERDAY), MemChangeList=items, **update
            ),
        )
    _, rows = pull_of(CallbackEvent)
    pseudonym = Privacy(b"a-key-of-the-tests", settings.root).pseudonym
    lists = sorted((json.loads(row["mem_change_ids"]) for row in rows[YESTERDAY]), key=len)
    assert lists == [[pseudonym("Jack")], [pseudonym("Jack"), pseudonym("Rose")]]


def test_an_unknown_event_is_kept_with_its_type(spool, pull_of):
    receive(
        spool, event_xml("kf_msg_or_event", "x", second(YESTERDAY), OpenKfId="wk1", Nick="老王")
    )
    commit, rows = pull_of(CallbackEvent)
    [row] = rows[YESTERDAY]
    assert row["event"] == "kf_msg_or_event"
    assert json.loads(row["_extra"])["OpenKfId"] == "wk1"
    assert commit.unknown_fields == ("Nick", "OpenKfId")
    assert "老王" not in everything(rows)


def test_an_event_pushed_twice_lands_once_in_one_pull_and_across_pulls(spool, pull_of):
    receive(spool, contact(), contact())
    first, rows = pull_of(CallbackEvent)
    assert len(rows[YESTERDAY]) == 1
    receive(spool, contact(), contact(user="lisi"), hour=1)
    second_, rows = pull_of(CallbackEvent, as_of=AS_OF + timedelta(hours=3))
    assert [row["userid"] for row in rows[YESTERDAY]] == ["lisi"]
    assert (values(first)[YESTERDAY, "rows"], values(second_)[YESTERDAY, "rows"]) == (1, 2)
    assert values(second_)[YESTERDAY, "del_follow_user"] == 2


def test_the_spool_is_emptied_after_the_commit_not_before(spool, pull_of):
    receive(spool, contact())
    pull_of(CallbackEvent)
    assert len(spool.files()) == 1
    commit, _ = pull_of(CallbackEvent, as_of=AS_OF + timedelta(hours=1))
    assert (spool.files(), commit.rows) == ([], 0)


def test_a_file_with_something_new_in_it_stays(spool, pull_of):
    receive(spool, contact())
    pull_of(CallbackEvent)
    receive(spool, contact(user="lisi"))
    pull_of(CallbackEvent, as_of=AS_OF + timedelta(hours=1))
    assert len(spool.files()) == 1
    pull_of(CallbackEvent, as_of=AS_OF + timedelta(hours=2))
    assert spool.files() == []


def test_a_landing_killed_before_its_commit_is_repeated_whole(spool, pull_of, monkeypatch):
    receive(spool, contact())

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pull_module.Manifest, "add", killed)
        with pytest.raises(KeyboardInterrupt):
            pull_of(CallbackEvent)
    assert len(spool.files()) == 1
    commit, rows = pull_of(CallbackEvent)
    assert (commit.rows, len(rows[YESTERDAY])) == (1, 1)


def test_what_has_not_happened_yet_as_of_the_pull_waits(spool, pull_of):
    later = int((AS_OF + timedelta(hours=5)).timestamp())
    receive(spool, contact(at=later))
    commit, _ = pull_of(CallbackEvent)
    assert (commit.rows, len(spool.files())) == (0, 1)
    commit, rows = pull_of(CallbackEvent, as_of=AS_OF + timedelta(hours=6))
    assert len(rows[TODAY]) == 1


def test_an_event_of_long_ago_lands_on_its_own_day(spool, pull_of):
    receive(spool, contact(at=1403610513))
    _, rows = pull_of(CallbackEvent)
    assert list(rows) == [date(2014, 6, 24)]


def test_lines_and_events_that_cannot_be_read_are_counted_and_do_not_stay(spool, pull_of):
    receive(spool, contact(at=""), contact())
    [path] = spool.files()
    with path.open("ab") as file:
        file.write(b'{"half a li\n[1]\n')
    commit, rows = pull_of(CallbackEvent)
    assert (len(rows[YESTERDAY]), commit.rejected_rows) == (1, 3)
    pull_of(CallbackEvent, as_of=AS_OF + timedelta(hours=1))
    assert spool.files() == []


def test_without_a_receiver_there_is_nothing_and_no_error(pull_of):
    commit, rows = pull_of(CallbackEvent)
    assert (rows, commit.rows, commit.warnings) == ({}, 0, ())
