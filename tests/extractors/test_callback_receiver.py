"""The receiver against messages that an independent library encrypted."""

import json
import logging
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
from callback_sender import AES_KEY, CORPID, NOW, TOKEN, Client, Sender, event_xml

from extractors.wecom.callback.app import MAX_BODY_BYTES, corps_of, make_app
from extractors.wecom.callback.crypto import Envelope, RefusedError
from extractors.wecom.callback.spool import Spool
from extractors.wecom.callback.xml import parse
from siyu.accounts import Account
from siyu.errors import ConfigurationError

OTHER_KEY = "a" * 42 + "A"
ADDED = event_xml(
    change_type="add_external_contact",
    UserID="zhangsan",
    ExternalUserID="woAJ2GCAAAXtWyujaWJHDDGi0mAAAA",
    State="teststate",
    WelcomeCode="WELCOMECODE",
)


def account(name="corp_main", corpid=CORPID, token=TOKEN, key=AES_KEY):
    secrets = {"secret": "s", "callback_token": token, "callback_aes_key": key}
    return Account("wecom", name, "", "", {"corpid": corpid}, secrets)


@pytest.fixture
def client(tmp_path):
    corps = corps_of([account(), account("corp_two", "ww2", "other", OTHER_KEY)], tmp_path)
    return Client(make_app(corps, clock=lambda: NOW), tmp_path)


def kept(home, name="corp_main"):
    spool = Spool(home / "spool" / "wecom" / name)
    return [record["event"] for path in spool.files() for record in spool.read(path)[0]]


def push(client, message=ADDED, *, sender=None, name="corp_main", **also):
    query, body = (sender or Sender()).event(message, **also)
    return client.post(f"/callback/{name}", params=query, content=body)


def test_an_event_is_kept_before_it_is_acknowledged(client):
    answer = push(client)
    assert (answer.status_code, answer.text) == (200, "success")
    [event] = kept(client.home)
    assert (event["ChangeType"], event["UserID"], event["State"]) == (
        "add_external_contact",
        "zhangsan",
        "teststate",
    )
    assert "WelcomeCode" not in event  # it would let its reader write to the customer


def test_what_waits_is_readable_by_its_owner_alone(client):
    push(client)
    [path] = (client.home / "spool").rglob("*.jsonl")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_the_address_is_verified_by_the_bare_echo(client):
    query, encrypted = Sender().seal("1616140317555161061")
    answer = client.get("/callback/corp_main", params=query | {"echostr": encrypted})
    assert (answer.status_code, answer.content) == (200, b"1616140317555161061")
    assert kept(client.home) == []


def test_several_corps_have_an_address_and_keys_each(client):
    other = Sender("other", OTHER_KEY, "ww2")
    assert push(client, sender=other, name="corp_two").status_code == 200
    assert push(client, sender=other, name="corp_main").status_code == 403
    assert (len(kept(client.home, "corp_two")), kept(client.home)) == (1, [])


@pytest.mark.parametrize(
    ("sender", "also", "reason"),
    [
        (Sender(token="wrong"), {}, "signature"),
        (Sender(corpid="ww-other"), {}, "another corp"),
        (Sender(corpid="ww11"), {}, "another corp"),
        (Sender(aes_key=OTHER_KEY), {}, ""),
        (Sender(), {"at": NOW - 601}, "time"),
        (Sender(), {"at": NOW + 601}, "time"),
    ],
)
def test_what_is_not_for_us_is_refused_and_nothing_kept(client, caplog, sender, also, reason):
    with caplog.at_level(logging.INFO, "siyu.callback"):
        assert push(client, sender=sender, **also).status_code == 403
    assert kept(client.home) == []
    assert reason in caplog.text
    assert "nothing was kept" in caplog.text
    for secret in (TOKEN, AES_KEY, "woAJ2G"):
        assert secret not in caplog.text


def test_a_tampered_message_is_refused(client):
    query, body = Sender().event(ADDED)
    swapped = body.replace(b"<Encrypt><![CDATA[", b"<Encrypt><![CDATA[AAAA")
    assert client.post("/callback/corp_main", params=query, content=swapped).status_code == 403
    for missing in query:
        less = {name: value for name, value in query.items() if name != missing}
        assert client.post("/callback/corp_main", params=less, content=body).status_code == 403
    assert kept(client.home) == []


BOMB = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><xml><Encrypt>&b;</Encrypt></xml>'


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not xml",
        b"<xml></xml>",
        b"<xml><Encrypt><a>1</a></Encrypt></xml>",
        b"<xml><Encrypt>@@@</Encrypt></xml>",
        BOMB,
        b'<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd"><xml/>',
        b"<a>" * 50 + b"</a>" * 50,
        b"<xml>" + b"x" * MAX_BODY_BYTES + b"</xml>",
    ],
)
def test_a_body_that_is_none_is_refused(client, body):
    query, _ = Sender().event(ADDED)
    answer = client.post("/callback/corp_main", params=query, content=body)
    assert (answer.status_code, kept(client.home)) == (403, [])


def test_entities_inside_the_sealed_message_are_not_expanded_either(client):
    bomb = BOMB.decode().replace("Encrypt", "Event")
    assert push(client, bomb).status_code == 403
    assert kept(client.home) == []


def test_an_address_without_an_account_is_unknown(client):
    assert push(client, name="nobody").status_code == 404
    assert client.get("/callback/nobody").status_code == 404


