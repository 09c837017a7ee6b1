"""Calls over a real socket: connections kept and replaced, broken answers, certificates."""

import contextlib
import datetime
import gzip
import ipaddress
import socket
import ssl
import threading
import time

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from extractors.core import session

BODY = b'{"errcode": 0}'
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 14\r\nDate: now\r\n\r\n" + BODY


class Server:
    """Gives each request the next pieces of bytes, with a pause between them."""

    def __init__(self, answers, context=None):
        self.answers, self.asked, self.connections = iter(answers), [], 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.context = context
        scheme = "https" if context else "http"
        self.url = f"{scheme}://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            with contextlib.suppress(ssl.SSLError), self.wrapped(connection) as wrapped:
                self.talk(wrapped)

    def wrapped(self, connection):
        return (
            self.context.wrap_socket(connection, server_side=True) if self.context else connection
        )

    def talk(self, connection):
        while received := connection.recv(65536):
            self.asked.append(received)
            for piece in next(self.answers):
                if piece is None:
                    return
                connection.sendall(piece)
                time.sleep(0.01)


@pytest.fixture
def serve():
    servers = []

    def start(*answers, context=None):
        servers.append(Server(answers, context))
        return servers[-1]

    yield start
    for server in servers:
        server.listener.close()


def ask(pool, server, body=None, headers=None):
    return pool.send("GET", server.url + "/api", {"a": "1 2"}, body, headers or {})


def test_a_connection_is_used_again(serve):
    server = serve([PLAIN], [PLAIN])
    pool = session._Pool(server.url)
    assert [ask(pool, server).content for _ in range(2)] == [BODY, BODY]
    assert server.connections == 1


def test_a_request_says_who_asks_for_what(serve):
    server = serve([PLAIN])
    ask(session._Pool(server.url), server, headers={"Access-Token": "t"})
    lines = server.asked[0].decode().split("\r\n")
    assert lines[0] == "GET /api?a=1+2 HTTP/1.1"
    assert {f"Host: {server.url.removeprefix('http://')}", "Access-Token: t"} <= {*lines}


def test_packed_answers_are_unpacked(serve):
    packed = gzip.compress(BODY)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
    server = serve([head % len(packed) + packed])
    assert ask(session._Pool(server.url), server).content == BODY


def test_a_page_larger_than_any_buffer_comes_whole(serve):
    page = BODY * 100_000
    server = serve([b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(page) + page])
    assert ask(session._Pool(server.url), server).content == page


@pytest.mark.parametrize(
    "pieces",
    [[PLAIN[:-3], None], [None], [b"no such protocol\r\n\r\n", None]],
    ids=["body cut off", "nothing", "another protocol"],
)
def test_a_broken_answer_is_a_failed_connection_and_the_next_call_takes_another(serve, pieces):
    server = serve(pieces, [PLAIN])
    pool = session._Pool(server.url)
    with pytest.raises(requests.ConnectionError):
        ask(pool, server)
    assert ask(pool, server).content == BODY
    assert server.connections == 2


def test_silence_ends_in_a_timeout(serve, monkeypatch):
    monkeypatch.setattr(session, "TIMEOUT_SECONDS", (5, 0.1))
    server = serve([])
    with pytest.raises(requests.ReadTimeout):
        ask(session._Pool(server.url), server)


def test_a_connection_that_the_server_has_closed_is_not_used(serve):
    server = serve([PLAIN, None], [PLAIN])
    pool = session._Pool(server.url)
    assert ask(pool, server).content == BODY
    time.sleep(0.1)
    assert ask(pool, server).content == BODY


def test_a_value_cannot_add_a_header(serve):
    server = serve([PLAIN])
    with pytest.raises(ValueError, match="header value"):
        ask(session._Pool(server.url), server, headers={"Access-Token": "t\r\nX: y"})
    assert server.asked == []


@pytest.fixture
def certificate(tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "server.pem"
    path.write_bytes(
        signed.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


def test_certificates_are_checked(serve, certificate, monkeypatch):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = serve([PLAIN], [PLAIN], context=context)
    with pytest.raises(requests.exceptions.SSLError):
        ask(session._Pool(server.url), server)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    pool = session._Pool(server.url)
    assert [ask(pool, server).content for _ in range(2)] == [BODY, BODY]


def test_a_proxy_gets_the_whole_address(serve, monkeypatch):
    proxy = serve([PLAIN])
    monkeypatch.setenv("http_proxy", proxy.url)
    monkeypatch.setenv("no_proxy", "")
    answer = session._Pool("http://vendor.test").send("GET", "http://vendor.test/a", {}, None, {})
    assert answer.content == BODY
    assert proxy.asked[0].startswith(b"GET http://vendor.test/a HTTP/1.1\r\nHost: vendor.test\r\n")
