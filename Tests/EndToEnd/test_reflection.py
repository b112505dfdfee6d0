"""Whoever has a valid key aims the hub at others: what arrives at a victim that never answers, in bytes.

A hub takes sessions of every key, so it is the easiest to aim. A forged source address is a socket at that address from
which the packet leaves and which never answers: the hub cannot tell the difference.
"""

import socket
import time

import pytest

from wire import PING, Initiator, varint

NEW_INDEX, PATH_CHALLENGE, CANDIDATES = 0x18, 0x1A, 0x2A
# `Protocol.md` §4.8: packets to all unproven addresses of a peer, at once and a second.
BURST, PER_SECOND = 16, 4


class Victim:
    """An address of the host at which nobody takes part."""

    def __init__(self, number):
        self.socket = socket.socket(type=socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.bind((f"127.0.77.{number}", 0))
        self.socket.setblocking(False)
        self.sizes = []

    @property
    def address(self):
        return self.socket.getsockname()

    def count(self):
        """Sizes of the datagrams that have come so far."""
        while True:
            try:
                self.sizes.append(len(self.socket.recv(65536)))
            except BlockingIOError:
                return self.sizes


class Aimer(Initiator):
    """A stranger with a session, which it uses in the name of others."""

    def __init__(self, did, address):
        super().__init__(did, address)
        self.hub = address
        self.next = 1
        self.connect()
        # Without indices of its own no other path gets anything.
        indices = b"".join(
            bytes([NEW_INDEX]) + varint(sequence) + (self.index + sequence & 0xFFFFFFFF).to_bytes(4)
            for sequence in range(1, 4))
        self.send(bytes([PING]) + indices)

    def send(self, frames, victim=None):
        """A packet of the session, as from the victim's address. Returns its size."""
        packet = self.sending.seal(self.remote_index, self.next, bytes(frames))
        self.next += 1
        if victim:
            victim.socket.sendto(packet, self.hub)
        else:
            self.socket.send(packet)
        return len(packet)


@pytest.fixture
def aimer(world):
    host, port = world.hub.listen.rsplit(":", 1)
    return Aimer(world.hub.ready["did"], (host, int(port)))


def challenge(token):
    return bytes([PATH_CHALLENGE]) + token.to_bytes(8)


def test_one_small_packet_is_worth_three_times_itself(aimer):
    victim = Victim(1)
    sent = aimer.send([PING], victim)
    time.sleep(3)
    received = victim.count()
    assert sent == 26
    assert 0 < sum(received) <= 3 * sent, received


def test_challenges_of_one_packet_are_answered_in_one_no_larger(aimer):
    victim = Victim(2)
    sent = aimer.send(b"".join(challenge(token) for token in range(8)), victim)
    time.sleep(3)
    assert sent == 97
    assert victim.count() == [sent]


def test_a_stream_of_forged_packets_gets_a_few_packets_a_second(aimer):
    """Full packets that bring a PING and a challenge each, in the names of forty victims, 3 Mbit/s for three seconds."""
    victims = [Victim(number) for number in range(10, 50)]
    start, sent = time.monotonic(), 0
    for number in range(1000):
        frames = bytes([PING]) + challenge(number)
        sent += aimer.send(frames.ljust(1100, b"\0"), victims[number % len(victims)])
        time.sleep(max(0, start + number * 0.003 - time.monotonic()))
    time.sleep(1)
    seconds = time.monotonic() - start
    received = [size for victim in victims for size in victim.count()]
    assert sent > 1_000_000
    assert 0 < len(received) <= BURST + PER_SECOND * (seconds + 1), len(received)
    assert sum(received) < sent / 20


def test_a_first_message_in_the_name_of_another_is_worth_three_times_itself(world):
    host, port = world.hub.listen.rsplit(":", 1)
    victim, stranger = Victim(3), Initiator(world.hub.ready["did"], (host, int(port)))
    packet = stranger.initiation()
    victim.socket.sendto(packet, (host, int(port)))
    time.sleep(5)
    received = victim.count()
    assert 0 < sum(received) <= 3 * len(packet), received


def test_addresses_that_a_stranger_tells_a_hub_get_nothing(aimer):
    victims = [Victim(number) for number in range(60, 76)]
    for sequence in range(1, 101):
        frame = bytes([CANDIDATES]) + varint(sequence) + varint(len(victims))
        for victim in victims:
            host, port = victim.address
            frame += b"\x04" + socket.inet_aton(host) + port.to_bytes(2)
        aimer.send(frame)
        time.sleep(0.02)
    time.sleep(1)
    assert [victim.count() for victim in victims] == [[]] * len(victims)
