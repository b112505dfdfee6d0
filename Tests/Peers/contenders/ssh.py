import getpass
import os
import subprocess
from pathlib import Path

from lab import Contender, free_port


class SSH(Contender):
    """`ssh -L`: every connection is a channel of one SSH connection, with ChaCha20-Poly1305."""

    name = "OpenSSH -L"
    programs = {"/usr/sbin/sshd": "openssh-server", "ssh": "openssh-client"}

    def __init__(self, lab):
        super().__init__(lab)
        self.far_port = free_port()
        self.keys = lab.folder / "ssh"

    def start_far(self):
        self.keys.mkdir(mode=0o700)
        for name in ("host", "client"):
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.keys / name], check=True, capture_output=True)
        config = self.keys / "sshd.conf"
        config.write_text(
            f"Port {self.far_port}\nListenAddress {self.lab.far_address}\nHostKey {self.keys}/host\nPidFile none\n"
            f"AuthorizedKeysFile {self.keys}/client.pub\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n"
            "PermitRootLogin prohibit-password\nMaxSessions 1000\n")
        if os.geteuid() == 0:
            # Where it locks itself in before anybody has logged in.
            Path("/run/sshd").mkdir(exist_ok=True)
        return [self.lab.start("b", "/usr/sbin/sshd", "-D", "-e", "-f", config)]

    def start_near(self):
        return [self.lab.start(
            "a", "ssh", "-N", "-F", "none", "-i", self.keys / "client", "-p", self.far_port,
            "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
            "-o", "Ciphers=chacha20-poly1305@openssh.com", "-o", "ConnectionAttempts=20",
            "-L", f"127.0.0.1:{self.port}:127.0.0.1:{self.lab.agent_port}",
            f"{getpass.getuser()}@{self.lab.far_address}")]
