import stat
import subprocess
import sys
import threading
from datetime import timedelta

import pytest
from vendor_accounts import AS_OF

from extractors.core.errors import AuthenticationError
from extractors.core.tokens import Minted, TokenCache, app_key


class Vendor:
    def __init__(self, *tokens, life=7200):
        self.tokens, self.life, self.asked = list(tokens), life, []

    def __call__(self, refresh_token):
        self.asked.append(refresh_token)
        token = self.tokens.pop(0) if len(self.tokens) > 1 else self.tokens[0]
        return token if isinstance(token, Minted) else Minted(token, self.life)


def at(minutes=0):
    return lambda: AS_OF + timedelta(minutes=minutes)


def test_a_token_is_minted_once_and_replaced_before_it_expires(tmp_path):
    vendor, cache = Vendor("one", "two"), TokenCache(tmp_path)
    assert [cache.get("app", at(m), vendor) for m in (0, 60, 114)] == ["one"] * 3
    assert cache.get("app", at(116), vendor) == "two"


def test_another_process_finds_the_token(tmp_path):
    TokenCache(tmp_path).get("app", at(), Vendor("one"))
    silent = Vendor("never")
    assert TokenCache(tmp_path).get("app", at(5), silent) == "one"
    assert silent.asked == []


def test_the_token_file_is_for_its_owner_alone(tmp_path):
    TokenCache(tmp_path).get("app", at(), Vendor("one"))
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {0o600}


def test_a_refused_token_is_not_given_again(tmp_path):
    vendor, cache = Vendor("one", "two"), TokenCache(tmp_path)
    cache.get("app", at(), vendor)
    assert cache.get("app", at(), vendor, rejected="one") == "two"
    assert cache.get("app", at(), vendor) == "two"


def test_who_was_refused_late_takes_the_token_that_another_has_minted_meanwhile(tmp_path):
    first, second = TokenCache(tmp_path), TokenCache(tmp_path)
    vendor = Vendor("one", "two", "three")
    first.get("app", at(), vendor)
    second.get("app", at(), vendor)
    first.get("app", at(), vendor, rejected="one")
    assert second.get("app", at(), vendor, rejected="one") == "two"
    assert len(vendor.asked) == 2


def test_the_same_token_again_does_not_live_longer(tmp_path):
    cache, vendor = TokenCache(tmp_path), Vendor("one", "one", "two")
    cache.get("app", at(), vendor)
    cache.get("app", at(116), vendor)  # early refresh: the vendor still gives the old one
    assert cache.get("app", at(121), vendor) == "two"


def test_a_token_from_another_replays_future_is_not_used(tmp_path):
    cache, vendor = TokenCache(tmp_path), Vendor("future", "now")
    cache.get("app", at(600), vendor)
    assert cache.get("app", at(0), vendor) == "now"


def test_a_rotated_refresh_token_is_kept_and_used_next_time(tmp_path):
    vendor = Vendor(Minted("one", 7200, "fresh"), Minted("two", 7200))
    TokenCache(tmp_path).get("app", at(), vendor)
    TokenCache(tmp_path).get("app", at(600), vendor)
    TokenCache(tmp_path).get("app", at(1200), vendor)
    assert vendor.asked == [None, "fresh", "fresh"]


def test_a_refused_secret_is_asked_for_once_by_all_threads(tmp_path):
    asked = []

    def refuse(_):
        asked.append(1)
        raise AuthenticationError("no", code=40001)

    cache = TokenCache(tmp_path)
    for _ in range(4):
        with pytest.raises(AuthenticationError):
            cache.get("app", at(), refuse)
    assert len(asked) == 1
    with pytest.raises(AuthenticationError):
        cache.get("app", at(6), refuse)
    assert len(asked) == 2


def test_the_key_of_an_app_changes_with_its_secret_and_hides_it():
    assert app_key("wecom", "ww1", "old") != app_key("wecom", "ww1", "new")
    assert "old" not in app_key("wecom", "ww1", "old")


def test_threads_mint_once(tmp_path):
    vendor, cache, got = Vendor("one", "two"), TokenCache(tmp_path), []
    threads = [
        threading.Thread(target=lambda: got.append(cache.get("app", at(), vendor)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(got) == {"one"}
    assert len(vendor.asked) == 1


def test_processes_mint_once(tmp_path):
    script = """
import sys, os
from datetime import datetime
from pathlib import Path
from extractors.core.tokens import Minted, TokenCache
folder, now = Path(sys.argv[1]), datetime.fromisoformat("2026-04-14T02:30:00+00:00")
def mint(_):
    with open(folder / "minted.log", "a") as log:
        log.write("x")
    return Minted(f"token-{os.getpid()}", 7200)
sys.stdin.read(1)
print(TokenCache(folder / "tokens").get("app", lambda: now, mint))
"""
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _ in range(3)
    ]
    for worker in workers:
        worker.stdin.write(b"x")
        worker.stdin.flush()
    tokens = {worker.communicate()[0] for worker in workers}
    assert len(tokens) == 1
    assert (tmp_path / "minted.log").read_text() == "x"
