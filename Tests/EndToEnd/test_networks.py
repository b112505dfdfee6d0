"""Networks: a team of three, two networks on one hub, and nothing across the border (R2, R10)."""

import http.client
import http.server
import json
import subprocess
import threading
import time
from contextlib import contextmanager

from processes import POSTERN
from world import Sidecar, World, postern


@contextmanager
def mirror():
    """An agent that answers with the header fields of each request; its URL."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = json.dumps(dict(self.headers)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()


def added(world, name, upstream=None, allow=(), reach=()):
    """A sidecar that exposes `tools`, and reaches those of others; the ports are in `ports`, by peer."""
    sidecar = world.add(Sidecar(world.folder, name, world.hub.url))
    if upstream:
        sidecar.expose("tools", 80, "http", upstream, allow=list(allow))
    sidecar.ports = {peer: sidecar.reach(peer, "tools") for peer in reach}
    sidecar.write_config()
    return sidecar.start()


def get(sidecar, peer):
    """What the tools of `peer` answer `sidecar`: the status, and the fields that the agent saw."""
    connection = http.client.HTTPConnection("127.0.0.1", sidecar.ports[peer], timeout=30)
    connection.request("GET", "/")
    answer = connection.getresponse()
    body = json.loads(answer.read())
    connection.close()
    return answer.status, body


def calls(sidecar, peer):
    return get(sidecar, peer)[0] == 200


def fails(sidecar, *arguments):
    """The error of a command that has to fail."""
    run = postern(*arguments, "--state", sidecar.state, "--json")
    assert run.returncode == 1, run.stdout
    return json.loads(run.stdout)["error"]


def join(sidecar, link, *arguments):
    """`postern network join` with the link on standard input."""
    run = subprocess.run(
        [str(POSTERN), "network", "join", "-", *arguments, "--state", str(sidecar.state), "--json"], input=link,
        text=True, capture_output=True, timeout=30)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def wait(what, check, timeout=20):
    deadline = time.monotonic() + timeout
    while not check():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)


def test_a_team_of_three_with_two_networks_on_one_hub(tmp_path):
    with World(tmp_path) as world, mirror() as agent:
        ann = added(world, "ann", agent, ["network:acme"])
        bob = added(world, "bob", agent, ["group:acme/ops"], reach=["ann.acme"])
        eve = added(world, "eve", agent, ["network:other"], reach=[ann.did])
        cid = added(world, "cid", reach=["ann.acme", "bob.acme", "eve.other"])
        founded = ann.cli("network", "create", "acme")
        assert founded["role"] == "owner" and [m["name"] for m in founded["members"]] == ["ann"]
        link = ann.cli("network", "invite", "acme", "--uses", "2")["invitation"]
        assert join(bob, link)["role"] == join(cid, link)["role"] == "member"
        eve.cli("network", "create", "other")
        join(cid, eve.cli("network", "invite", "other")["invitation"])

        # Members reach each other by name, as `allow` says, without an invitation between them.
        status, seen = get(bob, "ann.acme")
        assert status == 200 and seen["Postern-Network"] == "acme" and seen["Postern-Peer"] == bob.did
        assert seen["Postern-Peer-Name"] == "bob.acme"
        assert calls(cid, "ann.acme") and calls(cid, "eve.other") and not calls(cid, "bob.acme")
        ann.cli("network", "group", "acme", "ops", "cid")
        wait("bob hears of the group", lambda: any(
            m["groups"] == ["ops"] for m in bob.cli("network", "show", "acme")["members"]))
        wait("cid may call bob", lambda: calls(cid, "bob.acme"), timeout=45)
        why = bob.cli("why", "cid.acme", "tools")
        assert why["admitted"] and why["reason"] == "network"

        # Nothing crosses the border: no name, no member, no call.
        for outsider, network, member in ((eve, "acme", ann), (bob, "other", eve)):
            assert fails(outsider, "network", "show", network)["code"] == "no-such-network"
            assert member.did not in json.dumps(outsider.cli("peers"))
        assert not calls(eve, ann.did)
        assert [n["name"] for n in cid.cli("network", "list")] == ["acme", "other"]

        # A removed member is cut off everywhere, also in the middle of a session.
        ann.cli("network", "remove", "acme", "cid")
        wait("cid is cut off by bob", lambda: cid.did not in json.dumps(bob.cli("peers")), timeout=5)
        assert not calls(cid, "ann.acme") and calls(cid, "eve.other") and calls(bob, "ann.acme")
        lines = postern("audit", "list", "--state", bob.state, "--json").stdout.splitlines()
        trail = [entry for entry in map(json.loads, lines) if entry["action"] == "network.entry"]
        assert [entry["new"]["action"] for entry in trail if entry["actor"] == ann.did] == [
            "group", "member.remove", "rekey"]


def test_memberships_survive_restarts_of_everybody(tmp_path):
    with World(tmp_path) as world, mirror() as agent:
        ann = added(world, "ann", agent, ["network:acme"])
        bob = added(world, "bob", reach=["ann.acme"])
        ann.cli("network", "create", "acme")
        join(bob, ann.cli("network", "invite", "acme")["invitation"])
        head = ann.cli("network", "show", "acme")["head"]
        for node in (ann, bob, world.hub):
            node.kill()
        for node in (world.hub, ann, bob):
            node.start()
        wait("bob is fresh again", lambda: bob.cli("network", "show", "acme")["fresh"])
        assert bob.cli("network", "show", "acme")["head"] == head
        wait("bob reaches ann", lambda: calls(bob, "ann.acme"))
