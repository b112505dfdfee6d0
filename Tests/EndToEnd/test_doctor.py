"""`postern doctor`: everything that it looks at is broken here on purpose, and it says so."""

import contextlib
import http.server
import json
import os
import socket
import subprocess
import threading
import time

import pytest

from namespaces import HUB_ADDRESS, Namespaces, why_not
from processes import POSTERN, free_port
from world import COMMAND_TIMEOUT, Sidecar, World, postern


class Answering(http.server.BaseHTTPRequestHandler):
    """Answers everything with what the server was given."""

    def answer(self):
        self.rfile.read(int(self.headers.get("content-length") or 0))
        status, body = self.server.answer
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_DELETE = answer

    def log_message(self, *arguments):
        pass


@contextlib.contextmanager
def answering(status, body=b""):
    """The port of a server that answers so."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    server.answer = status, body
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def babbling():
    """The port of a server that speaks something else than HTTP."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def serve():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    connection.recv(65536)
                    connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
                    connection.close()

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]


def doctor(sidecar, *arguments, environment=None, prefix=()):
    """What the doctor says: exit status and findings."""
    command = [*prefix, str(POSTERN), "doctor", *arguments, "--state", str(sidecar.state), "--json"]
    run = subprocess.run(
        command, capture_output=True, text=True, timeout=COMMAND_TIMEOUT, stdin=subprocess.DEVNULL,
        # A name that nobody has is not waited for.
        env={**os.environ, "RES_OPTIONS": "timeout:1 attempts:1", **(environment or {})})
    assert run.stdout.startswith("{"), run.stdout + run.stderr
    document = json.loads(run.stdout)
    for finding in document["findings"]:
        told = finding.get("why") and finding.get("hint")
        assert finding["state"] in ("ok", "note") or told, f"a finding says why and what to do: {finding}"
    assert document["broken"] == sum(finding["state"] == "broken" for finding in document["findings"])
    assert run.returncode == (1 if document["broken"] else 0)
    return document["findings"]


def found(findings, check, state):
    """What was found of that sort."""
    return [finding["what"] for finding in findings if finding["check"] == check and finding["state"] == state]


@pytest.fixture
def lone(tmp_path):
    """A sidecar that does not run, with nothing wrong."""
    sidecar = Sidecar(tmp_path, "lone")
    sidecar.write_config()
    return sidecar


def test_a_sidecar_that_could_start_is_well(lone):
    findings = doctor(lone)
    assert found(findings, "key", "ok") == [lone.did]
    for check in ("configuration", "clock", "disk", "ports"):
        assert found(findings, check, "ok"), check
    assert found(findings, "hub", "note") and found(findings, "sidecar", "note")
    text = postern("doctor", "--state", lone.state)
    assert text.returncode == 0 and text.stdout.rstrip().endswith("nothing is broken")


def exposing(kind, upstream, **more):
    def change(sidecar):
        sidecar.expose("agent", 80, kind, upstream, **more)
        sidecar.write_config()
    return change


def written(name, mode):
    def change(sidecar):
        (sidecar.state / name).write_text("{}")
        (sidecar.state / name).chmod(mode)
    return change


def mistaken(sidecar):
    sidecar.config_file.write_text("naem: a\n")


def program(sidecar):
    sidecar.config["expose"] = [
        {"service": "agent", "port": 80, "kind": "stdio", "command": ["no-such-program-here"], "allow": ["trusted"]}]
    sidecar.write_config()


# name: (what is broken, the check that tells, its state, words that it says)
BROKEN = {
    "no key": (lambda sidecar: (sidecar.state / "identity.key").unlink(), "key", "broken", "no key"),
    "an open key": (lambda sidecar: (sidecar.state / "identity.key").chmod(0o644), "key", "broken", "identity.key"),
    "an open token": (written("control.token", 0o644), "file modes", "broken", "control.token"),
    "an open journal": (written("trust.journal", 0o640), "file modes", "broken", "trust.journal"),
    "an open directory": (lambda sidecar: sidecar.state.chmod(0o777), "state directory", "broken", "may write"),
    "the next key beside": (written("recovery.key", 0o600), "key", "warning", "next rotation"),
    "a mistake": (mistaken, "configuration", "broken", ":1: naem"),
    "no agent": (exposing("http", "http://127.0.0.1:1"), "upstream agent", "broken", "nobody listens"),
    "no TCP agent": (exposing("tcp", "127.0.0.1:1"), "upstream agent", "broken", "nobody listens"),
    "no program": (program, "upstream agent", "broken", "no-such-program-here"),
    "no such hub": (lambda sidecar: hubs(sidecar, "hub.invalid"), "hub", "broken", "cannot be resolved"),
}


def hubs(sidecar, host):
    sidecar.config["hubs"] = [f"postern://{host}:4600/{sidecar.did}"]
    sidecar.write_config()


@pytest.mark.parametrize("broken", BROKEN)
def test_what_is_broken_is_told(lone, broken):
    change, check, state, words = BROKEN[broken]
    change(lone)
    told = found(doctor(lone), check, state)
    assert any(words in what for what in told), told


@pytest.mark.parametrize("kind, status, body, words", [
    ("http", 421, b"", "refuses Host"), ("mcp", 400, b"Invalid Host header", "refuses Host"),
    ("a2a", 404, b"", "no agent card"), ("a2a", 200, b"{}", "no agent card"),
])
def test_an_agent_that_would_refuse_peers_is_told(lone, kind, status, body, words):
    with answering(status, body) as port:
        exposing(kind, f"http://127.0.0.1:{port}")(lone)
        assert words in "".join(found(doctor(lone), "upstream agent", "broken"))


