#!/usr/bin/env python3
"""What a hub costs with 10 000 nodes that are there and do nothing: memory of its own, and CPU.

    .build-tests/venv/bin/python Tests/Hubs/idle.py [--seconds S]

A real hub over SQLite, and its nodes in another process (`postern-bench run hub-idle`). Everything is in a temporary
directory and gone at the end.
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
    parser.add_argument("--seconds", type=float, default=600)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        hub = Hub(folder)
        limits = {"newNodesPerHour": 1_000_000, "requestsPerMinute": 1_000_000, "sourceRequestsPerMinute": 100_000_000}
        (hub.state / "hub.yaml").write_text(json.dumps({"limits": limits, "websocket": "off"}))
        hub.start()
        nodes = None
        try:
            before = memory(hub)
            begun, spent = time.monotonic(), cpu(hub)
            nodes = subprocess.Popen([
                PROGRAMS / "postern-bench", "run", "hub-idle", "--hub", hub.url, "--seconds", str(options.seconds + 60)])
            while (count := online(hub)) < NODES:
                assert nodes.poll() is None and time.monotonic() - begun < 600, f"{count} nodes came"
                time.sleep(1)
            print(f"{NODES:,} nodes came in {time.monotonic() - begun:.0f} s and {cpu(hub) - spent:.1f} s of CPU")
            time.sleep(10)
            print(f"memory: {before / 1e6:.1f} MB -> {memory(hub) / 1e6:.1f} MB,"
                  f" {(memory(hub) - before) / NODES:,.0f} bytes a node")
            begun, spent = time.monotonic(), cpu(hub)
            time.sleep(options.seconds - 10)
            seconds = time.monotonic() - begun
            print(f"CPU while nothing happens: {(cpu(hub) - spent) / seconds * 100:.2f} % of a core over {seconds:.0f} s")
            print(f"memory then: {memory(hub) / 1e6:.1f} MB; still {online(hub):,} nodes")
        finally:
            if nodes is not None:
                nodes.terminate()
                nodes.wait(30)
            hub.stop()


if __name__ == "__main__":
    main()
