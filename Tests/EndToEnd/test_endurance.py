"""What a stream outlives: sleep, a new address, a NAT that forgets, a link that comes and goes. Real programs, real kernels.

Every test sends known bytes at a steady pace, does something to the way, and looks at what came: all of it, in order, and
with a silence no longer than what was done to it and the bound that the test names. Needs root.
"""

import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest

import links
from namespaces import Namespaces, why_not
from processes import Program
from world import World

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
needs_links = pytest.mark.skipif(links.why_not() is not None, reason=str(links.why_not()))
needs_nat = pytest.mark.skipif(
    shutil.which("nft") is None or shutil.which("conntrack") is None, reason="needs nftables and conntrack")

SEQUENCE = Path(__file__).parent / "agents" / "sequence.py"
# How long the sleeping sidecar sleeps, in seconds. A laptop sleeps for longer: POSTERN_TEST_SLEEP=600 is the nightly run.
SLEEP = float(os.environ.get("POSTERN_TEST_SLEEP", 62))
PACE = 2_000_000


class Transfer:
    """Known bytes from b to a (`down`) or from a to b (`up`), `pace` of them a second, or as many as go when it is 0."""

    def __init__(self, world, direction, byte_count, pace=PACE, pause=0):
        self.total = int(byte_count)
        self.program = world.add(Program(
            f"sequence-{direction}", [sys.executable, SEQUENCE, direction, world.ports["sequence"], self.total, pace,
                                      pause],
            world.folder, world.namespaces["a"]))
        self.program.wait_for_line("begun", 10)

    def report(self, timeout):
        """The report, with every byte in place."""
        report = json.loads(self.program.wait_for_line("report", timeout))
        assert report["bytes"] == self.total and report["exact"], report
        return report


def longest_silence(report):
    return max((length for _, length in report["silences"]), default=0)


def start_world(folder, hosts):
    """Two sidecars that know each other's addresses, no hub, and the service."""
    world = World(folder, hub=False, namespaces=hosts.names)
    agent = world.add(Program("sequence", [sys.executable, SEQUENCE, "serve"], folder, hosts.names["b"]))
    port = int(agent.wait_for_line("READY"))
    world.serve("sequence", "tcp", f"tcp://127.0.0.1:{port}")
    world.start()
    return world


@pytest.fixture
def hosts():
    with Namespaces(forwards=True) as hosts:
        yield hosts


@pytest.fixture
def world(hosts, tmp_path):
    world = start_world(tmp_path, hosts)
    with world:
        yield world


@pytest.mark.timeout(int(SLEEP) + 60)
@pytest.mark.parametrize("sleeper, direction, seconds", [("b", "down", SLEEP), ("a", "down", 5), ("a", "up", 5)])
def test_a_stream_goes_on_after_a_sidecar_slept(world, sleeper, direction, seconds):
    """SIGSTOP and SIGCONT, which is what suspending a machine is to a program."""
    transfer = Transfer(world, direction, 4 * PACE)
    time.sleep(1)
    program = getattr(world, sleeper).program
    program.signal(signal.SIGSTOP)
    time.sleep(seconds)
    program.signal(signal.SIGCONT)
    report = transfer.report(30)
    assert seconds - 0.5 < longest_silence(report) < seconds + 2.5


@pytest.mark.parametrize("direction", ["down", "up"])
def test_a_stream_goes_on_from_another_address(world, hosts, direction):
    """The client's machine gets another address in mid-stream."""
    transfer = Transfer(world, direction, 4 * PACE)
    time.sleep(1)
    hosts.move("a", "10.78.1.2", "10.78.1.77")
    assert longest_silence(transfer.report(30)) < 3


@pytest.mark.parametrize("direction", ["down", "up"])
def test_a_silent_stream_goes_on_from_another_address(world, hosts, direction):
    """The same while nobody says anything: the side that moved has to notice by itself."""
    transfer = Transfer(world, direction, 2 * PACE, pause=4)
    time.sleep(2)
    hosts.move("a", "10.78.1.2", "10.78.1.77")
    assert 3.5 < longest_silence(transfer.report(40)) < 4 + 3


@needs_nat
@pytest.mark.parametrize("direction", ["down", "up"])
def test_a_stream_goes_on_when_the_nat_forgets(hosts, tmp_path, direction):
    """Every mapping is lost in mid-stream, and the next has another port."""
    hosts.translate()
    with start_world(tmp_path, hosts) as world:
        transfer = Transfer(world, direction, 4 * PACE)
        ports = set()
        for _ in range(3):
            time.sleep(1)
            ports |= hosts.translated_ports()
            hosts.forget_translations()
        assert longest_silence(transfer.report(30)) < 3
        assert len(ports | hosts.translated_ports()) > 1, "the NAT gave the same port again"


@needs_links
def test_a_stream_goes_on_over_a_link_that_comes_and_goes(tmp_path):
    """Dead for 5 s and alive for 2 s, again and again: every time it goes on within the 2 s of the longest probe timer."""
    with links.TwoHosts(delay=15, rate=50, queue=300) as hosts, start_world(tmp_path, hosts) as world:
        transfer = Transfer(world, "down", 5 * PACE)
        time.sleep(1)
        for _ in range(2):
            hosts.link.cut()
            time.sleep(5)
            hosts.link.mend()
            time.sleep(2)
        report = transfer.report(20)
        assert longest_silence(report) < 5 + 2.1
