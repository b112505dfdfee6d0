"""What a sidecar takes of the machine's memory, as the kernel counts it."""

import contextlib
import http.client
import os
import socket
import threading
import time
from pathlib import Path

import pytest

from processes import IS_DEBUG

pytestmark = pytest.mark.alone

MEBIBYTE = 1 << 20
LIMIT = 20 * MEBIBYTE
CONNECTIONS = 250
# A connection, the stream that carries it and what the event loop keeps for both. What the kernel keeps is not in it.
CONNECTION_LIMIT = 12 << 10


def memory(node, field):
    """A field of the process's status, in bytes."""
    for line in Path(f"/proc/{node.program.pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) << 10
    raise AssertionError(f"the kernel does not say {field}")


def ask(stream, port):
    """One call on a connection that is kept."""
    stream.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % port)
    received = b""
    while not received.endswith(b"\r\n\r\nok"):
        chunk = stream.recv(4096)
        assert chunk, received
        received += chunk


def keep_open(port, count):
    streams = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(count)]
    for stream in streams:
        ask(stream, port)
    return streams


def wait_until_small(*nodes):
    deadline = time.monotonic() + 30
    for node in nodes:
        while (resident := memory(node, "VmRSS")) > LIMIT:
            assert time.monotonic() < deadline, f"{node.name} has {resident / MEBIBYTE:.1f} MiB resident"
            time.sleep(0.5)


def test_a_sidecar_and_a_hub_are_small(own):
    """Some seconds after what operators asked for, code that only that needed is out of memory; so after calls."""
    wait_until_small(own.a, own.b, own.hub)
    for stream in keep_open(own.ports["raw"], 20):
        stream.close()
    wait_until_small(own.a, own.b)


def test_an_idle_connection_is_small(own):
    port = own.ports["raw"]
    warm = keep_open(port, 20)
    before = [memory(node, "RssAnon") for node in (own.a, own.b)]
    streams = keep_open(port, CONNECTIONS)
    for node, former in zip((own.a, own.b), before):
        each = (memory(node, "RssAnon") - former) / CONNECTIONS
        assert each <= CONNECTION_LIMIT, f"{node.name} keeps {each:.0f} bytes for an idle connection"
    for stream in warm + streams:
        stream.close()


def test_a_page_that_is_left_open_costs_next_to_nothing(own):
    """Under 0.5 % of a core while nothing happens, and under 1 MiB, of which little stays when it is closed."""
    token = (own.b.state / "control.token").read_text().strip()
    host, port = own.b.ready["control"].rsplit(":", 1)

    def cpu():
        fields = Path(f"/proc/{own.b.program.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    before = memory(own.b, "RssAnon")
    page = http.client.HTTPConnection(host, int(port), timeout=30)
    page.request("GET", "/api/v1/events", headers={"Authorization": f"Bearer {token}"})
    events = page.getresponse()
    assert events.status == 200 and events.read1(65_536)

    def read():
        with contextlib.suppress(OSError, ValueError, http.client.HTTPException, AttributeError):
            while events.read1(65_536):
                pass

    threading.Thread(target=read, daemon=True).start()
    time.sleep(2)
    begun, spent = time.monotonic(), cpu()
    time.sleep(10)
    share = (cpu() - spent) / (time.monotonic() - begun)
    # A debug build takes ten times as long for everything.
    assert share < (0.05 if IS_DEBUG else 0.005), f"{share * 100:.2f} % of a core"
    assert memory(own.b, "RssAnon") - before < MEBIBYTE
    page.close()
