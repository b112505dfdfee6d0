"""HTTP by hand: a scripted agent that keeps every byte it is sent, and a client that sends what no library would."""

import contextlib
import socket
import struct
import threading
import time


class Connection:
    """One accepted connection: what came, and how it ended."""

    def __init__(self, stream):
        self.stream = stream
        self.received = b""
        # None while open, then "end" for an orderly end and "reset" for an abort.
        self.ended = None
        self.ended_at = None
        self._lock = threading.Condition()

    def read(self):
        """Takes in what there is; False at the end."""
        try:
            chunk = self.stream.recv(65536)
        except OSError:
            self._end("reset")
            return False
        if not chunk:
            self._end("end")
            return False
        with self._lock:
            self.received += chunk
            self._lock.notify_all()
        return True

    def read_request(self):
        """The head of the next request and the body that its length announces; None at the end."""
        while b"\r\n\r\n" not in self.received:
            if not self.read():
                return None
        head, _, rest = self.received.partition(b"\r\n\r\n")
        length = int(header(head, "content-length") or 0)
        while len(rest) < length:
            if not self.read():
                return None
            rest = self.received.partition(b"\r\n\r\n")[2]
        self.received = rest[length:]
        return head, rest[:length]

    def _end(self, how):
        with self._lock:
            if self.ended is None:
                self.ended, self.ended_at = how, time.monotonic()
            self._lock.notify_all()

    def wait_for_end(self, timeout):
        """How the other side ended the connection, or None when it did not in time."""
        deadline = time.monotonic() + timeout
        with self._lock:
            while self.ended is None and (left := deadline - time.monotonic()) > 0:
                self._lock.wait(left)
        return self.ended

    def send(self, data):
        try:
            self.stream.sendall(data)
        except OSError:
            self._end("reset")
            raise

    def abort(self):
        abort(self.stream)


def abort(stream):
    """Closes with a reset."""
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.close()


def header(head, name):
    """The first value of a header in a head, or None."""
    values = headers(head, name)
    return values[0] if values else None


def headers(head, name):
    """All values of a header in a head, in order."""
    if isinstance(head, str):
        head = head.encode()
    found = []
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.strip().lower() == name.lower().encode():
            found.append(value.strip().decode("latin-1"))
    return found


def answer(body=b"ok", status="200 OK", extra=""):
    if isinstance(body, str):
        body = body.encode()
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{extra}\r\n".encode() + body


class RawAgent:
    """Listens on loopback and runs `handler(connection)` for each connection, by default one `ok` per request."""

    def __init__(self, port=0):
        self.connections = []
        self.handler = self.serve_ok
        self._listener = socket.create_server(("127.0.0.1", port), backlog=256)
        self.port = self._listener.getsockname()[1]
        self._open = True
        threading.Thread(target=self._accept, daemon=True).start()

    @staticmethod
    def serve_ok(connection):
        while (request := connection.read_request()) is not None:
            connection.last = request
            connection.send(answer())
            if header(request[0], "connection") == "close":
                return

    def _accept(self):
        while self._open:
            try:
                stream, _ = self._listener.accept()
            except OSError:
                return
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(stream)
            self.connections.append(connection)
            threading.Thread(target=self._run, args=(connection, self.handler), daemon=True).start()

    @staticmethod
    def _run(connection, handler):
        with contextlib.suppress(OSError):
            handler(connection)
        with contextlib.suppress(OSError):
            connection.stream.close()

    def wait_for_connection(self, number=1, timeout=10):
        deadline = time.monotonic() + timeout
        while len(self.connections) < number:
            assert time.monotonic() < deadline, "nothing connected to the agent"
            time.sleep(0.01)
        return self.connections[number - 1]

    def close(self):
        self._open = False
        # Closed alone it would take one more: a thread waits for that.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.stream.close()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()


class RawClient:
    """A client connection to a loopback port."""

    def __init__(self, port, timeout=10):
        self.port = port
        self.stream = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def send(self, data):
        self.stream.sendall(data)

    def get(self, path="/", extra=""):
        """Sends a plain GET."""
        self.send(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n{extra}\r\n".encode())

    def read_until(self, mark):
        while mark not in self.buffer:
            chunk = self.stream.recv(65536)
            if not chunk:
                raise EOFError(self.buffer)
            self.buffer += chunk
        taken, _, self.buffer = self.buffer.partition(mark)
        return taken

    def read_exactly(self, count):
        taken, self.buffer = bytearray(self.buffer[:count]), self.buffer[count:]
        while len(taken) < count:
            chunk = self.stream.recv(min(1 << 20, count - len(taken)))
            if not chunk:
                raise EOFError(bytes(taken))
            taken += chunk
        return bytes(taken)

    def response(self):
        """Status, head and body of the next response with a length."""
        head = self.read_until(b"\r\n\r\n")
        return int(head.split()[1]), head, self.read_exactly(int(header(head, "content-length") or 0))

    def rest(self):
        """Everything up to the end, and how it ended: "end" or "reset"."""
        try:
            while chunk := self.stream.recv(65536):
                self.buffer += chunk
        except ConnectionResetError:
            return self.buffer, "reset"
        return self.buffer, "end"

    def abort(self):
        abort(self.stream)

    def close(self):
        self.stream.close()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()
