"""Everything that is measured, in the order of the table."""

from .direct import Direct
from .haproxy import HAProxyTLS
from .iroh import Iroh
from .nebula import Nebula
from .nginx import NginxPlain, NginxTLS
from .postern import Postern
from .ssh import SSH
from .wireguard import WireGuardGo

ALL = {
    "direct": Direct,
    "nginx": NginxPlain,
    "nginx-tls": NginxTLS,
    "haproxy-tls": HAProxyTLS,
    "ssh": SSH,
    "wireguard-go": WireGuardGo,
    "nebula": Nebula,
    "iroh": Iroh,
    "postern": Postern,
}
