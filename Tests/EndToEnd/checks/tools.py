"""Every tool of the agent's MCP endpoint, called in turn by whatever client there is: it needs no SDK of its own.

`call(name, arguments)` is a coroutine that gives `(is_error, structured content, text)`.
"""

import json

# Ids that nobody has.
NOBODY = "f" * 32


async def walk(call, peer, network, card, pending=None):
    """Uses every tool once at least and returns their names. `peer` is trusted and offers `tools`; `card` is a contact
    card of another node; `pending` are the ids of two requests that wait, or nothing."""
    used = []

    async def succeed(name, /, **arguments):
        used.append(name)
        is_error, structured, text = await call(name, arguments)
        assert not is_error, f"{name}: {text}"
        # The text says the same as the structure, for clients that know only text.
        assert json.loads(text) == structured, name
        return structured

    async def fail(name, code, /, **arguments):
        used.append(name)
        is_error, _, text = await call(name, arguments)
        assert is_error and text.startswith(code + ": "), f"{name}: {text}"

    assert (await succeed("status"))["did"].startswith("did:key:")
    assert peer in [entry["did"] for entry in (await succeed("peers"))["items"]]
    assert peer in [entry["did"] for entry in (await succeed("trust_list"))["trusted"]]
    assert [entry["service"] for entry in (await succeed("services", peer=peer))["items"]] == ["tools"]
    assert (await succeed("find", words="nothing of the kind"))["items"] == []
    assert (await succeed("ping", peer=peer, count=2))["received"] == 2
    assert (await succeed("why", peer=peer, service="nothing"))["service"] == "nothing"

    listen = (await succeed("open_local_port", peer=peer, service="tools"))["listen"]
    echo = {"name": "echo", "arguments": {"text": "through the gate"}}
    answer = await succeed("call_service", peer=peer, service="tools", method="tools/call", params=echo)
    assert answer["answer"]["result"]["content"][0]["text"] == "through the gate"
    assert any(entry["service"] == "tools" for entry in (await succeed("traffic"))["items"])
    assert isinstance((await succeed("streams"))["items"], list)
    await succeed("close_local_port", listen=listen)
    await fail("close_local_port", "no-such-port", listen=listen)
    await fail("cut_stream", "no-such-stream", id=1 << 40)

    asked = await succeed("request_trust", peer=card, note="may I?")
    assert asked["state"] in ("sent", "queued")
    if pending:
        accepted, refused = pending
        assert (await succeed("approve_request", id=accepted, services=["nothing"]))["services"] == ["nothing"]
        await succeed("reject_request", id=refused)
    else:
        await fail("approve_request", "no-such-request", id=NOBODY)
        await fail("reject_request", "no-such-request", id=NOBODY)
    await succeed("name_peer", peer=peer, name="friend")
    await fail("revoke_trust", "unknown-peer", peer="nobody-at-all")
    await fail("block_peer", "unknown-peer", peer="nobody-at-all")

    made = await succeed("create_invitation", services=["nothing"])
    listed = (await succeed("invitations"))["items"]
    await succeed("revoke_invitation", id=[entry["id"] for entry in listed if entry["state"] == "open"][0])
    await fail("join_invitation", "bad-invitation", invitation="nonsense")
    assert made["uses"] == 1
    contact = await succeed("create_contact")
    assert contact["id"] in [entry["id"] for entry in (await succeed("contacts"))["items"]]
    await succeed("revoke_contact", id=contact["id"])

    assert (await succeed("network_create", name=network))["name"] == network
    assert network in [entry["name"] for entry in (await succeed("networks"))["items"]]
    assert (await succeed("network", name=network))["role"] == "owner"
    await succeed("network_invite", name=network)
    for name, arguments in [
        ("network_join", {"invitation": "nonsense"}), ("network_remove", {"name": network, "peer": peer}),
        ("network_role", {"name": network, "peer": peer, "role": "admin"}),
        ("network_transfer", {"name": network, "peer": peer}),
        ("network_group", {"name": network, "group": "g", "peer": peer}),
        ("network_name", {"name": network, "peer": peer, "label": "x"}),
        ("network_policy", {"name": network, "policy": {"services": 7}}), ("network_leave", {"name": "no-such"}),
    ]:
        used.append(name)
        is_error, _, text = await call(name, arguments)
        assert is_error, f"{name}: {text}"
    entries = (await succeed("audit"))["items"]
    assert any(entry["action"] == "invitation.create" and entry.get("via") for entry in entries)
    return set(used)
