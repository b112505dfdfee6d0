"""The forward proxy as real clients use it, and ports that open by themselves."""

import json
import os
import shutil
import subprocess
import time
import urllib.request
from pathlib import Path

import httpx
import pytest
import requests

from processes import free_port
from raw import RawAgent, RawClient, answer, header
from world import World, befriend


def echo(connection):
    """Answers with the path, the host and the body that came."""
    while (request := connection.read_request()) is not None:
        head, body = request
        path = head.split(b" ")[1].decode()
        connection.send(answer(json.dumps([path, header(head, "postern-peer-name"), body.decode()])))
        if header(head, "connection") == "close":
            return


@pytest.fixture(scope="module")
def proxied(tmp_path_factory):
    """`a` has a forward proxy and opens ports by itself; `b` offers an HTTP service and a TCP one."""
    with RawAgent() as agent, World(tmp_path_factory.mktemp("proxy")) as world:
        agent.handler = echo
        world.raw = agent
        world.b.expose("echo", 80, "http", f"http://127.0.0.1:{agent.port}")
        world.b.expose("bytes", 90, "tcp", f"127.0.0.1:{agent.port}")
        world.proxy = free_port()
        world.a.config["proxy"] = f"127.0.0.1:{world.proxy}"
        world.a.config["autoReach"] = True
        world.start(trusted=False)
        befriend(world.b, world.a)
        world.b.cli("name", world.a.did, "alice")
        yield world


def proxy_url(world):
    return f"http://127.0.0.1:{world.proxy}"


def environment(world):
    names = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return {**names, "HTTP_PROXY": proxy_url(world), "http_proxy": proxy_url(world)}


def send(world, data, timeout=10):
    with RawClient(world.proxy, timeout) as client:
        client.send(data)
        return client.rest()[0]


def test_the_ready_line_tells_the_proxy(proxied):
    assert proxied.a.ready["proxy"] == f"127.0.0.1:{proxied.proxy}"
    assert proxied.b.ready["proxy"] is None


# What names the peer and the service: the peer's name with a virtual port, the service's before it, an address.
URLS = ["http://b.postern.alt/x", "http://echo.b.postern.alt/x", "http://[{address}]/x"]


@pytest.mark.parametrize("url", URLS)
def test_httpx_and_requests(proxied, url):
    url = url.format(address=proxied.b.identity["address"])
    # httpx 0.28 forgets the brackets of an address in the request line.
    if "[" not in url:
        with httpx.Client(proxy=proxy_url(proxied), trust_env=False) as client:
            for _ in range(3):
                assert client.post(url, content="hi").json() == ["/x", "alice", "hi"]
    with requests.Session() as session:
        session.trust_env = False
        session.proxies = {"http": proxy_url(proxied)}
        for _ in range(3):
            assert session.post(url, data="hi").json() == ["/x", "alice", "hi"]


def test_urllib_over_one_connection_to_several_targets(proxied):
    """`requests` keeps one connection to its proxy for all hosts."""
    with requests.Session() as session:
        session.trust_env = False
        session.proxies = {"http": proxy_url(proxied)}
        for host in ["b.postern.alt", "echo.b.postern.alt", "b.postern.alt"]:
            assert session.post(f"http://{host}/y", data="hi").json() == ["/y", "alice", "hi"]
    handler = urllib.request.ProxyHandler({"http": proxy_url(proxied)})
    assert json.load(urllib.request.build_opener(handler).open("http://b.postern.alt/z"))[0] == "/z"


def test_curl(proxied):
    run = subprocess.run(
        ["curl", "-sS", "-d", "hi", "http://b.postern.alt/c", "http://echo.b.postern.alt/d"],
        env=environment(proxied), capture_output=True, text=True, timeout=20)
    assert run.stdout == '["/c", "alice", "hi"]["/d", "alice", "hi"]', run
    tunnel = subprocess.run(
        ["curl", "-sS", "--proxytunnel", "-d", "hi", "http://b.postern.alt/e"],
        env=environment(proxied), capture_output=True, text=True, timeout=20)
    assert tunnel.stdout == '["/e", "alice", "hi"]', tunnel


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_node(proxied):
    run = subprocess.run(
        ["node", str(Path(__file__).with_name("proxy_client.mjs")), "http://b.postern.alt/f", "http://echo.b.postern.alt/g"],
        env={**environment(proxied), "NODE_USE_ENV_PROXY": "1"}, capture_output=True, text=True, timeout=20)
    assert run.stdout.splitlines() == ['200 ["/f", "alice", "hello"]', '200 ["/g", "alice", "hello"]'], run


def test_a_tunnel_to_a_tcp_service(proxied):
    with RawClient(proxied.proxy) as client:
        client.send(b"CONNECT b.postern.alt:90 HTTP/1.1\r\nHost: b.postern.alt:90\r\n\r\n")
        assert client.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")
        client.send(b"GET /t HTTP/1.1\r\nHost: whatever\r\n\r\n")
        assert client.response()[2] == b'["/t", null, ""]'


