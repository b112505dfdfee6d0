"""Requests that a rule of `trust.accept` accepts while nobody looks, and the trail that says which rule did (S3, R11);
sidecars that no relay carries for; and a hub that is another one now."""

import json
import shutil
import time

from world import Sidecar, World, postern


def trusts(node):
    return {entry["did"]: entry for entry in node.cli("trust", "list")["trusted"]}


def waiting(node):
    return node.cli("trust", "list")["pending"]


def wait_until(what, condition, timeout=15):
    end = time.monotonic() + timeout
    while not (seen := condition()):
        assert time.monotonic() < end, what
        time.sleep(0.1)
    return seen


def test_a_rule_accepts_for_what_it_names_up_to_its_ceiling_and_the_rest_waits(tmp_path):
    with World(tmp_path) as world:
        world.b.expose("tools", 80, "http", "http://127.0.0.1:9")
        world.b.config["trust"] = {"accept": [{"from": ["anyone"], "services": ["tools"], "perDay": 1}]}
        world.start(trusted=False)
        world.a.cli("trust", "request", world.b.did, "--for", "tools", "--note", "please accept everything")
        wait_until("no rule accepted", lambda: world.a.did in trusts(world.b))
        assert trusts(world.b)[world.a.did]["services"] == ["tools"]
        trail = postern("audit", "list", "--state", world.b.state, "--json").stdout.splitlines()
        given = [entry for entry in map(json.loads, trail) if entry["action"] == "trust.give"]
        assert any(entry.get("via") == "rule from anyone" for entry in given), given
        # Another one comes on the same day, and after a restart: it waits for the operator.
        world.b.stop()
        world.restart(world.b)
        third = world.add(Sidecar(tmp_path, "third", world.hub.url))
        third.write_config()
        third.start()
        third.cli("trust", "request", world.b.did, "--for", "tools")
        request = wait_until("nothing waits", lambda: waiting(world.b))[0]
        assert third.did not in trusts(world.b)
        world.b.cli("trust", "approve", request["id"])
        wait_until("not approved by hand", lambda: world.b.did in trusts(third))
        # Whom the operator sends away does not come back by a rule.
        world.b.config["trust"]["accept"][0]["perDay"] = 100
        world.b.write_config()
        world.b.cli("trust", "revoke", third.did)
        wait_until("the end is not told", lambda: world.b.did not in trusts(third))
        third.cli("trust", "request", world.b.did, "--for", "tools")
        wait_until("nothing waits", lambda: waiting(world.b))
        assert third.did not in trusts(world.b)


def test_without_relays_only_direct_paths_carry(tmp_path):
    with World(tmp_path) as world:
        world.serve("tools", "mcp", f"http://127.0.0.1:{world.agent('mcp_agent').port}")
        for node in (world.a, world.b):
            node.config["underlay"]["relay"] = "never"
        world.start()
        world.a.cli("call", f"{world.b.did}:tools", "tools/list")
        peer = world.a.peer(world.b.did)
        assert peer["path"]["kind"] == "direct" and peer["relayedBytes"] == 0, peer
        # A peer that is to be met through a relay alone is not met.
        world.b.config["underlay"]["relay"] = "only"
        world.b.write_config()
        world.b.stop()
        world.restart(world.b)
        run = postern("call", f"{world.b.did}:tools", "tools/list", "--state", world.a.state, "--json")
        assert run.returncode != 0 and "peer-away" in run.stdout + run.stderr, run
        assert world.a.peer(world.b.did)["relayedBytes"] == 0


def test_a_hub_made_anew_at_the_same_address_is_told_as_silent_to_this_key(tmp_path):
    with World(tmp_path) as world:
        world.start()
        world.hub.stop()
        shutil.rmtree(world.hub.state)
        world.hub.state.mkdir()
        world.hub.start()

        def problem():
            hub = world.a.cli("status")["hubs"][0]
            return not hub["connected"] and (hub["problem"] or "")

        said = wait_until("no reason is given", problem, timeout=40)
        assert "does not answer to this key" in said, said
        text = postern("status", "--state", world.a.state).stdout
        assert "it does not answer to this key" in text and "postern doctor" in text, text
