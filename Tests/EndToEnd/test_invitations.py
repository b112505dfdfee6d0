"""Invitations as people hand them over, and how they end."""

import base64
import json
import subprocess
import sys
import time

import pytest

import namespaces
from namespaces import HUB_ADDRESS, Namespaces
from processes import POSTERN
from test_wire import silent
from wire import RESPONSE, Member, blake2b
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


class Guest(Member):
    """A process that redeems an invitation of `inviter`, as the text lets it."""

    def __init__(self, inviter, invitation):
        body = invitation.removeprefix("postern-invite:")
        document = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))[:-4])
        secret = base64.urlsafe_b64decode(document["secret"] + "=")
        host, port = inviter.ready["udp"][0].rsplit(":", 1)
        seed, psk = (blake2b(f"postern invitation {what} 1".encode(), key=secret) for what in ("guest", "session"))
        super().__init__(inviter.did, (host, int(port)), seed=seed, psk=psk)


def test_a_recorded_join_that_a_stranger_repeats_gets_silence(tmp_path):
    """S4: after the guest has left, once the invitation is used up, and after a restart."""
    with World(tmp_path) as world:
        world.start(trusted=False)
        invitation = world.b.cli("invite")["invitation"]
        guest = Guest(world.b, invitation)
        recorded = guest.initiation()
        guest.socket.send(recorded)
        guest.accept(guest.receive(RESPONSE))
        guest.sent = 0
        guest.close()
        time.sleep(0.3)
        assert silent(Guest(world.b, invitation), recorded)
        world.a.cli("join", invitation)
        assert silent(Guest(world.b, invitation), recorded)
        for end in (world.b.stop, world.b.kill):
            end()
            world.restart(world.b)
            assert silent(Guest(world.b, invitation), recorded)
        # Who only holds the text is still told that it is used up.
        Guest(world.b, invitation).connect()


# Tells when first messages pass from a to b's address, one time a line.
WATCH = """
import socket, time
watch = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
watch.bind(("to-a", 0))
print("watching", flush=True)
while True:
    packet = watch.recv(65536)
    if packet[9] == 17 and packet[16:20] == socket.inet_aton("10.78.2.2") and packet[28] == 1:
        print(time.monotonic(), flush=True)
"""


@pytest.mark.skipif(namespaces.why_not() is not None, reason=str(namespaces.why_not()))
def test_the_first_messages_of_a_guest_end_with_the_join(tmp_path):
    """The inviter cannot be reached where the invitation says, and the hub brings its answer."""
    with Namespaces() as hosts, World(tmp_path, address=HUB_ADDRESS, namespaces=hosts.names) as world:
        world.start(trusted=False)
        invitation = world.b.cli("invite", "--addresses", "all")["invitation"]
        watch = subprocess.Popen(
            ["ip", "netns", "exec", hosts.names["hub"], sys.executable, "-c", WATCH], stdout=subprocess.PIPE, text=True)
        try:
            assert watch.stdout.readline() == "watching\n"
            world.a.cli("join", invitation)
            joined = time.monotonic()
            time.sleep(5)
        finally:
            watch.terminate()
        seen = [float(line) for line in watch.stdout]
        assert seen, "the guest tries the address in the invitation"
        assert max(seen) < joined + 2, [moment - joined for moment in seen]
