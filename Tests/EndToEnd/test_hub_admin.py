"""What the operator of a hub sees and does: status, list, bans, a closed hub, metrics, backups."""

import http.client
import json
import sqlite3

import yaml

from test_failures import wait_until
from world import Hub, Sidecar, World, postern


def admin(hub, *arguments):
    run = postern("hub", "admin", *arguments, "--state", hub.state, "--json")
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def get(address, path, token=None):
    host, port = address.rsplit(":", 1)
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def configured(folder, **settings):
    """A hub with settings in its file."""
    hub = Hub(folder)
    (hub.state / "hub.yaml").write_text(yaml.safe_dump(settings))
    return hub


def hub_of(node):
    return node.cli("status")["hubs"][0]


def test_the_operator_sees_the_hub_and_bans_a_node(tmp_path):
    with World(tmp_path, hub=False) as world:
        hub = world.hub = world.add(configured(tmp_path, control={"listen": "127.0.0.1:0", "metrics": "open"}).start())
        for node in (world.a, world.b):
            node.config["hubs"] = [hub.url]
        world.start()
        status = admin(hub, "status")
        assert (status["online"], status["registered"], status["store"]) == (2, 2, "sqlite")
        assert {node["did"] for node in admin(hub, "list")} == {world.a.did, world.b.did}
        token = (hub.state / "control.token").read_text().strip()
        assert get(hub.ready["control"], "/")[0] == 401
        code, page = get(hub.ready["control"], "/", token)
        assert code == 200 and "nodes online" in page and world.a.did not in page
        code, metrics = get(hub.ready["control"], "/metrics")
        assert code == 200 and "\npostern_hub_nodes_online 2\n" in metrics and "postern_hub_store_up 1" in metrics
        # Others of the machine's programs are told no more.
        assert get(hub.ready["control"], "/api/v1/hub/nodes")[0] == 401
        copy = tmp_path / "copy.sqlite"
        assert postern("hub", "backup", copy, "--state", hub.state).returncode == 0
        with sqlite3.connect(copy) as database:
            assert database.execute("SELECT count(*) FROM node").fetchone() == (2,)
        assert postern("hub", "backup", copy, "--state", hub.state).returncode == 1, "never overwritten"
        assert postern("hub", "admin", "ban", "nobody", "--state", hub.state).returncode == 1
        admin(hub, "ban", world.a.did)
        wait_until(lambda: hub_of(world.a)["closed"], 20, "the banned node was not told")
        assert "closed to us" in postern("status", "--state", world.a.state).stdout
        # Over a restart too.
        assert hub.stop() == 0
        hub.start()
        wait_until(lambda: admin(hub, "status")["online"] == 1, 20, "the other node did not come back")
        assert admin(hub, "status")["banned"] == 1
        admin(hub, "unban", world.a.did)
        wait_until(lambda: not hub_of(world.a)["closed"] and hub_of(world.a)["connected"], 40, "it is still shut out")
        drained = admin(hub, "drain")
        assert drained["draining"] and hub.program.process.wait(10) == 0


def test_a_closed_hub_takes_whom_it_names(tmp_path):
    with World(tmp_path, hub=False) as world:
        settings = {"admission": {"closed": True, "allow": [world.a.did]}}
        hub = world.hub = world.add(configured(tmp_path, **settings).start())
        for node in (world.a, world.b):
            node.config["hubs"] = [hub.url]
        world.start(trusted=False)
        wait_until(lambda: hub_of(world.b)["closed"], 20, "it was not told")
        wait_until(lambda: hub_of(world.a)["connected"] and not hub_of(world.a)["closed"], 20, "it was not taken")
        assert admin(hub, "status")["closed"] and admin(hub, "status")["registered"] == 1


