#!/usr/bin/env python3
"""What a hub costs with 10 000 nodes that are there and do nothing: memory of its own, and CPU.

    .build-tests/venv/bin/python Tests/Hubs/idle.py [--seconds S]

A real hub over SQLite, and its nodes in other processes (`postern-bench run hub-idle`), in a network namespace where
they reach each other at an address that is not 127.0.0.1: over that one nodes ask each other every second. Needs root.
Everything is in a temporary directory and gone at the end.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "EndToEnd"))

from processes import PROGRAMS  # noqa: E402
from world import Hub, postern  # noqa: E402

NODES = 10_000
NAMESPACE = f"postern-idle-{os.getpid()}"
ADDRESS = "10.77.0.1"


def namespace(*command):
    subprocess.run(["ip", *command], check=True)


def say(line):
    print(line, flush=True)


def memory(hub):
    """Bytes that are the process's own."""
    return hub.program.own_memory()


def cpu(hub):
    """Seconds of CPU so far."""
    fields = Path(f"/proc/{hub.program.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def online(hub):
    run = postern("hub", "admin", "status", "--state", hub.state, "--json")
    return json.loads(run.stdout)["online"] if run.returncode == 0 else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120, help="how long they do nothing (default 120)")
    options = parser.parse_args()
    namespace("netns", "add", NAMESPACE)
    try:
        namespace("-n", NAMESPACE, "address", "add", f"{ADDRESS}/32", "dev", "lo")
        namespace("-n", NAMESPACE, "link", "set", "lo", "up")
        measure(options.seconds)
    finally:
        namespace("netns", "delete", NAMESPACE)


def measure(idle):
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        hub = Hub(folder, ADDRESS, NAMESPACE)
        limits = {"newNodesPerHour": 1_000_000, "requestsPerMinute": 1_000_000, "sourceRequestsPerMinute": 100_000_000}
        (hub.state / "hub.yaml").write_text(json.dumps({"limits": limits, "websocket": "off"}))
        hub.start()
        crowds = []
        try:
            before = memory(hub)
            begun, spent = time.monotonic(), cpu(hub)
            # Two, since each node takes two descriptors.
            crowds = [
                subprocess.Popen([
                    "ip", "netns", "exec", NAMESPACE, PROGRAMS / "postern-bench", "run", "hub-idle", "--hub", hub.url,
                    "--seconds", str(min(idle + 120, 900))])
                for _ in range(2)]
            while (count := online(hub)) < NODES:
                assert all(nodes.poll() is None for nodes in crowds), "one has ended"
                assert time.monotonic() - begun < 600, f"{count} nodes came"
                time.sleep(1)
            say(f"{NODES:,} nodes came in {time.monotonic() - begun:.0f} s and {cpu(hub) - spent:.1f} s of CPU")
            time.sleep(10)
            say(f"memory: {before / 1e6:.1f} MB -> {memory(hub) / 1e6:.1f} MB,"
                  f" {(memory(hub) - before) / NODES:,.0f} bytes a node")
            begun, spent = time.monotonic(), cpu(hub)
            time.sleep(idle)
            seconds = time.monotonic() - begun
            say(f"CPU while nothing happens: {(cpu(hub) - spent) / seconds * 100:.2f} % of a core over {seconds:.0f} s")
            say(f"memory then: {memory(hub) / 1e6:.1f} MB; still {online(hub):,} nodes")
        finally:
            for nodes in crowds:
                nodes.terminate()
                nodes.wait(30)
            hub.stop()


if __name__ == "__main__":
    main()
