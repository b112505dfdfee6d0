"""HTTP through a reach port, spoken by hand: what is forwarded, what is refused, and what reaches the agent."""

import json
import time

import pytest

from processes import free_port
from raw import RawAgent, RawClient, answer, header, headers
from world import World


def port(world):
    return world.ports["raw"]


def request(world, data, timeout=10):
    """Sends bytes to the reach port and returns the status of what comes back, and all of it."""
    with RawClient(port(world), timeout) as client:
        client.send(data)
        everything, _ = client.rest()
    status = int(everything.split()[1]) if everything.startswith(b"HTTP/1.1 ") else None
    return status, everything


def own_error(everything, world=None):
    """The JSON-RPC error in an answer of the gateway itself, after checking its form."""
    head, _, body = everything.partition(b"\r\n\r\n")
    assert header(head, "content-type").split(";")[0] == "application/json"
    document = json.loads(body)
    assert document["jsonrpc"] == "2.0" and document["id"] is None
    error = document["error"]
    assert error["code"] == -32010 and error["message"]
    assert error["data"]["code"] == header(head, "postern-error")
    assert {"code", "peer", "hint"} <= set(error["data"])
    return error


# What is forwarded


def test_a_request_arrives_byte_for_byte_where_it_matters(raw):
    """R7: method, path, query, unknown and repeated headers in order, body; hop-by-hop headers stay behind."""
    with RawClient(port(raw)) as client:
        client.send(
            b"PATCH /a%%2Fb:c*;d?q=%%20;x&y HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nX-Many: 1\r\nx-many: 2\r\nX-Many: 3\r\n"
            b"Authorization: Bearer secret\r\nMcp-Param-Odd: =?base64?YQ==?=\r\nConnection: keep-alive, X-Hop\r\n"
            b"X-Hop: stays\r\nKeep-Alive: timeout=5\r\nTE: trailers\r\nContent-Length: 5\r\n\r\nhello" % port(raw))
        assert client.response()[0] == 200
    head, body = raw.raw.connections[0].last
    assert head.startswith(b"PATCH /a%2Fb:c*;d?q=%20;x&y HTTP/1.1\r\n")
    assert body == b"hello"
    assert headers(head, "x-many") == ["1", "2", "3"]
    assert header(head, "authorization") == "Bearer secret"
    assert header(head, "mcp-param-odd") == "=?base64?YQ==?="
    assert header(head, "host") == f"127.0.0.1:{raw.raw.port}"
    assert header(head, "x-hop") is None and header(head, "keep-alive") is None


@pytest.mark.parametrize("status", ["201 Created", "202 Accepted", "400 Bad", "404 Not Found", "500 Odd", "503 Mine"])
def test_an_answer_of_the_agent_is_left_as_it_is(raw, status):
    body = b"" if status.startswith("202") else b'{"agents": "own"}'
    raw.raw.handler = lambda connection: (
        connection.read_request(),
        connection.send(answer(body, status, "X-A: 1\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n")))
    with RawClient(port(raw)) as client:
        client.get()
        code, head, got = client.response()
    assert f"{code}" == status[:3] and head.split(b"\r\n")[0].endswith(status[4:].encode())
    assert got == body
    assert headers(head, "set-cookie") == ["a=1", "b=2"]
    assert header(head, "content-type") is None and header(head, "postern-error") is None


def test_the_peer_is_named_and_cannot_be_forged(raw):
    """R6, S4: the overlay says who calls; every copy of the client's own is gone."""
    with RawClient(port(raw)) as client:
        client.get(extra=(
            "Postern-Peer: did:key:z6MkForged\r\nPOSTERN-PEER: did:key:z6MkForged\r\nPostern-Peer-Name: root\r\n"
            "Postern-Network: secret\r\n"))
        assert client.response()[0] == 200
    head = raw.raw.connections[0].last[0]
    assert headers(head, "postern-peer") == [raw.a.did]
    assert b"Forged" not in head and b"root" not in head and b"secret" not in head


def test_one_client_connection_is_one_upstream_connection(raw):
    with RawClient(port(raw)) as first, RawClient(port(raw)) as second:
        for client in (first, first, first, second):
            client.get()
            assert client.response()[0] == 200
        assert len(raw.raw.connections) == 2
    for connection in raw.raw.connections:
        assert connection.wait_for_end(3) is not None


