#!/usr/bin/env python3
"""What a network costs that has many members and a long log: joining it, a member's new start, a removal, memory.

    .build-tests/venv/bin/python Tests/Hubs/crowd.py [--members N] [--entries N]

A real hub over SQLite and real sidecars; the other members are keys of the test, written into the hub's database.
Everything is in a temporary directory and gone at the end.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "EndToEnd"))

from crowds import Log  # noqa: E402
from world import Hub, Sidecar  # noqa: E402

USES = 1_000
PATIENCE = 1_200


def started(folder, name, hub):
    sidecar = Sidecar(folder, name, hub.url)
    sidecar.write_config()
    return sidecar.start()


def until(what, check):
    """Seconds until `check` holds."""
    begun = time.monotonic()
    while not check():
        assert time.monotonic() - begun < PATIENCE, what
        time.sleep(0.1)
    return time.monotonic() - begun


def sequence(node):
    return node.cli("network", "show", "acme", timeout=PATIENCE)["sequence"]


def told(node, what, seconds, before):
    memory = node.program.own_memory()
    print(f"{what}: {seconds:.1f} s; memory {memory / 1e6:.0f} MB, {(memory - before) / 1e6:+.0f} MB", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--members", type=int, default=9_900)
    parser.add_argument("--entries", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        hub = Hub(folder)
        limits = {"requestsPerMinute": 1_000_000, "sourceRequestsPerMinute": 100_000_000}
        (hub.state / "hub.yaml").write_text(json.dumps({"limits": limits, "websocket": "off"}))
        hub.start()
        nodes = [started(folder, name, hub) for name in ("ann", "bob", "cid")]
        ann, bob, cid = nodes
        try:
            ann.cli("network", "create", "acme")
            links = [
                ann.cli("network", "invite", "acme", "--uses", str(USES))["invitation"]
                for _ in range(options.members // USES + 1)]
            cid.cli("network", "join", links[-1])
            before = {node: node.program.own_memory() for node in nodes}
            hub.stop()
            begun = time.monotonic()
            log = Log(hub)
            members = log.join(links, options.members)
            log.publish(members, options.entries - log.state["sequence"])
            last = log.state["sequence"]
            log.close()
            print(f"{len(members):,} members and {last + 1:,} entries made in {time.monotonic() - begun:.0f} s")
            hub.start()
            told(ann, "the owner reads the log", until("the owner has it", lambda: sequence(ann) >= last), before[ann])
            told(cid, "so does a member", until("cid has it", lambda: sequence(cid) >= last), before[cid])
            begun = time.monotonic()
            bob.cli("network", "join", links[-1], check=False, timeout=PATIENCE)
            told(bob, "a newcomer joins", time.monotonic() - begun + until(
                "bob is in", lambda: bob.cli("network", "list", timeout=PATIENCE)[0]["role"] == "member"), before[bob])
            cid.stop()
            begun = time.monotonic()
            cid.start(timeout=PATIENCE)
            told(cid, "a member starts again", time.monotonic() - begun, before[cid])
            journal = sum(path.stat().st_size for path in cid.state.iterdir() if path.is_file())
            print(f"its state directory has {journal / 1e6:.0f} MB")
            begun = time.monotonic()
            ann.cli("network", "remove", "acme", members[0].did, timeout=PATIENCE)
            print(f"a member is removed: {time.monotonic() - begun:.1f} s", flush=True)
            ann.cli("network", "name", "acme", bob.did, "newest", timeout=PATIENCE)
            seconds = until("bob has the new key", lambda: any(
                m["name"] == "newest" for m in bob.cli("network", "show", "acme", timeout=PATIENCE)["members"]))
            print(f"another reads what is under the new key: {seconds:.1f} s behind that")
            print(f"hub: memory {hub.program.own_memory() / 1e6:.0f} MB")
        finally:
            for node in nodes:
                node.stop()
            hub.stop()


if __name__ == "__main__":
    main()
