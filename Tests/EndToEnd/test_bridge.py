"""`bridge: true`: a stdio MCP server is offered to clients over HTTP, in the era that it speaks (RULES S)."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path

import httpx
import pytest
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client

from checks import mcp
from processes import ROOT, Events
from test_stdio import runs, shell, wait_until
from world import World

AGENT = ROOT / "Tests/EndToEnd/agents/mcp_stdio_agent.py"
LEGACY = os.environ.get("POSTERN_LEGACY_PYTHON")


def legacy():
    return bool(LEGACY) and Path(LEGACY).exists()


@pytest.fixture(scope="module")
def bridged(tmp_path_factory):
    """A world with bridged programs: the SDK's server of both eras, that of the older SDK, and some that misbehave."""
    folder = tmp_path_factory.mktemp("bridge")
    with World(folder) as world:
        world.events = Events(folder / "events")
        events = ["--events", str(world.events.path)]
        programs = {
            "tools": [sys.executable, str(AGENT), *events],
            "denied": [sys.executable, str(AGENT), *events],
            "older": [LEGACY or sys.executable, str(AGENT), *events],
            "missing": ["/nonexistent/program"],
            "mute": shell("read line; exit 7"),
        }
        for position, (name, command) in enumerate(programs.items()):
            entry = {"service": name, "port": 120 + position, "kind": "stdio", "command": command, "bridge": True,
                     "allow": ["trusted"], "environment": {"GREETING": "hello"}}
            if name == "denied":
                entry["methods"] = {"deny": ["tools/call:crash"]}
            world.b.config["expose"].append(entry)
            world.ports[name] = world.a.reach(world.b.did, name)
        yield world.start()


@pytest.fixture(autouse=True)
def fresh(bridged):
    """Five starts a minute and peer, and the tests are more: each finds services that count from the beginning."""
    run = uuid.uuid4().hex
    for entry in bridged.b.config["expose"]:
        if "--events" in entry["command"]:
            entry["command"] = [*entry["command"][:4], "--run", run]
    bridged.b.write_config()
    wait_until(lambda: run in bridged.b.cli("status")["expose"][0]["upstream"], "the configuration is taken up")


def url(world, service="tools"):
    return world.url(service, "/mcp")


@pytest.mark.smoke
@pytest.mark.parametrize("era", mcp.ERAS)
async def test_the_sdk_calls_a_stdio_server_over_http(bridged, era):
    async with mcp.client(url(bridged), era) as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
        assert {"echo", "progress", "silent"} <= names
        assert client.protocol_version == ("2026-07-28" if era == "modern" else "2025-11-25")
        word = uuid.uuid4().hex
        assert mcp.text(await client.call_tool("echo", {"text": word})) == word
        assert mcp.text(await client.call_tool("consume", {"text": "x" * 3_000_000})) == "3000000"
        assert len(mcp.text(await client.call_tool("produce", {"size": 4_000_000}))) == 4_000_000
        variables = json.loads(mcp.text(await client.call_tool("environment", {})))
        assert variables["POSTERN_PEER"] == bridged.a.did and variables["GREETING"] == "hello"


@pytest.mark.parametrize("era", mcp.ERAS)
async def test_progress_arrives_when_it_is_sent(bridged, era):
    await mcp.progress_in_time(url(bridged), era, steps=4)


@pytest.mark.parametrize("era", mcp.ERAS)
async def test_cancellation_reaches_the_program(bridged, era):
    await mcp.cancellation(url(bridged), era, bridged.events)


async def test_clients_of_a_peer_share_a_program_and_not_their_ids(bridged):
    """Stateless: both clients count their requests from the same number."""
    async with mcp.client(url(bridged), "modern") as first, mcp.client(url(bridged), "modern") as second:
        answers = await asyncio.gather(*(
            client.call_tool("echo", {"text": f"{name} {number}"})
            for number in range(20) for name, client in (("first", first), ("second", second))))
        assert [mcp.text(answer) for answer in answers] == [
            f"{name} {number}" for number in range(20) for name in ("first", "second")]
        pids = {mcp.text(await client.call_tool("count", {})).split()[0] for client in (first, second)}
        assert len(pids) == 1


