"""Packets that somebody may send, as many as he likes, and how long the calls of others take meanwhile."""

import hashlib
import multiprocessing
import os
import socket
import struct
import time

import pytest

from raw import RawClient
from test_attacks import AttackedWorld
from test_disk import percentile
from test_reflection import CANDIDATES, PATH_CHALLENGE, Aimer
from wire import INITIATION, key_of_did, mac1, varint
from world import World

pytestmark = pytest.mark.alone

PACKETS, PER_SECOND = 15_000, 5_000
# A machine that is busy with other things has a p99 of its own.
LIMIT = 20.0


def candidates(number):
    """A frame that names sixteen addresses, each time others."""
    frame = bytearray(bytes([CANDIDATES]) + varint(number + 1) + varint(16))
    for index in range(16):
        frame += bytes([4, 127, 1 + number % 250, index, 9]) + struct.pack("!H", 1024 + number % 60_000)
    return bytes(frame)


def challenges(number):
    return b"".join(bytes([PATH_CHALLENGE]) + (number * 64 + index).to_bytes(8) for index in range(64))


def junk_initiation(receiver, number):
    """A first message whose first MAC is right, which takes the receiver's key and no other, and nothing else."""
    noise = b"".join(hashlib.blake2b(b"%d %d" % (number, part)).digest() for part in range(19))
    packet = struct.pack("!BI", INITIATION, number) + noise[:1200 - 37]
    return packet + mac1(receiver, packet) + bytes(16)


def flood(sender, packets):
    """Sends them at the rate, from a process of its own, which ends when all are sent."""
    def work():
        begun = time.monotonic()
        for number, packet in enumerate(packets):
            sender.send(packet)
            if number % 50 == 49:
                time.sleep(max(0, begun + number / PER_SECOND - time.monotonic()))
        os._exit(0)

    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    return process


def durations(port, is_running):
    """Milliseconds of calls one after another while `is_running`."""
    times = []
    with RawClient(port) as client:
        while is_running():
            begun = time.monotonic()
            client.get("/")
            status, _, body = client.response()
            times.append((time.monotonic() - begun) * 1000)
            assert (status, body) == (200, b"ok")
            time.sleep(0.002)
    return times


def check(port, sender, packets):
    """Calls take about as long beside the flood as without it."""
    calm_until = time.monotonic() + 2
    calm = percentile(durations(port, lambda: time.monotonic() < calm_until), 0.99)
    process = flood(sender, packets)
    times = durations(port, process.is_alive)
    process.join()
    reached = f"{len(times)} calls, p50 {percentile(times, 0.5):.2f} ms, p99 {percentile(times, 0.99):.2f} ms, without {calm:.2f} ms"
    print(reached)
    assert len(times) > 100 and percentile(times, 0.99) < max(LIMIT, 3 * calm), reached


@pytest.fixture(scope="module")
def attacked(tmp_path_factory):
    with AttackedWorld(tmp_path_factory.mktemp("floods"), "1024:1024") as world:
        yield world.start()


@pytest.fixture(scope="module")
def relayed(tmp_path_factory):
    """Two sidecars whose packets all go through the hub."""
    with World(tmp_path_factory.mktemp("relayed")) as world:
        bulk = world.agent("bulk_agent")
        world.serve("bulk", "http", f"http://127.0.0.1:{bulk.port}")
        for node in (world.a, world.b):
            node.config["underlay"]["relay"] = "only"
        yield world.start()


@pytest.mark.parametrize("frames", [candidates, challenges])
def test_frames_of_a_trusted_peer_hold_nobody_up(attacked, frames):
    member = attacked.attacker()
    first = member.sent + 1
    packets = [member.sending.seal(member.remote_index, first + number, frames(number)) for number in range(PACKETS)]
    check(attacked.port, member.socket, packets)


@pytest.mark.parametrize("frames", [candidates, challenges])
def test_frames_of_a_stranger_hold_up_nobody_at_a_hub(relayed, frames):
    host, port = relayed.hub.listen.rsplit(":", 1)
    aimer = Aimer(relayed.hub.ready["did"], (host, int(port)))
    packets = [aimer.sending.seal(aimer.remote_index, aimer.next + number, frames(number)) for number in range(PACKETS)]
    check(relayed.ports["bulk"], aimer.socket, packets)


@pytest.mark.parametrize("target", ["node", "hub"])
def test_junk_first_messages_hold_nobody_up(attacked, relayed, target):
    if target == "node":
        called, did, address = attacked.port, attacked.b.did, ("127.0.0.1", attacked.b.udp_port())
    else:
        host, port = relayed.hub.listen.rsplit(":", 1)
        called, did, address = relayed.ports["bulk"], relayed.hub.ready["did"], (host, int(port))
    packets = [junk_initiation(key_of_did(did), number) for number in range(PACKETS)]
    with socket.socket(type=socket.SOCK_DGRAM) as stranger:
        stranger.connect(address)
        check(called, stranger, packets)
