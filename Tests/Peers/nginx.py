#!/usr/bin/env python3
"""Postern beside what a user would take instead: two nginx with TLS 1.3 between them, and two without.

    .build-tests/venv/bin/python Tests/Peers/nginx.py [--repetitions 5] [--seconds 5] [--connections 16] [--json]

Everything runs on loopback: wrk or a reader, then the near proxy, then the far proxy, then one nginx as the upstream.
The contenders take turns in every repetition, so that a slow moment of the machine meets all of them; the table has
medians, spread and the ratio to nginx with TLS. Needs the packages nginx-light, wrk and openssl and a release build.
"""

import argparse
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "EndToEnd"))
sys.dont_write_bytecode = True

from processes import free_port  # noqa: E402
from world import World  # noqa: E402

BULK = 256 << 20
REFERENCE = "nginx, TLS 1.3"

REQUEST = json.dumps({
    "jsonrpc": "2.0", "id": "7f3a9c1e-0001", "method": "SendMessage",
    "params": {"message": {"role": "ROLE_USER", "messageId": "b1946ac9-2492-4d23-8c6e-1e8b6f0a6a11", "parts": [
        {"text": ""}]}, "configuration": {"acceptedOutputModes": ["text/plain"]}}}, separators=(",", ":"))
ANSWER = json.dumps({
    "jsonrpc": "2.0", "id": "7f3a9c1e-0001",
    "result": {"message": {"role": "ROLE_AGENT", "messageId": "9e107d9d-372b-4b68-8b3b-6b1d1c0a7f42", "parts": [
        {"text": ""}], "contextId": "c0ffee00-1111-4222-8333-444455556666"}}}, separators=(",", ":"))


def padded(document, size=300):
    return document.replace('"text":""', '"text":"' + "x" * (size - len(document)) + '"')


class Nginx:
    """One nginx in the foreground, with one worker."""

    def __init__(self, folder, name, server, http=""):
        config = folder / f"{name}.conf"
        paths = "".join(
            f"{kind}_temp_path {folder}/{name}-{kind};"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        config.write_text(f"""
            worker_processes 1; daemon off; pid {folder}/{name}.pid; error_log {folder}/{name}.log;
            events {{ worker_connections 4096; }}
            http {{
                access_log off; keepalive_requests 100000000; keepalive_timeout 300; tcp_nodelay on; sendfile on;
                {paths}
                proxy_http_version 1.1; proxy_set_header Connection ""; proxy_max_temp_file_size 0;
                proxy_buffers 16 64k; proxy_buffer_size 64k; proxy_busy_buffers_size 512k;
                {http}
                server {{ {server} }}
            }}""")
        self.process = subprocess.Popen(["nginx", "-c", str(config)], stderr=subprocess.DEVNULL)

    def pids(self):
        return family(self.process.pid)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)


def family(pid):
    """A process and all below it."""
    found = [pid]
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            found += family(int(child))
    return found


def processor_seconds(pids):
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def resident(pids):
    return sum(int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) for pid in pids) << 10


def start_upstream(folder):
    port = free_port()
    shared = Path("/dev/shm") / f"postern-bulk-{os.getpid()}"
    with open(shared, "wb") as bulk:
        block = os.urandom(1 << 20)
        for _ in range(BULK >> 20):
            bulk.write(block)
    nginx = Nginx(folder, "upstream", f"""
        listen 127.0.0.1:{port};
        location /rpc {{ default_type application/json; return 200 '{padded(ANSWER)}'; }}
        location /bulk {{ alias {shared}; }}""")
    return nginx, port, shared


def nginx_pair(folder, upstream, tls):
    """The near and the far proxy; returns them and the near port."""
    far_port, near_port = free_port(), free_port()
    name = "tls" if tls else "plain"
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    if tls and not certificate.exists():
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
             key, "-out", certificate, "-days", "2", "-subj", "/CN=peer.test", "-addext",
             "subjectAltName=DNS:peer.test"], check=True, capture_output=True)
    pool = "keepalive 128; keepalive_requests 100000000;"
    far = Nginx(
        folder, f"{name}-far",
        f"listen 127.0.0.1:{far_port}{' ssl' if tls else ''}; location / {{ proxy_pass http://next; }}"
        + (f"ssl_certificate {certificate}; ssl_certificate_key {key}; ssl_protocols TLSv1.3;" if tls else ""),
        f"upstream next {{ server 127.0.0.1:{upstream}; {pool} }}")
    near = Nginx(
        folder, f"{name}-near",
        f"listen 127.0.0.1:{near_port}; location / {{ proxy_pass {'https' if tls else 'http'}://next;"
        + (f"proxy_ssl_protocols TLSv1.3; proxy_ssl_verify on; proxy_ssl_trusted_certificate {certificate};"
           "proxy_ssl_name peer.test;" if tls else "") + "}",
        f"upstream next {{ server 127.0.0.1:{far_port}; {pool} }}")
    return [near, far], near_port


