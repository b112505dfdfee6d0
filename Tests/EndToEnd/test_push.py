"""Push notifications of A2A (RULES P): from an agent to the receiver that a client registered, back through the overlay."""

import json

import httpx
import pytest

from checks.push import Receiver, register
from world import World, postern


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def own_planner(tmp_path):
    with World(tmp_path) as world:
        agent = world.agent("a2a_agent")
        world.serve("planner", "a2a", f"http://127.0.0.1:{agent.port}")
        yield world.start()


def audited(node, action):
    """Whether the audit trail of `node` has `action`."""
    run = postern("audit", "list", "--state", node.state, "--json")
    return any(json.loads(line)["action"] == action for line in run.stdout.splitlines())


def local_address(agent_url, task):
    """Where the agent was told to find the receiver: what it says when it is asked without a gateway."""
    call = {"jsonrpc": "2.0", "id": 1, "method": "ListTaskPushNotificationConfigs", "params": {"taskId": task}}
    answer = httpx.post(agent_url + "/rpc", json=call, headers={"A2A-Version": "1.0"}).json()
    return answer["result"]["configs"][0]["url"]


async def test_a_notification_reaches_the_receiver(world, receiver):
    agent = world.agents["a2a_agent"]
    task = await register(world.url("planner"), receiver)
    receiver.wait()
    call = receiver.calls[0]
    assert call["path"] == "/hook?for=me"
    assert call["headers"]["X-A2A-Notification-Token"] == "secret"
    assert call["headers"]["Host"] == f"127.0.0.1:{receiver.port}"
    assert not any(name.lower().startswith("postern") for name in call["headers"])
    assert task in call["body"].decode()
    # The agent never saw the receiver, and the client sees nothing else.
    told = local_address(f"http://127.0.0.1:{agent.port}", task)
    assert str(receiver.port) not in told and told.startswith("http://127.0.0.1:")
    request = {"jsonrpc": "2.0", "id": 1, "method": "ListTaskPushNotificationConfigs", "params": {"taskId": task}}
    answer = httpx.post(world.url("planner", "/rpc"), json=request, headers={"A2A-Version": "1.0"}).json()
    assert answer["result"]["configs"][0]["url"] == receiver.url
    rest = httpx.get(world.url("planner", f"/tasks/{task}/pushNotificationConfigs"), headers={"A2A-Version": "1.0"})
    assert rest.json()["configs"][0]["url"] == receiver.url
    assert audited(world.a, "receiver.register")


async def test_the_receiver_answers_the_agent(world, receiver):
    told = local_address(f"http://127.0.0.1:{world.agents['a2a_agent'].port}", await register(world.url("planner"), receiver))
    for status in (204, 418, 500):
        receiver.status = status
        assert httpx.post(told, json={}).status_code == status
    assert httpx.get(told).status_code == 502
    assert httpx.post(told[:-1] + ("0" if told[-1] != "0" else "1"), json={}).status_code == 502
    assert httpx.post(told, json={}, headers={"Host": "evil.example"}).status_code == 421
    receiver.close()
    away = httpx.post(told, json={}, timeout=10)
    assert away.status_code == 503


async def test_it_survives_restarts_of_both_sidecars(own_planner, receiver):
    world = own_planner
    told = local_address(
        f"http://127.0.0.1:{world.agents['a2a_agent'].port}", await register(world.url("planner"), receiver))
    receiver.wait()
    count = len(receiver.calls)
    for node in (world.a, world.b):
        assert node.stop() == 0
    for node in (world.a, world.b):
        world.restart(node)
    assert httpx.post(told, content=b"{}", timeout=15).status_code == 200
    assert len(receiver.calls) == count + 1
    # With the trust ends the right to call back.
    world.a.cli("trust", "revoke", world.b.did)
    assert httpx.post(told, content=b"{}", timeout=15).status_code in (502, 503)
    assert len(receiver.calls) == count + 1
    assert audited(world.a, "receiver.end")


async def test_only_what_the_operator_allows_is_led_back(tmp_path, receiver):
    with World(tmp_path) as world:
        agent = world.agent("a2a_agent")
        world.serve("off", "a2a", f"http://127.0.0.1:{agent.port}")
        world.a.config["reach"][-1]["push"] = "off"
        world.serve("unmapped", "a2a", f"http://127.0.0.1:{agent.port}", push=False)
        world.start()
        task = await register(world.url("off"), receiver)
        assert local_address(f"http://127.0.0.1:{agent.port}", task) == receiver.url
        call = {"jsonrpc": "2.0", "id": 1, "method": "CreateTaskPushNotificationConfig",
                "params": {"taskId": task, "url": "https://hooks.example.com/x", "id": "public"}}
        answer = httpx.post(world.url("unmapped", "/rpc"), json=call, headers={"A2A-Version": "1.0"}).json()
        assert answer["result"]["url"] == "https://hooks.example.com/x", json.dumps(answer)
