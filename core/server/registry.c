/* SPDX-License-Identifier: Apache-2.0 */
/* The registrations and the ways to find them (registry.h).
 *
 * Invariants: a device that has not ended stands in by_endpoint and by_id, and in by_session
 * exactly if its session is not 0; endpoint, id and session each name one device. The heap has room
 * for every device. LwM2M Core 1.2 §6.2 says what the fields mean; nothing here decides about it. */
#include "core/server/registry.h"

#include <string.h>

#include "proa/assert.h"

/* ---- finding ---------------------------------------------------------------------------- */

proa__device *proa__registry_get(const proa__registry *r, proa_reg reg)
{
    return proa_pool_get(&r->devices, reg);
}

static bool is_endpoint(const void *owner, proa_handle handle, const void *key)
{
    const proa__device *d = proa__registry_get(owner, handle);
    return proa_span_equal(proa__device_endpoint(d), *(const proa_span *)key);
}

static bool is_id(const void *owner, proa_handle handle, const void *key)
{
    const proa__device *d = proa__registry_get(owner, handle);
    return memcmp(d->id, key, PROA_REG_ID_LEN) == 0;
}

static bool is_session(const void *owner, proa_handle handle, const void *key)
{
    const proa__device *d = proa__registry_get(owner, handle);
    return d->session == *(const uint32_t *)key;
}

static uint32_t hash_endpoint(const proa__registry *r, proa_span endpoint)
{
    return proa_map_hash(&r->by_endpoint, 0, endpoint);
}

static uint32_t hash_id(const proa__registry *r, const void *id)
{
    return proa_map_hash(&r->by_id, 0, proa_span_make(id, PROA_REG_ID_LEN));
}

static uint32_t hash_session(const proa__registry *r, uint32_t session)
{
    return proa_map_hash(&r->by_session, 0, proa_span_make(&session, sizeof session));
}

proa__device *proa__registry_by_endpoint(const proa__registry *r, proa_span endpoint)
{
    uint32_t hash = hash_endpoint(r, endpoint);
    return proa__registry_get(r, proa_map_find(&r->by_endpoint, hash, is_endpoint, r, &endpoint));
}

proa__device *proa__registry_by_id(const proa__registry *r, proa_span id)
{
    if (id.len != PROA_REG_ID_LEN) {
        return NULL;
    }
    uint32_t hash = hash_id(r, id.data);
    return proa__registry_get(r, proa_map_find(&r->by_id, hash, is_id, r, id.data));
}

proa__device *proa__registry_by_session(const proa__registry *r, uint32_t session)
{
    if (session == 0) {
        return NULL;
    }
    uint32_t hash = hash_session(r, session);
    return proa__registry_get(r, proa_map_find(&r->by_session, hash, is_session, r, &session));
}

proa__device *proa__registry_take_expired(proa__registry *r, uint64_t now_ms)
{
    return (proa__device *)proa_heap_take_due(&r->expiry, now_ms);
}

/* ---- coming and going ------------------------------------------------------------------- */

proa_err proa__registry_open(proa__registry *r, const proa_server_config *config)
{
    uint32_t seeds[3];
    uint32_t first = config->registration_first;
    memset(r, 0, sizeof *r);
    r->memory = config->memory;
    r->random = config->random;
    proa_random_fill(&r->random, seeds, sizeof seeds);
    proa_err err = proa_pool_init(&r->devices, &r->memory, sizeof(proa__device), first,
                                  config->registration_max);
    if (err == PROA_OK) {
        err = proa_map_init(&r->by_endpoint, &r->memory, first, seeds[0]);
    }
    if (err == PROA_OK) {
        err = proa_map_init(&r->by_id, &r->memory, first, seeds[1]);
    }
    if (err == PROA_OK) {
        err = proa_map_init(&r->by_session, &r->memory, first, seeds[2]);
    }
    return err;
}

static void give_text(proa__registry *r, uint8_t *text, size_t len)
{
    if (text != NULL) {
        r->memory.give(r->memory.ctx, text, len);
    }
}

void proa__registry_close(proa__registry *r)
{
    uint32_t cursor = 0;
    proa_handle handle;
    for (proa__device *d; (d = proa_pool_next(&r->devices, &cursor, &handle)) != NULL;) {
        give_text(r, d->text, d->endpoint_len + d->links_len);
    }
    proa_map_clear(&r->by_session);
    proa_map_clear(&r->by_id);
    proa_map_clear(&r->by_endpoint);
    proa_pool_clear(&r->devices);
}

/* 72 random bits in characters that stand in a URI as they are. Whoever knows the id of a NoSec
 * registration may update it, so it must not be guessed. */
static void draw_id(proa__registry *r, char id[PROA_REG_ID_LEN])
{
    static const char alphabet[64] = {
        'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', 'P',
        'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z', 'a', 'b', 'c', 'd', 'e', 'f',
        'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p', 'q', 'r', 's', 't', 'u', 'v',
        'w', 'x', 'y', 'z', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '-', '_'};
    uint8_t bytes[PROA_REG_ID_LEN];
    do {
        proa_random_fill(&r->random, bytes, sizeof bytes);
        for (size_t i = 0; i < sizeof bytes; i++) {
            id[i] = alphabet[bytes[i] & 63];
        }
    } while (proa__registry_by_id(r, proa_span_make(id, PROA_REG_ID_LEN)) != NULL);
}

