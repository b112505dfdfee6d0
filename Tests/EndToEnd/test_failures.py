"""What happens when programs are killed, hubs stop, trust ends and clients stall."""

import http.client
import json
import statistics
import threading
import time

import pytest

from raw import RawAgent, RawClient, answer
from test_http import own_error, port, request, stream_forever
from world import Sidecar, World, befriend, postern

CALL = b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n\r\n"


def call(world, timeout=10):
    """One call on a connection of its own: its status."""
    return request(world, CALL % port(world), timeout)[0]


class Stream:
    """A client that reads an endless answer, beside the test."""

    def __init__(self, world):
        self.client = RawClient(port(world), timeout=60)
        self.client.get()
        self.client.read_until(b": hi\n\n")
        self.last = time.monotonic()
        self.ended_at = None
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        try:
            while self.client.stream.recv(65536):
                self.last = time.monotonic()
        except OSError:
            pass
        self.ended_at = time.monotonic()

    def is_running(self):
        """Whether events still come: the newest is younger than half a second."""
        return self.ended_at is None and time.monotonic() - self.last < 0.5

    def wait_for_end(self, timeout):
        self.thread.join(timeout)
        return self.ended_at


def wait_until(condition, timeout, what):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


# Kill and restart


def test_the_exposing_sidecar_is_killed_in_a_call_and_comes_back(own):
    """The client sees an error within 5 s; after the restart the next call works without touching anything."""
    own.raw.handler = stream_forever
    stream = Stream(own)
    own.b.kill()
    killed = time.monotonic()
    ended = stream.wait_for_end(6)
    assert ended is not None and ended - killed < 5, "the client was left waiting"

    own.raw.handler = RawAgent.serve_ok
    own.restart(own.b)
    assert call(own) == 200


def test_a_silent_call_ends_when_the_exposing_sidecar_is_killed(own):
    """The harder half: nothing is flowing, and still the client learns of it within 5 s."""
    own.raw.handler = lambda connection: connection.read_request() and connection.read_request()
    with RawClient(port(own), timeout=30) as client:
        client.get()
        own.raw.wait_for_connection()
        time.sleep(1)
        own.b.kill()
        killed = time.monotonic()
        everything, _ = client.rest()
        assert time.monotonic() - killed < 5, "the client was left waiting"
    if everything:
        assert int(everything.split()[1]) in (502, 503, 504)


def test_a_restart_of_the_exposing_sidecar_resets_what_was_open(own):
    """A peer that is back already knows nothing of the old streams: they end at once."""
    own.raw.handler = stream_forever
    stream = Stream(own)
    own.b.kill()
    own.restart(own.b)
    assert stream.wait_for_end(5) is not None
    own.raw.handler = RawAgent.serve_ok
    assert call(own) == 200


def test_the_reaching_sidecar_is_killed_and_comes_back(own):
    own.raw.handler = stream_forever
    Stream(own)
    upstream = own.raw.connections[0]
    own.a.kill()
    assert upstream.wait_for_end(30) is not None, "the agent's connection was never released"
    own.raw.handler = RawAgent.serve_ok
    own.restart(own.a)
    assert call(own) == 200


def test_a_stopped_sidecar_drains_and_says_goodbye(own):
    """SIGTERM: exit 0, and the other side knows at once."""
    own.raw.handler = stream_forever
    stream = Stream(own)
    asked = time.monotonic()
    assert own.b.stop() == 0
    assert time.monotonic() - asked < 10
    assert stream.wait_for_end(2) is not None


# The hub goes


def test_without_the_hub_sessions_go_on_and_known_peers_still_call(own):
    assert call(own) == 200
    own.raw.handler = stream_forever
    stream = Stream(own)
    own.hub.stop()
    time.sleep(3)
    assert stream.is_running(), "the stream died with the hub"
    own.raw.handler = RawAgent.serve_ok
    for _ in range(3):
        assert call(own) == 200
    assert stream.is_running()

    own.hub.start()
    wait_until(lambda: all(hub["connected"] for hub in own.a.cli("status")["hubs"]), 30, "a never came back to the hub")
    wait_until(lambda: all(hub["connected"] for hub in own.b.cli("status")["hubs"]), 30, "b never came back to the hub")
    assert stream.is_running()