def test_a_hub_is_administered_from_afar_by_whom_it_names(tmp_path):
    with World(tmp_path, hub=False) as world:
        hub = world.hub = world.add(configured(tmp_path, admins=[world.a.did]).start())
        for node in (world.a, world.b):
            node.config["hubs"] = [hub.url]
        world.start(trusted=False)
        for node in (world.a, world.b):
            wait_until(lambda node=node: hub_of(node)["connected"], 20, "the hub is there")

        def asked(node, *arguments):
            run = postern("hub", "admin", *arguments, "--at", hub.url, "--state", node.state, "--json")
            return run.returncode, json.loads(run.stdout)

        code, status = asked(world.a, "status")
        assert code == 0 and (status["did"], status["online"]) == (admin(hub, "status")["did"], 2)
        assert {node["did"] for node in asked(world.a, "list")[1]} == {world.a.did, world.b.did}
        # To everybody else there is nothing, and the hint says how it would be.
        code, refused = asked(world.b, "status")
        assert code == 1 and refused["error"]["code"] == "not-permitted" and world.b.did in refused["error"]["hint"]
        code, unknown = asked(world.a, "quota", "nods", "2")
        assert code == 1 and "did you mean nodes?" in unknown["error"]["hint"]
        # What is changed holds at once.
        assert asked(world.a, "quota")[1]["nodes"] == 1_000_000
        assert asked(world.a, "quota", "nodes", "2")[1]["nodes"] == 2
        c = world.add(Sidecar(tmp_path, "c", hub.url))
        c.write_config()
        c.start()
        wait_until(lambda: hub_of(c)["full"], 20, "the hub takes a third node")
        assert asked(world.a, "ban", world.b.did)[0] == 0
        wait_until(lambda: hub_of(world.b)["closed"], 20, "the banned node was not told")
        assert asked(world.a, "drain")[0] == 0 and hub.program.process.wait(20) == 0
        # Each change is in the hub's audit trail, with who made it.
        run = postern("audit", "list", "--state", hub.state, "--json")
        entries = [json.loads(line) for line in run.stdout.splitlines()]
        changes = [(entry["subject"], entry["actor"]) for entry in entries if entry["action"] == "hub.admin"]
        assert changes == [(f"hub/{what}", world.a.did) for what in ("quota", "ban", "drain")]


def test_quotas_that_the_operator_changed_hold_over_restarts(tmp_path):
    with World(tmp_path, hub=False) as world:
        hub = world.hub = world.add(configured(tmp_path, limits={"nodes": 7, "relayMbitPerPair": 50}).start())
        assert admin(hub, "status")["quotas"] == {}
        assert admin(hub, "quota")["relayMbitPerPair"] == 50
        assert admin(hub, "quota", "nodes", "3")["nodes"] == 3
        assert admin(hub, "quota", "relayMbitPerNode", "20")["relayMbitPerNode"] == 20
        hub.program.process.kill()
        hub.program.process.wait(10)
        hub.start()
        quotas = admin(hub, "quota")
        assert (quotas["nodes"], quotas["relayMbitPerNode"], quotas["relayMbitPerPair"]) == (3, 20, 50)
        assert admin(hub, "status")["quotas"] == {"nodes": 3, "relayMbitPerNode": 20}
        # What the file says holds again.
        assert admin(hub, "quota", "nodes", "default")["nodes"] == 7
        for value in ("0", "-1", "many"):
            assert postern("hub", "admin", "quota", "nodes", "--state", hub.state, "--", value).returncode != 0
        assert hub.stop() == 0
        assert json.loads((hub.state / "hub.quotas").read_text()) == {"relayMbitPerNode": 20}
        # A file that is none is told, and nothing is guessed.
        (hub.state / "hub.quotas").write_text('{"relayMbitPerNode": "much"}')
        run = postern("hub", "--state", hub.state)
        assert run.returncode == 1 and "hub.quotas" in run.stderr
        (hub.state / "hub.quotas").unlink()
        hub.start()
        assert admin(hub, "quota")["relayMbitPerNode"] == 200


def test_the_page_of_a_hub_tells_rates(tmp_path):
    with World(tmp_path, hub=False) as world:
        hub = world.hub = world.add(configured(tmp_path, control="127.0.0.1:0").start())
        world.a.config["hubs"] = world.b.config["hubs"] = [hub.url]
        world.start()
        token = (hub.state / "control.token").read_text().strip()

        def page():
            return get(hub.ready["control"], "/", token)[1]

        assert 'http-equiv="refresh"' in page(), "it is live without a script"
        wait_until(lambda: "a second in the last minute" in page(), 20, "no rate is shown")
