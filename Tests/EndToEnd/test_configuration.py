"""Command line and configuration file: mistakes are named by file, line and key, and documents keep their fields."""

import base64
import json
import os
import re
import signal
import socket
import stat
import subprocess
import time
import urllib.error
import urllib.request

import jsonschema
import pytest
import yaml

from processes import POSTERN, free_port
from world import Sidecar, World, postern

COMMANDS = [
    ["init"], ["up"], ["hub"], ["demo"], ["status"], ["peers"], ["ping"], ["trust"], ["trust", "request"],
    ["trust", "list"], ["trust", "approve"], ["trust", "reject"], ["trust", "revoke"], ["invite"], ["join"], ["config"],
    ["config", "check"], ["config", "schema"],
]

# name: (text, line of the mistake, last part of the key that is named)
MISTAKES = {
    "an unknown key": ("name: a\nnaem: b\n", 2, "naem"),
    "an unknown key inside": ("underlay:\n  liten: 127.0.0.1:0\n", 2, "liten"),
    "an unknown key in a list": (
        "expose:\n  - service: a\n    port: 80\n    kind: http\n    upsteam: http://127.0.0.1:1\n", 5, "upsteam"),
    "text for a list": ("hubs: none\n", 1, "hubs"),
    "text for a truth": ("autoReach: perhaps\n", 1, "autoReach"),
    "text for a number": (
        "expose:\n  - service: a\n    port: eighty\n    kind: http\n    upstream: http://127.0.0.1:1\n", 3, "port"),
    "a list for text": ("name: [a]\n", 1, "name"),
    "text for a section": ("underlay: fast\n", 1, "underlay"),
    "a port out of range": (
        "expose:\n  - service: a\n    port: 65536\n    kind: http\n    upstream: http://127.0.0.1:1\n", 3, "port"),
    "port zero": (
        "expose:\n  - service: a\n    port: 0\n    kind: http\n    upstream: http://127.0.0.1:1\n", 3, "port"),
    "a negative number": (
        "expose:\n  - service: a\n    port: -80\n    kind: http\n    upstream: http://127.0.0.1:1\n", 3, "port"),
    "an unknown kind": (
        "expose:\n  - service: a\n    port: 80\n    kind: gopher\n    upstream: http://127.0.0.1:1\n", 4, "kind"),
    "no upstream": ("expose:\n  - service: a\n    port: 80\n    kind: http\n", 2, "upstream"),
    "no service name": ("expose:\n  - port: 80\n    kind: http\n    upstream: http://127.0.0.1:1\n", 2, "service"),
    "an upstream that is no URL": (
        "expose:\n  - service: a\n    port: 80\n    kind: http\n    upstream: somewhere\n", 5, "upstream"),
    "an upstream of another scheme": (
        "expose:\n  - service: a\n    port: 80\n    kind: mcp\n    upstream: ftp://127.0.0.1:1\n", 5, "upstream"),
    "a service twice": (
        "expose:\n  - service: a\n    port: 80\n    kind: http\n    upstream: http://127.0.0.1:1\n"
        "  - service: a\n    port: 81\n    kind: http\n    upstream: http://127.0.0.1:1\n", 6, "service"),
    "a virtual port twice": (
        "expose:\n  - service: a\n    port: 80\n    kind: http\n    upstream: http://127.0.0.1:1\n"
        "  - service: b\n    port: 80\n    kind: http\n    upstream: http://127.0.0.1:1\n", 7, "port"),
    "a rule that allows nobody known": (
        "expose:\n  - service: a\n    port: 80\n    kind: http\n    upstream: http://127.0.0.1:1\n"
        "    allow: ['did:web:example']\n", 6, "allow"),
    "a hub that is no URL": ("hubs:\n  - hub.example.net\n", 2, "hubs"),
    "a hub without a key": ("hubs:\n  - postern://hub.example.net:4600\n", 2, "hubs"),
    "a hub with a broken key": ("hubs:\n  - postern://hub.example.net:4600/did:key:z6Mkbroken\n", 2, "hubs"),
    "a listener without a port": ("control: 127.0.0.1\n", 1, "control"),
    "a control listener for everybody": ("control: 0.0.0.0:7600\n", 1, "control"),
    "an address that is none": ("underlay:\n  listen: 300.0.0.1:0\n", 2, "listen"),
    "a reach without a service": ("reach:\n  - peer: a\n", 2, "reach"),
    "a reach without a peer": ("reach:\n  - service: a\n", 2, "peer"),
    "a reach port for everybody": ("reach:\n  - peer: a\n    service: b\n    listen: 0.0.0.0:7701\n", 4, "listen"),
    "a listener twice": (
        "reach:\n  - peer: a\n    service: b\n    listen: 127.0.0.1:7701\n  - peer: a\n    service: c\n"
        "    listen: 127.0.0.1:7701\n", 7, "listen"),
    "an unknown log level": ("log:\n  level: loud\n", 2, "level"),
    "an unknown log format": ("log: {format: xml}\n", 1, "format"),
    "an unknown relay rule": ("underlay:\n  relay: maybe\n", 2, "relay"),
    "an unknown padding": ("underlay:\n  padding: much\n", 2, "padding"),
    "a key twice": ("name: a\nname: b\n", 2, "name"),
}


