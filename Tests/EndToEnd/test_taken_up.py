"""What is changed in the configuration holds at once, for connections that stand as well (RULES X)."""

import socket
import time

from raw import RawAgent, answer
from world import World

GET = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


def connect(port):
    client = socket.create_connection(("127.0.0.1", port), timeout=10)
    client.sendall(GET)
    assert client.recv(65536).startswith(b"HTTP/1.1 200 "), "the first request is served"
    return client


def gets(client):
    """What a further request on the connection gets; nothing when it has ended."""
    try:
        client.sendall(GET)
        return client.recv(65536)
    except OSError:
        return b""


def change(world, edit):
    edit(world.b.config["expose"][0])
    world.b.write_config()
    deadline = time.monotonic() + 10
    before = world.b.cli("status")["configuration"]["since"]
    while world.b.cli("status")["configuration"]["since"] == before and time.monotonic() < deadline:
        time.sleep(0.1)


def test_a_peer_taken_out_of_allow_is_cut_on_the_connections_that_it_has(tmp_path):
    requests = []

    def serve(connection):
        while (request := connection.read_request()) is not None:
            requests.append(request[0])
            connection.send(answer("ok"))

    with RawAgent() as agent, World(tmp_path) as world:
        agent.handler = serve
        port = world.serve("web", "http", f"http://127.0.0.1:{agent.port}")
        world.start()
        kept = connect(port)
        assert gets(kept).startswith(b"HTTP/1.1 200 ")
        change(world, lambda entry: entry.update(allow=[]))
        count = len(requests)
        assert not gets(kept).startswith(b"HTTP/1.1 200 ") and len(requests) == count
        change(world, lambda entry: entry.update(allow=["trusted"]))
        kept = connect(port)
        count = len(requests)
        world.b.cli("unexpose", "web")
        assert not gets(kept).startswith(b"HTTP/1.1 200 ") and len(requests) == count


def test_rules_about_methods_hold_for_the_connections_that_stand(tmp_path):
    requests = []

    def serve(connection):
        while (request := connection.read_request()) is not None:
            requests.append(request[1])
            connection.send(answer('{"jsonrpc":"2.0","id":1,"result":{}}', "200 OK",
                                   "Content-Type: application/json\r\n"))

    body = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add"}}'
    call = b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    with RawAgent() as agent, World(tmp_path) as world:
        agent.handler = serve
        port = world.serve("tools", "mcp", f"http://127.0.0.1:{agent.port}")
        world.start()
        with socket.create_connection(("127.0.0.1", port), timeout=10) as kept:
            kept.sendall(call)
            assert kept.recv(65536).startswith(b"HTTP/1.1 200 ")
            change(world, lambda entry: entry.update(methods={"deny": ["tools/call:add"]}))
            count = len(requests)
            try:
                kept.sendall(call)
                kept.recv(65536)
            except OSError:
                pass
        with socket.create_connection(("127.0.0.1", port), timeout=10) as fresh:
            fresh.sendall(call)
            assert b"-32011" in fresh.recv(65536)
        assert len(requests) == count
