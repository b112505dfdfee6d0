"""A small internet on one machine, in network namespaces: two hosts, each behind a router of its own, and a hub.

    a (10.81.1.2) --- router a (203.0.113.11)---+                   +---(203.0.113.12) router b --- (10.82.1.2) b
                                                +--- bridge in hub ---+
                                                    203.0.113.1

A router translates and filters as RFC 4787 puts it; `KINDS` are those that homes, companies and carriers have:

    kind                      mapping                 filtering
    public                    none: the host's address is routed
    firewall                  none                    only answers come in
    full-cone                 endpoint-independent    endpoint-independent
    address-restricted        endpoint-independent    address-dependent
    port-restricted           endpoint-independent    address and port-dependent (what Linux routers do)
    symmetric                 address and port-dependent, random ports      address and port-dependent
    symmetric-sequential      address and port-dependent, one port after the other
    udp-blocked               only TCP gets out
    tcp-443                   only TCP to port 443 gets out
    blackout                  nothing gets out

With `-mapped` a translator's ports differ from those inside, and who only knows the inside has nothing. `-noisy`: a
router that does not drop what nobody asked for: a packet that comes too early takes the port of the flow that was to be.
"""

import os
import re
import subprocess

from namespaces import why_not as no_namespaces

HUB = "203.0.113.1"
# A second address of the hub's machine.
HUB_TOO = "203.0.113.2"
ROUTERS = {"a": "203.0.113.11", "b": "203.0.113.12"}
HOSTS = {"a": "10.81.1.2", "b": "10.82.1.2"}
ENDPOINT_INDEPENDENT = [
    "public", "firewall", "full-cone", "full-cone-mapped", "address-restricted", "address-restricted-mapped",
    "port-restricted", "port-restricted-mapped", "port-restricted-noisy"]
SYMMETRIC = ["symmetric", "symmetric-sequential"]
WITHOUT_UDP = ["udp-blocked", "tcp-443"]
KINDS = [*ENDPOINT_INDEPENDENT, *SYMMETRIC, *WITHOUT_UDP, "blackout"]


def why_not():
    """Why there can be no routers here, or None."""
    if reason := no_namespaces():
        return reason
    probe = subprocess.run(
        ["unshare", "--net", "nft", "add table ip t { chain c { type nat hook postrouting priority 0; }; }"],
        capture_output=True, text=True)
    return None if probe.returncode == 0 else f"no address translation here: {probe.stderr.strip()}"


def chain(name, hook, priority, *statements, type="filter", policy=None):
    """One chain of a table."""
    head = [f"type {type} hook {hook} priority {priority};"] + ([f"policy {policy};"] if policy else [])
    return "\n".join([f"chain {name} {{", *head, *statements, "}"])


def rules(kind, address, lifetime=30):
    """What `nft` makes of a router with this public address."""
    base, mapped, noisy = re.fullmatch(r"(.*?)(-mapped)?(-noisy)?", kind).groups()
    match base:
        case "public":
            return ""
        case "firewall":
            parts = [chain("through", "forward", 0, 'iifname "wan" ct state established,related accept',
                           'iifname "wan" drop')]
        case "blackout":
            parts = [chain("through", "forward", 0, policy="drop")]
        case _:
            translate = {
                "symmetric": "masquerade fully-random",
                "symmetric-sequential": f"snat to {address} : numgen inc mod 20000 offset 40000",
            }.get(base, f"snat to {address} : jhash ip saddr . udp sport mod 20000 seed 0xbeef offset 30000" if mapped
                  else "masquerade")
            parts = [chain("out", "postrouting", 100, f'oifname "wan" meta l4proto udp {translate}',
                           'oifname "wan" masquerade', type="nat")]
    if base in ("full-cone", "address-restricted"):
        known = "udp dport . ip saddr @contacts" if base == "address-restricted" else ""
        table = f"size 65536; flags dynamic,timeout; timeout {lifetime}s;"
        parts = [
            f"map inside {{ type inet_service : ipv4_addr . inet_service; {table} }}",
            f"set contacts {{ type inet_service . ipv4_addr; {table} }}",
            chain("note", "postrouting", 110,
                  'oifname "wan" meta l4proto udp update @inside '
                  "{ udp sport : ct original ip saddr . ct original proto-src }",
                  'oifname "wan" meta l4proto udp update @contacts { udp sport . ip daddr }'),
            chain("in", "prerouting", -100, f'iifname "wan" meta l4proto udp {known} dnat ip to udp dport map @inside',
                  type="nat"),
            *parts]
    if base not in ("firewall", "blackout") and not noisy:
        parts.append(chain("local", "input", 0, 'iifname "wan" ct state new drop'))
    if base == "udp-blocked":
        parts.append(chain("through", "forward", 0, "meta l4proto udp drop"))
    if base == "tcp-443":
        parts.append(chain("through", "forward", 0, 'oifname "wan" tcp dport 443 accept',
                           'iifname "wan" ct state established accept', policy="drop"))
    return "\n".join(["table ip nat {", *parts, "}", ""])


