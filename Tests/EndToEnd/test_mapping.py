"""A gateway that leads a port to whoever asks: `miniupnpd` of Debian in front of b, by PCP, NAT-PMP and UPnP.

R3. Real programs in network namespaces; needs root.
"""

import re
import shutil
import subprocess
import time

import pytest

import nats
from processes import Program
from test_paths import wait_for
from world import World, befriend

MINIUPNPD = shutil.which("miniupnpd", path="/usr/sbin:/usr/bin:/sbin")
pytestmark = [
    pytest.mark.skipif(nats.why_not() is not None, reason=str(nats.why_not())),
    pytest.mark.skipif(MINIUPNPD is None, reason="needs miniupnpd-nftables"),
]

# The daemon takes no address of RFC 5737 for a public one, so its router has another beside.
OUTSIDE = "192.88.98.1"
TABLE = """
table inet upnpd {
  chain forward { type filter hook forward priority 0; jump miniupnpd; }
  chain prerouting { type nat hook prerouting priority -100; jump prerouting_miniupnpd; }
  chain postrouting { type nat hook postrouting priority 90; jump postrouting_miniupnpd; }
  chain miniupnpd { }
  chain prerouting_miniupnpd { }
  chain postrouting_miniupnpd { }
}
"""
CONFIG = """
ext_ifname=wan
listening_ip=lan
ext_ip={outside}
enable_natpmp={natpmp}
enable_upnp={upnp}
min_lifetime=120
max_lifetime=86400
upnp_table_name=upnpd
upnp_nat_table_name=upnpd
upnp_forward_chain=miniupnpd
upnp_nat_chain=prerouting_miniupnpd
upnp_nat_postrouting_chain=postrouting_miniupnpd
uuid=00000000-0000-0000-0000-000000000000
allow 1024-65535 0.0.0.0/0 1024-65535
"""


def gateway(world, internet, host, upnp=False):
    """Starts the daemon on the router of `host`, which speaks UPnP alone or the two others."""
    router = internet.routers[host]
    subprocess.run(["ip", "-n", router, "addr", "add", f"{OUTSIDE}/32", "dev", "wan"], check=True)
    for other in (internet.names["hub"], *(name for key, name in internet.routers.items() if key != host)):
        subprocess.run(["ip", "-n", other, "route", "add", f"{OUTSIDE}/32", "via", nats.ROUTERS[host]], check=True)
    subprocess.run(["ip", "netns", "exec", router, "nft", "-f", "-"], input=TABLE, text=True, check=True)
    config = world.folder / "miniupnpd.conf"
    config.write_text(CONFIG.format(
        outside=OUTSIDE, upnp="yes" if upnp else "no", natpmp="no" if upnp else "yes"))
    return world.add(Program(
        "miniupnpd", [MINIUPNPD, "-d", "-f", config, "-P", world.folder / "miniupnpd.pid"], world.folder, router))


def nat(node):
    return node.cli("status")["nat"]


def rules(internet, host):
    return subprocess.run(
        ["ip", "netns", "exec", internet.routers[host], "nft", "list", "table", "inet", "upnpd"], capture_output=True,
        text=True).stdout


def knows_upnp():
    """Whether the library is here, and was when the program was built."""
    return subprocess.run(["dpkg-query", "-W", "libminiupnpc-dev"], capture_output=True).returncode == 0


@pytest.mark.parametrize("upnp", [False, pytest.param(True, marks=pytest.mark.skipif(
    not knows_upnp(), reason="needs libminiupnpc-dev"))])
def test_a_mapped_port_makes_a_direct_path_where_there_was_none(tmp_path, upnp):
    """a maps per destination, b's router filters by port: only the relay would do. The mapping goes with the sidecar."""
    with nats.Internet("symmetric", "port-restricted") as internet:
        with World(tmp_path, address=nats.HUB, namespaces=internet.names) as world:
            gateway(world, internet, "b", upnp)
            time.sleep(0.5)
            world.b.config["underlay"]["guessPorts"] = False
            world.start(trusted=False)
            wait_for(lambda: nat(world.b)["portMapping"] in (("upnp",) if upnp else ("pcp", "nat-pmp")), 20)
            # a's router answers nothing, which delays nothing.
            assert nat(world.a)["portMapping"] == "none"
            befriend(world.b, world.a)
            world.a.cli("ping", world.b.did, "-c", "1")
            wait_for(lambda: (world.a.peer(world.b.did)["path"] or {}).get("kind") == "direct", 15)
            port = world.b.udp_port()
            assert re.search(rf"dnat ip to {re.escape(nats.HOSTS['b'])}:{port}", rules(internet, "b"))
            world.b.stop()
            wait_for(lambda: f":{port}" not in rules(internet, "b"), 5)


def test_who_asks_for_no_mapping_gets_none(tmp_path):
    with nats.Internet("symmetric", "port-restricted") as internet:
        with World(tmp_path, address=nats.HUB, namespaces=internet.names) as world:
            gateway(world, internet, "b")
            world.b.config["underlay"]["portMapping"] = False
            world.start(trusted=False)
            befriend(world.b, world.a)
            assert nat(world.b)["portMapping"] is None
            assert "dnat" not in rules(internet, "b")
