import hashlib
import hmac
import sqlite3
import stat
from contextlib import closing

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
    assert {s.address for s in with_unionid} == {
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
