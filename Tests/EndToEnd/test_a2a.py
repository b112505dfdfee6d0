"""A real A2A client calls a real A2A agent through two sidecars, by the card that it finds there."""

import pytest

from checks import a2a


@pytest.fixture
def url(world):
    return world.url("planner")


@pytest.mark.smoke
@pytest.mark.parametrize("binding", a2a.BINDINGS)
async def test_a_blocking_call(url, binding):
    await a2a.blocking(url, binding)


@pytest.mark.parametrize("binding", a2a.BINDINGS)
async def test_a_streaming_call(url, binding):
    await a2a.streaming(url, binding)


async def test_the_card_comes_as_the_agent_wrote_it(world, url):
    """The agent advertises the client's local port, and that is where the client goes after the card."""
    card = await a2a.card(url)
    assert [interface["url"] for interface in card["supportedInterfaces"]] == [url + "/rpc", url]
    assert str(world.agents["a2a_agent"].port) not in str(card)


async def test_every_request_went_through_the_gateway(world, url):
    agent = world.agents["a2a_agent"]
    for binding in a2a.BINDINGS:
        await a2a.blocking(url, binding)
    for request in agent.events.all("request"):
        assert ["postern-peer", world.a.did] in request["headers"], request
