"""Address book, tags, group members and contact ways."""

import pandas as pd
import pytest
from sandbox_api import seconds
from wecom_calls import Corp, code

MOMENT = "2026-04-28"


@pytest.fixture(scope="module")
def corp(api) -> Corp:
    return Corp(api, MOMENT)


def test_the_id_list_is_open_to_the_contact_secret_only(corp, truth):
    token = corp.contacts_token()
    listed = corp.rows("user/list_id", {"limit": 5}, "dept_user", token)

    staff = truth["staff"].explode("department_ids")
    assert sorted((r["userid"], r["department"]) for r in listed) == sorted(
        zip(staff.userid, staff.department_ids, strict=True)
    )
    # members of two departments come twice
    assert len({r["userid"] for r in listed}) == len(truth["staff"]) < len(listed)
    assert code(corp.post("user/list_id")) == 48002
    assert code(corp.get("user/list", token, department_id=1)) == 48009
    assert code(corp.get("department/list", token)) == 48009
    assert code(corp.get("externalcontact/get_follow_user_list", token)) == 48002
    assert code(corp.get("department/simplelist", token)) == 0


def test_departments_are_a_tree_and_its_members_are_listed_one_by_one(corp, truth):
    departments = corp.get("department/list")["department"]
    ids = corp.get("department/simplelist")["department_id"]
    below = corp.get("department/list", id=2)["department"]

    facts = truth["departments"]
    assert [d["id"] for d in departments] == [d["id"] for d in ids]
    assert {d["id"]: d["parentid"] for d in departments} == dict(
        zip(facts.department_id, facts.parent_id, strict=True)
    )
    assert {d["id"] for d in below} == {2, *facts.department_id[facts.parent_id == 2]}
    seen = {}
    for department in departments:
        members = corp.get("user/list", department_id=department["id"])["userlist"]
        names = corp.get("user/simplelist", department_id=department["id"])["userlist"]
        assert [m["userid"] for m in members] == [n["userid"] for n in names]
        assert all(department["id"] in m["department"] for m in members)
        seen |= {m["userid"]: m for m in members}
    assert seen.keys() == set(truth["staff"].userid)
    assert not {"mobile", "email", "gender", "avatar"} & set().union(*seen.values())
    assert code(corp.get("user/list", department_id=99)) == 60003
    assert code(corp.get("department/list", id="x")) == 60123
    assert code(corp.get("user/list")) == 40063


def test_a_department_counts_like_its_members(corp, truth):
    window = {"start_time": seconds("2026-04-01"), "end_time": seconds("2026-04-03")}
    team = truth["staff"].query("is_service").explode("department_ids")
    number = int(team.department_ids.max())
    users = team.userid[team.department_ids == number].tolist()

    whole = corp.external("get_user_behavior_data", {"partyid": [number]} | window)
    one_by_one = corp.external("get_user_behavior_data", {"userid": users} | window)

    assert whole["behavior_data"] == one_by_one["behavior_data"]
    assert len(users) < truth["staff"].is_service.sum()


def test_a_deleted_tag_shows_only_to_those_who_ask_for_it(corp, truth):
    groups = corp.external("get_corp_tag_list")["tag_group"]
    tags = {t["id"]: t for g in groups for t in g["tag"]}

    facts = truth["tags"].set_index("tag_id")
    gone = facts.index[facts.deleted_at <= corp.now]
    assert tags.keys() == set(facts.index[facts.happened_at <= corp.now]) - set(gone)
    assert len(gone) == 1
    assert "deleted" not in next(iter(tags.values()))
    asked = corp.external("get_corp_tag_list", {"tag_id": [gone[0]]})["tag_group"]
    assert asked[0]["deleted"] is False
    assert [(t["id"], t["deleted"]) for t in asked[0]["tag"]] == [(gone[0], True)]
    group = facts.group_id[gone[0]]
    both = {"group_id": [group], "tag_id": ["etsandboxhigh"]}
    whole = corp.external("get_corp_tag_list", both)["tag_group"]
    assert [g["group_id"] for g in whole] == [group]
    assert {t["id"] for t in whole[0]["tag"]} == set(facts.index[facts.group_id == group])
    assert max(t["order"] for t in tags.values()) > 2**31
    assert code(corp.external("get_corp_tag_list", {"tag_id": ["et-unknown"]})) == 40068


