"""Services of kind `stdio`: a program for each stream, and `postern connect` as the other end (RULES S, INTERFACE)."""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from checks import mcp
from processes import POSTERN, ROOT, Events
from world import World

AGENT = ROOT / "Tests/EndToEnd/agents/mcp_stdio_agent.py"
LEGACY = os.environ.get("POSTERN_LEGACY_PYTHON")


def shell(text):
    return ["sh", "-c", text]


@pytest.fixture(scope="module")
def stdio(tmp_path_factory):
    """A world with programs behind it."""
    folder = tmp_path_factory.mktemp("stdio")
    with World(folder) as world:
        world.events = Events(folder / "events")
        programs = {
            "tools": [sys.executable, str(AGENT), "--events", str(world.events.path)],
            "cat": ["cat"],
            "environment": ["env"],
            "missing": ["/nonexistent/program"],
            "crash": shell("echo before; exit 3"),
            "large-crash": shell("echo before; head -c 3000000 /dev/zero; exit 3"),
            "killed": shell("head -c 3000000 /dev/zero; kill -9 $$"),
            "tree": shell("trap '' TERM; sleep 1000 & echo $$ $!; cat >/dev/null; wait"),
            "flood": shell("echo $$; exec cat /dev/zero"),
            "noise": shell("for i in $(seq 300); do echo complaint $i >&2; done; echo done"),
            "descriptors": shell("ls /proc/self/fd; ulimit -n; ps -o pgid= -p $$ | tr -d ' '; echo $$"),
        }
        for position, (name, command) in enumerate(programs.items()):
            world.b.config["expose"].append({
                "service": name, "port": 100 + position, "kind": "stdio", "command": command, "allow": ["trusted"],
                "environment": {"GREETING": "hello", "HOME": "/somewhere"}})
        world.b.environment = {"SECRET_TOKEN": "not for programs"}
        yield world.start()


def connect(world, service, data=b"", timeout=20):
    return subprocess.run(
        [POSTERN, "connect", f"{world.b.did}:{service}", "--state", world.a.state],
        input=data, capture_output=True, timeout=timeout)


