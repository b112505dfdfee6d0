#ifndef CUPNP_H
#define CUPNP_H

#include <stdbool.h>
#include <stdint.h>

// UPnP Internet Gateway Device, by libminiupnpc, which is loaded when a gateway is first asked. Where its header was not
// there when this was built, or the library is not there now, every call says so. Calls wait for the network, seconds at
// most: they belong on a thread of their own.

enum upnp_result {
    upnp_done,
    /// There is no library.
    upnp_unavailable,
    /// The gateway does not answer, or has no connection.
    upnp_silent,
    /// It does not lead the port here.
    upnp_refused,
};

/// How a mapping is asked for and given back.
struct upnp_mapping {
    /// The port outside: what is wished for, then what is given.
    uint16_t port;
    /// How long it stands, in seconds: what is wished for, then what is given; 0: until it is given back.
    uint32_t seconds;
    /// The address outside, dotted.
    char address[16];
    /// Where the gateway is told what, and as which service.
    char control[256];
    char service[128];
};

/// Asks the gateway at `gateway` to lead a UDP port to `port` of this host at `client`; both addresses are dotted. A
/// device at another address than the gateway's is not asked, whatever it says.
enum upnp_result upnp_map(const char *gateway, const char *client, uint16_t port, struct upnp_mapping *mapping);

/// Gives a mapping back.
enum upnp_result upnp_unmap(const struct upnp_mapping *mapping);

#endif
