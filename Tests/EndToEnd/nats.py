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
        # The routers' public addresses now.
        self.public = dict(ROUTERS)
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

    def _link(self, one, name, other, other_name, *addresses):
        """A cable between two namespaces, with the addresses of its ends (None: none)."""
        self._ip("-n", one, "link", "add", "name", name, "type", "veth", "peer", "name", other_name, "netns", other)
        for host, end, address in ((one, name, addresses[0]), (other, other_name, addresses[1])):
            if address:
                self._ip("-n", host, "addr", "add", address, "dev", end, *(["nodad"] if ":" in address else []))
            self._ip("-n", host, "link", "set", end, "up")

    def set(self, host, kind, lifetime=30):
        """Makes the router of `host` one of this kind; what it knew of flows is gone."""
        self.kinds[host] = kind
        address = self.public[host]
        self._in(self.routers[host], "nft", "flush ruleset")
        self._in(self.routers[host], "nft", "-f", "-", input=rules(kind, address, lifetime))
        self.forget(host)
        is_routed = kind in ("public", "firewall")
        for other in (self.names["hub"], *(router for name, router in self.routers.items() if name != host)):
            subprocess.run(["ip", "-n", other, "route", "del", f"{HOSTS[host]}/32"], capture_output=True)
            if is_routed:
                self._ip("-n", other, "route", "add", f"{HOSTS[host]}/32", "via", address)

    def readdress(self, host, address):
        """Gives the router of `host` another public address, and with that forgets all flows."""
        router, old = self.routers[host], self.public[host]
        self._ip("-n", router, "addr", "add", f"{address}/24", "dev", "wan")
        self._ip("-n", router, "addr", "del", f"{old}/24", "dev", "wan")
        self._in(router, "ip", "route", "replace", "default", "via", HUB)
        self.public[host] = address
        self.set(host, self.kinds[host])

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


class SharedRouter(Internet):
    """Both hosts behind router a, in networks that it keeps apart: `turns` says whether what one of them sends to the
    public address of the other comes back in (hairpinning, RFC 4787 section 6)."""

    def __init__(self, turns):
        super().__init__("port-restricted", "port-restricted")
        self.turns = turns

    def _build(self):
        super()._build()
        router, b = self.routers["a"], self.names["b"]
        self._ip("netns", "del", self.routers["b"])
        self._link(router, "lan-b", b, "eth0", "10.82.1.1/24", f"{HOSTS['b']}/24")
        self._ip("-n", b, "route", "add", "default", "via", "10.82.1.1")
        both, public = '{ "lan", "lan-b" }', ROUTERS["a"]
        turned = [
            chain("turn", "postrouting", 90, f"oifname {both} ct status dnat snat to {public}", type="nat"),
            chain("back", "prerouting", -100, f"ip daddr {public} meta l4proto udp dnat ip to udp dport map @inside",
                  type="nat")] if self.turns else []
        text = rules("full-cone" if self.turns else "port-restricted", public)
        apart = chain("apart", "forward", -5, f"iifname {both} oifname {both} ct status dnat accept",
                      f"iifname {both} oifname {both} drop")
        text = text.rstrip().removesuffix("}") + "\n".join([*turned, apart, "}", ""])
        self._in(router, "nft", "flush ruleset")
        self._in(router, "nft", "-f", "-", input=text)


class DoubleTranslation(Internet):
    """Router a is behind another translator, a carrier's of kind `carrier`, and has a shared address (RFC 6598)."""

    def __init__(self, kind_a, carrier, kind_b):
        super().__init__(kind_a, kind_b)
        self.carrier_kind = carrier
        self.routers["carrier"] = f"postern-{os.getpid()}-rc"

    def _build(self):
        super()._build()
        hub, router, carrier = self.names["hub"], self.routers["a"], self.routers["carrier"]
        self._ip("-n", router, "link", "del", "wan")
        self._link(router, "wan", carrier, "lan", "100.64.1.2/24", "100.64.1.1/24")
        self._ip("-n", router, "route", "add", "default", "via", "100.64.1.1")
        self._link(hub, "to-a", carrier, "wan", None, f"{ROUTERS['a']}/24")
        self._ip("-n", hub, "link", "set", "to-a", "master", "net")
        self._ip("-n", carrier, "route", "add", "default", "via", HUB)
        self._in(carrier, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        self._in(carrier, "nft", "-f", "-", input=rules(self.carrier_kind, ROUTERS["a"]))


class SixAtOneSide(Internet):
    """Host a has a public IPv6 address as well, and so has the hub; b has none."""

    def _build(self):
        super()._build()
        hub, a, router = self.names["hub"], self.names["a"], self.routers["a"]
        self._in(router, "sysctl", "-qw", "net.ipv6.conf.all.forwarding=1")
        for name, address, device in (
                (hub, "2001:db8:1::1/64", "net"), (router, "2001:db8:1::11/64", "wan"),
                (router, "2001:db8:81::1/64", "lan"), (a, "2001:db8:81::2/64", "eth0")):
            self._ip("-n", name, "addr", "add", address, "dev", device, "nodad")
        self._ip("-n", a, "-6", "route", "add", "default", "via", "2001:db8:81::1")
        self._ip("-n", router, "-6", "route", "add", "default", "via", "2001:db8:1::1")
        self._ip("-n", hub, "-6", "route", "add", "2001:db8:81::/64", "via", "2001:db8:1::11")
