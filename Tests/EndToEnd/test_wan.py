"""One stream over a link of 100 Mbit/s with 40 ms of round trip. The whole table is made by Tests/Peers/wan.py. Needs root."""

import json
import subprocess
import sys
import time

import pytest

import links
from test_endurance import SEQUENCE, start_world

pytestmark = pytest.mark.skipif(links.why_not() is not None, reason=str(links.why_not()))


def rate(world, byte_count):
    """Mbit/s of one transfer from b to a, with every byte in place."""
    begun = time.monotonic()
    run = subprocess.run(
        ["ip", "netns", "exec", world.namespaces["a"], sys.executable, SEQUENCE, "down", str(world.ports["sequence"]),
         str(byte_count), "0"], capture_output=True, text=True, timeout=60, check=True)
    passed = time.monotonic() - begun
    report = json.loads(run.stdout.split("report ")[1])
    assert report["bytes"] == byte_count and report["exact"]
    return byte_count * 8 / passed / 1e6


def test_a_stream_fills_the_link(tmp_path):
    with links.TwoHosts(delay=20, rate=100, queue=500) as hosts, start_world(tmp_path, hosts) as world:
        assert rate(world, 30_000_000) > 75
