"""Set-up without an editor: what a newcomer types, what the file looks like afterwards, and what runs at once."""

import json
import os
import socket
import stat
import time
import urllib.error
import urllib.request

from processes import free_port
from raw import RawAgent, answer
from world import COMMAND_TIMEOUT, Hub, Sidecar, World, befriend, postern


def status_of(url):
    """The HTTP status of one call."""
    try:
        with urllib.request.urlopen(url, timeout=COMMAND_TIMEOUT) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def wait_for(wanted, what, timeout=15):
    """What `wanted` answers as soon as that is true."""
    deadline = time.monotonic() + timeout
    while not (found := wanted()):
        assert time.monotonic() < deadline, what
        time.sleep(0.1)
    return found


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def newcomer(folder, name, hub):
    """A sidecar as `postern init` leaves it, with the commented file, started."""
    sidecar = Sidecar(folder, name, hub)
    return sidecar.start()


def settings_and_comments(sidecar):
    lines = sidecar.config_file.read_text().splitlines()
    return [line for line in lines if not line.lstrip().startswith("#") and line.strip()], [
        line for line in lines if line.lstrip().startswith("#")]


def test_a_service_is_exposed_and_reached_without_an_editor(tmp_path):
    nodes = []
    with RawAgent() as agent:
        try:
            hub = Hub(tmp_path).start()
            nodes.append(hub)
            b, a = (newcomer(tmp_path, name, hub.url) for name in ("b", "a"))
            nodes += [a, b]
            settings, comments = settings_and_comments(b)
            mode = stat.S_IMODE(b.config_file.stat().st_mode)

            exposed = b.cli("expose", "http", f"127.0.0.1:{agent.port}", "--name", "raw")
            assert (exposed["service"], exposed["port"], exposed["kind"]) == ("raw", 80, "http")
            assert exposed["upstream"] == f"http://127.0.0.1:{agent.port}" and exposed["allow"] == ["trusted"]
            assert exposed["running"] is True and exposed["config"] == str(b.config_file)
            assert [entry["service"] for entry in b.cli("status")["expose"]] == ["raw"], "at once"
            after, same = settings_and_comments(b)
            assert same == comments and [line for line in after if line in settings] == settings
            assert stat.S_IMODE(b.config_file.stat().st_mode) == mode

            befriend(b, a)
            # The two halves in the wrong order are told, and a name that is nearly one.
            assert "did you mean `postern reach b:raw`?" in a.cli("reach", "raw:b")["hint"]
            assert a.cli("unreach", "raw:b") and "postern name DID nobody" in a.cli("reach", "nobody:raw")["hint"]
            a.cli("unreach", "nobody:raw")
            reached = a.cli("reach", "b:raw")
            assert (reached["peer"], reached["service"], reached["running"]) == ("b", "raw", True)
            assert wait_for(lambda: status_of(f"http://{reached['listen']}/") == 200, "the call passes")
            again = a.cli("reach", "b:raw")
            assert again["listen"] == reached["listen"], "a second time changes nothing"
            assert len(a.cli("status")["reach"]) == 1

            port = free_port()
            other = a.cli("reach", "b:80", "--listen", str(port))
            assert other["listen"] == f"127.0.0.1:{port}" and other["service"] == "80"
            assert status_of(f"http://127.0.0.1:{port}/") == 200
            gone = a.cli("unreach", "b:80")
            assert gone["listen"] == f"127.0.0.1:{port}" and not listens(port)
            assert a.cli("unreach", reached["listen"])["service"] == "raw"
            assert a.cli("status")["reach"] == []

            assert b.cli("unexpose", "raw")["running"] is True
            assert b.cli("status")["expose"] == [] and "expose: []" in b.config_file.read_text().splitlines()
        finally:
            for node in reversed(nodes):
                node.stop()


