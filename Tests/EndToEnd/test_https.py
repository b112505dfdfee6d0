"""Agents behind `https://`: the connection to them is encrypted, and their certificates are verified (RULES L)."""

import http.client
import json
import socket
import ssl
import subprocess
import threading
import time

import pytest

from certificates import Authority
from checks import mcp
from processes import POSTERN
from raw import RawAgent
from world import World


class SecureAgent:
    """An HTTPS server that says how it was called: the name indicated, the protocol chosen, the Host."""

    def __init__(self, certificate):
        self.names = []
        self.protocols = []
        self.ends = []
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate)
        self.context.set_alpn_protocols(["h2", "http/1.1"])
        self.context.sni_callback = lambda connection, name, context: self.names.append(name)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                plain, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain):
        try:
            with self.context.wrap_socket(plain, server_side=True) as stream:
                self.protocols.append(stream.selected_alpn_protocol())
                head = b""
                while b"\r\n\r\n" not in head:
                    chunk = stream.recv(65536)
                    if not chunk:
                        return
                    head += chunk
                if head.startswith(b"GET /wait"):
                    stream.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n")
                    try:
                        self.ends.append(stream.recv(1))
                    except OSError:
                        self.ends.append(b"")
                    return
                host = [line[6:] for line in head.split(b"\r\n") if line.lower().startswith(b"host: ")][0]
                more = b""
                if head.startswith(b"GET /moved"):
                    more = b"Location: https://127.0.0.1:%d/new\r\n" % self.port
                body = host + b"x" * (3_000_000 if head.startswith(b"GET /large") else 0)
                stream.sendall(b"HTTP/1.1 200 OK\r\n%bContent-Length: %d\r\n\r\n" % (more, len(body)) + body)
        except (OSError, ssl.SSLError):
            pass

    def close(self):
        self.listener.close()


@pytest.fixture(scope="module")
def secured(tmp_path_factory):
    """A world with an agent behind each kind of certificate."""
    folder = tmp_path_factory.mktemp("tls")
    ours, others = Authority(folder, "ours"), Authority(folder, "others")
    certificates = {
        "good": ours.issue("127.0.0.1"),
        "named": ours.issue("agent.internal"),
        "expired": ours.issue("127.0.0.1", start=-9, end=-2),
        "early": ours.issue("127.0.0.1", start=2, end=9),
        "stranger": others.issue("127.0.0.1"),
        "other": ours.issue("elsewhere.example"),
    }
    agents = {name: SecureAgent(certificate) for name, certificate in certificates.items()}
    with World(folder) as world, RawAgent() as plain:
        world.secure = agents
        # What an HTTP server says to a handshake that it takes for a request.
        plain.handler = lambda connection: connection.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        for name, agent in agents.items():
            tls = {"ca": str(ours.path)}
            if name == "named":
                tls["serverName"] = "agent.internal"
            world.serve(name, "http", f"https://127.0.0.1:{agent.port}", tls=tls)
        world.serve("unconfigured", "http", f"https://127.0.0.1:{agents['good'].port}")
        world.serve("plain", "http", f"https://127.0.0.1:{plain.port}")
        tools = world.agent("mcp_agent", "--certificate", certificates["good"])
        world.serve("tools", "mcp", f"https://127.0.0.1:{tools.port}", tls={"ca": str(ours.path)})
        yield world.start()
    for agent in agents.values():
        agent.close()


def get(world, service, path="/"):
    connection = http.client.HTTPConnection("127.0.0.1", world.ports[service], timeout=10)
    connection.request("GET", path)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response, body


def wait_until(condition, what, timeout=5):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.02)


def test_an_agent_behind_https_is_called_like_any_other(secured):
    agent = secured.secure["good"]
    response, body = get(secured, "good")
    assert response.status == 200 and body.decode() == f"127.0.0.1:{agent.port}"
    assert agent.protocols[-1] == "http/1.1"
    # RFC 6066 §3: an address is no name to indicate.
    assert agent.names[-1] is None
    response, body = get(secured, "good", "/large")
    assert len(body) > 3_000_000
    response, _ = get(secured, "good", "/moved")
    assert response.headers["Location"] == f"http://127.0.0.1:{secured.ports['good']}/new"


@pytest.mark.smoke
@pytest.mark.parametrize("era", mcp.ERAS)
async def test_mcp_over_https(secured, era):
    url = secured.url("tools", "/mcp")
    await mcp.tools(url, era)
    await mcp.progress_in_time(url, era, steps=3)


def test_the_name_of_the_certificate_may_be_another_than_the_host(secured):
    response, _ = get(secured, "named")
    assert response.status == 200
    assert secured.secure["named"].names[-1] == "agent.internal"


REASONS = {
    "expired": ("upstream-untrusted", "has expired", "renew"),
    "early": ("upstream-untrusted", "is not valid yet", "clock"),
    "stranger": ("upstream-untrusted", "was not issued by an authority that is trusted here", "tls.ca"),
    "unconfigured": ("upstream-untrusted", "was not issued by an authority that is trusted here", "tls.ca"),
    "other": ("upstream-untrusted", "is for another name than 127.0.0.1", "tls.serverName"),
    "plain": ("upstream-refused", "TLS handshake", "https"),
}


@pytest.mark.parametrize("service", REASONS)
def test_a_refused_certificate_says_why(secured, service):
    """To the client, in the log, and in `status`."""
    code, reason, hint = REASONS[service]
    response, body = get(secured, service)
    error = json.loads(body)["error"]
    assert (response.status, response.headers["Postern-Error"]) == (502, code), error
    assert reason in error["message"] and hint in error["data"]["hint"], error
    wait_until(lambda: reason in secured.b.program.log.read_text(), "the log says so")
    entry = next(entry for entry in secured.b.cli("status")["expose"] if entry["service"] == service)
    assert reason in entry["problem"], entry


def test_a_problem_is_forgotten_once_the_agent_is_reached(secured):
    get(secured, "good")
    entry = next(entry for entry in secured.b.cli("status")["expose"] if entry["service"] == "good")
    assert entry["problem"] is None and entry["leg"] == "local", entry


def test_a_client_that_leaves_ends_the_connection_to_the_agent(secured):
    agent = secured.secure["good"]
    connection = http.client.HTTPConnection("127.0.0.1", secured.ports["good"], timeout=10)
    connection.request("GET", "/wait")
    response = connection.getresponse()
    assert response.read(2) == b"hi"
    before = len(agent.ends)
    response.close()
    connection.close()
    wait_until(lambda: len(agent.ends) > before, "the agent learns that the client left")


def legs(node):
    return [(entry["service"], entry["leg"]) for entry in node.cli("status")["expose"]]


def test_a_leg_off_the_host_needs_leave_to_go_without_tls(secured):
    """RULES L, and `status` lists it."""
    entry = {"service": "far", "port": 200, "kind": "http", "upstream": "http://192.0.2.7:80", "allow": []}
    secured.b.config["expose"].append(entry)
    secured.b.write_config()
    check = [POSTERN, "config", "check", "--json", secured.b.config_file]
    try:
        run = subprocess.run(check, capture_output=True, text=True, timeout=20)
        assert run.returncode == 2 and "insecure: true" in run.stdout, run.stdout
        entry["insecure"] = True
        secured.b.write_config()
        assert subprocess.run(check, capture_output=True, timeout=20).returncode == 0
        wait_until(lambda: ("far", "insecure") in legs(secured.b), "status lists it", timeout=10)
    finally:
        secured.b.config["expose"].remove(entry)
        secured.b.write_config()
