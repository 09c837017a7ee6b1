import errno
import gzip
import json
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from vendor_accounts import ACCOUNTS, AS_OF, BASE, SECRET, TODAY, YESTERDAY

from extractors.core import pull as pull_module
from extractors.core.manifest import Manifest
from extractors.core.pull import backfill, due_streams, pull, pull_all
from extractors.core.storage import StorageFullError
from extractors.registry import all_streams, get_stream
from siyu.accounts import Account
from siyu.errors import ConfigurationError, SiyuError, UsageError

EVENTS = get_stream("page_events", "page_event")
DAYS = [YESTERDAY - timedelta(n) for n in range(4)]
# runs a pull that kills itself, without any clean-up, at the n-th step of a kind
KILLED = """
import os, signal, sys
from datetime import datetime
from pathlib import Path
from extractors.core.manifest import Manifest
from extractors.core.pull import pull
from extractors.core.storage import Storage
from extractors.registry import get_stream
from siyu.accounts import Account
from siyu.settings import Settings

step, drops = sys.argv[1], sys.argv[2]
calls = {"written": 0}
replace, add = Path.replace, Manifest.add

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def replacing(self, target):
    if ".parquet" in str(target):
        calls["written"] += 1
        if step == f"temporary-{calls['written']}":
            die()
    result = replace(self, target)
    if step == f"written-{calls['written']}":
        die()
    if step == "half-manifest" and "_manifest" in str(target):
        die()
    return result

def adding(self, commit):
    if step == "before-manifest":
        die()
    add(self, commit)

Path.replace, Manifest.add = replacing, adding
pull(Settings(), Account("page_events", "h5_main", "", "", {"drop_address": drops}),
     get_stream("page_events", "page_event"), as_of=datetime.fromisoformat(sys.argv[3]))
"""


@pytest.fixture
def drops(tmp_path):
    folder = tmp_path / "drops"
    for number, day in enumerate(DAYS):
        path = folder / f"dt={day}" / "hour=12" / "h5-0.jsonl.gz"
        path.parent.mkdir(parents=True)
        path.write_bytes(
            gzip.compress(
                b"".join(
                    json.dumps(
                        {
                            "event_id": f"{number}-{n}",
                            "event_type": "page_view",
                            "unionid": f"u{n}",
                            "event_time": f"{day}T11:00:00+08:00",
                        }
                    ).encode()
                    + b"\n"
                    for n in range(5)
                )
            )
        )
    return folder


@pytest.fixture
def account(drops):
    return Account("page_events", "h5_main", "", "", {"drop_address": str(drops)})


def live_ids(settings):
    files = Manifest(settings.landing_address).live_files("page_events", "page_event")
    return sorted(
        i for f in files for i in pq.ParquetFile(f).read(["event_id"])["event_id"].to_pylist()
    )


ALL_IDS = sorted(f"{number}-{n}" for number in range(4) for n in range(5))


@pytest.mark.parametrize("step", ["temporary-1", "written-3", "before-manifest", "half-manifest"])
def test_a_killed_pull_and_its_rerun_land_every_row_once(settings, account, drops, step):
    dead = subprocess.run(
        [sys.executable, "-c", KILLED, step, str(drops), AS_OF.isoformat()],
        env={**os.environ, "SIYU_HOME": str(settings.root)},
        timeout=60,
    )
    assert dead.returncode == -signal.SIGKILL
    assert live_ids(settings) == (ALL_IDS if step == "half-manifest" else [])
    pull(settings, account, EVENTS, as_of=AS_OF)
    assert live_ids(settings) == ALL_IDS
    parquet = list((settings.root / "landing").rglob("*.parquet"))
    assert len(parquet) == 4  # the rerun wrote over its own leftovers


def test_a_rerun_at_the_same_moment_is_no_second_pull(settings, account):
    first = pull(settings, account, EVENTS, as_of=AS_OF)
    assert pull(settings, account, EVENTS, as_of=AS_OF) == first
    assert len(Manifest(settings.landing_address).commits()) == 1


def test_files_are_typed_zstd_with_technical_columns_and_no_event_date(settings, account):
    commit = pull(settings, account, EVENTS, as_of=AS_OF)
    file = commit.files[0]
    opened = pq.ParquetFile(Path(settings.landing_address) / file.path)
    assert opened.metadata.row_group(0).column(0).compression == "ZSTD"
    assert opened.schema_arrow.names == [
        *EVENTS.schema.names,
        "_account",
        "_pulled_at",
        "_run_id",
        "_extra",
    ]
    assert opened.schema_arrow.field("event_time").type == EVENTS.schema.field("event_time").type
    assert file.path == (
        f"page_events/page_event/event_date={file.event_date}/"
        f"h5_main-20260414T023000Z-{commit.run_id}.parquet"
    )
    assert (file.rows, file.bytes) == (
        5,
        (Path(settings.landing_address) / file.path).stat().st_size,
    )


