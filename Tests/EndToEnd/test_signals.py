"""Signals at the moment when a program says READY, and while it drains."""

import signal
import time

import pytest

from raw import RawClient
from test_http import port, stream_forever
from world import Hub, Sidecar

ROUNDS = 15


@pytest.mark.parametrize("kind", ["sidecar", "hub"])
def test_sigterm_at_ready_ends_in_order(tmp_path, kind):
    """READY means that the handlers stand: the program drains, says so, and exits 0."""
    node = Hub(tmp_path) if kind == "hub" else Sidecar(tmp_path, "a")
    node.write_config()
    for _ in range(ROUNDS):
        node.start()
        node.program.signal(signal.SIGTERM)
        assert node.program.process.wait(10) == 0
        assert "stopped" in node.program.log.read_text()


@pytest.mark.parametrize("kind", ["sidecar", "hub"])
def test_sighup_at_ready_reloads(tmp_path, kind):
    node = Hub(tmp_path) if kind == "hub" else Sidecar(tmp_path, "a")
    node.write_config()
    for _ in range(ROUNDS):
        node.start()
        node.program.signal(signal.SIGHUP)
        if kind == "sidecar":
            deadline = time.monotonic() + 5
            while "was read again" not in node.program.log.read_text():
                assert node.program.running and time.monotonic() < deadline, node.program.tail()
                time.sleep(0.01)
        else:
            time.sleep(0.2)
        assert node.stop() == 0


def test_a_second_sigterm_ends_at_once(own):
    """The first one waits for a call that never ends; the second one does not."""
    own.raw.handler = stream_forever
    with RawClient(port(own), timeout=30) as client:
        client.get()
        client.read_until(b": hi\n\n")
        own.b.program.signal(signal.SIGTERM)
        time.sleep(1)
        assert own.b.program.running, "it did not wait for the running call"
        asked = time.monotonic()
        own.b.program.signal(signal.SIGTERM)
        assert own.b.program.process.wait(10) == -signal.SIGTERM
        assert time.monotonic() - asked < 1
