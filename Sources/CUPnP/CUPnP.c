#include "CUPnP.h"

#if defined(__has_include) && __has_include(<miniupnpc/miniupnpc.h>) && __has_include(<miniupnpc/upnpcommands.h>)

#include <dlfcn.h>
#include <miniupnpc/miniupnpc.h>
#include <miniupnpc/upnpcommands.h>
#include <miniupnpc/upnpdev.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EACH_FUNCTION(DO) \
    DO(upnpDiscover) DO(freeUPNPDevlist) DO(UPNP_GetValidIGD) DO(FreeUPNPUrls) DO(UPNP_GetExternalIPAddress) \
    DO(UPNP_AddPortMapping) DO(UPNP_DeletePortMapping)

#define DECLARE(name) static __typeof__(name) *name##_;
EACH_FUNCTION(DECLARE)

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool is_loaded;

// The library's name holds the number of its interface, which the header that this was built with knows.
#define TEXT_OF(number) #number
#define NAME(number) "libminiupnpc.so." TEXT_OF(number)

static void load(void) {
    void *library = dlopen(NAME(MINIUPNPC_API_VERSION), RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) return;
    bool has_all = true;
#define FIND(name) has_all = (*(void **)&name##_ = dlsym(library, #name)) != NULL && has_all;
    EACH_FUNCTION(FIND)
    is_loaded = has_all;
}

/// How long devices have to answer the search, in milliseconds.
static const int patience = 2000;
/// Errors of WANIPConnection: another host has the port, and nothing but mappings for ever.
static const int conflict = 718, only_permanent = 725;

/// Whether `url` leads to `host`, a dotted address.
static bool is_at(const char *url, const char *host) {
    static const char scheme[] = "http://";
    if (url == NULL || strncmp(url, scheme, sizeof scheme - 1) != 0) return false;
    url += sizeof scheme - 1;
    size_t length = strlen(host);
    return strncmp(url, host, length) == 0 && (url[length] == ':' || url[length] == '/');
}

/// What answered the search at `host`; whatever else did is let go.
static struct UPNPDev *devices_at(const char *host, const char *client) {
    int error = 0;
    struct UPNPDev *found = upnpDiscover_(patience, client, NULL, UPNP_LOCAL_PORT_ANY, 0, 2, &error);
    struct UPNPDev *kept = NULL, *others = NULL;
    while (found != NULL) {
        struct UPNPDev *next = found->pNext, **list = is_at(found->descURL, host) ? &kept : &others;
        found->pNext = *list;
        *list = found;
        found = next;
    }
    if (others != NULL) freeUPNPDevlist_(others);
    return kept;
}

static enum upnp_result add(const char *client, uint16_t port, struct upnp_mapping *mapping) {
    char inner[6], outer[6], seconds[11];
    uint16_t wished = mapping->port;
    snprintf(inner, sizeof inner, "%u", (unsigned)port);
    for (unsigned attempt = 0; attempt < 4;) {
        // Another port where somebody else has this one.
        mapping->port = attempt == 0 ? wished : (uint16_t)(49152 + (wished * 31u + attempt * 4099u) % 16384);
        snprintf(outer, sizeof outer, "%u", (unsigned)mapping->port);
        snprintf(seconds, sizeof seconds, "%u", (unsigned)mapping->seconds);
        int answer = UPNP_AddPortMapping_(
            mapping->control, mapping->service, outer, inner, client, "postern", "UDP", NULL, seconds);
        if (answer == UPNPCOMMAND_SUCCESS) return upnp_done;
        if (answer == only_permanent && mapping->seconds != 0) {
            mapping->seconds = 0;
            continue;
        }
        if (answer != conflict) return upnp_refused;
        attempt++;
    }
    return upnp_refused;
}

static enum upnp_result map_at(
    struct UPNPUrls *urls, struct IGDdatas *data, const char *client, uint16_t port, struct upnp_mapping *mapping) {
    if (strlen(urls->controlURL) >= sizeof mapping->control) return upnp_refused;
    if (strlen(data->first.servicetype) >= sizeof mapping->service) return upnp_refused;
    strcpy(mapping->control, urls->controlURL);
    strcpy(mapping->service, data->first.servicetype);
    if (UPNP_GetExternalIPAddress_(mapping->control, mapping->service, mapping->address) != UPNPCOMMAND_SUCCESS) {
        return upnp_silent;
    }
    return add(client, port, mapping);
}

enum upnp_result upnp_map(const char *gateway, const char *client, uint16_t port, struct upnp_mapping *mapping) {
    pthread_once(&once, load);
    if (!is_loaded) return upnp_unavailable;
    struct UPNPDev *devices = devices_at(gateway, client);
    if (devices == NULL) return upnp_silent;
    struct UPNPUrls urls;
    struct IGDdatas data;
    char lan[64] = "";
    memset(&urls, 0, sizeof urls);
    memset(&data, 0, sizeof data);
#if MINIUPNPC_API_VERSION >= 18
    char wan[64] = "";
    int state = UPNP_GetValidIGD_(devices, &urls, &data, lan, sizeof lan, wan, sizeof wan);
#else
    int state = UPNP_GetValidIGD_(devices, &urls, &data, lan, sizeof lan);
#endif
    // 1: a gateway that is connected. What else it may be has no address outside that helps.
    enum upnp_result result = upnp_silent;
    if (state == 1 && is_at(urls.controlURL, gateway)) result = map_at(&urls, &data, client, port, mapping);
    if (state != 0) FreeUPNPUrls_(&urls);
    freeUPNPDevlist_(devices);
    return result;
}

enum upnp_result upnp_unmap(const struct upnp_mapping *mapping) {
    pthread_once(&once, load);
    if (!is_loaded) return upnp_unavailable;
    char port[6];
    snprintf(port, sizeof port, "%u", (unsigned)mapping->port);
    int answer = UPNP_DeletePortMapping_(mapping->control, mapping->service, port, "UDP", NULL);
    return answer == UPNPCOMMAND_SUCCESS ? upnp_done : upnp_refused;
}

#else

enum upnp_result upnp_map(const char *gateway, const char *client, uint16_t port, struct upnp_mapping *mapping) {
    (void)gateway, (void)client, (void)port, (void)mapping;
    return upnp_unavailable;
}

enum upnp_result upnp_unmap(const struct upnp_mapping *mapping) {
    (void)mapping;
    return upnp_unavailable;
}

#endif
