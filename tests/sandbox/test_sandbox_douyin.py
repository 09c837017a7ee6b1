"""Douyin: tokens and their rules, both envelopes, numbers as strings, series that settle."""

import pandas as pd
import pytest
from sandbox_api import moment


class Douyin:
    """Plain HTTP calls, written after the contract alone."""

    def __init__(self, api, account: str = "dy_main") -> None:
        self.api, self.entry = api, api.account("douyin", account)
        self.open_id = self.entry["options"]["open_id"]
        self.refresh = self.entry["credentials"]["refresh_token"]

    def oauth(self, name: str, **form) -> dict:
        form = {"client_key": self.entry["options"]["client_key"], **form}
        return self.api.http.post(f"{self.api.url}/oauth/{name}/", data=form).json()

    def token(self) -> dict:
        answer = self.oauth("refresh_token", grant_type="refresh_token", refresh_token=self.refresh)
        return answer["data"]

    def get(self, path: str, **query) -> dict:
        if not hasattr(self, "access"):
            self.access = self.token()["access_token"]
        return self.api.http.get(
            self.api.url + path,
            params={"open_id": self.open_id, **query},
            headers={"access-token": self.access},
        ).json()

    def videos(self, count: int = 20) -> list[dict]:
        found, cursor = [], 0
        while True:
            data = self.get("/api/douyin/v1/video/video_list/", cursor=cursor, count=count)["data"]
            found += data["list"]
            if not data["has_more"]:
                return found
            cursor = data["cursor"]


@pytest.fixture
def douyin(api):
    api.at("2026-04-21")
    return Douyin(api)


def test_videos_are_listed_newest_first_with_encrypted_ids(douyin, truth):
    facts = truth["videos"].query("account == 'dy_main'")
    due = facts[facts.happened_at <= pd.Timestamp(moment("2026-04-21"))]
    shown = douyin.videos(count=7)

    assert [v["item_id"] for v in shown] == due.item_id.tolist()[::-1]
    assert all(v["item_id"].startswith("@") and v["item_id"].endswith("=") for v in shown)
    assert any("+" in v["item_id"] or "/" in v["item_id"] for v in shown)
    oldest = shown[-1]["statistics"]
    assert oldest["play_count"] == due.iloc[0].final_play
    assert shown[0]["statistics"]["play_count"] < due.iloc[-1].final_play


