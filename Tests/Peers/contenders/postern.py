import time

from lab import Contender
from processes import POSTERN
from world import World


class Postern(Contender):
    """Two sidecars as a user starts them, without a hub: an invitation made them trust each other."""

    name = "postern"
    programs = {str(POSTERN): "(a release build: swift build -c release)"}

    def __init__(self, lab):
        super().__init__(lab)
        folder = lab.folder / "postern"
        folder.mkdir()
        self.world = World(folder, hub=False, namespaces=lab.hosts.names)
        for sidecar in (self.world.a, self.world.b):
            sidecar.config["log"]["level"] = "info"
        self.world.serve("rpc", "http", f"http://127.0.0.1:{lab.agent_port}", listen=self.port)

    def start(self):
        self.world.start()
        # The paths settle: what is tried beside the one that works ends.
        time.sleep(1)

    def pids(self):
        return [self.world.a.program.pid, self.world.b.program.pid]

    def stop_near(self):
        self.world.a.stop()

    def start_near(self):
        self.world.a.start()
        return []

    def stop(self):
        self.world.close()
