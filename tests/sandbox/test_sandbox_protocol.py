"""Protocol faults on demand: what the line and the envelopes can do, on a real server."""

import socket
import time
from urllib.parse import urlsplit

import pytest
import requests
from sandbox_api import Api

DAY = "2026-04-07"


@pytest.fixture
def fault(api, no_faults):
    """Add a protocol fault; `param` as on the command line."""
    api.at("2026-04-08")
    api.http.delete(f"{api.url}/_sandbox/faults")

    def add(source: str, *param: str, **scope):
        body = {"kind": "http", "source": source, "param": list(param), **scope}
        answer = api.http.post(f"{api.url}/_sandbox/faults", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()["id"]

    return add


def hits(api: Api, number: int) -> int:
    return {f["id"]: f["hits"] for f in api.get("/_sandbox/faults")["faults"]}[number]


def oa(api: Api, name: str = "getusersummary") -> requests.Response:
    return api.http.post(
        f"{api.url}/datacube/{name}",
        params={"access_token": api.weixin_token("wechat_oa", "oa_main")},
        json={"begin_date": DAY, "end_date": DAY},
        timeout=5,
    )


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429])
def test_an_http_status_hits_the_given_number_of_calls(api, fault, status):
    number = fault("wechat_oa", f"kind={status}", "times=2", "after=1")

    assert [oa(api).status_code for _ in range(4)] == [200, status, status, 200]
    assert hits(api, number) == 2


@pytest.mark.parametrize(
    ("source", "code", "read"),
    [
        ("wechat_oa", 45009, lambda api: oa(api).json().get("errcode")),
        ("wecom", -1, lambda api: api.corp("get_follow_user_list")["errcode"]),
        ("wechat_store", 45011, lambda api: api.store("get", {"order_id": "1"})["errcode"]),
        ("tencent_ads", 11017, lambda api: api.report(DAY, DAY)["code"]),
    ],
)
def test_a_documented_code_comes_in_the_vendors_own_envelope(api, fault, source, code, read):
    fault(source, f"kind=code:{code}")

    assert read(api) == code
    assert read(api) != code


def test_douyin_says_it_in_both_envelopes(api, fault):
    account = api.account("douyin", "dy_main")
    fault("douyin", "kind=code:28001005", account="dy_main")
    answer = api.get(
        "/data/external/user/fans/", open_id=account["options"]["open_id"], date_type=7
    )
    assert answer["data"]["error_code"] == answer["extra"]["error_code"] == 28001005


def test_a_scope_of_account_stream_and_path_is_kept(api, fault):
    fault("tencent_ads", "kind=500", "times=9", account="20002")
    fault("wechat_oa", "kind=500", "times=9", stream="user_cumulate")
    fault("wecom", "kind=500", "times=9", "path=groupchat/list")

    assert api.report(DAY, DAY)["code"] == 0
    with pytest.raises(requests.JSONDecodeError):
        api.report(DAY, DAY, account="20002")
    assert oa(api).status_code == 200
    assert oa(api, "getusercumulate").status_code == 500
    assert api.corp("get_follow_user_list")["errcode"] == 0
    listed = api.http.post(
        f"{api.url}/cgi-bin/externalcontact/groupchat/list",
        params={"access_token": api.corp_token()},
        json={"limit": 10},
    )
    assert listed.status_code == 500


def test_a_reset_kills_the_connection(api, fault):
    fault("wechat_oa", "kind=reset")
    with pytest.raises(requests.ConnectionError, match=r"reset|aborted"):
        oa(api)
    assert oa(api).json()["list"]


def test_a_truncated_body_is_shorter_than_it_said(api, fault):
    fault("wechat_oa", "kind=truncated")
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)):
        oa(api)
    assert oa(api).json()["list"]


def test_malformed_json_comes_whole(api, fault):
    fault("wechat_oa", "kind=malformed")
    broken = oa(api)
    assert broken.status_code == 200
    assert len(broken.content) == int(broken.headers["content-length"])
    with pytest.raises(requests.JSONDecodeError):
        broken.json()


def test_a_timeout_is_silence(api, fault):
    fault("wechat_oa", "kind=timeout", "seconds=20")
    token = api.weixin_token("wechat_oa", "oa_main")
    with pytest.raises(requests.ReadTimeout):
        api.http.post(
            f"{api.url}/datacube/getusersummary",
            params={"access_token": token},
            json={"begin_date": DAY, "end_date": DAY},
            timeout=0.4,
        )
    assert oa(api).json()["list"]


