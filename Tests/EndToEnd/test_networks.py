"""Networks: a team of three, two networks on one hub, and nothing across the border (R2, R10)."""

import http.client
import http.server
import json
import shutil
import subprocess
import threading
import time
from contextlib import contextmanager

import pytest

from crowds import Log
from processes import POSTERN, Agent
from world import Sidecar, World, befriend, postern


@contextmanager
def mirror():
    """An agent that answers with the header fields of each request; its URL."""
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            if self.path == "/endless":
                return self.drip()
            body = json.dumps(dict(self.headers)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def drip(self):
            """A body without an end, a byte every twentieth of a second."""
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            try:
                while True:
                    self.wfile.write(b"1\r\n.\r\n")
                    time.sleep(0.05)
            except OSError:
                self.close_connection = True

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


class Stream:
    """A request for the endless body, read until it is cut."""

    def __init__(self, sidecar, peer):
        self.connection = http.client.HTTPConnection("127.0.0.1", sidecar.ports[peer], timeout=30)
        self.connection.request("GET", "/endless")
        self.answer = self.connection.getresponse()
        assert self.answer.status == 200 and self.answer.read(1) == b"."
        self.ended = None
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        try:
            while self.answer.read(1):
                pass
        except (OSError, http.client.HTTPException):
            pass
        self.ended = time.monotonic()

    def ended_after(self, moment):
        """How long after `moment` it was cut."""
        self.reader.join(20)
        assert self.ended is not None, "the stream was not cut"
        return self.ended - moment


@pytest.mark.alone
def test_a_running_stream_of_a_removed_member_is_cut_within_a_second_and_so_is_one_of_an_expired_one(tmp_path):
    with World(tmp_path) as world, mirror() as agent:
        ann = added(world, "ann", agent, ["network:acme"])
        bob = added(world, "bob", agent, ["network:acme"])
        cid = added(world, "cid", reach=["bob.acme", "ann.acme"])
        dan = added(world, "dan", reach=["bob.acme"])
        ann.cli("network", "create", "acme")
        link = ann.cli("network", "invite", "acme", "--uses", "3")["invitation"]
        for node in (bob, cid, dan):
            join(node, link)
        for node, peer in ((cid, "bob.acme"), (cid, "ann.acme"), (dan, "bob.acme")):
            wait(f"{node.name} may call {peer}", lambda: calls(node, peer), timeout=45)
        streams = [Stream(cid, "bob.acme"), Stream(cid, "ann.acme")]
        other = Stream(dan, "bob.acme")
        ann.cli("network", "remove", "acme", "cid")
        removed = time.monotonic()
        # A second from when the entry is there, and half of one until it is.
        assert all(stream.ended_after(removed) < 1.5 for stream in streams)
        assert other.ended is None

        # A membership that ends by itself ends its streams too.
        shown = ann.cli("network", "add", "acme", "dan", "--expires", "6s")
        assert [m["expires"] is not None for m in shown["members"] if m["name"] == "dan"] == [True]
        set_to_end = time.monotonic()
        assert other.ended is None and other.ended_after(set_to_end) < 7.5
        assert not calls(dan, "bob.acme")
        ann.cli("network", "add", "acme", "dan", "--expires", "never")
        wait("dan may call again", lambda: calls(dan, "bob.acme"), timeout=45)


def test_who_was_a_member_is_told_why_not_and_comes_back_by_a_link_however_long_the_log_is(tmp_path):
    with World(tmp_path) as world, mirror() as agent:
        ann = added(world, "ann", agent, ["network:acme"])
        bob = added(world, "bob", reach=["ann.acme"])
        ann.cli("network", "create", "acme")
        join(bob, ann.cli("network", "invite", "acme", "--membership", "5s")["invitation"])

        # It ends by itself: every place says so, and the next link brings it back.
        wait("it has ended", lambda: bob.cli("network", "show", "acme")["role"] is None)
        for text in (bob.cli("network", "list")[0]["problem"], get(bob, "ann.acme")[1]["error"]["message"],
                     fails(bob, "network", "invite", "acme")["message"]):
            assert "our membership of acme ended at" in text
        assert "our membership of acme ended at" in postern("status", "--state", bob.state).stdout
        assert fails(ann, "network", "role", "acme", "bob", "admin")["code"] == "membership-over"
        assert join(bob, ann.cli("network", "invite", "acme")["invitation"])["role"] == "member"
        wait("bob calls again", lambda: calls(bob, "ann.acme"), timeout=45)

        # A log of several parts, in the first of which it is a member.
        for number in range(80):
            ann.cli("network", "group", "acme", f"g{number % 9}", "ann", *(["--remove"] if number % 2 else []))
        bob.cli("network", "leave", "acme")
        joined = join(bob, ann.cli("network", "invite", "acme")["invitation"])
        assert joined["role"] == "member" and joined["head"] == ann.cli("network", "show", "acme")["head"]

        # It is removed, is told so, also behind a restart, and forgets the network.
        ann.cli("network", "remove", "acme", "bob")
        wait("bob hears of it", lambda: bob.cli("network", "show", "acme")["role"] is None)
        bob.stop()
        bob.start()
        assert "was removed from acme" in postern("status", "--state", bob.state).stdout
        assert "was removed from acme" in get(bob, "ann.acme")[1]["error"]["message"]
        bob.cli("network", "leave", "acme")
        assert bob.cli("network", "list") == []


def test_a_trusted_peer_is_added_and_takes_part_once_its_operator_says_so(tmp_path):
    with World(tmp_path) as world, mirror() as agent:
        ann = added(world, "ann", agent, ["network:acme"])
        bob = added(world, "bob", reach=["ann.acme"])
        ann.cli("network", "create", "acme")
        assert fails(ann, "network", "add", "acme", bob.did)["code"] == "not-trusted"
        befriend(ann, bob)
        shown = ann.cli("network", "add", "acme", bob.did, "--as", "planner")
        assert [m["name"] for m in shown["members"]] == ["ann", "planner"]
        wait("bob hears of it", lambda: [n["offeredBy"] for n in bob.cli("network", "list")] == [ann.did])
        assert not calls(bob, "ann.acme")
        assert bob.cli("network", "join", "acme")["role"] == "member"
        wait("bob reaches ann", lambda: calls(bob, "ann.acme"), timeout=45)


def test_a_hub_whose_database_went_back_is_told_and_the_network_is_healed(tmp_path):
    with World(tmp_path) as world, mirror() as agent:
        ann = added(world, "ann", agent, ["network:acme"])
        bob = added(world, "bob", agent, ["network:acme"], reach=["ann.acme"])
        cid = added(world, "cid", reach=["ann.acme", "bob.acme"])
        ann.cli("network", "create", "acme")
        link = ann.cli("network", "invite", "acme", "--uses", "2")["invitation"]
        join(bob, link)
        join(cid, link)
        ann.cli("network", "role", "acme", "bob", "admin")
        wait("bob is admin", lambda: bob.cli("network", "show", "acme")["role"] == "admin")
        for node in (bob, cid, world.hub):
            node.stop()
        kept = {path: path.read_bytes() for path in world.hub.state.glob("hub.sqlite*")}
        world.hub.start()
        wait("ann is there", lambda: ann.cli("status")["hubs"][0]["connected"])
        ann.cli("network", "group", "acme", "ops", "cid")
        for node in (ann, world.hub):
            node.stop()
        for path in world.hub.state.glob("hub.sqlite*"):
            path.unlink()
        for path, content in kept.items():
            path.write_bytes(content)
        world.hub.start()
        bob.start()
        wait("bob is there", lambda: bob.cli("status")["hubs"][0]["connected"])
        bob.cli("network", "group", "acme", "dev", "cid")
        ann.start()
        cid.start()
        wait("bob calls ann", lambda: calls(bob, "ann.acme"), timeout=45)
        for node in (ann, bob):
            wait(f"{node.name} is told", lambda: node.cli("network", "show", "acme")["forked"], timeout=30)
            lines = postern("audit", "list", "--state", node.state, "--json").stdout.splitlines()
            assert "network.fork" in [json.loads(line)["action"] for line in lines]
        assert fails(ann, "network", "group", "acme", "ops", "bob")["code"] == "forked"
        healed = ann.cli("network", "heal", "acme")
        assert not healed["forked"] and len(healed["members"]) == 3
        wait("bob has the heal", lambda: not bob.cli("network", "show", "acme")["forked"])
        wait("cid has the heal", lambda: cid.cli("network", "show", "acme")["head"] == healed["head"])
        ann.cli("network", "group", "acme", "ops", "cid")
        wait("all goes on", lambda: bob.cli("network", "show", "acme")["groups"] != [])
        assert calls(bob, "ann.acme")


def test_published_services_are_found_by_members_with_the_skills_of_their_agent_cards(tmp_path):
    with World(tmp_path) as world:
        planner = world.add(Agent("a2a_agent", tmp_path))
        ann = world.add(Sidecar(tmp_path, "ann", world.hub.url))
        ann.expose("planner", 80, "a2a", f"http://127.0.0.1:{planner.port}", allow=["network:acme"],
                   publish=["network:acme"])
        ann.expose("secret", 81, "http", "http://127.0.0.1:1", allow=["network:acme"])
        ann.write_config()
        ann.start()
        bob = added(world, "bob")
        ann.cli("network", "create", "acme")
        join(bob, ann.cli("network", "invite", "acme")["invitation"])
        wait("bob finds the planner", lambda: bob.cli("find", "planner"))
        [found] = bob.cli("find", "a2a", "--network", "acme")
        assert found["did"] == ann.did and found["name"] == "ann.acme" and found["service"] == "planner"
        assert found["skills"] and bob.cli("find", found["skills"][0]["name"]) == [found]
        assert bob.cli("find", "secret") == []
        ann.cli("network", "remove", "acme", "bob")
        wait("bob finds nothing any more", lambda: bob.cli("find") == [])


def test_a_network_with_more_members_than_an_entry_has_boxes_for(tmp_path):
    with World(tmp_path) as world, mirror() as agent:
        ann = added(world, "ann", agent, ["network:acme"])
        bob, cid = (added(world, name, reach=["ann.acme"]) for name in ("bob", "cid"))
        ann.cli("network", "create", "acme")
        link = ann.cli("network", "invite", "acme", "--uses", "300")["invitation"]
        join(bob, link)
        join(cid, link)
        world.hub.stop()
        log = Log(world.hub)
        log.join([link], 200)
        log.close()
        world.hub.start()
        for node in (ann, bob, cid):
            wait(f"{node.name} knows all members", lambda: len(node.cli("network", "show", "acme")["members"]) == 203, 60)
        assert calls(bob, "ann.acme")

        # A removal changes the content key, and everybody finds the new one, also who was away.
        bob.stop()
        assert len(ann.cli("network", "remove", "acme", "cid")["members"]) == 202
        ann.cli("network", "name", "acme", "bob", "robert")
        wait("cid is cut off", lambda: not calls(cid, "ann.acme"))
        bob.start()
        wait("bob reads what was written under the new key", lambda: any(
            m["did"] == bob.did and m["name"] == "robert" for m in bob.cli("network", "show", "acme")["members"]))
        eve = added(world, "eve", reach=["ann.acme"])
        assert any(m["name"] == "robert" for m in join(eve, link)["members"])
        wait("eve reaches ann", lambda: calls(eve, "ann.acme"))
