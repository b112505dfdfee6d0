"""Where contenders are measured: two hosts, the agent that they carry calls to, and the processes of each contender.

    wrk -> near end --- veth, or a link with delay and loss --- far end -> nginx as the agent
           host a (10.79.0.1)                                   host b (10.79.0.2)

With root the hosts are network namespaces; without it both are this machine's loopback, and contenders that need a device
of their own are left out.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "EndToEnd"))
sys.dont_write_bytecode = True

import links  # noqa: E402
from processes import free_port  # noqa: E402

AGENT_PORT = 8080
SIZE = 300


def padded(document):
    """A JSON document with its empty text filled so that the whole has 300 bytes."""
    text = json.dumps(document, separators=(",", ":"))
    return text.replace('"text":""', '"text":"' + "x" * (SIZE - len(text)) + '"')


REQUEST = padded({
    "jsonrpc": "2.0", "id": "7f3a9c1e-0001", "method": "SendMessage",
    "params": {"message": {"role": "ROLE_USER", "messageId": "b1946ac9-2492-4d23-8c6e-1e8b6f0a6a11", "parts": [
        {"text": ""}]}, "configuration": {"acceptedOutputModes": ["text/plain"]}}})
ANSWER = padded({
    "jsonrpc": "2.0", "id": "7f3a9c1e-0001",
    "result": {"message": {"role": "ROLE_AGENT", "messageId": "9e107d9d-372b-4b68-8b3b-6b1d1c0a7f42", "parts": [
        {"text": ""}], "contextId": "c0ffee00-1111-4222-8333-444455556666"}}})


class Loopback:
    """Both hosts are this machine; stands in for ``links.TwoHosts`` where there is no root."""

    names = None

    def prefix(self, host):
        return []

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass


class Lab:
    """The two hosts with the agent on `b`; ends whatever was started in it."""

    def __init__(self, folder, bulk_size, **conditions):
        self.folder = Path(folder)
        # nginx's worker drops root and still has to reach its folders.
        self.folder.chmod(0o755)
        self.bulk_size = bulk_size
        self.has_namespaces = links.why_not() is None
        if conditions and not self.has_namespaces:
            raise SystemExit(f"no link with delay here: {links.why_not()}")
        self.hosts = links.TwoHosts(**conditions) if self.has_namespaces else Loopback()
        self.far_address = links.ADDRESSES["b"] if self.has_namespaces else "127.0.0.1"
        self.agent_port = AGENT_PORT if self.has_namespaces else free_port()
        self._bulk = Path("/dev/shm") / f"postern-bulk-{os.getpid()}"
        self._processes = []

    def __enter__(self):
        self.hosts.__enter__()
        try:
            if self.has_namespaces:
                # Many short connections use many ports.
                self.run("a", "sh", "-c", "echo 1024 65000 > /proc/sys/net/ipv4/ip_local_port_range")
            self._start_agent()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error):
        for process in reversed(self._processes):
            self.stop(process)
        self._bulk.unlink(missing_ok=True)
        self.hosts.__exit__(*error)

    def _start_agent(self):
        with open(self._bulk, "wb") as bulk:
            block = os.urandom(1 << 20)
            for _ in range(self.bulk_size >> 20):
                bulk.write(block)
        address = "0.0.0.0" if self.has_namespaces else "127.0.0.1"
        self.start_nginx("b", "agent", f"""server {{
            listen {address}:{self.agent_port};
            location /rpc {{ default_type application/json; return 200 '{ANSWER}'; }}
            location /bulk {{ alias {self._bulk}; }} }}""")

    def start(self, host, *command, environment=None):
        """Starts a program on a host; its output goes to a file of the lab's folder."""
        name = f"{Path(command[0]).name}-{host}-{len(self._processes)}.log"
        with open(self.folder / name, "wb") as log:
            process = subprocess.Popen(
                [*self.hosts.prefix(host), *map(str, command)], stdout=log, stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL, env={**os.environ, **(environment or {})}, start_new_session=True)
        process.log = self.folder / name
        self._processes.append(process)
        return process

    def stop(self, process):
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(5)
        if process in self._processes:
            self._processes.remove(process)

    def run(self, host, *command, timeout=60):
        """Runs a program on a host to its end; returns its standard output."""
        done = subprocess.run(
            [*self.hosts.prefix(host), *map(str, command)], capture_output=True, text=True, timeout=timeout)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(map(str, command))}: {done.stdout[-500:]} {done.stderr[-500:]}")
        return done.stdout

    def start_nginx(self, host, name, http):
        """Starts nginx with one worker; `http` is what its configuration has beside what all of them share."""
        config = self.folder / f"{name}.conf"
        paths = "".join(
            f"{kind}_temp_path {self.folder}/{name}-{kind};"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        config.write_text(f"""
            worker_processes 1; daemon off; pid {self.folder}/{name}.pid; error_log {self.folder}/{name}.log;
            events {{ worker_connections 4096; }}
            http {{
                access_log off; keepalive_requests 100000000; keepalive_timeout 300; tcp_nodelay on; sendfile on;
                {paths}
                proxy_http_version 1.1; proxy_set_header Connection ""; proxy_max_temp_file_size 0;
                proxy_buffers 16 64k; proxy_buffer_size 64k; proxy_busy_buffers_size 512k;
                {http}
            }}""")
        return self.start(host, "nginx", "-c", config)

    def certificate(self):
        """A certificate for peer.test and its key."""
        certificate, key = self.folder / "certificate.pem", self.folder / "key.pem"
        if not certificate.exists():
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                 "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=peer.test", "-addext",
                 "subjectAltName=DNS:peer.test"], check=True, capture_output=True)
        return certificate, key


class Contender:
    """Something that carries calls from host a to the agent on host b.

    A subclass starts its far end in `start_far` and its near end in `start_near`, each of which returns the processes that it
    started; calls then go to `address` and `port` on host a.
    """

    name = ""
    # Programs that must be there, with the Debian package of each.
    programs = {}
    # Whether it needs a network device, and so namespaces.
    needs_device = False
    # Whether there is something on host a that can be started again.
    has_near_end = True
    address = "127.0.0.1"

    def __init__(self, lab):
        self.lab = lab
        self.port = free_port()
        self.far, self.near = [], []

    @classmethod
    def why_not(cls, has_namespaces):
        """Why it cannot be measured here, or None."""
        missing = [package for program, package in cls.programs.items() if shutil.which(program) is None]
        if missing:
            return f"not installed: apt-get install {' '.join(sorted(set(missing)))}"
        if cls.needs_device and not has_namespaces:
            return "needs network namespaces, and so root"
        return None

    def start(self):
        self.far = self.start_far()
        self.near = self.start_near()

    def stop_near(self):
        for process in self.near:
            self.lab.stop(process)

    def pids(self):
        """The processes of both ends."""
        return [pid for process in self.far + self.near for pid in family(process.pid)]

    def start_far(self):
        return []

    def start_near(self):
        return []

    def stop(self):
        self.stop_near()
        for process in self.far:
            self.lab.stop(process)


def family(pid):
    """A process and all below it."""
    found = [pid]
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            found += family(int(child))
    return found


def processor_seconds(pids):
    """What the processes have spent on processors until now, in user and system mode."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def resident(pids):
    """Bytes of resident memory of the processes."""
    return sum(int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) for pid in pids) << 10