REFUSED = {
    "another host": (b"GET http://example.com/ HTTP/1.1\r\nHost: example.com\r\n\r\n", 403, "not-proxied"),
    "a tunnel to another host": (b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n", 403, "not-proxied"),
    "the metadata service": (b"GET http://169.254.169.254/ HTTP/1.1\r\nHost: 169.254.169.254\r\n\r\n", 403, "not-proxied"),
    "a request that is for no proxy": (b"GET / HTTP/1.1\r\nHost: b.postern.alt\r\n\r\n", 403, "not-proxied"),
    "an unknown peer": (b"GET http://eve.postern.alt/ HTTP/1.1\r\nHost: eve.postern.alt\r\n\r\n", 503, "peer-unknown"),
    "an unknown service": (b"GET http://b.postern.alt:99/ HTTP/1.1\r\nHost: b.postern.alt:99\r\n\r\n", 502, "no-such-service"),
    "an unknown service of a tunnel": (b"CONNECT x.b.postern.alt:80 HTTP/1.1\r\nHost: x.b.postern.alt:80\r\n\r\n", 502, "no-such-service"),
    "HTTP to a tcp service": (b"GET http://b.postern.alt:90/ HTTP/1.1\r\nHost: b.postern.alt:90\r\n\r\n", 403, "not-proxied"),
    "a page": (
        b"GET http://b.postern.alt/ HTTP/1.1\r\nHost: b.postern.alt\r\nOrigin: https://evil.example\r\n\r\n", 403, "foreign-origin"),
}


@pytest.mark.parametrize("data, status, code", REFUSED.values(), ids=REFUSED)
def test_what_the_proxy_refuses(proxied, data, status, code):
    everything = send(proxied, data)
    assert int(everything.split()[1]) == status
    head, _, body = everything.partition(b"\r\n\r\n")
    error = json.loads(body)["error"]
    assert header(head, "postern-error") == error["data"]["code"] == code
    assert error["message"] and error["data"]["hint"]


def test_a_page_gets_no_further_through_a_tunnel(proxied):
    with RawClient(proxied.proxy) as client:
        client.send(b"CONNECT b.postern.alt:80 HTTP/1.1\r\nHost: b.postern.alt:80\r\n\r\n")
        assert client.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")
        client.send(b"GET / HTTP/1.1\r\nHost: b.postern.alt\r\nOrigin: https://evil.example\r\n\r\n")
        assert client.response()[0] == 403


@pytest.fixture
def passing_on(tmp_path):
    """The proxy of `a` passes on what is for other hosts; `b` offers an HTTP service."""
    with RawAgent() as agent, World(tmp_path) as world:
        agent.handler = echo
        world.raw = agent
        world.b.expose("echo", 80, "http", f"http://127.0.0.1:{agent.port}")
        world.proxy = free_port()
        world.a.config["proxy"] = {"listen": f"127.0.0.1:{world.proxy}", "others": "direct"}
        world.start(trusted=False)
        befriend(world.b, world.a)
        world.b.cli("name", world.a.did, "alice")
        yield world


def test_what_is_for_other_hosts_goes_there_where_that_is_configured(passing_on):
    world, host = passing_on, f"127.0.0.1:{passing_on.raw.port}"
    with httpx.Client(proxy=proxy_url(world), trust_env=False) as client:
        # The host itself, without a peer's name; beside it the overlay as before.
        assert client.post(f"http://{host}/direct", content="x").json() == ["/direct", None, "x"]
        assert client.post("http://b.postern.alt/over", content="x").json() == ["/over", "alice", "x"]
    with RawClient(world.proxy) as client:
        client.send(f"CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        assert client.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")
        client.send(b"GET /tunnel HTTP/1.1\r\nHost: whatever\r\n\r\n")
        assert client.response()[2] == b'["/tunnel", null, ""]'
    own = f"127.0.0.1:{world.proxy}"
    for line, headers, status in [
        # Through itself again and again; a port where nobody listens; a peer that nobody knows.
        (f"GET http://{own}/", {"Host": own}, 403),
        ("GET http://127.0.0.1:1/", {"Host": "127.0.0.1:1"}, 502),
        ("GET http://eve.postern.alt/", {"Host": "eve.postern.alt"}, 503),
    ]:
        fields = "".join(f"{name}: {value}\r\n" for name, value in {**headers, "Connection": "close"}.items())
        assert int(send(world, f"{line} HTTP/1.1\r\n{fields}\r\n".encode()).split()[1]) == status, line


# Ports that open by themselves


def automatic(world):
    return {entry["service"]: entry["listen"] for entry in world.a.cli("status")["reach"]}


def wait_for_ports(world, names, timeout=10):
    deadline = time.monotonic() + timeout
    while set(found := automatic(world)) != names:
        assert time.monotonic() < deadline, f"{found}; {world.a.program.tail()}"
        time.sleep(0.1)
    return found


def test_what_a_peer_offers_has_a_port_that_stays(proxied):
    before = wait_for_ports(proxied, {"echo", "bytes"})
    assert requests.post(f"http://{before['echo']}/p", data="hi").json() == ["/p", "alice", "hi"]
    proxied.b.stop()
    proxied.a.stop()
    proxied.restart(proxied.a)
    # Even with the peer away the ports are there, and say so.
    assert {entry["service"]: entry["listen"] for entry in proxied.a.ready["reach"]} == before
    assert requests.get(f"http://{before['echo']}/p").status_code == 503
    proxied.restart(proxied.b)
    proxied.a.wait_for_peer(proxied.b.did, lambda peer: peer["connected"], "connected")
    assert requests.post(f"http://{before['echo']}/p", data="hi").json() == ["/p", "alice", "hi"]


def test_a_port_goes_with_the_trust(proxied):
    wait_for_ports(proxied, {"echo", "bytes"})
    proxied.a.cli("trust", "revoke", proxied.b.did)
    wait_for_ports(proxied, set())
