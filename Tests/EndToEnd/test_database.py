"""A hub that keeps its registry in PostgreSQL: by the command line, with calls running while the database is away."""

import json
import signal
import time

import pytest

from databases import PostgreSQL
from raw import RawAgent
from test_http import port, request
from world import Hub, Sidecar, World, befriend, postern

CALL = b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n\r\n"
# The password in the URLs of these tests, which nobody may be told.
PASSWORD = "sesame"


class DatabaseHub(Hub):
    """A hub over PostgreSQL."""

    def __init__(self, folder, database):
        super().__init__(folder)
        self.database = database

    def arguments(self):
        return [*super().arguments(), "--database", self.database]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = PostgreSQL(tmp_path_factory.mktemp("postgresql"))
    yield server
    server.stop()


def call(world):
    return request(world, CALL % port(world))[0]


def test_calls_go_on_while_the_database_is_gone_and_the_hub_heals_by_itself(tmp_path, server):
    with RawAgent() as agent, World(tmp_path, hub=False) as world:
        hub = world.hub = world.add(DatabaseHub(tmp_path, server.url).start())
        for node in (world.a, world.b):
            node.config["hubs"] = [hub.url]
            # The hub carries every packet, so a session that it ended would be seen.
            node.config["underlay"]["relay"] = "only"
        world.serve("raw", "tcp", f"127.0.0.1:{agent.port}")
        world.start()
        assert call(world) == 200
        assert server.sql("SELECT sum(nodes) FROM postern.tally") == "2"
        for how in (signal.SIGQUIT, signal.SIGINT):
            server.end(how)
            assert [call(world) for _ in range(5)] == [200] * 5
            server.start()
        # A new node has to be written down.
        c = world.add(Sidecar(tmp_path, "c", hub.url))
        c.write_config()
        c.start()
        healed = time.monotonic()
        befriend(world.b, c)
        assert time.monotonic() - healed < 15
        assert call(world) == 200
        assert server.sql("SELECT sum(nodes) FROM postern.tally") == "3"
        assert hub.stop() == 0
        # It is all still there for the next process.
        hub.start()
        world.a.wait_for_peer(world.b.did, lambda peer: peer["trusted"], "is trusted")
        assert call(world) == 200


def test_a_hub_with_another_secret_than_the_others_is_told_what_to_do(tmp_path, server):
    first = DatabaseHub(tmp_path, server.url)
    (tmp_path / "hub" / "cluster.secret").write_text("ab" * 32 + "\n")
    run = postern(*first.arguments()[1:], "--json")
    assert run.returncode == 1
    error = json.loads(run.stdout)["error"]
    assert error["code"] == "database-secret" and "copy cluster.secret" in error["hint"]


def test_a_password_is_shown_to_nobody(tmp_path):
    url = f"postgresql://me:{PASSWORD}@127.0.0.1:1/none"
    run = postern("hub", "--state", tmp_path / "a", "--listen", "127.0.0.1:0", "--database", url)
    assert run.returncode == 2 and ".pgpass" in run.stderr, "in the list of processes anybody could read it"
    state = tmp_path / "b"
    state.mkdir(mode=0o700)
    (state / "hub.yaml").write_text(f"listen: 127.0.0.1:0\ndatabase: {url}\n")
    again = postern("hub", "--state", state)
    assert again.returncode == 1 and "postgresql://me@127.0.0.1:1/none cannot be used" in again.stderr
    for text in (run.stderr, run.stdout, again.stderr, again.stdout):
        assert PASSWORD not in text


def test_what_is_no_url_of_a_database_is_wrong_usage(tmp_path):
    run = postern("hub", "--state", tmp_path / "a", "--listen", "127.0.0.1:0", "--database", "mysql://h/d")
    assert run.returncode == 2 and "postgresql://" in run.stderr
