"""Three hubs over one PostgreSQL: one population, and what happens to calls when a hub or the database goes.

Both sidecars have one hub each in their configuration, and not the same one; every packet is relayed, so that a hub's
end is felt. The third hub's clock is an hour ahead in all tests.
"""

import json
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from databases import PostgreSQL
from raw import RawAgent
from test_database import CALL, DatabaseHub
from test_failures import wait_until
from test_http import port, request
from world import Sidecar, World, befriend, postern

pytestmark = pytest.mark.alone

# What the death of a hub may cost, and the end of what else may go wrong (issue 13).
HUB_LOSS = 5
HEALING = 10
SECRET = "5e" * 32 + "\n"


class ClusterHub(DatabaseHub):
    """One of several hubs; its state directory is named for its number."""

    def __init__(self, folder, number, database):
        place = folder / str(number)
        place.mkdir()
        super().__init__(place, database)
        (self.state / "cluster.secret").write_text(SECRET)


class Calls:
    """A client that calls again and again, beside the test: when calls succeeded, and what else they ended with."""

    def __init__(self, world):
        self.world = world
        self.good = [time.monotonic()]
        self.bad = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._over.is_set():
            begun = time.monotonic()
            try:
                status = request(self.world, CALL % port(self.world), 15)[0]
            except OSError as error:
                status = repr(error)
            if status == 200:
                self.good.append(time.monotonic())
            else:
                self.bad.append((begun, status))
            self._over.wait(0.05)

    def longest_gap(self, since):
        """The longest time without a good call that began after `since`."""
        times = [since] + [moment for moment in self.good if moment > since] + [time.monotonic()]
        return max(later - earlier for earlier, later in zip(times, times[1:]))

    def wait_for_good(self, count, timeout=20):
        wanted = len(self.good) + count
        wait_until(lambda: len(self.good) >= wanted, timeout, f"no calls: {self.bad[-3:]}")

    def end(self):
        self._over.set()
        self._thread.join(20)


