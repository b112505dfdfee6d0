#!/usr/bin/env python3
"""Postern and others over a link with delay, a narrow bottleneck and loss.

    .build-tests/venv/bin/python Tests/Peers/wan.py [--only NAME,…] [--rounds 5] [--json FILE] [--install]

For every cell the two hosts are joined by a link of its own (Tests/EndToEnd/link.c): 40 ms round trip, 100 Mbit/s, 500 kB of
queue and 0, 0.1, 1 or 2 % of random loss each way, then 100 ms and 1 Gbit/s without loss. What is measured: the goodput of one
bulk answer, at most 10 s of it; 16 small calls at a time at 1 %; the goodput of each second at 1 Gbit/s; and at 30 ms, without
loss, the time from the start of the near end to the first answer, to be compared with the same of compare.py without delay.

Needs root, a C compiler and TUN devices. `nginx-tls` and `direct` show what the kernel's TCP does with its own congestion control,
which the last line names.
"""

import argparse
import json
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path

import load
from compare import Results, install, start
from contenders import ALL
from lab import Lab

LOSSES = (0, 0.1, 1, 2)
NARROW = {"delay": 20, "rate": 100, "queue": 500}
WIDE = {"delay": 50, "rate": 1000, "queue": 6250}
# For the first answer.
NEAR = {"delay": 15, "rate": 1000, "queue": 2000}
BULK = 112 << 20
WIDE_BULK = 1 << 30
LIMIT = 10


def answering(lab, contenders):
    """Those of the contenders that answer within 20 s."""
    good = {}
    for name, contender in contenders.items():
        deadline = time.monotonic() + 20
        while name not in good:
            try:
                load.calls(lab, contender, 1, 1)
                good[name] = contender
            except Exception as error:
                if time.monotonic() > deadline:
                    print(f"left out: {name}: does not answer: {error}", file=sys.stderr)
                    break
                time.sleep(0.5)
    return good


def in_lab(options, bulk, conditions, measure):
    """Runs `measure(lab, name, contender)` for every contender on a link of its own."""
    with tempfile.TemporaryDirectory(prefix="postern-wan-") as folder, Lab(folder, bulk, **conditions) as lab:
        contenders = start(lab, options.names)
        try:
            for name, contender in answering(lab, contenders).items():
                try:
                    measure(lab, name, contender)
                except Exception as error:
                    print(f"{name} with {conditions}: {error}", file=sys.stderr)
        finally:
            for contender in contenders.values():
                contender.stop()


def rates(totals):
    """Gbit/s of each whole second."""
    totals = [0, *totals]
    return [(after - before) * 8 / 1e9 for before, after in zip(totals, totals[1:], strict=False)]


def measure_all(options):
    results, seconds = Results(), {}
    for number in range(options.rounds):
        for loss in LOSSES:
            def narrow(lab, name, contender, loss=loss):
                results.add(name, f"loss-{loss}", {"mbits": load.bulk(lab, contender, LIMIT)[0]["gbits"] * 1000})
                if loss == 1:
                    small = load.calls(lab, contender, 16, 5)
                    results.add(name, "small", {key: small[key] for key in ("p50", "p99")})
            in_lab(options, BULK, {**NARROW, "loss": loss, "seed": number + 1}, narrow)

        def wide(lab, name, contender):
            whole, totals = load.bulk(lab, contender, LIMIT)
            by_second = rates(totals)
            seconds.setdefault(name, []).append(by_second)
            results.add(name, "wide", {
                "gbits": whole["gbits"], "steady": statistics.median(by_second[3:] or [whole["gbits"]])})
        in_lab(options, WIDE_BULK, {**WIDE, "seed": number + 1}, wide)

        def near(lab, name, contender):
            if contender.has_near_end:
                results.add(name, "near", {"cold": load.first_answer(lab, contender)})
        in_lab(options, 1 << 20, {**NEAR, "seed": number + 1}, near)
        print(f"round {number + 1} of {options.rounds} done", file=sys.stderr)
    return results, seconds


COLUMNS = [
    *((f"bulk, {loss} % loss, Mbit/s", f"loss-{loss}", "mbits", "{:.1f}") for loss in LOSSES),
    ("16 calls, 1 % loss, p50 ms", "small", "p50", "{:.1f}"), ("p99 ms", "small", "p99", "{:.1f}"),
    ("100 ms × 1 Gbit/s, Gbit/s", "wide", "gbits", "{:.2f}"), ("after 3 s", "wide", "steady", "{:.2f}"),
    ("30 ms: start to first answer, ms", "near", "cold", "{:.0f}"),
]


def report(results, seconds, names):
    print("| | " + " | ".join(title for title, *_ in COLUMNS) + " |")
    print("| --- |" + " ---: |" * len(COLUMNS))
    for name in names:
        if name in results.samples:
            cells = [results.cell(name, table, key, form, False) for _, table, key, form in COLUMNS]
            print(f"| {ALL[name].name} | " + " | ".join(cells) + " |")
    print("\n100 ms × 1 Gbit/s, Gbit/s in each second, median of the rounds:")
    for name, runs in seconds.items():
        length = min(map(len, runs))
        print(f"- {ALL[name].name}: " + " ".join(
            f"{statistics.median(run[second] for run in runs):.2f}" for second in range(length)))
    control = Path("/proc/sys/net/ipv4/tcp_congestion_control").read_text().strip()
    print(f"\nThe kernel's TCP here uses {control}.")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="direct,nginx-tls,ssh,iroh,postern", help=f"of {', '.join(ALL)}")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", metavar="FILE", help="write every sample there")
    parser.add_argument("--install", action="store_true", help="install from Debian what is missing")
    options = parser.parse_args()
    options.names = [name for name in ALL if name in options.only.split(",")]
    if unknown := set(options.only.split(",")) - set(ALL):
        parser.error(f"there is no {', '.join(unknown)}; there are {', '.join(ALL)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if options.install:
        install(options.names)
    results, seconds = measure_all(options)
    report(results, seconds, options.names)
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"samples": results.samples, "by_second": seconds}, file, indent=1)


if __name__ == "__main__":
    main()