async def test_sessions_have_programs_of_their_own_that_end_with_them(bridged):
    pids = []
    async with mcp.client(url(bridged), "legacy") as first, mcp.client(url(bridged), "legacy") as second:
        for client in (first, second):
            pid, calls = mcp.text(await client.call_tool("count", {})).split()
            pids.append(int(pid))
            assert calls == "1"
    assert len(set(pids)) == 2
    wait_until(lambda: not any(map(runs, pids)), "DELETE ends them")


async def test_the_program_asks_its_client(bridged):
    """A server's request crosses on the client's GET stream, and its answer by a POST."""
    from mcp_types import ListRootsResult, Root

    async def roots(context):
        return ListRootsResult(roots=[Root(uri="file:///here")])

    transport = streamable_http_client(url(bridged), max_sse_event_size=None)
    async with Client(transport, mode="legacy", read_timeout_seconds=20, cache=None,
                      list_roots_callback=roots) as client:
        await asyncio.sleep(0.5)
        assert mcp.text(await client.call_tool("ask", {})) == "file:///here"


HEAD = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}


def initialize(client, address):
    answer = client.post(address, headers=HEAD, json={
        "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}})
    assert answer.status_code == 200, answer.text
    session = {**HEAD, "Mcp-Session-Id": answer.headers["mcp-session-id"]}
    client.post(address, headers=session, json={"jsonrpc": "2.0", "method": "notifications/initialized"})
    return session


def call(client, address, session, tool, arguments, number=2):
    return client.post(address, headers=session, json={
        "jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {"name": tool, "arguments": arguments}})


def test_a_crashed_program_leaves_no_half_dead_session(bridged):
    """Open calls get the exit status, later ones 404, and a new session works."""
    address = url(bridged)
    with httpx.Client(timeout=20) as client:
        session = initialize(client, address)
        error = call(client, address, session, "crash", {"status": 9}).json()
        assert error["id"] == 2 and error["error"]["code"] == -32010, error
        assert "exit status 9" in error["error"]["message"], error
        lost = call(client, address, session, "echo", {"text": "x"}, 3)
        assert lost.status_code == 404 and lost.json()["id"] == 3, lost.text
        assert client.get(address, headers=session).status_code == 404
        again = initialize(client, address)
        assert call(client, address, again, "echo", {"text": "back"}).json()["result"]["content"][0]["text"] == "back"
        assert client.delete(address, headers=again).status_code == 200
        assert call(client, address, again, "echo", {"text": "x"}).status_code == 404


async def test_a_crash_is_told_to_the_sdk_in_either_era(bridged):
    for era in mcp.ERAS:
        with pytest.raises(Exception) as failure:
            async with mcp.client(url(bridged), era) as client:
                await client.call_tool("crash", {"status": 4})
        errors = [failure.value]
        while isinstance(errors[0], BaseExceptionGroup):
            errors = list(errors[0].exceptions)
        assert "exit status 4" in str(errors[0]), errors


def test_a_second_open_id_is_refused(bridged):
    address = url(bridged)
    with httpx.Client(timeout=20) as client, httpx.Client(timeout=20) as other:
        session = initialize(client, address)
        token = uuid.uuid4().hex
        request = client.build_request("POST", address, headers=session, json={
            "jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": {
                "name": "progress", "arguments": {"steps": 20, "interval": 0.1}, "_meta": {"progressToken": token}}})
        open_call = client.send(request, stream=True)
        events = open_call.iter_lines()
        assert "notifications/progress" in "".join(next(events) for _ in range(2))
        assert call(other, address, session, "echo", {"text": "x"}, 5).json()["error"]["code"] == -32600
        open_call.close()


def test_a_session_begins_with_initialize_and_says_so(bridged):
    address = url(bridged)
    with httpx.Client(timeout=20) as client:
        bare = client.post(address, headers=HEAD, json={"jsonrpc": "2.0", "id": 4, "method": "tools/list"})
        assert bare.status_code == 400 and "initialize" in bare.json()["error"]["data"]["hint"], bare.text
        assert client.post(address, headers=HEAD, content=b"{").json()["error"]["code"] == -32700
        assert client.put(address, headers=HEAD, content=b"{}").status_code == 405
        unknown = client.post(address, headers={**HEAD, "Mcp-Session-Id": "f" * 32},
                              json={"jsonrpc": "2.0", "id": 4, "method": "tools/list"})
        assert unknown.status_code == 404, unknown.text


def test_a_program_that_does_not_start_or_ends_at_once_says_why(bridged):
    body = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}}
    with httpx.Client(timeout=20) as client:
        for service, reason in (("missing", "cannot be started: No such file"), ("mute", "exit status 7")):
            error = client.post(url(bridged, service), headers=HEAD, json=body).json()
            assert error["id"] == 1 and reason in error["error"]["message"], error


def test_a_peer_starts_five_programs_a_minute(bridged):
    body = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}}
    with httpx.Client(timeout=20) as client:
        answers = [client.post(url(bridged, "mute"), headers=HEAD, json=body) for _ in range(6)]
    assert answers[-1].status_code == 503 and answers[-1].headers["postern-error"] == "over-limit", answers[-1].text


