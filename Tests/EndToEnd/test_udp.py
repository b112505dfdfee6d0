"""Services of kind `udp`: datagrams through the overlay, with real DNS and real QUIC at both ends."""

import asyncio
import datetime
import socket
import threading
import time
import urllib.request

import dns.message
import dns.query
import pytest
from aioquic.asyncio import connect, serve
from aioquic.quic.configuration import QuicConfiguration
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from dnslib import QTYPE, RR, TXT, A
from dnslib.server import BaseResolver, DNSServer

from raw import RawClient
from world import World, befriend


class Resolver(BaseResolver):
    """Answers with an address, or for `long.` with as much text as the client can take."""

    def resolve(self, request, handler):
        reply = request.reply()
        name = request.q.qname
        if str(name).startswith("long."):
            for number in range(5):
                reply.add_answer(RR(name, QTYPE.TXT, ttl=1, rdata=TXT(str(number) * 200)))
        else:
            reply.add_answer(RR(name, QTYPE.A, ttl=1, rdata=A("192.0.2.7")))
        return reply


class Echo:
    """Sends every datagram back to where it came from, and keeps what came."""

    def __init__(self):
        self.socket = socket.socket(type=socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.senders = set()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                data, sender = self.socket.recvfrom(65536)
            except OSError:
                return
            self.senders.add(sender)
            self.socket.sendto(data[::-1], sender)

    def close(self):
        self.socket.close()


@pytest.fixture(scope="module")
def udp(tmp_path_factory):
    """`b` offers DNS and an echo over UDP; `a` reaches both."""
    server = DNSServer(Resolver(), address="127.0.0.1", port=0)
    server.start_thread()
    echo = Echo()
    with World(tmp_path_factory.mktemp("udp")) as world:
        world.echo = echo
        world.serve("dns", "udp", f"udp://127.0.0.1:{server.server.server_address[1]}")
        world.serve("echo", "udp", f"127.0.0.1:{echo.port}")
        world.serve("few", "udp", f"127.0.0.1:{echo.port}", limits={"concurrency": 4})
        world.serve("quic", "udp", "127.0.0.1:1")
        yield world.start()
    server.stop()
    echo.close()


def client(world, timeout=5, service="echo"):
    stream = socket.socket(type=socket.SOCK_DGRAM)
    stream.settimeout(timeout)
    stream.connect(("127.0.0.1", world.ports[service]))
    return stream


def metric(node, name):
    request = urllib.request.Request(
        f"http://{node.ready['control']}/metrics",
        headers={"Authorization": f"Bearer {(node.state / 'control.token').read_text().strip()}"})
    lines = urllib.request.urlopen(request).read().decode().splitlines()
    return next(int(float(line.split()[-1])) for line in lines if line.startswith(f"postern_{name} "))


def dropped(world):
    return sum(metric(node, "service_datagrams_dropped_total") for node in (world.a, world.b))


@pytest.mark.smoke
def test_dns(udp):
    """The first question finds no session: it waits for one."""
    for name in ["agent.example.", "other.example."]:
        answer = dns.query.udp(dns.message.make_query(name, "A"), "127.0.0.1", port=udp.ports["dns"], timeout=5)
        assert answer.answer[0].to_text().endswith("IN A 192.0.2.7")


def test_dns_with_a_long_answer(udp):
    """EDNS: an answer of more than a kilobyte in one datagram."""
    query = dns.message.make_query("long.example.", "TXT", use_edns=0, payload=1232)
    answer = dns.query.udp(query, "127.0.0.1", port=udp.ports["dns"], timeout=5)
    assert len(answer.answer[0]) == 5 and len(answer.to_wire()) > 1000


@pytest.mark.parametrize("count", [0, 1, 1104, 1105, 1200, 1232, 1452])
def test_every_size_that_is_promised(udp, count):
    data = bytes(number & 0xff for number in range(count))
    with client(udp) as stream:
        stream.send(data)
        assert stream.recv(65536) == data[::-1]


def test_what_is_larger_is_dropped_and_counted(udp):
    with client(udp, timeout=0.5) as stream:
        before = dropped(udp)
        stream.send(b"x" * 1453)
        with pytest.raises(TimeoutError):
            stream.recv(65536)
        assert dropped(udp) == before + 1
        stream.send(b"x")
        assert stream.recv(65536) == b"x"


def test_clients_do_not_hear_each_other_and_a_limit_holds(udp):
    """Each client has a socket of its own at the service; `limits` count them."""
    streams = [client(udp, timeout=2, service="few") for _ in range(5)]
    udp.echo.senders.clear()
    got = []
    for number, stream in enumerate(streams):
        stream.send(b"a%d" % number)
        try:
            got.append(stream.recv(65536))
        except TimeoutError:
            got.append(None)
    for stream in streams:
        stream.close()
    assert got == [b"0a", b"1a", b"2a", b"3a", None]
    assert len(udp.echo.senders) == 4


def test_a_connection_to_a_service_of_datagrams_is_told(udp):
    with RawClient(udp.ports["echo"]) as stream:
        stream.get()
        status, _, body = stream.response()
    assert status == 502 and b"its kind is udp" in body


def certificate(folder):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False).sign(key, hashes.SHA256()))
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))


async def test_quic_passes(udp, tmp_path):
    """A QUIC handshake, whose packets have 1200 bytes, and 200 KB on a stream each way."""
    certificate(tmp_path)
    configuration = QuicConfiguration(is_client=False, alpn_protocols=["echo"])
    configuration.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")

    async def echo(reader, writer):
        writer.write(await reader.read())
        writer.write_eof()

    server = await serve(
        "127.0.0.1", 0, configuration=configuration,
        stream_handler=lambda reader, writer: asyncio.ensure_future(echo(reader, writer)))
    port = server._transport.get_extra_info("sockname")[1]
    udp.b.config["expose"][-1]["upstream"] = f"127.0.0.1:{port}"
    udp.b.write_config()
    udp.b.program.process.send_signal(1)
    await asyncio.sleep(0.5)
    trusted = QuicConfiguration(alpn_protocols=["echo"], server_name="localhost")
    trusted.load_verify_locations(tmp_path / "cert.pem")
    data = bytes(range(256)) * 800
    async with asyncio.timeout(30):
        async with connect("127.0.0.1", udp.ports["quic"], configuration=trusted) as connection:
            reader, writer = await connection.create_stream()
            writer.write(data)
            writer.write_eof()
            assert await reader.read() == data
    server.close()


def test_the_end_of_trust_ends_conversations(udp):
    with client(udp, timeout=0.5) as stream:
        stream.send(b"ab")
        assert stream.recv(65536) == b"ba"
        udp.b.cli("trust", "revoke", udp.a.did)
        time.sleep(0.3)
        stream.send(b"ab")
        with pytest.raises((TimeoutError, ConnectionRefusedError)):
            stream.recv(65536)
    befriend(udp.b, udp.a)
