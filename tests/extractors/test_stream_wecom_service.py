"""Customer service statistics, on the sample bodies of documents 94661, 95489 and 95490."""

import json
from datetime import timedelta

import pytest
from vendor_accounts import AS_OF, BASE, TODAY, YESTERDAY
from wecom_answers import BEFORE, OK, bodies, says, second, staff

from extractors.wecom.service import KfAccount, KfCorpStatistic, KfServicerStatistic

ACCOUNT = "wkAJ2GCAAASSm4_FhToWMFea0xAFfd3Q"
ONE_DAY = (YESTERDAY, YESTERDAY)
CORP = {
    "session_cnt": 1,
    "customer_cnt": 1,
    "customer_msg_cnt": 6,
    "upgrade_service_customer_cnt": 0,
    "ai_session_reply_cnt": 1,
    "ai_transfer_rate": 1,
    "ai_knowledge_hit_rate": 0,
    "msg_rejected_customer_cnt": 1,
}
SERVICER = {
    "session_cnt": 1,
    "customer_cnt": 1,
    "customer_msg_cnt": 1,
    "reply_rate": 1,
    "first_reply_average_sec": 17,
    "satisfaction_investgate_cnt": 1,
    "satisfaction_participation_rate": 1,
    "satisfied_rate": 1,
    "middling_rate": 0,
    "dissatisfied_rate": 0,
    "upgrade_service_customer_cnt": 0,
    "upgrade_service_member_invite_cnt": 0,
    "upgrade_service_member_customer_cnt": 0,
    "upgrade_service_groupchat_invite_cnt": 0,
    "upgrade_service_groupchat_customer_cnt": 0,
    "msg_rejected_customer_cnt": 0,
}


def accounts(platform, *ids):
    rows = [
        {"open_kfid": one, "name": "咨询客服", "avatar": "http://a/0", "manage_privilege": True}
        for one in ids or (ACCOUNT,)
    ]
    says(platform, "kf/account/list", {"account_list": rows}, offset=0, limit=100)


def day(day_, statistic=None):
    return {"stat_time": second(day_, 0)} | ({"statistic": statistic} if statistic else {})


def corp(platform, *days, **asked):
    says(platform, "kf/get_corp_statistic", {"statistic_list": list(days)}, **asked)


def test_the_documented_account_lands(wecom, pull_of):
    accounts(wecom)
    commit, rows = pull_of(KfAccount)
    [row] = rows[TODAY]
    assert (row["open_kfid"], row["name"], row["manage_privilege"]) == (ACCOUNT, "咨询客服", True)
    assert commit.unknown_fields == ()


def test_a_full_page_of_accounts_is_followed_by_another(wecom, pull_of):
    full = [{"open_kfid": f"k{n}", "name": "n"} for n in range(100)]
    says(wecom, "kf/account/list", {"account_list": full}, offset=0, limit=100)
    says(wecom, "kf/account/list", {"account_list": []}, offset=100, limit=100)
    commit, _ = pull_of(KfAccount)
    assert commit.rows == 100


def test_the_documented_corp_statistic_lands_per_account_and_ratios_stay_ratios(wecom, pull_of):
    accounts(wecom, "k1", "k2")
    for account in ("k1", "k2"):
        at = second(YESTERDAY, 0)
        corp(wecom, day(YESTERDAY, CORP), open_kfid=account, start_time=at, end_time=at)
    commit, rows = pull_of(KfCorpStatistic, window=ONE_DAY)
    assert [row["open_kfid"] for row in rows[YESTERDAY]] == ["k1", "k2"]
    assert rows[YESTERDAY][0]["ai_transfer_rate"] == 1.0
    assert commit.unknown_fields == ()


def test_a_day_without_sessions_has_no_row_and_is_answered_for(wecom, pull_of):
    accounts(wecom)
    corp(wecom, day(BEFORE, CORP), day(YESTERDAY))
    commit, rows = pull_of(KfCorpStatistic, window=(BEFORE, YESTERDAY))
    assert set(rows) == {BEFORE}
    assert commit.covered_dates == (BEFORE, YESTERDAY)
    assert commit.not_ready_dates == ()
    assert ("session_cnt", 0) in {
        (a.measure, a.value) for a in commit.arrivals if a.event_date == YESTERDAY
    }


def test_a_missing_rate_is_null_not_zero(wecom, pull_of):
    accounts(wecom)
    corp(wecom, day(YESTERDAY, {k: v for k, v in CORP.items() if not k.endswith("_rate")}))
    _, rows = pull_of(KfCorpStatistic, window=ONE_DAY)
    assert rows[YESTERDAY][0]["ai_transfer_rate"] is None


