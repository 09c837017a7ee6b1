"""Departments, staff, tags and group members, on the documents' sample bodies."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from responses.matchers import json_params_matcher, query_param_matcher
from vendor_accounts import AS_OF, BASE, TODAY
from wecom_answers import API, OK, bodies, everything, says, staff

from extractors.core.errors import ApiError
from extractors.core.privacy import Privacy
from extractors.wecom.group_members import GroupMember
from extractors.wecom.organisation import CorpTag, Department, Staff

LATER = AS_OF + timedelta(1)
TOMORROW = TODAY + timedelta(1)


def test_departments_land_with_parents_that_may_lie_outside(wecom, pull_of):
    answer = [
        {
            "id": 2,
            "name": "广州研发中心",
            "name_en": "RDGZ",
            "department_leader": ["zhangsan", "lisi"],
            "parentid": 1,
            "order": 4294967295,
        },
        {"id": 3, "parentid": 77},
    ]
    wecom.get(f"{BASE}/cgi-bin/department/list", json={**OK, "department": answer})
    commit, rows = pull_of(Department)
    first, second = rows[TODAY]
    assert (first["id"], first["name"], first["order"]) == (2, "广州研发中心", 4294967295)
    assert json.loads(first["department_leader"]) == ["zhangsan", "lisi"]
    assert (second["parentid"], second["name"]) == (77, None)
    assert commit.unknown_fields == ()


MEMBER = {
    "userid": "zhangsan",
    "name": "张三",
    "department": [1, 2],
    "order": [1, 2],
    "position": "后台工程师",
    "mobile": "13800000000",
    "gender": "1",
    "email": "zhangsan@gzdev.com",
    "biz_mail": "zhangsan@qyycs2.wecom.work",
    "is_leader_in_dept": [1, 0],
    "direct_leader": ["lisi"],
    "avatar": "http://wx.qlogo.cn/mmopen/0",
    "thumb_avatar": "http://wx.qlogo.cn/mmopen/100",
    "telephone": "020-123456",
    "alias": "jackzhang",
    "status": 1,
    "address": "广州市海珠区新港中路",
    "english_name": "jacky",
    "open_userid": "xxxxxx",
    "main_department": 1,
    "extattr": {"attrs": [{"type": 0, "name": "文本名称", "text": {"value": "文本"}}]},
    "qr_code": "https://open.work.weixin.qq.com/wwopen/userQRCode?vcode=xxx",
    "external_position": "产品经理",
    "external_profile": {"external_corp_name": "企业简称"},
}


def departments(platform, answers):
    listed = [{"id": number, "parentid": 1, "order": 1} for number in answers]
    platform.get(f"{BASE}/cgi-bin/department/simplelist", json={**OK, "department_id": listed})
    for number, answer in answers.items():
        platform.get(
            f"{BASE}/cgi-bin/user/list",
            json=answer if isinstance(answer, dict) else {**OK, "userlist": answer},
            match=[query_param_matcher({"department_id": str(number)}, strict_match=False)],
        )


def test_the_documented_member_lands_once_and_without_anything_personal(wecom, pull_of):
    departments(wecom, {1: [MEMBER], 2: [MEMBER]})
    commit, rows = pull_of(Staff)
    [row] = rows[TODAY]
    assert (row["userid"], row["status"], row["main_department"]) == ("zhangsan", 1, 1)
    assert json.loads(row["department"]) == [1, 2]
    assert (row["_extra"], commit.unknown_fields) == (None, ())
    personal = ("张三", "1380000", "qlogo", "gzdev", "jack", "海珠", "工程师", "经理", "020-")
    assert not any(text in everything(rows) for text in personal)


@pytest.mark.parametrize(("wire", "landed"), [("1", 1), (2, 2), ("", None), (None, None)])
def test_gender_comes_as_text_here_and_as_a_number_elsewhere(wecom, pull_of, wire, landed):
    departments(wecom, {1: [MEMBER | {"gender": wire}]})
    commit, rows = pull_of(Staff)
    assert rows[TODAY][0]["gender"] == landed
    assert commit.warnings == ()


def test_a_department_out_of_range_is_skipped_with_a_warning(wecom, pull_of):
    departments(wecom, {1: [MEMBER], 9: {"errcode": 60011}})
    commit, rows = pull_of(Staff)
    assert len(rows[TODAY]) == 1
    assert commit.warnings == ("department_skipped: 9 answered with code 60011",)


def test_a_secret_that_may_not_read_members_is_an_error(wecom, pull_of):
    departments(wecom, {1: {"errcode": 48009}})
    with pytest.raises(ApiError, match="48009"):
        pull_of(Staff)


def tag(tag_id="TAG_ID1", **also):
    return {"id": tag_id, "name": "NAME1", "create_time": 1557838797, "order": 4294967295, **also}


def tags(platform, *tags_, asked=None, **group):
    platform.post(
        f"{API}/get_corp_tag_list",
        json={
            **OK,
            "tag_group": [
                {
                    "group_id": "TAG_GROUPID1",
                    "group_name": "GOURP_NAME",
                    "create_time": 1557838797,
                    "order": 1,
                    "tag": list(tags_),
                    **group,
                }
            ],
        },
        match=[json_params_matcher(asked or {})],
    )


def test_the_documented_tag_lands_flat(wecom, pull_of):
    tags(wecom, tag(deleted=False), deleted=False)
    commit, rows = pull_of(CorpTag)
    [row] = rows[TODAY]
    assert (row["tag_id"], row["group_id"], row["group_name"]) == (
        "TAG_ID1",
        "TAG_GROUPID1",
        "GOURP_NAME",
    )
    assert (row["order"], row["deleted"]) == (4294967295, False)
    assert row["create_time"] == datetime.fromtimestamp(1557838797, UTC)
    assert commit.unknown_fields == ()


def test_a_tag_that_went_missing_is_asked_for_by_id_and_lands_once_as_deleted(wecom, pull_of):
    tags(wecom, tag("a"), tag("b"))
    pull_of(CorpTag)
    tags(wecom, tag("a"))
    tags(wecom, tag("b", deleted=True), asked={"tag_id": ["b"]})
    _, rows = pull_of(CorpTag, as_of=LATER)
    assert [(row["tag_id"], row["deleted"]) for row in rows[TOMORROW]] == [
        ("a", False),
        ("b", True),
    ]
    tags(wecom, tag("a"))  # and nobody asks for b again
    _, rows = pull_of(CorpTag, as_of=LATER + timedelta(1))
    assert [row["tag_id"] for row in rows[TOMORROW + timedelta(1)]] == ["a"]


def test_a_missing_tag_that_nobody_knows_is_left_out(wecom, pull_of):
    tags(wecom, tag("a"), tag("b"))
    pull_of(CorpTag)
    tags(wecom, tag("a"))
    wecom.post(f"{API}/get_corp_tag_list", json={"errcode": 40068})
    _, rows = pull_of(CorpTag, as_of=LATER)
    assert [row["tag_id"] for row in rows[TOMORROW]] == ["a"]


CHAT = {
    "chat_id": "wrOgQhDgAAMYQiS5ol9G7gK9JVAAAA",
    "name": "销售客服群",
    "owner": "ZhuShengBen",
    "create_time": 1572505490,
    "notice": "文明沟通，拒绝脏话",
    "member_list": [
        {
            "userid": "abel",
            "type": 1,
            "join_time": 1572505491,
            "join_scene": 1,
            "invitor": {"userid": "jack"},
            "group_nickname": "客服小张",
            "name": "张三丰",
        },
        {
            "userid": "wmOgQhDgAAuXFJGwbve4g4iXknfOAAAA",
            "type": 2,
            "unionid": "ozynqsulJFCZ2z1aYeS8h-nuasdAAA",
            "join_time": 1572505505,
            "join_scene": 3,
            "group_nickname": "顾客老王",
            "name": "王语嫣",
            "state": "klsdup3kj3s1",
        },
    ],
    "admin_list": [{"userid": "abel"}],
    "member_version": "71217227bbd112ecfe3a49c482195cb4",
}


def chats(platform, *answers):
    listed = [{"chat_id": a.get("chat_id", "gone"), "status": 0} for a in answers]
    says(platform, "externalcontact/groupchat/list", {"group_chat_list": listed})
    for answer in answers:
        known = "errcode" not in answer
        platform.post(
            f"{API}/groupchat/get",
            json={**OK, "group_chat": answer} if known else answer,
            match=[json_params_matcher({"chat_id": answer.get("chat_id", "gone")})],
        )


def test_the_documented_group_lands_by_member_and_hides_its_customers(wecom, pull_of, settings):
    staff(wecom, "abel", "jack")
    chats(wecom, CHAT)
    commit, rows = pull_of(GroupMember)
    by_type = {row["member_type"]: row for row in rows[TODAY]}
    pseudonym = Privacy(b"a-key-of-the-tests", settings.root).pseudonym
    assert (by_type[1]["member_id"], by_type[1]["invitor_id"]) == ("abel", "jack")
    assert by_type[1]["is_admin"] is True
    customer = by_type[2]
    assert customer["member_id"] == pseudonym("wmOgQhDgAAuXFJGwbve4g4iXknfOAAAA")
    assert customer["unionid"] == pseudonym("ozynqsulJFCZ2z1aYeS8h-nuasdAAA")
    assert (customer["owner"], customer["join_scene"]) == ("ZhuShengBen", 3)
    assert (customer["state"], customer["group_name"]) == ("klsdup3kj3s1", None)
    assert customer["join_time"] == datetime.fromtimestamp(1572505505, UTC)
    assert commit.unknown_fields == ()
    personal = ("wmOgQh", "ozynqs", "张三丰", "王语嫣", "小张", "老王", "文明", "销售")
    assert not any(text in everything(rows) for text in personal)


def test_group_names_land_where_the_account_wants_them(wecom, pull_of):
    staff(wecom, "abel", "jack")
    chats(wecom, CHAT)
    _, rows = pull_of(GroupMember, land_group_names=True)
    assert {row["group_name"] for row in rows[TODAY]} == {"销售客服群"}


def test_an_inviter_who_is_nobody_of_the_staff_is_hidden(wecom, pull_of, settings):
    staff(wecom, "abel")
    member = CHAT["member_list"][1] | {"invitor": {"userid": "wmINVITER"}}
    chats(wecom, CHAT | {"member_list": [CHAT["member_list"][0], member]})
    _, rows = pull_of(GroupMember)
    pseudonym = Privacy(b"a-key-of-the-tests", settings.root).pseudonym
    assert pseudonym("wmINVITER") in {row["invitor_id"] for row in rows[TODAY]}
    assert "wmINVITER" not in everything(rows)


def test_whose_poster_it_was_lands_as_the_sharers_pseudonym(wecom, pull_of, settings):
    staff(wecom, "abel", "jack")
    sharer = "ozynqsulJFCZ2z1aYeS8h-nuasdBBB"[:28]
    member = CHAT["member_list"][1] | {"state": f"fx{sharer}"}
    chats(wecom, CHAT | {"member_list": [member, member | {"userid": "wm2", "state": "fx2026"}]})
    _, rows = pull_of(GroupMember)
    pseudonym = Privacy(b"a-key-of-the-tests", settings.root).pseudonym
    assert {(row["inviter_unionid"], row["state"]) for row in rows[TODAY]} == {
        (pseudonym(sharer), "fx"),
        (None, "fx2026"),
    }
    assert sharer not in everything(rows)


def test_a_group_dissolved_meanwhile_is_skipped(wecom, pull_of):
    staff(wecom, "abel", "jack")
    chats(wecom, CHAT, {"errcode": 49008})
    commit, rows = pull_of(GroupMember)
    assert {row["chat_id"] for row in rows[TODAY]} == {CHAT["chat_id"]}
    assert len(bodies(wecom, "groupchat/get")) == 2
    assert commit.warnings == ()
