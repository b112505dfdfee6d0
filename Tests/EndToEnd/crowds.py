"""Members that nobody is: keys of the test, which join a network by a link and publish, written into a hub's database.

The entries are what Sources/TrustCore/Networks.md says, without their bodies: those may be erased. The hub is not
running meanwhile, and whoever reads the log from it verifies each entry."""

import base64
import hashlib
import json
import sqlite3
import time

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def canonical(document):
    """RFC 8785, of documents whose numbers are integers and whose names are ASCII."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def digest(data):
    return hashlib.blake2b(data, digest_size=32).digest()


class Key:
    def __init__(self, seed):
        self.private = Ed25519PrivateKey.from_private_bytes(seed)
        self.bytes = self.private.public_key().public_bytes_raw()
        number, text = int.from_bytes(b"\xed\x01" + self.bytes, "big"), ""
        while number:
            number, digit = divmod(number, 58)
            text = ALPHABET[digit] + text
        self.did = "did:key:z" + text

    def sign(self, data):
        return encode(self.private.sign(data))


def secret(link):
    """The guest of a link into a network."""
    body = link.removeprefix("postern-network:")
    document = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))[:-4])
    return Key(base64.urlsafe_b64decode(document["secret"] + "="))


class Log:
    """The log of the one network in a hub's database, while the hub does not run."""

    def __init__(self, hub):
        self.database = sqlite3.connect(hub.state / "hub.sqlite")
        self.log, state = self.database.execute("SELECT id, state FROM log").fetchone()
        self.state = json.loads(state)
        self.rows = []

    def write(self, actor, action, subject=None, role=None, new=None, has_body=True):
        # A time in whole seconds would have no fraction.
        now = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + ".001Z"
        header = {
            "network": self.state["network"], "sequence": self.state["sequence"] + 1, "previous": self.state["head"],
            "time": now, "actor": actor.did, "action": action, "subject": subject, "role": role, "old": None,
            "new": new, "bodyHash": "00" * 32 if has_body else None, "critical": []}
        text = canonical(header)
        head = digest(text)
        entry = {"header": header, "signature": actor.sign(b"postern network entry 1\n" + text), "body": None, "boxes": {}}
        self.rows.append((self.log, header["sequence"], head, canonical(entry).decode()))
        self.state |= {"sequence": header["sequence"], "head": head.hex()}

    def join(self, links, count, seed=b"crowd"):
        """`count` members join by links, which have uses enough; their keys."""
        guests = [secret(link) for link in links]
        members = []
        for number in range(count):
            member = Key(digest(seed + str(number).encode()))
            guest = next(guest for guest in guests if guest.did in self.state["invitations"])
            proof = guest.sign(b"postern network join 1\n" + bytes.fromhex(self.state["network"]) + member.bytes)
            self.write(member, "member.join", guest.did, "member", {"proof": proof})
            self.state["members"][member.did] = ["member", self.state["sequence"]]
            left = self.state["invitations"][guest.did]
            left[0] -= 1
            if not left[0]:
                del self.state["invitations"][guest.did]
            members.append(member)
        return members

    def publish(self, members, count):
        """As many entries of members as `count` says."""
        for number in range(count):
            self.write(members[number % len(members)], "publish")

    def close(self):
        with self.database:
            self.database.executemany("INSERT INTO entry (log, sequence, hash, document) VALUES (?, ?, ?, ?)", self.rows)
            self.database.execute(
                "UPDATE log SET state = ?, edition = random() WHERE id = ?",
                (canonical(self.state).decode(), self.log))
        self.database.close()
