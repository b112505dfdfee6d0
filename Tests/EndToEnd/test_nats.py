"""Two agents behind real address translators (network namespaces and nftables): who ends direct, and who on the relay.

R3, R4. Each run takes a part of the matrix in turn; `POSTERN_NAT_MATRIX=all` takes all of it (the nightly run). Needs
root.
"""

import hashlib
import itertools
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import nats
from world import World, befriend

pytestmark = pytest.mark.skipif(nats.why_not() is not None, reason=str(nats.why_not()))
HERE = Path(__file__).parent


def part(cells, size):
    """The cells of this run: all, or so many, others on each day."""
    if os.environ.get("POSTERN_NAT_MATRIX") == "all":
        return cells
    day = int(time.time()) // 86_400
    order = sorted(cells, key=lambda cell: hashlib.sha256(f"{day} {cell}".encode()).digest())
    return order[:size]


CLEAN = [kind for kind in nats.ENDPOINT_INDEPENDENT if not kind.endswith("-noisy")]
DIRECT = list(itertools.product(CLEAN, repeat=2))
# Two routers that mistake early packets would need luck to the microsecond here.
NOISY = [cell for kind in CLEAN for cell in ((kind, "port-restricted-noisy"), ("port-restricted-noisy", kind))]
OPEN = ["public", "full-cone", "full-cone-mapped", "address-restricted", "address-restricted-mapped"]
REFLEXIVE = [cell for one, other in itertools.product(OPEN, nats.SYMMETRIC) for cell in ((one, other), (other, one))]
# One side takes another port for each destination, and the other lets in only what it has sent to.
CLOSED = ["firewall", "port-restricted", "port-restricted-mapped"]
GUESSED = [cell for one, other in itertools.product(CLOSED, nats.SYMMETRIC) for cell in ((one, other), (other, one))]
RELAYED = list(itertools.product(nats.SYMMETRIC, repeat=2))
BLOCKED = list(itertools.product(nats.WITHOUT_UDP, [*CLEAN, *nats.SYMMETRIC, *nats.WITHOUT_UDP]))