def check(tmp_path, text, *more):
    file = tmp_path / "postern.yaml"
    file.write_text(text)
    return file, postern("config", "check", file, *more)


def error_places(run, file):
    """Line, key and text of every mistake that was reported, each on a line that begins with the file's name."""
    places = re.findall(rf"^(?:error: )?{re.escape(str(file))}:(\d+): ([^:\s]+): (.+)$", run.stderr, re.M)
    assert places, f"not FILE:LINE: key: …: {run.stderr!r}"
    return [(int(line), key, text) for line, key, text in places]


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_by_file_line_and_key(tmp_path, mistake):
    text, line, key = MISTAKES[mistake]
    file, run = check(tmp_path, text)
    assert run.returncode == 2, run.stdout + run.stderr
    places = error_places(run, file)
    assert any(found == line and key in named for found, named, _ in places), run.stderr
    assert all(", expected " in what or "unknown key" in what for _, _, what in places), run.stderr


@pytest.mark.parametrize("text", ["a: [1\n", "a:\n\t- b\n", "- just\n- a list\n", "name: a\n  odd: b\n", "{"])
def test_a_file_that_is_no_yaml_mapping_is_named_by_line(tmp_path, text):
    file, run = check(tmp_path, text)
    assert run.returncode == 2
    assert re.search(rf"{re.escape(str(file))}:\d+: ", run.stderr), run.stderr


def test_a_file_that_cannot_be_read(tmp_path):
    run = postern("config", "check", tmp_path / "none.yaml")
    assert run.returncode == 2 and str(tmp_path / "none.yaml") in run.stderr
    run = postern("config", "check", tmp_path)
    assert run.returncode == 2 and str(tmp_path) in run.stderr
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00\x01" * 100)
    run = postern("config", "check", binary)
    assert run.returncode == 2 and str(binary) in run.stderr


def test_a_mistake_as_json(tmp_path):
    _, run = check(tmp_path, "name: a\nnaem: b\n", "--json")
    assert run.returncode == 2
    error = json.loads(run.stdout)["error"]
    assert {"code", "message", "hint"} <= set(error) and "naem" in error["message"]
    assert "name" in error["hint"], "the nearest key is suggested"


def test_a_mistake_has_its_hint_on_a_terminal_too(tmp_path):
    """Whichever command reads the file, what to do stands behind each mistake."""
    sidecar = Sidecar(tmp_path, "a")

    def told(text):
        """What each command says on standard error, which is the same."""
        sidecar.config_file.write_text(text)
        runs = [postern(*command) for command in (
            ["config", "check", sidecar.config_file], ["up", "--state", sidecar.state],
            ["expose", "http", "127.0.0.1:9000", "--state", sidecar.state])]
        assert all(run.returncode == 2 and run.stderr == runs[0].stderr for run in runs), runs
        return runs[0].stderr.splitlines()

    cause, hint = told("reach:\n  - {peer: a, service: b, listen: '0.0.0.0:1'}\n")
    assert cause.startswith(f"{sidecar.config_file}:2: reach[0].listen: "), cause
    assert hint.startswith("hint: ") and "127.0.0.1:1" in hint and "exposeToNetwork" in hint, hint
    # Of the second one no more is known than what was expected.
    first, hint, second, general = told("naem: a\nautoReach: perhaps\n")
    assert ":1: naem: " in first and hint == "hint: did you mean name?", hint
    assert ":2: autoReach: " in second and general.startswith("hint: correct the file; "), general


def test_up_refuses_the_same_mistakes(tmp_path):
    sidecar = Sidecar(tmp_path, "a")
    sidecar.config["naem"] = "b"
    sidecar.write_config()
    run = postern("up", "--config", sidecar.config_file, "--state", sidecar.state)
    assert run.returncode == 2 and "READY" not in run.stdout
    assert error_places(run, sidecar.config_file)[0][1] == "naem"