def test_a_slow_drip_is_whole_in_the_end(api, fault):
    whole = oa(api).content
    fault("wechat_oa", "kind=slow_drip", "seconds=1")
    token = api.weixin_token("wechat_oa", "oa_main")
    body = b'{"begin_date":"2026-04-07","end_date":"2026-04-07"}'
    address = urlsplit(api.url)
    started, pieces = time.monotonic(), []
    with socket.create_connection((address.hostname, address.port), timeout=10) as line:
        line.sendall(
            f"POST /datacube/getusersummary?access_token={token} HTTP/1.1\r\nHost: x\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
            + body
        )
        while piece := line.recv(65536):
            pieces.append(piece)

    assert time.monotonic() - started > 0.8
    assert len(pieces) > 30
    assert b"".join(pieces).partition(b"\r\n\r\n")[2] == whole


def test_pages_come_twice_in_another_order_or_with_less(api, fault):
    whole = api.order_ids("2026-04-01", "2026-04-08", page_size=20)
    fault("wechat_store", "kind=duplicate_page", "after=1")
    twice = api.order_ids("2026-04-01", "2026-04-08", page_size=20)
    fault("wechat_store", "kind=reorder_page")
    mixed = api.order_ids("2026-04-01", "2026-04-08", page_size=20)
    fault("wechat_store", "kind=shrink", "after=1")
    less = api.order_ids("2026-04-01", "2026-04-08", page_size=20)

    assert len(whole) > 40
    assert twice == whole[:20] + whole
    assert mixed != whole
    assert sorted(mixed) == sorted(whole)
    assert len(whole) - 10 == len(less)


def test_one_answer_may_drift(api, fault):
    fault("wechat_oa", "kind=drift")
    first, second = oa(api).json(), oa(api).json()
    assert "new_user_v2" in first["list"][0]
    assert "new_user" in second["list"][0]


def test_a_token_may_die_early(api, fault):
    token = api.corp_token()
    fault("wecom", "kind=token_death")

    def ask(with_token: str) -> int:
        path = "/cgi-bin/externalcontact/get_follow_user_list"
        return api.get(path, access_token=with_token)["errcode"]

    assert ask(token) == 40014
    assert ask(token) == 40014
    renewed = api.corp_token()
    assert renewed != token
    assert ask(renewed) == 0


def test_the_servers_clock_is_the_virtual_one_and_may_be_wrong(api, fault):
    plain = oa(api).headers["date"]
    fault("wechat_oa", "kind=clock_skew", "skew=-7200")
    account = api.account("douyin", "dy_main")
    fault("douyin", "kind=clock_skew", "skew=86400")
    fans = api.get("/data/external/user/fans/", open_id=account["options"]["open_id"], date_type=7)

    assert plain == "Wed, 08 Apr 2026 02:30:00 GMT"
    assert oa(api).headers["date"] == "Wed, 08 Apr 2026 00:30:00 GMT"
    assert int(fans["extra"]["now"]) == int(api.now.timestamp() * 1000) + 86_400_000


def test_a_used_up_quota_lasts_until_the_next_day(api, fault):
    fault("wechat_oa", "kind=quota", "after=1")
    codes = [oa(api).json().get("errcode") for _ in range(4)]
    moved = api.now.replace(day=9)
    answer = api.http.put(f"{api.url}/_sandbox/clock", json={"now": moved.isoformat()})

    assert codes == [None, 45009, 45009, 45009]
    assert answer.status_code == 200
    assert oa(api).json()["list"]


def test_random_places_are_the_same_for_one_seed(api, fault):
    def pattern(seed: int) -> list[int]:
        api.http.delete(f"{api.url}/_sandbox/faults")
        fault("wechat_oa", "kind=500,503", f"seed={seed}", "probability=0.4")
        return [oa(api).status_code for _ in range(30)]

    first = pattern(1)
    assert first == pattern(1)
    assert first != pattern(2)
    assert set(first) == {200, 500, 503}


def test_a_patient_client_gets_everything_through_faults_of_every_harmless_kind(api, fault):
    whole = api.order_ids("2026-04-01", "2026-04-08", page_size=10)
    number = fault("wechat_store", "kind=any", "seed=3", "probability=0.5", "seconds=0.2")
    found, key, tries = set(), "", 0
    while tries < 200:
        tries += 1
        try:
            page = api.store(
                "list/get",
                {
                    "create_time_range": {"start_time": 1774972800, "end_time": 1775577599},
                    "page_size": 10,
                    "next_key": key,
                },
            )
        except (requests.RequestException, ValueError):
            continue
        if page["errcode"]:
            continue
        found |= set(page["order_id_list"])
        key = page["next_key"]
        if not page["has_more"]:
            break

    assert found == set(whole)
    assert hits(api, number) >= 2
