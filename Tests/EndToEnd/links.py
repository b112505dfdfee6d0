"""Two hosts on one machine with a link between them that has delay, rate, queue and loss.

    a (10.79.0.1) ---- b (10.79.0.2)        in network namespaces, joined by a veth pair or by the program of link.c

The kernels that the tests run on have no netem, so the impaired link is a program of ours between two TUN devices.
"""

import os
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import namespaces

ADDRESSES = {"a": "10.79.0.1", "b": "10.79.0.2"}
DEVICE = "wan0"


def why_not():
    """Why there can be no impaired link here, or None."""
    if reason := namespaces.why_not():
        return reason
    if shutil.which("cc") is None:
        return "an impaired link needs a C compiler"
    try:
        os.close(os.open("/dev/net/tun", os.O_RDWR))
    except OSError as error:
        return f"an impaired link needs TUN devices: {error}"
    return None


class Link:
    """The program between the two namespaces. `conditions` are those of link.c: delay, rate, queue, loss, seed."""

    def __init__(self, folder, a, b, **conditions):
        program = Path(folder) / "link"
        source = Path(__file__).with_name("link.c")
        subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-o", program, source], check=True, timeout=60)
        self.process = subprocess.Popen(
            [program, a, b, DEVICE, *(f"{name}={value}" for name, value in conditions.items())],
            stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "READY\n":
            raise AssertionError(f"no link: exit {self.process.wait(5)}")

    def cut(self):
        """From now on every packet vanishes."""
        self.process.send_signal(signal.SIGUSR1)

    def mend(self):
        self.process.send_signal(signal.SIGUSR2)

    def stop(self):
        """Ends the link; returns for each direction how many packets it carried, lost and dropped."""
        self.process.terminate()
        said = self.process.communicate(timeout=10)[0]
        return [
            dict(zip(("carried", "lost", "dropped"), map(int, counts), strict=True))
            for counts in re.findall(r": (\d+) carried, (\d+) lost, (\d+) dropped", said)]


class TwoHosts:
    """`names` maps a and b to their namespaces, which live as long as the `with`; `link` is None on a veth pair."""

    def __init__(self, **conditions):
        self.names = {host: f"postern-{os.getpid()}-{host}" for host in ADDRESSES}
        self.conditions = conditions
        self.link = None
        self._folder = tempfile.TemporaryDirectory(prefix="postern-link-")

    def __enter__(self):
        try:
            self._build()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _build(self):
        a, b = self.names.values()
        for name in (a, b):
            self._ip("netns", "add", name)
            self._ip("-n", name, "link", "set", "lo", "up")
        if self.conditions:
            self.link = Link(self._folder.name, a, b, **self.conditions)
        else:
            self._ip("-n", a, "link", "add", DEVICE, "type", "veth", "peer", "name", DEVICE, "netns", b)
        for host, name in self.names.items():
            # A burst waits in the link's queue, which is measured, and not in the device's, which would drop it.
            self._ip("-n", name, "link", "set", DEVICE, "txqueuelen", "20000", "up")
            self._ip("-n", name, "addr", "add", f"{ADDRESSES[host]}/24", "dev", DEVICE)

    def stop_link(self):
        """Ends the link; returns what it counted."""
        link, self.link = self.link, None
        return link.stop()

    def __exit__(self, *error):
        if self.link is not None:
            self.stop_link()
        for name in self.names.values():
            subprocess.run(["ip", "netns", "del", name], capture_output=True)
        self._folder.cleanup()

    def prefix(self, host):
        """What goes before a command so that it runs on `host`."""
        return ["ip", "netns", "exec", self.names[host]]

    @staticmethod
    def _ip(*arguments):
        subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)
