"""The receiver against the sandbox's sender: written apart, they meet at HTTP."""

import socket
import threading
from collections import Counter

import pyarrow as pa
import pytest
import uvicorn

from extractors.wecom.callback.app import corps_of, make_app
from extractors.wecom.callback.spool import Spool, spool_folder
from siyu.accounts import Account
from siyu.errors import SiyuError

FIRST_DAYS_MS = 4 * 86_400_000


@pytest.fixture(scope="module")
def sender(tmp_path_factory):
    """The sandbox's sender, six days into a small world."""
    from sandbox.callbacks import Callbacks
    from sandbox.parameters import size_named
    from sandbox.state import State
    from sandbox.world import generate

    world = generate(size_named("small"), 11)
    now = world.calendar.start_ms + FIRST_DAYS_MS + 2 * 86_400_000
    state = State(tmp_path_factory.mktemp("state"), world.size, 11, now, world=world)
    return Callbacks(state)


@pytest.fixture
def receiver(tmp_path):
    """A receiver with the credentials that the sandbox shows; its address and its spool."""
    from sandbox.callbacks import CALLBACK_AES_KEY, CALLBACK_TOKEN
    from sandbox.vendors.wecom import CORPID

    account = Account(
        "wecom",
        "corp_main",
        options={"corpid": CORPID},
        credentials={"callback_token": CALLBACK_TOKEN, "callback_aes_key": CALLBACK_AES_KEY},
    )
    app = make_app(corps_of([account], tmp_path))
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    base = f"http://127.0.0.1:{listener.getsockname()[1]}/callback"
    yield base, Spool(spool_folder(tmp_path, "corp_main"))
    server.should_exit = True
    thread.join(10)


def test_every_event_of_a_window_is_verified_decrypted_and_kept(sender, receiver):
    from sandbox.dump_wecom import WECOM_TABLES

    base, spool = receiver
    world = sender.state.world
    start = world.calendar.start_ms

    sender.verify(f"{base}/corp_main")
    counts = sender.send_window(f"{base}/corp_main", start, start + FIRST_DAYS_MS)

    kept = [record["event"] for path in spool.files() for record in spool.read(path)[0]]
    truth = pa.table(WECOM_TABLES["callback_events"](world)).to_pylist()
    inside = world.callback_events.happened_ms < start + FIRST_DAYS_MS
    rows = truth[: int(inside.sum())]  # in order of time
    assert counts["sent"] == len(rows) > 60
    assert counts["repeated"] == sum(row["is_sent_twice"] for row in rows)
    shown = Counter(
        (e["ChangeType"], e["UserID"], e["ExternalUserID"]) for e in kept if "UserID" in e
    )
    told = Counter()
    for row in rows:
        if row["external_userid"]:
            told[row["kind"], row["userid"], row["external_userid"]] += 1 + row["is_sent_twice"]
    assert shown == told
    assert {e["ChatId"] for e in kept if "ChatId" in e} == {
        row["chat_id"] for row in rows if row["chat_id"]
    }


def test_an_address_of_another_account_is_not_taken(sender, receiver):
    base, spool = receiver

    with pytest.raises(SiyuError, match="echostr"):
        sender.verify(f"{base}/corp_other")
    assert spool.files() == []
