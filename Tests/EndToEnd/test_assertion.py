"""Who calls, as an agent can verify it: a JWT beside the identity headers, checked with PyJWT against the control port."""

import base64
import urllib.error
import urllib.request

import jwt
import pytest

from raw import RawAgent, RawClient, header
from world import World


@pytest.fixture(scope="module")
def asserted(tmp_path_factory):
    with RawAgent() as agent, World(tmp_path_factory.mktemp("assertion")) as world:
        world.raw = agent
        world.serve("raw", "http", f"http://127.0.0.1:{agent.port}", identity={"assertion": True})
        world.start()
        world.b.cli("name", world.a.did, "alice")
        yield world


def ask(world, extra=""):
    """What the agent was told in each of two requests on one connection."""
    tokens = []
    with RawClient(world.ports["raw"]) as client:
        for _ in range(2):
            client.get(extra=extra)
            assert client.response()[0] == 200
            tokens.append(header(world.raw.connections[-1].last[0], "postern-assertion"))
    return tokens


def keys(world):
    return jwt.PyJWKClient(f"http://{world.b.ready['control']}/.well-known/jwks.json")


def verify(world, token, **more):
    key = keys(world).get_signing_key_from_jwt(token)
    return jwt.decode(
        token, key, algorithms=["EdDSA"], **{"audience": "raw", "issuer": world.b.did, **more},
        options={"require": ["exp", "iat", "jti", "sub", "aud", "iss"]})


def test_the_agent_verifies_who_calls(asserted):
    first, second = ask(asserted, extra="Postern-Assertion: forged.by.client\r\n")
    claims = verify(asserted, first)
    assert claims["sub"] == asserted.a.did and claims["name"] == "alice"
    assert 0 < claims["exp"] - claims["iat"] <= 300
    assert jwt.get_unverified_header(first)["kid"] == asserted.b.did
    assert verify(asserted, second)["jti"] != claims["jti"]


def test_a_changed_assertion_is_refused(asserted):
    token = ask(asserted)[0]
    head, body, signature = token.split(".")
    changed = base64.urlsafe_b64decode(body + "==").replace(b'"alice"', b'"admin"')
    with pytest.raises(jwt.InvalidSignatureError):
        verify(asserted, ".".join([head, base64.urlsafe_b64encode(changed).decode().rstrip("="), signature]))
    with pytest.raises(jwt.InvalidAudienceError):
        verify(asserted, token, audience="another")


def test_the_keys_are_public_and_nothing_else_is(asserted):
    control = f"http://{asserted.b.ready['control']}"
    assert [key.key_id for key in keys(asserted).get_signing_keys()] == [asserted.b.did]
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(f"{control}/api/v1/status")