def test_the_same_payload_has_the_same_hash_and_another_has_not(settings, account, drops):
    window = (DAYS[0], DAYS[0])
    one = pull(settings, account, EVENTS, as_of=AS_OF, window=window)
    two = pull(settings, account, EVENTS, as_of=AS_OF + timedelta(hours=1), window=window)
    hashes = {c.files[-1].content_hash for c in (one, two)}
    assert len(hashes) == 1
    assert len({file.content_hash for file in one.files}) == len(one.files)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_leaves_nothing_behind_and_says_what_to_do(
    settings, account, monkeypatch, number
):
    write, written = Path.write_bytes, []

    def fill(self, content):
        if self.name.endswith(".parquet.tmp") and self.parent.is_dir():
            written.append(self)
            if len(written) == 3:
                write(self, bytes(content)[:10])
                raise OSError(number, os.strerror(number))
        return write(self, content)

    monkeypatch.setattr(Path, "write_bytes", fill)
    with pytest.raises(StorageFullError, match=r"no room.*free space.*same command"):
        pull(settings, account, EVENTS, as_of=AS_OF)
    landing = settings.root / "landing"
    assert [p for p in landing.rglob("*") if p.is_file()] == []
    monkeypatch.undo()
    pull(settings, account, EVENTS, as_of=AS_OF)
    assert live_ids(settings) == ALL_IDS


def test_another_failure_of_the_disk_is_named_too(settings, account, monkeypatch):
    monkeypatch.setattr(
        Path,
        "write_bytes",
        lambda *_: (_ for _ in ()).throw(PermissionError(errno.EACCES, "Permission denied")),
    )
    with pytest.raises(SiyuError, match=r"Permission denied.*can be written to"):
        pull(settings, account, EVENTS, as_of=AS_OF)


def accounts_file(settings, *entries):
    settings.accounts_file = settings.root / "accounts.yml"
    settings.root.mkdir(parents=True, exist_ok=True)
    settings.accounts_file.write_text(json.dumps({"accounts": list(entries)}))


def entry(account):
    return {
        "source": account.source,
        "account": account.account,
        "base_url": account.base_url,
        "options": account.options,
    }


def test_one_failing_stream_does_not_stop_the_others(
    settings, account, platform, monkeypatch, clocks
):
    monkeypatch.setenv("SIYU_SECRET_WECOM_CORP_MAIN", json.dumps({"secret": SECRET}))
    accounts_file(settings, entry(ACCOUNTS["wecom"]), entry(account))
    platform.get(f"{BASE}/cgi-bin/gettoken", json={"errcode": 40001})
    results = {f"{r.source}.{r.stream}": r for r in pull_all(settings, as_of=AS_OF)}
    assert results["page_events.page_event"].commit.rows == 20
    failed = [r for r in results.values() if r.error]
    assert {r.source for r in failed} == {"wecom"}
    assert len(failed) == sum(
        s.source == "wecom" and s.name != "callback_event" for s in all_streams()
    )
    # a refused secret is tried once, not once per stream: repeated failures block the machine
    assert len(platform.calls) == 1


def test_unknown_names_are_wrong_use_and_list_the_known(settings, account):
    accounts_file(settings, entry(account))
    for wrong, known in (
        ({"stream": "nope"}, "page_events.page_event"),
        ({"source": "nope"}, "wecom.customer"),
        ({"account": "nope"}, "page_events/h5_main"),
    ):
        with pytest.raises(UsageError) as caught:
            pull_all(settings, as_of=AS_OF, **wrong)
        assert known in caught.value.action
        assert caught.value.exit_code == 2


def test_an_impossible_window_pulls_nothing_at_all(settings, account):
    accounts_file(settings, entry(account))
    with pytest.raises(UsageError):
        pull_all(settings, as_of=AS_OF, window=(TODAY, TODAY + timedelta(1)))
    assert Manifest(settings.landing_address).commits() == []


