"""A second implementation of the wire talks to the real one over UDP. The hub takes sessions of keys it never saw."""

import struct
import time

import pytest
from cryptography.exceptions import InvalidTag

from wire import ACK, COOKIE, INITIATION_SIZE, PING, PROTECTED, RESPONSE, Initiator, mac1, read_varint


@pytest.fixture
def hub(world):
    host, port = world.hub.listen.rsplit(":", 1)
    return world.hub.ready["did"], (host, int(port))


def silent(initiator, packet):
    initiator.socket.settimeout(0.4)
    initiator.socket.send(packet)
    with pytest.raises(TimeoutError):
        initiator.receive(RESPONSE)
    return True


def test_a_handshake_with_an_independent_implementation(hub):
    """S4: Noise_IKpsk1 as `noiseprotocol` has it, with our packets around it."""
    payload = Initiator(*hub).connect()
    ours, flags = struct.unpack("!QB", payload[:9])
    assert ours != 0
    assert flags & 0x04 == 0, "AES was agreed although we said that we have none"
    assert flags & 0x01 == 0, "a first session continues nothing"
    limits, rest = {}, payload[9:]
    while rest:
        number, rest = read_varint(rest)
        length, rest = read_varint(rest)
        limits[number], rest = rest[:length], rest[length:]
    assert {1, 2, 3, 4, 5} <= set(limits)


def test_protected_packets_of_an_independent_implementation(hub):
    """S2: what we seal is opened, acknowledged, and what comes back opens with our keys and no others."""
    initiator = Initiator(*hub)
    initiator.connect()
    initiator.socket.send(initiator.sending.seal(initiator.remote_index, 1, bytes([PING]) + bytes(20)))
    for _ in range(10):
        packet = initiator.receive(PROTECTED)
        assert struct.unpack("!I", packet[1:5])[0] == initiator.index
        _, frames = initiator.receiving.open(packet)
        with pytest.raises(InvalidTag):
            initiator.sending.open(packet)
        if ACK in (frames[0],):
            largest, _ = read_varint(frames[1:])
            assert largest == 1
            return
    raise AssertionError("the packet was never acknowledged")


def test_headers_say_nothing(hub):
    """S2: of the nine bytes in front only type and index are readable; the numbers of two packets look like noise."""
    initiator = Initiator(*hub)
    initiator.connect()
    numbers = set()
    for number in range(1, 9):
        packet = initiator.sending.seal(initiator.remote_index, number, bytes([PING]) + bytes(20))
        numbers.add(packet[5:9])
        assert packet[5:9] != struct.pack("!I", number)
    assert len(numbers) == 8


@pytest.mark.parametrize("fault", ["version", "psk", "mac1", "short", "truncated", "oversized", "a foreign key", "receiver"])
def test_a_wrong_handshake_gets_no_answer(hub, world, fault):
    did, address = hub
    initiator = Initiator(did, address)
    if fault == "version":
        packet = initiator.initiation(version=b"postern overlay 1")
    elif fault == "psk":
        packet = initiator.initiation(psk=bytes(31) + b"1")
    elif fault == "a foreign key":
        packet = Initiator(did, address, key=Initiator(did, address).key).initiation()
    elif fault == "receiver":
        packet = Initiator(world.b.did, address).initiation()
    else:
        packet = initiator.initiation()
        if fault == "mac1":
            packet = packet[:-32] + bytes(32)
        elif fault == "short":
            packet = packet[:-132]
            packet = packet + mac1(initiator.receiver, packet) + bytes(16)
        elif fault == "truncated":
            packet = packet[:-1]
        else:
            packet += bytes(1500 - len(packet))
    assert silent(initiator, packet)


def test_an_old_handshake_gets_no_answer(hub):
    """The replay guard: a time not later than the last is not answered, nor is the packet itself, from elsewhere."""
    did, address = hub
    first, now = Initiator(did, address), time.time_ns()
    packet = first.initiation(counter=now)
    first.socket.send(packet)
    first.accept(first.receive(RESPONSE))
    again = Initiator(did, address, seed=first.seed)
    assert silent(again, again.initiation(counter=now))
    assert silent(again, again.initiation(counter=now - 3600 * 10**9))
    assert silent(again, packet)


def test_who_asks_too_often_has_to_prove_its_address(hub):
    """Cookies: the burst of one source is used up with junk behind a right mac1; then the cookie opens the door."""
    initiator = Initiator(*hub)
    packet = initiator.initiation()
    assert len(packet) == INITIATION_SIZE
    initiator.socket.settimeout(5)
    # A little more than a source may ask in one second, in less than a second.
    for number in range(120):
        junk = packet[:5] + number.to_bytes(8) + packet[13:-32]
        initiator.socket.send(junk + mac1(initiator.receiver, junk) + bytes(16))
    initiator.socket.send(packet)
    while True:
        cookie = initiator.receive(COOKIE)
        assert len(cookie) == 77
        try:
            proven = initiator.prove(packet, cookie)
            break
        except InvalidTag:
            # It answers one of the junk messages.
            continue
    initiator.socket.send(proven)
    initiator.accept(initiator.receive(RESPONSE))


def test_a_stranger_with_a_perfect_handshake_gets_no_answer_from_a_sidecar(world):
    """R8, S4: it knows the key and the address, it makes no mistake, and it is not known."""
    for node in (world.a, world.b):
        host, port = node.ready["udp"][0].rsplit(":", 1)
        stranger = Initiator(node.did, (host, int(port)))
        assert silent(stranger, stranger.initiation())