@pytest.mark.slow
def test_counters_to_date_grow_from_call_to_call(api, truth):
    fact = truth["videos"].query("account == 'dy_main'").iloc[10]
    begin = fact.happened_at.tz_convert("Asia/Shanghai")
    counts = []
    for hours in (1, 5, 30, 100):
        api.at((begin + pd.Timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%S"))
        [video] = [v for v in Douyin(api).videos() if v["item_id"] == fact.item_id]
        counts.append(video["statistics"]["play_count"])
    assert counts == sorted(set(counts))


def test_a_days_increments_come_at_ten_as_strings_and_settle_a_day_later(api, truth):
    days = truth["video_days"].query("account == 'dy_main' and play > 200")
    fact = days[days.first_play < days.play].iloc[5]
    day = pd.Timestamp(fact.date)

    def shown(when: str, days_after: int) -> str | None:
        api.at(f"{(day + pd.Timedelta(days=days_after)).date()}T{when}")
        data = Douyin(api).get("/data/external/item/play/", item_id=fact.item_id, date_type=7)
        assert data["data"]["error_code"] == "0"
        assert data["extra"]["now"] == str(int(api.now.timestamp() * 1000))
        rows = {r["date"]: r["play"] for r in data["data"]["result_list"]}
        return rows.get(str(fact.date))

    assert shown("09:59", 1) is None
    assert shown("10:30", 1) == str(fact.first_play)
    assert shown("10:30", 2) == str(fact.play)


def test_first_mornings_show_98_percent_and_the_series_is_shared_five_times_as_often(truth):
    days, videos = truth["video_days"], truth["videos"].query("account == 'dy_main'")
    assert 0.96 < days.first_play.sum() / days.play.sum() < 0.995
    rate = videos.final_share / videos.final_play
    assert videos.is_series.sum() >= 3
    assert 4 < rate[videos.is_series].mean() / rate[~videos.is_series].mean() < 6


def test_the_base_call_answers_an_object_and_old_videos_are_empty(douyin, truth):
    shown = douyin.videos()
    new = douyin.get("/data/external/item/base/", item_id=shown[3]["item_id"])["data"]["result"]
    rows = truth["video_days"].query("item_id == @item", local_dict={"item": shown[3]["item_id"]})
    rows = rows[rows.visible_at <= pd.Timestamp(moment("2026-04-21"))]
    low, high = rows.first_play.sum(), rows.play.sum()
    assert low <= int(new["total_play"]) <= high
    old = shown[-1]["item_id"]
    assert douyin.get("/data/external/item/base/", item_id=old)["data"]["result"] == {}
    daily = douyin.get("/data/external/item/like/", item_id=old, date_type=30)["data"]
    assert daily["result_list"] == []


def test_account_days_of_all_kinds(douyin, truth):
    facts = truth["account_days"].query("account == 'dy_main'").set_index("date")
    for kind, columns in {
        "fans": {"total_fans": "total_fans", "new_fans": "new_fans"},
        "item": {"new_issue": "new_issue", "new_play": "new_play"},
        "like": {"new_like": "new_like"},
        "share": {"new_share": "new_share"},
        "comment": {"new_comment": "new_comment"},
        "profile": {"profile_uv": "profile_uv"},
    }.items():
        data = douyin.get(f"/data/external/user/{kind}/", date_type=15)["data"]
        assert len(data["result_list"]) == 15
        for row in data["result_list"]:
            fact = facts.loc[pd.Timestamp(row["date"]).date()]
            assert {c: row[c] for c in columns} == {c: str(fact[t]) for c, t in columns.items()}


def test_the_second_account_begins_in_the_middle(api, truth):
    begins = truth["account_days"].query("account == 'dy_second'").date.min()
    api.at("2026-03-10")
    assert Douyin(api, "dy_second").videos() == []
    api.at("2026-04-28")
    second = Douyin(api, "dy_second")
    assert second.entry["options"]["since"] == str(begins)
    rows = second.get("/data/external/user/fans/", date_type=30)["data"]["result_list"]
    assert rows[0]["date"] >= str(begins)
    assert 3 <= len(second.videos()) < len(Douyin(api).videos())


def test_video_data_fans_and_profile(douyin):
    first = douyin.videos(5)[:2]
    ids = [v["item_id"] for v in first]
    answer = douyin.api.http.post(
        f"{douyin.api.url}/api/douyin/v1/video/video_data/",
        params={"open_id": douyin.open_id},
        json={"item_ids": ids},
        headers={"access-token": douyin.access},
    ).json()
    assert [v["item_id"] for v in answer["data"]["list"]] == ids
    fans = douyin.get("/api/douyin/v1/user/fans_data/")["data"]["fans_data"]
    known = sum(e["value"] for e in fans["gender_distributions"])
    assert 0.7 < known / fans["all_fans_num"] < 0.9
    form = {"access_token": douyin.access, "open_id": douyin.open_id}
    profile = douyin.api.http.post(f"{douyin.api.url}/oauth/userinfo/", data=form).json()["data"]
    assert profile["e_account_role"] == "EAccountM"


def test_refreshing_extends_the_same_token_and_never_the_refresh_token(api):
    api.at("2026-03-05")
    user = Douyin(api)
    first = user.token()
    forward(api, "2026-03-15")
    second = user.token()
    forward(api, "2026-04-02")
    third = user.token()
    forward(api, "2026-04-05")

    assert second["access_token"] == first["access_token"]
    assert second["expires_in"] == 1_296_000
    assert second["refresh_expires_in"] == first["refresh_expires_in"] - 10 * 86_400
    assert third["access_token"] != first["access_token"]  # the first one ended on 30 March
    assert user.token()["error_code"] == 10010


def forward(api, day: str) -> None:
    answer = api.http.put(f"{api.url}/_sandbox/clock", json={"now": moment(day).isoformat()})
    assert answer.status_code == 200


def test_renewing_swaps_the_refresh_token_at_most_five_times(api):
    api.at("2026-03-06")
    user = Douyin(api)
    for _ in range(5):
        old = user.refresh
        data = user.oauth("renew_refresh_token", refresh_token=old)["data"]
        assert data["expires_in"] == 2_592_000
        user.refresh = data["refresh_token"]
        dead = user.oauth("refresh_token", grant_type="refresh_token", refresh_token=old)
        assert dead["data"]["error_code"] == 10010
    assert (
        user.oauth("renew_refresh_token", refresh_token=user.refresh)["data"]["error_code"] == 10020
    )
    assert user.token()["error_code"] == 0


def test_the_client_token_and_the_code(api):
    api.at("2026-03-06")
    user = Douyin(api)
    secret = user.entry["credentials"]["client_secret"]
    app = user.oauth("client_token", client_secret=secret, grant_type="client_credential")
    assert app["message"] == "success"
    assert app["data"]["expires_in"] == 7200
    grant = {"client_secret": secret, "grant_type": "authorization_code", "code": "code-dy_main-1"}
    pair = user.oauth("access_token", **grant)["data"]
    assert pair["open_id"] == user.open_id
    assert user.oauth("access_token", **grant)["data"]["error_code"] == 10007
    form = {"client_key": user.entry["options"]["client_key"], "grant_type": "refresh_token"}
    as_json = api.http.post(f"{api.url}/oauth/refresh_token/", json=form).json()
    assert as_json["data"]["error_code"] == 10005


def test_refusals_speak_in_both_envelopes(douyin):
    api = douyin.api
    wrong = api.http.get(
        f"{api.url}/data/external/user/fans/",
        params={"open_id": douyin.open_id, "date_type": 7},
        headers={"access-token": "made-up"},
    ).json()
    assert wrong["data"]["error_code"] == "28001003"
    assert str(wrong["extra"]["error_code"]) == "28001003"
    listed = api.http.get(
        f"{api.url}/api/douyin/v1/video/video_list/",
        params={"open_id": douyin.open_id, "count": 10},
        headers={"access-token": "made-up"},
    ).json()
    assert listed["data"]["error_code"] == 2190002
    bad = douyin.get("/data/external/user/fans/", date_type=9)
    assert bad["data"]["error_code"] == "2100005"
    other = douyin.get("/data/external/item/play/", item_id="@nobody==", date_type=7)
    assert other["data"]["error_code"] == "28001016"


def test_an_expired_user_token_is_named(api):
    api.at("2026-03-05")
    user = Douyin(api)
    user.get("/data/external/user/fans/", date_type=7)
    forward(api, "2026-03-21")
    assert user.get("/data/external/user/fans/", date_type=7)["data"]["error_code"] == "28001008"
    listed = user.get("/api/douyin/v1/video/video_list/", count=5)
    assert listed["data"]["error_code"] == 2190008