def test_customers_wear_the_tags_of_the_library(api, corp, truth):
    worn = truth["relation_tags"].groupby(["external_userid", "userid"]).tag_id.apply(set)
    customers = api.customers()
    tagged = 0
    for entry in customers:
        who = entry["external_contact"]["external_userid"], entry["follow_info"]["userid"]
        shown = set(entry["follow_info"].get("tag_id", []))
        assert shown == worn.get(who, set())
        tagged += bool(shown)
    assert tagged / len(customers) == pytest.approx(0.86, abs=0.04)
    untagged = next(c for c in customers if "tag_id" not in c["follow_info"])
    who = untagged["external_contact"]["external_userid"]
    detail = corp.get("externalcontact/get", external_userid=who)
    assert all("tags" not in follow for follow in detail["follow_user"])


def test_group_members_are_as_many_as_the_statistics_count(corp, truth):
    members = truth["group_members"]
    here = members[(members.happened_at <= corp.now) & ~(members.left_at <= corp.now)]
    totals = 0
    for chat, facts in here.groupby("chat_id"):
        asked = {"chat_id": chat, "need_name": int(totals == 0)}
        group = corp.external("groupchat/get", asked)["group_chat"]
        shown = {m["userid"]: m for m in group["member_list"]}
        assert shown.keys() == set(facts.userid)
        assert ("name" in group["member_list"][0]) == (totals == 0)
        assert shown[group["owner"]]["type"] == 1
        for fact in facts.itertuples():
            member = shown[fact.userid]
            assert member["join_time"] == int(fact.happened_at.timestamp())
            assert member["join_scene"] == fact.join_scene
            inviter = member.get("invitor", {}).get("userid")
            assert inviter == (None if pd.isna(fact.inviting_userid) else fact.inviting_userid)
            poster = None if pd.isna(fact.inviter_unionid) else f"fx{fact.inviter_unionid}"
            assert member.get("state") == poster
            assert poster is None or len(poster) <= 30
        totals += len(shown)
    # at the end of yesterday, which the statistics show
    midnight = pd.Timestamp(MOMENT, tz="Asia/Shanghai")
    count = ((members.happened_at < midnight) & ~(members.left_at < midnight)).sum()
    facts = truth["group_days"][lambda g: g.date.astype(str) == "2026-04-27"]
    assert facts.member_total.sum() == count
    assert abs(totals - count) < 60
    assert code(corp.external("groupchat/get", {"chat_id": "wr-unknown"})) == 40050
    assert code(corp.external("groupchat/get", {})) == 86003


def test_contact_ways_of_the_last_ninety_days_and_new_ones(corp, truth):
    recent = corp.rows("externalcontact/list_contact_way", {}, "contact_way")
    asked = {"start_time": seconds("2024-01-01"), "limit": 3}
    everything = corp.rows("externalcontact/list_contact_way", asked, "contact_way")

    facts = truth["contact_ways"].set_index("config_id")
    ago = corp.now - pd.Timedelta(days=90)
    there = facts[facts.happened_at <= corp.now]
    assert {w["config_id"] for w in recent} == set(there.index[there.happened_at >= ago])
    assert {w["config_id"] for w in everything} == set(there.index)
    assert len(recent) < len(everything)
    config_id = everything[0]["config_id"]
    way = corp.external("get_contact_way", {"config_id": config_id})["contact_way"]
    assert way["state"] == facts.channel_id[config_id]
    assert way["user"] == facts.userids[config_id].tolist()

    new = {"type": 1, "scene": 2, "user": [way["user"][0]], "state": "poster-7"}
    added = corp.external("add_contact_way", new)
    again = corp.external("get_contact_way", {"config_id": added["config_id"]})["contact_way"]
    assert (again["state"], again["qr_code"]) == ("poster-7", added["qr_code"])
    listed = corp.rows("externalcontact/list_contact_way", {}, "contact_way")
    assert listed[-1]["config_id"] == added["config_id"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, 41037),
        ({"type": 1}, 41038),
        ({"type": 3, "scene": 1}, 41039),
        ({"type": 1, "scene": 3}, 41040),
        ({"type": 1, "scene": 2, "user": ["a", "b"]}, 41041),
        ({"type": 1, "scene": 2, "user": []}, 40058),
        ({"type": 1, "scene": 2, "user": ["nobody"]}, 40003),
        ({"type": 1, "scene": 2, "user": ["marketing02"]}, 41054),
        ({"type": 2, "scene": 2, "party": [99]}, 60011),
        ({"type": 2, "scene": 2, "style": 1, "party": [2]}, 41042),
        ({"type": 2, "scene": 2, "party": [2], "state": "x" * 31}, 40058),
    ],
)
def test_a_contact_way_that_cannot_be(api, body, expected):
    answer = api.corp("add_contact_way", body)

    assert code(answer) == expected
    assert "config_id" not in answer


def test_an_unknown_contact_way(api):
    assert code(api.corp("get_contact_way", {})) == 41043
    assert code(api.corp("get_contact_way", {"config_id": "x"})) == 41044
