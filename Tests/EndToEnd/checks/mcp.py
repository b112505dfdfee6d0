"""What an MCP client sees, as checks over a URL: they hold for an agent itself and so must hold through a gateway.

`era` is "modern" (2026-07-28, stateless) or "legacy" (2025-11-25 and before, sessions).
"""

import asyncio
import contextlib
import json
import time
import uuid

import httpx
import httpx2
from mcp.client.client import Client
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client

ERAS = ["modern", "legacy"]
MODES = {"modern": "2026-07-28", "legacy": "legacy"}


def client(url, era):
    """A client of the SDK for `era`; the SDK's own limit on the size of an event is lifted."""
    transport = streamable_http_client(url, max_sse_event_size=None)
    return Client(transport, mode=MODES[era], read_timeout_seconds=60, cache=None)


def bearer(token):
    """An HTTP client for the SDK that shows `token`."""
    return httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=30)


def text(result):
    assert not result.is_error, result
    return result.content[0].text


async def tools(url, era):
    async with client(url, era) as session:
        names = {tool.name for tool in (await session.list_tools()).tools}
        assert {"echo", "progress", "silent", "produce", "consume"} <= names
        word = uuid.uuid4().hex
        assert text(await session.call_tool("echo", {"text": word})) == word
        expected = "2026-07-28" if era == "modern" else "2025-11-25"
        assert session.protocol_version == expected


async def progress_in_time(url, era, steps=6, interval=0.25):
    """Each report arrives when it was sent, not in one lump at the end."""
    lags = []

    async def report(done, total, message):
        lags.append(time.time() - float(message))

    async with client(url, era) as session:
        assert text(await session.call_tool(
            "progress", {"steps": steps, "interval": interval}, progress_callback=report)) == "done"
    assert len(lags) == steps
    assert max(lags) < interval, f"reports came late, by {[round(lag, 3) for lag in lags]} s"


async def silence(url, era, seconds, token=None):
    token = token or uuid.uuid4().hex
    async with client(url, era) as session:
        started = time.monotonic()
        assert text(await session.call_tool("silent", {"seconds": seconds, "token": token})) == token
        assert time.monotonic() - started >= seconds


async def cancellation(url, era, events):
    """A cancelled call stops the tool in the agent: modern by closing the stream, legacy by a notification."""
    token = uuid.uuid4().hex
    async with client(url, era) as session:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(20):
                call = asyncio.ensure_future(session.call_tool("silent", {"seconds": 30, "token": token}))
                await events.wait_for("silent-started", token=token)
                call.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await call
                cancelled = time.monotonic()
                await events.wait_for("silent-cancelled", token=token)
                assert time.monotonic() - cancelled < 3
                # The session is as good as before.
                assert text(await session.call_tool("echo", {"text": "after"})) == "after"
                return
    raise AssertionError("the agent's tool was not cancelled")


async def parallel_calls(url, era, count=32, seconds=1.0):
    """Calls in flight at the same time do not wait for each other."""
    tokens = [uuid.uuid4().hex for _ in range(count)]
    async with client(url, era) as session:
        started = time.monotonic()
        results = await asyncio.gather(
            *(session.call_tool("silent", {"seconds": seconds, "token": token}) for token in tokens))
        took = time.monotonic() - started
    assert [text(result) for result in results] == tokens
    assert took < seconds + 8, f"{count} calls of {seconds} s each took {took:.1f} s"


async def large_answer(url, era, size=8 << 20):
    async with client(url, era) as session:
        answer = text(await session.call_tool("produce", {"size": size}))
    assert answer == "0123456789abcdef" * (size // 16)


async def large_request(url, era, size=3 << 20):
    async with client(url, era) as session:
        assert text(await session.call_tool("consume", {"text": "x" * size})) == str(size)


async def seen_headers(url, era="modern"):
    """The headers of a call as the agent saw them."""
    async with client(url, era) as session:
        return json.loads(text(await session.call_tool("who", {})))


async def get_stream(url):
    """The stream of a legacy session opens at once (headers before any event) and lives beside calls."""
    headers = {"accept": "application/json, text/event-stream", "mcp-protocol-version": "2025-11-25"}
    async with httpx.AsyncClient(timeout=httpx.Timeout(10, read=10)) as http:
        hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
        opening = await http.post(
            url, headers=headers, json={"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello})
        assert opening.status_code == 200
        headers["mcp-session-id"] = opening.headers["mcp-session-id"]
        ready = await http.post(url, headers=headers, json={"jsonrpc": "2.0", "method": "notifications/initialized"})
        assert (ready.status_code, ready.content) == (202, b"")
        started = time.monotonic()
        async with http.stream("GET", url, headers=headers | {"accept": "text/event-stream"}) as stream:
            assert stream.status_code == 200
            assert stream.headers["content-type"].startswith("text/event-stream")
            assert time.monotonic() - started < 2
            # A second stream for the session is refused by the agent with 409, and that must reach us untouched.
            second = await http.get(url, headers=headers | {"accept": "text/event-stream"})
            assert second.status_code == 409
        # After we left, the agent must learn of it: a new stream is welcome.
        for _ in range(40):
            async with http.stream("GET", url, headers=headers | {"accept": "text/event-stream"}) as stream:
                if stream.status_code == 200:
                    break
            await asyncio.sleep(0.1)
        else:
            raise AssertionError("the agent was not told that the stream's reader had left")
        assert (await http.delete(url, headers=headers)).status_code == 200
        gone = await http.post(url, headers=headers, json={"jsonrpc": "2.0", "id": 2, "method": "tools/list"})
        assert gone.status_code == 404 and "error" in gone.json()


async def http_with_sse(url):
    """The transport of 2024-11-05: the first event names a path, the client posts there."""
    async with Client(sse_client(url), mode="legacy", read_timeout_seconds=20, cache=None) as session:
        assert text(await session.call_tool("echo", {"text": "old"})) == "old"


async def unknown_method(url):
    """The agent's own 404 with its JSON-RPC body comes through as it is: clients tell the eras apart by it."""
    headers = {
        "accept": "application/json, text/event-stream", "mcp-protocol-version": "2026-07-28", "mcp-method": "no/such"}
    body = {"jsonrpc": "2.0", "id": 1, "method": "no/such", "params": {"_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {}}}}
    async with httpx.AsyncClient() as http:
        answer = await http.post(url, headers=headers, json=body)
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == -32601
    assert "postern-error" not in answer.headers
