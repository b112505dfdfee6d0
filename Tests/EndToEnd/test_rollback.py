"""What somebody removes from a state directory, or brings back to it, does not pass unnoticed."""

import hashlib
import json
import shutil
import sqlite3
import subprocess
import time

import pytest

from raw import RawAgent
from test_http import own_error, request
from world import Sidecar, World, befriend, postern

CALL = b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n\r\n"


@pytest.fixture
def world(tmp_path):
    """Hub, `a` and `b`, which trust each other."""
    with World(tmp_path) as world:
        yield world.start()


def refused_start(node):
    """What `up` or `hub` says when it does not start."""
    run = subprocess.run(
        [*map(str, node.arguments())], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
    assert run.returncode == 1, (run.returncode, run.stdout, run.stderr)
    assert "READY" not in run.stdout
    return run.stderr


def lines(path):
    return path.read_text().splitlines(keepends=True)


def verify(node):
    """The exit code of `audit verify`, and what it says is wrong."""
    run = postern("audit", "verify", "--state", node.state, "--json")
    return run.returncode, json.loads(run.stdout).get("error", {}).get("message", "")


@pytest.mark.parametrize("change", ["a line is removed", "lines are swapped", "the end is cut", "all is gone"])
def test_a_sidecar_does_not_start_with_a_journal_that_is_not_its_own(world, change):
    a, journal = world.a, world.a.state / "trust.journal"
    a.cli("trust", "revoke", world.b.did)
    a.stop()
    kept, head = lines(journal), journal.with_name("trust.journal.head").read_bytes()
    assert len(kept) > 3
    match change:
        case "a line is removed": journal.write_text("".join(kept[:2] + kept[3:]))
        case "lines are swapped": journal.write_text("".join(kept[:1] + [kept[2], kept[1]] + kept[3:]))
        case "the end is cut": journal.write_text("".join(kept[:-1]))
        case "all is gone":
            journal.unlink()
            journal.with_name("trust.journal.head").unlink()
    said = refused_start(a)
    assert "the trust journal" in said and "is broken" in said, said

    journal.write_text("".join(kept))
    journal.with_name("trust.journal.head").write_bytes(head)
    a.start()
    assert a.cli("trust", "list")["trusted"] == []


def test_a_line_that_a_kill_left_unfinished_is_healed(world):
    a, journal = world.a, world.a.state / "trust.journal"
    a.kill()
    with journal.open("a") as file:
        file.write("0123456789abcdef0123456789abcdef 17 00")
    a.start()
    assert [peer["did"] for peer in a.cli("trust", "list")["trusted"]] == [world.b.did]


AUDIT_CHANGES = ["the head is deleted", "the head is emptied", "the log is emptied", "both are deleted", "the log is cut",
                 "a line is changed", "a line is forged"]


@pytest.mark.parametrize("name", ["a", "hub"])
@pytest.mark.parametrize("change", AUDIT_CHANGES)
def test_a_broken_audit_trail_is_gone_on_with_only_after_that_was_recorded(tmp_path, name, change):
    with World(tmp_path) as world:
        world.start(trusted=False)
        node = getattr(world, name)
        node.stop()
        audit, head = node.state / "audit.jsonl", node.state / "audit.jsonl.head"
        assert verify(node)[0] == 0
        kept = lines(audit)
        match change:
            case "the head is deleted": head.unlink()
            case "the head is emptied": head.write_text("")
            case "the log is emptied": audit.write_text("")
            case "both are deleted":
                audit.unlink()
                head.unlink()
            case "the log is cut": audit.write_text("".join(kept[:-1]))
            case "a line is changed": audit.write_text(kept[0].replace("20", "19", 1) + "".join(kept[1:]))
            case "a line is forged": forge(audit, kept[-1])
        code, message = verify(node)
        assert code == 1 and message, (code, message)
        said = refused_start(node)
        assert "audit trail" in said and "postern audit restart" in said, said

        restarted = node.cli("audit", "restart")
        assert restarted["found"]
        assert postern("audit", "restart", "--state", node.state).returncode == 1, "it is intact now"
        node.start()
        assert postern("audit", "restart", "--state", node.state).returncode == 1, "it runs"
        first = json.loads(lines(audit)[0])
        assert (first["action"], first["old"]["found"]) == ("audit.restart", restarted["found"])
        node.stop()
        assert verify(node) == (0, "")


def forge(audit, last):
    """Adds a line that follows the last one, as whoever has no key can make it."""
    def text(entry):
        return json.dumps(entry, sort_keys=True, separators=(",", ":"))

    entry = json.loads(last)
    previous = entry.pop("hash")
    del entry["seal"]
    entry.update(sequence=entry["sequence"] + 1, previous=previous, action="trust.give")
    entry["hash"] = hashlib.blake2b(text(entry).encode(), digest_size=32).hexdigest()
    with audit.open("a") as file:
        file.write(text(entry) + "\n")


class Copy:
    """A copy of the state directory of a node that does not run."""

    def __init__(self, node):
        self.node = node
        self.kept = node.folder / f"copy-of-{node.name}"
        shutil.copytree(node.state, self.kept)

    def restore(self):
        shutil.rmtree(self.node.state)
        shutil.copytree(self.kept, self.node.state)


def wait(wanted, what, timeout=20):
    deadline = time.monotonic() + timeout
    while not wanted():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def asked(node, peer):
    """The status of `node` after it has tried to reach `peer`."""
    postern("ping", peer.did, "-c", "1", "--state", node.state, "--json")
    return node.cli("status")


def journal_end(node):
    return json.loads((node.state / "trust.journal.head").read_text())["sequence"]


def mark_at_hub(world, node):
    """The number of the mark of `node` that the hub keeps."""
    with sqlite3.connect(f"file:{world.hub.state / 'hub.sqlite'}?mode=ro", uri=True) as database:
        marks = [json.loads(mark) for (mark,) in database.execute("SELECT mark FROM node WHERE mark IS NOT NULL")]
    return max((mark["sequence"] for mark in marks if mark["by"] == node.did), default=0)


def with_carol(world):
    """A third sidecar, which trusts `a`."""
    carol = world.add(Sidecar(world.folder, "carol", world.hub.url if world.hub else None))
    carol.write_config()
    carol.start()
    befriend(world.a, carol)
    return carol


def actions(node):
    return [json.loads(line)["action"] for line in lines(node.state / "audit.jsonl")]


def test_an_old_copy_of_the_state_directory_trusts_nobody_until_it_has_recovered(tmp_path):
    """The hub gives the node's own mark back; its revocations are fetched, and whoever was revoked stays out."""
    with RawAgent() as agent, World(tmp_path) as world:
        world.serve("raw", "http", f"http://127.0.0.1:{agent.port}")
        world.start()
        a, b, carol = world.a, world.b, with_carol(world)
        assert request(world, CALL % world.ports["raw"])[0] == 200
        a.stop()
        copy = Copy(a)
        a.start()
        a.cli("trust", "revoke", carol.did)
        wait(lambda: mark_at_hub(world, a) == journal_end(a), "the hub gets the mark")
        known = journal_end(a)
        a.stop()
        copy.restore()
        a.start()
        wait(lambda: a.cli("status")["outdated"] is not None, "the state is noticed to be old")
        outdated = a.cli("status")["outdated"]
        assert outdated["known"] == known > outdated["sequence"]
        status, everything = request(world, CALL % world.ports["raw"])
        assert status == 503 and own_error(everything)["data"]["code"] == "not-trusted"
        assert "older than the node" in own_error(everything)["message"]
        assert "postern trust recover" in a.program.tail(200) and "state.outdated" in actions(a)
        invited = postern("invite", "--state", a.state, "--json")
        assert invited.returncode == 1 and json.loads(invited.stdout)["error"]["code"] == "state-outdated"

        recovered = a.cli("trust", "recover")
        assert (recovered["state"], recovered["revoked"]) == ("recovered", [carol.did])
        assert a.cli("status")["outdated"] is None and "state.recover" in actions(a)
        assert [peer["did"] for peer in a.cli("trust", "list")["trusted"]] == [b.did]
        assert request(world, CALL % world.ports["raw"])[0] == 200
        a.stop()
        a.start()
        wait(lambda: mark_at_hub(world, a) > known, "the hub gets the mark of the state that counts")
        assert a.cli("status")["outdated"] is None
        assert a.cli("trust", "recover")["state"] == "current"
        assert a.cli("audit", "verify")["intact"]


def test_a_peer_tells_of_an_old_state_where_there_is_no_hub(tmp_path):
    with World(tmp_path, hub=False) as world:
        world.start()
        a, carol = world.a, with_carol(world)
        a.stop()
        copy = Copy(a)
        a.start()
        a.cli("trust", "revoke", carol.did)
        # Whoever was met last is greeted at a start, and gets the mark.
        a.stop()
        a.start()
        a.wait_for_peer(world.b.did, lambda peer: peer["connected"], "was greeted")
        time.sleep(1)
        a.stop()
        copy.restore()
        a.start()
        # B knows no address of a, and never answers numbers that were used: a goes ahead when nobody has answered it.
        wait(lambda: asked(a, world.b)["outdated"] is not None, "the state is noticed to be old", timeout=60)
        refused = postern("trust", "recover", "--state", a.state, "--json")
        error = json.loads(refused.stdout)["error"]
        assert refused.returncode == 1 and error["code"] == "not-recovered" and "--confirm" in error["hint"]
        assert a.cli("trust", "recover", "--confirm")["state"] == "confirmed"
        assert a.cli("status")["outdated"] is None
        trusted = {peer["did"] for peer in a.cli("trust", "list")["trusted"]}
        assert trusted == {world.b.did, carol.did}, "nobody who was asked knew of the revocation"


def test_what_is_left_of_a_broken_journal_is_gone_on_with(tmp_path):
    with World(tmp_path) as world:
        world.start()
        a, b, carol = world.a, world.b, with_carol(world)
        whole = postern("trust", "recover", "--state", a.state, "--json")
        assert json.loads(whole.stdout)["state"] == "current"
        a.cli("trust", "revoke", b.did)
        wait(lambda: mark_at_hub(world, a) == journal_end(a), "the hub gets the mark")
        a.stop()
        assert postern("trust", "recover", "--state", a.state).returncode == 3, "it is whole"
        journal = a.state / "trust.journal"
        kept = lines(journal)
        revocations = [line for line in kept if '"fact":"revoked"' in line]
        assert revocations
        journal.write_text("".join(line for line in kept if line not in revocations))
        assert "postern trust recover" in refused_start(a)

        repaired = a.cli("trust", "recover")
        assert repaired["state"] == "repaired" and repaired["lines"] == len(kept) - len(revocations)
        a.start()
        assert a.cli("status")["outdated"] is not None
        wait(lambda: a.cli("status")["hubs"][0]["connected"], "the hub is there")
        recovered = a.cli("trust", "recover")
        assert (recovered["state"], recovered["revoked"]) == ("recovered", [b.did])
        assert [peer["did"] for peer in a.cli("trust", "list")["trusted"]] == [carol.did]
