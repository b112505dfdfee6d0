"""Datagrams of strangers, and datagrams of friends turned into junk: silence, no crash, no memory."""

import os
import socket
import struct
import time

import pytest

from test_failures import Stream, call, stream_forever
from world import Sidecar

FLOOD = 20_000


def silent(port, datagrams, host="127.0.0.1"):
    """Sends `datagrams` from a fresh socket and asserts that nothing at all comes back, not even an ICMP error."""
    with socket.socket(type=socket.SOCK_DGRAM) as stranger:
        stranger.connect((host, port))
        stranger.settimeout(0.5)
        for datagram in datagrams:
            try:
                stranger.send(datagram)
            except OSError as error:
                assert error.errno == 90, error  # EMSGSIZE: the kernel's own limit
        try:
            assert stranger.recv(65536) is None, "a stranger was answered"
        except TimeoutError:
            pass


def junk():
    """Random bytes of many lengths, and bytes that begin like each packet type."""
    for size in [0, 1, 2, 4, 5, 8, 9, 24, 25, 26, 31, 32, 100, 148, 149, 1200, 1232, 1452, 1500, 9000, 65507]:
        yield os.urandom(size)
        for kind in range(0, 8):
            yield bytes([kind]) + os.urandom(max(0, size - 1))
        yield bytes(size)
        yield b"\xff" * size


class Tap:
    """Keeps the payloads of all UDP datagrams on loopback to some ports, for as long as the `with`; needs root."""

    def __init__(self, *ports):
        self.ports = ports
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
        self.socket.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
        self.socket.bind(("lo", 0x0800))
        self.seen = {port: [] for port in ports}

    def collect(self):
        self.socket.settimeout(0.2)
        while True:
            try:
                packet = self.socket.recv(65536)
            except TimeoutError:
                break
            if packet[9] != socket.IPPROTO_UDP:
                continue
            header = (packet[0] & 15) * 4
            _, destination, length, _ = struct.unpack("!HHHH", packet[header:header + 8])
            if destination in self.seen:
                payload = packet[header + 8:header + length]
                self.seen[destination].append(payload)
        return self.seen

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.socket.close()


def mutations(packet):
    """Truncations and single flipped bits of a datagram that was good once, and the datagram with bytes behind it."""
    for size in {0, 1, 4, 5, 8, 9, 16, 25, 32, len(packet) // 2, len(packet) - 16, len(packet) - 1}:
        if 0 <= size < len(packet):
            yield packet[:size]
    for position in sorted({0, 1, 4, 5, 8, 9, 12, 40, 60, len(packet) // 2, len(packet) - 17, len(packet) - 1}):
        if 0 <= position < len(packet):
            for bit in (0, 7):
                changed = bytearray(packet)
                changed[position] ^= 1 << bit
                yield bytes(changed)
    yield packet + b"\x00"
    yield packet + os.urandom(100)


def udp_port(node):
    return int(node.ready["udp"][0].rsplit(":", 1)[1]) if "udp" in node.ready else int(node.listen.rsplit(":", 1)[1])


def test_a_stranger_gets_no_answer_at_all(own):
    """S4: junk to sidecar and hub; nobody answers, nothing grows, calls go on."""
    assert call(own) == 200
    for node in (own.b, own.a, own.hub):
        silent(udp_port(node), junk())
    assert call(own) == 200
    assert all(node.program.running for node in (own.a, own.b, own.hub))


def test_a_flood_of_junk_costs_no_memory(own):
    own.raw.handler = stream_forever
    stream = Stream(own)
    for node in (own.b, own.hub):
        before = node.program.own_memory()
        with socket.socket(type=socket.SOCK_DGRAM) as stranger:
            stranger.connect(("127.0.0.1", udp_port(node)))
            for index in range(FLOOD):
                stranger.send(bytes([1 + index % 4]) + os.urandom(200 + index % 1000))
        time.sleep(0.5)
        assert node.program.own_memory() - before < 16 << 20
    assert stream.is_running(), "a flood of a stranger's stopped a running stream"


@pytest.mark.skipif(os.geteuid() != 0, reason="tapping the loopback device needs root")
def test_replayed_and_damaged_datagrams_are_dropped_in_silence(own):
    """S4: every datagram of a real session again, from elsewhere, whole and damaged: handshakes and data."""
    ports = [udp_port(node) for node in (own.a, own.b, own.hub)]
    with Tap(*ports) as tap:
        for node in (own.a, own.b):
            node.stop()
            own.restart(node)
        ports = [udp_port(node) for node in (own.a, own.b, own.hub)]
        tap.seen.update({port: [] for port in ports if port not in tap.seen})
        assert call(own) == 200
        seen = tap.collect()
    for node, port in zip((own.a, own.b, own.hub), ports):
        captured = seen[port]
        assert captured, f"nothing was ever sent to {node.name}"
        before = node.program.own_memory()
        silent(port, captured)
        for packet in captured[:40]:
            silent_now(port, mutations(packet))
        silent(port, captured)
        assert node.program.running
        assert node.program.own_memory() - before < 16 << 20
    # The session is where it was.
    assert call(own) == 200
    assert own.a.peer(own.b.did)["path"]["kind"] == "direct"


def silent_now(port, datagrams):
    """As `silent`, without waiting for each datagram: a wrong answer shows in the one after."""
    with socket.socket(type=socket.SOCK_DGRAM) as stranger:
        stranger.connect(("127.0.0.1", port))
        stranger.settimeout(0.02)
        for datagram in datagrams:
            stranger.send(datagram)
        try:
            assert stranger.recv(65536) is None, "a stranger was answered"
        except TimeoutError:
            pass


def test_a_node_that_was_never_trusted_gets_no_answer(own, tmp_path):
    """A real sidecar, a registered one even, that knows our address but holds no grant of ours."""
    stranger = own.add(Sidecar(tmp_path, "stranger", own.hub.url))
    stranger.reach(own.b.did, "raw")
    stranger.write_config()
    stranger.start()
    ping = stranger.cli("ping", own.b.did, "-c", "2", check=False)
    assert ping is None or "error" in ping or ping["received"] == 0
    own.ports["raw"], kept = int(stranger.ready["reach"][0]["listen"].rsplit(":", 1)[1]), own.ports["raw"]
    assert call(own) == 503
    own.ports["raw"] = kept
    assert own.raw.connections == []
    assert own.b.peer(stranger.did) is None
