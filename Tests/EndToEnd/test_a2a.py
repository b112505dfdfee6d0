"""A real A2A client calls a real A2A agent through two sidecars, by the card that it finds there.

The agent names its own address in its card, as agents do; the gateway makes it the client's.
"""

import base64
import json

import httpx
import pytest
from a2a.client.card_resolver import parse_agent_card
from a2a.utils.signing import InvalidSignaturesError, create_signature_verifier
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt import PyJWK
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from checks import a2a
from world import World

CARD = "/.well-known/agent-card.json"


@pytest.fixture
def url(world):
    return world.url("planner")


def expected(url):
    """The addresses that a client of `url` has to find in a card."""
    return [url + "/rpc", url, url.removeprefix("http://"), url + "/rpc"]


@pytest.mark.smoke
@pytest.mark.parametrize("binding", a2a.BINDINGS)
async def test_a_blocking_call(url, binding):
    await a2a.blocking(url, binding)


@pytest.mark.parametrize("binding", a2a.BINDINGS)
async def test_a_streaming_call(url, binding):
    await a2a.streaming(url, binding)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_the_card_names_the_address_that_the_client_used(world, host):
    url = world.url("planner").replace("127.0.0.1", host)
    card = await a2a.card(url)
    assert [interface["url"] for interface in card["supportedInterfaces"]] == expected(url)
    agent = world.agents["a2a_agent"]
    assert not any(str(port) in str(card) for port in [agent.port, *agent.more_ports])


async def test_a_card_that_is_known_is_not_sent_again(world, url):
    agent = world.agents["a2a_agent"]
    async with httpx.AsyncClient(timeout=10) as http:
        first = await http.get(url + CARD)
        tag = first.headers["etag"]
        direct = await http.get(f"http://127.0.0.1:{agent.port}{CARD}")
        again = await http.get(url + CARD, headers={"if-none-match": tag})
        own = await http.get(url + CARD, headers={"if-none-match": direct.headers["etag"]})
        other = await http.get(url.replace("127.0.0.1", "localhost") + CARD, headers={"if-none-match": tag})
    assert again.status_code == 304 and again.headers["etag"] == tag and not again.content
    assert direct.headers["etag"] != tag
    assert own.status_code == other.status_code == 200
    assert "localhost" in other.text and "127.0.0.1" in own.text


@pytest.mark.parametrize("binding", ["JSONRPC", "HTTP+JSON"])
async def test_the_extended_card_names_it_too(url, binding):
    assert await a2a.extended_card(url, binding) == expected(url)


async def test_a_client_of_0_3_finds_its_way(url):
    card = await a2a.card(url)
    assert card["url"] == url + "/rpc"
    call = {"jsonrpc": "2.0", "id": 1, "method": "message/send", "params": {"message": {
        "kind": "message", "messageId": "m", "role": "user", "parts": [{"kind": "text", "text": "echo old"}]}}}
    async with httpx.AsyncClient(timeout=10) as http:
        answer = (await http.post(card["url"], json=call)).json()
        assert answer["result"]["artifacts"][0]["parts"][0]["text"] == "old"
        call = {"jsonrpc": "2.0", "id": 2, "method": "agent/getAuthenticatedExtendedCard"}
        extended = (await http.post(card["url"], json=call)).json()["result"]
    assert extended["url"] == url + "/rpc"


async def test_every_request_went_through_the_gateway(world, url):
    agent = world.agents["a2a_agent"]
    for binding in ["JSONRPC", "HTTP+JSON"]:
        await a2a.blocking(url, binding)
    for request in agent.events.all("request"):
        if ["host", f"127.0.0.1:{agent.port}"] in request["headers"] and request["path"] != CARD:
            assert ["postern-peer", world.a.did] in request["headers"], request


KEYS = {
    "EdDSA": (ed25519.Ed25519PrivateKey.generate, OKPAlgorithm),
    "ES256": (lambda: ec.generate_private_key(ec.SECP256R1()), ECAlgorithm),
    "RS256": (lambda: rsa.generate_private_key(65537, 2048), RSAAlgorithm),
    "PS256": (lambda: rsa.generate_private_key(65537, 3072), RSAAlgorithm),
}


