"""Programs under test and their agents: started, watched and ended, always by their own process id."""

import asyncio
import itertools
import json
import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(os.environ.get("POSTERN_PROGRAMS", ROOT / ".build" / "release"))
POSTERN = PROGRAMS / "postern"
# Debug builds are ten times slower: loads are smaller there.
IS_DEBUG = "debug" in PROGRAMS.parts


def own_ports(worker=os.environ.get("PYTEST_XDIST_WORKER", "gw0"), slices=8, width=1250):
    """Ports below the range that the kernel hands out by itself, none of them twice before all were given: each worker
    of a run draws from a slice of its own, from a random place onwards, so that neither one test nor two workers at
    once get the same."""
    first = 20000 + int(worker.removeprefix("gw")) % slices * width
    start = int.from_bytes(os.urandom(2)) % width
    for count in itertools.count(start):
        yield first + count % width


PORTS = own_ports()


def free_port(kind=socket.SOCK_STREAM):
    """A port that was free a moment ago and that no other test of this run has been given."""
    for candidate in PORTS:
        with socket.socket(type=kind) as probe:
            try:
                probe.bind(("127.0.0.1", candidate))
                return candidate
            except OSError:
                continue


class Program:
    """A running program. Standard output is read line by line, standard error goes to a log file."""

    def __init__(self, name, arguments, folder, namespace=None, environment=None):
        self.name = name
        self.log = Path(folder) / f"{name}.log"
        self.lines = []
        self.started = time.monotonic()
        self._news = threading.Condition()
        prefix = ["ip", "netns", "exec", namespace] if namespace else []
        self._log_file = open(self.log, "ab")
        self.process = subprocess.Popen(
            [*prefix, *map(str, arguments)], stdout=subprocess.PIPE, stderr=self._log_file, stdin=subprocess.DEVNULL,
            env={**os.environ, **(environment or {})}, start_new_session=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self):
        return self.process.pid

    @property
    def running(self):
        return self.process.poll() is None

    def _read(self):
        for line in self.process.stdout:
            with self._news:
                self.lines.append(line.decode(errors="replace").rstrip("\n"))
                self._news.notify_all()
        with self._news:
            self._news.notify_all()

    def wait_for_line(self, prefix, timeout=20):
        """The rest of the first line on standard output that begins with `prefix`."""
        deadline = time.monotonic() + timeout
        with self._news:
            while True:
                for line in self.lines:
                    if line.startswith(prefix):
                        return line[len(prefix):].strip()
                left = deadline - time.monotonic()
                if left <= 0 or (not self.running and not self._reader.is_alive()):
                    raise AssertionError(f"{self.name} did not say {prefix!r}; {self.tail()}")
                self._news.wait(min(left, 0.2))

    def tail(self, count=30):
        """What there is to say about the program when something went wrong."""
        log = self.log.read_text(errors="replace").splitlines()[-count:]
        return f"exit {self.process.poll()}, output {self.lines[-5:]}, log of {self.name}:\n" + "\n".join(log)

    def signal(self, number):
        if self.running:
            self.process.send_signal(number)

    def kill(self):
        """SIGKILL, as a crash would be."""
        self.signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self, timeout=10):
        """SIGTERM; SIGKILL when that does not help. Returns the exit code of the first, None after the second."""
        self.signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            return None
        finally:
            self._log_file.close()

    def own_memory(self):
        """Resident memory in bytes that is the program's own: the pages of its code come and go."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
        raise AssertionError(f"{self.name} is gone; {self.tail()}")


class Events:
    """The lines that an agent appended to its events file."""

    def __init__(self, path):
        self.path = Path(path)
        self.path.touch()

    def all(self, event, **fields):
        lines = (json.loads(line) for line in self.path.read_text().splitlines() if line.endswith("}"))
        return [line for line in lines
                if line["event"] == event and all(line.get(name) == value for name, value in fields.items())]

    async def wait_for(self, event, timeout=10, **fields):
        deadline = time.monotonic() + timeout
        while not (found := self.all(event, **fields)):
            assert time.monotonic() < deadline, f"the agent never recorded {event} {fields}"
            await asyncio.sleep(0.02)
        return found[0]


class Agent(Program):
    """One of the scripts in `agents`."""

    def __init__(self, script, folder, namespace=None, port=0, more=()):
        self.events = Events(Path(folder) / f"{script}.events")
        arguments = [os.sys.executable, ROOT / "Tests/EndToEnd/agents" / f"{script}.py", "--port", port]
        if script != "grpc_agent":
            arguments += ["--events", self.events.path]
        arguments += more
        super().__init__(script, arguments, folder, namespace)
        # The agent's port, and others that it has besides.
        self.port, *self.more_ports = map(int, self.wait_for_line("READY", 30).split())
