"""The sidecar in the background, under a service manager, and small words around commands."""

import contextlib
import json
import os
import pty
import re
import select
import shutil
import socket
import subprocess
import time

import pytest

from processes import POSTERN
from world import COMMAND_TIMEOUT, Hub, Sidecar, World, postern


def test_up_detach_serves_until_down(tmp_path):
    sidecar = Sidecar(tmp_path, "a")
    sidecar.write_config()
    assert postern("down", "--state", sidecar.state, "--json").returncode == 3
    ready = sidecar.cli("up", "--detach")
    try:
        assert ready["did"] == sidecar.did and sidecar.cli("status")["did"] == sidecar.did
        again = postern("up", "--detach", "--state", sidecar.state)
        assert again.returncode == 0 and "runs already" in again.stdout
        deadline = time.monotonic() + COMMAND_TIMEOUT
        while "serving" not in (sidecar.state / "postern.log").read_text():
            assert time.monotonic() < deadline, "nothing is logged"
            time.sleep(0.1)
    finally:
        down = sidecar.cli("down")
    assert down["stopped"] is True
    assert postern("status", "--state", sidecar.state).returncode == 3


def test_up_detach_says_what_keeps_it_from_serving(tmp_path):
    sidecar = Sidecar(tmp_path, "a")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        sidecar.config["control"] = f"127.0.0.1:{taken.getsockname()[1]}"
        sidecar.write_config()
        run = postern("up", "--detach", "--state", sidecar.state, "--json")
    error = json.loads(run.stdout)["error"]
    assert run.returncode == 1 and error["code"] == "not-started" and "in use" in error["message"], error


@pytest.mark.parametrize("command", ["up", "hub"])
def test_a_service_manager_is_told(tmp_path, command):
    """sd_notify(3): ready, alive twice in the time that it waits, stopping."""
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        manager.settimeout(COMMAND_TIMEOUT)
        node = Hub(tmp_path) if command == "hub" else Sidecar(tmp_path, "a")
        if command == "up":
            node.write_config()
        node.environment = {"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "2000000"}
        node.start()
        try:
            assert manager.recv(100) == b"READY=1"
            assert manager.recv(100) == b"WATCHDOG=1" and manager.recv(100) == b"WATCHDOG=1"
        finally:
            node.stop()
        told = [manager.recv(100)]
        while told[-1] != b"STOPPING=1":
            told.append(manager.recv(100))


def test_the_unit_of_a_service_is_one_that_systemd_takes(tmp_path):
    sidecar = Sidecar(tmp_path, "a")
    run = postern("service", "install", "--print", "--state", sidecar.state)
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    for line in ("Type=notify", "NoNewPrivileges=yes", "ProtectSystem=strict", f"ReadWritePaths={sidecar.state}"):
        assert line in lines, line
    assert f"up --config {sidecar.config_file} --state {sidecar.state}" in run.stdout
    system = postern("service", "install", "--system", "--print", "--state", sidecar.state).stdout
    assert "User=postern" in system and "CapabilityBoundingSet=" in system
    if shutil.which("systemd-analyze"):
        unit = tmp_path / "postern.service"
        unit.write_text(run.stdout)
        checked = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, timeout=COMMAND_TIMEOUT)
        assert "postern.service:" not in checked.stderr, checked.stderr


