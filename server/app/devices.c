/* SPDX-License-Identifier: Apache-2.0 */
/* The devices the authority has to do with: whether and as what they are registered, which short
 * ids are taken on them, and whether what they list is what the grants say.
 *
 * A device stays in the table while it is registered, part of a grant, or needed by a job. Its name
 * is the endpoint that its key was bound to at registration; nothing here believes a name that came
 * in a message. */
#include <string.h>

#include "proa/codec/link.h"
#include "server/app/state.h"

static bool is_endpoint(const void *owner, proa_handle handle, const void *key)
{
    const proa_authority *a = owner;
    const proa__device *d = proa_pool_get(&a->devices, handle);
    return d != NULL && proa_span_equal(proa_span_of(d->endpoint), *(const proa_span *)key);
}

proa__device *proa__device_find(const proa_authority *a, proa_span endpoint)
{
    uint32_t hash = proa_map_hash(&a->by_endpoint, 0, endpoint);
    return proa_pool_get(&a->devices,
                         proa_map_find(&a->by_endpoint, hash, is_endpoint, a, &endpoint));
}

proa__device *proa__device_take(proa_authority *a, proa_span endpoint)
{
    proa__device *d = proa__device_find(a, endpoint);
    proa_handle handle;
    if (d != NULL || endpoint.len == 0 || endpoint.len > PROA_ENDPOINT_MAX ||
        memchr(endpoint.data, 0, endpoint.len) != NULL) {
        return d;
    }
    d = proa_pool_take(&a->devices, &handle);
    if (d == NULL) {
        return NULL;
    }
    if (proa_map_add(&a->by_endpoint, proa_map_hash(&a->by_endpoint, 0, endpoint), handle) !=
        PROA_OK) {
        proa_pool_give(&a->devices, handle);
        return NULL;
    }
    d->handle = handle;
    memcpy(d->endpoint, endpoint.data, endpoint.len);
    d->tokens = a->config.ac_per_minute * 1000;
    return d;
}

void proa__device_settle(proa_authority *a, proa__device *device)
{
    if (device->reg != 0 || device->grants[0] != NULL || device->grants[1] != NULL ||
        device->head != NULL || device->sync_listed || device->ask != NULL ||
        device->dormant != NULL) {
        return;
    }
    proa_span endpoint = proa_span_of(device->endpoint);
    proa__alarm_clear(a, &device->alarm);
    proa_map_remove(&a->by_endpoint, proa_map_hash(&a->by_endpoint, 0, endpoint), device->handle);
    proa_pool_give(&a->devices, device->handle);
}

/* ---- short ids -------------------------------------------------------------------------- */

static bool short_id_taken(const proa__device *device, uint16_t short_id)
{
    for (uint8_t i = 0; i < device->foreign_count; i++) {
        if (device->foreign[i].short_id == short_id) {
            return true;
        }
    }
    return proa__grant_owns_short_id(device, short_id);
}

uint16_t proa__device_short_id(const proa__device *device)
{
    for (uint32_t id = 1; id <= PROA_ID_MAX; id++) {
        if (!short_id_taken(device, (uint16_t)id)) {
            return (uint16_t)id;
        }
    }
    return 0;
}

void proa__device_add_foreign(proa__device *device, uint16_t object, uint16_t instance,
                              uint16_t short_id)
{
    if (device->foreign_count == PROA__FOREIGN_MAX) {
        device->foreign_more = true;
        return;
    }
    device->foreign[device->foreign_count].object = object;
    device->foreign[device->foreign_count].instance = instance;
    device->foreign[device->foreign_count++].short_id = short_id;
}

/* What an account and an entry take in a read of 11001, resp. 11002 (wire.c), in bytes. The tables
 * of a device must fit one body, or a sync could not see what is there. */
#define ACCOUNT_LEN 60
#define ENTRY_LEN 22

