"""Where UDP is blocked, hubs are reached over WebSocket: straight, over TLS, behind a reverse proxy, through a proxy.

R4. Real programs in network namespaces; needs root.
"""

import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import nats
from certificates import Authority
from processes import Program
from test_doctor import doctor, found
from test_endurance import PACE, SEQUENCE, Transfer
from test_paths import wait_for
from world import World, befriend

pytestmark = pytest.mark.skipif(nats.why_not() is not None, reason=str(nats.why_not()))
HERE = Path(__file__).parent


class Place:
    """A hub outside, with what `hub.yaml` says, and two sidecars: a's kind of router, and one that lets all through."""

    def __init__(self, folder, kind, hub=None, kind_b="public"):
        self.internet = nats.Internet(kind, kind_b)
        self.folder = folder
        self.hub = hub or {}
        self.world = None

    def __enter__(self):
        self.internet.__enter__()
        try:
            (self.folder / "hub").mkdir()
            (self.folder / "hub" / "hub.yaml").write_text(yaml.safe_dump(self.hub))
            self.world = World(self.folder, address=nats.HUB, namespaces=self.internet.names)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error):
        if self.world:
            self.world.__exit__(*error or (None, None, None))
        self.internet.__exit__()

    def start(self, **environment):
        world = self.world
        agent = world.add(
            Program("sequence", [sys.executable, SEQUENCE, "serve"], self.folder, self.internet.names["b"]))
        world.serve("sequence", "tcp", f"tcp://127.0.0.1:{int(agent.wait_for_line('READY'))}")
        world.a.environment = environment
        world.start(trusted=False)
        wait_for(lambda: hub(world.a)["connected"], 10)
        befriend(world.b, world.a)
        return world


def hub(node):
    return node.cli("status")["hubs"][0]


def path(node, other):
    return node.peer(other.did)["path"] or {}


def transports(world):
    return hub(world.a)["transport"], path(world.a, world.b).get("transport"), path(world.a, world.b).get("kind")


BLOCKED = ("websocket", "websocket", "relay")


def test_where_udp_is_blocked_everything_goes_over_websocket(tmp_path):
    """Nothing is configured: the hub takes WebSocket connections at the TCP port of the same number."""
    with Place(tmp_path, "udp-blocked") as place:
        world = place.start()
        Transfer(world, "down", PACE, pace=0).report(20)
        assert transports(world) == BLOCKED
        assert hub(world.b)["transport"] == "udp"
        # The doctor says so, by what the sidecar knows and, without one, by trying both ways.
        outside = ["ip", "netns", "exec", world.namespaces["a"]]
        for _ in range(2):
            told = found(doctor(world.a, prefix=outside), "hub", "warning")
            assert len(told) == 1 and "over websocket" in told[0] and "not over UDP" in told[0], told
            world.a.stop()


@pytest.mark.alone
def test_blocked_udp_costs_less_than_a_second(tmp_path):
    """From the start of the sidecar to the session with its hub."""
    with Place(tmp_path, "udp-blocked") as place:
        world = place.start()
        world.a.stop()
        world.restart(world.a)
        assert wait_for(lambda: hub(world.a)["connected"], 10) < 1


def test_over_tls_with_an_authority_of_ones_own(tmp_path):
    """Only TCP to 443 gets out, and the hub has a certificate of its own."""
    authority = Authority(tmp_path)
    certificate = str(authority.issue(nats.HUB))
    websocket = {"listen": f"{nats.HUB}:443", "certificate": certificate, "key": certificate}
    with Place(tmp_path, "tcp-443", {"websocket": websocket}) as place:
        assert place.world.hub.url.endswith(f"?websocket=wss://{nats.HUB}/")
        place.world.a.config["underlay"]["ca"] = str(authority.path)
        world = place.start()
        Transfer(world, "down", PACE, pace=0).report(20)
        assert transports(world) == BLOCKED


def test_a_certificate_of_another_authority_is_not_taken(tmp_path):
    certificate = str(Authority(tmp_path).issue(nats.HUB))
    websocket = {"listen": f"{nats.HUB}:443", "certificate": certificate, "key": certificate}
    with Place(tmp_path, "tcp-443", {"websocket": websocket}) as place:
        world = place.world
        world.a.config["underlay"]["ca"] = str(Authority(tmp_path, "others").path)
        world.start(trusted=False)
        wait_for(lambda: "a hub is not reached over WebSocket" in Path(world.a.program.log).read_text(), 10)
        assert not hub(world.a)["connected"]


NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.err;
events {{ }}
http {{
  access_log off; client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  server {{
    listen {address}:443 ssl;
    ssl_certificate {certificate}; ssl_certificate_key {certificate};
    location /postern/ {{
      proxy_pass http://{address}:{port};
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection "upgrade";
    }}
  }}
}}
"""
HAPROXY = """
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  timeout tunnel 10m
frontend outside
  bind {address}:443 ssl crt {certificate}
  use_backend hub if {{ path_beg /postern/ }}
backend hub
  server hub {address}:{port}
"""


@pytest.mark.parametrize("server", ["nginx", "haproxy"])
def test_behind_a_reverse_proxy_on_443(tmp_path, server):
    program = shutil.which(server, path="/usr/sbin:/usr/bin:/usr/local/sbin")
    if program is None:
        pytest.skip(f"{server} is not installed")
    authority = Authority(tmp_path)
    certificate = authority.issue("hub.example", nats.HUB)
    url = f"wss://{nats.HUB}/postern/"
    with Place(tmp_path, "tcp-443", {"websocket": {"listen": f"{nats.HUB}:4601", "url": url}}) as place:
        template = {"nginx": NGINX, "haproxy": HAPROXY}[server]
        config = tmp_path / f"{server}.conf"
        config.write_text(
            template.format(folder=tmp_path, address=nats.HUB, port=4601, certificate=certificate))
        arguments = {"nginx": ["-c", config, "-e", tmp_path / "nginx.err"], "haproxy": ["-db", "-f", config]}[server]
        place.world.add(Program(server, [program, *arguments], tmp_path, place.internet.names["hub"]))
        assert place.world.hub.url.endswith(f"?websocket={url}")
        place.world.a.config["underlay"]["ca"] = str(authority.path)
        world = place.start()
        Transfer(world, "down", PACE, pace=0).report(20)
        assert transports(world) == BLOCKED


def test_through_the_proxy_that_the_environment_names(tmp_path):
    """a reaches nothing but a proxy, which wants a password."""
    with Place(tmp_path, "tcp-443") as place:
        proxy = place.world.add(Program(
            "proxy", [sys.executable, HERE / "connect_proxy.py", nats.HUB_TOO, 443, "user:secret word"], tmp_path,
            place.internet.names["hub"]))
        proxy.wait_for_line("READY")
        world = place.start(HTTPS_PROXY=f"http://user:secret%20word@{nats.HUB_TOO}:443", NO_PROXY="example.org")
        Transfer(world, "down", PACE, pace=0).report(20)
        assert transports(world) == BLOCKED
        assert any("CONNECT" in line for line in proxy.lines)


def test_udp_is_used_again_when_it_comes_back_and_left_when_it_goes(tmp_path):
    """A stream goes on through both changes."""
    with Place(tmp_path, "udp-blocked") as place:
        world = place.start()
        transfer = Transfer(world, "down", 8 * PACE, pace=PACE // 2)
        assert transports(world) == BLOCKED
        place.internet.set("a", "full-cone")
        wait_for(lambda: hub(world.a)["transport"] == "udp", 20)
        place.internet.set("a", "udp-blocked")
        wait_for(lambda: hub(world.a)["transport"] == "websocket", 20)
        transfer.report(60)


def test_what_is_no_websocket_gets_a_plain_answer(tmp_path):
    with World(tmp_path) as world:
        place = world.hub.ready["udp"][0]
        answer = subprocess.run(
            ["curl", "-s", "-o", "-", "-w", "%{http_code}", f"http://{place}/"], capture_output=True, text=True,
            timeout=10)
        assert answer.stdout.endswith("426")


def test_a_hub_takes_only_as_much_as_it_said_it_would(tmp_path):
    """A connection that says nothing is closed after a while, and one that says nonsense at once."""
    with World(tmp_path) as world:
        host, port = world.hub.ready["udp"][0].split(":")
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            connection.sendall(
                b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
            head = connection.recv(4096)
            assert b"101" in head.split(b"\r\n")[0] and b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
            connection.sendall(b"\x81\x01x")  # unmasked text
            connection.settimeout(5)
            rest = b""
            while chunk := connection.recv(4096):
                rest += chunk
            assert rest[:1] == b"\x88"
