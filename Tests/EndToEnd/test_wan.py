"""One stream over a link of 100 Mbit/s with 40 ms of round trip. The whole table is made by Tests/Peers/wan.py. Needs root.

The bounds leave room for a machine that is busy with other things; the exact figures are those of the simulation.
"""

import json
import subprocess
import sys
import time

import pytest

import links
from test_endurance import SEQUENCE, Transfer, start_world

pytestmark = [pytest.mark.alone, pytest.mark.skipif(links.why_not() is not None, reason=str(links.why_not()))]


def rate(world, byte_count):
    """Mbit/s of one transfer from b to a, from its first byte on, with every byte in place."""
    transfer = Transfer(world, "down", byte_count, pace=0)
    begun = time.monotonic()
    transfer.report(60)
    return byte_count * 8 / (time.monotonic() - begun) / 1e6


def test_a_stream_fills_the_link(tmp_path):
    with links.TwoHosts(delay=20, rate=100, queue=500) as hosts, start_world(tmp_path, hosts) as world:
        assert rate(world, 30_000_000) > 60


def test_a_stream_keeps_most_of_the_link_when_packets_are_lost(tmp_path):
    """One in a hundred each way: a controller that takes every loss for congestion gets 3 Mbit/s here."""
    with links.TwoHosts(delay=20, rate=100, queue=500, loss=1, seed=5) as hosts:
        with start_world(tmp_path, hosts) as world:
            assert rate(world, 30_000_000) > 35
        assert hosts.stop_link()[1]["lost"] > 100


def test_the_first_call_after_a_start_takes_two_round_trips(tmp_path):
    """One for the session that the start opens, and one for the call: where the service is, is known from before."""
    with links.TwoHosts(delay=300, rate=100, queue=500) as hosts, start_world(tmp_path, hosts) as world:
        order = [*hosts.prefix("a"), sys.executable, str(SEQUENCE), "down", str(world.ports["sequence"]), "1000", "0"]

        def call():
            run = subprocess.run(order, capture_output=True, text=True, timeout=30, check=True)
            assert json.loads(run.stdout.split("report ")[1])["exact"]

        call()
        world.a.stop()
        begun = time.monotonic()
        world.a.start()
        call()
        assert time.monotonic() - begun < 2 * 0.6 + 0.5
