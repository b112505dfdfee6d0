"""`postern identity`: the key is shown, protected and moved; its next key is committed to, and peers hold it to that."""

import base64
import json
import os
import pty
import re
import select
import signal
import struct
import termios
import time

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hashlib import blake2b

from processes import POSTERN
from world import COMMAND_TIMEOUT, Sidecar, World, postern

WORDS = "four quiet winter mornings"


def made(state):
    run = postern("init", "--state", state, "--json")
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def identity(state, *arguments, environment=None):
    return postern("identity", *arguments, "--state", state, "--json", environment=environment)


def shown(state):
    run = identity(state, "show")
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def code(run):
    assert run.returncode == 1, run.stdout
    return json.loads(run.stdout)["error"]["code"]


def mode(path):
    return path.stat().st_mode & 0o777


def written(path, text=WORDS):
    path.write_text(text + "\n")
    path.chmod(0o600)
    return path


def octets(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def hchacha20(key, nonce):
    """The subkey of draft-irtf-cfrg-xchacha §2.2."""
    state = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574, *struct.unpack("<8I", key), *struct.unpack("<4I", nonce)]

    def rotated(value, count):
        return (value << count | value >> 32 - count) & 0xffffffff

    def quarter(a, b, c, d):
        for first, second, third, count in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            state[first] = state[first] + state[second] & 0xffffffff
            state[third] = rotated(state[third] ^ state[first], count)

    for _ in range(10):
        for column in range(4):
            quarter(column, 4 + column, 8 + column, 12 + column)
        for a, b, c, d in ((0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)):
            quarter(a, b, c, d)
    return struct.pack("<8I", *state[:4], *state[12:])


def opened(path, words=WORDS):
    """What is in a file under a passphrase, read as Protocol.md says, with nothing of ours."""
    document = json.loads(path.read_text())
    box = octets(document.pop("box"))
    cost = document["argon2id"]
    key = Argon2id(salt=octets(cost["salt"]), length=32, iterations=cost["passes"], lanes=1,
                   memory_cost=cost["memoryKiB"]).derive(words.encode())
    cipher = ChaCha20Poly1305(hchacha20(key, box[:16]))
    return cipher.decrypt(bytes(4) + box[16:24], box[24:], rfc8785.dumps(document))


def public(seed):
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed)).public_key()
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def test_init_commits_to_a_next_key_that_is_to_be_moved_away(tmp_path):
    state = tmp_path / "node"
    document = made(state)
    recovery = state / "recovery.key"
    assert document["recovery"] == str(recovery) and mode(recovery) == 0o600
    prefix, seed = recovery.read_text().strip().split(":")
    assert prefix == "postern-ed25519-next-seed"
    (line,) = (state / "identity.records").read_text().splitlines()
    record = json.loads(line)
    assert record["type"] == "postern.node.1" and record["sequence"] == 0
    assert record["by"] == record["first"] == document["did"]
    assert octets(record["next"]) == blake2b(b"postern next key 1\n" + public(seed), digest_size=32).digest()
    signature = octets(record.pop("signature"))
    own = (state / "identity.key").read_text().strip().split(":")[1]
    Ed25519PublicKey.from_public_bytes(public(own)).verify(signature, b"postern record 1\n" + rfc8785.dumps(record))

    before = shown(state)
    assert before["did"] == document["did"] and before["address"] == document["address"]
    assert before["next"] == {"hash": record["next"], "file": str(recovery)}
    assert before["key"] == {"file": str(state / "identity.key"), "passphrase": False}
    assert re.fullmatch(r"([0-9a-f]{4} ){7}[0-9a-f]{4}", before["fingerprint"])
    assert before["fingerprint"].replace(" ", "") == blake2b(public(own), digest_size=32).hexdigest()[:32]
    text = postern("identity", "show", "--state", state).stdout
    assert "still lies in" in text and str(recovery) in text

    recovery.rename(tmp_path / "drawer")
    assert shown(state)["next"] == {"hash": record["next"], "file": None}
    # Neither a key nor a next key is made again.
    assert made(state)["recovery"] is None and not recovery.exists()
    assert (state / "identity.records").read_text().splitlines() == [line]