def test_a_service_is_installed_and_removed(tmp_path):
    """With a `systemctl` that only writes down what it is asked."""
    sidecar = Sidecar(tmp_path, "a")
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "systemctl").write_text(f"#!/bin/sh\necho \"$*\" >> {tmp_path}/asked\n")
    (tools / "systemctl").chmod(0o755)
    environment = {"PATH": f"{tools}:{os.environ['PATH']}", "XDG_CONFIG_HOME": str(tmp_path / "config")}
    unit = tmp_path / "config/systemd/user/postern.service"
    installed = postern("service", "install", "--state", sidecar.state, "--json", environment=environment)
    assert installed.returncode == 0, installed.stdout + installed.stderr
    assert json.loads(installed.stdout) == {"unit": str(unit), "started": True} and unit.exists()
    other = postern("service", "uninstall", "--state", tmp_path / "other", "--json", environment=environment)
    assert other.returncode == 1 and "another sidecar" in json.loads(other.stdout)["error"]["message"] and unit.exists()
    removed = postern("service", "uninstall", "--state", sidecar.state, "--json", environment=environment)
    assert json.loads(removed.stdout) == {"unit": str(unit), "stopped": True} and not unit.exists()
    assert (tmp_path / "asked").read_text().splitlines() == [
        "--user daemon-reload", "--user enable --now postern.service", "--user disable --now postern.service",
        "--user daemon-reload"]
    assert postern("service", "uninstall", environment=environment).returncode == 1


