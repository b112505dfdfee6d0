"""Where the hosts are, beside what their routers do: behind one router, behind two, or with IPv6 at one side only.

R3, R4. Each run takes a part of them in turn; `POSTERN_NAT_MATRIX=all` takes all. Needs root.
"""

import os
import subprocess
import time

import pytest

import nats
from test_nats import Cell, check_direct, part

pytestmark = pytest.mark.skipif(nats.why_not() is not None, reason=str(nats.why_not()))
DOUBLE = [
    ("port-restricted", "port-restricted-mapped", "port-restricted"),
    ("full-cone", "port-restricted", "address-restricted"),
    ("port-restricted", "full-cone-mapped", "port-restricted-mapped")]
PLACES = {
    "one router, which turns packets round": lambda: nats.SharedRouter(turns=True),
    "one router, which turns nothing round": lambda: nats.SharedRouter(turns=False),
    **{"-behind-".join(kinds[:2]) + "-x-" + kinds[2]: lambda kinds=kinds: nats.DoubleTranslation(*kinds)
       for kinds in DOUBLE},
    "ipv6 at one side": lambda: nats.SixAtOneSide("port-restricted", "port-restricted"),
}


@pytest.mark.parametrize("place", part(list(PLACES), 2))
def test_hosts_meet_directly_wherever_that_can_be(tmp_path, place):
    """Only networks that their one router keeps apart, and whose packets it does not turn round, stay on the relay."""
    with Cell(tmp_path, PLACES[place]()) as cell:
        if place != "one router, which turns nothing round":
            return check_direct(cell)
        cell.call()
        time.sleep(3)
        before = cell.relayed()
        cell.call()
        assert cell.kinds() == ["relay", "relay"] and cell.relayed() > before


needs_minutes = pytest.mark.skipif(
    os.environ.get("POSTERN_NAT_MATRIX") != "all", reason="takes minutes: POSTERN_NAT_MATRIX=all as at night")


def datagrams(internet, host):
    """UDP datagrams that the host has received and sent."""
    text = subprocess.run([*internet.prefix(host), "cat", "/proc/net/snmp"], capture_output=True, text=True, check=True)
    names, values = [line.split()[1:] for line in text.stdout.splitlines() if line.startswith("Udp:")]
    counts = dict(zip(names, map(int, values)))
    return counts["InDatagrams"] + counts["OutDatagrams"]


def wait_for_lifetime(node, wanted, seconds):
    deadline = time.monotonic() + seconds
    while (known := node.cli("status")["nat"]["lifetimeMs"]) != wanted:
        assert time.monotonic() < deadline, known
        time.sleep(1)


@needs_minutes
@pytest.mark.timeout(1200)
def test_links_at_rest_take_three_packets_a_minute(tmp_path):
    """Once it is known that mappings live for a minute: the hub's link and a direct path, both directions of each.

    Keys that have sealed more than a link at rest does are replaced after three minutes, those at rest after fifteen: what is
    counted lies between."""
    with Cell(tmp_path, ("port-restricted", "port-restricted")) as cell:
        for host in ("a", "b"):
            cell.internet.lifetime(host, 120)
        check_direct(cell)
        for node in (cell.world.a, cell.world.b):
            wait_for_lifetime(node, 60_000, 180)
        time.sleep(210)
        before = datagrams(cell.internet, "a")
        time.sleep(240)
        assert datagrams(cell.internet, "a") - before <= 2 * 4 * 3


@needs_minutes
@pytest.mark.timeout(600)
def test_a_mapping_that_lives_for_twenty_seconds_is_kept_alive(tmp_path):
    """The keep-alive goes below what the router endures, and a call after a long rest finds its way at once."""
    with Cell(tmp_path, ("port-restricted", "port-restricted")) as cell:
        for host in ("a", "b"):
            cell.internet.lifetime(host, 20)
        check_direct(cell)
        for node in (cell.world.a, cell.world.b):
            wait_for_lifetime(node, 15_000, 240)
        time.sleep(70)
        begun = time.monotonic()
        cell.call()
        assert time.monotonic() - begun < 3 and cell.kinds() == ["direct", "direct"]
