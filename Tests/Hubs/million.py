#!/usr/bin/env python3
"""What a hub costs with a million registered nodes, over SQLite and over PostgreSQL.

    .build-tests/venv/bin/python Tests/Hubs/million.py [--nodes N] [--seconds S]

Measures look-ups and registrations with an empty store, writes N registrations into it, measures again, and says how long
a hub takes from its start to its READY line with all of them. Needs Debian's postgresql for the second half; everything
is in a temporary directory and gone at the end.
"""

import argparse
import json
import secrets
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "EndToEnd"))

from databases import PostgreSQL  # noqa: E402
from processes import POSTERN, PROGRAMS, free_port  # noqa: E402


def bench(name, store, seconds):
    run = subprocess.run(
        [PROGRAMS / "postern-bench", "run", name, "--json", "--seconds", str(seconds), "--database", str(store)],
        capture_output=True, text=True, check=True, timeout=600)
    return {result["what"]: (result["median"], result["unit"]) for result in json.loads(run.stdout)["results"]}


def fill_sqlite(path, count):
    database = sqlite3.connect(path)
    rows = ((secrets.token_bytes(32), number) for number in range(count))
    database.executemany(
        "INSERT INTO node (key, contacts, registered, seen, homes) VALUES (?, '', 1, 1700000000000000000 + ?, x'')", rows)
    database.commit()
    database.close()


def fill_postgresql(server, count):
    # The trigger that counts nodes would write one row a million times.
    server.sql(
        "SET search_path TO postern; SET session_replication_role = replica;"
        " INSERT INTO node (key, contacts, registered, seen, homes)"
        " SELECT sha256(number::text::bytea), '', 1, 1700000000000000000 + number, '' FROM generate_series(1,"
        f" {count}) AS number; INSERT INTO tally VALUES (0, {count})"
        " ON CONFLICT (slot) DO UPDATE SET nodes = tally.nodes + excluded.nodes; ANALYZE node", timeout=900)


def start(folder, *arguments):
    """Seconds from a hub's start to its READY line."""
    state = Path(folder) / "hub"
    state.mkdir(exist_ok=True)
    begun = time.monotonic()
    hub = subprocess.Popen(
        [POSTERN, "hub", "--state", state, "--listen", f"127.0.0.1:{free_port()}", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert hub.stdout.readline().startswith("READY"), "the hub did not start"
        return time.monotonic() - begun
    finally:
        hub.terminate()
        hub.wait(20)


def measure(title, store, fill, count, seconds):
    print(f"{title}, empty and with {count:,} more nodes")
    results = {}
    for moment in ("empty", "full"):
        for name in ("hub-lookup", "hub-register"):
            for what, figure in bench(name, store, seconds).items():
                results.setdefault((name, what), []).append(figure)
        if moment == "empty":
            begun = time.monotonic()
            fill(count)
            print(f"  written in {time.monotonic() - begun:.1f} s")
    for (name, what), ((before, unit), (after, _)) in results.items():
        print(f"  {name}: {what}: {before:,.4g} {unit} -> {after:,.4g} {unit}  ({after / before:.2f})")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        # A hub that has run before: its key and its audit trail are there.
        start(folder)
        path = Path(folder) / "hub" / "hub.sqlite"
        measure("SQLite", path, lambda count: fill_sqlite(path, count), options.nodes, options.seconds)
        print(f"  a hub is READY after {start(folder):.2f} s")
    if not Path("/usr/lib/postgresql").exists():
        return print("PostgreSQL is not installed (Debian: postgresql)")
    with tempfile.TemporaryDirectory() as folder:
        server = PostgreSQL(folder)
        try:
            measure(
                "PostgreSQL", server.url, lambda count: fill_postgresql(server, count), options.nodes, options.seconds)
            (Path(folder) / "hub").mkdir()
            (Path(folder) / "hub" / "cluster.secret").write_text("09" * 32 + "\n")
            print(f"  a hub is READY after {start(folder, '--database', server.url):.2f} s")
        finally:
            server.stop()


if __name__ == "__main__":
    main()