def opened(world, service):
    """A `postern connect` that runs."""
    return subprocess.Popen(
        [POSTERN, "connect", f"{world.b.did}:{service}", "--state", world.a.state],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def runs(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def wait_until(condition, what, timeout=10):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.02)


@pytest.mark.smoke
@pytest.mark.parametrize("era", mcp.ERAS)
async def test_an_mcp_client_over_connect(stdio, era):
    """The SDK's stdio client runs `postern connect`; behind the other sidecar is the SDK's stdio server."""
    parameters = StdioServerParameters(
        command=str(POSTERN), args=["connect", f"{stdio.b.did}:tools", "--state", str(stdio.a.state)])
    async with Client(stdio_client(parameters), mode=mcp.MODES[era], read_timeout_seconds=30, cache=None) as client:
        word = uuid.uuid4().hex
        assert mcp.text(await client.call_tool("echo", {"text": word})) == word
        reports = []

        async def report(done, total, message):
            reports.append(done)

        await client.call_tool("progress", {"steps": 3, "interval": 0.05}, progress_callback=report)
        assert reports == [1, 2, 3]
        assert mcp.text(await client.call_tool("consume", {"text": "x" * 300_000})) == "300000"
        pid = stdio.events.all("started")[-1]["pid"]
        assert runs(pid)
    wait_until(lambda: not runs(pid), "the program ends with its stream")


def test_the_stdio_client_of_the_older_sdk(stdio):
    if not LEGACY or not Path(LEGACY).exists():
        pytest.skip("POSTERN_LEGACY_PYTHON names no Python with mcp 1.30")
    script = ROOT / "Tests/EndToEnd/agents/legacy_stdio_client.py"
    run = subprocess.run(
        [LEGACY, script, POSTERN, "connect", f"{stdio.b.did}:tools", "--state", stdio.a.state],
        capture_output=True, text=True, timeout=60)
    assert run.stdout.split("\n")[0] == "from 1.x", run.stdout + run.stderr


def test_bytes_pass_as_they_are_and_the_end_is_an_end(stdio):
    data = os.urandom(3_000_000)
    run = connect(stdio, "cat", data)
    assert run.returncode == 0, run.stderr
    assert run.stdout == data


def test_a_program_has_its_own_environment_and_nothing_of_ours(stdio):
    run = connect(stdio, "environment")
    variables = dict(line.split("=", 1) for line in run.stdout.decode().splitlines())
    assert variables["GREETING"] == "hello" and variables["HOME"] == "/somewhere"
    assert variables["POSTERN_PEER"] == stdio.a.did
    allowed = {"HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "SHELL", "TMPDIR", "USER", "GREETING", "POSTERN_PEER"}
    assert set(variables) <= allowed, set(variables) - allowed


def test_a_program_has_three_descriptors_and_a_group_of_its_own(stdio):
    *descriptors, limit, group, leader = connect(stdio, "descriptors").stdout.decode().split()
    # `ls` has the directory open that it lists.
    assert descriptors == ["0", "1", "2", "3"], descriptors
    assert int(limit) == 1024
    assert group == leader


@pytest.mark.parametrize("service, cause", [
    ("missing", "cannot be started"), ("nothing", "offers us no service")])
def test_an_error_is_a_line_of_cause_and_one_of_what_to_do(stdio, service, cause):
    run = connect(stdio, service)
    lines = run.stderr.decode().splitlines()
    assert run.returncode == 1, run
    assert cause in lines[0] and lines[1].startswith("hint: "), lines
    assert run.stdout == b""


@pytest.mark.parametrize("service, count", [("crash", 7), ("large-crash", 3_000_007), ("killed", 3_000_000)])
def test_all_that_a_program_said_arrives_however_it_ends(stdio, service, count):
    """How it ended is in the log of the sidecar there."""
    run = connect(stdio, service)
    assert (run.returncode, len(run.stdout)) == (0, count), run.stderr
    wait_until(lambda: any("a program ended" in line and f"service={service}" in line
                           for line in stdio.b.program.tail().splitlines()), "that is logged")


def test_an_http_service_is_not_for_connect(stdio):
    config = stdio.b.config
    config["expose"].append({"service": "web", "port": 90, "kind": "mcp", "upstream": "http://127.0.0.1:9",
                             "allow": ["trusted"]})
    stdio.b.write_config()
    wait_until(lambda: any(s["service"] == "web" for s in stdio.a.cli("services", stdio.b.did)), "web is offered")
    run = connect(stdio, "web")
    assert run.returncode == 1 and b"speaks HTTP" in run.stderr, run.stderr


def test_a_service_of_datagrams_is_not_for_connect(stdio):
    stdio.b.config["expose"].append(
        {"service": "dns", "port": 91, "kind": "udp", "upstream": "udp://127.0.0.1:9", "allow": ["trusted"]})
    stdio.b.write_config()
    wait_until(lambda: any(s["service"] == "dns" for s in stdio.a.cli("services", stdio.b.did)), "dns is offered")
    run = connect(stdio, "dns")
    assert (run.returncode, run.stdout) == (1, b"") and b"kind udp" in run.stderr and b"hint: " in run.stderr, run


def test_what_a_program_said_is_not_mixed_with_a_document(stdio):
    run = subprocess.run(
        [POSTERN, "connect", f"{stdio.b.did}:missing", "--state", stdio.a.state, "--json"],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=20)
    assert run.returncode == 1 and run.stdout == b"", run
    document, cause, hint = run.stderr.decode().splitlines()
    assert f"error: {json.loads(document)['error']['message']}" == cause and hint.startswith("hint: ")


def test_a_program_that_cannot_be_started_shows_in_status(stdio):
    connect(stdio, "missing")
    entry = next(entry for entry in stdio.b.cli("status")["expose"] if entry["service"] == "missing")
    assert "cannot be started: No such file" in entry["problem"], entry
    assert entry["upstream"] == "/nonexistent/program" and entry["kind"] == "stdio"


def test_without_a_sidecar_connect_says_so(tmp_path):
    run = subprocess.run([POSTERN, "connect", "bob:tools", "--state", tmp_path], capture_output=True, timeout=20)
    assert run.returncode == 3 and run.stderr.startswith(b"error: no sidecar runs"), run.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_program_and_what_it_started_end_with_the_stream(stdio, number):
    """However `connect` ends, its connection is reset: then the program gets SIGTERM, which this one ignores, and
    SIGKILL, with its whole group."""
    client = opened(stdio, "tree")
    leader, child = map(int, client.stdout.readline().split())
    assert runs(leader) and runs(child)
    client.send_signal(number)
    assert client.wait(10) == -number
    wait_until(lambda: not runs(leader) and not runs(child), "both are gone")


def test_a_program_waits_for_a_slow_reader(stdio):
    """Neither sidecar takes what nobody reads."""
    client = opened(stdio, "flood")
    pid = int(client.stdout.readline())
    before = -1
    for _ in range(50):
        time.sleep(0.2)
        written = int(next(line for line in Path(f"/proc/{pid}/io").read_text().splitlines()
                           if line.startswith("wchar")).split()[1])
        if written == before:
            break
        before = written
    assert written == before and written < 64 << 20, f"{written} bytes were written for nobody"
    client.terminate()
    wait_until(lambda: not runs(pid), "the program ends")


def test_eight_programs_of_a_service_run_for_a_peer(stdio):
    clients = [opened(stdio, "cat") for _ in range(8)]
    try:
        for client in clients:
            client.stdin.write(b"here\n")
            client.stdin.flush()
            assert client.stdout.readline() == b"here\n"
        run = connect(stdio, "cat")
        assert run.returncode == 1 and b"takes no more connections" in run.stderr, run.stderr
    finally:
        for client in clients:
            client.terminate()
            client.wait(10)
    wait_until(lambda: connect(stdio, "cat", b"x").stdout == b"x", "there is room again")


def test_standard_error_goes_to_the_log_within_bounds(stdio):
    assert connect(stdio, "noise").stdout == b"done\n"
    wait_until(lambda: "more that a program wrote was left out" in stdio.b.program.log.read_text(), "it is bounded")
    log = stdio.b.program.log.read_text()
    assert "line=\"complaint 1\"" in log or "line=complaint 1" in log, log[-2000:]
    assert "complaint 200" not in log and "lines=200" in log


def test_programs_end_with_the_sidecar(tmp_path):
    with World(tmp_path) as world:
        world.b.config["expose"].append({
            "service": "tree", "port": 100, "kind": "stdio", "allow": ["trusted"],
            "command": shell("trap '' TERM; sleep 1000 & echo $$ $!; wait")})
        world.start()
        client = opened(world, "tree")
        pids = list(map(int, client.stdout.readline().split()))
        assert world.b.program.stop(timeout=20) == 0
        assert not any(map(runs, pids))
        client.wait(10)