def test_an_identity_moves_by_a_file_under_a_passphrase(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    did = made(here)["did"]
    words, other = written(tmp_path / "words"), written(tmp_path / "other", "another winter")
    archive = tmp_path / "moved.identity"
    assert code(identity(here, "export", archive)) == "no-passphrase"
    assert code(identity(here, "export", archive, "--passphrase-file", written(tmp_path / "short", "x"))) == \
        "passphrase-unusable"
    run = postern("identity", "export", archive, "--passphrase-file", words, "--state", here)
    assert run.returncode == 0 and "noticed as duplicates" in run.stdout, run.stderr
    assert mode(archive) == 0o600
    assert code(identity(here, "export", archive, "--passphrase-file", words)) == "file-exists"

    content = json.loads(opened(archive))
    assert content["seed"] == (here / "identity.key").read_text().strip().split(":")[1]
    assert content["records"] == [json.loads((here / "identity.records").read_text())]

    assert code(identity(there, "import", archive)) == "key-locked"
    assert code(identity(there, "import", archive, "--passphrase-file", other)) == "wrong-passphrase"
    assert not (there / "identity.key").exists()
    run = identity(there, "import", archive, "--passphrase-file", words)
    assert run.returncode == 0 and json.loads(run.stdout)["did"] == did
    for name in ("identity.key", "identity.records"):
        assert (there / name).read_bytes() == (here / name).read_bytes() and mode(there / name) == 0o600
    assert shown(there)["next"]["file"] is None
    assert code(identity(there, "import", archive, "--passphrase-file", words)) == "identity-exists"
    # The configuration is made around the key that is there, and no other next key beside it.
    assert made(there)["did"] == did and not (there / "recovery.key").exists()


def test_a_sidecar_starts_on_a_key_under_a_passphrase(tmp_path):
    words, other = written(tmp_path / "words"), written(tmp_path / "other", "another winter")
    environment = {"POSTERN_PASSPHRASE_FILE": str(words)}
    with World(tmp_path) as world:
        world.start()
        a = world.a
        a.stop()
        run = identity(a.state, "passphrase", "--passphrase-file", words)
        assert run.returncode == 0, run.stderr
        key = a.state / "identity.key"
        assert mode(key) == 0o600 and "postern-ed25519-seed" not in key.read_text()
        assert re.fullmatch(rb"[0-9a-f]{64}", opened(key))
        assert shown(a.state)["key"]["passphrase"] is True and shown(a.state)["did"] == a.did
        for arguments in (["up"], ["up", "--detach"]):
            run = postern(*arguments, "--state", a.state)
            assert run.returncode != 0 and "POSTERN_PASSPHRASE_FILE" in run.stderr, run.stderr
        run = postern("up", "--state", a.state, environment={"POSTERN_PASSPHRASE_FILE": str(other)})
        assert run.returncode != 0 and "does not open" in run.stderr, run.stderr
        a.environment.update(environment)
        a.start()
        assert a.cli("ping", world.b.did)["received"] > 0
        assert postern("audit", "verify", "--state", a.state, environment=environment).returncode == 0
        assert postern("audit", "verify", "--state", a.state).returncode == 1
        a.stop()
        assert code(identity(a.state, "passphrase", "--remove")) == "key-locked"
        assert identity(a.state, "passphrase", "--remove", environment=environment).returncode == 0
        assert re.fullmatch(r"postern-ed25519-seed:[0-9a-f]{64}\n", key.read_text())


def typed(arguments, lines):
    """Runs a command on a terminal and types a line at each question; what was shown and the exit status."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(arguments[0], [str(argument) for argument in arguments])
    text, lines = b"", list(lines)
    deadline = time.monotonic() + COMMAND_TIMEOUT
    while time.monotonic() < deadline:
        if not select.select([terminal], [], [], 0.2)[0]:
            continue
        try:
            chunk = os.read(terminal, 65536)
        except OSError:
            break
        text += chunk
        if text.endswith(b": ") and lines:
            os.write(terminal, lines.pop(0).encode() + b"\n")
    os.close(terminal)
    return text.decode(), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_an_interrupt_at_the_prompt_leaves_the_terminal_as_it_was(tmp_path):
    state = tmp_path / "node"
    made(state)
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(POSTERN, [str(word) for word in (POSTERN, "identity", "passphrase", "--state", state)])
    text = b""
    while not text.endswith(b": "):
        assert select.select([terminal], [], [], COMMAND_TIMEOUT)[0], text
        text += os.read(terminal, 65536)
    assert not termios.tcgetattr(terminal)[3] & termios.ECHO
    os.write(terminal, b"half a pass\x03")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGINT
    assert termios.tcgetattr(terminal)[3] & (termios.ECHO | termios.ISIG) == termios.ECHO | termios.ISIG
    os.close(terminal)


def test_a_passphrase_is_typed_unseen(tmp_path):
    state = tmp_path / "node"
    made(state)
    command = [str(POSTERN), "identity", "passphrase", "--state", state]
    text, status = typed(command, [WORDS, "another winter"])
    assert status == 1 and "differ" in text and WORDS not in text, text
    text, status = typed(command, [WORDS, WORDS])
    assert status == 0 and WORDS not in text, text
    assert re.fullmatch(rb"[0-9a-f]{64}", opened(state / "identity.key"))
    # The former one is asked for before the new one.
    text, status = typed(command, [WORDS, "another winter", "another winter"])
    assert status == 0 and "winter" not in text, text
    assert re.fullmatch(rb"[0-9a-f]{64}", opened(state / "identity.key", "another winter"))


def contradictions(node):
    return node.cli("status")["contradictions"]


def audited(node, action):
    entries = map(json.loads, (node.state / "audit.jsonl").read_text().splitlines())
    return [entry for entry in entries if entry["action"] == action]


@pytest.mark.timeout(180)
def test_a_thief_of_the_key_who_names_another_next_key_is_told(tmp_path):
    with World(tmp_path) as world:
        world.start()
        a, b = world.a, world.b
        (first,) = audited(b, "key.commit")
        assert first["subject"] == a.did and first["new"]["hash"] == shown(a.state)["next"]["hash"]
        assert contradictions(b) == []
        a.stop()
        thief = world.add(Sidecar(tmp_path / "thief", "thief", world.hub.url))
        for name in ("identity.key", "identity.records", "recovery.key"):
            (thief.state / name).unlink(missing_ok=True)
        (thief.state / "identity.key").write_bytes((a.state / "identity.key").read_bytes())
        (thief.state / "identity.key").chmod(0o600)
        # The thief has the key and not what it has committed to: an own next key is made.
        assert made(thief.state)["did"] == a.did
        assert shown(thief.state)["next"]["hash"] != first["new"]["hash"]
        thief.did = a.did
        thief.write_config()
        thief.start()
        invitation = b.cli("invite")["invitation"]
        deadline = time.monotonic() + 90
        while not contradictions(b):
            assert time.monotonic() < deadline, "the contradiction was not told"
            # Sooner or later it is told that its state is older than the node.
            thief.cli("trust", "recover", "--confirm", check=False)
            thief.cli("join", invitation, check=False, timeout=60)
            time.sleep(0.2)
        assert contradictions(b) == [a.did]
        (entry,) = audited(b, "key.contradict")
        assert entry["old"] == first["new"] and entry["new"]["hash"] == shown(thief.state)["next"]["hash"]
        assert "names another next key" in postern("status", "--state", b.state).stdout
        thief.stop()
