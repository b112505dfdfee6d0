"""What `status` says of a reached service when it is in trouble, and a service that moves to another virtual port."""

import re
import signal
import time

from raw import RawAgent
from test_failures import call, wait_until
from test_http import own_error, port, request

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"


def reach_state(world):
    [entry] = world.a.cli("status")["reach"]
    return entry["state"]


def move(world, virtual_port):
    """`b` exposes the service at another virtual port, and serves it there."""
    world.b.config["expose"][0]["port"] = virtual_port
    world.b.write_config()
    world.b.program.signal(signal.SIGHUP)
    wait_until(
        lambda: world.b.cli("status")["expose"][0]["port"] == virtual_port, 15, "the moved service is not served")


def test_a_service_that_moves_to_another_port_is_followed_by_the_next_call(own):
    """No call sees 502: the peer is asked anew, and what it refused goes where the service is now, once and whole."""
    assert call(own) == 200
    for virtual_port, body in ((8081, b""), (8082, b"x" * 5_000), (8083, b"y" * 100_000)):
        before = len(own.raw.connections)
        move(own, virtual_port)
        head = f"POST /moved HTTP/1.1\r\nHost: 127.0.0.1:{port(own)}\r\nContent-Length: {len(body)}\r\n"
        started = time.monotonic()
        status, everything = request(own, head.encode() + b"Connection: close\r\n\r\n" + body)
        if len(body) > 16_384 and status != 200:
            # A request too long to be kept is refused with the reason, and the next one finds the service.
            assert own_error(everything)["data"]["code"] == "no-such-service"
            assert call(own) == 200
            continue
        assert status == 200, everything
        assert time.monotonic() - started < 5
        connection = own.raw.connections[before]
        assert len(own.raw.connections) == before + 1 and connection.last[1] == body
        assert connection.last[0].startswith(b"POST /moved HTTP/1.1\r\n")


def test_a_service_that_is_gone_is_refused_once_and_with_the_reason(own):
    assert call(own) == 200
    own.b.config["expose"] = []
    own.b.write_config()
    own.b.program.signal(signal.SIGHUP)
    wait_until(lambda: own.b.cli("status")["expose"] == [], 15, "the service is still there")
    status, everything = request(own, b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n\r\n" % port(own))
    assert status == 502 and own_error(everything)["data"]["code"] == "no-such-service"
    assert own.a.cli("status")["reach"][0]["state"] == "connected, not offered to us"


def test_status_says_what_keeps_clients_from_a_service_and_since_when(own):
    assert call(own) == 200 and reach_state(own) == "connected"
    # The agent is down.
    agent_port = own.raw.port
    own.raw.close()
    assert call(own) == 502
    refused = reach_state(own)
    assert re.fullmatch(rf"connected, but its agent refuses since {TIME}", refused), refused
    [exposed] = own.b.cli("status")["expose"]
    assert re.search(rf", since {TIME}$", exposed["problem"]), exposed
    time.sleep(0.01)
    assert call(own) == 502 and reach_state(own) == refused, "since the first of them"
    # And up again.
    with RawAgent(agent_port):
        assert call(own) == 200
        assert reach_state(own) == "connected" and own.b.cli("status")["expose"][0]["problem"] is None
        # The peer is away.
        own.b.stop()
        assert call(own, timeout=20) == 503
        wait_until(lambda: reach_state(own).startswith("peer away since "), 15, reach_state(own))
        assert re.fullmatch(rf"peer away since {TIME}", reach_state(own))
        own.restart(own.b)
        wait_until(lambda: call(own, timeout=20) == 200, 20, "the peer is not found again")
        assert reach_state(own) == "connected"


def test_status_says_that_a_port_is_taken(own):
    with RawAgent() as other:
        own.a.config["reach"].append({"peer": own.b.did, "service": "raw", "listen": f"127.0.0.1:{other.port}"})
        own.a.write_config()
        own.a.program.signal(signal.SIGHUP)

        def taken():
            return [entry for entry in own.a.cli("status")["reach"] if entry["listen"].endswith(f":{other.port}")]

        wait_until(lambda: taken() and "in use" in taken()[0]["state"], 15, "nothing is said of the taken port")
