"""What happens to sessions when the way between them changes: hubs that die, translators that forget, nodes that move.

Real programs in network namespaces; needs root.
"""

import base64
import json
import sys
import time
from pathlib import Path

import pytest

import nats
from namespaces import HUB_ADDRESS, SIX_HUB_ADDRESS, Namespaces, SixNamespaces
from processes import Program
from test_endurance import PACE, SEQUENCE, Transfer, longest_silence
from world import CommandFailed, World, befriend

pytestmark = pytest.mark.skipif(nats.why_not() is not None, reason=str(nats.why_not()))


def start(folder, hosts, address):
    """A hub, and two sidecars that met through it, with the service of `sequence.py` beside b."""
    world = World(folder, address=address, namespaces=hosts.names)
    agent = world.add(Program("sequence", [sys.executable, SEQUENCE, "serve"], folder, hosts.names["b"]))
    world.serve("sequence", "tcp", f"tcp://127.0.0.1:{int(agent.wait_for_line('READY'))}")
    return world.start()


def kinds(world):
    return [(one.peer(other.did)["path"] or {}).get("kind") for one, other in ((world.a, world.b), (world.b, world.a))]


def wait_for(what, seconds):
    begun = time.monotonic()
    while not what():
        assert time.monotonic() - begun < seconds
        time.sleep(0.05)
    return time.monotonic() - begun


@pytest.mark.alone
def test_a_hub_that_is_killed_under_a_relayed_call_is_missed_and_found_again(tmp_path):
    """Both sides know within 2 s, and the stream goes on within 3 s once the hub is back."""
    with Namespaces() as hosts, start(tmp_path, hosts, HUB_ADDRESS) as world:
        transfer = Transfer(world, "down", 8 * PACE)
        time.sleep(1)
        assert kinds(world) == ["relay", "relay"]
        world.hub.kill()
        killed = time.monotonic()
        for node in (world.a, world.b):
            wait_for(lambda: not node.cli("status")["hubs"][0]["connected"], 3.5)
        assert time.monotonic() - killed < 4, "each look takes its time"
        world.restart(world.hub)
        away = time.monotonic() - killed
        assert longest_silence(transfer.report(40)) < away + 3.5


@pytest.mark.alone
@pytest.mark.parametrize("kind, path", [("full-cone", "direct"), ("symmetric", "relay")])
def test_a_translator_that_forgets_the_side_that_only_receives(tmp_path, kind, path):
    """What comes from the other side is lost until this one says something: it asks after a second."""
    with nats.Internet("symmetric", kind) as internet, start(tmp_path, internet, nats.HUB) as world:
        transfer = Transfer(world, "down", 5 * PACE, pace=PACE / 2)
        wait_for(lambda: kinds(world) == [path, path], 5)
        time.sleep(1)
        internet.forget("a")
        assert longest_silence(transfer.report(40)) < 2.5


@pytest.mark.alone
def test_a_peer_that_restarts_on_another_port_is_met_directly_again(tmp_path):
    with nats.Internet("full-cone", "full-cone") as internet, start(tmp_path, internet, nats.HUB) as world:
        wait_for(lambda: kinds(world) == ["direct", "direct"], 10)
        port = world.b.udp_port()
        world.b.stop()
        world.restart(world.b)
        assert world.b.udp_port() != port
        Transfer(world, "down", 1000, pace=0).report(10)
        assert wait_for(lambda: kinds(world) == ["direct", "direct"], 5) < 3


def candidates(invitation):
    """The addresses that anybody reads in an invitation."""
    body = invitation.removeprefix("postern-invite:")
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))[:-4]).get("candidates", [])


def test_relay_only_tells_nobody_where_it_is(tmp_path):
    """b's addresses are in no invitation, a never sends a packet there, and everything goes through the hub."""
    with nats.Internet("firewall", "public") as internet:
        world = World(tmp_path, address=nats.HUB, namespaces=internet.names)
        agent = world.add(Program("sequence", [sys.executable, SEQUENCE, "serve"], tmp_path, internet.names["b"]))
        world.serve("sequence", "tcp", f"tcp://127.0.0.1:{int(agent.wait_for_line('READY'))}")
        world.b.config["underlay"]["relay"] = "only"
        with world.start(trusted=False):
            for kind in ("all", "public", "none"):
                assert candidates(world.b.cli("invite", "--addresses", kind)["invitation"]) == []
            befriend(world.b, world.a)
            Transfer(world, "down", PACE, pace=0).report(20)
            assert kinds(world) == ["relay", "relay"]
            log = Path(world.a.program.log).read_text()
            assert nats.HOSTS["b"] not in log
            flows = internet.flows("a")
            assert nats.HUB in flows and nats.HOSTS["b"] not in flows, flows


def test_an_invitation_shows_the_addresses_that_it_is_told_to(tmp_path):
    with nats.Internet("port-restricted-mapped", "port-restricted-mapped") as internet:
        with start(tmp_path, internet, nats.HUB) as world:
            shown = {kind: candidates(world.b.cli("invite", "--addresses", kind)["invitation"])
                     for kind in ("none", "public", "all")}
            assert shown["none"] == []
            assert [place.rsplit(":", 1)[0] for place in shown["public"]] == [nats.ROUTERS["b"]]
            assert {place.rsplit(":", 1)[0] for place in shown["all"]} == {nats.ROUTERS["b"], nats.HOSTS["b"]}
            assert candidates(world.b.cli("invite")["invitation"]) == shown["public"]


def test_a_join_without_a_way_out_says_which_hub_was_not_reached(tmp_path):
    with nats.Internet("blackout", "public") as internet:
        with World(tmp_path, address=nats.HUB, namespaces=internet.names).start(trusted=False) as world:
            invitation = world.b.cli("invite", "--addresses", "none")["invitation"]
            with pytest.raises(CommandFailed) as failure:
                world.a.cli("join", invitation, timeout=40)
            assert "hub-unreachable" in str(failure.value) and nats.HUB in str(failure.value)


def test_hosts_without_ipv4_meet_directly(tmp_path):
    with SixNamespaces() as hosts, start(tmp_path, hosts, f"[{SIX_HUB_ADDRESS}]") as world:
        Transfer(world, "down", PACE, pace=0).report(20)
        wait_for(lambda: kinds(world) == ["direct", "direct"], 15)
        assert world.a.peer(world.b.did)["path"]["family"] == "ipv6"
        assert world.a.cli("status")["hubs"][0]["transport"] == "udp"