def test_a_client_that_asked_to_close_is_closed(raw):
    """RFC 9112 section 9.6: after the answer, whether or not the agent closes its side."""
    raw.raw.handler = lambda connection: (connection.read_request(), connection.send(answer()), connection.read())
    started = time.monotonic()
    status, _ = request(raw, b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n\r\n" % port(raw))
    assert status == 200 and time.monotonic() - started < 2


def test_pipelined_requests_are_answered_in_order(raw):
    def serve(connection):
        while (taken := connection.read_request()) is not None:
            connection.send(answer(taken[0].split()[1]))

    raw.raw.handler = serve
    with RawClient(port(raw)) as client:
        client.send(b"".join(
            b"GET /%d HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % (index, port(raw)) for index in range(20)))
        assert [client.response()[2] for _ in range(20)] == [b"/%d" % index for index in range(20)]


def test_an_informational_answer_comes_before_the_body_is_sent(raw):
    def serve(connection):
        while b"\r\n\r\n" not in connection.received:
            if not connection.read():
                return
        connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        connection.read_request()
        connection.send(answer(b"thanks"))

    raw.raw.handler = serve
    with RawClient(port(raw)) as client:
        client.send(b"POST / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"
                    % port(raw))
        assert client.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 100")
        client.send(b"body")
        assert client.response()[2] == b"thanks"


@pytest.mark.alone
def test_events_come_byte_by_byte(raw):
    """The head before the first byte of the body; each byte when it was sent, never gathered into lumps."""
    count, interval = 60, 0.02

    def serve(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        time.sleep(0.5)
        for index in range(count):
            connection.send(b"1\r\n%c\r\n" % (97 + index % 26))
            time.sleep(interval)
        connection.send(b"0\r\n\r\n")

    raw.raw.handler = serve
    with RawClient(port(raw)) as client:
        started = time.monotonic()
        client.get()
        head = client.read_until(b"\r\n\r\n")
        assert time.monotonic() - started < 0.4, "the head waited for the body"
        assert header(head, "content-type") == "text/event-stream" and header(head, "content-encoding") is None
        arrivals = []
        for _ in range(count):
            client.read_until(b"\r\n")
            client.read_exactly(3)
            arrivals.append(time.monotonic())
        assert client.read_until(b"\r\n\r\n") == b"0"
    gaps = [later - earlier for earlier, later in zip(arrivals, arrivals[1:])]
    lumps = sum(1 for gap in gaps if gap < interval / 4)
    assert lumps < count / 5 and max(gaps) < 0.3, f"{lumps} lumps, longest gap {max(gaps):.3f} s"


def test_a_response_without_a_length_ends_with_the_connection(raw):
    def serve(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end")
        connection.stream.close()

    raw.raw.handler = serve
    status, everything = request(raw, b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % port(raw))
    assert status == 200 and b"until the end" in everything


# Ends


def test_a_half_closed_client_still_gets_its_answer(raw):
    def serve(connection):
        connection.read_request()
        time.sleep(0.5)
        connection.send(answer(b"late"))
        connection.read()

    raw.raw.handler = serve
    with RawClient(port(raw)) as client:
        client.get()
        client.stream.shutdown(1)
        assert client.response()[2] == b"late"
        assert client.rest()[1] == "end"
    assert raw.raw.connections[0].wait_for_end(3) == "end"


def stream_forever(connection):
    """An answer that goes on until somebody leaves."""
    connection.read_request()
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
    connection.stream.settimeout(0.05)
    while connection.ended is None:
        connection.send(b"6\r\n: hi\n\n\r\n")
        try:
            connection.stream.recv(1, 2)  # MSG_PEEK
            connection.read()
        except TimeoutError:
            continue
        except OSError:
            connection.read()


@pytest.mark.parametrize("how", ["abort", "close"])
def test_a_client_that_leaves_is_gone_for_the_agent_at_once(raw, how):
    raw.raw.handler = stream_forever
    client = RawClient(port(raw))
    client.get()
    client.read_until(b": hi\n\n")
    left = time.monotonic()
    getattr(client, how)()
    connection = raw.raw.connections[0]
    assert connection.wait_for_end(3) is not None, "the agent was never told"
    assert connection.ended_at - left < 1


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_an_answer_that_breaks_off_does_not_look_whole(raw, framing):
    def serve(connection):
        connection.read_request()
        if framing == "length":
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        else:
            connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
        time.sleep(0.3)
        connection.abort()

    raw.raw.handler = serve
    with RawClient(port(raw)) as client:
        started = time.monotonic()
        client.get()
        everything, _ = client.rest()
        assert time.monotonic() - started < 3
    assert b"half" in everything
    assert not everything.endswith(b"0\r\n\r\n")


# What is refused before anything leaves


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "169.254.169.254"])
def test_a_foreign_host_is_misdirected(raw, host):
    status, everything = request(
        raw, f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    assert status == 421
    assert raw.raw.connections == []


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", "[::1]:{port}", "LocalHost", "127.0.0.1"])
def test_a_loopback_host_is_welcome(raw, host):
    name = host.format(port=port(raw))
    status, _ = request(raw, f"GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
    assert status == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "https://127.0.0.1.evil.example", "null"])
def test_a_foreign_origin_is_forbidden(raw, origin):
    status, everything = request(
        raw, f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{port(raw)}\r\nOrigin: {origin}\r\nContent-Length: 0\r\n"
        "Connection: close\r\n\r\n".encode())
    assert status == 403
    assert raw.raw.connections == []


@pytest.mark.parametrize("origin, expected", [
    ("http://localhost:{port}", 200), ("http://127.0.0.1:{port}", 200), ("http://localhost:3000", 403),
    ("vscode-webview://abc", 403), ("chrome-extension://abc", 403)])
def test_only_the_ports_own_origin_is_welcome(raw, origin, expected):
    """A page of another port of this machine may be anybody's: another user's, or another peer's agent's."""
    origin = origin.format(port=port(raw))
    status, _ = request(
        raw, f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port(raw)}\r\nOrigin: {origin}\r\n"
        "Connection: close\r\n\r\n".encode())
    assert status == expected


MALFORMED = {
    "length and chunked": b"POST / HTTP/1.1\r\nHost: {h}\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
                          b"0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: {h}\r\n\r\n",
    "chunked and length": b"POST / HTTP/1.1\r\nHost: {h}\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"
                          b"0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: {h}\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: {h}\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "two equal lengths": b"POST / HTTP/1.1\r\nHost: {h}\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "a list of lengths": b"POST / HTTP/1.1\r\nHost: {h}\r\nContent-Length: 5, 5\r\n\r\nhello",
    "a negative length": b"POST / HTTP/1.1\r\nHost: {h}\r\nContent-Length: -5\r\n\r\nhello",
    "a length with a sign": b"POST / HTTP/1.1\r\nHost: {h}\r\nContent-Length: +5\r\n\r\nhello",
    "a length beyond 64 bits": b"POST / HTTP/1.1\r\nHost: {h}\r\nContent-Length: 99999999999999999999\r\n\r\nhello",
    "bare line feeds": b"GET / HTTP/1.1\nHost: {h}\n\n",
    "a bare line feed in the head": b"GET / HTTP/1.1\r\nHost: {h}\r\nX-A: 1\nX-B: 2\r\n\r\n",
    "a bare carriage return": b"GET / HTTP/1.1\r\nHost: {h}\r\nX-A: 1\rX-B: 2\r\n\r\n",
    "a folded header": b"GET / HTTP/1.1\r\nHost: {h}\r\nX-A: 1\r\n folded\r\n\r\n",
    "a space before the colon": b"GET / HTTP/1.1\r\nHost: {h}\r\nContent-Length : 5\r\n\r\nhello",
    "a header without a colon": b"GET / HTTP/1.1\r\nHost: {h}\r\nnonsense\r\n\r\n",
    "NUL in a value": b"GET / HTTP/1.1\r\nHost: {h}\r\nX-A: a\x00b\r\n\r\n",
    "NUL in a name": b"GET / HTTP/1.1\r\nHost: {h}\r\nX\x00A: ab\r\n\r\n",
    "NUL in the path": b"GET /\x00 HTTP/1.1\r\nHost: {h}\r\n\r\n",
    "a space in the path": b"GET /a b HTTP/1.1\r\nHost: {h}\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\nX-A: 1\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: {h}\r\nHost: {h}\r\n\r\n",
    "an unknown version": b"GET / HTTP/9.9\r\nHost: {h}\r\n\r\n",
    "no method": b" / HTTP/1.1\r\nHost: {h}\r\n\r\n",
    "an unknown coding": b"POST / HTTP/1.1\r\nHost: {h}\r\nTransfer-Encoding: gzip\r\n\r\nhello",
    "chunked not last": b"POST / HTTP/1.1\r\nHost: {h}\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "chunked twice": b"POST / HTTP/1.1\r\nHost: {h}\r\nTransfer-Encoding: chunked\r\n"
                     b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a disguised coding": b"POST / HTTP/1.1\r\nHost: {h}\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "TLS": bytes.fromhex("16030100c8010000c40303") + bytes(180),
    "an endless head": b"GET / HTTP/1.1\r\nHost: {h}\r\nX-A: " + b"a" * (4 << 20),
    "too many headers": b"GET / HTTP/1.1\r\nHost: {h}\r\n" + b"X-A: 1\r\n" * 100_000 + b"\r\n",
}


@pytest.mark.parametrize("fault", MALFORMED)
def test_a_malformed_head_is_refused_and_reaches_nobody(raw, fault):
    data = MALFORMED[fault].replace(b"{h}", b"127.0.0.1:%d" % port(raw))
    with RawClient(port(raw), timeout=5) as client:
        try:
            client.send(data)
        except (BrokenPipeError, ConnectionResetError):
            pass
        everything, ended = client.rest()
    if everything or ended == "end":
        status = int(everything.split()[1]) if everything.startswith(b"HTTP/1.1 ") else None
        assert status is not None and 400 <= status < 500 and status != 404, everything[:200]
        assert everything.count(b"HTTP/1.1 ") == 1
    else:
        # We were still sending when it closed, so its answer may be lost to a reset.
        assert len(data) > 65536
    assert raw.raw.connections == []
    with RawClient(port(raw)) as client:
        client.get()
        assert client.response()[0] == 200


BAD_CHUNKS = {
    "no number": b"x\r\nhello\r\n0\r\n\r\n",
    "a negative size": b"-5\r\nhello\r\n0\r\n\r\n",
    "a prefix": b"0x5\r\nhello\r\n0\r\n\r\n",
    "a size beyond 64 bits": b"fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    "no line end after the data": b"5\r\nhello0\r\n\r\n",
    "a bare line feed": b"5\nhello\r\n0\r\n\r\n",
    "a bare line feed in an extension": b"5;a\nb\r\nhello\r\n0\r\n\r\n",
    "a space before the size": b" 5\r\nhello\r\n0\r\n\r\n",
    "an empty size": b"\r\nhello\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("fault", BAD_CHUNKS)
@pytest.mark.parametrize("split", [False, True], ids=["at once", "later"])
def test_a_malformed_chunk_is_refused_and_never_completes_a_request(raw, fault, split):
    def read_everything(connection):
        while connection.read():
            pass

    raw.raw.handler = read_everything
    head = b"POST / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nTransfer-Encoding: chunked\r\n\r\n" % port(raw)
    body = BAD_CHUNKS[fault] + b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
    with RawClient(port(raw), timeout=5) as client:
        client.send(head if split else head + body)
        if split:
            raw.raw.wait_for_connection()
            client.send(body)
        everything, ended = client.rest()
    if everything:
        assert 400 <= int(everything.split()[1]) < 500 and everything.count(b"HTTP/1.1 ") == 1, everything[:200]
    else:
        assert split, "a head that was never forwarded is answered"
    for connection in raw.raw.connections:
        assert connection.wait_for_end(3) is not None
        assert b"\r\n0\r\n" not in connection.received and b"smuggled" not in connection.received


# Errors of our own


def test_an_agent_that_refuses_is_told_apart(tmp_path):
    with World(tmp_path) as world:
        world.serve("raw", "http", f"http://127.0.0.1:{free_port()}")
        world.start()
        started = time.monotonic()
        status, everything = request(
            world, b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n\r\n" % port(world))
        assert status == 502 and time.monotonic() - started < 5
        own_error(everything)


def test_a_peer_that_is_away_is_503_with_a_reason_before_5_seconds(tmp_path):
    with RawAgent() as agent, World(tmp_path) as world:
        world.serve("raw", "http", f"http://127.0.0.1:{agent.port}")
        world.start()
        world.b.stop()
        for _ in range(2):
            started = time.monotonic()
            status, everything = request(
                world, b"POST / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
                % port(world))
            assert status in (503, 504) and time.monotonic() - started < 5
            error = own_error(everything)
            assert error["data"]["peer"] and error["data"]["hint"]


def test_a_peer_that_was_never_trusted_is_503(tmp_path):
    with RawAgent() as agent, World(tmp_path) as world:
        world.serve("raw", "http", f"http://127.0.0.1:{agent.port}")
        world.start(trusted=False)
        started = time.monotonic()
        status, everything = request(
            world, b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n\r\n" % port(world))
        assert status == 503 and time.monotonic() - started < 5
        assert "trust" in own_error(everything)["data"]["hint"]
        assert agent.connections == []


def test_a_service_that_allows_nobody_is_refused(tmp_path):
    """R8: without `allow` nobody comes in, trusted or not."""
    with RawAgent() as agent, World(tmp_path) as world:
        world.serve("raw", "http", f"http://127.0.0.1:{agent.port}")
        del world.b.config["expose"][0]["allow"]
        world.start()
        status, everything = request(
            world, b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n\r\n" % port(world))
        assert status in (502, 503)
        own_error(everything)
        assert agent.connections == []


def test_a_reach_port_listens_on_loopback_only(raw):
    with open("/proc/net/tcp") as table:
        rows = [line.split()[1] for line in table.readlines()[1:] if line.split()[3] == "0A"]
    assert [row for row in rows if row.endswith(f":{port(raw):04X}")] == [f"0100007F:{port(raw):04X}"]
