"""Packets grow to what an interface takes, and shrink with it in the middle of a stream (RFC 8899)."""

import json
import subprocess

import pytest

from namespaces import why_not
from processes import PROGRAMS

# A machine that does other things sends more small packets.
pytestmark = [pytest.mark.skipif(why_not() is not None, reason=str(why_not())), pytest.mark.alone]

# What a packet carries beside the bytes of a stream: IPv4, UDP, the packet's own header and tag.
HEADERS = 20 + 8 + 25


def stream_bytes_per_packet(script):
    """Runs the bulk stream in a network of its own whose loopback `script` sets up; lowest and highest of the rounds."""
    bench = f"{PROGRAMS / 'postern-bench'} run stream --json"
    run = subprocess.run(
        ["unshare", "--net", "sh", "-c", script.format(bench=bench)], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    sizes = next(result for result in json.loads(run.stdout)["results"] if "per packet" in result["what"])
    return sizes["min"], sizes["max"]


@pytest.mark.parametrize("mtu", [1280, 1500, 9000])
def test_packets_fill_what_the_interface_takes(mtu):
    lowest, highest = stream_bytes_per_packet(f"ip link set lo mtu {mtu} up && exec {{bench}} --seconds 1")
    # Some packets are not full, some are acknowledgements, and sent and received bytes are not read at one moment.
    assert (mtu - HEADERS) * 0.85 < lowest and highest < (mtu - HEADERS) * 1.15


def test_a_stream_goes_on_when_the_interface_takes_less():
    lowest, highest = stream_bytes_per_packet(
        "ip link set lo mtu 9000 up; (sleep 2.5; ip link set lo mtu 1300) & exec {bench} --seconds 5")
    assert highest > 8000 and 1000 < lowest < 1300
