"""Real MCP clients of both eras and an older SDK call a real MCP server through two sidecars."""

import asyncio
import os
import subprocess
from pathlib import Path

import pytest

from checks import mcp

SILENCE = 30


@pytest.fixture
def url(world):
    return world.url("tools", "/mcp")


@pytest.mark.smoke
@pytest.mark.parametrize("era", mcp.ERAS)
async def test_tools(url, era):
    await mcp.tools(url, era)


@pytest.mark.smoke
@pytest.mark.parametrize("era", mcp.ERAS)
async def test_progress_arrives_when_it_is_sent(url, era):
    await mcp.progress_in_time(url, era)


async def test_a_tool_may_be_silent_for_half_a_minute(url):
    """Both eras wait at the same time, and calls beside them go on."""
    waits = [asyncio.ensure_future(mcp.silence(url, era, SILENCE)) for era in mcp.ERAS]
    await asyncio.sleep(1)
    for era in mcp.ERAS:
        await mcp.tools(url, era)
    await asyncio.gather(*waits)


@pytest.mark.parametrize("era", mcp.ERAS)
async def test_cancellation_reaches_the_agent(world, url, era):
    await mcp.cancellation(url, era, world.agents["mcp_agent"].events)


@pytest.mark.parametrize("era", mcp.ERAS)
async def test_32_parallel_calls(url, era):
    await mcp.parallel_calls(url, era, count=32)


@pytest.mark.parametrize("era", mcp.ERAS)
async def test_an_answer_of_8_megabytes(url, era):
    await mcp.large_answer(url, era)


@pytest.mark.parametrize("era", mcp.ERAS)
async def test_a_request_of_3_megabytes(url, era):
    await mcp.large_request(url, era)


async def test_the_get_stream_of_a_session(url):
    await mcp.get_stream(url)


async def test_the_transport_of_2024(world):
    await mcp.http_with_sse(world.url("tools", "/sse"))


async def test_the_agents_own_404_comes_through(url):
    await mcp.unknown_method(url)


async def test_the_agent_learns_who_calls(world, url):
    """R9: the identity that the overlay authenticated, in a header that the client cannot forge."""
    for era in mcp.ERAS:
        headers = await mcp.seen_headers(url, era)
        assert headers["postern-peer"] == world.a.did
        assert headers["host"] == f"127.0.0.1:{world.agents['mcp_agent'].port}"


def test_the_older_sdk(world):
    """The client of mcp 1.30, in an environment of its own."""
    python = os.environ.get("POSTERN_LEGACY_PYTHON")
    if not python or not Path(python).exists():
        pytest.skip("POSTERN_LEGACY_PYTHON names no Python with mcp 1.30")
    script = Path(__file__).parent / "agents" / "legacy_client.py"
    run = subprocess.run([python, script, world.url("tools")], capture_output=True, text=True, timeout=60)
    assert run.stdout.split() == ["/mcp", "ok", "/sse", "ok"], run.stdout + run.stderr
