from lab import Contender, free_port

COMMON = """
global
    nbthread 1
    maxconn 4096
    ssl-default-bind-options ssl-min-ver TLSv1.3
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    option http-keep-alive
    http-reuse always
"""


class HAProxyTLS(Contender):
    """Two haproxy with one thread each and TLS 1.3 between them."""

    name = "haproxy, TLS 1.3"
    programs = {"haproxy": "haproxy", "openssl": "openssl"}

    def __init__(self, lab):
        super().__init__(lab)
        self.far_port = free_port()

    def start_far(self):
        certificate, key = self.lab.certificate()
        both = self.lab.folder / "certificate-and-key.pem"
        both.write_text(certificate.read_text() + key.read_text())
        return [self._start("b", f"{self.lab.far_address}:{self.far_port} ssl crt {both} alpn http/1.1",
                            f"127.0.0.1:{self.lab.agent_port}")]

    def start_near(self):
        certificate, _ = self.lab.certificate()
        return [self._start("a", f"127.0.0.1:{self.port}",
                            f"{self.lab.far_address}:{self.far_port} ssl verify required ca-file {certificate} "
                            "verifyhost peer.test alpn http/1.1")]

    def _start(self, host, listen, server):
        config = self.lab.folder / f"haproxy-{host}.cfg"
        config.write_text(
            f"{COMMON}frontend entrance\n    bind {listen}\n    default_backend next\n"
            f"backend next\n    server one {server}\n")
        return self.lab.start(host, "haproxy", "-f", config)