def test_agents_of_their_kinds_are_well(lone):
    card = json.dumps({"name": "planner", "skills": []}).encode()
    result = json.dumps({"jsonrpc": "2.0", "id": 1, "result": {}}).encode()
    for kind, body in (("a2a", card), ("mcp", result), ("http", b"hello")):
        with answering(200, body) as port:
            lone.config["expose"] = []
            exposing(kind, f"http://127.0.0.1:{port}")(lone)
            assert found(doctor(lone), "upstream agent", "ok"), kind
    with answering(404) as port:
        lone.config["expose"] = []
        exposing("mcp", f"http://127.0.0.1:{port}")(lone)
        assert "/mcp" in "".join(found(doctor(lone), "upstream agent", "warning"))


def test_an_agent_that_speaks_no_http_is_told(lone):
    with babbling() as port:
        exposing("http", f"http://127.0.0.1:{port}")(lone)
        assert "not HTTP" in "".join(found(doctor(lone), "upstream agent", "broken"))


def test_ports_that_are_taken_are_told(lone):
    with socket.create_server(("127.0.0.1", 0)) as reach, socket.socket(type=socket.SOCK_DGRAM) as underlay:
        underlay.bind(("127.0.0.1", 0))
        lone.reach("somebody", "tools", port=reach.getsockname()[1])
        lone.config["underlay"]["listen"] = f"127.0.0.1:{underlay.getsockname()[1]}"
        lone.write_config()
        told = " ".join(found(doctor(lone), "ports", "broken"))
    assert "(reach[0].listen): in use" in told and "(underlay.listen): in use" in told


def test_a_hub_that_is_silent_is_told(lone):
    lone.config["hubs"] = [f"postern://127.0.0.1:{free_port(socket.SOCK_DGRAM)}/{lone.did}"]
    lone.write_config()
    assert "nothing answers" in "".join(found(doctor(lone), "hub", "broken"))


def test_what_the_user_and_the_host_give_is_told(lone):
    few = found(doctor(lone, prefix=["prlimit", "--nofile=200:200"]), "open files", "broken")
    assert few and "200" in few[0]
    proxied = doctor(lone, environment={
        "HTTP_PROXY": "http://127.0.0.1:3128", "NO_PROXY": "", "no_proxy": ""})
    assert "HTTP_PROXY" in "".join(found(proxied, "proxies", "warning"))
    exempt = doctor(lone, environment={"HTTP_PROXY": "http://127.0.0.1:3128", "NO_PROXY": "127.0.0.1,localhost"})
    assert found(exempt, "proxies", "ok")


def test_a_state_directory_of_too_long_a_name_is_told(tmp_path):
    deep = Sidecar(tmp_path / ("d" * 60) / ("e" * 60), "deep")
    deep.write_config()
    assert "107 bytes" in "".join(found(doctor(deep), "state directory", "broken"))


def test_the_way_to_a_peer_is_looked_at_step_by_step(tmp_path):
    with contextlib.ExitStack() as agent, World(tmp_path) as world:
        a, b = world.a, world.b
        upstream = agent.enter_context(answering(200, b"ok"))
        port = world.serve("raw", "http", f"http://127.0.0.1:{upstream}")
        assert found(doctor(a, b.did), f"way to {b.did}", "broken") == ["no sidecar runs here"]
        world.start(trusted=False)
        strangers = found(doctor(a, b.did), f"way to {b.did}", "broken")
        assert "no trust stands" in strangers[0], strangers
        a.cli("join", b.cli("invite", "--for", "none")["invitation"])

        def until(state, words):
            """What is found on the way to `b`, as soon as something of `state` has these words."""
            deadline = time.monotonic() + 30
            while True:
                findings = doctor(a, "b")
                if any(words in what for what in found(findings, "way to b", state)):
                    return findings
                assert time.monotonic() < deadline, findings

        until("broken", "it offers us nothing")
        b.cli("trust", "set", a.did, "--for", "all")
        findings = until("ok", f"a call through 127.0.0.1:{port} reaches its agent")
        steps = found(findings, "way to b", "ok")
        assert any("trust stands" in step for step in steps) and any("packets come back" in step for step in steps)
        assert found(findings, "hub", "ok") and found(findings, "sidecar", "ok")

        slip = found(doctor(a, "bb"), "way to bb", "broken")
        assert "no trust stands" in slip[0]
        agent.close()
        until("broken", "fails with upstream")
        b.stop()
        until("broken", "nothing comes back")


@pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
def test_a_path_that_carries_too_little_is_told(tmp_path):
    """The interface is made too small for a session's packets while one runs."""
    with Namespaces(forwards=True) as hosts, World(tmp_path, address=HUB_ADDRESS, namespaces=hosts.names) as world:
        world.start()
        a, b = world.a, world.b
        a.wait_for_peer(b.did, lambda peer: peer["path"] and peer["path"]["kind"] == "direct", "met directly")
        inside = ["ip", "netns", "exec", hosts.names["a"]]
        assert any("version" in step for step in found(doctor(a, "b", prefix=inside), "way to b", "ok"))
        hosts.run("a", "ip", "link", "set", "up0", "mtu", "1000")
        deadline = time.monotonic() + 30
        while not any("less than 1200 bytes" in what
                      for what in found(doctor(a, "b", prefix=inside), "way to b", "broken")):
            assert time.monotonic() < deadline, a.peer(b.did)
