"""A second implementation of the wire, small and independent, written from `Protocol.md`: an initiator of sessions.

Noise comes from PyPI's `noiseprotocol`, packet protection from `cryptography`. Enough to shake hands, to exchange
protected packets with ChaCha20-Poly1305, and to open streams and acknowledge what comes; no recovery.
"""

import hashlib
import os
import socket
import struct
import time
import warnings

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from noise.connection import Keypair, NoiseConnection

VERSION = b"postern overlay 2"
INITIATION, RESPONSE, COOKIE, PROTECTED = 1, 2, 3, 4
INITIATION_SIZE = 1200
PADDING, PING, ACK = 0, 1, 2
RESET_STREAM, STOP_SENDING, STREAM, CLOSE = 0x04, 0x05, 0x08, 0x1C
FIN, LENGTH, OPENS = 1, 2, 4
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def key_of_did(did):
    """The 32 bytes of the Ed25519 key in a did:key."""
    number = 0
    for letter in did.removeprefix("did:key:z"):
        number = number * 58 + BASE58.index(letter)
    data = number.to_bytes(34)
    assert data[:2] == b"\xed\x01"
    return data[2:]


def exchange_key(key):
    """The X25519 form of an Ed25519 public key (RFC 7748 section 4.1): u = (1 + y) / (1 - y)."""
    prime = 2**255 - 19
    y = int.from_bytes(key, "little") & (2**255 - 1)
    return ((1 + y) * pow(1 - y, -1, prime) % prime).to_bytes(32, "little")


def blake2b(data, key=b"", size=32):
    return hashlib.blake2b(data, key=key, digest_size=size).digest()


def mac1(receiver, data):
    return blake2b(data, key=blake2b(b"postern mac1" + receiver), size=16)


def hchacha20(key, nonce):
    """The subkey of XChaCha20 (draft-irtf-cfrg-xchacha-03 section 2.2) for the first 16 bytes of its nonce."""
    state = list(struct.unpack("<16I", b"expand 32-byte k" + key + nonce))

    def quarter(a, b, c, d):
        for x, y, z, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            state[x] = (state[x] + state[y]) & 0xFFFFFFFF
            mixed = state[z] ^ state[x]
            state[z] = (mixed << turn | mixed >> (32 - turn)) & 0xFFFFFFFF

    for _ in range(10):
        for column in range(4):
            quarter(column, column + 4, column + 8, column + 12)
        for row in range(4):
            quarter(row, (row + 1) % 4 + 4, (row + 2) % 4 + 8, (row + 3) % 4 + 12)
    return struct.pack("<8I", *state[:4], *state[12:])


def open_cookie(responder, packet, mac):
    """The cookie in a packet of type 3, which answers the initiation with this first MAC."""
    nonce, sealed = packet[5:29], packet[29:]
    key = hchacha20(blake2b(b"postern cookie" + responder), nonce[:16])
    return ChaCha20Poly1305(key).decrypt(bytes(4) + nonce[16:], sealed, mac)


def varint(value):
    for size, tag in ((1, 0x00), (2, 0x40), (4, 0x80), (8, 0xC0)):
        if value < 1 << (8 * size - 2):
            data = bytearray(value.to_bytes(size))
            data[0] |= tag
            return bytes(data)
    raise ValueError(value)


def read_varint(data):
    """A number and the bytes behind it."""
    size = 1 << (data[0] >> 6)
    return int.from_bytes(data[:size]) & ((1 << (8 * size - 2)) - 1), data[size:]


def parameters(data=1 << 20, stream_data=1 << 18, instance=None, floor=None):
    """What every side must name: data, stream data, streams, packet size, acknowledgement delay, and its process."""
    encoded = varint(7) + varint(8) + (instance or os.urandom(8))
    if floor is not None:
        encoded += varint(8) + varint(8) + struct.pack("!Q", floor)
    for number, value in ((1, data), (2, stream_data), (3, 16), (4, 1452), (5, 25)):
        encoded += varint(number) + varint(len(varint(value))) + varint(value)
    return encoded


