"""What one trusted peer can do to the owner and to everybody else: a program with a valid key, and loads with a bound."""

import base64
import http.client
import re
import socket
import statistics
import time

import pytest

from processes import IS_DEBUG
from wire import Member
from world import Sidecar, World, befriend

# Thousands of answers that nobody reads take the memory that the kernel has for all sockets: beside them, others' are reset.
pytestmark = pytest.mark.alone

OVER_LIMIT = 7
MEBIBYTE = 1 << 20
REQUEST = b"GET %b HTTP/1.1\r\nHost: agent\r\n\r\n"
HALF_REQUEST = b"GET / HTTP/1.1\r\nHost: agent\r\nX-Half: "


def call(port, path="/", timeout=10):
    """One call on a connection of its own: status, body, and how long it took."""
    begin = time.monotonic()
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        client.request("GET", path)
        response = client.getresponse()
        return response.status, response.read(), time.monotonic() - begin
    finally:
        client.close()


def calls_for(port, seconds):
    """Calls one after another for so long; returns how long each took."""
    times = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        status, body, duration = call(port)
        assert (status, body) == (200, b"ok")
        times.append(duration)
    return times


def open_file_limits(node):
    """The soft and the hard limit on open files of the program."""
    with open(f"/proc/{node.program.pid}/limits") as limits:
        for line in limits:
            if line.startswith("Max open files"):
                soft, hard = line.split()[3:5]
                return int(soft), int(hard)
    raise AssertionError("the kernel does not say")


class AttackedWorld(World):
    """`b` serves `a`, and an attacker whose key it trusts. `files` bounds the open files of `b`."""

    def __init__(self, folder, files):
        super().__init__(folder)
        start = self.b.arguments
        self.b.arguments = lambda: ["prlimit", f"--nofile={files}", *start()]
        bulk = self.agent("bulk_agent")
        self.port = self.serve("bulk", "http", f"http://127.0.0.1:{bulk.port}", port=80)
        self.own_port = self.b.reach(self.a.did, "bulk")
        self.a.expose("bulk", 80, "http", f"http://127.0.0.1:{bulk.port}")

    def attacker(self):
        """A program that has the key of a trusted peer and a session with `b`."""
        c = self.add(Sidecar(self.folder, "c", self.hub.url))
        c.write_config()
        c.start()
        befriend(self.b, c)
        c.stop()
        seed = bytes.fromhex((c.state / "identity.key").read_text().strip().rsplit(":", 1)[1])
        secrets = re.findall(r'"secret":"([\w-]{43})"', (c.state / "trust.journal").read_text())
        psk = base64.urlsafe_b64decode(secrets[-1] + "=")
        member = Member(self.b.did, ("127.0.0.1", self.b.udp_port()), seed, psk)
        member.connect()
        member.did = c.did
        return member


@pytest.fixture
def attacked(tmp_path):
    with AttackedWorld(tmp_path, "512:1024") as world:
        yield world.start()


def test_the_soft_limit_on_open_files_is_raised(attacked):
    assert open_file_limits(attacked.b) == (1024, 1024)


def test_requests_that_never_end_leave_room_for_everybody_else(attacked):
    """The attacker takes no more than its share; others, local clients, `status` and `revoke` go on as before."""
    member = attacked.attacker()
    member.flood(80, REQUEST % b"/hold", 1100)
    member.listen(1)
    refused = [code for code in member.resets.values() if code == OVER_LIMIT]
    assert 400 < len(refused) < 1100, member.resets
    for port in (attacked.port, attacked.own_port):
        assert call(port)[:2] == (200, b"ok")
    assert attacked.b.cli("status")["did"] == attacked.b.did
    attacked.b.cli("trust", "revoke", member.did)
    for port in (attacked.port, attacked.own_port):
        assert call(port)[:2] == (200, b"ok")


def test_half_requests_of_a_peer_leave_room_for_own_clients(attacked):
    member = attacked.attacker()
    member.flood(80, HALF_REQUEST, 5000)
    member.listen(1)
    assert OVER_LIMIT in member.resets.values()
    for port in (attacked.port, attacked.own_port):
        assert call(port)[:2] == (200, b"ok")


def test_big_answers_that_are_never_read_take_bounded_memory_and_give_it_back(tmp_path):
    """4000 answers of 1 MiB are asked for, with credit for 64 KiB of them."""
    with AttackedWorld(tmp_path, "1024:16384") as world:
        world.b.config["limits"] = {"connectionsPerPeer": 5000}
        world.start()
        before = world.b.program.own_memory()
        member = world.attacker()
        member.flood(80, REQUEST % b"/big/1048576", 1000 if IS_DEBUG else 4000)
        most, times = 0, []
        for _ in range(8):
            member.listen(0.2)
            times += calls_for(world.port, 0.5)
            most = max(most, world.b.program.own_memory())
        print(f"memory {before / MEBIBYTE:.0f} to {most / MEBIBYTE:.0f} MiB;"
              f" p50 {statistics.median(times) * 1e3:.1f} ms, most {max(times) * 1e3:.0f} ms of {len(times)}")
        assert most > 64 * MEBIBYTE, "nothing was asked for"
        assert most < 512 * MEBIBYTE
        assert statistics.quantiles(times, n=100)[98] < (4 if IS_DEBUG else 0.5)
        member.close()
        deadline = time.monotonic() + 15
        while (left := world.b.program.own_memory()) > before + 48 * MEBIBYTE:
            assert time.monotonic() < deadline, f"{left / MEBIBYTE:.0f} MiB are left"
            time.sleep(0.5)
        assert call(world.port)[:2] == (200, b"ok")


def test_clients_that_trickle_their_heads_leave_room_for_others(attacked):
    """1100 connections to a reach port that never complete a head."""
    streams = []
    try:
        for _ in range(1100):
            stream = socket.create_connection(("127.0.0.1", attacked.own_port), timeout=10)
            stream.sendall(b"GET / HTTP/1.1\r\nHost: ")
            streams.append(stream)
        assert attacked.b.cli("status")["did"] == attacked.b.did
        for port in (attacked.port, attacked.own_port):
            assert call(port)[:2] == (200, b"ok")
    finally:
        for stream in streams:
            stream.close()