class Cluster(World):
    """Three hubs; `a` is at home at the first, `b` at the second."""

    def __init__(self, folder, server, clock):
        super().__init__(folder, hub=False)
        self.server = server
        self.hubs = [self.add(ClusterHub(folder, number, server.url)) for number in range(3)]
        self.hubs[2].environment = {"LD_PRELOAD": str(clock), "POSTERN_TEST_CLOCK": "3600"}
        for hub in self.hubs:
            hub.start()
        for node, hub in ((self.a, self.hubs[0]), (self.b, self.hubs[1])):
            node.config["hubs"] = [hub.url]
            node.config["underlay"]["relay"] = "only"

    def homes(self, node):
        """The hubs at which a node is, of its own."""
        return [hub["url"] for hub in node.cli("status")["hubs"] if hub["configured"] and hub["connected"]]

    def wait_for_homes(self, node, count=2):
        wait_until(lambda: len(self.homes(node)) == count, 20, f"{node.name} is at {node.cli('status')['hubs']}")
        return self.homes(node)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = PostgreSQL(tmp_path_factory.mktemp("postgresql"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, server):
    clock = tmp_path_factory.mktemp("clock") / "clock.so"
    source = Path(__file__).with_name("clock.c")
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", clock, source], check=True)
    with RawAgent() as agent:
        cluster = Cluster(tmp_path_factory.mktemp("hubs"), server, clock)
        cluster.serve("raw", "tcp", f"127.0.0.1:{agent.port}")
        cluster.start()
        yield cluster
        cluster.close()


@pytest.fixture
def calls(cluster):
    calls = Calls(cluster)
    calls.wait_for_good(3)
    yield calls
    calls.end()


def registered(server):
    return int(server.sql("SELECT count(*) FROM postern.node"))


def test_nodes_of_different_hubs_meet_and_each_has_a_second_home(cluster, server, calls):
    for node, hub in ((cluster.a, cluster.hubs[0]), (cluster.b, cluster.hubs[1])):
        homes = cluster.wait_for_homes(node)
        assert hub.url in homes and len(set(homes)) == 2
    assert registered(server) == 2
    assert not calls.bad


def test_mail_left_at_one_hub_reaches_who_is_at_another(cluster):
    """The third node's only home is the third hub; `a` is asked there."""
    c = cluster.add(Sidecar(cluster.folder, "c", cluster.hubs[2].url))
    c.write_config()
    c.start()
    c.cli("trust", "request", cluster.a.did, "--note", "may I?")
    wait_until(lambda: cluster.a.cli("trust", "list")["pending"], 15, "the request never came")
    cluster.a.cli("trust", "approve", cluster.a.cli("trust", "list")["pending"][0]["id"])
    c.wait_for_peer(cluster.a.did, lambda peer: peer["trusted"], "is trusted")
    # And what `a` takes back is known everywhere.
    cluster.a.cli("trust", "revoke", c.did)
    wait_until(lambda: not (c.peer(cluster.a.did) or {"trusted": False})["trusted"], 15, "it is trusted still")
    c.stop()


@pytest.mark.parametrize("number", [1, 0])
def test_the_death_of_a_hub_costs_its_nodes_seconds(cluster, calls, number):
    for node in (cluster.a, cluster.b):
        cluster.wait_for_homes(node)
    hub = cluster.hubs[number]
    died = time.monotonic()
    hub.kill()
    calls.wait_for_good(20)
    assert calls.longest_gap(died) < HUB_LOSS, calls.bad
    node = (cluster.a, cluster.b)[number]
    # What is written now is written for good.
    invitation = node.cli("invite")["invitation"]
    assert invitation
    hub.start()
    begun = time.monotonic()
    wait_until(lambda: hub.url in cluster.homes(node), 40, "its node never came back")
    assert calls.longest_gap(begun) < HUB_LOSS, calls.bad


def test_one_hub_after_another_is_replaced_without_a_failed_call(cluster, calls):
    for hub in cluster.hubs:
        for node in (cluster.a, cluster.b):
            cluster.wait_for_homes(node)
        assert hub.stop() == 0
        calls.wait_for_good(5)
        hub.start()
        calls.wait_for_good(5)
    assert not calls.bad


def test_the_database_may_go_and_come(cluster, server, calls):
    for how in (signal.SIGQUIT, signal.SIGINT):
        server.end(how)
        calls.wait_for_good(10)
        server.start()
        calls.wait_for_good(10)
    assert not calls.bad
    healed = time.monotonic()
    d = cluster.add(Sidecar(cluster.folder, "d", cluster.hubs[2].url))
    d.write_config()
    d.start()
    befriend(cluster.b, d)
    assert time.monotonic() - healed < HEALING + 5
    d.stop()


def test_an_older_copy_of_the_database_is_noticed_and_gets_back_what_nodes_hold(cluster, server, calls):
    e = cluster.add(Sidecar(cluster.folder, "e", cluster.hubs[2].url))
    e.write_config()
    e.start()
    befriend(cluster.a, e)
    server.end()
    server.keep_copy()
    server.start()
    f = cluster.add(Sidecar(cluster.folder, "f", cluster.hubs[0].url))
    f.write_config()
    f.start()
    befriend(cluster.a, f)
    before = registered(server)
    revoked = int(server.sql("SELECT count(*) FROM postern.revoked"))
    cluster.a.cli("trust", "revoke", e.did)
    wait_until(lambda: int(server.sql("SELECT count(*) FROM postern.revoked")) == revoked + 1, 15, "not revoked")
    # The hubs have said that they serve since the copy was made.
    beats = "SELECT min(beats) FROM postern.hub"
    wanted = int(server.sql(beats)) + 2
    wait_until(lambda: int(server.sql(beats)) >= wanted, 15, "a hub is silent")
    server.end()
    server.bring_back_copy()
    server.start()
    wait_until(
        lambda: registered(server) == before and int(server.sql("SELECT count(*) FROM postern.revoked")) == revoked + 1,
        HEALING + 10, "the older copy was not repaired")
    assert not calls.bad
    for node in (e, f):
        node.stop()


def test_two_hubs_with_one_key_are_noticed(cluster, tmp_path):
    hub = cluster.hubs[2]
    state = tmp_path / "copy"
    shutil.copytree(hub.state, state, ignore=shutil.ignore_patterns("control.sock"))
    run = postern("hub", "--state", state, "--listen", "127.0.0.1:0", "--database", hub.database, "--json")
    assert run.returncode == 1, run.stderr
    assert json.loads(run.stdout)["error"]["code"] == "key-in-use"
