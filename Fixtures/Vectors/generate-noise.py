#!/usr/bin/env python3
"""Writes Noise test vectors in cacophony's JSON format with PyPI's `noiseprotocol`, an independent implementation.

    python3 -m venv venv && venv/bin/pip install noiseprotocol
    venv/bin/python Fixtures/Vectors/generate-noise.py > Fixtures/Vectors/noise-ikpsk1.json

Every key is a hash of its name, so the output is the same each time. Static keys are the X25519 forms of Ed25519 seeds,
which each vector names too (`init_seed`, `resp_seed`), as Postern derives them.

With `--all` the vectors are of every pattern and algorithm that `noiseprotocol` has, one conversation each.
"""

import hashlib
import itertools
import json
import sys
import warnings

from noise.connection import Keypair, NoiseConnection

POSTERN = "Noise_IKpsk1_25519_ChaChaPoly_BLAKE2b"
PATTERNS = "N K X NN NK NX KN KK KX XN XK XX IN IK IX".split()


def derive(*label):
    """32 bytes that `label` stands for."""
    return hashlib.sha256("/".join(map(str, label)).encode()).digest()


def text(count, label):
    """`count` bytes that are no pattern."""
    return hashlib.shake_256(label.encode()).digest(count)


def exchange_secret(seed):
    """The X25519 secret of an Ed25519 seed (RFC 8032 section 5.1.5, before clamping)."""
    return hashlib.sha512(seed).digest()[:32]


def public_key(secret):
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    return X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()


def prologue_to(case):
    """What handshakes with the responder of a case begin with: the version and its Ed25519 key."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.from_private_bytes(derive(case, "resp", "static")).public_key()
    return b"postern overlay 2" + key.public_bytes_raw()


def connect(name, case, prologue, psks):
    """Both sides of a conversation, and its keys as a vector names them."""
    pattern = name.split("_")[1].split("psk")[0]
    seeds = {side: derive(case, side, "static") for side in ("init", "resp")}
    statics = {side: exchange_secret(seed) for side, seed in seeds.items()}
    vector = {"protocol_name": name}
    sides = {}
    for side, other in (("init", "resp"), ("resp", "init")):
        connection = NoiseConnection.from_name(name.encode())
        if side == "init":
            connection.set_as_initiator()
        else:
            connection.set_as_responder()
        required = connection.noise_protocol.pattern.get_required_keypairs(side == "init")
        vector[f"{side}_prologue"] = prologue.hex()
        connection.set_prologue(prologue)
        if psks:
            vector[f"{side}_psks"] = [psk.hex() for psk in psks]
            connection.set_psks(psks=psks)
        if "s" in required:
            vector[f"{side}_seed"] = seeds[side].hex()
            vector[f"{side}_static"] = statics[side].hex()
            connection.set_keypair_from_private_bytes(Keypair.STATIC, statics[side])
        if "rs" in required:
            remote = public_key(statics[other])
            vector[f"{side}_remote_static"] = remote.hex()
            connection.set_keypair_from_public_bytes(Keypair.REMOTE_STATIC, remote)
        if side == "init" or len(pattern) > 1:
            ephemeral = derive(case, side, "ephemeral")
            vector[f"{side}_ephemeral"] = ephemeral.hex()
            connection.set_keypair_from_private_bytes(Keypair.EPHEMERAL, ephemeral)
        connection.start_handshake()
        sides[side] = connection
    return vector, sides["init"], sides["resp"]


def conversation(name, case, payloads, prologue=b"", psks=()):
    """One vector: the handshake and as many transport messages as there are payloads left."""
    vector, initiator, responder = connect(name, case, prologue, list(psks))
    messages = []
    one_way = len(name.split("_")[1].split("psk")[0]) == 1
    for position, payload in enumerate(payloads):
        writer, reader = (initiator, responder) if one_way or position % 2 == 0 else (responder, initiator)
        if not writer.handshake_finished:
            message = bytes(writer.write_message(payload))
            assert bytes(reader.read_message(message)) == payload
        else:
            message = bytes(writer.encrypt(payload))
            assert bytes(reader.decrypt(message)) == payload
        messages.append({"payload": payload.hex(), "ciphertext": message.hex()})
    vector["handshake_hash"] = bytes(initiator.get_handshake_hash()).hex()
    assert bytes(responder.get_handshake_hash()).hex() == vector["handshake_hash"]
    vector["messages"] = messages
    return vector


def postern_vectors():
    """What matters to Postern: its own protocol, and the same without a pre-shared key."""
    psk = derive("psk")
    zeros = bytes(32)
    short = [b"one", b"two", b"three", b"four", b"five", b"six"]
    empty = [b""] * 6
    long = [text(count, f"payload {count}") for count in (1000, 1100, 1, 4096, 9000, 17)]
    yield conversation(POSTERN, "psk", short, prologue_to("psk"), [psk])
    yield conversation(POSTERN, "zero psk", short, prologue_to("zero psk"), [zeros])
    yield conversation(POSTERN, "no prologue", short, b"", [psk])
    yield conversation(POSTERN, "long prologue", short, text(300, "prologue"), [psk])
    yield conversation(POSTERN, "empty payloads", empty, prologue_to("empty payloads"), [psk])
    yield conversation(POSTERN, "nothing at all", empty, b"", [zeros])
    yield conversation(POSTERN, "long payloads", long, prologue_to("long payloads"), [psk])
    yield conversation("Noise_IK_25519_ChaChaPoly_BLAKE2b", "no psk", short, prologue_to("no psk"))
    after = "psk after message 2"
    yield conversation("Noise_IKpsk2_25519_ChaChaPoly_BLAKE2b", after, short, prologue_to(after), [psk])


def all_vectors():
    hashes = ("BLAKE2b", "SHA256", "SHA512", "BLAKE2s")
    payloads = [text(count, f"payload {count}") for count in (0, 17, 300, 1, 64, 0, 5, 128)]
    for pattern, cipher, digest in itertools.product(PATTERNS, ("ChaChaPoly", "AESGCM"), hashes):
        count = {1: 1, 2: 3 if pattern[0] == "X" else 2}[len(pattern)]
        for place in [None, *range(count + 1)]:
            modifier = "" if place is None else f"psk{place}"
            name = f"Noise_{pattern}{modifier}_25519_{cipher}_{digest}"
            psks = [] if place is None else [derive(name, "psk")]
            yield conversation(name, name, payloads, b"postern overlay 1", psks)


def main():
    # Fixed ephemeral keys are the point of a vector.
    warnings.filterwarnings("ignore", message="One of ephemeral keypairs")
    vectors = all_vectors() if sys.argv[1:] == ["--all"] else postern_vectors()
    json.dump({"vectors": list(vectors)}, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