class Direction:
    """The keys of one direction."""

    def __init__(self, secret):
        self.data = ChaCha20Poly1305(blake2b(b"postern data 1 chacha20poly1305", key=secret))
        self.mask_key = blake2b(b"postern mask 1", key=secret)

    @staticmethod
    def nonce(number):
        return bytes(4) + struct.pack("<Q", number)

    def mask(self, packet):
        """The packet with its number masked or unmasked (RFC 9001 section 5.4.4)."""
        stream = Cipher(algorithms.ChaCha20(self.mask_key, packet[9:25]), mode=None).encryptor().update(bytes(4))
        number = bytes(left ^ right for left, right in zip(packet[5:9], stream))
        return packet[:5] + number + packet[9:]

    def seal(self, index, number, frames):
        header = struct.pack("!BII", PROTECTED, index, number)
        return self.mask(header + self.data.encrypt(self.nonce(number), frames, header))

    def open(self, packet):
        """Number and frames; fails when anything was changed."""
        packet = self.mask(packet)
        number = struct.unpack("!I", packet[5:9])[0]
        return number, self.data.decrypt(self.nonce(number), packet[9:], packet[:9])


class Initiator:
    """Begins a session with the node of `did` at a UDP address."""

    # What the node may send at first, in all and on each stream.
    credit = (1 << 20, 1 << 18)

    def __init__(self, did, address, seed=None, key=None):
        self.seed = seed or os.urandom(32)
        self.private = Ed25519PrivateKey.from_private_bytes(self.seed)
        self.key = self.private.public_key().public_bytes_raw()
        self.receiver = key_of_did(did)
        self.claimed = key or self.key
        self.index = int.from_bytes(os.urandom(4))
        self.number = int.from_bytes(os.urandom(8)) | 1
        self.instance = os.urandom(8)
        self.socket = socket.socket(type=socket.SOCK_DGRAM)
        self.socket.connect(address)
        self.socket.settimeout(1)

    def initiation(self, counter=None, version=VERSION, psk=bytes(32), flags=0):
        """Message 1 in its packet."""
        warnings.simplefilter("ignore")
        self.noise = NoiseConnection.from_name(b"Noise_IKpsk1_25519_ChaChaPoly_BLAKE2b")
        self.noise.set_as_initiator()
        self.noise.set_prologue(version + self.receiver)
        self.noise.set_psks(psk=psk)
        secret = bytearray(hashlib.sha512(self.seed).digest()[:32])
        self.noise.set_keypair_from_private_bytes(Keypair.STATIC, bytes(secret))
        self.noise.set_keypair_from_public_bytes(Keypair.REMOTE_STATIC, exchange_key(self.receiver))
        self.noise.start_handshake()
        counter = time.time_ns() if counter is None else counter
        limits = parameters(*self.credit, instance=self.instance)
        payload = struct.pack("!Q32sQQB", counter, self.claimed, self.number, 0, flags) + varint(len(limits)) + limits
        # Index and type, key, sealed key, tag and both MACs are 133 bytes; PADDING fills what the payload leaves.
        payload = payload.ljust(INITIATION_SIZE - 133, bytes([PADDING]))
        packet = struct.pack("!BI", INITIATION, self.index) + bytes(self.noise.write_message(payload))
        return packet + mac1(self.receiver, packet) + bytes(16)

    def prove(self, initiation, cookie_packet):
        """The same initiation with the second MAC that the responder asked for."""
        assert struct.unpack("!I", cookie_packet[1:5])[0] == self.index
        cookie = open_cookie(self.receiver, cookie_packet, initiation[-32:-16])
        return initiation[:-16] + blake2b(initiation[:-16], key=cookie, size=16)

    def receive(self, kind):
        """The next packet of `kind`."""
        while True:
            packet = self.socket.recv(65536)
            if packet[0] == kind:
                return packet

    def accept(self, response):
        """Takes message 2 and derives the keys; returns the payload."""
        self.remote_index, receiver = struct.unpack("!II", response[1:9])
        assert receiver == self.index
        assert response[-32:-16] == mac1(self.key, response[:-32])
        payload = bytes(self.noise.read_message(response[9:-32]))
        states = self.noise.noise_protocol
        self.sending = Direction(states.cipher_state_encrypt.k)
        self.receiving = Direction(states.cipher_state_decrypt.k)
        return payload

    def connect(self):
        self.socket.send(self.initiation())
        return self.accept(self.receive(RESPONSE))


