import os
import subprocess
import time
from pathlib import Path

from lab import Contender, free_port

ADDRESSES = {"a": "10.88.0.1", "b": "10.88.0.2"}


class WireGuardGo(Contender):
    """WireGuard in user space: packets of the kernel's TCP are sealed, nothing is relayed or parsed."""

    name = "wireguard-go"
    programs = {"wireguard-go": "wireguard-go", "wg": "wireguard-tools"}
    needs_device = True
    address = ADDRESSES["b"]

    def __init__(self, lab):
        super().__init__(lab)
        self.port = lab.agent_port
        self.far_port = free_port()
        self.keys = {host: self._output("wg", "genkey") for host in ADDRESSES}
        self.public = {host: self._output("wg", "pubkey", given=key) for host, key in self.keys.items()}

    def start_far(self):
        return [self._start("b", f"ListenPort = {self.far_port}", "a", "")]

    def start_near(self):
        return [self._start("a", "", "b", f"Endpoint = {self.lab.far_address}:{self.far_port}")]

    def _start(self, host, listen, other, endpoint):
        device = f"pwg{os.getpid()}{host}"
        config = self.lab.folder / f"wireguard-{host}.conf"
        config.write_text(
            f"[Interface]\nPrivateKey = {self.keys[host]}\n{listen}\n"
            f"[Peer]\nPublicKey = {self.public[other]}\nAllowedIPs = {ADDRESSES[other]}/32\n{endpoint}\n")
        process = self.lab.start(
            host, "wireguard-go", "--foreground", device,
            environment={"WG_I_PREFER_BUGGY_USERSPACE_TO_POLISHED_KMOD": "1", "LOG_LEVEL": "error"})
        control = Path(f"/var/run/wireguard/{device}.sock")
        deadline = time.monotonic() + 5
        while not control.exists():
            if time.monotonic() > deadline:
                raise RuntimeError(f"wireguard-go does not start: {process.log.read_text()[-300:]}")
            time.sleep(0.002)
        self.lab.run(host, "sh", "-c", f"wg setconf {device} {config} && ip addr add {ADDRESSES[host]}/24 dev {device} "
                                       f"&& ip link set {device} mtu 1420 up")
        return process

    @staticmethod
    def _output(*command, given=None):
        return subprocess.run(command, input=given, check=True, capture_output=True, text=True).stdout.strip()
