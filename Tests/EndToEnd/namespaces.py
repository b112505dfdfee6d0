"""Three hosts on one machine, in network namespaces: two that reach the hub, and not each other.

    a (10.78.1.2) ---- (10.78.1.1) hub (10.78.2.1) ---- (10.78.2.2) b        the hub's address is 10.78.0.1

The hub forwards nothing, so no datagram of `a` ever comes to `b` except through the hub's relay.
"""

import os
import shutil
import subprocess
import sys

HUB_ADDRESS = "10.78.0.1"


def why_not():
    """Why namespaces cannot be made here, or None."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None:
        return "network namespaces need iproute2"
    probe = subprocess.run(["unshare", "--net", "true"], capture_output=True, text=True)
    return None if probe.returncode == 0 else f"no network namespaces here: {probe.stderr.strip()}"


class Namespaces:
    """`names` maps hub, a and b to the namespaces, which live as long as the `with`."""

    def __init__(self):
        self.names = {host: f"postern-{os.getpid()}-{host}" for host in ("hub", "a", "b")}

    def __enter__(self):
        try:
            self._build()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _build(self):
        hub = self.names["hub"]
        for name in self.names.values():
            self._ip("netns", "add", name)
            self._ip("-n", name, "link", "set", "lo", "up")
        self._ip("-n", hub, "addr", "add", f"{HUB_ADDRESS}/32", "dev", "lo")
        for index, host in enumerate(("a", "b"), start=1):
            link, name = f"to-{host}", self.names[host]
            self._ip("-n", hub, "link", "add", "name", link, "type", "veth", "peer", "name", "up0", "netns", name)
            self._ip("-n", hub, "addr", "add", f"10.78.{index}.1/24", "dev", link)
            self._ip("-n", hub, "link", "set", link, "up")
            self._ip("-n", name, "addr", "add", f"10.78.{index}.2/24", "dev", "up0")
            self._ip("-n", name, "link", "set", "up0", "up")
            self._ip("-n", name, "route", "add", "default", "via", f"10.78.{index}.1")
        self.run("hub", "sh", "-c", "echo 0 > /proc/sys/net/ipv4/ip_forward")

    def __exit__(self, *error):
        for name in self.names.values():
            subprocess.run(["ip", "netns", "del", name], capture_output=True)

    def run(self, host, *command, check=True, timeout=120, **more):
        """Runs a command on one of the hosts."""
        return subprocess.run(
            ["ip", "netns", "exec", self.names[host], *map(str, command)], check=check, timeout=timeout,
            capture_output=True, text=True, **more)

    def datagram_arrives(self, sender, receiver, address):
        """Whether a UDP datagram of one host comes to another at `address`."""
        listen = (
            "import socket; s = socket.socket(type=socket.SOCK_DGRAM); s.bind(('0.0.0.0', 4999)); s.settimeout(1.5);"
            "print('listening', flush=True); print(s.recv(9))")
        send = f"import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'hello', ('{address}', 4999))"
        listener = subprocess.Popen(
            ["ip", "netns", "exec", self.names[receiver], sys.executable, "-c", listen], stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL)
        listener.stdout.readline()
        self.run(sender, sys.executable, "-c", send, check=False)
        return b"hello" in listener.communicate(timeout=10)[0]

    @staticmethod
    def _ip(*arguments):
        subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)