def test_an_address_in_use_is_named(tmp_path):
    sidecar = Sidecar(tmp_path, "a")
    peer = Sidecar(tmp_path, "b")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        sidecar.config["reach"].append(
            {"peer": peer.did, "service": "x", "listen": f"127.0.0.1:{taken.getsockname()[1]}"})
        sidecar.write_config()
        run = postern("up", "--config", sidecar.config_file, "--state", sidecar.state)
    assert run.returncode == 2, run.stderr
    (line, key, what), = error_places(run, sidecar.config_file)
    assert "listen" in key and "in use" in what
    assert "listen" in sidecar.config_file.read_text().splitlines()[line - 1]


def test_the_file_that_init_writes_is_valid_and_explains_itself(tmp_path):
    sidecar = Sidecar(tmp_path, "a")
    text = sidecar.config_file.read_text()
    assert text.count("#") >= 10
    assert postern("config", "check", sidecar.config_file).returncode == 0


def test_the_schema_accepts_what_is_right_and_refuses_mistakes(tmp_path):
    run = postern("config", "schema")
    assert run.returncode == 0
    schema = json.loads(run.stdout)
    validator = jsonschema.validators.validator_for(schema)
    validator.check_schema(schema)
    sidecar = Sidecar(tmp_path, "a")
    sidecar.expose("x", 80, "http", "http://127.0.0.1:1")
    sidecar.reach(sidecar.did, "y")
    validator(schema).validate(sidecar.config)
    for mistake in ("an unknown key", "an unknown key in a list", "text for a list", "an unknown kind",
                    "a port out of range", "an unknown log level"):
        assert not validator(schema).is_valid(yaml.safe_load(MISTAKES[mistake][0])), mistake


# Exit codes and help


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(command):
    run = postern(*command, "--help")
    assert run.returncode == 0 and "usage:" in run.stdout.lower()


@pytest.mark.parametrize("arguments", [["nonsense"], ["ping"], ["up", "--nonsense"], ["trust", "approve"], ["join"]])
def test_wrong_usage_is_2(arguments):
    run = postern(*arguments)
    assert run.returncode == 2 and run.stderr.strip()


@pytest.mark.parametrize("arguments", [
    ["status"], ["peers"], ["ping", "x"], ["trust", "list"], ["invite"],
    ["join", "postern:not-an-invitation"]])
def test_no_running_sidecar_is_3(tmp_path, arguments):
    sidecar = Sidecar(tmp_path, "a")
    run = postern(*arguments, "--state", sidecar.state, "--json")
    if arguments[0] == "join" and run.returncode == 2:
        return  # what is no invitation is wrong usage, with or without a sidecar
    assert run.returncode == 3, run.stderr
    error = json.loads(run.stdout)["error"]
    assert {"code", "message", "hint"} <= set(error) and "postern up" in error["hint"]
    assert len(run.stderr.strip().splitlines()) == 2, "one line of cause and one of what to do"


@pytest.mark.parametrize("arguments", [
    ["ping", "nobody-we-know"], ["trust", "approve", "no-such-id"], ["trust", "revoke", "nobody-we-know"]])
def test_what_cannot_be_done_is_1(world, arguments):
    run = postern(*arguments, "--state", world.a.state, "--json")
    assert run.returncode == 1, run.stderr
    assert {"code", "message", "hint"} <= set(json.loads(run.stdout)["error"])


# Documents


def test_init_prints_who_we_are(tmp_path):
    """R1: did and address are made of the key, and nothing else."""
    sidecar = Sidecar(tmp_path, "a")
    assert set(sidecar.identity) >= {"did", "address", "name", "state", "config"}
    assert sidecar.did.startswith("did:key:z6Mk")
    assert socket.inet_pton(socket.AF_INET6, sidecar.identity["address"])[0] == 0xFD


def test_the_ready_line(world):
    for node in (world.a, world.b, world.hub):
        assert len([line for line in node.program.lines if line]) == 1, "READY and nothing else"
        assert {"did", "address", "control", "proxy", "udp", "reach"} - {"proxy", "reach", "control"} <= set(node.ready)
    assert world.a.ready["did"] == world.a.did and world.a.ready["address"] == world.a.identity["address"]
    assert {(entry["service"], entry["listen"]) for entry in world.a.ready["reach"]} == {
        (service, f"127.0.0.1:{port}") for service, port in world.ports.items()}
    assert set(world.a.ready) >= {"did", "address", "control", "proxy", "udp", "reach"}
    assert world.hub.url.startswith("postern://127.0.0.1:") and world.hub.ready["did"] in world.hub.url


