"""The corpus in Fixtures/HTTP over sockets: what clients send to a reach port, and what agents answer."""

import json
import re
from pathlib import Path

import pytest

from raw import RawAgent, RawClient
from test_http import port

CORPUS = Path(__file__).resolve().parents[2] / "Fixtures" / "HTTP"


def octets(value):
    """Each character is one byte; `{times, of}` repeats."""
    if isinstance(value, str):
        return value.encode("latin-1")
    if isinstance(value, list):
        return b"".join(map(octets, value))
    return octets(value["of"]) * value["times"]


def cases(name):
    entries = json.loads((CORPUS / name).read_text())["cases"]
    return [pytest.param(entry, id=entry["name"]) for entry in entries]


def statuses(everything):
    return [int(status) for status in re.findall(rb"HTTP/1\.1 ([0-9]{3}) ", everything)]


@pytest.mark.parametrize("entry", cases("requests.json"))
def test_what_a_client_sends(raw, entry):
    with RawClient(port(raw), timeout=5) as client:
        client.send(octets(entry["send"]))
        if entry["listener"] == "pass":
            assert client.response()[0] == 200
        else:
            # Requests before it are answered; then it is refused, and nothing behind it is read.
            everything, how = client.rest()
            assert statuses(everything)[-1:] == [entry["listener"]] and how == "end", everything
    received = b"".join(b"".join(connection.last) for connection in raw.raw.connections if hasattr(connection, "last"))
    assert b"smuggled HTTP/1.1" not in received
    if "absent" in entry:
        assert entry["absent"].encode() not in received


@pytest.mark.parametrize("entry", cases("responses.json"))
def test_what_an_agent_answers(raw, entry):
    def serve(connection):
        connection.read_request()
        connection.send(octets(entry["send"]))

    raw.raw.handler = serve
    with RawClient(port(raw), timeout=5) as client:
        client.get()
        everything, how = client.rest()
    if entry["verdict"] == "refuse":
        assert statuses(everything)[-1:] == [502] and b"HTTP/1.1 200 OK" not in everything, everything
    elif entry["verdict"] == "cut":
        # What came with its fault was refused; else the body is seen to be short, or ends by a reset.
        looks_whole = b"HTTP/1.1 200 OK" in everything and everything.endswith(b"0\r\n\r\n")
        assert how == "reset" or not looks_whole, everything
    else:
        assert statuses(everything)[-1] not in (502, 503), everything
    if "absent" in entry:
        assert entry["absent"].encode() not in everything
    raw.raw.handler = RawAgent.serve_ok
