"""Invitations as people hand them over, and how they end."""

import json
import subprocess

from processes import POSTERN
from world import Sidecar, World, postern


def started(world, name):
    sidecar = world.add(Sidecar(world.folder / name, name, world.hub.url))
    sidecar.write_config()
    return sidecar.start()


def join(sidecar, text, *arguments):
    """`postern join` with the text on standard input."""
    return subprocess.run(
        [str(POSTERN), "join", *arguments, "--state", str(sidecar.state), "--json"], input=text, text=True,
        capture_output=True, timeout=25)


def test_an_invitation_is_read_from_standard_input_and_from_a_file_as_mail_leaves_it(tmp_path):
    """What stands on the command line is in `ps`; what went through mail is wrapped, quoted and followed by a full stop."""
    with World(tmp_path) as world:
        world.start(trusted=False)
        invitation = world.b.cli("invite")["invitation"]
        wrapped = "\n> ".join(invitation[start:start + 72] for start in range(0, len(invitation), 72))
        mail = f"Hello,\n\n> \"{wrapped}\".\n\nSee you tomorrow\n"
        joined = join(world.a, mail, "-")
        assert joined.returncode == 0, joined.stderr
        assert json.loads(joined.stdout)["did"] == world.b.did
        other = started(world, "other")
        file = tmp_path / "mail.txt"
        file.write_text(f"‘{world.b.cli('invite')['invitation']}’,")
        assert join(other, "", "--file", file).returncode == 0
        for arguments in ((), ("-", "--file", file)):
            assert join(other, "", *arguments).returncode == 2
        damaged = join(other, invitation[:-4], "-")
        assert damaged.returncode == 1 and "damaged" in json.loads(damaged.stdout)["error"]["message"]
        assert json.loads(join(other, "", "--file", tmp_path / "none").stdout)["error"]["code"] == "bad-invitation"


def test_revoking_a_peer_offers_to_withdraw_the_link_that_it_came_by(tmp_path):
    with World(tmp_path) as world:
        world.start(trusted=False)
        made = world.b.cli("invite", "--uses", "5", "--for", "tools")
        world.a.cli("join", made["invitation"])
        world.b.wait_for_peer(world.a.did, lambda peer: peer["trusted"], "became trusted")
        [listed] = world.b.cli("invite", "list")
        assert (listed["state"], listed["uses"], listed["redeemers"]) == ("open", 5, [world.a.did])
        assert listed["services"] == ["tools"] and "invitation" not in listed, "the secret is not shown again"
        text = postern("trust", "revoke", world.a.did, "--state", world.b.state)
        assert text.returncode == 0 and f"postern invite revoke {listed['id']}" in text.stdout
        again = started(world, "again")
        assert world.b.cli("invite", "revoke", listed["id"])["state"] == "revoked"
        refused = join(again, made["invitation"], "-")
        assert refused.returncode == 1 and "withdrawn" in json.loads(refused.stdout)["error"]["message"]
        second = world.b.cli("invite", "--uses", "2")["invitation"]
        assert join(again, second, "-").returncode == 0
        ended = world.b.cli("trust", "revoke", again.did, "--invitation")
        assert [entry["state"] for entry in ended["invitations"]] == ["revoked"] and ended["hint"] is None
