"""Three hosts on one machine, in network namespaces: two on either side of a third.

    a (10.78.1.2) ---- (10.78.1.1) hub (10.78.2.1) ---- (10.78.2.2) b        the hub's address is 10.78.0.1

By default the hub forwards nothing, so no datagram of `a` ever comes to `b` except through the hub's relay. With
`forwards` it is a router between the two.
"""

import contextlib
import ctypes
import os
import re
import shutil
import subprocess
import sys

HUB_ADDRESS = "10.78.0.1"
# <linux/sched.h>
CLONE_NEWNET = 0x40000000
# The same where there is no IPv4.
SIX_HUB_ADDRESS = "2001:db8:78::1"


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

    def __init__(self, forwards=False):
        self.forwards = forwards
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
        self.forward(self.forwards)

    def __exit__(self, *error):
        for name in self.names.values():
            subprocess.run(["ip", "netns", "del", name], capture_output=True)

    def forward(self, is_on):
        """Lets the hub forward, or stop to: then every packet between the two vanishes in it."""
        self.run("hub", "sh", "-c", f"echo {int(is_on)} > /proc/sys/net/ipv4/ip_forward")

    def move(self, host, old, new):
        """Gives `a` or `b` another address on its link to the hub; the old one is gone."""
        name = self.names[host]
        router = new.rsplit(".", 1)[0] + ".1"
        self._ip("-n", name, "addr", "del", f"{old}/24", "dev", "up0")
        self._ip("-n", name, "addr", "add", f"{new}/24", "dev", "up0")
        self._ip("-n", name, "route", "replace", "default", "via", router)

    def translate(self):
        """Makes the hub a NAT for what `a` begins, with a random port for each flow; nothing comes in by itself."""
        rules = """
            table ip nat {
                chain out { type nat hook postrouting priority 100; oifname "to-b" masquerade fully-random; }
                chain in { type filter hook input priority 0; iifname "to-b" ct state new drop; }
                chain through { type filter hook forward priority 0; iifname "to-b" ct state new drop; }
            }"""
        self.run("hub", "nft", "-f", "-", input=rules)

    def translated_ports(self):
        """The ports under which the NAT lets UDP flows of `a` out now."""
        table = self.run("hub", "conntrack", "-L", "-p", "udp", "-s", "10.78.1.2").stdout
        # Each line has the flow as `a` sends it and then as the answer comes, to the translated port.
        return {int(port) for port in re.findall(r"dport=.*dport=(\d+)", table)}

    def forget_translations(self):
        """The NAT loses its memory, as when a router restarts: the next packet of a flow gets another port."""
        self.run("hub", "conntrack", "-F")

    def run(self, host, *command, check=True, timeout=120, **more):
        """Runs a command on one of the hosts."""
        return subprocess.run(
            ["ip", "netns", "exec", self.names[host], *map(str, command)], check=check, timeout=timeout,
            capture_output=True, text=True, **more)

    @contextlib.contextmanager
    def entered(self, host):
        """Sockets that this thread makes meanwhile, and threads and programs that it starts, are on one of the hosts."""
        libc = ctypes.CDLL(None, use_errno=True)
        with open("/proc/thread-self/ns/net") as before, open(f"/run/netns/{self.names[host]}") as there:
            def enter(place):
                if libc.setns(place.fileno(), CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
            enter(there)
            try:
                yield
            finally:
                enter(before)

    def connect(self, host, is_connected):
        """Cuts the cable of `a` or `b` at its end, or mends it."""
        self._ip("-n", self.names[host], "link", "set", "up0", "up" if is_connected else "down")

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


class SixNamespaces(Namespaces):
    """The same three hosts with IPv6 alone, and a hub that forwards: 2001:db8:78:1::2 and 2001:db8:78:2::2."""

    def _build(self):
        hub = self.names["hub"]
        for name in self.names.values():
            self._ip("netns", "add", name)
            self._ip("-n", name, "link", "set", "lo", "up")
        self._ip("-n", hub, "addr", "add", f"{SIX_HUB_ADDRESS}/128", "dev", "lo", "nodad")
        self.run("hub", "sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/all/forwarding")
        for index, host in enumerate(("a", "b"), start=1):
            link, name, net = f"to-{host}", self.names[host], f"2001:db8:78:{index}"
            self._ip("-n", hub, "link", "add", "name", link, "type", "veth", "peer", "name", "up0", "netns", name)
            self._ip("-n", hub, "addr", "add", f"{net}::1/64", "dev", link, "nodad")
            self._ip("-n", hub, "link", "set", link, "up")
            self._ip("-n", name, "addr", "add", f"{net}::2/64", "dev", "up0", "nodad")
            self._ip("-n", name, "link", "set", "up0", "up")
            self._ip("-n", name, "route", "add", "default", "via", f"{net}::1")
