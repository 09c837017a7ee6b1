import signal
import stat
import subprocess
import sys
import threading
import time
from datetime import timedelta

import pytest
import rotating_vendor
from rotating_vendor import SPENT, Vendor, client

from extractors.core import courier, grants
from extractors.core.errors import AuthenticationError, UnreachableError
from extractors.core.grants import Renewed

STEPS = [
    "before the intent",
    "the intent noted",
    "while the vendor answers",
    "answered, not saved",
    "half of the answer saved",
    "saved, not in place",
    "saved",
    "the answer let go",
]
DAY = timedelta(days=1)


@pytest.fixture
def vendor():
    return Vendor()


@pytest.fixture
def url(vendor):
    with vendor.serving() as address:
        yield address


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_at_any_step_of_a_refresh_locks_nobody_out(tmp_path, vendor, url, step):
    """The vendor voids the old refresh token at once: whoever loses the answer is out."""
    if step == "while the vendor answers":
        vendor.on_rotated = lambda: time.sleep(1.2)
    dead = subprocess.run(
        [sys.executable, rotating_vendor.__file__, str(tmp_path), url, step],
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert dead.returncode == -signal.SIGKILL, dead.stderr.decode()

    vendor.on_rotated = lambda: None
    assert client(tmp_path, url).token() == vendor.access_token
    # nothing was asked for twice: the answer of the dead process was found
    assert vendor.calls == ["granted"]
    assert client(tmp_path, url, after=DAY).token() == vendor.access_token
    assert vendor.calls == ["granted", "refresh-1"]


def test_each_refresh_token_is_used_once_and_in_turn(tmp_path, vendor, url):
    for number in range(4):
        assert client(tmp_path, url, after=number * DAY).token() == f"access-{number + 1}"
    assert vendor.calls == ["granted", "refresh-1", "refresh-2", "refresh-3"]


def test_a_token_that_serves_is_not_refreshed(tmp_path, vendor, url):
    one = client(tmp_path, url)
    assert one.token() == one.token() == client(tmp_path, url, after=DAY / 2).token()
    assert len(vendor.calls) == 1


def test_what_is_kept_is_for_its_owner_alone(tmp_path, vendor, url):
    client(tmp_path, url).token()
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "tokens").iterdir()}
    assert modes == {0o600}


def lose_answers(monkeypatch, times):
    """The vendor gets the call; its answer never arrives."""
    perform, left = courier._perform, [times]

    def performing(request):
        answer = perform(request)
        if left[0]:
            left[0] -= 1
            courier.Path(request["path"]).unlink()
            raise courier.LostAnswerError("ReadTimeout")
        return answer

    monkeypatch.setattr(courier, "_perform", performing)


def test_a_lost_answer_is_got_over_where_the_vendor_lets_the_old_token_live(tmp_path, monkeypatch):
    vendor = Vendor(is_strict=False)
    lose_answers(monkeypatch, 1)
    with vendor.serving() as url:
        assert client(tmp_path, url).token() == "access-2"
    assert vendor.calls == ["granted", "granted"]


def test_a_lost_answer_of_a_strict_vendor_says_who_must_do_what(tmp_path, vendor, url, monkeypatch):
    lose_answers(monkeypatch, 1)
    with pytest.raises(AuthenticationError) as caught:
        client(tmp_path, url).token()
    assert caught.value.code == SPENT
    assert "2026-04-14 02:30 UTC" in caught.value.what
    assert "answer with its successor was lost" in caught.value.what
    for word in ("authorise", "SIYU_SECRET_OCEANENGINE_30001", "siyu_oceanengine_30001"):
        assert word in caught.value.action
    # the next run knows it too, and a new authorisation starts a new chain
    with pytest.raises(AuthenticationError, match="was lost"):
        client(tmp_path, url, after=DAY).token()
    vendor.refresh_token = "granted-again"
    assert client(tmp_path, url, granted="granted-again").token() == vendor.access_token


def test_a_withdrawn_authorisation_is_not_called_a_lost_answer(tmp_path, vendor, url):
    vendor.refresh_token = "of another program"
    with pytest.raises(AuthenticationError, match="expired, were withdrawn, or another program"):
        client(tmp_path, url).token()
    again = client(tmp_path, url)
    for _ in range(3):
        with pytest.raises(AuthenticationError):
            again.token()
    assert len(vendor.calls) == 2  # once a process, not once a stream


def test_the_token_of_the_credentials_serves_when_the_kept_one_does_not(tmp_path, vendor, url):
    client(tmp_path, url).token()
    vendor.refresh_token = "granted"  # e.g. the sandbox was started anew
    assert client(tmp_path, url, after=DAY).token() == "access-2"


def test_an_unreachable_vendor_costs_nothing(tmp_path, vendor, url):
    with pytest.raises(UnreachableError):
        client(tmp_path, "http://127.0.0.1:9").token()
    assert client(tmp_path, url).token() == "access-1"


def test_processes_that_want_a_token_at_once_spend_one_refresh_token(tmp_path, vendor, url):
    vendor.on_rotated = lambda: time.sleep(0.2)
    workers = [
        subprocess.Popen(
            [sys.executable, rotating_vendor.__file__, str(tmp_path), url, "nowhere"],
            stdout=subprocess.PIPE,
        )
        for _ in range(3)
    ]
    assert {worker.communicate(timeout=60)[0] for worker in workers} == {b"access-1"}
    assert vendor.calls == ["granted"]


def test_threads_share_one_refresh(tmp_path, vendor, url):
    one, got = client(tmp_path, url), []
    threads = [threading.Thread(target=lambda: got.append(one.token())) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(got) == {"access-1"}
    assert len(got) == 6
    assert len(vendor.calls) == 1


def test_a_file_that_cannot_be_read_is_an_error_and_not_a_guess(tmp_path, vendor, url):
    client(tmp_path, url).token()
    [path] = (tmp_path / "tokens").glob("*.grant")
    path.write_bytes(b"{}{")
    with pytest.raises(grants.SiyuError, match="cannot be read"):
        client(tmp_path, url, after=DAY).token()
    assert len(vendor.calls) == 1


class Renewing(rotating_vendor.Client):
    renew_before = timedelta(days=3)

    def renew(self, refresh_token):
        data = self.ask_token("/renew", body={"refresh_token": refresh_token})["data"]
        return Renewed(data["refresh_token"], 30 * 86400)


def test_a_refresh_token_that_ends_soon_is_swapped_before_it_is_used(tmp_path, vendor, url):
    def one(days):
        return client(tmp_path, url, after=timedelta(days=days), kind=Renewing)

    one(0).token()
    one(20).token()
    assert vendor.calls == ["granted", "refresh-1"]  # 30 days from each refresh: nothing is due
    one(49).token()
    assert vendor.calls[2:] == ["refresh-2", "refresh-3"]
