"""The same calls with no way for a datagram from one sidecar to the other: the hub's relay carries them.

Real network namespaces; needs root. R4: the fallback to the relay is transparent.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from checks import a2a, mcp
from namespaces import HUB_ADDRESS, Namespaces, why_not
from world import World, with_real_agents

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def relayed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("relay")
    with Namespaces() as hosts, World(folder, address=HUB_ADDRESS, namespaces=hosts.names) as world:
        world.hosts = hosts
        yield with_real_agents(world)


def check(world, name, **arguments):
    """Runs one of the checks beside sidecar `a`."""
    order = json.dumps({"check": name, "arguments": arguments})
    run = subprocess.run(
        ["ip", "netns", "exec", world.hosts.names["a"], sys.executable, "-m", "checks", order], cwd=HERE,
        capture_output=True, text=True, timeout=85, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    assert run.returncode == 0, run.stderr[-1500:]


@pytest.fixture
def tools(relayed):
    return relayed.url("tools", "/mcp")


def test_only_the_hub_can_be_reached_directly(relayed):
    for host in ("a", "b"):
        assert relayed.hosts.datagram_arrives(host, "hub", HUB_ADDRESS)
    assert not relayed.hosts.datagram_arrives("a", "b", "10.78.2.2")
    assert not relayed.hosts.datagram_arrives("b", "a", "10.78.1.2")


@pytest.mark.parametrize("era", mcp.ERAS)
def test_tools(relayed, tools, era):
    check(relayed, "mcp.tools", url=tools, era=era)


@pytest.mark.parametrize("era", mcp.ERAS)
def test_progress_arrives_when_it_is_sent(relayed, tools, era):
    check(relayed, "mcp.progress_in_time", url=tools, era=era)


def test_a_tool_may_be_silent_for_half_a_minute(relayed, tools):
    check(relayed, "mcp.silence", url=tools, era="modern", seconds=30)


@pytest.mark.parametrize("era", mcp.ERAS)
def test_cancellation_reaches_the_agent(relayed, tools, era):
    events = str(relayed.agents["mcp_agent"].events.path)
    check(relayed, "mcp.cancellation", url=tools, era=era, events=events)


def test_32_parallel_calls(relayed, tools):
    check(relayed, "mcp.parallel_calls", url=tools, era="modern", count=32)


def test_an_answer_of_8_megabytes(relayed, tools):
    check(relayed, "mcp.large_answer", url=tools, era="modern")


def test_a_request_of_3_megabytes(relayed, tools):
    check(relayed, "mcp.large_request", url=tools, era="modern")


@pytest.mark.parametrize("binding", a2a.BINDINGS)
def test_a2a_blocking_and_streaming(relayed, binding):
    check(relayed, "a2a.blocking", url=relayed.url("planner"), binding=binding)
    check(relayed, "a2a.streaming", url=relayed.url("planner"), binding=binding)


def test_grpc(relayed):
    target = f"127.0.0.1:{relayed.ports['echo']}"
    check(relayed, "grpc.unary", target=target)
    check(relayed, "grpc.bidirectional", target=target)


def test_the_relay_carried_it_all(relayed, tools):
    """After a call both ends name the relay as the path, and count what went through it."""
    check(relayed, "mcp.tools", url=tools, era="modern")
    for node, other in ((relayed.a, relayed.b), (relayed.b, relayed.a)):
        peer = node.peer(other.did)
        assert peer["connected"]
        assert peer["path"]["kind"] == "relay"
        assert peer["relayedBytes"] > 0
    ping = relayed.a.cli("ping", relayed.b.did, "-c", "3")
    assert ping["received"] == 3 and ping["path"]["kind"] == "relay"