def signing_key(folder, algorithm):
    """A new private key's file in PEM, and the file of the set with its public half."""
    make, form = KEYS[algorithm]
    key = make()
    private, public = folder / f"{algorithm}.pem", folder / f"{algorithm}.json"
    private.write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    public.write_text(json.dumps({"keys": [{**form.to_jwk(key.public_key(), as_dict=True), "kid": "test"}]}))
    return private, public


@pytest.mark.parametrize("algorithm", KEYS)
async def test_a_card_has_to_be_signed_by_a_pinned_key(tmp_path, algorithm):
    private, public = signing_key(tmp_path, algorithm)
    (tmp_path / "other").mkdir()
    _, other = signing_key(tmp_path / "other", algorithm)
    with World(tmp_path) as world:
        agent = world.agent("a2a_agent", "--sign", algorithm, private)
        for name, keys in {"pinned": public, "other": other}.items():
            world.serve(name, "a2a", f"http://127.0.0.1:{agent.port}", cardKeys=str(keys))
        world.start()
        async with httpx.AsyncClient(timeout=10) as http:
            card = (await http.get(world.url("pinned", CARD))).json()
            assert card["supportedInterfaces"][0]["url"] == world.url("pinned") + "/rpc" and "signatures" not in card
            refused = await http.get(world.url("other", CARD))
            assert refused.status_code == 502 and "cardKeys" in refused.json()["error"]["message"]


async def test_a_card_is_signed_anew_by_the_node(tmp_path):
    """The SDK verifies it by the key that the signature's `kid`, the node's did, is."""
    with World(tmp_path) as world:
        agent = world.agent("a2a_agent")
        world.serve("planner", "a2a", f"http://127.0.0.1:{agent.port}", signedCards="resign")
        world.start()
        node_key = base58(world.b.did.removeprefix("did:key:z"))[2:]
        asked = []

        def key(kid, _):
            asked.append(kid)
            return PyJWK({"kty": "OKP", "crv": "Ed25519", "x": base64.urlsafe_b64encode(node_key).decode().rstrip("=")})

        verify = create_signature_verifier(key, ["EdDSA"])
        async with httpx.AsyncClient(timeout=10) as http:
            card = (await http.get(world.url("planner", CARD))).json()
            verify(parse_agent_card(card))
            assert set(asked) == {world.b.did}
            card["description"] += "!"
            with pytest.raises(InvalidSignaturesError):
                verify(parse_agent_card(card))


def base58(text):
    number = 0
    for character in text:
        number = number * 58 + "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz".index(character)
    return number.to_bytes(34, "big")


async def test_signed_cards(tmp_path):
    """A stale signature is never passed on: it goes, or its card stays as it is, or there is no card."""
    with World(tmp_path) as world:
        agent = world.agent("a2a_agent", "--sign", "EdDSA", signing_key(tmp_path, "EdDSA")[0])
        for way in ["strip", "passthrough", "reject"]:
            world.serve(way, "a2a", f"http://127.0.0.1:{agent.port}", signedCards=way)
        world.start()
        async with httpx.AsyncClient(timeout=10) as http:
            direct = await http.get(f"http://127.0.0.1:{agent.port}{CARD}")
            assert direct.json()["signatures"]
            stripped = (await http.get(world.url("strip", CARD))).json()
            assert "signatures" not in stripped
            # Nobody said where the agent speaks gRPC, so nobody is sent there.
            assert [interface["url"] for interface in stripped["supportedInterfaces"]] == [
                world.url("strip") + "/rpc", world.url("strip"), world.url("strip") + "/rpc"]
            assert (await http.get(world.url("passthrough", CARD))).content == direct.content
            refused = await http.get(world.url("reject", CARD))
            assert refused.status_code == 502 and refused.headers["postern-error"] == "bad-response"
            assert "signed" in refused.json()["error"]["message"]
