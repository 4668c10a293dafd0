/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_CORE_SERVER_REGISTRY_H
#define PROA_CORE_SERVER_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/heap.h"
#include "core/base/map.h"
#include "core/base/pool.h"
#include "proa/random.h"
#include "proa/server.h"

/* The registrations of one server engine: found by handle, endpoint, registration id or session, each
 * in O(1); the one that expires first in O(1). It knows no messages and no events: rd.c decides
 * what is registered, this keeps it.
 *
 * A device costs one place of the pool (160 bytes), one block of exactly its endpoint and object
 * list, one slot in up to three maps and one in the heap. Nothing is as large as the largest. */

/* Where devices stand. Fields that a map finds a device by, and its texts, change through the
 * functions below only. */
typedef struct proa__device {
    proa_timer expiry; /* the first field: a due timer is a due device; not set = never */
    uint64_t account;  /* 0 = NoSec */
    uint64_t registered_ms;
    uint64_t updated_ms;
    uint64_t awake_ms; /* queue mode: it listens until then */
    uint8_t *text;     /* endpoint, then object list */
    uint32_t links_len;
    uint32_t lifetime_s;
    proa_reg reg;
    uint32_t session;    /* 0 = none; see `alive` */
    proa_op_id first_op; /* its operations and observations, operations.c */
    uint16_t waiting;    /* of those, how many wait for the device */
    uint16_t format;
    proa_addr addr;
    char id[PROA_REG_ID_LEN];
    uint8_t endpoint_len;
    uint8_t version_minor; /* LwM2M 1.x */
    uint8_t moves;         /* counts changes of address: see proa__op.moves */
    uint8_t protection;    /* proa_protection */
    bool queue_mode : 1;
    bool has_root : 1;       /* its objects stand below an alternate path (links.h) */
    bool alive : 1;          /* the session can carry messages; false: what is under way waits under
                             the handle of the dead one until the device has a new one */
    bool moved : 1;          /* address_changed was not reported yet */
    bool unconfirmed : 1;    /* the new address was not seen to answer yet */
    bool asked_to_prove : 1; /* that it is there: revived.c */
    bool ended : 1;          /* readable, but for nobody to find */
} proa__device;

typedef struct proa__registry {
    proa_pool devices;
    proa_map by_endpoint;
    proa_map by_id;
    proa_map by_session;
    proa_heap expiry;
    proa_memory memory;
    proa_random random;
} proa__registry;

/* What a device is made of. Spans are copied. */
typedef struct proa__device_facts {
    proa_span endpoint; /* 1..PROA_ENDPOINT_MAX bytes */
    proa_span links;
    proa_span id; /* PROA_REG_ID_LEN characters, or empty: drawn from the CSPRNG */
    uint64_t account;
    proa_protection protection;
} proa__device_facts;

/* PROA_OK or PROA_E_NO_MEMORY; in both cases proa__registry_close gives everything back. */
PROA_CHECK proa_err proa__registry_open(proa__registry *r, const proa_server_config *config);
void proa__registry_close(proa__registry *r);

/* Each gives NULL if there is none; those but `get` do not find an ended one. */
proa__device *proa__registry_get(const proa__registry *r, proa_reg reg);
proa__device *proa__registry_by_endpoint(const proa__registry *r, proa_span endpoint);
proa__device *proa__registry_by_id(const proa__registry *r, proa_span id);
proa__device *proa__registry_by_session(const proa__registry *r, uint32_t session);

/* The device with the earliest expiry at or before now_ms, its timer no longer set; NULL. */
proa__device *proa__registry_take_expired(proa__registry *r, uint64_t now_ms);

/* Add a device whose endpoint (and id, if given) is not there. `in_place_of` may be NULL; else it is
 * ended and released in the same step, which succeeds for a full registry, too, and on failure
 * leaves the old one as it was.
 * Returns PROA_OK, PROA_E_FULL, PROA_E_NO_MEMORY. */
PROA_CHECK proa_err proa__registry_add(proa__registry *r, const proa__device_facts *facts,
                                       proa__device *in_place_of, proa__device **out);

/* Take a device out of every map and the heap; it stays readable by its handle until released. */
void proa__registry_end(proa__registry *r, proa__device *d);
void proa__registry_release(proa__registry *r, proa__device *d);

/* Never fails for a device that was added: its place in the heap is reserved. UINT64_MAX = never. */
void proa__registry_expires(proa__registry *r, proa__device *d, uint64_t at_ms);

/* Replace the object list. PROA_OK, or PROA_E_NO_MEMORY and the old one stays. */
PROA_CHECK proa_err proa__registry_set_links(proa__registry *r, proa__device *d, proa_span links);

/* Bind the device to a session (0 = none) that no other device is bound to.
 * PROA_OK, or PROA_E_NO_MEMORY and the device has no session. */
PROA_CHECK proa_err proa__registry_set_session(proa__registry *r, proa__device *d,
                                               uint32_t session);

static inline proa_span proa__device_endpoint(const proa__device *d)
{
    return proa_span_make(d->text, d->endpoint_len);
}

static inline proa_span proa__device_links(const proa__device *d)
{
    return proa_span_make(d->text + d->endpoint_len, d->links_len);
}

static inline uint64_t proa__device_expires_ms(const proa__device *d)
{
    return d->lifetime_s == 0 ? UINT64_MAX : d->updated_ms + (uint64_t)d->lifetime_s * 1000;
}

#endif