class Member(Initiator):
    """A peer with a valid key that does what no sidecar would: streams without end, and answers that it never reads.

    It acknowledges what comes and never repeats what it sent: a test that sends much at once paces itself.
    """

    # The least that a node counts on before it knows our limits.
    credit = (1 << 16, 1 << 16)

    def __init__(self, did, address, seed, psk):
        super().__init__(did, address, seed=seed)
        self.psk = psk

    def initiation(self, **fields):
        return super().initiation(psk=self.psk, **fields)

    def connect(self):
        payload = super().connect()
        self.sent = 0
        self.opened = 0
        # By stream: the code of its reset.
        self.resets = {}
        self.seen = set()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        return payload

    def send(self, frames):
        """Seals and sends one packet; returns what it weighs."""
        self.sent += 1
        return self.socket.send(self.sending.seal(self.remote_index, self.sent, frames))

    def open(self, port, data, fin=False):
        """Opens a stream that begins with `data`; returns its number."""
        stream = self.opened * 2 + (0 if self.key < self.receiver else 1)
        self.opened += 1
        kind = STREAM | OPENS | LENGTH | (FIN if fin else 0)
        self.send(bytes([kind]) + varint(stream) + struct.pack("!H", port) + varint(len(data)) + data)
        return stream

    def flood(self, port, data, count, pace=32):
        """Opens `count` streams, and takes in what comes in between."""
        for number in range(count):
            self.open(port, data)
            if number % pace == pace - 1:
                self.listen(0.005)

    def listen(self, seconds):
        """Takes in what comes for so long, and acknowledges it."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                packet = self.socket.recv(65536)
            except TimeoutError:
                return
            if packet[0] != PROTECTED:
                continue
            number, frames = self.receiving.open(packet)
            self.seen.add(number)
            self._take(frames)
            if len(self.seen) % 2 == 0:
                self.acknowledge()

    def acknowledge(self):
        """Tells the last packets that came without a gap; older ones were told before."""
        largest = first = max(self.seen)
        while first - 1 in self.seen and largest - first < 4000:
            first -= 1
        self.send(bytes([ACK]) + varint(largest) + varint(0) + varint(0) + varint(largest - first))

    def close(self):
        self.send(bytes([CLOSE]) + varint(0) + varint(0))

    def _take(self, frames):
        """Notes resets; whatever stands behind a frame of an unknown kind is not looked at."""
        while frames:
            kind, frames = frames[0], frames[1:]
            if kind in (PADDING, PING):
                continue
            if kind == RESET_STREAM:
                stream, frames = read_varint(frames)
                code, frames = read_varint(frames)
                _, frames = read_varint(frames)
                self.resets[stream] = code
            elif kind in (STOP_SENDING, 0x11):
                _, frames = read_varint(frames)
                _, frames = read_varint(frames)
            elif kind in (0x10, 0x12):
                _, frames = read_varint(frames)
            elif kind in (ACK, ACK + 1):
                _, frames = read_varint(frames)
                _, frames = read_varint(frames)
                count, frames = read_varint(frames)
                for _ in range(1 + 2 * count + (3 if kind == ACK + 1 else 0)):
                    _, frames = read_varint(frames)
            elif kind & ~7 == STREAM:
                _, frames = read_varint(frames)
                if kind & OPENS:
                    frames = frames[2:]
                else:
                    _, frames = read_varint(frames)
                if not kind & LENGTH:
                    return
                length, frames = read_varint(frames)
                frames = frames[length:]
            else:
                return
