"""One stream over a link of 100 Mbit/s with 40 ms of round trip. The whole table is made by Tests/Peers/wan.py. Needs root.

The bounds leave room for a machine that is busy with other things; the exact figures are those of the simulation.
"""

import time

import pytest

import links
from test_endurance import Transfer, start_world

pytestmark = pytest.mark.skipif(links.why_not() is not None, reason=str(links.why_not()))


def rate(world, byte_count):
    """Mbit/s of one transfer from b to a, from its first byte on, with every byte in place."""
    transfer = Transfer(world, "down", byte_count, pace=0)
    begun = time.monotonic()
    transfer.report(60)
    return byte_count * 8 / (time.monotonic() - begun) / 1e6


def test_a_stream_fills_the_link(tmp_path):
    with links.TwoHosts(delay=20, rate=100, queue=500) as hosts, start_world(tmp_path, hosts) as world:
        assert rate(world, 30_000_000) > 60
