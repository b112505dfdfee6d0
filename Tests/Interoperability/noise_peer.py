#!/usr/bin/env python3
"""One side of a Noise_IKpsk1_25519_ChaChaPoly_BLAKE2b conversation, by PyPI's `noiseprotocol`, over stdin and stdout.

Each message is a hexadecimal line. The initiator sends message 1 and, after the handshake, one transport message after
the other; the responder answers each with what it said. Then the initiator sends `hash` and the handshake's hash, the
responder the same, and both end with status 0. `NoiseExchange` in Sources/OverlayCrypto is the other side.

    noise_peer.py initiator --static HEX --remote-static HEX --payload HEX [--payload HEX ...]
    noise_peer.py responder --static HEX

Anything unexpected ends it with a line on stderr and status 1.
"""

import argparse
import sys
import warnings

from noise.connection import Keypair, NoiseConnection


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("role", choices=["initiator", "responder"])
    parser.add_argument("--static", type=bytes.fromhex, required=True, help="own X25519 secret")
    parser.add_argument("--remote-static", type=bytes.fromhex, help="the responder's X25519 public key")
    parser.add_argument("--psk", type=bytes.fromhex, default=bytes(32))
    parser.add_argument("--prologue", type=bytes.fromhex, default=b"")
    parser.add_argument("--ephemeral", type=bytes.fromhex, help="own ephemeral secret; random if not given")
    parser.add_argument("--payload", type=bytes.fromhex, action="append", default=[])
    return parser.parse_args()


def connect(options):
    connection = NoiseConnection.from_name(b"Noise_IKpsk1_25519_ChaChaPoly_BLAKE2b")
    connection.set_prologue(options.prologue)
    connection.set_psks(psks=[options.psk])
    connection.set_keypair_from_private_bytes(Keypair.STATIC, options.static)
    if options.ephemeral:
        connection.set_keypair_from_private_bytes(Keypair.EPHEMERAL, options.ephemeral)
    if options.role == "initiator":
        connection.set_as_initiator()
        connection.set_keypair_from_public_bytes(Keypair.REMOTE_STATIC, options.remote_static)
    else:
        connection.set_as_responder()
    connection.start_handshake()
    return connection


def say(line):
    print(line, flush=True)


def hear():
    line = sys.stdin.readline()
    if not line.endswith("\n"):
        sys.exit("the peer stopped talking")
    return line.strip()


def write(connection, payload):
    if connection.handshake_finished:
        say(bytes(connection.encrypt(payload)).hex())
    else:
        say(bytes(connection.write_message(payload)).hex())


def read(connection, line):
    message = bytes.fromhex(line)
    if connection.handshake_finished:
        return bytes(connection.decrypt(message))
    return bytes(connection.read_message(message))


def expect_hash(connection, line):
    if line != "hash " + bytes(connection.get_handshake_hash()).hex():
        sys.exit("the handshake hashes differ")


def initiate(connection, payloads):
    for payload in payloads:
        write(connection, payload)
        if read(connection, hear()) != payload:
            sys.exit("the peer answered something else")
    say("hash " + bytes(connection.get_handshake_hash()).hex())
    expect_hash(connection, hear())


def respond(connection):
    while True:
        line = hear()
        if line.startswith("hash "):
            expect_hash(connection, line)
            say("hash " + bytes(connection.get_handshake_hash()).hex())
            return
        write(connection, read(connection, line))


def main():
    warnings.filterwarnings("ignore", message="One of ephemeral keypairs")
    options = parse_arguments()
    connection = connect(options)
    if options.role == "initiator":
        initiate(connection, options.payload)
    else:
        respond(connection)


if __name__ == "__main__":
    main()
