"""A source that changes its schema stops its stream; its raw pages wait, encrypted."""

import json
from datetime import timedelta

import pytest
from click.testing import CliRunner
from test_core_pull import accounts_file, entry
from test_stream_tencent_ads import row as tencent_row
from vendor_accounts import ACCOUNTS, AS_OF, BASE, SECRET, TODAY, YESTERDAY, landed

from extractors.core import pull as pull_module
from extractors.core.errors import SchemaChangeError
from extractors.core.manifest import Manifest
from extractors.core.pull import pull, replay_quarantine
from extractors.core.tape import Replay, headers
from extractors.registry import get_stream
from siyu.cli import cli
from siyu.errors import SiyuError, UsageError

REPORT = get_stream("tencent_ads", "daily_report_request_time")
CUSTOMER = get_stream("wecom", "customer")
ADS = ACCOUNTS["tencent_ads"]
KEY = b"a-key-of-the-tests"
WINDOW = (YESTERDAY, YESTERDAY)


@pytest.fixture
def ads(settings, monkeypatch):
    monkeypatch.setenv("SIYU_SECRET_TENCENT_ADS_20001", json.dumps(ADS.credentials))
    accounts_file(settings, entry(ADS))
    monkeypatch.setenv("SIYU_ACCOUNTS_FILE", str(settings.accounts_file))


def rows(count=20, **changed):
    adgroup = changed.pop("adgroup_id", None)
    made = [tencent_row(YESTERDAY, adgroup=n, **{"cost": 1000 + n} | changed) for n in range(count)]
    if adgroup:
        made = [row | {"adgroup_id": adgroup} for row in made]
    return [{key: value for key, value in row.items() if value != "gone"} for row in made]


def answers(platform, detail):
    """One page of detail, then the account's total."""
    for page in (detail, []):
        info = {"page": 1, "total_page": 1, "total_number": len(page)}
        platform.get(
            f"{BASE}/v3.0/daily_reports/get",
            json={"code": 0, "data": {"list": page, "page_info": info}},
        )


def pull_window(settings, as_of=AS_OF):
    # one at a time, so that the mocked answers come in their order
    return pull(settings, ADS, REPORT, as_of=as_of, window=WINDOW)


@pytest.fixture(autouse=True)
def in_turn(monkeypatch):
    monkeypatch.setattr(
        "extractors.core.context.PullContext.map",
        lambda self, function, items, lanes: [function(item) for item in items],
    )


def failed(settings):
    with pytest.raises(SchemaChangeError) as caught:
        pull_window(settings)
    [path] = headers(Manifest(settings.landing_address).storage, "_quarantine")
    return caught.value, path


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"cost": "gone"}, "no row has the required field cost"),
        ({"adgroup_id": "gone"}, "no row has the required field adgroup_id"),
        ({"cost": "¥12.50 yuan"}, "20 values of cost are no int64, 100% of them"),
        ({"view_count": {"value": 1}}, "values of view_count are no int64"),
    ],
)
def test_a_changed_schema_stops_the_stream_by_name(settings, tencent, clocks, changed, what):
    answers(tencent, rows(**changed))
    error, path = failed(settings)
    assert what in error.what
    assert error.cause == "schema_drift"
    assert f"siyu pull --replay-quarantine {path}" in error.action
    assert Manifest(settings.landing_address).commits() == []
    assert list((settings.root / "landing").rglob("*.parquet")) == []


def test_an_answer_of_another_shape_is_quarantined_too(settings, tencent, clocks):
    tencent.get(f"{BASE}/v3.0/daily_reports/get", json={"code": 0, "data": {"list": ["not a row"]}})
    error, path = failed(settings)
    assert "shape of the contract" in error.what
    assert path in error.action


def test_a_few_bad_values_are_no_change_of_schema(settings, tencent, clocks):
    answers(tencent, [*rows(18), *rows(2, cost="x", site_set="OTHER")])
    commit = pull_window(settings)
    assert commit.rows == 20
    assert "unreadable_values: 2 in cost; kept as text in _extra" in commit.warnings


