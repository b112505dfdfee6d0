#!/usr/bin/env python3
"""Postern beside what a user would take instead, under the same load in the same minutes.

    .build-tests/venv/bin/python Tests/Peers/compare.py [--only NAME,…] [--rounds 5] [--seconds 3] [--json FILE] [--install]

Every contender carries HTTP calls from one host to an agent (nginx) on another: calls of 300 bytes each way on 1, 16 and 64
kept connections, calls with a connection of their own, and one answer of 256 MiB. The contenders take turns in every round,
each round begins with another one, and so a slow moment of the machine meets all of them. The tables have medians, spread
and the ratio to nginx with TLS 1.3, which is measured in every run.

The hosts are network namespaces when root runs this, else both are the loopback. What is not installed is left out and
named; `--install` fetches it from Debian first. Needs a release build, nginx-light, wrk and openssl.
"""

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import load
from contenders import ALL
from lab import Lab, processor_seconds, resident

REFERENCE = "nginx-tls"
BULK = 256 << 20
CONNECTIONS = (1, 16, 64)
NEW_CONNECTIONS = 16

# title, key, format, whether the ratio to the reference is of interest
CALL_COLUMNS = [
    ("requests/s", "rate", "{:.0f}", True), ("p50 ms", "p50", "{:.3f}", True), ("p99 ms", "p99", "{:.2f}", True),
    ("CPU µs a request", "cpu", "{:.1f}", True),
]
NEW_COLUMNS = [("requests/s", "rate", "{:.0f}", True), ("p99 ms", "p99", "{:.2f}", True),
               ("CPU µs a request", "cpu", "{:.1f}", True)]
BULK_COLUMNS = [("Gbit/s", "gbits", "{:.2f}", True), ("CPU s/GiB", "cpu", "{:.2f}", True)]
REST_COLUMNS = [
    ("idle memory MiB", "idle_memory", "{:.0f}", True), ("after load", "memory", "{:.0f}", True),
    ("idle CPU %", "idle_cpu", "{:.2f}", False), ("start to first answer, ms", "cold", "{:.0f}", True),
]
TABLES = [
    *((f"calls on {count} kept connection{'s' * (count > 1)}", f"calls-{count}", CALL_COLUMNS)
      for count in CONNECTIONS),
    (f"calls with a connection of their own, {NEW_CONNECTIONS} at a time", "calls-new", NEW_COLUMNS),
    ("one answer of 256 MiB", "bulk", BULK_COLUMNS),
    ("both ends together", "rest", REST_COLUMNS),
]


class Results:
    """Samples by contender, table and column."""

    def __init__(self):
        self.samples = {}
        self.failures = {}

    def add(self, name, table, values):
        for key, value in values.items():
            self.samples.setdefault(name, {}).setdefault(table, {}).setdefault(key, []).append(value)

    def cell(self, name, table, key, form, has_ratio):
        values = self.samples.get(name, {}).get(table, {}).get(key)
        if not values:
            return "–"
        median = statistics.median(values)
        text = form.format(median)
        if len(values) > 1:
            text += f" [{form.format(min(values))}…{form.format(max(values))}]"
        reference = self.samples.get(REFERENCE, {}).get(table, {}).get(key)
        if has_ratio and name != REFERENCE and reference and statistics.median(reference) > 0:
            text += f" {median / statistics.median(reference):.2f}×"
        return text

    def markdown(self, names):
        lines = []
        for title, table, columns in TABLES:
            lines += ["", f"**{title}**", "", "| | " + " | ".join(column[0] for column in columns) + " |",
                      "| --- |" + " ---: |" * len(columns)]
            for name in names:
                cells = [self.cell(name, table, *column[1:]) for column in columns]
                if any(cell != "–" for cell in cells):
                    lines.append(f"| {ALL[name].name} | " + " | ".join(cells) + " |")
        return "\n".join(lines[1:])


def install(names):
    """Installs from Debian what the contenders need."""
    programs = {"wrk": "wrk", "ip": "iproute2"}
    for name in names:
        programs |= ALL[name].programs
    packages = sorted({package for program, package in programs.items()
                       if shutil.which(program) is None and "(" not in package})
    if packages:
        prefix = [] if os.geteuid() == 0 else ["sudo"]
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        print(f"installing from Debian: {' '.join(packages)}", file=sys.stderr)
        subprocess.run([*prefix, "apt-get", "update", "-q"], check=True, stdout=sys.stderr)
        subprocess.run([*prefix, "apt-get", "install", "-q", "-y", "--no-install-recommends", *packages],
                       check=True, stdout=sys.stderr, env=environment)


