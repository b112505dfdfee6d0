"""A node changes its key: did, address, trust and memberships stay, and whoever has the old key alone is refused."""

import contextlib
import json
import os
import shutil
import subprocess
import time

import pytest

from processes import POSTERN
from raw import RawAgent, RawClient
from test_disk import disk  # noqa: F401, a fixture
from test_http import request
from test_networks import join, wait
from world import Sidecar, World, postern

CALL = b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n\r\n"


@pytest.fixture
def world(tmp_path):
    """Hub, `a` and `b`, which trust each other; `a` calls the raw service of `b`."""
    with RawAgent() as agent, World(tmp_path) as world:
        world.raw = agent
        world.serve("raw", "http", f"http://127.0.0.1:{agent.port}")
        yield world.start()


def calls(world):
    return request(world, CALL % world.ports["raw"])[0] == 200


def rotated(node, *arguments):
    """Changes the key of a node that is stopped."""
    run = postern("identity", "rotate", "--state", node.state, "--json", *arguments)
    assert run.returncode == 0, run.stdout + run.stderr
    return json.loads(run.stdout)


def audited(node, action):
    lines = (node.state / "audit.jsonl").read_text().splitlines()
    return [entry for entry in map(json.loads, lines) if entry["action"] == action]


@pytest.mark.parametrize("away", [False, True], ids=["the peer runs", "the peer is away"])
@pytest.mark.parametrize("name", ["a", "b"])
def test_after_a_change_of_the_key_all_goes_on(world, name, away):
    node = getattr(world, name)
    peer = world.b if node is world.a else world.a
    assert calls(world)
    node.cli("network", "create", "acme")
    join(peer, node.cli("network", "invite", "acme")["invitation"])
    before = node.cli("status")
    refused = postern("identity", "rotate", "--state", node.state, "--json")
    assert "postern down" in json.loads(refused.stdout)["error"]["hint"]
    if away:
        peer.stop()
    node.stop()
    told = rotated(node)
    assert told["did"] == told["former"] == node.did != told["current"] and told["sequence"] == 1
    node.start()
    after = node.cli("status")
    assert (after["did"], after["address"]) == (node.did, before["address"])
    if away:
        peer.start()
    wait("the two talk again", lambda: calls(world), timeout=40)
    assert [entry["did"] for entry in peer.cli("trust", "list")["trusted"]] == [node.did]
    for side in (node, peer):
        wait("it is recorded", lambda: audited(side, "key.rotate"))
        entry = audited(side, "key.rotate")[0]
        assert entry["subject"] == node.did
        assert (entry["old"]["key"], entry["new"]["key"]) == (told["former"], told["current"])
    # What it signs from now on counts, in a network too.
    node.cli("network", "group", "acme", "ops", peer.did)
    wait("the network goes on", lambda: any(
        member["groups"] == ["ops"] for member in peer.cli("network", "show", "acme")["members"]))
    # The trust can be ended and given again.
    node.cli("trust", "revoke", peer.did)
    wait("the end is heard of", lambda: not peer.cli("trust", "list")["trusted"])
    shown = node.cli("identity", "show")
    assert (shown["did"], shown["current"], shown["sequence"]) == (node.did, told["current"], 1)
    assert postern("audit", "verify", "--state", node.state, "--json").returncode == 0


def test_the_key_changes_again_under_a_passphrase_with_the_next_key_elsewhere(world, tmp_path):
    b = world.b
    words = tmp_path / "words"
    words.write_text("four quiet winter mornings\n")
    words.chmod(0o600)
    b.stop()
    assert postern("identity", "passphrase", "--state", b.state, "--passphrase-file", words).returncode == 0
    b.environment = {"POSTERN_PASSPHRASE_FILE": str(words)}
    for sequence in (1, 2):
        stick = tmp_path / f"stick{sequence}"
        shutil.move(b.state / "recovery.key", stick)
        run = postern(
            "identity", "rotate", "--state", b.state, "--recovery", stick, "--json", environment=b.environment)
        assert run.returncode == 0, run.stdout
        told = json.loads(run.stdout)
        assert told["sequence"] == sequence and told["did"] == b.did
        assert json.loads((b.state / "identity.key").read_text())["did"] == told["current"]
        b.start()
        wait("the two talk again", lambda: calls(world), timeout=40)
        b.stop()
    other = postern("identity", "rotate", "--state", b.state, "--recovery", stick, "--json", environment=b.environment)
    assert json.loads(other.stdout)["error"]["code"] == "next-key-other"


