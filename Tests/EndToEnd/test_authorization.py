"""Authorization of MCP through two sidecars: what names the agent as a resource is what its client calls it."""

import re

import httpx
import pytest
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client

from checks import mcp
from world import World


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    with World(tmp_path_factory.mktemp("guarded")) as world:
        agent = world.agent("mcp_auth_agent").port
        world.serve("tools", "mcp", f"http://127.0.0.1:{agent}")
        world.serve("kept", "mcp", f"http://127.0.0.1:{agent}", resourceMetadata="keep")
        yield world.start()


def challenge(url):
    """Where the challenge of `url` sends the client, and the document there."""
    answer = httpx.post(url, json={"jsonrpc": "2.0", "id": 1, "method": "ping"})
    assert answer.status_code == 401
    return re.search(r'resource_metadata="([^"]+)"', answer.headers["www-authenticate"])[1]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_challenge_leads_to_a_document_that_names_the_clients_address(guarded, host):
    url = guarded.url("tools", "/mcp").replace("127.0.0.1", host)
    place = challenge(url)
    assert place == url.replace("/mcp", "/.well-known/oauth-protected-resource/mcp")
    document = httpx.get(place).json()
    assert document["resource"] == url
    assert document["authorization_servers"] == ["https://as.example.com"]


def test_a_service_that_keeps_its_name_keeps_it(guarded):
    agent = guarded.agents["mcp_auth_agent"].port
    assert challenge(guarded.url("kept", "/mcp")).startswith(f"http://127.0.0.1:{agent}/")
    document = httpx.get(guarded.url("kept", "/.well-known/oauth-protected-resource/mcp")).json()
    assert document["resource"] == f"http://127.0.0.1:{agent}/mcp"


@pytest.mark.parametrize("era", mcp.ERAS)
async def test_a_token_passes_untouched(guarded, era):
    async with httpx.AsyncClient() as http:
        call = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
        refused = await http.post(guarded.url("tools", "/mcp"), json=call, headers={"authorization": "Bearer bad"})
        assert refused.status_code == 401
    transport = streamable_http_client(guarded.url("tools", "/mcp"), http_client=mcp.bearer("good"))
    async with Client(transport, mode=mcp.MODES[era], cache=None) as session:
        assert mcp.text(await session.call_tool("echo", {"text": "hello"})) == "hello"


async def test_overlay_names_are_ours(guarded):
    """A client may address a reached service by the overlay name of its peer, and by no other."""
    port = guarded.ports["tools"]
    guarded.a.cli("name", guarded.b.did, "research")
    for host, status in [("research.postern.alt", 401), ("RESEARCH.postern.alt:80", 401), ("other.postern.alt", 421),
                         ("research.postern.alt.example.com", 421), ("postern.alt", 421)]:
        answer = httpx.post(f"http://127.0.0.1:{port}/mcp", json={}, headers={"Host": host})
        assert answer.status_code == status, host