class Internet:
    """`names` maps hub, a and b to their namespaces, which live as long as the `with`."""

    def __init__(self, kind_a, kind_b, tag=""):
        self.kinds = {"a": kind_a, "b": kind_b}
        self.names = {host: f"postern-{os.getpid()}{tag}-{host}" for host in ("hub", "a", "b")}
        self.routers = {host: f"postern-{os.getpid()}{tag}-r{host}" for host in ROUTERS}

    def __enter__(self):
        try:
            self._build()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error):
        for name in (*self.names.values(), *self.routers.values()):
            subprocess.run(["ip", "netns", "del", name], capture_output=True)

    def _build(self):
        for name in (*self.names.values(), *self.routers.values()):
            self._ip("netns", "add", name)
            self._ip("-n", name, "link", "set", "lo", "up")
        hub = self.names["hub"]
        self._ip("-n", hub, "link", "add", "name", "net", "type", "bridge")
        self._ip("-n", hub, "link", "set", "net", "up")
        for address in (HUB, HUB_TOO):
            self._ip("-n", hub, "addr", "add", f"{address}/24", "dev", "net")
        for host, address in ROUTERS.items():
            router, name, inside = self.routers[host], self.names[host], HOSTS[host]
            gateway = inside.rsplit(".", 1)[0] + ".1"
            self._ip("-n", hub, "link", "add", "name", f"to-{host}", "type", "veth", "peer", "name", "wan", "netns",
                     router)
            self._ip("-n", hub, "link", "set", f"to-{host}", "master", "net", "up")
            self._ip("-n", router, "addr", "add", f"{address}/24", "dev", "wan")
            self._ip("-n", router, "link", "set", "wan", "up")
            self._ip("-n", router, "link", "add", "name", "lan", "type", "veth", "peer", "name", "eth0", "netns", name)
            self._ip("-n", router, "addr", "add", f"{gateway}/24", "dev", "lan")
            self._ip("-n", router, "link", "set", "lan", "up")
            self._ip("-n", name, "addr", "add", f"{inside}/24", "dev", "eth0")
            self._ip("-n", name, "link", "set", "eth0", "up")
            self._ip("-n", name, "route", "add", "default", "via", gateway)
            self._ip("-n", router, "route", "add", "default", "via", HUB)
            self._in(router, "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv4.conf.all.promote_secondaries=1",
                     "net.ipv4.conf.wan.promote_secondaries=1")
        self._in(hub, "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv4.conf.all.send_redirects=0",
                 "net.ipv4.conf.net.send_redirects=0")
        for host in ROUTERS:
            self.set(host, self.kinds[host])

    def set(self, host, kind, lifetime=30):
        """Makes the router of `host` one of this kind; what it knew of flows is gone."""
        self.kinds[host] = kind
        address = ROUTERS[host]
        self._in(self.routers[host], "nft", "flush ruleset")
        self._in(self.routers[host], "nft", "-f", "-", input=rules(kind, address, lifetime))
        self.forget(host)
        is_routed = kind in ("public", "firewall")
        for other in (self.names["hub"], *(router for name, router in self.routers.items() if name != host)):
            subprocess.run(["ip", "-n", other, "route", "del", f"{HOSTS[host]}/32"], capture_output=True)
            if is_routed:
                self._ip("-n", other, "route", "add", f"{HOSTS[host]}/32", "via", address)

    def lifetime(self, host, seconds):
        """How long the router of `host` keeps a flow in mind that is silent."""
        self._in(self.routers[host], "sysctl", "-qw", f"net.netfilter.nf_conntrack_udp_timeout={seconds}",
                 f"net.netfilter.nf_conntrack_udp_timeout_stream={seconds}")

    def forget(self, host):
        """The router of `host` forgets all flows, as when it restarts."""
        self._in(self.routers[host], "conntrack", "-F", check=False)

    def flows(self, host):
        """The UDP flows that the router of `host` knows."""
        return self._in(self.routers[host], "conntrack", "-L", "-p", "udp").stdout

    def prefix(self, host):
        """What goes before a command so that it runs on `host`."""
        return ["ip", "netns", "exec", self.names[host]]

    def _in(self, name, *command, check=True, **more):
        run = subprocess.run(["ip", "netns", "exec", name, *command], capture_output=True, text=True, **more)
        assert not check or run.returncode == 0, f"{command}: {run.stderr}"
        return run

    @staticmethod
    def _ip(*arguments):
        subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)
