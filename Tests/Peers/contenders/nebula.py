import os
import subprocess

from lab import Contender, free_port

ADDRESSES = {"a": "10.89.0.1", "b": "10.89.0.2"}


class Nebula(Contender):
    """Nebula with AES-256-GCM: an overlay of network devices with certificates; the far end is the lighthouse."""

    name = "nebula"
    programs = {"nebula": "nebula", "nebula-cert": "nebula"}
    needs_device = True
    address = ADDRESSES["b"]

    def __init__(self, lab):
        super().__init__(lab)
        self.port = lab.agent_port
        self.far_port = free_port()
        self.keys = lab.folder / "nebula"
        self.keys.mkdir()
        self._certify("ca", "-name", "lab")
        for host, address in ADDRESSES.items():
            self._certify("sign", "-name", host, "-ip", f"{address}/24")

    def start_far(self):
        return [self._start("b", self.far_port, "am_lighthouse: true")]

    def start_near(self):
        return [self._start("a", 0, f'am_lighthouse: false, hosts: ["{ADDRESSES["b"]}"]')]

    def _start(self, host, port, lighthouse):
        config = self.keys / f"{host}.yml"
        anything = "[{port: any, proto: any, host: any}]"
        config.write_text(f"""
pki: {{ca: {self.keys}/ca.crt, cert: {self.keys}/{host}.crt, key: {self.keys}/{host}.key}}
static_host_map: {{"{ADDRESSES["b"]}": ["{self.lab.far_address}:{self.far_port}"]}}
lighthouse: {{interval: 60, {lighthouse}}}
listen: {{host: 0.0.0.0, port: {port}, read_buffer: 4194304, write_buffer: 4194304}}
tun: {{dev: pneb{os.getpid()}{host}, mtu: 1300, tx_queue: 1000}}
cipher: aes
logging: {{level: error}}
firewall: {{outbound: {anything}, inbound: {anything}}}
""")
        return self.lab.start(host, "nebula", "-config", config)

    def _certify(self, *arguments):
        subprocess.run(["nebula-cert", *arguments], cwd=self.keys, check=True, capture_output=True)
