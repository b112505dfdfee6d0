"""Members by certificate: a container with a new key, an authority that signs away from any sidecar (RULES N8)."""

import json
import os
import stat
import subprocess
import time

import pytest

from processes import POSTERN
from test_networks import Stream, added, calls, fails, get, join, mirror, wait
from world import World, postern


def certify(folder, did, *arguments):
    """`postern network certify` in a place that has nothing of any sidecar; the file with what it printed."""
    run = postern("network", "certify", did, "--authority", folder / "authority.txt", *arguments,
                  environment={"HOME": str(folder / "nowhere")})
    assert run.returncode == 0, run.stderr
    path = folder / f"credential-{time.monotonic_ns()}.txt"
    path.write_text(run.stdout)
    return path


@pytest.mark.alone
def test_a_container_takes_part_by_a_certificate_alone_until_that_ends_or_is_voided(tmp_path):
    with World(tmp_path) as world, mirror() as agent:
        ann = added(world, "ann", agent, ["group:acme/workers"])
        bob = added(world, "bob")
        ann.cli("network", "create", "acme")
        join(bob, ann.cli("network", "invite", "acme")["invitation"])
        made = ann.cli("network", "authority", "add", "acme", "--group", "workers", "--lifetime", "1h",
                       "--out", tmp_path / "authority.txt")
        assert stat.S_IMODE(os.stat(tmp_path / "authority.txt").st_mode) == 0o600
        assert fails(ann, "network", "authority", "add", "acme", "--out", tmp_path / "authority.txt")[
            "code"] == "file-unwritable"
        assert fails(bob, "network", "authority", "add", "acme")["code"] == "not-allowed"
        assert [a["did"] for a in bob.cli("network", "authority", "list", "acme")] == [made["did"]]

        box = added(world, "box", agent, ["network:acme"], reach=[ann.did])
        assert not calls(box, ann.did)
        joined = box.cli("network", "join", "--credential", certify(tmp_path, box.did))
        assert joined["role"] == "member" and len(joined["members"]) == 3
        wait("the container reaches a member", lambda: calls(box, ann.did), timeout=45)
        assert get(box, ann.did)[1]["Postern-Network"] == "acme"
        # It is reached as well.
        bob.ports = {box.did: int(bob.cli("reach", f"{box.did}:tools")["listen"].rsplit(":", 1)[1])}
        wait("a member reaches the container", lambda: calls(bob, box.did), timeout=45)
        [seen] = [m for m in bob.cli("network", "show", "acme")["members"] if m["did"] == box.did]
        assert seen["authority"] == made["did"] and seen["groups"] == ["workers"] and seen["expires"]
        why = ann.cli("why", box.did, "tools")
        assert why["admitted"] and made["did"] in why["explanation"]
        trail = [json.loads(line) for line in postern(
            "audit", "list", "--state", ann.state, "--json").stdout.splitlines()]
        assert [(e["actor"], e["subject"]) for e in trail if e["action"] == "member.certify"] == [
            (made["did"], box.did)]

        # Voided: cut within a second, and shown again it does not count.
        stream = Stream(box, ann.did)
        ann.cli("network", "remove", "acme", box.did)
        assert stream.ended_after(time.monotonic()) < 1.5
        wait("bob has cut it off", lambda: not calls(bob, box.did))

        # A new one counts, and ends by itself.
        ended = certify(tmp_path, box.did, "--lifetime", "8s")
        box.cli("network", "join", "--credential", ended)
        began = time.monotonic()
        wait("the container reaches a member again", lambda: calls(box, ann.did), timeout=7)
        stream = Stream(box, ann.did)
        assert stream.ended_after(began) < 9.5 and not calls(box, ann.did)
        assert fails(box, "network", "join", "--credential", ended)["code"] == "bad-certificate"


def test_what_an_authority_may_not_do_no_command_signs_and_its_end_ends_its_members(tmp_path):
    with World(tmp_path) as world, mirror() as agent:
        ann = added(world, "ann", agent, ["network:acme"])
        ann.cli("network", "create", "acme")
        made = ann.cli("network", "authority", "add", "acme", "--lifetime", "10m")
        (tmp_path / "authority.txt").write_text(f"keep this:\n{made['authority']}\n")
        box = added(world, "box", reach=[ann.did])
        certificate = certify(tmp_path, box.did)
        for arguments in (["--lifetime", "1h"], ["--group", "ops"]):
            run = postern("network", "certify", box.did, "--authority", tmp_path / "authority.txt", *arguments, "--json")
            assert run.returncode == 1 and json.loads(run.stdout)["error"]["code"] == "bad-authority"
        run = subprocess.run([str(POSTERN), "network", "certify", box.did, "--authority", "-", "--json"],
                             input=made["authority"], text=True, capture_output=True, timeout=30)
        assert json.loads(run.stdout)["authority"] == made["did"]
        eve = added(world, "eve")
        assert fails(eve, "network", "join", "--credential", certificate)["code"] == "bad-certificate"
        box.cli("network", "join", "--credential", certificate)
        wait("the container reaches a member", lambda: calls(box, ann.did), timeout=45)
        # Everybody starts again, and it goes on.
        for node in (ann, box, world.hub):
            node.kill()
        for node in (world.hub, ann, box):
            node.start()
        wait("the container reaches a member after all have started", lambda: calls(box, ann.did), timeout=45)
        assert ann.cli("network", "authority", "remove", "acme", made["did"])["authorities"] == []
        wait("with the authority its member ends", lambda: not calls(box, ann.did))
        wait("the container hears of it", lambda: box.cli("network", "list")[0]["role"] is None)
