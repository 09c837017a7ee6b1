import json
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
import responses
from responses.matchers import header_matcher
from vendor_accounts import BASE, SECRET

from extractors.core.errors import (
    ApiError,
    MalformedAnswerError,
    Reaction,
    Rule,
    UnreachableError,
)
from extractors.core.lanes import PATIENCE, Lanes, lanes_of
from extractors.core.ratelimit import Rate, RateLimiter
from extractors.core.session import Session

URL = f"{BASE}/api"
RULES = {
    -1: Rule("busy", Reaction.BACKOFF),
    45009: Rule("too often", Reaction.WAIT, block_seconds=(60, 300)),
    40058: Rule("a parameter is not valid"),
}


@pytest.fixture
def session(tmp_path, clock):
    limiter = RateLimiter(tmp_path, clock.wall, clock.sleep)
    yield Session(
        vendor="Vendor",
        base_url=BASE,
        app="app",
        rules=RULES,
        rates=(Rate(1000, 60),),
        limiter=limiter,
        clock=clock,
        where="wecom/corp_main customer",
    )
    limiter.close()


def call(session, **arguments):
    return session.call("GET", "/api", verdict=lambda a: int(a.get("errcode") or 0), **arguments)


def test_busy_is_asked_again_with_growing_waits(platform, session, clock):
    for _ in range(3):
        platform.get(URL, json={"errcode": -1})
    platform.get(URL, json={"errcode": 0, "rows": [1]})
    assert call(session)["rows"] == [1]
    assert len(clock.slept) == 3
    assert clock.slept[0] < clock.slept[1] < clock.slept[2]
    assert session.requests == 4


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_server_errors_are_asked_again_and_then_named(platform, session, clock, status):
    for _ in range(4):
        platform.get(URL, status=status)
    with pytest.raises(UnreachableError, match=f"HTTP {status}.*wecom/corp_main customer"):
        call(session)
    assert len(clock.slept) == 3


def test_a_wrong_path_is_not_asked_again(platform, session, clock):
    platform.get(URL, status=404)
    with pytest.raises(UnreachableError, match="base address"):
        call(session)
    assert clock.slept == []


def test_an_unreachable_host_says_which_and_what_to_check(platform, session):
    for _ in range(4):
        platform.get(URL, body=requests.ConnectionError(f"refused ...?corpsecret={SECRET}"))
    with pytest.raises(UnreachableError) as caught:
        call(session, params=lambda: {"corpsecret": SECRET})
    assert "vendor.test" in str(caught.value)
    assert "accounts file" in caught.value.action
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("body", [b"<html>busy</html>", b'{"rows": [1, 2', b"[1, 2]", b""])
def test_an_answer_that_is_no_object_is_asked_for_again_and_then_named(platform, session, body):
    for _ in range(4):
        platform.get(URL, body=body)
    with pytest.raises(MalformedAnswerError, match="not a JSON object"):
        call(session)


def test_a_broken_answer_heals(platform, session):
    platform.get(URL, body=b'{"rows": [')
    platform.get(URL, json={"rows": []})
    assert call(session) == {"rows": []}


def test_over_the_limit_waits_out_the_block_and_goes_on(platform, session, clock):
    platform.get(URL, json={"errcode": 45009})
    platform.get(URL, json={"errcode": 45009})
    platform.get(URL, json={"errcode": 0})
    call(session)
    assert clock.slept == [60, 300]
    assert session.requests == 3  # no storm of calls into the block


def test_a_block_that_never_ends_becomes_an_error(platform, session, clock):
    for _ in range(3):
        platform.get(URL, json={"errcode": 45009})
    with pytest.raises(ApiError, match="45009: too often") as caught:
        call(session)
    assert sum(clock.slept) == 360
    assert caught.value.exit_code == 1


def test_a_refusal_names_code_meaning_and_advice_but_not_the_vendors_text(platform, session):
    platform.get(URL, json={"errcode": 40058, "errmsg": "bad, from ip: 1.2.3.4"})
    with pytest.raises(ApiError) as caught:
        call(session)
    assert "40058: a parameter is not valid" in str(caught.value)
    assert "What to do: correct" in str(caught.value)
    assert "1.2.3.4" not in str(caught.value)


def test_a_code_outside_the_contract_is_still_named(platform, session):
    platform.get(URL, json={"errcode": 12345})
    with pytest.raises(ApiError, match="12345"):
        call(session)