class Cell:
    """A hub outside, two sidecars behind their routers and an MCP server beside b, on demand an A2A agent too."""

    def __init__(self, folder, place, planner=False, **underlay):
        """`place`: two kinds of routers, or another internet of `nats`."""
        self.internet = nats.Internet(*place) if isinstance(place, tuple) else place
        self.folder = folder
        self.planner = planner
        self.underlay = underlay

    def __enter__(self):
        self.internet.__enter__()
        (self.folder / "hub").mkdir()
        (self.folder / "hub" / "hub.yaml").write_text(f"websocket: {nats.HUB}:443\n")
        self.world = World(self.folder, address=nats.HUB, namespaces=self.internet.names)
        world = self.world.__enter__()
        world.serve("tools", "mcp", f"http://127.0.0.1:{world.agent('mcp_agent').port}")
        if self.planner:
            world.serve("planner", "a2a", f"http://127.0.0.1:{world.agent('a2a_agent').port}")
        for node in (world.a, world.b):
            node.config["underlay"].update(self.underlay)
        world.start(trusted=False)
        befriend(world.b, world.a)
        return self

    def __exit__(self, *error):
        self.world.__exit__(*error)
        self.internet.__exit__(*error)

    def call(self, seconds=45):
        """A real MCP client beside a calls a tool of the agent beside b."""
        self.check("mcp.tools", {"url": self.world.url("tools", "/mcp"), "era": "modern"}, seconds)

    def check(self, name, arguments, seconds):
        """Runs a check beside a; returns its result."""
        order = json.dumps({"check": name, "arguments": arguments})
        run = subprocess.run(
            [*self.internet.prefix("a"), sys.executable, "-m", "checks", order], cwd=HERE, capture_output=True,
            text=True, timeout=seconds, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
        assert run.returncode == 0, run.stderr[-1500:]
        return json.loads(run.stdout)

    def ends(self):
        return (self.world.a, self.world.b), (self.world.b, self.world.a)

    def kinds(self):
        """The kind of path at both ends."""
        return [(one.peer(other.did)["path"] or {}).get("kind") for one, other in self.ends()]

    def relayed(self):
        return sum(one.peer(other.did)["relayedBytes"] for one, other in self.ends())

    def wait_for(self, kind, seconds):
        deadline = time.monotonic() + seconds
        while self.kinds() != [kind, kind]:
            assert time.monotonic() < deadline, (self.kinds(), self.world.a.program.tail(8))
            time.sleep(0.1)


def check_direct(cell, patience=15):
    cell.call()
    cell.wait_for("direct", patience)
    before = cell.relayed()
    cell.call()
    assert cell.kinds() == ["direct", "direct"] and cell.relayed() == before


@pytest.mark.parametrize("kinds", part(DIRECT, 9), ids="-x-".join)
def test_endpoint_independent_translators_end_direct(tmp_path, kinds):
    """One address inside has one address outside on both sides: each opens its own translator for the other."""
    with Cell(tmp_path, kinds) as cell:
        check_direct(cell)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("kinds", part(NOISY, 0), ids="-x-".join)
def test_a_translator_that_an_early_packet_closed_is_opened_by_a_later_round(tmp_path, kinds):
    """Where the first try came too early, the router has forgotten it by a later round that its own side begins."""
    with Cell(tmp_path, kinds) as cell:
        check_direct(cell, patience=200)


@pytest.mark.parametrize("kinds", part(REFLEXIVE, 3), ids="-x-".join)
def test_a_peer_that_is_let_in_shows_its_address(tmp_path, kinds):
    """One side maps per destination, but the other lets its packet in and learns from it where to answer."""
    with Cell(tmp_path, kinds) as cell:
        check_direct(cell)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("kinds", part(GUESSED, 1), ids="-x-".join)
def test_a_port_that_depends_on_the_destination_is_guessed(tmp_path, kinds):
    """One side opens 256 ports, the other guesses one of them; the calls that are under way go on meanwhile."""
    with Cell(tmp_path, kinds) as cell:
        deadline = time.monotonic() + 150
        while cell.kinds() != ["direct", "direct"]:
            assert time.monotonic() < deadline, (cell.kinds(), cell.world.a.program.tail(8))
            cell.call()
        before = cell.relayed()
        cell.call()
        assert cell.relayed() == before
        for node in (cell.world.a, cell.world.b):
            deadline = time.monotonic() + 30
            while udp_sockets(node) > 4:
                assert time.monotonic() < deadline, f"{udp_sockets(node)} sockets are still open"
                time.sleep(0.5)


def udp_sockets(node):
    """How many UDP sockets the sidecar has bound: each has two descriptors."""
    run = subprocess.run(
        ["ip", "netns", "exec", node.namespace, "ss", "-Huanp"], capture_output=True, text=True, check=True)
    return sum(f"pid={node.program.pid}," in line for line in run.stdout.splitlines())


@pytest.mark.timeout(120)
def test_ports_are_not_guessed_where_that_is_switched_off(tmp_path):
    with Cell(tmp_path, ("port-restricted", "symmetric"), guessPorts=False) as cell:
        deadline = time.monotonic() + 6
        while time.monotonic() < deadline:
            cell.call()
            assert udp_sockets(cell.world.a) <= 4 and udp_sockets(cell.world.b) <= 4
            time.sleep(0.5)
        assert cell.kinds() == ["relay", "relay"]


@pytest.mark.parametrize("kinds", part(RELAYED, 1), ids="-x-".join)
def test_where_no_direct_path_is_the_relay_carries(tmp_path, kinds):
    with Cell(tmp_path, kinds) as cell:
        cell.call()
        time.sleep(2)
        before = cell.relayed()
        cell.call()
        assert cell.kinds() == ["relay", "relay"] and cell.relayed() > before


@pytest.mark.parametrize("kinds", part(BLOCKED, 2), ids="-x-".join)
def test_where_udp_is_blocked_the_relay_carries_over_websocket(tmp_path, kinds):
    with Cell(tmp_path, kinds) as cell:
        cell.call()
        before = cell.relayed()
        cell.call()
        assert cell.kinds() == ["relay", "relay"] and cell.relayed() > before
        for kind, node in zip(kinds, (cell.world.a, cell.world.b)):
            transport = node.cli("status")["hubs"][0]["transport"]
            assert transport == ("websocket" if kind in nats.WITHOUT_UDP else "udp")


@pytest.mark.parametrize("kinds", [("port-restricted", "symmetric"), ("symmetric", "udp-blocked")], ids="-x-".join)
def test_a_notification_of_an_agent_behind_one_translator_reaches_a_client_behind_another(tmp_path, kinds):
    """RULES P: neither the client's receiver nor the agent has an address that the other could call."""
    with Cell(tmp_path, kinds, planner=True) as cell:
        assert cell.check("push.notified", {"url": cell.world.url("planner")}, seconds=60) == "/hook?for=me"