static size_t accounts_len(const proa__device *device)
{
    size_t len = 0;
    for (uint8_t side = 0; side < 2; side++) {
        for (const proa__record *r = device->grants[side]; r != NULL; r = r->next[side]) {
            bool is_counted = side == PROA__REQUESTER && proa__grant_reverse(r) != NULL;
            len += is_counted ? 0 : ACCOUNT_LEN + strlen(proa__grant_peer(r, side)->endpoint);
        }
    }
    return len + (size_t)device->foreign_count * (ACCOUNT_LEN + PROA_ENDPOINT_MAX);
}

bool proa__device_has_room(const proa__device *device, const proa__device *peer, bool new_account,
                           uint8_t entry_count)
{
    size_t accounts = accounts_len(device);
    size_t entries = (size_t)entry_count * ENTRY_LEN;
    for (const proa__record *r = device->grants[PROA__HOST]; r != NULL; r = r->next[PROA__HOST]) {
        entries += (size_t)r->g.entry_count * ENTRY_LEN;
    }
    accounts += new_account ? ACCOUNT_LEN + strlen(peer->endpoint) : 0;
    return accounts <= PROA_BODY_MAX && entries <= PROA_BODY_MAX;
}

/* ---- what a device lists ---------------------------------------------------------------- */

typedef struct listing {
    proa__device *device;
    uint32_t expected; /* listed and part of a grant */
    bool strange;      /* listed and part of nothing */
    bool any;
} listing;

static bool grant_has(const proa__record *r, uint8_t side, uint16_t object, uint16_t instance)
{
    const proa_grant *g = &r->g;
    if (object == PROA_OBJECT_CLIENT_SECURITY) {
        return (side == PROA__HOST ? g->host_security : g->requester_security) == instance;
    }
    if (object == PROA_OBJECT_CLIENT) {
        return (side == PROA__HOST ? g->host_client : g->requester_client) == instance &&
               !proa__grant_is_adopted(r);
    }
    for (uint8_t i = 0; side == PROA__HOST && i < g->entry_count; i++) {
        if (g->entries[i].access_instance == instance) {
            return true;
        }
    }
    return false;
}

static bool is_expected(const proa__device *device, uint16_t object, uint16_t instance)
{
    for (uint8_t side = 0; side < 2; side++) {
        for (const proa__record *r = device->grants[side]; r != NULL; r = r->next[side]) {
            if (proa__grant_is_live(r) && grant_has(r, side, object, instance)) {
                return true;
            }
        }
    }
    return false;
}

static bool is_foreign(const proa__device *device, uint16_t object, uint16_t instance)
{
    for (uint8_t i = 0; i < device->foreign_count; i++) {
        if (device->foreign[i].object == object && device->foreign[i].instance == instance) {
            return true;
        }
    }
    return false;
}

/* The x of version 1.x. Minor versions add and take nothing away (Core 1.2 §6.2.1, §7.2.2). */
static uint64_t minor_version(const proa_link *link)
{
    proa_reader attributes = proa_reader_make(link->attributes);
    proa_link_attribute attribute;
    uint64_t minor = 0;
    while (proa_link_attribute_next(&attributes, &attribute)) {
        proa_span version = attribute.value;
        if (proa_span_equal(attribute.name, proa_span_of("ver")) && version.len > 2 &&
            memcmp(version.data, "1.", 2) == 0 &&
            proa_parse_decimal(proa_span_make(version.data + 2, version.len - 2), UINT16_MAX,
                               &minor) != PROA_OK) {
            minor = 0;
        }
    }
    return minor;
}

static void look_at(listing *l, const proa_path *path)
{
    if (path->depth >= 1 && path->ids[0] == PROA_OBJECT_OSCORE) {
        l->device->has_oscore = true;
    }
    if (path->depth != 2 || path->ids[0] < PROA_OBJECT_CLIENT_SECURITY ||
        path->ids[0] > PROA_OBJECT_CLIENT_ACCESS) {
        return;
    }
    l->any = true;
    if (is_expected(l->device, path->ids[0], path->ids[1])) {
        l->expected++;
    } else if (!is_foreign(l->device, path->ids[0], path->ids[1])) {
        l->strange = true;
    }
}