static uint8_t *make_text(proa__registry *r, proa_span endpoint, proa_span links)
{
    uint8_t *text = r->memory.take(r->memory.ctx, endpoint.len + links.len);
    if (text != NULL) {
        proa_writer w = proa_writer_make(text, endpoint.len + links.len);
        proa_write_span(&w, endpoint);
        proa_write_span(&w, links);
    }
    return text;
}

static proa_err put_in_maps(proa__registry *r, proa__device *d)
{
    uint32_t endpoint_hash = hash_endpoint(r, proa__device_endpoint(d));
    proa_err err = proa_map_add(&r->by_endpoint, endpoint_hash, d->reg);
    if (err == PROA_OK) {
        err = proa_map_add(&r->by_id, hash_id(r, d->id), d->reg);
        if (err != PROA_OK) {
            proa_map_remove(&r->by_endpoint, endpoint_hash, d->reg);
        }
    }
    return err;
}

proa_err proa__registry_add(proa__registry *r, const proa__device_facts *facts,
                            proa__device *in_place_of, proa__device **out)
{
    PROA_ASSERT(facts->endpoint.len >= 1 && facts->endpoint.len <= PROA_ENDPOINT_MAX);
    PROA_ASSERT(facts->id.len == 0 || facts->id.len == PROA_REG_ID_LEN);
    if (in_place_of == NULL && r->devices.count >= r->devices.places.count_max) {
        return PROA_E_FULL;
    }
    uint8_t *text = make_text(r, facts->endpoint, facts->links);
    if (text == NULL) {
        return PROA_E_NO_MEMORY;
    }
    /* After this the pool has a free place and the maps are a slot shorter: what follows cannot fail
     * any more. */
    if (in_place_of != NULL) {
        proa__registry_end(r, in_place_of);
        proa__registry_release(r, in_place_of);
    }
    proa_reg reg;
    proa__device *d = proa_pool_take(&r->devices, &reg);
    if (d == NULL) {
        give_text(r, text, facts->endpoint.len + facts->links.len);
        return PROA_E_NO_MEMORY;
    }
    d->reg = reg;
    d->text = text;
    d->endpoint_len = (uint8_t)facts->endpoint.len;
    d->links_len = (uint32_t)facts->links.len;
    d->account = facts->account;
    d->protection = (uint8_t)facts->protection;
    if (facts->id.len == 0) {
        draw_id(r, d->id);
    } else {
        memcpy(d->id, facts->id.data, PROA_REG_ID_LEN);
    }
    proa_err err = put_in_maps(r, d);
    if (err != PROA_OK) {
        d->ended = true;
        proa__registry_release(r, d);
        return err;
    }
    *out = d;
    return PROA_OK;
}

void proa__registry_end(proa__registry *r, proa__device *d)
{
    if (d->ended) {
        return;
    }
    (void)!proa__registry_set_session(r, d, 0); /* only binding can fail */
    proa_map_remove(&r->by_endpoint, hash_endpoint(r, proa__device_endpoint(d)), d->reg);
    proa_map_remove(&r->by_id, hash_id(r, d->id), d->reg);
    proa_heap_clear(&r->expiry, &d->expiry);
    d->ended = true;
}

void proa__registry_release(proa__registry *r, proa__device *d)
{
    PROA_ASSERT(d->ended && !proa_timer_is_set(&d->expiry));
    give_text(r, d->text, d->endpoint_len + d->links_len);
    proa_pool_give(&r->devices, d->reg);
}

/* ---- what changes while they live ------------------------------------------------------- */

void proa__registry_expires(proa__registry *r, proa__device *d, uint64_t at_ms)
{
    if (at_ms == UINT64_MAX) {
        proa_heap_clear(&r->expiry, &d->expiry);
    } else {
        proa_heap_set(&r->expiry, &d->expiry, at_ms);
    }
}

proa_err proa__registry_set_links(proa__registry *r, proa__device *d, proa_span links)
{
    uint8_t *text = make_text(r, proa__device_endpoint(d), links);
    if (text == NULL) {
        return PROA_E_NO_MEMORY;
    }
    give_text(r, d->text, d->endpoint_len + d->links_len);
    d->text = text;
    d->links_len = (uint32_t)links.len;
    return PROA_OK;
}

proa_err proa__registry_set_session(proa__registry *r, proa__device *d, uint32_t session)
{
    PROA_ASSERT(session == 0 || proa__registry_by_session(r, session) == NULL);
    if (d->session != 0) {
        proa_map_remove(&r->by_session, hash_session(r, d->session), d->reg);
        d->session = 0;
    }
    if (session == 0) {
        return PROA_OK;
    }
    proa_err err = proa_map_add(&r->by_session, hash_session(r, session), d->reg);
    if (err == PROA_OK) {
        d->session = session;
    }
    return err;
}
