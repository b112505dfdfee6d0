"""A state directory that was copied, and one that was restored from a backup (RULES H)."""

import json
import shutil
import time

import pytest

from raw import RawAgent, RawClient
from test_http import request
from world import Sidecar, World, postern

CALL = b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n\r\n"


def shared_keys(node):
    return node.cli("status")["sharedKeys"]


def actions(node):
    return [json.loads(line)["action"] for line in (node.state / "audit.jsonl").read_text().splitlines()]


def until(wanted, what, seconds):
    end = time.monotonic() + seconds
    while not wanted():
        assert time.monotonic() < end, what
        time.sleep(0.2)


@pytest.mark.timeout(240)
def test_two_programs_with_one_key_say_so_at_once(tmp_path):
    with RawAgent() as agent, World(tmp_path) as world:
        world.raw = agent
        world.serve("raw", "http", f"http://127.0.0.1:{agent.port}")
        world.start()
        a, b = world.a, world.b
        assert request(world, CALL % world.ports["raw"])[0] == 200
        twin = world.add(Sidecar(tmp_path / "twin", "twin", world.hub.url))
        shutil.rmtree(twin.state)
        shutil.copytree(a.state, twin.state, ignore=shutil.ignore_patterns("*.sock", "lock"))
        twin.did = a.did
        twin.config = {**a.config, "reach": [], "control": "127.0.0.1:0"}
        other = twin.reach(b.did, "raw")
        twin.write_config()
        twin.start()

        def told():
            for port in (world.ports["raw"], other):
                with RawClient(port, 10) as client:
                    client.send(CALL % port)
                    client.rest()
            return a.did in shared_keys(a) and a.did in shared_keys(twin)

        until(told, "one of the two was not told", 120)
        for node in (a, twin):
            assert "identity.shared" in actions(node)
        text = postern("status", "--state", a.state).stdout
        assert "another program uses this node's key" in text and "stop one of the two" in text
        twin.stop()
        until(lambda: request(world, CALL % world.ports["raw"])[0] == 200, "the first one works again", 90)


@pytest.mark.timeout(240)
def test_a_restored_backup_is_served_again(tmp_path):
    """Its counters are behind what the hub and the peer have seen."""
    with RawAgent() as agent, World(tmp_path) as world:
        world.raw = agent
        world.serve("raw", "http", f"http://127.0.0.1:{agent.port}")
        world.start()
        a = world.a
        a.stop()
        kept = tmp_path / "kept"
        shutil.copytree(a.state, kept)
        for _ in range(3):
            a.start()
            assert request(world, CALL % world.ports["raw"])[0] == 200
            a.kill()
        shutil.rmtree(a.state)
        shutil.copytree(kept, a.state)
        a.start()
        until(lambda: request(world, CALL % world.ports["raw"])[0] == 200, "calls go through again", 120)
