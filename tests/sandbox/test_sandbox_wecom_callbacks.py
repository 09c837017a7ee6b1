"""Event callbacks: encryption against an independent library, order, retries, verification."""

import http.server
import re
import threading
from collections import Counter
from urllib.parse import parse_qs, urlparse
from xml.etree import ElementTree

import pandas as pd
import pytest
from click.testing import CliRunner
from wechatpy.enterprise.crypto import WeChatCrypto
from wechatpy.exceptions import InvalidSignatureException

from sandbox.callbacks import CALLBACK_AES_KEY, CALLBACK_TOKEN, Callbacks
from sandbox.vendors.wecom_crypto import CallbackCrypto
from sandbox.vendors.wecom_door import CORPID
from siyu.cli.sandbox import sandbox


class Receiver(http.server.ThreadingHTTPServer):
    """Answers after the documentation, with wechatpy for the cryptography."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.crypto = WeChatCrypto(CALLBACK_TOKEN, CALLBACK_AES_KEY, CORPID)
        self.events: list[str] = []
        self.refuse = 0  # so many requests are answered with 500
        self.calls = 0
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/wecom"

    def fields(self, event: str) -> list[dict]:
        roots = [ElementTree.fromstring(e) for e in self.events]
        found = [{child.tag: child.text for child in root} for root in roots]
        return [f for f in found if f.get("ChangeType") == event or f.get("UpdateDetail") == event]


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _query(self) -> list[str]:
        query = parse_qs(urlparse(self.path).query)
        return [query[name][0] for name in ("msg_signature", "timestamp", "nonce")]

    def _answer(self, status: int, text: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def do_GET(self) -> None:
        echo = parse_qs(urlparse(self.path).query)["echostr"][0]
        try:
            self._answer(200, self.server.crypto.check_signature(*self._query(), echo))
        except InvalidSignatureException:
            self._answer(403)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        server = self.server
        server.calls += 1
        if server.refuse:
            server.refuse -= 1
            self._answer(500)
            return
        signature, timestamp, nonce = self._query()
        server.events.append(server.crypto.decrypt_message(body, signature, timestamp, nonce))
        self._answer(200)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def receiver():
    server = Receiver()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def told(api, receiver):
    """The sandbox tells this receiver, and nobody afterwards."""
    api.at("2026-04-06")
    # going back, faults of other tests would be lived through once more
    api.http.delete(f"{api.url}/_sandbox/faults")
    answer = api.http.put(f"{api.url}/_sandbox/callback", json={"url": receiver.url})
    assert answer.status_code == 200, answer.text
    yield receiver
    api.http.put(f"{api.url}/_sandbox/callback", json={"url": None})


def test_wechatpy_reads_what_is_encrypted_and_the_other_way_round():
    ours = CallbackCrypto(CALLBACK_TOKEN, CALLBACK_AES_KEY, CORPID)
    theirs = WeChatCrypto(CALLBACK_TOKEN, CALLBACK_AES_KEY, CORPID)
    for text in ("<xml><A>客户</A></xml>", "x" * 31, "", "y" * 1_000):
        encrypted = ours.encrypt(text)
        signature = ours.signature("1776047880", "n0nce", encrypted)
        body = f"<xml><Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>"
        assert theirs.decrypt_message(body, signature, "1776047880", "n0nce") == text
        back = theirs.encrypt_message(text, "n0nce", "1776047880")
        found = re.search(r"<Encrypt><!\[CDATA\[(.*?)\]\]>", back).group(1)
        assert ours.decrypt(found) == text
        assert ours.signature("1776047880", "n0nce", found) in back
    # documented: the ciphertext is padded to blocks of 32 bytes
    assert len(ours.encrypt("x")) % 4 == 0
    with pytest.raises(InvalidSignatureException):
        theirs.decrypt_message(body, "0" * 40, "1776047880", "n0nce")
    with pytest.raises(ValueError, match="another receiver"):
        CallbackCrypto(CALLBACK_TOKEN, CALLBACK_AES_KEY, "ww-other").decrypt(encrypted)
    with pytest.raises(ValueError, match="no cipher text"):
        ours.decrypt("@@")


def test_a_move_of_the_clock_tells_everything_in_between_in_order(api, told, truth):
    before = pd.Timestamp(api.now)
    api.at("2026-04-09")

    facts = truth["callback_events"][
        lambda f: (f.happened_at > before) & (f.happened_at <= pd.Timestamp(api.now))
    ]
    sent = Counter(told.events)
    assert len(sent) == len(facts) > 60
    assert sum(sent.values()) == len(facts) + facts.is_sent_twice.sum()
    stamps = [int(re.search(r"<CreateTime>(\d+)", e).group(1)) for e in told.events]
    assert stamps == sorted(stamps)
    added = facts[facts.kind == "add_external_contact"]
    shown = {(f["UserID"], f["ExternalUserID"]): f for f in told.fields("add_external_contact")}
    assert shown.keys() == set(zip(added.userid, added.external_userid, strict=True))
    relations = truth["relations"].set_index(["userid", "external_userid"])
    for key, fields in shown.items():
        assert ("State" in fields) == relations.has_state[key]
        assert fields["WelcomeCode"]
    lost = facts[facts.kind == "del_follow_user"]
    assert len(told.fields("del_follow_user")) >= len(lost) > 0
    joined = told.fields("add_member")
    assert {f["JoinScene"] for f in joined} == {"0", "3"}
    status = api.get("/_sandbox/callback")
    assert status["url"] == told.url
    assert status["waiting"] == 0
    account = api.get("/_sandbox/accounts")["accounts"][0]
    assert account["options"]["callback_url"] == told.url


def test_member_versions_follow_each_other_and_lead_to_the_details(api, told):
    api.at("2026-04-16")
    versions: dict[str, str] = {}
    changes = told.fields("add_member") + told.fields("del_member")
    order = {id(c): n for n, c in enumerate(sorted(changes, key=lambda c: int(c["CreateTime"])))}
    for change in sorted(changes, key=lambda c: order[id(c)]):
        chat = change["ChatId"]
        if chat in versions and change["LastMemVer"] != versions[chat]:
            continue  # sent twice, or two in one second
        versions[chat] = change["CurMemVer"]
    assert len(versions) > 5
    same = sum(
        api.corp("groupchat/get", {"chat_id": chat})["group_chat"]["member_version"] == version
        for chat, version in versions.items()
    )
    assert same >= len(versions) - 1


def test_a_frozen_stream_of_callbacks_comes_later_and_whole(api, told, truth, no_faults):
    before = pd.Timestamp(api.now)
    fault = {"kind": "freeze", "source": "wecom", "stream": "callback_event"}
    api.http.post(f"{api.url}/_sandbox/faults", json=fault | {"from": "2026-04-07", "days": 2})
    api.at("2026-04-08")
    held = len(set(told.events))
    api.at("2026-04-09T12:00")

    facts = truth["callback_events"]
    facts = facts[(facts.happened_at > before) & (facts.happened_at <= pd.Timestamp(api.now))]
    first = (
        facts.happened_at.dt.tz_convert("Asia/Shanghai").dt.date.astype(str) == "2026-04-06"
    ).sum()
    assert held == first
    assert len(set(told.events)) == len(facts) > held


def test_three_retries_then_the_event_is_lost(told, state_at, world):
    state = state_at("2026-04-06T10:00")
    sender = Callbacks(state, told.url, timeout_seconds=1.0)
    told.refuse = 3
    sender.send_window(told.url, state.now_ms - 20 * 3_600_000, state.now_ms)
    assert told.refuse == 0
    assert told.events

    counts, known = Counter(), len(told.events)
    told.refuse, told.calls = 6, 0
    sender._tell(told.url, 0, counts)
    assert (counts["failed"], counts["retries"], told.calls) == (1, 3, 4)
    sender._tell(told.url, 1, counts)  # a receiver that is down is tried once
    assert (counts["failed"], told.calls) == (2, 5)
    told.refuse = 0
    sender._tell(told.url, 2, counts)
    assert counts["sent"] == 1
    assert len(told.events) > known


def test_an_address_is_verified_before_it_is_taken(api, told):
    path = f"{api.url}/_sandbox/callback"
    told.crypto = WeChatCrypto("anotherToken", CALLBACK_AES_KEY, CORPID)

    refused = api.http.put(path, json={"url": told.url + "2"})
    nobody = api.http.put(path, json={"url": "http://127.0.0.1:9/x"})
    nonsense = api.http.put(path, json={"url": "ftp://x"})
    unchecked = api.http.put(path, json={"url": "http://127.0.0.1:9/x", "verify": False})

    assert refused.status_code == nobody.status_code == nonsense.status_code == 400
    assert "echostr" in refused.json()["error"]["what"]
    assert unchecked.json()["url"] == "http://127.0.0.1:9/x"


def test_a_window_is_sent_again_from_the_command_line(api, told, truth):
    known = len(told.events)
    days = ["--from", "2026-04-01", "--to", "2026-04-02", "--sandbox", api.url]
    run = CliRunner().invoke(sandbox, ["callbacks", "--url", told.url, *days])

    facts = truth["callback_events"].happened_at.dt.tz_convert("Asia/Shanghai")
    count = facts.dt.date.astype(str).between("2026-04-01", "2026-04-02").sum()
    assert run.exit_code == 0, run.output
    assert f"{count} sent" in run.output
    assert len(set(told.events[known:])) == count > 30
    wrong = CliRunner().invoke(sandbox, ["callbacks", "--url", "nowhere", *days])
    assert wrong.exit_code != 0
    assert "no address" in wrong.output
