"""The loads: small calls, one large answer, and the first answer of an end that has just been started."""

import json
import re
import sys
import time
from pathlib import Path

from lab import REQUEST, processor_seconds

READER = Path(__file__).with_name("reader.py")
MILLISECONDS = {"us": 1e-3, "ms": 1, "s": 1e3}


def calls(lab, contender, connections, seconds, kept=True):
    """POSTs of 300 bytes that are answered with 300: a second, latencies in ms, processor µs a call of both ends.

    `kept` false: every call has a TCP connection of its own."""
    script = lab.folder / f"calls-{'kept' if kept else 'new'}.lua"
    if not script.exists():
        script.write_text(
            "wrk.method = 'POST'\nwrk.path = '/rpc'\nwrk.headers['Content-Type'] = 'application/json'\n"
            + ("" if kept else "wrk.headers['Connection'] = 'close'\n") + f"wrk.body = '{REQUEST}'\n")
    before = processor_seconds(pids := contender.pids())
    output = lab.run(
        "a", "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "8s", "-s", script,
        f"http://{contender.address}:{contender.port}", timeout=seconds + 30)
    spent = processor_seconds(contender.pids()) - before
    errors = re.search(r"Non-2xx.*|Socket errors.*", output)
    # wrk counts the end of a connection that it was told would end as a failed read in some versions.
    if errors and not (not kept and re.search(r"connect 0, read \d+, write 0, timeout 0", errors[0])):
        raise RuntimeError(f"{contender.name}: not every call was answered: {errors[0]}")
    count = int(re.search(r"(\d+) requests in", output)[1])
    result = {"rate": float(re.search(r"Requests/sec:\s+([\d.]+)", output)[1])}
    if pids:
        result["cpu"] = spent * 1e6 / max(count, 1)
    for share in ("50", "99"):
        value, unit = re.search(rf"^\s+{share}%\s+([\d.]+)(us|ms|s)", output, re.M).groups()
        result[f"p{share}"] = float(value) * MILLISECONDS[unit]
    return result


def bulk(lab, contender, limit=60):
    """One large answer: Gbit/s and processor seconds per GiB of both ends; and the bytes that had come by each second.

    After `limit` seconds the reader leaves; the rate is that of what came until then."""
    before = processor_seconds(pids := contender.pids())
    report = json.loads(lab.run(
        "a", sys.executable, READER, "bulk", contender.address, contender.port, limit, timeout=limit + 20))
    spent = processor_seconds(contender.pids()) - before
    if report["bytes"] != lab.bulk_size and report["seconds"] < limit:
        raise RuntimeError(f"{contender.name}: the answer broke off after {report['bytes']} bytes")
    result = {"gbits": report["bytes"] * 8 / report["seconds"] / 1e9}
    if pids:
        result["cpu"] = spent * (1 << 30) / max(report["bytes"], 1)
    return result, report["by_second"]


def first_answer(lab, contender, limit=20):
    """Milliseconds from the start of the near end to the first answer, with the far end running."""
    contender.stop_near()
    prober = lab.start("a", sys.executable, READER, "first", contender.address, contender.port, limit)
    # The prober has to run before what it waits for.
    time.sleep(0.3)
    started = time.monotonic()
    contender.near = contender.start_near()
    if prober.wait(limit + 5) != 0:
        raise RuntimeError(f"{contender.name}: no answer within {limit} s of its start")
    lab.stop(prober)
    return (float(prober.log.read_text()) - started) * 1e3
