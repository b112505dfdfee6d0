"""A long stream of known bytes at a steady pace, and what became of it on the way.

    sequence.py serve [PORT]                                prints READY and its port
    sequence.py down|up PORT BYTES BYTES_PER_SECOND [PAUSE] prints `begun` with the first bytes and the report at the end

The report is a JSON object: `bytes` that came, whether they are `exact`, their `sha256`, the `silences` of more than 0.2 s as
pairs of monotonic time and length, and the time between two reads that 99 of 100 do not exceed (`p99`). With a pace of 0 the sender sends as fast as it can. With a pause it says nothing for so many
seconds in the middle.
"""

import hashlib
import json
import random
import socket
import socketserver
import sys
import threading
import time

PERIOD = random.Random(20).randbytes(1_000_003)
SEQUENCE = memoryview(PERIOD * 3)
STEP = 0.01
SILENCE = 0.2


def send(stream, total, pace, pause):
    chunk = max(1, int(pace * STEP)) if pace else len(PERIOD)
    sent, due = 0, time.monotonic()
    while sent < total:
        if pause and sent >= total / 2:
            time.sleep(pause)
            pause = 0
        start = sent % len(PERIOD)
        count = min(chunk, total - sent)
        stream.sendall(SEQUENCE[start:start + count])
        sent += count
        if pace:
            # A sender that was held up does not make up for it.
            due = max(due + STEP, time.monotonic() - STEP)
            time.sleep(max(0, due - time.monotonic()))


def receive(stream, total, begun=lambda: None):
    received, is_exact, silences, gaps, digest = 0, True, [], [], hashlib.sha256()
    last = time.monotonic()
    while received < total and (chunk := stream.recv(1 << 19)):
        now = time.monotonic()
        if now - last > SILENCE and received:
            silences.append([last, now - last])
        if not received:
            begun()
        gaps.append(now - last)
        digest.update(chunk)
        start = received % len(PERIOD)
        is_exact = is_exact and SEQUENCE[start:start + len(chunk)] == chunk
        received += len(chunk)
        last = now
    gaps.sort()
    return {
        "bytes": received, "exact": is_exact and received == total, "sha256": digest.hexdigest(), "silences": silences,
        "p99": gaps[len(gaps) * 99 // 100] if gaps else 0}


def sha256(total):
    """What the first `total` bytes come to."""
    digest = hashlib.sha256()
    for start in range(0, total, len(PERIOD)):
        digest.update(PERIOD[:total - start])
    return digest.hexdigest()


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


class Serving(socketserver.BaseRequestHandler):
    def handle(self):
        order = b""
        while not order.endswith(b"\n"):
            order += self.request.recv(1)
        direction, total, pace, pause = order.split()
        if direction == b"down":
            send(self.request, int(total), float(pace), float(pause))
        else:
            report = receive(self.request, int(total), lambda: self.request.sendall(b"begun\n"))
            self.request.sendall(json.dumps(report).encode() + b"\n")


def serve(port=0):
    with Server(("127.0.0.1", int(port)), Serving) as server:
        print("READY", server.server_address[1], flush=True)
        server.serve_forever()


def ask(direction, port, total, pace, pause="0"):
    with socket.create_connection(("127.0.0.1", int(port))) as stream:
        stream.sendall(f"{direction} {total} {pace} {pause}\n".encode())
        if direction == "down":
            report = receive(stream, int(total), lambda: print("begun", flush=True))
            print("report", json.dumps(report), flush=True)
        else:
            order = (stream, int(total), float(pace), float(pause))
            threading.Thread(target=send, args=order, daemon=True).start()
            for line in stream.makefile():
                print("begun" if line == "begun\n" else f"report {line.strip()}", flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(*sys.argv[2:])
    else:
        ask(*sys.argv[1:])
