"""What whoever sees the wire, the hub's database and the hub's memory learns: keys, who belongs with whom in which role, and
volumes (RULES N14), and nothing else of six nodes, three networks and two private peers (R8, R10, S1)."""

import base64
import http.client
import os
import socket
import threading


import pytest

from test_networks import get, join, mirror, wait
from world import Sidecar, World, befriend

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may capture packets")

# Each word stands for one kind of what nobody but those concerned may read, and occurs nowhere else.
SECRETS = {
    "network": ["zqnetorion", "zqnetpisces", "zqnetdraco"],
    "node": ["zqnodeann", "zqnodebob", "zqnodecid", "zqnodedan", "zqnodeeve", "zqnodefay"],
    "label": ["zqlabelone"],
    "group": ["zqgroupops"],
    "service": ["zqsvctools", "zqsvcprivate"],
    "petname": ["zqpetname"],
    "trust text": ["zqnotetext"],
    "payload": ["zqpayload"],
}


class Capture:
    """Every packet on the loopback interface, while it runs."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.socket.bind(("lo", 0))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 << 20)
        self.socket.settimeout(0.2)
        self.datagrams = []
        self.running = True
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        while self.running:
            try:
                frame = self.socket.recv(65536)
            except TimeoutError:
                continue
            # IPv4 and UDP: local clients and agents speak TCP in the clear, as they have to.
            if frame[12:14] == b"\x08\x00" and frame[23] == 17:
                header = 14 + (frame[14] & 15) * 4
                ports = int.from_bytes(frame[header:header + 2]), int.from_bytes(frame[header + 2:header + 4])
                self.datagrams.append((ports, frame[header + 8:]))

    def stop(self):
        self.running = False
        self.thread.join(5)
        self.socket.close()

    def of(self, ports):
        return [payload for ends, payload in self.datagrams if ports.intersection(ends)]


def spellings(word):
    """The word as it may stand in texts and binary forms: as it is, in base64 at each place, in hexadecimal."""
    raw = word.encode()
    forms = {raw, raw.hex().encode()}
    for shift in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            # What depends on the neighbours is left out at both ends.
            forms.add(encode(b"\0" * shift + raw)[4 if shift else 0:-4])
    return {form for form in forms if len(form) >= 8}


def found(words, data):
    return [word for word in words if any(form in data for form in spellings(word))]


def memory(pid):
    """What a process has in its writable memory."""
    parts = []
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb") as image:
        for line in maps:
            span, mode = line.split()[:2]
            if not mode.startswith("rw") or "[v" in line:
                continue
            start, end = (int(place, 16) for place in span.split("-"))
            try:
                image.seek(start)
                parts.append(image.read(end - start))
            except OSError:
                continue
    return b"\n".join(parts)


def files(folder):
    return b"\n".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def node(world, name, number, allow=(), upstream=None, service=None, reach=()):
    """A sidecar at a loopback address of its own, relayed, so that the hub carries all that it sends."""
    sidecar = world.add(Sidecar(world.folder, name, world.hub.url, listen=f"127.0.7.{number}:0"))
    sidecar.config["underlay"]["relay"] = "only"
    if upstream:
        sidecar.expose(service, 80, "http", upstream, allow=list(allow))
    sidecar.ports = {peer: sidecar.reach(peer, service) for peer, service in reach}
    sidecar.write_config()
    return sidecar.start()


def speaks(sidecar, peer):
    connection = http.client.HTTPConnection("127.0.0.1", sidecar.ports[peer], timeout=30)
    connection.request("GET", "/" + SECRETS["payload"][0], headers={"X-Text": SECRETS["payload"][0]})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status == 200 and SECRETS["payload"][0].encode() in body


def test_neither_the_wire_nor_the_hub_nor_another_network_learns_what_is_not_theirs(tmp_path):
    with World(tmp_path) as world, mirror() as agent:
        capture = Capture()
        orion, pisces, draco = SECRETS["network"]
        tools, private = SECRETS["service"]
        names = SECRETS["node"]
        ann = node(world, names[0], 11, [f"network:{orion}"], agent, tools)
        bob = node(world, names[1], 12, [f"group:{orion}/{SECRETS['group'][0]}"], agent, tools,
                   reach=[(f"{names[0]}.{orion}", tools)])
        cid = node(world, names[2], 13, [f"network:{pisces}"], agent, tools)
        dan = node(world, names[3], 14, reach=[(f"{names[2]}.{pisces}", tools)])
        eve = node(world, names[4], 15, ["trusted"], agent, private)
        fay = node(world, names[5], 16, reach=[(eve.did, private)])
        for founder, name, other in ((ann, orion, bob), (cid, pisces, dan), (eve, draco, fay)):
            founder.cli("network", "create", name)
            if name != draco:
                join(other, founder.cli("network", "invite", name)["invitation"])
        ann.cli("network", "group", orion, SECRETS["group"][0], bob.did)
        ann.cli("network", "name", orion, bob.did, SECRETS["label"][0])
        policy = tmp_path / "policy.json"
        policy.write_text('{"services": {"*": ["%s"]}}' % tools)
        ann.cli("network", "policy", orion, "--set", policy)
        # The private pair: a request with a text, an approval, a name that one gives the other.
        asked = fay.cli("trust", "request", eve.did, "--note", SECRETS["trust text"][0])
        wait("the request arrives", lambda: eve.cli("trust", "list")["pending"])
        eve.cli("trust", "approve", asked["id"], "--as", SECRETS["petname"][0])
        for caller, peer in ((bob, f"{names[0]}.{orion}"), (dan, f"{names[2]}.{pisces}"), (fay, eve.did)):
            wait(f"{caller.name} speaks", lambda: speaks(caller, peer), timeout=45)
            assert get(caller, peer)[0] == 200

        ports = {member.udp_port() for member in (ann, bob, cid, dan, eve, fay)}
        remembered = memory(world.hub.program.process.pid)
        capture.stop()
        world.hub.stop()
        wire = b"\n".join(capture.of(ports))
        stored = files(world.hub.state)
        words = [word for kind in SECRETS.values() for word in kind]
        # What is looked for is there to be found: each word is in the state or the memory of whom it concerns.
        assert len(wire) > 50_000 and ann.did.encode() in stored and ann.did.encode() in remembered
        kept = files(ann.state) + memory(ann.program.process.pid) + memory(eve.program.process.pid)
        assert set(found(words, kept)) >= {orion, names[0], SECRETS["group"][0], SECRETS["label"][0], tools,
                                           SECRETS["petname"][0], SECRETS["trust text"][0]}

        assert found(words, wire) == [], "the wire"
        assert found(words, stored) == [], "the hub's directory"
        assert found(words, remembered) == [], "the hub's memory"
        # No locator in what the hub keeps: neither in words nor as the four bytes and the port of an address.
        for member, number in ((ann, 11), (bob, 12), (cid, 13), (dan, 14), (eve, 15), (fay, 16)):
            assert f"127.0.7.{number}".encode() not in stored
            port = member.udp_port()
            for order in ("big", "little"):
                assert bytes([127, 0, 7, number]) + port.to_bytes(2, order) not in stored
        # Nodes know nothing of each other across networks: no key, no name, no network.
        groups = ((ann, bob), (cid, dan), (eve, fay))
        for group in groups:
            others = [other for some in groups if some is not group for other in some]
            for member in group:
                own = files(member.state)
                for other in others:
                    assert other.did.encode() not in own and other.name.encode() not in own, (member.name, other.name)
                foreign = {orion, pisces, draco} - {orion if group is groups[0] else pisces if group is groups[1] else draco}
                assert found(sorted(foreign), own) == []
        for member in (ann, bob, cid, dan, eve, fay):
            member.stop()