def test_each_attempt_has_parameters_of_its_own(platform, session):
    platform.get(URL, json={"errcode": -1})
    platform.get(URL, json={"errcode": 0})
    nonces = iter("ab")
    call(session, params=lambda: {"nonce": next(nonces)})
    assert [c.request.params["nonce"] for c in platform.calls] == ["a", "b"]


def test_bodies_are_raw_utf8(platform, session):
    platform.post(URL, json={"errcode": 0})
    session.call("POST", "/api", verdict=lambda a: 0, body={"name": "张三"})
    sent = platform.calls[0].request.body
    assert b"\\u" not in sent
    assert json.loads(sent) == {"name": "张三"}


def test_the_connection_log_shows_no_secret(caplog):
    with caplog.at_level(logging.DEBUG, logger="urllib3.connectionpool"):
        logging.getLogger("urllib3.connectionpool").debug(
            '"GET /cgi-bin/gettoken?corpid=ww1&corpsecret=%s HTTP/1.1" 200', SECRET
        )
    assert SECRET not in caplog.text
    assert "corpsecret=***" in caplog.text


def test_errors_survive_a_process_boundary():
    import pickle

    error = pickle.loads(pickle.dumps(ApiError("no", where="w", action="a", code=7)))
    assert (error.code, error.where, error.action) == (7, "w", "a")


def test_responses_is_the_only_network(session):
    with responses.RequestsMock(), pytest.raises(UnreachableError):
        call(session)


def test_headers_are_made_anew_for_each_attempt(platform, session):
    tokens = iter(("first", "second"))
    platform.get(URL, json={"errcode": -1}, match=[header_matcher({"Access-Token": "first"})])
    platform.get(URL, json={"errcode": 0}, match=[header_matcher({"Access-Token": "second"})])
    assert call(session, headers=lambda: {"Access-Token": next(tokens)}) == {"errcode": 0}


def test_a_file_comes_as_bytes_and_a_refusal_of_it_is_an_error(platform, session):
    def file():
        return session.download("/api", verdict=lambda a: int(a.get("errcode") or 0))

    platform.get(URL, json={"errcode": -1})
    platform.get(URL, body="日期,消耗\n".encode())
    assert file().decode() == "日期,消耗\n"
    platform.get(URL, json={"errcode": 40058})
    with pytest.raises(ApiError, match="40058"):
        file()


def test_an_empty_file_is_asked_for_again_and_then_named(platform, session, clock):
    for body in (b"", b"", b'{"errcode": 0}', b""):
        platform.get(URL, body=body)
    with pytest.raises(MalformedAnswerError, match="0 bytes"):
        session.download("/api", verdict=lambda a: int(a.get("errcode") or 0))
    assert len(clock.slept) == 3


def test_bytes_are_sent_as_a_form(platform, session):
    platform.post(URL, json={"errcode": 0})
    form = b"grant_type=refresh_token&refresh_token=a%2Bb%3D"
    assert session.call("POST", "/api", verdict=lambda a: a["errcode"], body=form) == {"errcode": 0}
    sent = platform.calls[0].request
    assert sent.body == form
    assert sent.headers["Content-Type"] == "application/x-www-form-urlencoded"


class Crowded:
    """A vendor that answers so many calls at once, and refuses the others."""

    def __init__(self, most):
        self.most, self.active, self.peak, self.refused = most, 0, 0, 0
        self.lock = threading.Lock()

    def answer(self, request):
        with self.lock:
            self.active += 1
            is_refused = self.active > self.most
            self.refused += is_refused
        time.sleep(0.005)
        with self.lock:
            self.active -= 1
        return 200, {}, json.dumps({"errcode": 45033 if is_refused else 0})


def test_lanes_adapt_to_what_a_vendor_takes_at_once(platform, session):
    vendor = Crowded(3)
    session.app, session.rules = "crowded", {45033: Rule("too many at once", Reaction.CROWDED)}
    platform.add_callback("GET", URL, vendor.answer)
    lanes = lanes_of(session.app, "/api")
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: call(session), range(200)))
    assert all(answer == {"errcode": 0} for answer in answers)
    assert lanes.limit <= 6
    assert vendor.refused < 100
    before = vendor.refused
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(lambda _: call(session), range(60)))
    assert vendor.refused - before < 20


def test_lanes_open_again_when_nobody_objects():
    lanes = Lanes()
    lanes.limit = 2
    for _ in range(PATIENCE * 2):
        lanes.went_well()
    assert lanes.limit == 3
