import hashlib
import hmac
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from extractors.core.privacy import Privacy
from extractors.core.stream import Personal
from extractors.registry import all_streams


def test_pseudonyms_are_hmac_sha256_and_equal_across_sources(tmp_path):
    one, two = Privacy(b"key", tmp_path / "a"), Privacy(b"key", tmp_path / "b")
    expected = hmac.new(b"key", b"oUNION", hashlib.sha256).hexdigest()[:32]
    assert one.pseudonyms(["oUNION", None, ""], Personal.PSEUDONYM) == [expected, None, None]
    assert two.pseudonyms(["oUNION"], Personal.HASH_ONLY) == [expected]
    assert Privacy(b"other", tmp_path / "c").pseudonym("oUNION") != expected


def test_every_stream_with_a_unionid_hides_it_alike():
    with_unionid = [s for s in all_streams() if "unionid" in s.schema.names]
    assert {s.address for s in with_unionid} >= {
        "wecom.customer",
        "wechat_store.order",
        "page_events.page_event",
    }
    assert all(s.personal_columns["unionid"] == Personal.PSEUDONYM for s in with_unionid)


def test_the_vault_is_for_its_owner_and_holds_each_id_once(tmp_path):
    path = tmp_path / "vault" / "ids.sqlite"
    first = Privacy(b"key", path)
    first.pseudonyms(["a", "b", "a"], Personal.PSEUDONYM)
    assert first.save() == 2
    again = Privacy(b"key", path)
    again.pseudonyms(["b", "c"], Personal.PSEUDONYM)
    again.pseudonyms(["cookie"], Personal.HASH_ONLY)
    assert again.save() == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    with closing(sqlite3.connect(path)) as vault:
        assert dict(vault.execute("select clear_id, pseudonym from ids")) == {
            clear: again.pseudonym(clear) for clear in "abc"
        }


def test_a_vault_that_was_erased_is_written_again(tmp_path):
    path = tmp_path / "ids.sqlite"
    for _ in range(2):
        privacy = Privacy(b"key", path)
        privacy.pseudonyms(["a"], Personal.PSEUDONYM)
        assert privacy.save() == 1
        path.unlink()


def test_ids_of_a_large_pull_wait_in_the_vault_and_end_in_its_table(tmp_path, monkeypatch):
    monkeypatch.setattr("extractors.core.privacy.MOST_WAITING", 50)
    path = tmp_path / "ids.sqlite"
    killed = Privacy(b"key", path)
    killed.pseudonyms([f"gone-{n}" for n in range(60)], Personal.PSEUDONYM)  # and never saved
    large = Privacy(b"key", path)
    for batch in range(3):
        large.pseudonyms([f"id-{batch}-{n}" for n in range(60)], Personal.PSEUDONYM)
    large.pseudonyms(["id-0-0", "last"], Personal.PSEUDONYM)
    assert large.save() == 3 * 60 + 1 + 60
    with closing(sqlite3.connect(path)) as vault:
        names = [name for (name,) in vault.execute("select name from sqlite_master")]
        assert "put_aside" not in names
        [[count]] = vault.execute("select count(distinct clear_id) from ids")
    assert count == 241


def test_pseudonyms_are_the_standard_hmac_whatever_the_keys_length():
    for key in (b"k", b"k" * 64, b"k" * 200):
        expected = hmac.digest(key, b"wm-1", "sha256").hex()[:32]
        privacy = Privacy(key, Path("unused"))
        assert privacy.pseudonym("wm-1") == expected
        assert privacy.pseudonyms(["wm-1", ""], Personal.HASH_ONLY) == [expected, None]


def test_what_is_remembered_of_one_key_or_treatment_is_not_taken_for_another(tmp_path):
    path = tmp_path / "ids.sqlite"
    one = Privacy(b"one", path)
    one.pseudonyms(["a"], Personal.PSEUDONYM)
    one.save()
    assert one.pseudonyms(["a", 1], Personal.PSEUDONYM)[0] == one.pseudonym("a")
    cookies = Privacy(b"one", path)
    assert cookies.pseudonyms(["b"], Personal.HASH_ONLY) == [one.pseudonym("b")]
    assert cookies.pseudonyms(["b"], Personal.PSEUDONYM) == [one.pseudonym("b")]
    assert cookies.save() == 1  # the same id as a person's is owed to the vault
    other = Privacy(b"two", path)
    assert other.pseudonyms(["a"], Personal.PSEUDONYM) == [other.pseudonym("a")]
    assert other.pseudonym("a") != one.pseudonym("a")


@pytest.mark.parametrize("most", [1, 1000])
def test_ids_are_in_the_vault_by_the_end_of_saving_and_its_failure_is_raised(
    tmp_path, monkeypatch, most
):
    monkeypatch.setattr("extractors.core.privacy.MOST_WAITING", most)
    path = tmp_path / "ids.sqlite"
    privacy = Privacy(b"key", path)
    privacy.pseudonyms(["a", "b", "c"], Personal.PSEUDONYM)
    with privacy.saving():
        pass
    with closing(sqlite3.connect(path)) as vault:
        assert vault.execute("select count(*) from ids").fetchone() == (3,)
    privacy.pseudonyms(["d", "e"], Personal.PSEUDONYM)
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(sqlite3.DatabaseError), privacy.saving():
        pass
