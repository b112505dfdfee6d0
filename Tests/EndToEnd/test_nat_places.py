"""Where the hosts are, beside what their routers do: behind one router, behind two, or with IPv6 at one side only.

R3, R4. Each run takes a part of them in turn; `POSTERN_NAT_MATRIX=all` takes all. Needs root.
"""

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