def test_a_silent_newest_day_of_a_busy_account_is_not_computed_yet(wecom, pull_of):
    accounts(wecom)
    busy = [day(YESTERDAY - timedelta(n), CORP | {"session_cnt": 40}) for n in range(3)]
    corp(wecom, *busy)
    pull_of(KfCorpStatistic, window=(YESTERDAY - timedelta(2), YESTERDAY))
    accounts(wecom)
    corp(wecom, *busy, day(TODAY))
    commit, _ = pull_of(KfCorpStatistic, as_of=AS_OF + timedelta(1))
    assert commit.not_ready_dates == (TODAY,)
    assert TODAY not in commit.covered_dates


@pytest.mark.parametrize("sessions", [3, 40])
def test_a_silent_day_of_a_quiet_account_is_believed(wecom, pull_of, sessions):
    accounts(wecom)
    corp(wecom, day(BEFORE, CORP | {"session_cnt": sessions}), day(YESTERDAY, CORP))
    pull_of(KfCorpStatistic, window=(BEFORE, YESTERDAY))
    accounts(wecom)
    corp(wecom, day(TODAY))
    commit, _ = pull_of(KfCorpStatistic, as_of=AS_OF + timedelta(1))
    assert TODAY in commit.covered_dates


def test_yesterday_is_not_asked_for_before_six(wecom, pull_of):
    accounts(wecom)
    corp(wecom)
    commit, _ = pull_of(KfCorpStatistic, as_of=AS_OF.replace(hour=5))
    assert max(commit.covered_dates) == BEFORE


def test_windows_hold_at_most_thirty_days(wecom, pull_of):
    accounts(wecom)
    for _ in range(2):
        corp(wecom)
    pull_of(KfCorpStatistic, window=(TODAY - timedelta(40), YESTERDAY))
    spans = [b["end_time"] - b["start_time"] for b in bodies(wecom, "get_corp_statistic")]
    assert max(spans) <= 29 * 86400


class Servicers:
    """A platform on which some of the staff serve the account."""

    def __init__(self, platform, **sessions):
        self.platform, self.sessions = platform, sessions
        platform.assert_all_requests_are_fired = False
        staff(platform, "a", "b", "c")
        accounts(platform)

    def answer(self, *days):
        path = f"{BASE}/cgi-bin/kf/get_servicer_statistic"

        def reply(request):
            who = json.loads(request.body).get("servicer_userid")
            if who is not None and who not in self.sessions:
                return 200, {}, json.dumps({"errcode": 60253})
            count = self.sessions[who] if who else sum(self.sessions.values())
            found = [day(d, SERVICER | {"session_cnt": count}) for d in days]
            return 200, {}, json.dumps({**OK, "statistic_list": found})

        self.platform.add_callback("POST", path, callback=reply)

    @property
    def asked(self):
        return [b.get("servicer_userid") for b in bodies(self.platform, "servicer_statistic")]


def test_the_documented_servicer_statistic_lands_per_servicer_in_seconds(wecom, pull_of):
    servicers = Servicers(wecom, a=2, b=1)
    servicers.answer(YESTERDAY)
    commit, rows = pull_of(KfServicerStatistic, window=ONE_DAY)
    assert [(r["servicer_userid"], r["session_cnt"]) for r in rows[YESTERDAY]] == [
        ("a", 2),
        ("b", 1),
    ]
    assert rows[YESTERDAY][0]["first_reply_average_sec"] == 17.0
    assert rows[YESTERDAY][0]["satisfaction_investgate_cnt"] == 1
    assert commit.unknown_fields == ()
    # the account's total first; c is no servicer of it
    assert servicers.asked[0] is None
    assert sorted(servicers.asked[1:]) == ["a", "b", "c"]


def test_known_servicers_are_enough_while_they_make_up_the_total(wecom, pull_of):
    servicers = Servicers(wecom, a=2)
    servicers.answer(YESTERDAY, TODAY)
    pull_of(KfServicerStatistic, window=ONE_DAY)
    before = len(servicers.asked)
    _, rows = pull_of(KfServicerStatistic, as_of=AS_OF + timedelta(1))
    assert servicers.asked[before:] == [None, "a"]
    assert [row["servicer_userid"] for row in rows[TODAY]] == ["a"]


def test_a_new_servicer_shows_in_the_total_and_is_looked_for(wecom, pull_of):
    servicers = Servicers(wecom, a=2)
    servicers.answer(YESTERDAY, TODAY)
    pull_of(KfServicerStatistic, window=ONE_DAY)
    servicers.sessions["c"] = 5
    _, rows = pull_of(KfServicerStatistic, as_of=AS_OF + timedelta(1))
    assert [row["servicer_userid"] for row in rows[TODAY]] == ["a", "c"]


def test_servicers_who_are_no_contact_staff_can_be_named(wecom, pull_of):
    servicers = Servicers(wecom, night_shift=4)
    servicers.answer(YESTERDAY)
    _, rows = pull_of(KfServicerStatistic, window=ONE_DAY, kf_servicers=["night_shift"])
    assert [row["servicer_userid"] for row in rows[YESTERDAY]] == ["night_shift"]
