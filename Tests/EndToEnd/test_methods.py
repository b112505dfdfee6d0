"""Which methods peers may call (RULES J), with the official MCP client of both eras and the A2A client."""

import json

import httpx
import pytest
from a2a.types import CancelTaskRequest

from checks import a2a, mcp
from world import World, postern


@pytest.fixture(scope="module")
def ruled(tmp_path_factory):
    with World(tmp_path_factory.mktemp("ruled")) as world:
        tools = world.agent("mcp_agent").port
        world.serve("tools", "mcp", f"http://127.0.0.1:{tools}", methods={"deny": ["tools/call:pro*", "prompts/*"]})
        planner = world.agent("a2a_agent").port
        world.serve("planner", "a2a", f"http://127.0.0.1:{planner}", methods={"deny": ["tasks/cancel"]})
        yield world.start()


@pytest.mark.parametrize("era", mcp.ERAS)
async def test_denied_tools_are_neither_listed_nor_called(ruled, era):
    async with mcp.client(ruled.url("tools", "/mcp"), era) as session:
        names = {tool.name for tool in (await session.list_tools()).tools}
        assert "echo" in names and "progress" not in names and "produce" not in names
        assert mcp.text(await session.call_tool("echo", {"text": "hello"})) == "hello"
        with pytest.raises(Exception, match="does not allow tools/call of 'progress'"):
            await session.call_tool("progress", {"steps": 1, "interval": 0.1})
        # The session goes on as if nothing had happened.
        assert mcp.text(await session.call_tool("echo", {"text": "again"})) == "again"
        with pytest.raises(Exception, match="does not allow prompts/list"):
            await session.list_prompts()


def test_why_says_what_the_rules_do_with_a_method(ruled):
    refused = ruled.b.cli("why", ruled.a.did, "tools", "tools/call:progress")
    assert not refused["admitted"] and refused["reason"] == "method-refused"
    assert ruled.b.cli("why", ruled.a.did, "tools", "tools/call:echo")["reason"] == "grant"
    assert not ruled.b.cli("why", ruled.a.did, "planner", "CancelTask")["admitted"]


def test_refusals_are_answered_and_recorded(ruled):
    call = {"jsonrpc": "2.0", "id": "x", "method": "tools/call", "params": {"name": "progress"}}
    answer = httpx.post(ruled.url("tools", "/mcp"), json=call)
    assert answer.status_code == 200 and answer.headers["postern-error"] == "method-refused"
    assert answer.json()["id"] == "x" and answer.json()["error"]["code"] == -32011
    for body in (b'{"method":"echo","method":"tools/call"}', b'{"Method":"tools/call"}', b"\xef\xbb\xbf{}", b"[]"):
        answer = httpx.post(ruled.url("tools", "/mcp"), content=body, headers={"content-type": "application/json"})
        assert answer.json()["error"]["code"] == -32011, body
    run = postern("audit", "list", "--state", ruled.b.state, "--json")
    entries = [json.loads(line) for line in run.stdout.splitlines()]
    refused = [entry for entry in entries if entry["action"] == "access.refuse" and entry["actor"] == ruled.a.did]
    assert any(entry["new"] == {"reason": "method-refused", "method": "tools/call"} for entry in refused), refused


@pytest.mark.parametrize("binding", ["JSONRPC", "HTTP+JSON"])
async def test_a_renamed_method_is_meant_by_either_name(ruled, binding):
    await a2a.blocking(ruled.url("planner"), binding)
    await a2a.streaming(ruled.url("planner"), binding)
    async with await a2a.connect(ruled.url("planner"), binding, streaming=False) as client:
        with pytest.raises(Exception):
            await client.cancel_task(CancelTaskRequest(id="t"))
    answers = [
        httpx.post(ruled.url("planner", "/rpc"), json={"jsonrpc": "2.0", "id": 1, "method": method})
        for method in ("CancelTask", "tasks/cancel")
    ] + [httpx.post(ruled.url("planner", path), json={}) for path in ("/tasks/t:cancel", "/tasks/t%3Acancel")]
    for answer in answers:
        assert answer.headers["postern-error"] == "method-refused", answer.text
