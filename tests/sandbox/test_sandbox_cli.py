"""`siyu sandbox` and starting the server from Python."""

import json

import pandas as pd
import pytest
import requests
from click.testing import CliRunner
from sandbox_api import moment

from sandbox.server import start
from siyu.cli.sandbox import sandbox
from siyu.errors import SiyuError


def run(*args: str, code: int = 0) -> str:
    result = CliRunner().invoke(sandbox, [str(a) for a in args])
    assert result.exit_code == code, result.output
    return result.output


def test_the_clock_is_read_and_moved(api):
    api.at("2026-03-10")

    assert run("clock", "--url", api.url).strip() == "2026-03-10T10:30:00+08:00"
    assert (
        json.loads(run("clock", "--advance", "1d", "--url", api.url, "--json"))["now"]
        == "2026-03-11T10:30:00+08:00"
    )
    assert "2026-03-12T10:30:00+08:00" in run("clock", "--set", "2026-03-12", "--url", api.url)
    refused = run("clock", "--set", "2026-03-01", "--url", api.url, code=2)
    assert "does not go back" in refused
    assert "--force" in refused
    assert "2026-03-05" in run("clock", "--set", "2026-03-05", "--force", "--url", api.url)
    assert "no duration" in run("clock", "--advance", "soon", "--url", api.url, code=2)


def test_faults_are_added_listed_and_cleared(api, no_faults):
    api.at("2026-03-10")
    args = (
        "--source",
        "page_events",
        "--channel",
        "live_stream",
        "--from",
        "2026-03-12",
        "--days",
        "4",
        "--url",
        api.url,
    )

    added = json.loads(run("fault", "add", *args, "--json"))
    listed = run("fault", "list", "--url", api.url)

    assert added["released_at"] == "2026-03-16T12:00:00+08:00"
    assert "page_events/*/*/live_stream" in listed
    wrong = run("fault", "add", "--source", "tiktok", *args[2:], code=2)
    assert "wechat_store" in wrong
    assert str(added["id"]) in run("fault", "clear", "--id", added["id"], "--url", api.url)
    left = json.loads(run("fault", "list", "--url", api.url, "--json"))["faults"]
    assert added["id"] not in [f["id"] for f in left]


def test_the_truth_is_dumped_without_a_server(tmp_path):
    counts = json.loads(run("dump", "--out", tmp_path / "out", "--size", "small", "--json"))

    assert counts["rows"]["persons"] == 800
    assert len(pd.read_parquet(tmp_path / "out" / "orders.parquet")) == counts["rows"]["orders"]
    (tmp_path / "file").write_text("")
    assert "another --out" in run(
        "dump", "--out", tmp_path / "file" / "x", "--size", "small", code=1
    )
    assert "small, demo, large" in run("dump", "--out", tmp_path, "--size", "huge", code=2)


def test_an_absent_sandbox_is_said_so(tmp_path):
    assert "siyu sandbox serve" in run("clock", "--url", "http://127.0.0.1:9", code=1)


@pytest.mark.parametrize(
    "command",
    [
        (),
        ("serve",),
        ("clock",),
        ("fault",),
        ("fault", "add"),
        ("fault", "list"),
        ("fault", "clear"),
        ("dump",),
    ],
)
def test_every_command_explains_itself_with_an_example(command):
    assert "Example: siyu sandbox" in run(*command, "--help")


def test_the_demo_world_is_served(tmp_path):
    with start("demo", 7, state_dir=tmp_path) as handle:
        health = requests.get(f"{handle.url}/_sandbox/health").json()

    assert health["status"] == "ok"
    assert health["world"] == {
        "size": "demo",
        "seed": 7,
        "first_date": "2026-03-02",
        "last_date": "2026-06-29",
    }


def test_a_server_that_cannot_start_says_why(tmp_path, server):
    port = int(server.url.rsplit(":", 1)[1])
    with pytest.raises(SiyuError, match="port is not free"):
        start("small", 7, port=port, state_dir=tmp_path)
    with pytest.raises(SiyuError, match="no world of size"):
        start("huge", 7, state_dir=tmp_path)
    start("small", 7, state_dir=tmp_path, now=moment("2026-03-05")).stop()
    with pytest.raises(SiyuError, match="another world"):
        start("small", 8, state_dir=tmp_path)
    with start("small", 8, state_dir=tmp_path, reset=True) as handle:
        assert (
            requests.get(f"{handle.url}/_sandbox/clock")
            .json()["now"]
            .startswith("2026-03-02T00:00")
        )


def test_the_control_api_refuses_nonsense(api):
    def put(content):
        answer = requests.put(f"{api.url}/_sandbox/clock", data=content)
        assert answer.status_code == 400
        return answer.json()["error"]["what"]

    assert "not JSON" in put(b"{")
    assert "time zone" in put(b'{"now": "2026-04-13T10:30:00"}')
    assert "JSON object" in put(b"[]")
    assert requests.get(api.url).text.count("<li>") == 6


def test_calls_over_the_rate_limit_are_refused_with_the_documented_codes(tmp_path):
    with start("small", 7, state_dir=tmp_path, rate_limit_scale=0.0002) as handle:

        def get(path, **query):
            return requests.get(handle.url + path, params=query).json()

        corp = [get("/cgi-bin/gettoken", corpid="x", corpsecret="y")["errcode"] for _ in range(3)]
        oa = [
            get("/cgi-bin/token", grant_type="client_credential", appid="x")["errcode"]
            for _ in range(2)
        ]
        ads = [get("/v3.0/daily_reports/get")["code"] for _ in range(2)]

    assert corp == [40013, 40013, 45009]
    assert oa == [40013, 45011]
    assert ads == [11005, 11017]