@pytest.mark.smoke
def test_status(world):
    status = world.a.cli("status")
    assert set(status) >= {"did", "address", "name", "version", "uptimeMs", "hubs", "nat", "reach", "expose", "pending"}
    assert (status["did"], status["name"], status["pending"]) == (world.a.did, "a", 0)
    hub, = status["hubs"]
    assert set(hub) >= {"url", "connected", "transport", "rttMs", "home"}
    assert hub["connected"] is True and hub["transport"] == "udp" and hub["url"] == world.hub.url
    assert {(entry["service"], entry["listen"]) for entry in status["reach"]} == {
        (service, f"127.0.0.1:{port}") for service, port in world.ports.items()}
    assert all(set(entry) >= {"peer", "service", "port", "listen", "state"} for entry in status["reach"])
    exposed = world.b.cli("status")["expose"]
    assert {(entry["service"], entry["kind"]) for entry in exposed} == {
        ("tools", "mcp"), ("planner", "a2a"), ("echo", "tcp")}
    assert all(set(entry) >= {"service", "port", "kind", "upstream", "allow", "activeStreams"} for entry in exposed)


def test_peers_and_ping(world):
    urllib.request.urlopen(world.url("planner", "/.well-known/agent-card.json")).read()
    peer = world.a.peer(world.b.did)
    assert set(peer) >= {
        "did", "name", "address", "networks", "trusted", "connected", "path", "rttMs", "bytesSent", "bytesReceived",
        "relayedBytes", "lastSeen"}
    assert peer["address"] == world.b.identity["address"] and peer["trusted"] and peer["connected"]
    assert peer["path"] == peer["path"] | {"kind": "direct", "transport": "udp", "family": "ipv4"}
    assert peer["relayedBytes"] == 0 or peer["relayedBytes"] < peer["bytesSent"]
    ping = world.a.cli("ping", world.b.did, "-c", "3")
    assert ping["sent"] == ping["received"] == 3
    assert 0 < ping["rttMs"]["min"] <= ping["rttMs"]["median"] <= ping["rttMs"]["max"] < 1000
    assert ping["path"]["kind"] == "direct"


def test_trust_list_and_invite(world):
    invite = world.b.cli("invite", "--uses", "2", "--expires", "1h")
    assert set(invite) >= {"invitation", "expires", "uses"} and invite["uses"] == 2
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", invite["expires"])
    trust = world.a.cli("trust", "list")
    assert set(trust) >= {"trusted", "pending", "outgoing"}
    entry, = trust["trusted"]
    assert set(entry) >= {"did", "name", "services", "since", "expires"} and entry["did"] == world.b.did


def test_human_output_is_not_json(world):
    for command in (["status"], ["peers"], ["trust", "list"], ["ping", world.b.did, "-c", "1"]):
        run = postern(*command, "--state", world.a.state)
        assert run.returncode == 0 and run.stdout.strip()
        with pytest.raises(ValueError):
            json.loads(run.stdout)


# State


def test_a_second_sidecar_on_one_state_directory_is_refused(world):
    run = postern("up", "--config", world.a.config_file, "--state", world.a.state)
    assert run.returncode in (1, 2) and "READY" not in run.stdout and str(world.a.state) in run.stderr
    assert world.a.cli("status")["did"] == world.a.did


def test_a_key_is_never_overwritten(tmp_path):
    sidecar = Sidecar(tmp_path, "a")
    before = {path: path.read_bytes() for path in sidecar.state.rglob("*") if path.is_file()}
    again = postern("init", "--state", sidecar.state, "--name", "other", "--json")
    assert again.returncode in (0, 1)
    if again.returncode == 0:
        assert json.loads(again.stdout)["did"] == sidecar.did
    for path, content in before.items():
        assert path.read_bytes() == content, f"{path} changed"


def test_secrets_are_readable_by_their_owner_only(world):
    for node in (world.a, world.b, world.hub):
        assert stat.S_IMODE(node.state.stat().st_mode) & 0o077 == 0 or node is world.hub
        secrets = [path for path in node.state.rglob("*") if path.is_file() or path.is_socket()]
        for path in secrets:
            if path.name != "postern.yaml":
                assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, f"{path} {path.stat().st_mode:o}"
    socket_file = world.a.state / "control.sock"
    assert stat.S_ISSOCK(socket_file.stat().st_mode) and stat.S_IMODE(socket_file.stat().st_mode) == 0o600