def test_a_backfill_raises_what_failed_and_leaves_lists_alone(settings, account, monkeypatch):
    monkeypatch.setenv("SIYU_SECRET_WECOM_CORP_MAIN", json.dumps({"secret": SECRET}))
    accounts_file(settings, entry(account), entry(ACCOUNTS["wecom"]))
    [commit] = backfill(settings, as_of=AS_OF, first=DAYS[1], last=DAYS[0], source="page_events")
    assert set(commit.covered_dates) >= set(DAYS[:2])
    done = []
    monkeypatch.setattr(pull_module, "pull", lambda s, a, stream, **_: done.append(stream.name))
    pull_all(settings, as_of=AS_OF, source="wecom", window=(DAYS[1], DAYS[0]))
    assert {"group_statistic", "user_behavior"} <= set(done)
    assert not any(get_stream("wecom", name).kind == "entity" for name in done)


def test_every_stream_is_due_for_its_accounts():
    pairs = due_streams(list(ACCOUNTS.values()))
    expected = [stream for stream in all_streams() if stream.source in ACCOUNTS]
    assert len(pairs) == len(expected) >= 9
    assert {stream.name for _, stream in due_streams([ACCOUNTS["wecom"]], stream="customer")} == {
        "customer"
    }


def test_the_sandboxs_key_is_refused_without_the_sandbox(settings, account, monkeypatch):
    from pydantic import SecretStr

    from siyu.settings import SANDBOX_PSEUDONYM_KEY

    settings.pseudonym_key = SecretStr(SANDBOX_PSEUDONYM_KEY)
    with pytest.raises(ConfigurationError, match="public"):
        pull(settings, account, EVENTS, as_of=AS_OF)


def test_streams_are_declared_with_their_five_heads():
    assert len(all_streams()) > 10
    for stream in all_streams():
        text = type(stream).__doc__
        for head in ("Source:", "Grain:", "Units:", "Late:", "Raises:"):
            assert head in text, (stream, head)
        assert set(stream.primary_key) <= {*stream.schema.names}
        assert stream.version_column in (None, *stream.schema.names)


def test_importing_the_registry_loads_no_http_client_and_no_engine():
    script = (
        "import sys; from extractors.registry import all_streams; all_streams(); "
        "import extractors.core.manifest; "
        "print({'requests', 'duckdb', 'pandas', 'sandbox'} & set(sys.modules))"
    )
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "set()"


def test_without_a_pseudonym_key_nothing_is_pulled_at_all(settings, account, monkeypatch):
    from pydantic import SecretStr

    accounts_file(settings, entry(account))
    settings.pseudonym_key = SecretStr("")
    pulled = []
    monkeypatch.setattr(pull_module, "pull", lambda *_, **__: pulled.append(1))
    with pytest.raises(ConfigurationError, match="No key for pseudonyms") as caught:
        pull_all(settings, as_of=AS_OF)
    assert caught.value.exit_code == 2
    assert pulled == []


def test_accounts_of_one_source_are_pulled_apart_with_secrets_of_their_own(
    settings, platform, monkeypatch, clocks
):
    asked = []

    def answer(request):
        asked.append(request.params)
        if request.url.startswith(f"{BASE}/oauth/token"):
            token = f"token-of-{request.params['client_secret']}"
            data = {"access_token": token, "access_token_expires_in": 86400}
        else:
            assert request.params["access_token"] == f"token-of-s{request.params['account_id']}"
            data = {"list": [], "page_info": {"total_page": 1, "total_number": 0}}
        return 200, {}, json.dumps({"code": 0, "data": data})

    for path in ("/oauth/token", "/v3.0/daily_reports/get"):
        platform.add_callback("GET", BASE + path, answer)
    one = ACCOUNTS["tencent_ads"]
    entries = []
    for number in ("20001", "20002"):
        options = {**one.options, "account_id": number}
        entries.append(entry(one) | {"account": number, "options": options})
    accounts_file(settings, *entries)
    # one from the environment, the other from an Airflow connection
    monkeypatch.setenv(
        "SIYU_SECRET_TENCENT_ADS_20001",
        json.dumps({"client_secret": "s20001", "refresh_token": "r1"}),
    )
    held = {"siyu_tencent_ads_20002": {"client_secret": "s20002", "refresh_token": "r2"}}
    results = pull_all(
        settings,
        as_of=AS_OF,
        source="tencent_ads",
        stream="daily_report_reporting_time",
        connection=lambda name: held.get(name, {}),
    )
    assert [r.account for r in results if r.commit] == ["20001", "20002"]
    assert {a["account_id"] for a in asked if "account_id" in a} == {"20001", "20002"}
    landing = b"".join(p.read_bytes() for p in (settings.root / "landing").rglob("*.json"))
    assert b"s20001" not in landing
