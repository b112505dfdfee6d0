"""One client that hardly reads a large answer is its own problem: others keep their latency, and memory stays bounded."""

import socket
import statistics
import threading
import time

import pytest

from test_memory import MEBIBYTE, ask, memory, wait_until_small
from world import World

pytestmark = pytest.mark.alone

OTHERS = 32
SECONDS = 3
MEMORY_LIMIT = 64 * MEBIBYTE


@pytest.fixture
def events(tmp_path):
    """A world and the listener behind its service `events`."""
    with World(tmp_path) as world, socket.create_server(("127.0.0.1", 0)) as listener:
        agent = world.agent("bulk_agent")
        world.serve("bulk", "http", f"http://127.0.0.1:{agent.port}")
        world.serve("events", "http", f"http://127.0.0.1:{listener.getsockname()[1]}")
        listener.settimeout(20)
        yield world.start(), listener


class SlowReader:
    """Asks for a gibibyte and reads a KiB a second of it."""

    def __init__(self, port):
        self.stream = socket.socket()
        self.stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 10)
        self.stream.connect(("127.0.0.1", port))
        self.stream.settimeout(10)
        self.stream.sendall(b"GET /big/%d HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % (1 << 30, port))
        self.done = threading.Event()
        self.received = len(self.stream.recv(1024))
        self.thread = threading.Thread(target=self.read)
        self.thread.start()

    def read(self):
        while not self.done.wait(1):
            self.received += len(self.stream.recv(1024))

    def close(self):
        self.done.set()
        self.thread.join()
        self.stream.close()


def latencies(streams, port):
    """Seconds of each call while all `streams` call one after another, each at most each 10 ms."""
    result = []
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        for stream in streams:
            begun = time.perf_counter()
            ask(stream, port)
            result.append(time.perf_counter() - begun)
        time.sleep(0.01)
    return result


def test_a_slow_reader_holds_nobody_up(events):
    """Each round measures the others without and beside it; what the machine does besides hits both alike."""
    bulk, _ = events
    port = bulk.ports["bulk"]
    streams = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(OTHERS)]
    latencies(streams[:4], port)
    wait_until_small(bulk.a, bulk.b)
    resident = [memory(node, "RssAnon") for node in (bulk.a, bulk.b)]
    ratios = []
    for _ in range(6):
        alone = statistics.median(latencies(streams, port))
        slow = SlowReader(port)
        # Until every buffer on the way is full, it reads as fast as any.
        time.sleep(1)
        ratios.append(statistics.median(latencies(streams, port)) / alone)
        grown = [memory(node, "RssAnon") - before for node, before in zip((bulk.a, bulk.b), resident)]
        slow.close()
        assert slow.received > 0 and max(grown) < MEMORY_LIMIT, [size / MEBIBYTE for size in grown]
        if ratios[-1] <= 1.2:
            break
    assert min(ratios) <= 1.2, ratios
    print(f"median beside it: {min(ratios):.2f} times; grown by {[round(size / MEBIBYTE, 1) for size in grown]} MiB")


def test_an_event_arrives_when_it_is_written(events):
    """Within 2 ms of what it takes without us."""
    world, listener = events

    def stream(port):
        """The two ends of an event stream through `port`: what the client reads from, what the agent writes to."""
        client = socket.create_connection(("127.0.0.1", port), timeout=10)
        client.sendall(b"GET /events HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % port)
        agent, _ = listener.accept()
        agent.recv(65536)
        agent.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        agent.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        client.recv(65536)
        return client, agent

    def delays(client, agent):
        result = []
        for number in range(100):
            event = b"data: %d\n\n" % number
            begun = time.perf_counter()
            agent.sendall(event)
            received = b""
            while not received.endswith(event):
                received += client.recv(4096)
            result.append(time.perf_counter() - begun)
            time.sleep(0.005)
        return statistics.median(result)

    through = delays(*stream(world.ports["events"]))
    direct = delays(*stream(listener.getsockname()[1]))
    print(f"an event takes {through * 1e3:.2f} ms, direct {direct * 1e3:.2f} ms")
    assert through - direct < 0.002, (through, direct)