def test_peers_that_know_each_other_start_without_the_hub(own):
    """Both restart while no hub is there; what they remember of each other is enough."""
    fixed = own.b.udp_port()
    own.b.config["underlay"]["listen"] = f"127.0.0.1:{fixed}"
    own.b.write_config()
    own.b.stop()
    own.restart(own.b)
    assert call(own) == 200
    own.hub.stop()
    own.a.stop()
    own.b.stop()
    own.restart(own.b)
    own.restart(own.a)
    assert call(own) == 200


def test_two_sidecars_without_any_hub(tmp_path):
    """An invitation with direct addresses is enough."""
    with RawAgent() as agent, World(tmp_path, hub=False) as world:
        world.serve("raw", "http", f"http://127.0.0.1:{agent.port}")
        world.start()
        assert call(world) == 200


# Trust


@pytest.mark.parametrize("revoker", ["exposing", "reaching"])
def test_revoking_trust_cuts_running_streams_at_both_ends(own, revoker):
    """R8: under a second at both ends, and nothing opens afterwards."""
    own.raw.handler = stream_forever
    stream = Stream(own)
    upstream = own.raw.connections[0]
    one, other = (own.b, own.a) if revoker == "exposing" else (own.a, own.b)
    revoked = time.monotonic()
    one.cli("trust", "revoke", other.did)
    assert stream.wait_for_end(3) is not None and upstream.wait_for_end(3) is not None
    assert stream.ended_at - revoked < 1, "the client's end was cut late"
    assert upstream.ended_at - revoked < 1, "the agent's end was cut late"

    count = len(own.raw.connections)
    status, everything = request(own, CALL % port(own))
    assert status in (502, 503)
    own_error(everything)
    assert len(own.raw.connections) == count, "a call got through after the revocation"


def test_a_revocation_survives_a_restart_of_both(own):
    own.b.cli("trust", "revoke", own.a.did)
    for node in (own.a, own.b):
        node.kill()
        own.restart(node)
    assert call(own) == 503
    assert own.raw.connections == []
    # A new invitation mends it.
    befriend(own.b, own.a)
    assert call(own) == 200


def test_a_one_sided_grant_opens_nothing(tmp_path):
    """R9: asking is not getting. One side's grant, whichever it is, opens no call and no path."""
    with RawAgent() as agent, World(tmp_path) as world:
        world.serve("raw", "http", f"http://127.0.0.1:{agent.port}")
        world.start(trusted=False)
        world.a.cli("trust", "request", world.b.did, "--note", "let me in")
        wait_until(lambda: world.b.cli("trust", "list")["pending"], 10, "the request never came")
        for _ in range(3):
            assert call(world) == 503
        assert agent.connections == []
        peer = world.b.peer(world.a.did)
        assert peer is None or not peer["connected"]

        pending = world.b.cli("trust", "list")["pending"]
        assert [entry["did"] for entry in pending] == [world.a.did]
        assert pending[0]["note"] == "let me in"
        world.b.cli("trust", "approve", pending[0]["id"])
        wait_until(lambda: call(world) == 200, 15, "approval did not open the way")
        trusted = world.a.cli("trust", "list")["trusted"]
        assert [entry["did"] for entry in trusted] == [world.b.did]


def test_one_side_forgets_and_the_other_opens_nothing(own):
    """`a` is away while `b` revokes: `a` still holds the old grant, and it is worth nothing."""
    own.a.stop()
    own.b.cli("trust", "revoke", own.a.did)
    own.restart(own.a)
    status, everything = request(own, CALL % port(own))
    assert status in (502, 503)
    own_error(everything)
    assert own.raw.connections == []


def test_a_rejected_request_opens_nothing(tmp_path):
    with RawAgent() as agent, World(tmp_path) as world:
        world.serve("raw", "http", f"http://127.0.0.1:{agent.port}")
        world.start(trusted=False)
        world.a.cli("trust", "request", world.b.did)
        wait_until(lambda: world.b.cli("trust", "list")["pending"], 10, "the request never came")
        world.b.cli("trust", "reject", world.b.cli("trust", "list")["pending"][0]["id"])
        assert world.b.cli("trust", "list")["pending"] == []
        assert call(world) == 503 and agent.connections == []


