"""Push notifications of A2A: a receiver on the client's host, and a call whose task notifies it."""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from a2a.types import TaskPushNotificationConfig

from checks import a2a


class Receiver:
    """A webhook on the client's host: remembers what it was told, and answers with `status`."""

    def __init__(self):
        self.calls = []
        self.status = 200
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.calls.append({"path": self.path, "headers": dict(self.headers), "body": body})
                self.send_response(receiver.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/hook?for=me"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def wait(self, count=1, timeout=10):
        deadline = time.monotonic() + timeout
        while len(self.calls) < count:
            assert time.monotonic() < deadline, f"{len(self.calls)} of {count} notifications came"
            time.sleep(0.02)

    def close(self):
        self.server.shutdown()
        self.server.server_close()


async def register(url, receiver, token="secret"):
    """A call whose task notifies `receiver`; returns its task's id."""
    request = a2a.message("echo hello")
    request.configuration.task_push_notification_config.CopyFrom(
        TaskPushNotificationConfig(url=receiver.url, token=token))
    request.configuration.return_immediately = False
    async with await a2a.connect(url, "JSONRPC", streaming=False) as client:
        answers = [answer async for answer in client.send_message(request)]
    return answers[-1].task.id


async def notified(url):
    """A receiver here is told of a task of the agent at `url`; returns the path at which it was."""
    receiver = Receiver()
    task = await register(url, receiver)
    receiver.wait()
    assert task in receiver.calls[0]["body"].decode()
    receiver.close()
    return receiver.calls[0]["path"]