def test_without_a_sidecar_the_file_is_ready_for_the_next_start(tmp_path):
    with RawAgent() as agent:
        b = Sidecar(tmp_path, "b")
        b.config_file.write_text(
            'control: "127.0.0.1:0"\nexpose: []  # nobody yet\nlog: {level: debug}\nunderlay: {listen: "127.0.0.1:0"}')
        text = postern("expose", "mcp", str(agent.port), "--name", "tools", "--allow", "none", "--state", b.state)
        assert text.returncode == 0 and "`postern up` will do it" in text.stdout, text.stdout + text.stderr
        reached = b.cli("reach", "somebody:planner")
        assert reached["running"] is False and reached["state"] is None
        assert not listens(int(reached["listen"].rsplit(":", 1)[1]))
        try:
            b.start()
            status = b.cli("status")
            assert [(entry["service"], entry["allow"]) for entry in status["expose"]] == [("tools", [])]
            assert [entry["listen"] for entry in status["reach"]] == [reached["listen"]]
            assert status["configuration"] == {
                **status["configuration"], "file": str(b.config_file), "mistakes": [], "waiting": []}
        finally:
            b.stop()
    assert "expose:   # nobody yet" in b.config_file.read_text()


def test_what_cannot_be_is_refused_and_the_file_stays_as_it_was(tmp_path):
    b = Sidecar(tmp_path, "b")
    b.cli("expose", "http", "127.0.0.1:9000", "--name", "tools")
    before = b.config_file.read_text()

    def refused(*arguments):
        run = postern(*arguments, "--state", b.state, "--json")
        assert b.config_file.read_text() == before, arguments
        return run.returncode, json.loads(run.stdout)["error"]

    code, error = refused("expose", "http", "http://127.0.0.1:1/mcp", "--name", "other")
    assert code == 2 and "upstream" in error["message"] and "omit the path" in error["hint"]
    code, error = refused("expose", "http", "127.0.0.1:9001", "--name", "tools")
    assert code == 2 and error["code"] == "already-exposed" and "postern unexpose tools" in error["hint"]
    code, error = refused("expose", "http", "127.0.0.1:9001", "--name", "other", "--port", "80")
    assert code == 2 and "port" in error["message"]
    code, error = refused("expose", "mcp", "127.0.0.1:1", "127.0.0.1:2")
    assert code == 2 and error["code"] == "usage"
    code, error = refused("unexpose", "tolls")
    assert code == 2 and error["code"] == "not-exposed" and "tools" in error["hint"]
    code, error = refused("unreach", "a:b")
    assert code == 2 and error["code"] == "not-reached"
    code, error = refused("reach", "a:b", "--listen", "0.0.0.0:1")
    assert code == 2 and "listen" in error["message"]
    none = postern("expose", "http", "127.0.0.1:1", "--state", tmp_path / "none", "--json")
    assert none.returncode == 2 and "postern init" in json.loads(none.stdout)["error"]["hint"]


def test_a_mistake_in_the_file_stops_no_command_that_talks_to_what_runs(tmp_path):
    b = Sidecar(tmp_path, "b")
    b.config["state"] = str(b.state)
    b.write_config()
    try:
        b.start()
        since = b.cli("status")["configuration"]["since"]
        b.config_file.write_text(b.config_file.read_text() + "exposse: []\n")
        line = len(b.config_file.read_text().splitlines())

        def mistakes():
            run = postern("status", "--config", b.config_file, "--json")
            assert run.returncode == 0, run.stderr
            return json.loads(run.stdout)["configuration"]["mistakes"]

        [mistake] = wait_for(mistakes, "the mistake is shown")
        assert mistake.startswith(f"{b.config_file}:{line}: exposse"), mistake
        text = postern("status", "--config", b.config_file)
        assert f"{b.config_file}:{line}" in text.stdout and "not in use" in text.stdout
        assert postern("invite", "--config", b.config_file, "--json").returncode == 0
        refused = postern("expose", "http", "127.0.0.1:1", "--config", b.config_file, "--json")
        assert refused.returncode == 2 and f":{line}" in refused.stderr
        b.write_config()
        wait_for(lambda: not mistakes(), "the mended file is taken up")
        assert b.cli("status")["configuration"]["since"] > since
    finally:
        b.stop()


