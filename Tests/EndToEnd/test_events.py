"""`sseKeepalive`: comments in streams of events that are silent, for clients that give up after a few seconds."""

import time

import httpx
import pytest

from raw import RawAgent
from world import World

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(data):
    return b"%x\r\n%b\r\n" % (len(data), data)


def serve(connection):
    """An event at once, half an event, the rest of it, each after a silence of two seconds and a half."""
    while connection.read_request() is not None:
        connection.send(HEAD + chunk(b"data: 1\n\n"))
        time.sleep(2.5)
        connection.send(chunk(b"data: 2\n"))
        time.sleep(2.5)
        connection.send(chunk(b"\n") + b"0\r\n\r\n")


@pytest.fixture(scope="module")
def silent(tmp_path_factory):
    with RawAgent() as agent, World(tmp_path_factory.mktemp("events")) as world:
        agent.handler = serve
        world.serve("kept", "http", f"http://127.0.0.1:{agent.port}")
        world.a.config["reach"][-1]["sseKeepalive"] = "1s"
        world.serve("plain", "http", f"http://127.0.0.1:{agent.port}")
        yield world.start()


def test_an_impatient_client_stays_and_gets_every_event(silent):
    """httpx gives up after two seconds without a byte, as a2a-sdk does after five."""
    text = ""
    with httpx.Client(timeout=2, trust_env=False) as client:
        with pytest.raises(httpx.ReadTimeout):
            with client.stream("GET", silent.url("kept")) as answer:
                for part in answer.iter_text():
                    text += part
    # Two comments in the first silence; none inside an event, where the client then gives up.
    assert text == "data: 1\n\n" + ": keep-alive\n\n" * 2 + "data: 2\n", text


def test_without_the_setting_nothing_is_added(silent):
    with httpx.Client(timeout=10, trust_env=False) as client:
        assert client.get(silent.url("plain")).text == "data: 1\n\ndata: 2\n\n"


def test_what_is_added_changes_no_event(silent):
    with httpx.Client(timeout=10, trust_env=False) as client:
        text = client.get(silent.url("kept")).text
    assert text.replace(": keep-alive\n\n", "") == "data: 1\n\ndata: 2\n\n"