def test_a_request_waits_for_a_node_that_is_offline_and_tells_nobody(tmp_path):
    """R8, R9: the asker learns nothing; a node that never existed gets the same answer as one that is away."""
    with World(tmp_path) as world:
        world.start(trusted=False)
        world.b.stop()
        unknown = Sidecar(tmp_path, "never-started").did
        answers = []
        for did in (world.b.did, unknown):
            document = world.a.cli("trust", "request", did)
            answers.append({key: value for key, value in document.items() if key not in ("id", "did", "peer", "sent")})
        assert answers[0] == answers[1]
        world.restart(world.b)
        wait_until(lambda: world.b.cli("trust", "list")["pending"], 15, "the request was lost")


def test_an_invitation_is_good_for_one(own, tmp_path):
    invitation = own.b.cli("invite")["invitation"]
    guests = [own.add(Sidecar(tmp_path, name, own.hub.url)) for name in ("first", "second")]
    for guest in guests:
        guest.write_config()
        guest.start()
    guests[0].cli("join", invitation)
    own.b.wait_for_peer(guests[0].did, lambda peer: peer["trusted"], "became trusted")
    refused = postern("join", invitation, "--state", guests[1].state, "--json", timeout=10)
    error = json.loads(refused.stdout)["error"]
    assert refused.returncode == 1 and error["code"] == "bad-invitation" and error["hint"]
    peer = own.b.peer(guests[1].did)
    assert peer is None or not peer["trusted"]


# One stalls, the others go on


class Load:
    """Clients that fetch answers of one size as fast as they come, and count them."""

    def __init__(self, world, clients, path):
        self.port, self.path = port(world), path
        self.counts = [0] * clients
        self.errors = []
        self.stopped = False
        self.threads = [threading.Thread(target=self._run, args=(index,), daemon=True) for index in range(clients)]
        for thread in self.threads:
            thread.start()

    def _run(self, index):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            while not self.stopped:
                connection.request("GET", self.path)
                response = connection.getresponse()
                assert response.status == 200, response.read()
                response.read()
                self.counts[index] += 1
        except Exception as error:
            self.errors.append(error)

    def rate(self, seconds):
        """Answers a second over the next `seconds`, and the slowest client's share."""
        before = list(self.counts)
        time.sleep(seconds)
        counts = [now - then for now, then in zip(self.counts, before)]
        return sum(counts) / seconds, min(counts) / seconds

    def stop(self):
        self.stopped = True
        for thread in self.threads:
            thread.join(30)
        assert not self.errors, self.errors


def test_a_client_that_stops_reading_slows_nobody_down(own):
    """One client asks for 64 MiB and reads nothing; eight others lose less than a fifth, and memory stays bounded."""
    small, large = answer(b"x" * 16384), 64 << 20

    def serve(connection):
        while (taken := connection.read_request()) is not None:
            if taken[0].startswith(b"GET /large"):
                connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % large)
                for _ in range(large >> 16):
                    connection.send(bytes(65536))
            else:
                connection.send(small)

    own.raw.handler = serve
    load = Load(own, 8, "/small")
    load.rate(1)
    before = {node.name: node.program.own_memory() for node in (own.a, own.b)}
    alone, stalled = [], []
    for _ in range(4):
        alone.append(load.rate(1.5)[0])
        with RawClient(port(own)) as client:
            client.get("/large")
            client.read_until(b"\r\n\r\n")
            time.sleep(0.5)
            total, slowest = load.rate(1.5)
            stalled.append(total)
            assert slowest > 0, "a busy client starved"
            grown = {node.name: node.program.own_memory() - before[node.name] for node in (own.a, own.b)}
            client.abort()
        time.sleep(0.2)
    load.stop()
    ratio = statistics.median(stalled) / statistics.median(alone)
    print(f"alone {alone}, beside a stalled client {stalled}, ratio {ratio:.2f}, memory grown by {grown}")
    assert ratio > 0.8
    assert max(grown.values()) < 24 << 20


def test_a_slow_reader_gets_everything_in_the_end(own):
    """Back-pressure from end to end: the agent is held back, nothing is lost and nothing is hoarded."""
    size = 32 << 20
    sent = []

    def serve(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(size >> 16):
            connection.send(bytes(65536))
            sent.append(65536)

    own.raw.handler = serve
    with RawClient(port(own), timeout=30) as client:
        client.get()
        client.read_until(b"\r\n\r\n")
        time.sleep(1.5)
        held = sum(sent)
        time.sleep(1)
        assert sum(sent) == held < size, "nobody held the agent back"
        assert len(client.read_exactly(size)) == size
