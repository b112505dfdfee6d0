"""What a hub's store does to it: cut off, slow, out of room. Calls between peers that it relays go on, what was
acknowledged stands, and it heals without a hand (issue 13)."""

import contextlib
import errno
import json
import os
import socket
import subprocess
import threading
import time

import pytest

from databases import PostgreSQL
from namespaces import Namespaces, why_not
from raw import RawAgent
from test_database import DatabaseHub
from test_failures import wait_until
from test_hubs import HEALING, SECRET, Calls
from world import Hub, Sidecar, World, befriend, postern

pytestmark = pytest.mark.alone
# Time in which two strangers become friends where nothing is wrong, and between two calls, on a busy machine.
MEETING = 10
GAP = 8


class Way:
    """The way from a hub to its database, over TCP: open, slow, or cut so that neither end is told."""

    def __init__(self, server, address="127.0.0.1"):
        self.delay = 0
        self.end = str(server.home / ".s.PGSQL.5432")
        self._open = threading.Event()
        self._open.set()
        self._listener = socket.create_server((address, 0))
        self.url = f"postgresql://postgres@{address}:{self._listener.getsockname()[1]}/postern"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self):
        self._open.clear()

    def mend(self):
        self._open.set()

    def close(self):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.mend()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near):
        self._open.wait()
        far = socket.socket(socket.AF_UNIX)
        try:
            far.connect(self.end)
        except OSError:
            return near.close()
        threading.Thread(target=self._copy, args=(far, near), daemon=True).start()
        self._copy(near, far)

    def _copy(self, source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if self.delay:
                    time.sleep(self.delay)
                self._open.wait()
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def relayed(folder, hub):
    """Two sidecars whose every packet `hub` relays, and a client that calls again and again."""
    (hub.state / "cluster.secret").write_text(SECRET)
    with RawAgent() as agent, World(folder, hub=False) as world:
        world.hub = world.add(hub.start())
        for node in (world.a, world.b):
            node.config["hubs"] = [hub.url]
            node.config["underlay"]["relay"] = "only"
        world.serve("raw", "tcp", f"127.0.0.1:{agent.port}")
        world.start()
        calls = Calls(world)
        try:
            calls.wait_for_good(3)
            yield world, calls
        finally:
            calls.end()


def newcomer(world, name):
    node = world.add(Sidecar(world.folder, name, world.hub.url))
    node.write_config()
    return node.start()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = PostgreSQL(tmp_path_factory.mktemp("postgresql"))
    yield server
    server.stop()


@pytest.fixture
def way(server):
    way = Way(server)
    yield way
    way.close()


def test_the_way_to_the_database_is_cut_and_comes_back(tmp_path, way):
    with relayed(tmp_path, DatabaseHub(tmp_path, way.url)) as (world, calls):
        way.cut()
        c = newcomer(world, "c")
        # The operator is answered meanwhile.
        run = postern("hub", "admin", "status", "--state", world.hub.state, timeout=25)
        assert run.returncode == 0 and "out of reach" in run.stdout, run.stdout + run.stderr
        calls.wait_for_good(20)
        way.mend()
        mended = time.monotonic()
        befriend(world.b, c)
        assert time.monotonic() - mended < HEALING + MEETING
        calls.wait_for_good(10)
        assert not calls.bad and calls.longest_gap(calls.good[0]) < GAP


@pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
def test_the_cable_to_the_database_is_cut_for_long_and_mended(tmp_path, server):
    with Namespaces() as net:
        with net.entered("a"):
            way = Way(server, "10.78.1.2")
        hub = Hub(tmp_path)
        # The way leaves the host.
        (hub.state / "hub.yaml").write_text(json.dumps({"database": {"url": way.url, "insecure": True}}))
        try:
            with net.entered("hub"), relayed(tmp_path, hub) as (world, calls):
                net.connect("a", False)
                c = newcomer(world, "c")
                # Longer than TCP needs to notice, and than the first attempts to connect anew.
                calls.wait_for_good(100, 40)
                assert "out of reach" in postern(
                    "hub", "admin", "status", "--state", world.hub.state, timeout=25).stdout
                net.connect("a", True)
                mended = time.monotonic()
                befriend(world.b, c)
                assert time.monotonic() - mended < HEALING + MEETING
                calls.wait_for_good(10)
                assert not calls.bad and calls.longest_gap(calls.good[0]) < GAP
        finally:
            way.close()


def test_a_slow_database_holds_up_nobody_who_is_connected(tmp_path, way):
    with relayed(tmp_path, DatabaseHub(tmp_path, way.url)) as (world, calls):
        # Every message waits, each way: a batch of requests takes half a second.
        way.delay = 0.1
        slow = time.monotonic()
        try:
            befriend(world.b, newcomer(world, "c"))
            calls.wait_for_good(20)
            assert not calls.bad and calls.longest_gap(slow) < GAP
        finally:
            way.delay = 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_full_disk_stops_newcomers_alone(tmp_path):
    place = tmp_path / "hub"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m,mode=0700", "hub", place]).returncode != 0:
        pytest.skip("no tmpfs can be mounted here")
    try:
        with relayed(tmp_path, Hub(tmp_path)) as (world, calls):
            fill(place / "filler")
            c = newcomer(world, "c")
            calls.wait_for_good(30)
            assert status(world.hub)["registered"] == 2, "nothing is promised that is not stored"
            (place / "filler").unlink()
            freed = time.monotonic()
            befriend(world.b, c)
            assert time.monotonic() - freed < HEALING + MEETING
            assert not calls.bad
            calls.end()
            # What was acknowledged is there for the next process.
            assert world.hub.stop() == 0
            world.hub.start()
            wait_until(lambda: status(world.hub)["online"] == 3, 30, "not all came back")
            assert status(world.hub)["registered"] == 3
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def status(hub):
    return hub.cli("hub", "admin", "status")


def fill(path):
    """Leaves no room on the disk of `path`."""
    with open(path, "wb", buffering=0) as file:
        for size in (65_536, 4_096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError as error:
                assert error.errno == errno.ENOSPC
