"""A client on one of the hosts.

    reader.py bulk ADDRESS PORT SECONDS     reads /bulk; prints bytes, seconds and the bytes that had come by each second
    reader.py first ADDRESS PORT SECONDS    tries until there is an answer; prints the monotonic time of it
"""

import json
import selectors
import socket
import sys
import time

ANSWERED = b"HTTP/1.1 200 "
# How often a new attempt begins while none has been answered, in seconds; earlier ones go on beside it.
EVERY = 0.002


def request(path, address, port):
    return f"GET {path} HTTP/1.1\r\nHost: {address}:{port}\r\nConnection: close\r\n\r\n".encode()


def bulk(address, port, limit):
    buffer = bytearray(1 << 20)
    by_second = []
    with socket.create_connection((address, port), timeout=limit) as stream:
        started = time.monotonic()
        stream.sendall(request("/bulk", address, port))
        head = b""
        while b"\r\n\r\n" not in head:
            more = stream.recv(65536)
            if not more:
                sys.exit(f"no answer: {head[:200]}")
            head += more
        if not head.startswith(ANSWERED):
            sys.exit(f"not 200: {head[:200]}")
        received = len(head) - head.index(b"\r\n\r\n") - 4
        passed = 0.0
        while passed < limit:
            stream.settimeout(limit - passed)
            try:
                count = stream.recv_into(buffer)
            except TimeoutError:
                count = None
            passed = time.monotonic() - started
            while len(by_second) < int(passed):
                by_second.append(received)
            if not count:
                break
            received += count
    print(json.dumps({"bytes": received, "seconds": passed, "by_second": by_second}))


class Attempt:
    def __init__(self, selector, address, port):
        self.selector = selector
        self.request = request("/rpc", address, port)
        self.answer = b""
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.connect_ex((address, port))
        selector.register(self.socket, selectors.EVENT_WRITE, self)

    def is_answered(self):
        """Goes on; whether there is a good answer. An attempt that failed is gone."""
        try:
            if self.request:
                self.socket.send(self.request)
                self.request = b""
                self.selector.modify(self.socket, selectors.EVENT_READ, self)
                return False
            more = self.socket.recv(65536)
        except OSError:
            more = b""
        self.answer += more
        if not more or (len(self.answer) >= len(ANSWERED) and not self.answer.startswith(ANSWERED)):
            self.selector.unregister(self.socket)
            self.socket.close()
            return False
        return self.answer.startswith(ANSWERED)


def first(address, port, limit):
    end = time.monotonic() + limit
    with selectors.DefaultSelector() as selector:
        while (begun := time.monotonic()) < end:
            # At most so many wait at a time as to leave the tunnel its rest.
            if len(selector.get_map()) < 64:
                try:
                    Attempt(selector, address, port)
                except OSError:
                    pass
            while (left := begun + EVERY - time.monotonic()) > 0:
                if any(key.data.is_answered() for key, _ in selector.select(left)):
                    return print(repr(time.monotonic()))
    sys.exit("no answer")


if __name__ == "__main__":
    {"bulk": bulk, "first": first}[sys.argv[1]](sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