def wrk(port, folder, connections, seconds):
    """Requests a second and latencies in milliseconds."""
    script = folder / "rpc.lua"
    script.write_text(
        f"wrk.method = 'POST'\nwrk.path = '/rpc'\nwrk.headers['Content-Type'] = 'application/json'\n"
        f"wrk.body = '{padded(REQUEST)}'\n")
    output = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "5s", "-s", script,
         f"http://127.0.0.1:{port}"], capture_output=True, text=True, timeout=seconds + 30).stdout
    scale = {"us": 1e-3, "ms": 1, "s": 1e3}
    if "Non-2xx" in output or "Socket errors" in output:
        raise SystemExit(f"not every call was answered:\n{output}")
    result = {"rate": float(re.search(r"Requests/sec:\s+([\d.]+)", output)[1])}
    for share in ("50", "99"):
        value, unit = re.search(rf"^\s+{share}%\s+([\d.]+)(us|ms|s)", output, re.M).groups()
        result[f"p{share}"] = float(value) * scale[unit]
    return result


def bulk(port):
    """Gbit/s of one download of 256 MiB."""
    buffer = bytearray(1 << 20)
    with socket.create_connection(("127.0.0.1", port), timeout=60) as stream:
        started = time.perf_counter()
        stream.sendall(b"GET /bulk HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n\r\n" % port)
        received = 0
        while count := stream.recv_into(buffer):
            received += count
        took = time.perf_counter() - started
    if received < BULK:
        raise SystemExit(f"the download broke off after {received} bytes")
    return received * 8 / took / 1e9


def measure(contenders, folder, options):
    results = {name: {"rate": [], "p50": [], "p99": [], "bulk": [], "cpu": []} for name in contenders}
    for _ in range(options.repetitions):
        for name, (port, pids) in contenders.items():
            before = processor_seconds(pids())
            run = wrk(port, folder, options.connections, options.seconds)
            spent = processor_seconds(pids()) - before
            for key, value in run.items():
                results[name][key].append(value)
            results[name]["cpu"].append(spent * 1e6 / (run["rate"] * options.seconds))
            results[name]["bulk"].append(bulk(port))
    for name, (_, pids) in contenders.items():
        results[name]["resident"] = [resident(pids()) / (1 << 20)]
    return results


COLUMNS = [
    ("rate", "requests/s", "{:.0f}"), ("p50", "p50 ms", "{:.2f}"), ("p99", "p99 ms", "{:.2f}"),
    ("cpu", "CPU µs/request", "{:.1f}"), ("bulk", "bulk Gbit/s", "{:.2f}"), ("resident", "memory MiB", "{:.0f}"),
]


def table(results):
    lines = ["| | " + " | ".join(title for _, title, _ in COLUMNS) + " |", "| --- |" + " ---: |" * len(COLUMNS)]
    for name, values in results.items():
        cells = []
        for key, _, form in COLUMNS:
            median = statistics.median(values[key])
            cell = form.format(median)
            if len(values[key]) > 1:
                cell += f" [{form.format(min(values[key]))}…{form.format(max(values[key]))}]"
            if name != REFERENCE and key in ("rate", "bulk"):
                cell += f" ({median / statistics.median(results[REFERENCE][key]):.2f}×)"
            cells.append(cell)
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    for program in ("nginx", "wrk", "openssl"):
        if shutil.which(program) is None:
            raise SystemExit(f"{program} is missing: apt-get install nginx-light wrk openssl")
    with tempfile.TemporaryDirectory(prefix="postern-peers-") as name:
        folder = Path(name)
        # nginx's worker drops root and still has to reach its folders.
        folder.chmod(0o755)
        upstream, upstream_port, shared = start_upstream(folder)
        pairs = []
        try:
            contenders = {}
            for title, tls in (("nginx, plain", False), (REFERENCE, True)):
                pair, port = nginx_pair(folder, upstream_port, tls)
                pairs += pair
                contenders[title] = (port, lambda pair=pair: [pid for one in pair for pid in one.pids()])
            with World(folder / "world") as world:
                world.a.config["log"]["level"] = world.b.config["log"]["level"] = "info"
                port = world.serve("rpc", "http", f"http://127.0.0.1:{upstream_port}")
                world.start()
                contenders["postern"] = (port, lambda: [world.a.program.pid, world.b.program.pid])
                time.sleep(1)
                for port, _ in contenders.values():
                    wrk(port, folder, options.connections, 1)
                results = measure(contenders, folder, options)
        finally:
            for nginx in [*pairs, upstream]:
                nginx.stop()
            shared.unlink()
    print(json.dumps(results) if options.json else table(results))


if __name__ == "__main__":
    main()
