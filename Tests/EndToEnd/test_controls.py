"""The checks hold for the agents without anything in between; otherwise a failure through a gateway says nothing."""

import pytest

from checks import a2a, grpc, mcp
from processes import Agent
from raw import RawAgent, RawClient


@pytest.fixture(scope="module")
def agents(tmp_path_factory):
    folder = tmp_path_factory.mktemp("agents")
    started = {script: Agent(script, folder) for script in ("mcp_agent", "a2a_agent", "grpc_agent")}
    yield started
    for agent in started.values():
        agent.stop()


@pytest.mark.parametrize("era", mcp.ERAS)
async def test_mcp_checks_hold_for_the_agent_alone(agents, era):
    agent = agents["mcp_agent"]
    url = f"http://127.0.0.1:{agent.port}/mcp"
    await mcp.tools(url, era)
    await mcp.progress_in_time(url, era)
    await mcp.cancellation(url, era, agent.events)
    await mcp.parallel_calls(url, era)
    await mcp.large_answer(url, era)
    await mcp.large_request(url, era)


async def test_mcp_raw_checks_hold_for_the_agent_alone(agents):
    base = f"http://127.0.0.1:{agents['mcp_agent'].port}"
    await mcp.get_stream(base + "/mcp")
    await mcp.http_with_sse(base + "/sse")
    await mcp.unknown_method(base + "/mcp")


@pytest.mark.parametrize("binding", a2a.BINDINGS)
async def test_a2a_checks_hold_for_the_agent_alone(agents, binding):
    url = f"http://127.0.0.1:{agents['a2a_agent'].port}"
    await a2a.blocking(url, binding)
    await a2a.streaming(url, binding)


def test_grpc_checks_hold_for_the_agent_alone(agents):
    target = f"127.0.0.1:{agents['grpc_agent'].port}"
    grpc.unary(target)
    grpc.bidirectional(target)
    grpc.server_stream(target)


def test_the_scripted_agent_keeps_what_it_is_sent():
    with RawAgent() as agent, RawClient(agent.port) as client:
        client.get("/a%2Fb", extra="X-One: 1\r\nX-One: 2\r\n")
        assert client.response()[0] == 200
        assert agent.connections[0].last[0].startswith(b"GET /a%2Fb HTTP/1.1\r\n")
        client.abort()
        assert agent.connections[0].wait_for_end(2) == "reset"