def test_a_copy_of_the_state_directory_is_the_move(tmp_path):
    """R1: did and address stay when the node moves."""
    sidecar = Sidecar(tmp_path, "a")
    moved = tmp_path / "elsewhere"
    os.rename(sidecar.state, moved)
    sidecar.state = moved
    sidecar.write_config()
    sidecar.start()
    try:
        assert sidecar.ready["did"] == sidecar.did and sidecar.ready["address"] == sidecar.identity["address"]
    finally:
        sidecar.stop()


def test_the_log_holds_no_secrets(world):
    """Keys and tokens of the state directory, as bytes, hexadecimal, base64 or text."""
    for node in (world.a, world.b, world.hub):
        log = node.program.log.read_text()
        secrets = [path.read_bytes() for path in node.state.rglob("*") if path.is_file() and path.stat().st_size <= 128]
        assert any(len(secret) >= 32 for secret in secrets), "no key was found"
        for secret in secrets:
            if len(secret) < 16:
                continue
            for form in (secret.hex(), base64.b64encode(secret)[:24].decode(), secret.decode("latin-1").strip()):
                assert form not in log


def test_a_changed_file_is_taken_up_on_sighup(tmp_path):
    with World(tmp_path) as world:
        world.start()
        port = world.a.reach(world.b.did, "later")
        world.a.write_config()
        world.a.program.signal(signal.SIGHUP)
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        else:
            raise AssertionError("the new reach port never listened")
        assert len([line for line in world.a.program.lines if line]) == 1
        # A mistake changes nothing and is told in the log.
        world.a.config["naem"] = "x"
        world.a.write_config()
        world.a.program.signal(signal.SIGHUP)
        time.sleep(1)
        assert world.a.program.running and "naem" in world.a.program.log.read_text()


# The control listener


def control(node, path, **headers):
    query = urllib.request.Request(f"http://{node.ready['control']}{path}", headers=headers)
    try:
        with urllib.request.urlopen(query, timeout=5) as response:
            return response.status, response.headers, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def test_the_control_listener(world):
    assert control(world.a, "/healthz")[0] == 200
    assert control(world.a, "/readyz")[0] == 200
    token = {"Authorization": "Bearer " + (world.a.state / "control.token").read_text().strip()}
    status, headers, body = control(world.a, "/metrics", **token)
    assert status == 200 and headers["content-type"].startswith("text/plain") and b"postern_" in body
    status, headers, body = control(world.a, "/", **token)
    assert status == 200 and headers["content-type"].startswith("text/html") and b"</html>" in body
    assert json.loads(control(world.a, "/api/v1/status", **token)[2])["did"] == world.a.did
    for path in ("/", "/metrics", "/api/v1/status"):
        assert control(world.a, path)[0] == 401
    assert control(world.a, "/healthz", Host="evil.example")[0] == 421
    assert control(world.a, "/api/v1/status", Origin="http://evil.example")[0] == 403


def test_a_browser_comes_by_a_link_that_is_good_once(world):
    link = world.a.cli("open")["url"]
    assert link.startswith(f"http://{world.a.ready['control']}/open?once=")
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    with browser.open(link, timeout=5) as page:
        assert page.status == 200 and page.url == f"http://{world.a.ready['control']}/"
        assert b"</html>" in page.read()
    with browser.open(f"http://{world.a.ready['control']}/", timeout=5) as page:
        assert page.status == 200
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.build_opener(urllib.request.HTTPCookieProcessor()).open(link, timeout=5)
    assert refused.value.code == 403


# The demonstration


@pytest.mark.smoke
def test_the_demonstration(tmp_path):
    run = subprocess.run(
        [POSTERN, "demo", "--once"], capture_output=True, text=True, timeout=60, cwd=tmp_path,
        env={**os.environ, "HOME": str(tmp_path)})
    assert run.returncode == 0, run.stdout + run.stderr
    assert not list(tmp_path.iterdir()), "the demonstration left something behind"


def test_ports_that_are_not_named_are_stable(tmp_path):
    """A reach without `listen` gets a free port, and the same one after a restart."""
    peer = Sidecar(tmp_path, "b")
    sidecar = Sidecar(tmp_path, "a")
    sidecar.config["reach"] = [{"peer": peer.did, "service": "x"}]
    sidecar.config["underlay"]["listen"] = f"127.0.0.1:{free_port(socket.SOCK_DGRAM)}"
    sidecar.write_config()
    listens = []
    for _ in range(2):
        sidecar.start()
        listens.append(sidecar.ready["reach"][0]["listen"])
        sidecar.stop()
    assert listens[0] == listens[1] and listens[0].startswith("127.0.0.1:")