def test_fen_that_become_yuan_are_noticed(settings, tencent, clocks):
    for back in range(4, 0, -1):
        day = TODAY - timedelta(back)
        # each pull's rows are read again for the same days by the one after
        answers(tencent, [row | {"date": str(day)} for row in rows(30)])
        moment = AS_OF - timedelta(back - 1)
        if back > 1:
            pull(settings, ADS, REPORT, as_of=moment, window=(day, day))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(type(REPORT), "unit_checks", ("cost",))
        tencent.reset()
        tencent.get(
            f"{BASE}/oauth/token",
            json={"code": 0, "data": {"access_token": "t", "access_token_expires_in": 86400}},
        )
        answers(tencent, [row | {"cost": row["cost"] // 100} for row in rows(30)])
        with pytest.raises(SchemaChangeError, match=r"median of cost .* another unit"):
            pull_window(settings)
        tencent.reset()
        answers(tencent, [row | {"cost": row["cost"] * 3} for row in rows(30)])
        # three times as much is a good day
        assert pull_window(settings, AS_OF + timedelta(minutes=5)).rows == 30


def test_the_adapted_stream_reads_the_quarantined_pages(
    settings, ads, tencent, clocks, monkeypatch
):
    answers(tencent, rows(cost="gone", spend=77))
    _, path = failed(settings)
    calls = len(tencent.calls)

    # not adapted yet: the pages stay
    with pytest.raises(SchemaChangeError, match="required field cost"):
        replay_quarantine(settings, path)
    monkeypatch.setattr(
        type(REPORT), "row_of", lambda self, pull, row: {**row, "cost": row.pop("spend")}
    )
    result = CliRunner().invoke(cli, ["pull", "--replay-quarantine", path, "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout.splitlines()[0])["pulled"][0]["rows"] == 20

    assert len(tencent.calls) == calls  # nobody was asked
    [commit] = Manifest(settings.landing_address).commits()
    assert (commit.pulled_at, commit.window) == (AS_OF, WINDOW)
    assert {row["cost"] for row in landed(settings, commit)[YESTERDAY]} == {77}
    assert headers(Manifest(settings.landing_address).storage, "_quarantine") == {}


def test_quarantined_pages_tell_nothing_without_the_key(settings, wecom, clocks):
    wecom.get(
        f"{BASE}/cgi-bin/externalcontact/get_follow_user_list",
        json={"errcode": 0, "follow_user": ["zhang"]},
    )
    wecom.post(
        f"{BASE}/cgi-bin/externalcontact/batch/get_by_user",
        json={
            "errcode": 0,
            "external_contact_list": [
                {"external_contact": {"external_userid": "wm1", "name": "王小明"}, "follow": {}}
            ],
            "next_cursor": "",
        },
    )
    with pytest.raises(SchemaChangeError):
        pull(settings, ACCOUNTS["wecom"], CUSTOMER, as_of=AS_OF)
    storage = Manifest(settings.landing_address).storage
    [(path, header)] = headers(storage, "_quarantine").items()
    content = storage.read(path)
    assert (header.stream, header.account, header.pages) == ("customer", "corp_main", 2)
    for personal in ("wm1", "王小明", "u738b", "zhang", SECRET, "tok-1"):
        assert personal.encode() not in content
    with pytest.raises(SiyuError, match="another key"):
        Replay(storage, path, b"another key")
    replay = Replay(storage, path, KEY)
    page = replay.answer(next(iter(q for q in replay._answers if b"get_by_user" in q)), "")
    assert json.loads(page)["external_contact_list"][0]["external_contact"]["name"] == "王小明"
    replay.close()


def test_a_damaged_or_missing_quarantine_says_so(settings, tencent, clocks):
    answers(tencent, rows(cost="gone"))
    _, path = failed(settings)
    storage = Manifest(settings.landing_address).storage
    content = bytearray(storage.read(path))
    content[-5] ^= 1
    storage.write_atomically(path, bytes(content))
    with pytest.raises(SiyuError, match="cannot be opened"):
        Replay(storage, path, KEY)
    with pytest.raises(UsageError, match="no quarantined pull"):
        Replay(storage, "_quarantine/nowhere.pages", KEY)


def test_rejected_rows_are_no_quarantined_pull(settings, ads):
    storage = Manifest(settings.landing_address).storage
    path = "_quarantine/tencent_ads/adgroup/20001-run.jsonl"
    storage.write_atomically(path, b'{"reason": "no id", "row": {"a": 1}}\n')
    result = CliRunner().invoke(cli, ["pull", "--replay-quarantine", path])
    assert result.exit_code == 2
    assert "rejected rows" in result.output
    assert "pull the window again" in result.output
    assert storage.read(path)


def test_a_page_that_was_never_asked_for_is_not_made_up(
    settings, ads, tencent, clocks, monkeypatch
):
    answers(tencent, rows(cost="gone"))
    _, path = failed(settings)
    monkeypatch.setattr(type(REPORT), "group_by", ["adgroup_id", "date"])
    with pytest.raises(SiyuError, match="not in quarantine"):
        replay_quarantine(settings, path)


def test_the_replay_stands_alone(settings, ads):
    result = CliRunner().invoke(cli, ["pull", "--replay-quarantine", "x", "--source", "wecom"])
    assert result.exit_code == 2


def test_what_is_not_repaired_is_not_pulled_twice(settings, tencent, clocks):
    """The failed pull left no commit: its window stays due."""
    answers(tencent, rows(cost="gone"))
    failed(settings)
    answers(tencent, rows())
    later = AS_OF + timedelta(hours=1)
    assert pull_window(settings, later).rows == 20
    assert pull_module.due_window(
        REPORT, ADS, Manifest(settings.landing_address), later + timedelta(1)
    )