@pytest.mark.timeout(120)
def test_a_thief_of_the_old_key_is_refused_once_the_change_was_seen(world, tmp_path):
    a, b = world.a, world.b
    assert calls(world)
    a.stop()
    thief = world.add(Sidecar(tmp_path / "thief", "thief", world.hub.url))
    shutil.rmtree(thief.state)
    shutil.copytree(a.state, thief.state, ignore=shutil.ignore_patterns("*.sock", "lock", "recovery.key"))
    thief.config = {**a.config, "reach": [], "control": "127.0.0.1:0"}
    stolen = thief.reach(b.did, "raw")
    thief.write_config()
    rotated(a)
    a.start()
    wait("the two talk again", lambda: calls(world), timeout=40)
    thief.start()
    wait("the thief is told", lambda: audited(thief, "key.refused"))
    with RawClient(stolen, 20) as client:
        client.send(CALL % stolen)
        assert client.rest()[0].startswith(b"HTTP/1.1 503 ")
    assert calls(world)
    assert not audited(b, "key.contradict")
    # Without the next key it cannot change the key either.
    thief.stop()
    run = postern("identity", "rotate", "--state", thief.state, "--json")
    assert json.loads(run.stdout)["error"]["code"] == "next-key-missing"


def test_a_pair_without_a_hub_goes_on_when_the_other_one_calls(tmp_path):
    with RawAgent() as agent, World(tmp_path, hub=False) as world:
        world.raw = agent
        world.serve("raw", "http", f"http://127.0.0.1:{agent.port}")
        world.start()
        port = world.b.udp_port()
        assert calls(world)
        world.b.stop()
        rotated(world.b)
        world.b.config["underlay"] = {"listen": f"127.0.0.1:{port}"}
        world.b.write_config()
        world.b.start()
        wait("the two talk again", lambda: calls(world), timeout=60)
        wait("the peer has heard", lambda: audited(world.a, "key.rotate"))
        assert calls(world)


def test_a_kill_in_the_middle_leaves_the_old_key_or_the_new_one(world, tmp_path, disk):
    a = world.a
    a.stop()
    seen = set()
    for number in range(12):
        before = json.loads(postern("identity", "show", "--state", a.state, "--json").stdout)
        kept = tmp_path / f"kept{number}"
        shutil.copytree(a.state, kept, ignore=shutil.ignore_patterns("*.sock", "lock"))
        process = subprocess.Popen(
            [str(POSTERN), "identity", "rotate", "--state", str(a.state)], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "LD_PRELOAD": str(disk), "POSTERN_TEST_SYNC_MS": "40"})
        time.sleep(0.03 + 0.045 * number)
        process.kill()
        process.wait()
        after = json.loads(postern("identity", "show", "--state", a.state, "--json").stdout)
        assert after["did"] == before["did"] == a.did
        changed = after["sequence"] - before["sequence"]
        assert changed in (0, 1) and (after["current"] != before["current"]) == (changed == 1)
        seen.add(changed)
        # Whichever it is, it starts, and the key can be changed from there.
        a.start()
        a.stop()
        assert rotated(a)["sequence"] == after["sequence"] + 1
        shutil.rmtree(a.state)
        shutil.copytree(kept, a.state)
    assert seen == {0, 1}


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to mount a small disk")
def test_a_disk_that_is_full_at_any_step_leaves_the_key_as_it_was(tmp_path):
    state = tmp_path / "state"
    state.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs", state], check=True)

    def shown():
        return json.loads(postern("identity", "show", "--state", state, "--json").stdout)

    try:
        assert postern("init", "--state", state).returncode == 0
        before = shown()
        for room in range(16):
            filler = state / "filler"
            with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as file:
                while True:
                    file.write(bytes(4096))
            os.truncate(filler, filler.stat().st_size - room * 4096)
            run = postern("identity", "rotate", "--state", state, "--json")
            filler.unlink()
            if run.returncode == 0:
                break
            assert json.loads(run.stdout)["error"]["hint"]
            assert shown() == before
        assert 2 <= room < 15 and shown()["sequence"] == 1
        run = postern("identity", "rotate", "--state", state, "--json")
        assert json.loads(run.stdout)["sequence"] == 2
    finally:
        subprocess.run(["umount", state], check=True)
