"""What somebody removes from a state directory, or brings back to it, does not pass unnoticed."""

import hashlib
import json
import subprocess

import pytest

from world import World, postern


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
