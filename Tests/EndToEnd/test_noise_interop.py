"""The handshake against an independent implementation: PyPI's `noiseprotocol`."""

import json
import os
import re
import subprocess
import warnings

import pytest
from noise.connection import Keypair, NoiseConnection

from processes import PROGRAMS, ROOT

BENCH = PROGRAMS / "postern-bench"
STORED = sorted((ROOT / "Fixtures" / "Vectors").glob("*.json"))
PATTERNS = ["Noise_IKpsk1_25519_ChaChaPoly_BLAKE2b", "Noise_IK_25519_ChaChaPoly_BLAKE2b"]


def run(file):
    """Exit code and the numbers of vectors that passed and failed."""
    done = subprocess.run([BENCH, "noise-vectors", file], capture_output=True, text=True, timeout=60)
    counts = [re.search(rf"(\d+) {word}", done.stdout) for word in ("passed", "failed")]
    assert all(counts), done.stdout + done.stderr
    return done.returncode, *(int(match[1]) for match in counts)


def public(private):
    side = NoiseConnection.from_name(b"Noise_IK_25519_ChaChaPoly_BLAKE2b")
    side.set_keypair_from_private_bytes(Keypair.STATIC, private)
    return side.noise_protocol.keypairs["s"].public_bytes


def vector(pattern):
    """A whole exchange with random keys and payloads, in the form of the cacophony vectors."""
    secrets = {name: os.urandom(32) for name in ("init_static", "init_ephemeral", "resp_static", "resp_ephemeral")}
    prologue, psk = os.urandom(17), os.urandom(32)
    sides = {}
    # It warns of fixed ephemeral keys, which is what a vector is about.
    warnings.simplefilter("ignore")
    for role in ("init", "resp"):
        side = sides[role] = NoiseConnection.from_name(pattern.encode())
        side.set_as_initiator() if role == "init" else side.set_as_responder()
        side.set_prologue(prologue)
        if "psk" in pattern:
            side.set_psks(psk=psk)
        side.set_keypair_from_private_bytes(Keypair.STATIC, secrets[f"{role}_static"])
        side.set_keypair_from_private_bytes(Keypair.EPHEMERAL, secrets[f"{role}_ephemeral"])
    remote = public(secrets["resp_static"])
    sides["init"].set_keypair_from_public_bytes(Keypair.REMOTE_STATIC, remote)
    for side in sides.values():
        side.start_handshake()
    messages = []
    for index in range(6):
        sender, receiver = ("init", "resp") if index % 2 == 0 else ("resp", "init")
        payload = os.urandom(index * 20)
        if index < 2:
            ciphertext = bytes(sides[sender].write_message(payload))
            assert bytes(sides[receiver].read_message(ciphertext)) == payload
        else:
            ciphertext = bytes(sides[sender].encrypt(payload))
        messages.append({"payload": payload.hex(), "ciphertext": ciphertext.hex()})
    result = {
        "protocol_name": pattern, "init_prologue": prologue.hex(), "resp_prologue": prologue.hex(),
        "init_remote_static": remote.hex(), "messages": messages,
        "handshake_hash": sides["init"].get_handshake_hash().hex(),
        **{name: secret.hex() for name, secret in secrets.items()},
    }
    if "psk" in pattern:
        result |= {"init_psks": [psk.hex()], "resp_psks": [psk.hex()]}
    return result


def test_the_stored_vectors_pass():
    assert STORED, "no vectors in Fixtures/Vectors"
    for file in STORED:
        code, passed, failed = run(file)
        assert (code, failed) == (0, 0) and passed > 0, file


@pytest.mark.parametrize("pattern", PATTERNS)
def test_fresh_exchanges_of_the_other_implementation_pass(tmp_path, pattern):
    file = tmp_path / "vectors.json"
    file.write_text(json.dumps({"vectors": [vector(pattern) for _ in range(20)]}))
    assert run(file) == (0, 20, 0)


def test_a_wrong_vector_fails(tmp_path):
    """The check is worth something: any changed byte of any message is noticed."""
    for index in range(6):
        wrong = vector(PATTERNS[0])
        text = wrong["messages"][index]["ciphertext"]
        wrong["messages"][index]["ciphertext"] = text[:-1] + ("0" if text[-1] != "0" else "1")
        file = tmp_path / f"{index}.json"
        file.write_text(json.dumps({"vectors": [vector(PATTERNS[0]), wrong]}))
        code, passed, failed = run(file)
        assert (passed, failed) == (1, 1) and code != 0