def test_two_at_a_time_lose_nothing(tmp_path):
    b = Sidecar(tmp_path, "b")
    children = []
    for number in range(6):
        pid = os.fork()
        if pid == 0:
            run = postern("expose", "http", "127.0.0.1:1", "--name", f"s{number}", "--port", 90 + number,
                          "--state", b.state)
            os._exit(run.returncode)
        children.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0] * 6
    checked = postern("config", "check", b.config_file, "--json")
    assert checked.returncode == 0, checked.stdout
    assert sum(line.startswith("  - service: s") for line in b.config_file.read_text().splitlines()) == 6


def test_a_link_is_alone_on_standard_output(tmp_path):
    """Whatever prints a link, the next command takes it as it came."""
    with World(tmp_path) as world:
        world.start(trusted=False)
        wait_for(lambda: all(node.cli("status")["hubs"][0]["connected"] for node in (world.a, world.b)), "the hub")
        world.b.cli("network", "create", "acme")

        def link(*arguments):
            run = postern(*arguments, "--state", world.b.state)
            assert run.returncode == 0 and run.stdout.count("\n") == 1 and "postern " in run.stderr, run
            assert "\n" not in run.stdout.strip() and " " not in run.stdout.strip(), run.stdout
            return run.stdout.strip()

        asked = postern("trust", "request", link("contact"), "--state", world.a.state)
        assert asked.returncode == 0, asked.stderr
        joined = postern("network", "join", link("network", "invite", "acme"), "--state", world.a.state)
        assert joined.returncode == 0, joined.stderr
        authority = tmp_path / "authority"
        authority.write_text(link("network", "authority", "add", "acme"))
        certified = postern("network", "certify", world.hub.ready["did"], "--authority", authority)
        assert certified.returncode == 0 and certified.stdout.count("\n") == 1, certified


def test_a_call_without_an_answer_says_so(tmp_path):
    """Text where JSON belongs, an agent that is down, one that refuses by status alone: cause, hint, exit status 1."""
    with RawAgent() as agent, World(tmp_path) as world:
        world.serve("raw", "http", f"http://127.0.0.1:{agent.port}")
        world.serve("dead", "http", f"http://127.0.0.1:{free_port()}")
        world.start()

        def fails(service, *answers):
            def serve(connection):
                connection.read_request()
                connection.send(answer(*answers))

            agent.handler = serve if answers else RawAgent.serve_ok
            text = postern("call", f"{world.b.did}:{service}", "foo", "--state", world.a.state)
            assert text.returncode == 1 and text.stdout == "", text
            run = postern("call", f"{world.b.did}:{service}", "foo", "--state", world.a.state, "--json")
            error = json.loads(run.stdout)["error"]
            told = [f"error: {error['message']}", f"hint: {error['hint']}"]
            assert run.returncode == 1 and run.stderr.splitlines() == told == text.stderr.splitlines(), run
            return error

        error = fails("raw")
        assert error["code"] == "no-answer" and "status 200 and no JSON" in error["message"]
        assert "status 202 and no JSON" in fails("raw", "", "202 Accepted")["message"]
        error = fails("raw", '{"detail": "Not Found"}', "404 Not Found", "Content-Type: application/json\r\n")
        assert "status 404" in error["message"] and "Not Found" in error["message"]
        error = fails("dead")
        assert error["code"] == "upstream-refused" and "--path" not in error["hint"]

        # What the agent says in JSON-RPC is its answer, an error as well.
        said = {"jsonrpc": "2.0", "id": 1, "error": {"code": -32601, "message": "there is no foo"}}
        agent.handler = lambda connection: (connection.read_request(), connection.send(
            answer(json.dumps(said), "200 OK", "Content-Type: application/json\r\n")))
        run = postern("call", f"{world.b.did}:raw", "foo", "--state", world.a.state, "--json")
        assert run.returncode == 1 and json.loads(run.stdout) == said and run.stderr == "", run


