"""README's ten minutes, word for word: two hosts and a hub, each in a network namespace with a home of its own.

What is typed is read from README at the time of the test, so that README is what is tested: a command that changes there
is the one that runs here, and one that README leaves out is missed here.
"""

import json
import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

from namespaces import HUB_ADDRESS, Namespaces, why_not
from processes import POSTERN, ROOT, Agent, Program

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
HERE = Path(__file__).parent
# What issue 14 allows on all machines together.
MOST_COMMANDS = 12


def section(text, title):
    return re.search(rf"^## {re.escape(title)}\n(.*?)^## ", text, re.M | re.S)[1]


def commands_of_readme():
    """The lines that README shows for the hub's machine, beside the agent and beside the client, without comments."""
    steps = section((ROOT / "README.md").read_text(), "Two machines in ten minutes")
    blocks = re.findall(r"^\*\*([A-Z][^*\n]*?):?\*\*.*?^```\n(.*?)^```", steps, re.M | re.S)
    found = {title: [line.split("#")[0].strip() for line in block.splitlines()] for title, block in blocks}
    assert list(found) == ["On the hub's machine", "Beside the agent", "Beside the client"], list(found)
    return [[line for line in lines if not line.startswith("READY")] for lines in found.values()]


class Host:
    """A machine with nothing on it but `postern` on the path and an empty home."""

    def __init__(self, folder, name, namespace):
        self.home = folder / name
        self.home.mkdir()
        self.namespace = namespace
        programs = folder / "bin"
        programs.mkdir(exist_ok=True)
        link = programs / "postern"
        if not link.exists():
            link.symlink_to(POSTERN)
        self.environment = {
            "HOME": str(self.home), "PATH": f"{programs}:{os.environ['PATH']}", "LANG": "C.UTF-8"}
        self.typed = []

    def type(self, line, text=None, timeout=30):
        """What `line` prints, typed into a shell in the home directory; `text` is pasted behind it."""
        begun = time.monotonic()
        run = subprocess.run(
            ["ip", "netns", "exec", self.namespace, "sh", "-c", line], cwd=self.home, env=self.environment, text=True,
            input=text or "", capture_output=True, timeout=timeout)
        self.typed.append((line, time.monotonic() - begun))
        assert run.returncode == 0, f"$ {line}\n{run.stdout}{run.stderr}"
        return run.stdout


def as_typed(line, hub_url):
    """A line of README with this test's hub in the place of the example's."""
    return re.sub(r"postern://hub\.example\.net:4600/did:key:z6Mk…", hub_url, line)


def test_the_ten_minutes_of_readme(tmp_path):
    on_hub, on_agent, on_client = commands_of_readme()
    assert len(on_hub) + len(on_agent) + len(on_client) <= MOST_COMMANDS
    with Namespaces(forwards=True) as network:
        hub_host, agent_host, client_host = (Host(tmp_path, name, network.names[name]) for name in ("hub", "a", "b"))
        agent = Agent("mcp_agent", tmp_path, network.names["a"], port=9000)
        assert agent.port == 9000, "README's port"
        *before, start = on_hub
        for line in before:
            hub_host.type(line)
        words = shlex.split(start.replace("hub.example.net", HUB_ADDRESS))
        assert words[0] == "postern", "the last line on the hub's machine starts the hub"
        hub = Program("hub", [POSTERN, *words[1:]], tmp_path, hub_host.namespace, hub_host.environment)
        try:
            url = json.loads(hub.wait_for_line("READY"))["hub"]
            assert url.startswith(f"postern://{HUB_ADDRESS}:4600/did:key:")
            for line in on_agent:
                printed = agent_host.type(as_typed(line, url))
            [invitation] = printed.splitlines()
            for line in on_client:
                printed = client_host.type(as_typed(line, url), invitation + "\n" if "join -" in line else None)
            # The rest of the section: what the last command printed is where a client goes.
            address = re.search(r"127\.0\.0\.1:\d+", printed)[0]
            assert f"http://{address}/mcp" in printed, printed
            order = json.dumps({"check": "mcp.tools", "arguments": {"url": f"http://{address}/mcp", "era": "modern"}})
            client = subprocess.run(
                ["ip", "netns", "exec", client_host.namespace, sys.executable, "-m", "checks", order], cwd=HERE,
                capture_output=True, text=True, timeout=60, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
            assert client.returncode == 0, client.stderr[-1500:]
            assert '"echo"' in client_host.type("postern call research:tools tools/list")
            assert "research" in client_host.type("postern peers")
            assert "path direct" in client_host.type("postern ping research --until-direct", timeout=60)
        finally:
            for host in (client_host, agent_host):
                subprocess.run(
                    [POSTERN, "down"], env={**os.environ, **host.environment}, capture_output=True, timeout=30)
            hub.stop()
            agent.stop()
        for host in (hub_host, agent_host, client_host):
            for line, seconds in host.typed:
                print(f"{host.home.name:4} {seconds:6.2f} s  {line[:100]}")