/* How many different instances the grants say there are. */
static uint32_t count_expected(const proa__device *device)
{
    uint32_t count = 0;
    for (uint8_t side = 0; side < 2; side++) {
        for (const proa__record *r = device->grants[side]; r != NULL; r = r->next[side]) {
            bool is_mirrored = side == PROA__REQUESTER && proa__grant_reverse(r) != NULL &&
                               proa__grant_is_live(proa__grant_reverse(r));
            count += proa__grant_is_live(r) && !proa__grant_is_adopted(r) && !is_mirrored ? 2 : 0;
        }
    }
    for (const proa__record *r = device->grants[PROA__HOST]; r != NULL; r = r->next[PROA__HOST]) {
        for (uint8_t i = 0; proa__grant_is_live(r) && i < r->g.entry_count; i++) {
            bool is_first = true;
            for (const proa__record *s = device->grants[PROA__HOST]; s != r;
                 s = s->next[PROA__HOST]) {
                is_first = is_first && !(proa__grant_is_live(s) &&
                                         grant_has(s, PROA__HOST, PROA_OBJECT_CLIENT_ACCESS,
                                                   r->g.entries[i].access_instance));
            }
            count += is_first ? 1 : 0;
        }
    }
    return count;
}

/* Which of two keys is in use only a sync can tell. */
static bool any_rolls(const proa__device *device)
{
    for (uint8_t side = 0; side < 2; side++) {
        for (const proa__record *r = device->grants[side]; r != NULL; r = r->next[side]) {
            if (proa__grant_is_live(r) && proa__grant_rolls(r)) {
                return true;
            }
        }
    }
    return false;
}

bool proa__device_lists_right(proa__device *device, proa_span links, bool *any)
{
    listing l = {.device = device};
    proa_reader reader = proa_reader_make(links);
    proa_link link;
    proa_path path;
    device->has_oscore = false;
    uint64_t minor = 0; /* of 11000 */
    while (proa_link_next(&reader, &link)) {
        if (proa_path_parse(link.target, &path) == PROA_OK) {
            look_at(&l, &path);
            if (path.ids[0] == PROA_OBJECT_CLIENT_SECURITY && path.depth == 1) {
                minor = minor_version(&link);
            }
        }
    }
    device->is_compact = minor >= 1;
    device->has_firsts = minor >= 2;
    *any = l.any;
    return !l.strange && l.expected == count_expected(device) && !any_rolls(device);
}

/* ---- where a host is -------------------------------------------------------------------- */

proa_err proa__device_address(const proa_authority *a, const proa__device *host,
                              const proa__device *requester, proa_addr *out)
{
    bool both_here = proa_addr_is_loopback(&host->addr) && proa_addr_is_loopback(&requester->addr);
    bool both_linked = proa_addr_is_link_local(&host->addr) &&
                       proa_addr_is_link_local(&requester->addr) &&
                       host->addr.zone == requester->addr.zone;
    if (proa_addr_is_v4(&host->addr) != proa_addr_is_v4(&requester->addr) ||
        (proa_addr_is_loopback(&host->addr) && !(both_here && a->config.loopback_ok)) ||
        (proa_addr_is_link_local(&host->addr) && !both_linked)) {
        return PROA_E_NOT_FOUND;
    }
    *out = host->addr;
    out->zone = 0; /* an interface number of this server means nothing to the requester */
    return PROA_OK;
}

proa_err proa__device_uri(const proa_authority *a, const proa__device *host,
                          const proa__device *requester, proa_peer_security security,
                          proa_writer *w)
{
    proa_addr at;
    proa_err err = proa__device_address(a, host, requester, &at);
    if (err != PROA_OK) {
        return err;
    }
    proa_uri_write(w, security != PROA_PEER_SECURITY_OSCORE, &at);
    return w->err;
}

/* ---- by what the two are protected ------------------------------------------------------ */

proa_peer_security proa__device_security(const proa__device *host, const proa__device *requester,
                                         proa_peer_security wanted)
{
    if (wanted != PROA_PEER_SECURITY_AUTO) {
        return wanted;
    }
    return host->has_oscore && requester->has_oscore ? PROA_PEER_SECURITY_OSCORE
                                                     : PROA_PEER_SECURITY_DTLS;
}
