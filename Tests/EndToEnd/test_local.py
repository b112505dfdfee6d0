"""What the machine around a sidecar does to it: its log's reader, other users, occupied ports, odd configurations."""

import http.client
import json
import os
import pwd
import signal
import socket
import subprocess
import time

import pytest

from processes import POSTERN, free_port
from test_http import port
from world import Sidecar, World, befriend

NOBODY = pwd.getpwnam("nobody")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")


def get(host, port, path="/", **headers):
    client = http.client.HTTPConnection(host, port, timeout=10)
    try:
        client.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        response = client.getresponse()
        return response.status, response.read()
    finally:
        client.close()


def wait_until(condition, what, timeout=15):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.1)


def reach_states(node):
    return {entry["listen"]: entry["state"] for entry in node.cli("status")["reach"]}


def test_a_log_that_nobody_reads_holds_nothing_up(tmp_path):
    """Standard error is a pipe, and full: `status` answers, and SIGTERM ends the sidecar in order."""
    sidecar = Sidecar(tmp_path, "a")
    sidecar.config["log"]["level"] = "trace"
    sidecar.write_config()
    process = subprocess.Popen(
        sidecar.arguments(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
    try:
        assert process.stdout.readline().startswith(b"READY")
        # Each reload is a few lines; the pipe holds 64 KiB.
        for _ in range(300):
            process.send_signal(signal.SIGHUP)
            time.sleep(0.005)
        assert sidecar.cli("status")["did"] == sidecar.did
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
    finally:
        process.kill()
        process.wait()


def test_a_client_that_repeats_its_call_does_not_fill_the_log(tmp_path):
    """A dead agent is told of a few times a minute, however often it is asked for."""
    with World(tmp_path) as world:
        world.serve("dead", "http", f"http://127.0.0.1:{free_port()}")
        world.start()
        for _ in range(100):
            assert get("127.0.0.1", world.ports["dead"])[0] == 502
        lines = [line for line in world.b.program.log.read_text().splitlines() if "cannot be reached" in line]
        assert 1 <= len(lines) <= 5, len(lines)


def test_a_reload_offers_what_it_can_and_tries_the_rest_again(tmp_path):
    """One occupied port among new entries: those behind it are offered, `status` tells why it is not, and it comes."""
    sidecar = Sidecar(tmp_path, "a")
    peer = Sidecar(tmp_path, "b")
    sidecar.write_config()
    sidecar.start()
    try:
        with socket.create_server(("127.0.0.1", 0)) as occupier:
            taken = occupier.getsockname()[1]
            sidecar.reach(peer.did, "one", port=taken)
            other = sidecar.reach(peer.did, "two")
            sidecar.write_config()
            sidecar.program.signal(signal.SIGHUP)
            wait_until(lambda: f"127.0.0.1:{other}" in reach_states(sidecar), "the other entry is offered")
            assert reach_states(sidecar)[f"127.0.0.1:{taken}"] == "not offered: the address is in use"
            assert get("127.0.0.1", other)[0] == 503
        wait_until(lambda: "not offered" not in reach_states(sidecar)[f"127.0.0.1:{taken}"], "it is tried again")
        assert get("127.0.0.1", taken)[0] == 503
    finally:
        sidecar.stop()


@pytest.mark.parametrize("fault, hint", [
    ("0777", "chmod go-w"), ("lock", "rm "), ("trust.journal", "rm "), ("audit.jsonl", "rm ")])
def test_a_state_directory_that_others_can_write_is_refused(tmp_path, fault, hint):
    sidecar = Sidecar(tmp_path, "a")
    sidecar.write_config()
    precious = tmp_path / "precious"
    precious.write_text("precious")
    if fault == "0777":
        sidecar.state.chmod(0o777)
    else:
        (sidecar.state / fault).unlink(missing_ok=True)
        (sidecar.state / fault).symlink_to(precious)
    run = subprocess.run(sidecar.arguments(), capture_output=True, text=True, timeout=20)
    assert run.returncode in (1, 2), run.stdout + run.stderr
    assert hint in run.stderr, run.stderr
    assert precious.read_text() == "precious"


@needs_root
def test_a_state_directory_of_another_user_is_refused(tmp_path):
    sidecar = Sidecar(tmp_path, "a")
    sidecar.write_config()
    os.chown(sidecar.state, NOBODY.pw_uid, NOBODY.pw_gid)
    run = subprocess.run(sidecar.arguments(), capture_output=True, text=True, timeout=20)
    assert run.returncode == 2 and "chown" in run.stderr, run.stderr


@needs_root
def test_another_user_is_told_that_it_may_not(tmp_path):
    sidecar = Sidecar(tmp_path, "a")
    sidecar.write_config()
    sidecar.start()
    try:
        run = subprocess.run(
            ["setpriv", f"--reuid={NOBODY.pw_uid}", "--clear-groups", POSTERN, "status", "--json", "--state",
             sidecar.state], capture_output=True, text=True, timeout=20, cwd="/")
        assert run.returncode == 1, run.stdout + run.stderr
        assert json.loads(run.stdout)["error"]["code"] == "not-permitted"
    finally:
        sidecar.stop()


def test_without_a_home_it_is_said_what_is_wrong(tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "HOME"}
    command = [POSTERN, "status"]
    if os.geteuid() == 0:
        # A user that the system does not know.
        command = ["setpriv", "--reuid=54321", "--clear-groups", *command]
    else:
        pytest.skip("the system knows the home of this user")
    run = subprocess.run(command, capture_output=True, text=True, timeout=20, env=environment, cwd="/")
    assert run.returncode == 2 and "HOME is not set" in run.stderr and "--state" in run.stderr, run.stderr


def test_a_byte_order_mark_is_no_mistake(tmp_path):
    file = tmp_path / "postern.yaml"
    file.write_bytes(b"\xef\xbb\xbfname: a\n")
    assert subprocess.run([POSTERN, "config", "check", file], capture_output=True, timeout=20).returncode == 0
    file.write_bytes("name: a\n".encode("utf-16"))
    run = subprocess.run([POSTERN, "config", "check", "--json", file], capture_output=True, text=True, timeout=20)
    assert run.returncode == 2 and "save it as UTF-8" in run.stdout


def test_an_upstream_with_an_underscore_in_its_name_is_accepted(tmp_path):
    file = tmp_path / "postern.yaml"
    file.write_text("expose:\n  - {service: a, port: 80, kind: http, upstream: 'http://my_agent:9000', insecure: true}\n")
    run = subprocess.run([POSTERN, "config", "check", file], capture_output=True, text=True, timeout=20)
    assert run.returncode == 0, run.stderr


def test_any_loopback_address_can_be_listened_on(tmp_path):
    """127.0.0.2 is bound, and clients may call it by that name."""
    sidecar = Sidecar(tmp_path, "a")
    sidecar.config["reach"] = [{"peer": "somebody", "service": "x", "listen": "127.0.0.2:0"}]
    sidecar.write_config()
    sidecar.start()
    try:
        host, port = sidecar.ready["reach"][0]["listen"].rsplit(":", 1)
        assert host == "127.0.0.2"
        assert get(host, int(port))[0] == 503
    finally:
        sidecar.stop()


def test_a_foreign_origin_may_call_where_it_is_named(own):
    """`origins` of a reach entry: an editor's web view calls, another page does not."""
    own.a.config["reach"][0]["origins"] = ["vscode-webview://*"]
    own.a.write_config()
    own.a.program.signal(signal.SIGHUP)

    def is_welcome():
        try:
            return get("127.0.0.1", port(own), Origin="vscode-webview://1f")[0] == 200
        except ConnectionError:
            # The port is opened anew with what it allows now.
            return False

    wait_until(is_welcome, "the named origin is welcome")
    assert get("127.0.0.1", port(own), Origin="chrome-extension://1f")[0] == 403
    assert get("127.0.0.1", port(own), Sec_Fetch_Site="cross-site")[0] == 403


def own_address():
    """An address of this machine off loopback, or None."""
    with socket.socket(type=socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return probe.getsockname()[0]
        except OSError:
            return None


def test_a_reach_port_is_open_to_other_machines_only_when_that_is_said(own):
    """`exposeToNetwork` with `hosts` and `clients`: the container beside us calls by the name it has for us."""
    address = own_address()
    if address is None:
        pytest.skip("this machine has only loopback")
    entry = own.a.config["reach"][0]
    entry["listen"] = f"{address}:{port(own)}"
    own.a.write_config()
    run = subprocess.run(
        [POSTERN, "config", "check", "--json", own.a.config_file], capture_output=True, text=True, timeout=20)
    assert run.returncode == 2 and "exposeToNetwork" in run.stdout, run.stdout
    entry.update({"exposeToNetwork": True, "insecure": True, "hosts": ["host.docker.internal"], "clients": ["203.0.113.0/24"]})
    own.a.write_config()
    own.a.program.signal(signal.SIGHUP)
    wait_until(lambda: "open to the network" in str(reach_states(own.a)), "status says so")
    assert "open to other machines" in own.a.program.log.read_text()
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        get(address, port(own), Host="host.docker.internal")
    entry["clients"] = [f"{address}/32"]
    own.a.write_config()
    own.a.program.signal(signal.SIGHUP)

    def answers():
        try:
            return get(address, port(own), Host=f"host.docker.internal:{port(own)}")[0] == 200
        except (http.client.HTTPException, OSError):
            return False

    wait_until(answers, "the named client is served")
    assert get(address, port(own), Host="evil.example")[0] == 421


def test_a_hub_whose_name_has_addresses_of_both_families_is_found(tmp_path):
    """`localhost` is ::1 and 127.0.0.1 on most systems; the hub listens on one of them."""
    with World(tmp_path) as world:
        did = world.hub.ready["did"]
        hub_port = world.hub.listen.rsplit(":", 1)[1]
        name = f"postern://localhost:{hub_port}/{did}"
        for node in (world.a, world.b):
            node.config["hubs"] = [name]
        world.start(trusted=False)
        wait_until(lambda: world.a.cli("status")["hubs"][0]["connected"], "connected")
        befriend(world.b, world.a)