def test_methods_are_refused_in_front_of_a_bridge(bridged):
    address = url(bridged, "denied")
    with httpx.Client(timeout=20) as client:
        session = initialize(client, address)
        assert call(client, address, session, "crash", {"status": 1}).json()["error"]["code"] == -32011
        listed = client.post(address, headers=session, json={"jsonrpc": "2.0", "id": 3, "method": "tools/list"}).json()
        assert "crash" not in {tool["name"] for tool in listed["result"]["tools"]}
        client.delete(address, headers=session)


@pytest.mark.skipif(not legacy(), reason="POSTERN_LEGACY_PYTHON names no Python with mcp 1.30")
async def test_a_server_of_the_older_sdk_is_reached_by_both(bridged):
    """It does not speak the newer era, and clients that try that first fall back."""
    async with Client(streamable_http_client(url(bridged, "older")), mode="auto", read_timeout_seconds=30,
                      cache=None) as client:
        assert client.protocol_version == "2025-11-25"
        assert mcp.text(await client.call_tool("echo", {"text": "fell back"})) == "fell back"
    meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
    headers = {**HEAD, "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/list"}
    answer = httpx.post(url(bridged, "older"), headers=headers, timeout=20, json={
        "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": meta}})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, -32022) and "2025-11-25" in error["data"]["supported"], error


@pytest.mark.skipif(not legacy(), reason="POSTERN_LEGACY_PYTHON names no Python with mcp 1.30")
@pytest.mark.parametrize("service", ["tools", "older"])
def test_a_client_of_the_older_sdk(bridged, service):
    script = ROOT / "Tests/EndToEnd/agents/legacy_client.py"
    run = subprocess.run([LEGACY, script, bridged.url(service), "/mcp"], capture_output=True, text=True, timeout=60)
    assert run.stdout.split() == ["/mcp", "ok"], run.stdout + run.stderr


def test_a_client_that_reads_slowly_does_not_fill_memory(bridged):
    """The program waits for the client, and other sessions do not."""
    address = url(bridged)
    with httpx.Client(timeout=30) as slow, httpx.Client(timeout=30) as quick:
        session = initialize(slow, address)
        before = bridged.b.program.own_memory()
        with contextlib.ExitStack() as stack:
            for number in range(4):
                client = stack.enter_context(httpx.Client(timeout=30))
                request = client.build_request("POST", address, headers=session, json={
                    "jsonrpc": "2.0", "id": 10 + number, "method": "tools/call",
                    "params": {"name": "produce", "arguments": {"size": 12_000_000}}})
                stack.callback(client.send(request, stream=True).close)
            other = initialize(quick, address)
            started = time.monotonic()
            assert call(quick, address, other, "echo", {"text": "x"}).status_code == 200
            assert time.monotonic() - started < 2
            assert bridged.b.program.own_memory() - before < 160 << 20
        quick.delete(address, headers=other)
        slow.delete(address, headers=session)