def on_a_terminal(arguments, answers):
    """Runs a command on a terminal and answers each question; returns what was shown and the exit status."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(arguments[0], [str(argument) for argument in arguments])
    shown = b""
    answers = list(answers)
    deadline = time.monotonic() + COMMAND_TIMEOUT
    while time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.2)[0]:
            with contextlib.suppress(OSError):
                if chunk := os.read(terminal, 65536):
                    shown += chunk
                    if shown.endswith(b"] ") and answers:
                        os.write(terminal, answers.pop(0).encode() + b"\n")
                    continue
            break
    os.close(terminal)
    return shown.decode(), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_init_asks_at_most_three_questions_on_a_terminal_and_none_elsewhere(tmp_path):
    state = tmp_path / "asked"
    shown, status = on_a_terminal(
        [str(POSTERN), "init", "--state", state], ["bench", "", "mcp http://127.0.0.1:9000"])
    assert status == 0, shown
    assert shown.count("? [") + shown.count("9000 [") == 3, shown
    text = (state / "postern.yaml").read_text()
    assert "name: \"bench\"" in text and "upstream: http://127.0.0.1:9000" in text
    assert json.loads((state / "postern.schema.json").read_text())["$id"] == "urn:postern:sidecar"
    assert text.splitlines()[0] == "# yaml-language-server: $schema=postern.schema.json"
    silent = postern("init", "--state", tmp_path / "silent")
    assert silent.returncode == 0 and "?" not in silent.stderr


@pytest.mark.parametrize("typed, meant", [
    (["stauts"], "status"), (["trust", "aprove"], "approve"), (["exspose", "mcp"], "expose"),
])
def test_a_slip_of_the_keyboard_is_understood(typed, meant):
    run = postern(*typed)
    assert run.returncode == 2 and f"did you mean `{meant}`?" in run.stderr, run.stderr


def test_the_version_is_for_programs_too():
    document = json.loads(postern("version", "--json").stdout)
    assert document["version"] in postern("--version").stdout and document["system"] == "linux"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_there_are_completions(shell):
    run = postern("--generate-completion-script", shell)
    assert run.returncode == 0 and "expose" in run.stdout and "doctor" in run.stdout


def test_a_file_that_holds_and_is_hardly_meant_is_warned_of(tmp_path):
    file = tmp_path / "postern.yaml"
    file.write_text(
        "expose:\n  - {service: a, port: 80, kind: http, upstream: \"http://127.0.0.1:7701\"}\n"
        "reach:\n  - {peer: b, service: c, listen: \"127.0.0.1:7701\"}\n")
    run = postern("config", "check", file, "--json")
    assert run.returncode == 0
    allow, listen = json.loads(run.stdout)["warnings"]
    assert f"{file}:2: expose[0]" in allow and "nobody may use it" in allow
    assert f"{file}:4: reach[0].listen" in listen and "agent of a" in listen


def test_an_invitation_is_alone_on_standard_output(tmp_path):
    with World(tmp_path) as world:
        world.start(trusted=False)
        invited = postern("invite", "--state", world.b.state)
        assert invited.returncode == 0 and invited.stdout.count("\n") == 1 and "good for 1" in invited.stderr
        joined = postern("join", invited.stdout.strip(), "--for", "none", "--state", world.a.state)
        assert joined.returncode == 0, joined.stderr
        assert "it may use of ours: nothing" in joined.stdout and "we may use of its: everything" in joined.stdout


def test_an_absent_peer_is_tried_as_often_as_was_asked(tmp_path):
    with World(tmp_path) as world:
        world.start()
        world.b.stop()
        gone = postern("ping", "b", "-c", "3", "--timeout", "1s", "--state", world.a.state)
        assert gone.returncode == 1 and "0 of 3 came back" in gone.stdout, gone.stdout
        assert all(line.startswith(f"{number}: no answer") for number, line in
                   zip((1, 2, 3), gone.stdout.splitlines())), gone.stdout
        told = world.a.cli("ping", "b", "-c", "2", "--timeout", "1s", check=False)
        assert (told["sent"], told["received"]) == (2, 0)


def test_an_absent_peer_is_told_at_once(tmp_path):
    with World(tmp_path) as world:
        world.serve("raw", "http", "http://127.0.0.1:1")
        world.start()
        here = postern("ping", "b", "-c", "2", "--state", world.a.state)
        assert here.returncode == 0 and "1: " in here.stdout and "2 of 2 came back" in here.stdout
        world.b.stop()
        for command in (["ping", "b", "--timeout", "2s"], ["call", "b:raw", "anything", "--timeout", "2s"]):
            began = time.monotonic()
            gone = postern(*command, "--state", world.a.state)
            assert gone.returncode == 1 and "postern doctor b" in gone.stderr, (command, gone.stdout, gone.stderr)
            assert time.monotonic() - began < 10


def test_the_log_tells_what_an_operator_wants_to_know(tmp_path):
    with World(tmp_path) as world:
        for node in (world.a, world.b):
            node.config["log"]["level"] = "info"
        world.start(trusted=False)
        world.a.cli("trust", "request", world.b.did, "--note", "please")

        def wait_for_log(node, words):
            deadline = time.monotonic() + COMMAND_TIMEOUT
            while words not in node.program.log.read_text():
                assert time.monotonic() < deadline, words
                time.sleep(0.1)

        wait_for_log(world.b, "decide with `postern trust approve` or `reject`")
        world.b.cli("trust", "approve", world.a.did)
        wait_for_log(world.b, "a peer is trusted")
        wait_for_log(world.a, "a peer trusts this node")
        wait_for_log(world.a, "a peer is there")
        world.b.cli("trust", "revoke", world.a.did)
        wait_for_log(world.a, "a peer has ended its trust")
        world.hub.stop()
        wait_for_log(world.b, "a hub is lost")


@pytest.mark.skipif(not (shutil.which("qrencode") and shutil.which("zbarimg")), reason="needs qrencode and zbar-tools")
def test_an_invitation_is_read_off_the_terminal_by_a_camera(tmp_path):
    """libqrencode draws it, and zbar reads the picture."""
    with World(tmp_path) as world:
        world.start(trusted=False)
        invited = postern("invite", "--qr", "--state", world.b.state)
        # Every character is two modules, one above the other; what is drawn is light.
        rows = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in invited.stderr.splitlines() if "\x1b[" in line]
        width = max(map(len, rows))
        pixels = []
        for row in rows:
            for half in ("█▀", "█▄"):
                pixels.append([255 if character in half else 0 for character in row.ljust(width)])
        scale = 4
        picture = tmp_path / "code.pgm"
        data = b"".join(bytes(pixel for pixel in row for _ in range(scale)) * scale for row in pixels)
        picture.write_bytes(b"P5 %d %d 255\n" % (width * scale, len(pixels) * scale) + data)
        read = subprocess.run(
            ["zbarimg", "--quiet", "--raw", picture], capture_output=True, text=True, timeout=COMMAND_TIMEOUT)
        assert read.stdout.strip() == invited.stdout.strip(), read.stderr
