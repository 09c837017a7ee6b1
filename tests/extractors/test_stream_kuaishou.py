import json
from datetime import timedelta

import pytest
from responses.matchers import json_params_matcher
from vendor_accounts import BASE, TODAY, YESTERDAY, unexpected

from extractors.core.errors import ApiError, AuthenticationError
from siyu.errors import UsageError

API = f"{BASE}/rest/openapi"
CAMPAIGN, UNIT, ACCOUNT = (
    f"{API}/v1/report/{level}_report" for level in ("campaign", "unit", "account")
)
# the figures of the platform's own sample: 5 cover clicks of 10, 10 actions of 20
SAMPLE = {
    "stat_date": YESTERDAY.isoformat(),
    "campaign_id": 9007199254740993,
    "campaign_name": "拉新",
    "charge": 12.345,
    "show": 10,
    "photo_click": 5,
    "photo_click_ratio": 0.5,
    "aclick": 20,
    "bclick": 10,
    "action_ratio": 0.5,
    "conversion_num": 3,
    "conversion_num_by_impression_7d": 4,
    "event_add_wechat": 2,
    "event_wechat_connected": 1,
    "impression_1k_cost": 617.25,
}


def answer(rows, total=None):
    return {
        "code": 0,
        "message": "OK",
        "data": {"total_count": len(rows) if total is None else total, "details": rows},
    }


def page(platform, url, rows, number=1, total=None):
    platform.post(
        url,
        json=answer(rows, total),
        match=[json_params_matcher({"page": number}, strict_match=False)],
    )


def pull(run, name="campaign_report", first=YESTERDAY):
    return run("kuaishou", name, window=(first, YESTERDAY))


def test_the_sample_is_read_by_meaning_not_by_name(kuaishou, run):
    page(kuaishou, CAMPAIGN, [SAMPLE])
    page(kuaishou, ACCOUNT, [SAMPLE])
    commit, rows = pull(run)
    [landed] = rows[YESTERDAY]
    assert landed["campaign_id"] == "9007199254740993"
    # ratios, not percent, and money in yuan
    assert landed["photo_click"] / landed["show"] == landed["photo_click_ratio"] == 0.5
    assert landed["bclick"] / landed["aclick"] == landed["action_ratio"] == 0.5
    assert landed["charge"] == 12.345
    # report-back and billing clocks apart; copied and added WeChat ids too
    assert (landed["conversion_num"], landed["conversion_num_by_impression_7d"]) == (3, 4)
    assert (landed["event_add_wechat"], landed["event_wechat_connected"]) == (2, 1)
    assert landed["deep_conversion_num"] is None  # not given is not zero
    assert landed["_extra"] is None
    assert commit.unknown_fields == ()


def test_a_source_that_gives_smaller_pages_than_asked_for_is_read_to_the_end(kuaishou, run):
    rows = [SAMPLE | {"campaign_id": n} for n in range(5)]
    for number, part in ((1, rows[:2]), (2, rows[2:4]), (3, rows[4:])):
        page(kuaishou, CAMPAIGN, part, number, total=5)
    page(kuaishou, ACCOUNT, [SAMPLE | {"charge": 61.725}])
    commit, landed = pull(run)
    assert len(landed[YESTERDAY]) == 5
    assert unexpected(commit) == []
    body = json.loads(kuaishou.calls[-1].request.body)
    assert (body["page_size"], body["advertiser_id"]) == (2000, 40001)


def test_the_accounts_report_is_the_control_total(kuaishou, run):
    page(kuaishou, CAMPAIGN, [SAMPLE, SAMPLE | {"campaign_id": 2, "charge": "1.655"}])
    page(kuaishou, ACCOUNT, [{"stat_date": YESTERDAY.isoformat(), "charge": 15, "aclick": 40}])
    commit, _ = pull(run)
    found = {t.measure: (t.platform_total, t.detail_total) for t in commit.control_totals}
    assert found["charge"] == (15, 14)
    assert found["aclick"] == (40, 40)
    assert found["bclick"] == (None, 20)


def test_units_are_reported_under_their_campaign(kuaishou, run):
    page(kuaishou, UNIT, [SAMPLE | {"unit_id": 77, "unit_name": "组"}])
    page(kuaishou, ACCOUNT, [SAMPLE])
    _, rows = pull(run, "unit_report")
    assert (rows[YESTERDAY][0]["campaign_id"], rows[YESTERDAY][0]["unit_id"]) == (
        "9007199254740993",
        "77",
    )


def test_days_that_the_real_time_report_no_longer_has_are_not_asked_for(kuaishou, run):
    oldest = TODAY - timedelta(7)
    with pytest.raises(UsageError, match=str(oldest)):
        pull(run, first=oldest - timedelta(1))
    page(kuaishou, CAMPAIGN, [])
    page(kuaishou, ACCOUNT, [])
    commit, _ = run("kuaishou", "campaign_report")  # the first pull: not 30 days but 7
    assert commit.covered_dates == tuple(oldest + timedelta(n) for n in range(7))
    body = json.loads(kuaishou.calls[-1].request.body)
    assert (body["start_date"], body["end_date"]) == (str(oldest), str(YESTERDAY))


def test_server_codes_are_asked_again_others_get_one_new_token(kuaishou, run, clocks):
    kuaishou.post(CAMPAIGN, json={"code": 500001, "message": "busy"})
    page(kuaishou, CAMPAIGN, [SAMPLE])
    page(kuaishou, ACCOUNT, [SAMPLE])
    commit, _ = pull(run)
    assert commit.rows == 1
    assert len(clocks[-1].slept) == 1


def test_a_token_that_died_early_is_replaced_and_a_refusal_that_stays_is_an_error(platform, run):
    # detail and totals are asked for side by side: whoever is second may never see the old token
    platform.assert_all_requests_are_fired = False
    for spent, token, newer in (("r3fresh", "old", "r-2"), ("r-2", "new", "r-3")):
        platform.post(
            f"{API}/oauth2/authorize/refresh_token",
            json={
                "code": 0,
                "data": {
                    "access_token": token,
                    "access_token_expires_in": 86400,
                    "refresh_token": newer,
                },
            },
            match=[json_params_matcher({"refresh_token": spent}, strict_match=False)],
        )

    def by_token(request):
        is_new = request.headers["Access-Token"] == "new"
        return 200, {}, json.dumps(answer([SAMPLE]) if is_new else {"code": 402001})

    for url in (CAMPAIGN, ACCOUNT):
        platform.add_callback("POST", url, by_token)
    commit, _ = pull(run)
    assert commit.rows == 1


def test_a_refusal_that_a_new_token_does_not_heal_is_named(kuaishou, run):
    kuaishou.post(CAMPAIGN, json={"code": 400101, "message": "tok-1 may not"})
    with pytest.raises(ApiError, match="400101") as caught:
        pull(run)
    assert "tok-1" not in str(caught.value)


def test_a_spent_grant_says_who_must_act(platform, run):
    platform.post(f"{API}/oauth2/authorize/refresh_token", json={"code": 402002})
    with pytest.raises(AuthenticationError, match="SIYU_SECRET_KUAISHOU_40001"):
        pull(run)
