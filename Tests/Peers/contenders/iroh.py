import importlib.util
import sys
import time
from pathlib import Path

from lab import Contender, free_port

TUNNEL = Path(__file__).resolve().parents[1] / "iroh_tunnel.py"


class Iroh(Contender):
    """iroh from PyPI with a stream for every connection. Its core is Rust, but every chunk passes through Python: calls a
    second are a floor for iroh, bulk is near what the core does."""

    name = "iroh (Python binding)"

    def __init__(self, lab):
        super().__init__(lab)
        self.far_port = free_port()
        self.identifier = None

    @classmethod
    def why_not(cls, has_namespaces):
        if importlib.util.find_spec("iroh") is None:
            return f"not installed: {sys.executable} -m pip install iroh"
        return super().why_not(has_namespaces)

    def start_far(self):
        process = self.lab.start(
            "b", sys.executable, TUNNEL, "far", self.lab.far_address, self.far_port, self.lab.agent_port)
        deadline = time.monotonic() + 15
        while not (said := process.log.read_text()).endswith("\n"):
            if time.monotonic() > deadline:
                raise RuntimeError(f"iroh does not start: {said[-300:]}")
            time.sleep(0.05)
        self.identifier = said.split()[0]
        return [process]

    def start_near(self):
        return [self.lab.start(
            "a", sys.executable, TUNNEL, "near", self.lab.far_address, self.far_port, self.identifier, self.port)]