def start(lab, names):
    """Starts what can be started; the others are named on standard error with the reason."""
    contenders = {}
    for name in names:
        reason = ALL[name].why_not(lab.has_namespaces)
        if reason is None:
            contender = ALL[name](lab)
            try:
                contender.start()
                contenders[name] = contender
                continue
            except Exception as error:
                reason = f"does not start: {error}"
                contender.stop()
        print(f"left out: {name}: {reason}", file=sys.stderr)
    return contenders


def warm_up(lab, contenders, results):
    """Waits until each answers, and gives each a second of load; who does not answer is out."""
    for name, contender in list(contenders.items()):
        deadline = time.monotonic() + 15
        while True:
            try:
                load.calls(lab, contender, CONNECTIONS[-1], 1)
                break
            except Exception as error:
                if time.monotonic() < deadline:
                    time.sleep(0.5)
                    continue
                print(f"left out: {name}: does not answer: {error}", file=sys.stderr)
                contenders.pop(name).stop()
                break


def attempt(name, what, results, measure):
    """One measurement of one contender; what fails is named, and the others go on."""
    try:
        results.add(name, what, measure())
    except Exception as error:
        print(f"{name}: {what}: {error}", file=sys.stderr)


def idle(contenders, results, seconds=5):
    """Memory and processor time when nothing is asked of anybody."""
    before = {name: processor_seconds(contender.pids()) for name, contender in contenders.items()}
    time.sleep(seconds)
    for name, contender in contenders.items():
        spent = processor_seconds(contender.pids()) - before[name]
        if pids := contender.pids():
            results.add(name, "rest", {
                "idle_memory": resident(pids) / (1 << 20), "idle_cpu": spent * 100 / seconds})


def measure(lab, contenders, results, options):
    names = list(contenders)
    for number in range(options.rounds):
        shift = number % len(names)
        for name in names[shift:] + names[:shift]:
            contender = contenders[name]
            for count in CONNECTIONS:
                attempt(name, f"calls-{count}", results,
                        lambda: load.calls(lab, contender, count, options.seconds))
            attempt(name, "calls-new", results,
                    lambda: load.calls(lab, contender, NEW_CONNECTIONS, options.seconds, kept=False))
            attempt(name, "bulk", results, lambda: load.bulk(lab, contender)[0])
        print(f"round {number + 1} of {options.rounds} done", file=sys.stderr)
        for name, contender in contenders.items():
            if pids := contender.pids():
                results.add(name, "rest", {"memory": resident(pids) / (1 << 20)})
    for _ in range(options.rounds):
        for name, contender in contenders.items():
            if contender.has_near_end:
                attempt(name, "rest", results, lambda: {"cold": load.first_answer(lab, contender)})


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(ALL), help=f"of {', '.join(ALL)}; {REFERENCE} is always among them")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3, help="of each load of small calls")
    parser.add_argument("--json", metavar="FILE", help="write every sample there")
    parser.add_argument("--install", action="store_true", help="install from Debian what is missing")
    options = parser.parse_args()
    wanted = {REFERENCE, *options.only.split(",")}
    if unknown := wanted - set(ALL):
        parser.error(f"there is no {', '.join(unknown)}; there are {', '.join(ALL)}")
    options.names = [name for name in ALL if name in wanted]
    return options


def main():
    options = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if options.install:
        install(options.names)
    for program in ("nginx", "wrk", "openssl"):
        if shutil.which(program) is None:
            raise SystemExit(f"{program} is missing: run with --install, or apt-get install nginx-light wrk openssl")
    results = Results()
    with tempfile.TemporaryDirectory(prefix="postern-peers-") as folder, Lab(folder, BULK) as lab:
        contenders = start(lab, options.names)
        try:
            time.sleep(1)
            idle(contenders, results)
            warm_up(lab, contenders, results)
            measure(lab, contenders, results, options)
        finally:
            for contender in contenders.values():
                contender.stop()
    print(results.markdown(options.names))
    if options.json:
        with open(options.json, "w") as file:
            json.dump(results.samples, file, indent=1)


if __name__ == "__main__":
    main()
