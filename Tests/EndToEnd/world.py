"""A hub and two sidecars as a user would start them: by the command line, each with its own state directory.

`b` exposes services, `a` reaches them. Trust between the two comes from one invitation.
"""

import json
import os
import subprocess
import time
from pathlib import Path

import yaml

from processes import POSTERN, Agent, Program, free_port

# What every command of the tests is given at most; each answers within a fraction of it.
COMMAND_TIMEOUT = 20


class CommandFailed(AssertionError):
    """A command that should have succeeded."""


def postern(*arguments, namespace=None, environment=None, timeout=COMMAND_TIMEOUT):
    """Runs one `postern` command and returns what became of it."""
    prefix = ["ip", "netns", "exec", namespace] if namespace else []
    return subprocess.run(
        [*prefix, str(POSTERN), *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=timeout, env={**os.environ, **(environment or {})})


class Node:
    """A state directory, its configuration, and the program that runs from it."""

    command = "up"

    def __init__(self, folder, name, namespace=None):
        self.name = name
        self.folder = Path(folder)
        self.state = self.folder / name
        self.namespace = namespace
        self.config = {}
        # What the program has in its environment besides ours.
        self.environment = {}
        self.program = None
        self.ready = None
        self._runs = 0

    def cli(self, *arguments, check=True, timeout=COMMAND_TIMEOUT):
        """A command to this node with `--json`: the document that it printed."""
        run = postern(*arguments, "--state", self.state, "--json", namespace=self.namespace, timeout=timeout)
        if check and run.returncode != 0:
            raise CommandFailed(f"postern {' '.join(map(str, arguments))}: {run.returncode} {run.stdout} {run.stderr}")
        return json.loads(run.stdout) if run.stdout.strip() else None

    @property
    def config_file(self):
        return self.state / "postern.yaml"

    def write_config(self):
        self.config_file.write_text(yaml.safe_dump(self.config, sort_keys=False))

    def arguments(self):
        return [POSTERN, self.command, "--config", self.config_file, "--state", self.state]

    def start(self, timeout=20):
        """Starts the program and waits for its READY line."""
        self._runs += 1
        self.program = Program(
            f"{self.name}-{self._runs}", self.arguments(), self.folder, self.namespace, self.environment)
        self.ready = json.loads(self.program.wait_for_line("READY", timeout))
        return self

    def stop(self):
        return self.program.stop() if self.program and self.program.running else None

    def kill(self):
        self.program.kill()

    def udp_port(self):
        return int(self.ready["udp"][0].rsplit(":", 1)[1])


class Hub(Node):
    command = "hub"

    def __init__(self, folder, address="127.0.0.1", namespace=None):
        super().__init__(folder, "hub", namespace)
        # A test may have put a hub.yaml there.
        self.state.mkdir(parents=True, exist_ok=True)
        self.listen = f"{address}:{free_port()}"

    def arguments(self):
        return [POSTERN, "hub", "--state", self.state, "--listen", self.listen]

    @property
    def url(self):
        return self.ready["hub"]


class Sidecar(Node):
    def __init__(self, folder, name, hub=None, listen="127.0.0.1:0", namespace=None):
        super().__init__(folder, name, namespace)
        arguments = ["init", "--name", name] + (["--hub", hub] if hub else [])
        self.identity = self.cli(*arguments)
        self.did = self.identity["did"]
        self.config = {
            "name": name,
            "hubs": [hub] if hub else [],
            "control": "127.0.0.1:0",
            "underlay": {"listen": listen},
            "expose": [],
            "reach": [],
            "log": {"level": "debug", "format": "text"},
        }

    def expose(self, service, port, kind, upstream, **more):
        self.config["expose"].append(
            {"service": service, "port": port, "kind": kind, "upstream": upstream, "allow": ["trusted"], **more})

    def reach(self, peer, service, port=None, **more):
        """Declares a reach port and returns it."""
        port = port or free_port()
        self.config["reach"].append({"peer": peer, "service": service, "listen": f"127.0.0.1:{port}", **more})
        return port

    def peer(self, did):
        """What `peers` says of one peer, or None."""
        return next((peer for peer in self.cli("peers") if peer["did"] == did), None)

    def wait_for_peer(self, did, wanted, what, timeout=15):
        """Waits until `wanted` holds for what `peers` says of `did`."""
        deadline = time.monotonic() + timeout
        while True:
            peer = self.peer(did)
            if peer is not None and wanted(peer):
                return peer
            assert time.monotonic() < deadline, f"{self.name}: peer never {what}: {peer}; {self.program.tail()}"
            time.sleep(0.1)


def befriend(inviter, joiner):
    """One invitation, both sides; returns when both trust each other."""
    invitation = inviter.cli("invite")["invitation"]
    joiner.cli("join", invitation)
    inviter.wait_for_peer(joiner.did, lambda peer: peer["trusted"], "became trusted")
    joiner.wait_for_peer(inviter.did, lambda peer: peer["trusted"], "became trusted")


class World:
    """Hub, `a` and `b`; ends whatever it started."""

    def __init__(self, folder, hub=True, address="127.0.0.1", namespaces=None):
        self.folder = Path(folder)
        self.namespaces = namespaces or {}
        self.running = []
        self.ports = {}
        self.agents = {}
        self.hub = None
        if hub:
            self.hub = self.add(Hub(self.folder, address, self.namespaces.get("hub")).start())
        listen = "0.0.0.0:0" if namespaces else "127.0.0.1:0"
        url = self.hub.url if self.hub else None
        self.a = self.add(Sidecar(self.folder, "a", url, listen, self.namespaces.get("a")))
        self.b = self.add(Sidecar(self.folder, "b", url, listen, self.namespaces.get("b")))

    def add(self, node):
        self.running.append(node)
        return node

    def agent(self, script, *more):
        """Starts an agent beside `b`; `more` are options for it."""
        agent = self.add(Agent(script, self.folder, self.namespaces.get("b"), more=more))
        self.agents[script] = agent
        return agent

    def serve(self, service, kind, upstream, port=None, listen=None, **more):
        """`b` exposes `upstream` and `a` reaches it; returns the loopback port at `a`, which is `listen` if that is given."""
        self.b.expose(service, port or 80 + len(self.ports), kind, upstream, **more)
        self.ports[service] = self.a.reach(self.b.did, service, port=listen)
        return self.ports[service]

    def start(self, trusted=True):
        for node in (self.b, self.a):
            node.write_config()
            node.start()
        if trusted:
            befriend(self.b, self.a)
        return self

    def restart(self, node):
        """Starts `node` again from the state that it left."""
        node.start()

    def url(self, service, path=""):
        return f"http://127.0.0.1:{self.ports[service]}{path}"

    def close(self):
        for node in reversed(self.running):
            node.stop()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if error is not None:
            for node in (self.hub, self.a, self.b):
                if node is not None and node.program is not None:
                    print(node.program.tail(25))
        self.close()


def with_real_agents(world):
    """The world with every real agent behind it."""
    world.serve("tools", "mcp", f"http://127.0.0.1:{world.agent('mcp_agent').port}")
    planner = world.agent("a2a_agent")
    world.serve("planner", "a2a", f"http://127.0.0.1:{planner.port}", grpc=planner.more_ports[0])
    world.serve("echo", "tcp", f"tcp://127.0.0.1:{world.agent('grpc_agent').port}")
    return world.start()


