"""Clients and servers that people use besides the official SDKs: FastMCP, mcp-proxy, WebSockets."""

import asyncio
import os
import socket
import subprocess
import time
from pathlib import Path

import pytest
import websockets
from fastmcp import Client

from processes import Program, free_port
from world import World

LEGACY = os.environ.get("POSTERN_LEGACY_PYTHON", "")
AGENTS = Path(__file__).parent / "agents"


def wait_for_listener(port, program, timeout=20):
    deadline = time.monotonic() + timeout
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            assert time.monotonic() < deadline, program.tail()
            time.sleep(0.1)


@pytest.fixture(scope="module")
def clients(tmp_path_factory):
    with World(tmp_path_factory.mktemp("clients")) as world:
        world.serve("fast", "mcp", f"http://127.0.0.1:{world.agent('fastmcp_agent').port}")
        if LEGACY:
            bridged = free_port()
            world.bridge = world.add(Program(
                "mcp-proxy",
                [Path(LEGACY).with_name("mcp-proxy"), "--port", bridged, "--", LEGACY, AGENTS / "stdio_agent.py"],
                world.folder))
            world.serve("bridged", "mcp", f"http://127.0.0.1:{bridged}")
            wait_for_listener(bridged, world.bridge)
        world.sockets = free_port()
        world.serve("sockets", "http", f"http://127.0.0.1:{world.sockets}")
        yield world.start()


async def test_fastmcp(clients):
    """Tools with progress, and resources, from FastMCP's client to its server."""
    steps = []

    async def note(progress, total, message):
        steps.append((progress, total))

    async with Client(clients.url("fast", "/mcp"), progress_handler=note) as client:
        assert [tool.name for tool in await client.list_tools()] == ["count"]
        result = await client.call_tool("count", {"to": 5})
        assert result.data == 5
        contents = await client.read_resource("notes://peers")
        assert contents[0].text == "a note about peers"
    assert steps == [(number, 5) for number in range(1, 6)]


@pytest.mark.skipif(not LEGACY, reason="needs the environment of mcp 1.x")
def test_mcp_proxy_with_a_server_on_stdio(clients):
    """mcp-proxy offers a server on stdio over both transports of its era; the client of mcp 1.x uses both."""
    base = clients.url("bridged")
    run = subprocess.run(
        [LEGACY, AGENTS / "legacy_client.py", base], capture_output=True, text=True, timeout=60)
    assert run.stdout.split() == ["/mcp", "ok", "/sse", "ok"], (run.stdout, run.stderr, clients.bridge.tail())


async def echo(connection):
    async for message in connection:
        if message == "leave":
            await connection.close(4001, "as asked")
            return
        await connection.send(message)


async def test_websockets(clients):
    """Text, a megabyte of bytes, pings from both sides and a reason for the end."""
    async with websockets.serve(echo, "127.0.0.1", clients.sockets, max_size=None, ping_interval=0.2):
        url = clients.url("sockets", "/chat").replace("http://", "ws://")
        async with websockets.connect(url, max_size=None) as client:
            await client.send("hello")
            assert await client.recv() == "hello"
            data = os.urandom(1 << 20)
            await client.send(data)
            assert await client.recv() == data
            await asyncio.wait_for(await client.ping(), 5)
            await asyncio.sleep(0.5)
            for number in range(50):
                await client.send(str(number))
            assert [await client.recv() for _ in range(50)] == [str(number) for number in range(50)]
            await client.send("leave")
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await client.recv()
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4001, "as asked")


async def test_a_websocket_of_a_page_is_refused(clients):
    """A browser lets any page open one; the Origin tells."""
    async with websockets.serve(echo, "127.0.0.1", clients.sockets):
        url = clients.url("sockets").replace("http://", "ws://")
        with pytest.raises(websockets.InvalidStatus, match="403"):
            await websockets.connect(url, origin="https://evil.example")