class SessionServer:
    """An MCP server of 2025-11-25 as most are: without a session it answers 400, and nothing in JSON-RPC's sense."""

    def __init__(self):
        self.seen = []

    def __call__(self, connection):
        while (request := connection.read_request()) is not None:
            head, body = request[0].decode(), request[1]
            verb = head.split(" ", 1)[0]
            fields = {name.lower(): value for name, _, value in
                      (line.partition(": ") for line in head.split("\r\n")[1:])}
            message = json.loads(body) if body else {}
            self.seen.append((verb, message.get("method"), fields.get("mcp-session-id")))
            if message.get("method") == "initialize":
                said = {"jsonrpc": "2.0", "id": message["id"], "result": {
                    "protocolVersion": "2025-06-18", "capabilities": {}, "serverInfo": {"name": "s", "version": "1"}}}
                connection.send(answer(json.dumps(said), "200 OK",
                                       "Content-Type: application/json\r\nMcp-Session-Id: s-1\r\n"))
            elif fields.get("mcp-session-id") != "s-1":
                said = {"jsonrpc": "2.0", "id": "server-error", "error": {"code": -32600, "message": "no session ID"}}
                connection.send(answer(json.dumps(said), "400 Bad Request", "Content-Type: application/json\r\n"))
            elif "id" not in message:
                connection.send(answer("", "202 Accepted"))
            else:
                assert fields["mcp-protocol-version"] == "2025-06-18"
                said = {"jsonrpc": "2.0", "id": message["id"], "result": {"tools": [{"name": "echo"}]}}
                connection.send(answer(json.dumps(said), "200 OK", "Content-Type: application/json\r\n"))


def test_call_begins_a_session_where_the_server_wants_one(tmp_path):
    server = SessionServer()
    with RawAgent() as agent, World(tmp_path) as world:
        agent.handler = server
        world.serve("tools", "mcp", f"http://127.0.0.1:{agent.port}")
        world.start()
        said = world.a.cli("call", f"{world.b.did}:tools", "tools/list")
        assert said["result"]["tools"] == [{"name": "echo"}], said
        assert [entry[:2] for entry in server.seen] == [
            ("POST", "tools/list"), ("POST", "initialize"), ("POST", "notifications/initialized"),
            ("POST", "tools/list"), ("DELETE", None)], server.seen


def test_the_audit_trail_is_exported_and_verified_elsewhere(tmp_path):
    hub = Hub(tmp_path).start()
    b = Sidecar(tmp_path, "b", hub.url)
    try:
        b.start()
        wait_for(lambda: b.cli("status")["hubs"][0]["connected"], "the hub is there")
        network = b.cli("network", "create", "acme")["id"]
        b.cli("invite")
        copy = tmp_path / "copy.jsonl"
        exported = b.cli("audit", "export", str(copy))
        assert exported == {"file": str(copy), "head": f"{copy}.head", "entries": len(copy.read_text().splitlines())}
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600
        again = postern("audit", "export", copy, "--state", b.state, "--json")
        assert again.returncode == 1 and json.loads(again.stdout)["error"]["code"] == "exists"
        # Only entries of the network, by its name and by its id.
        for word in ("acme", network):
            run = postern("audit", "list", "--network", word, "--state", b.state, "--json")
            entries = [json.loads(line) for line in run.stdout.splitlines()]
            assert entries and {entry["network"] for entry in entries} == {network}
        unknown = postern("audit", "list", "--network", "acne", "--state", b.state, "--json")
        assert unknown.returncode == 1 and json.loads(unknown.stdout)["error"]["code"] == "unknown-network"
    finally:
        b.stop()
        hub.stop()

    def verified(did):
        return postern("audit", "verify", "--file", copy, "--by", did, "--json")

    whole = json.loads(verified(b.did).stdout)
    assert whole["intact"] is True and whole["entries"] == exported["entries"]
    assert verified(Sidecar(tmp_path, "a").did).returncode == 1, "signed by another node"
    copy.write_text(copy.read_text().replace("invitation.create", "invitation.revoke"))
    assert verified(b.did).returncode == 1 and "broken" in verified(b.did).stderr
    assert postern("audit", "verify", "--file", copy, "--json").returncode == 2
