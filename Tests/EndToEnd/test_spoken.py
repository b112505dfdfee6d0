"""HTTP as real agents and clients speak it: what a direct connection gives, the gateway gives as well."""

import base64
import os

import pytest

from raw import RawClient, answer, header
from test_http import port, request

ROUNDS = 10


def chunked(body, size=4096):
    """`body` in chunks, without the one that ends it."""
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in
                    (body[start:start + size] for start in range(0, len(body), size)))


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("count", [100, 30_000, 1_000_000])
def test_every_byte_before_an_early_end_arrives(raw, framing, count):
    """The agent closes right after its last write, in the middle of the body it announced."""
    body = os.urandom(count)
    if framing == "length":
        head, sent = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (count + 100), body
    else:
        head, sent = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", chunked(body)

    def serve(connection):
        connection.read_request()
        connection.send(head + sent)
        connection.stream.close()

    raw.raw.handler = serve
    for number in range(ROUNDS):
        with RawClient(port(raw)) as client:
            client.get()
            everything, _ = client.rest()
        assert everything == head + sent, f"round {number}: {len(everything)} of {len(head + sent)} bytes"


def test_a_reset_of_the_second_request_is_a_reset(raw):
    """As without us: a client knows how to repeat what was never answered, and would take our 502 for the agent's."""
    def serve(connection):
        connection.read_request()
        connection.send(answer())
        connection.read_request()
        connection.abort()

    raw.raw.handler = serve
    for _ in range(ROUNDS):
        with RawClient(port(raw)) as client:
            client.get()
            assert client.response()[0] == 200
            client.get()
            assert client.rest() == (b"", "reset")


def test_how_long_an_agent_keeps_its_connection_is_passed_on(raw):
    def serve(connection):
        connection.read_request()
        connection.send(answer(extra="Keep-Alive: timeout=2\r\n"))

    raw.raw.handler = serve
    with RawClient(port(raw)) as client:
        client.get()
        assert header(client.response()[1], "keep-alive") == "timeout=2"


def test_a_websocket_handshake_with_a_length_of_zero_is_one(raw):
    """Java's client sends `Content-Length: 0` with it."""
    def serve(connection):
        head, _ = connection.read_request()
        assert header(head, "upgrade") == "websocket"
        connection.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhello")
        connection.stream.recv(5)

    raw.raw.handler = serve
    with RawClient(port(raw)) as client:
        key = base64.b64encode(os.urandom(16)).decode()
        client.get("/", "Upgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 0\r\n"
                        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n")
        assert client.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 101")
        assert client.read_exactly(5) == b"hello"


@pytest.mark.parametrize("extension", [";a=b;c=d", "; a=b", ' ; a="b; c"'])
def test_chunk_extensions_do_not_cost_the_chunk(raw, extension):
    def serve(connection):
        connection.read_request()
        connection.send(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
            + f"8{extension}\r\n".encode() + b"01234567\r\n0\r\n\r\n")

    raw.raw.handler = serve
    status, everything = request(raw, b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % port(raw))
    assert status == 200
    assert b"01234567" in everything and everything.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize("name", ["Postern-Peer", "Postern_Peer", "Postern.Peer", "POSTERN!PEER", "Postern~Peer-Name"])
def test_every_spelling_that_folds_to_the_identity_is_removed(raw, name):
    """PHP, CGI and WSGI make the same variable of all of them."""
    with RawClient(port(raw)) as client:
        client.get("/", f"{name}: did:key:zMallory\r\n")
        assert client.response()[0] == 200
    head = raw.raw.connections[-1].last[0]
    assert b"Mallory" not in head
    assert header(head, "postern-peer") == raw.a.did
