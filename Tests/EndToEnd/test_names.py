"""Names mean the keys that this operator bound to them: what a peer calls itself receives nothing and opens nothing."""

import json

from raw import RawAgent, RawClient, headers
from test_http import own_error, request
from world import Sidecar, World, befriend, postern

CALL = b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Bearer secret\r\nConnection: close\r\n\r\n"


def started(world, name):
    sidecar = world.add(Sidecar(world.folder / f"home-of-{name}-{len(world.running)}", name, world.hub.url))
    return sidecar


def test_who_claims_a_name_of_the_configuration_receives_no_requests(tmp_path):
    """A stranger redeems an invitation and calls itself `research`, which the configuration reaches and allows."""
    with RawAgent() as own, RawAgent() as false, RawAgent() as true, World(tmp_path) as world:
        a = world.a
        world.ports["raw"] = a.reach("research", "tools")
        a.expose("planner", 90, "http", f"http://127.0.0.1:{own.port}")
        a.config["expose"][0]["allow"] = ["research"]
        a.write_config()
        a.start()
        stranger, research = started(world, "research"), started(world, "research")
        for sidecar, agent in ((stranger, false), (research, true)):
            sidecar.expose("tools", 80, "http", f"http://127.0.0.1:{agent.port}")
            sidecar.reach(a.did, "planner")
            sidecar.write_config()
            sidecar.start()

        befriend(a, stranger)
        status, everything = request(world, CALL % world.ports["raw"])
        assert status == 503 and own_error(everything)["data"]["code"] == "peer-unknown"
        assert stranger.did.encode() in everything and b"proves nothing" in everything
        peer = a.peer(stranger.did)
        assert (peer["name"], peer["claims"]) == (None, "research")
        unbound = a.cli("status")["unbound"]
        assert [entry["name"] for entry in unbound] == ["research"] and unbound[0]["claimedBy"] == [stranger.did]
        assert unbound[0]["uses"] == [f"reach 127.0.0.1:{world.ports['raw']}", "allow on planner"]
        assert a.cli("config", "check")["unbound"] == ["research"]
        assert stranger.cli("services", a.did) == [], "the name in `allow` is nobody's"

        invitation = a.cli("invite", "--as", "research")["invitation"]
        research.cli("join", invitation)
        a.wait_for_peer(research.did, lambda peer: peer["trusted"], "became trusted")
        assert request(world, CALL % world.ports["raw"])[0] == 200
        assert len(true.connections) == 1 and not false.connections, "only the invited one is reached"
        assert [entry["service"] for entry in research.cli("services", a.did)] == ["planner"]
        assert a.cli("status")["unbound"] == [] and a.cli("config", "check")["unbound"] == []
        refused = postern("name", stranger.did, "research", "--state", a.state, "--json")
        error = json.loads(refused.stdout)["error"]
        assert refused.returncode == 1 and error["code"] == "invalid-name" and research.did in error["message"]


def test_the_agent_is_told_bound_names_only(own):
    """`Postern-Peer-Name` is what the operator of the exposing side calls the peer, whatever that calls itself."""
    def seen():
        assert request(own, CALL % own.ports["raw"])[0] == 200
        return headers(own.raw.connections[-1].last[0], "postern-peer-name")

    assert seen() == []
    own.b.cli("name", own.a.did, "laptop")
    assert seen() == ["laptop"]


def test_joining_binds_the_inviters_name_and_tells_what_it_activates(tmp_path):
    with World(tmp_path) as world:
        port = world.a.reach("b", "tools")
        world.start(trusted=False)
        invitation = world.b.cli("invite")["invitation"]
        joined = world.a.cli("join", invitation)
        assert (joined["name"], joined["claims"], joined["activates"]) == ("b", "b", [f"reach 127.0.0.1:{port}"])
        assert world.b.cli("trust", "list")["trusted"][0]["name"] is None, "the inviter is not asked what to call it"
        assert world.a.cli("status")["unbound"] == []
        again = world.a.cli("join", world.b.cli("invite")["invitation"], "--as", "lab")
        assert again["name"] == "lab"
        assert [entry["name"] for entry in world.a.cli("status")["unbound"]] == ["b"]