def test_an_event_that_cannot_be_kept_is_not_acknowledged(client, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert push(client).status_code == 503


def test_health_says_who_receives_and_fails_with_the_disk(client):
    answer = client.get("/health").json()
    assert (answer["status"], answer["accounts"]) == ("ok", ["corp_main", "corp_two"])
    folder = client.home / "spool" / "wecom" / "corp_main"
    folder.rmdir()
    folder.write_text("in the way")
    answer = client.get("/health")
    assert (answer.status_code, answer.json()["status"]) == (503, "failed")


def test_an_answer_takes_far_less_than_a_second(client):
    began = time.perf_counter()
    for number in range(20):
        push(client, event_xml(UserID=f"u{number}", ExternalUserID="wm1"))
    assert (time.perf_counter() - began) / 20 < 0.5
    assert len(kept(client.home)) == 20


def test_a_wrong_key_is_a_configuration_error_that_does_not_show_it(tmp_path):
    for key in ("short", "!" * 43, AES_KEY + "x"):
        with pytest.raises(ConfigurationError, match="EncodingAESKey") as caught:
            corps_of([account(key=key)], tmp_path)
        assert key not in str(caught.value)
    with pytest.raises(ConfigurationError, match="No WeCom account"):
        corps_of([Account("wecom", "x", options={"corpid": "w"})], tmp_path)


@pytest.mark.parametrize("size", [0, 1, 31, 32, 33, 500])
def test_messages_of_any_length_are_opened(size):
    message = "消" * size
    query, encrypted = Sender().seal(message)
    envelope = Envelope(token=TOKEN, aes_key=AES_KEY, corpid=CORPID)
    opened = envelope.open(query["msg_signature"], query["timestamp"], query["nonce"], encrypted)
    assert opened.decode() == message


def test_lists_and_nested_elements_are_read():
    assert parse(b"<x><a>1</a><l><i>J</i><i>R</i></l><e/></x>") == {
        "a": "1",
        "l": {"i": ["J", "R"]},
        "e": "",
    }
    with pytest.raises(RefusedError):
        parse(b"<x>text</x>")


# ------------------------------------------------------------------------------------- the spool
AT = datetime.fromtimestamp(NOW, UTC)


def test_the_whole_line_is_flushed_before_the_append_returns(tmp_path, monkeypatch):
    flushed, sync = {}, os.fsync

    def watched(handle):
        sync(handle)
        state = os.fstat(handle)
        flushed[state.st_ino] = state.st_size

    monkeypatch.setattr(os, "fsync", watched)
    spool = Spool(tmp_path / "corp")
    for number in (1, 2):
        spool.append({"n": number}, AT)
        state = spool.files()[0].stat()
        assert flushed[state.st_ino] == state.st_size


def test_a_line_cut_by_a_loss_of_power_does_not_spoil_the_next(tmp_path):
    spool = Spool(tmp_path / "corp")
    spool.append({"n": 1}, AT)
    [path] = spool.files()
    with path.open("ab") as file:
        file.write(b'{"received_at": "2026-04-14T10:3')
    spool.append({"n": 2}, AT)
    records, broken = spool.read(path)
    assert ([record["event"]["n"] for record in records], broken) == ([1, 2], 1)


def test_a_full_disk_leaves_no_half_line(tmp_path, monkeypatch):
    spool = Spool(tmp_path / "corp")
    spool.append({"n": 1}, AT)
    [path] = spool.files()
    before = path.read_bytes()
    write = os.write

    def short(handle, data):
        write(handle, data[:5])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", short)
    with pytest.raises(OSError, match="No space"):
        spool.append({"n": 2}, AT)
    assert path.read_bytes() == before


def test_a_file_goes_only_when_all_of_it_is_done(tmp_path):
    spool = Spool(tmp_path / "corp")
    for number in (1, 2):
        spool.append({"n": number}, AT)
    [path] = spool.files()
    assert not spool.remove_if(path, lambda record: record["event"]["n"] == 1)
    assert spool.remove_if(path, lambda record: True)
    assert spool.files() == []
    assert not spool.remove_if(path, lambda record: True)


def test_nothing_is_lost_between_a_writer_and_a_remover(tmp_path):
    spool = Spool(tmp_path / "corp")
    done, finished = set(), threading.Event()

    def write():
        for number in range(300):
            spool.append({"n": number}, AT)
        finished.set()

    def remove():
        def take(record):
            taken.append(record["event"]["n"])
            return True

        while not finished.is_set() or spool.files():
            for path in spool.files():
                taken = []
                if spool.remove_if(path, take):
                    done.update(taken)

    threads = [threading.Thread(target=write), threading.Thread(target=remove)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == set(range(300))


def test_what_was_acknowledged_survives_a_kill(tmp_path, monkeypatch):
    accounts = tmp_path / "accounts.yml"
    accounts.write_text(
        "accounts:\n- {source: wecom, account: corp_main, options: {corpid: ww1}}\n"
    )
    secret = {"callback_token": TOKEN, "callback_aes_key": AES_KEY}
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SIYU")} | {
        "SIYU_HOME": str(tmp_path / "home"),
        "SIYU_ACCOUNTS_FILE": str(accounts),
        "SIYU_SECRET_WECOM_CORP_MAIN": json.dumps(secret),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "siyu", "callback", "serve", "--port", "0"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=Path(__file__).parents[2],
    )
    try:
        url = json.loads(process.stdout.readline())["url"]
        acknowledged = set()

        def send():
            for number in range(10_000):
                message = event_xml(UserID=f"u{number}", ExternalUserID="wm1")
                query, body = Sender().event(message, at=int(time.time()))
                try:
                    where = f"{url}/callback/corp_main"
                    answer = requests.post(where, params=query, data=body, timeout=5)
                except requests.RequestException:
                    return
                if answer.ok:
                    acknowledged.add(f"u{number}")

        sending = threading.Thread(target=send)
        sending.start()
        while len(acknowledged) < 15:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        sending.join(20)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    assert acknowledged
    assert acknowledged <= {event["UserID"] for event in kept(tmp_path / "home")}
