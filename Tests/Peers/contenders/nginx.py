from lab import Contender, free_port

KEPT = "keepalive 128; keepalive_requests 100000000;"


class Nginx(Contender):
    """Two nginx with one worker each: HTTP to the near one, HTTP or HTTPS between them, kept connections everywhere."""

    programs = {"nginx": "nginx-light", "openssl": "openssl"}
    is_encrypted = False

    def __init__(self, lab):
        super().__init__(lab)
        self.far_port = free_port()

    def start_far(self):
        certificate, key = self.lab.certificate()
        listen = f"listen {self.lab.far_address}:{self.far_port}"
        if self.is_encrypted:
            listen += f" ssl; ssl_certificate {certificate}; ssl_certificate_key {key}; ssl_protocols TLSv1.3"
        return [self.lab.start_nginx("b", f"far-{self.far_port}", f"""
            upstream agent {{ server 127.0.0.1:{self.lab.agent_port}; {KEPT} }}
            server {{ {listen}; location / {{ proxy_pass http://agent; }} }}""")]

    def start_near(self):
        certificate, _ = self.lab.certificate()
        scheme, tls = "http", ""
        if self.is_encrypted:
            scheme = "https"
            tls = (f"proxy_ssl_protocols TLSv1.3; proxy_ssl_verify on; proxy_ssl_trusted_certificate {certificate};"
                   "proxy_ssl_name peer.test;")
        return [self.lab.start_nginx("a", f"near-{self.port}", f"""
            upstream far {{ server {self.lab.far_address}:{self.far_port}; {KEPT} }}
            server {{ listen 127.0.0.1:{self.port}; location / {{ proxy_pass {scheme}://far; {tls} }} }}""")]


class NginxPlain(Nginx):
    name = "nginx, plain"


class NginxTLS(Nginx):
    name = "nginx, TLS 1.3"
    is_encrypted = True
