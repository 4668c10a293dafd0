/* SPDX-License-Identifier: Apache-2.0 */
/* Which sessions there are. Owns the names (connection id, address), the lists and the ends of
 * sessions. Knows nothing of records.
 *
 * Invariants: has_cid says that the session is in by_cid, has_addr that it is in by_addr; the lists
 * and counters follow proa__dtls_phase (box.h). */
#include <string.h>

#include "ports/mbedtls/box.h"
#include "proa/assert.h"

/* ---- storage ---------------------------------------------------------------------------- */

static void *take(proa__dtls *box, size_t len)
{
    return box->config.memory.take(box->config.memory.ctx, len);
}

static void give(proa__dtls *box, void *bytes, size_t len)
{
    if (bytes != NULL) {
        proa_wipe(bytes, len);
        box->config.memory.give(box->config.memory.ctx, bytes, len);
    }
}

/* The first chunk of a pool that doubles, such that chunks from about 64 things on end exactly at
 * `max`: a full table wastes nothing. */
static uint32_t first_count(uint32_t max)
{
    uint32_t chunks = 1;
    while (max / ((2U << chunks) - 1) >= 64) {
        chunks++;
    }
    uint32_t parts = (1U << chunks) - 1;
    return (max + parts - 1) / parts;
}

proa_err proa__dtls_tables_init(proa__dtls *box)
{
    const proa_secure_config *config = &box->config;
    const proa_memory *memory = &config->memory;
    /* One live more: a sleeping session wakes before another one goes to sleep. */
    uint32_t lives = config->live_max + config->handshake_max + (config->hibernated_max > 0);
    uint32_t sessions = config->live_max + config->hibernated_max + 2 * config->handshake_max;
    uint32_t seed;
    proa_random_fill(&config->random, &seed, sizeof seed);
    sessions = sessions < PROA_POOL_COUNT_MAX ? sessions : PROA_POOL_COUNT_MAX;
    box->datagram_cap = PROA_DATAGRAM_MAX + 64U; /* a peer that reckons without DTLS's overhead */
    box->outbox_cap = config->output_len != 0 ? config->output_len : 4U * (config->mtu + 32U);
    proa_err err = proa_pool_init(&box->sessions, memory, sizeof(proa__session),
                                  first_count(sessions), sessions);
    if (err == PROA_OK) {
        err = proa_pool_init(&box->lives, memory, sizeof(proa__live), 1, lives);
    }
    if (err == PROA_OK) {
        err = proa_pool_init(&box->handshakes, memory, sizeof(proa__handshake), 1,
                             config->handshake_max);
    }
    if (err == PROA_OK) {
        err = proa_map_init(&box->by_cid, memory, 8, seed);
    }
    if (err == PROA_OK) {
        err = proa_map_init(&box->by_addr, memory, 8, seed);
    }
    box->asking = config->keeper == NULL ? NULL : take(box, PROA__DTLS_ASKING_LEN);
    box->datagram = take(box, box->datagram_cap);
    box->plain = take(box, box->datagram_cap);
    box->outbox_bytes = take(box, box->outbox_cap);
    if (err != PROA_OK || box->datagram == NULL || box->plain == NULL ||
        box->outbox_bytes == NULL || (config->keeper != NULL && box->asking == NULL)) {
        proa__dtls_tables_free(box);
        return PROA_E_NO_MEMORY;
    }
    proa__outbox_init(&box->outbox, box->outbox_bytes, box->outbox_cap);
    return PROA_OK;
}

void proa__dtls_tables_free(proa__dtls *box)
{
    proa_handle handle;
    for (uint32_t cursor = 0; proa_pool_next(&box->sessions, &cursor, &handle) != NULL;) {
        proa__dtls_drop(box, handle);
    }
    while (box->spare_count > 0) {
        proa__blob *blob = box->spare[--box->spare_count];
        give(box, blob, proa__blob_len(blob->len));
    }
    give(box, box->outbox_bytes, box->outbox_cap);
    give(box, box->plain, box->datagram_cap);
    give(box, box->datagram, box->datagram_cap);
    give(box, box->asking, PROA__DTLS_ASKING_LEN);
    proa_map_clear(&box->by_addr);
    proa_map_clear(&box->by_cid);
    proa_pool_clear(&box->handshakes);
    proa_pool_clear(&box->lives);
    proa_pool_clear(&box->sessions);
}

proa__session *proa__dtls_session(const proa__dtls *box, proa_handle handle)
{
    return proa_pool_get(&box->sessions, handle);
}

/* ---- names ------------------------------------------------------------------------------ */

typedef struct addr_key {
    const proa_addr *addr;
    bool is_server;
    bool is_handshake;
} addr_key;

static uint32_t cid_hash(const proa__dtls *box, const uint8_t *cid)
{
    return proa_map_hash(&box->by_cid, 0, proa_span_make(cid, box->config.cid_len));
}

static uint32_t addr_hash(const proa__dtls *box, const proa_addr *addr)
{
    uint32_t hash = proa_map_hash(&box->by_addr, 0, proa_span_make(addr->ip, sizeof addr->ip));
    uint8_t port[2] = {(uint8_t)(addr->port >> 8), (uint8_t)addr->port};
    return proa_map_hash(&box->by_addr, hash, proa_span_make(port, sizeof port));
}

static bool is_cid(const void *owner, proa_handle handle, const void *key)
{
    const proa__dtls *box = owner;
    return memcmp(proa__dtls_session(box, handle)->u.cid, key, box->config.cid_len) == 0;
}

static bool is_addr(const void *owner, proa_handle handle, const void *key)
{
    const proa__session *session = proa__dtls_session(owner, handle);
    const addr_key *wanted = key;
    return (session->is_server != 0) == wanted->is_server &&
           (session->phase == PROA__DTLS_HANDSHAKE) == wanted->is_handshake &&
           proa_addr_equal(&session->addr, wanted->addr);
}

proa_handle proa__dtls_by_cid(const proa__dtls *box, const uint8_t *cid)
{
    return proa_map_find(&box->by_cid, cid_hash(box, cid), is_cid, box, cid);
}

proa_handle proa__dtls_by_addr(const proa__dtls *box, const proa_addr *addr, bool is_server,
                               bool is_handshake)
{
    addr_key key = {addr, is_server, is_handshake};
    return proa_map_find(&box->by_addr, addr_hash(box, addr), is_addr, box, &key);
}

/* A connection id that no session has: random, so that byte 0 spreads over a server's buckets and
 * ids of an earlier life of the program are not taken for ours; then the next free one. */
static bool draw_cid(const proa__dtls *box, uint8_t *cid)
{
    proa_random_fill(&box->config.random, cid, box->config.cid_len);
    for (uint32_t tries = 0; tries <= 0xffff; tries++) {
        if (proa__dtls_by_cid(box, cid) == 0 &&
            (box->config.firsts == NULL || !box->config.firsts->is_awaited(box, cid))) {
            return true;
        }
        for (uint32_t i = box->config.cid_len; i-- > 0 && ++cid[i] == 0;) {
        }
    }
    return false;
}

static void forget_cid(proa__dtls *box, proa__session *session, proa_handle handle)
{
    if (session->has_cid) {
        proa_map_remove(&box->by_cid, cid_hash(box, session->u.cid), handle);
        session->has_cid = 0;
    }
}

static void forget_addr(proa__dtls *box, proa__session *session, proa_handle handle)
{
    if (session->has_addr) {
        proa_map_remove(&box->by_addr, addr_hash(box, &session->addr), handle);
        session->has_addr = 0;
    }
}

static bool name_it(proa__dtls *box, proa__session *session, proa_handle handle)
{
    if (box->config.cid_len > 0) {
        if (!draw_cid(box, session->u.cid) ||
            proa_map_add(&box->by_cid, cid_hash(box, session->u.cid), handle) != PROA_OK) {
            return false;
        }
        session->has_cid = 1;
    }
    if (proa_map_add(&box->by_addr, addr_hash(box, &session->addr), handle) != PROA_OK) {
        return false;
    }
    session->has_addr = 1;
    return true;
}

void proa__dtls_rename(proa__dtls *box, proa_handle handle, bool by_cid)
{
    proa__session *session = proa__dtls_session(box, handle);
    if (by_cid) {
        forget_addr(box, session, handle);
    } else {
        forget_cid(box, session, handle);
    }
}

/* ---- lists ------------------------------------------------------------------------------ */

static proa__links *links_of(const proa__dtls *box, proa_handle handle)
{
    proa__session *session = proa__dtls_session(box, handle);
    /* Both kinds of state begin with their links. */
    return session->phase == PROA__DTLS_ENDED ? &session->u.links : session->state;
}

void proa__dtls_list_add(proa__dtls *box, proa__list *list, proa_handle handle)
{
    *links_of(box, handle) = (proa__links){0, list->last};
    if (list->last != 0) {
        links_of(box, list->last)->next = handle;
    } else {
        list->first = handle;
    }
    list->last = handle;
}

void proa__dtls_list_remove(proa__dtls *box, proa__list *list, proa_handle handle)
{
    proa__links at = *links_of(box, handle);
    if (at.next != 0) {
        links_of(box, at.next)->previous = at.previous;
    } else {
        list->last = at.previous;
    }
    if (at.previous != 0) {
        links_of(box, at.previous)->next = at.next;
    } else {
        list->first = at.next;
    }
}

/* ---- beginning and end ------------------------------------------------------------------- */

proa__session *proa__dtls_new(proa__dtls *box, const proa_addr *addr, bool is_server,
                              proa__live **live)
{
    proa_handle handle;
    proa_handle self;
    proa_handle taken;
    proa__session *session = proa_pool_take(&box->sessions, &handle);
    if (session == NULL) {
        return NULL;
    }
    session->addr = *addr;
    session->is_server = is_server;
    session->phase = PROA__DTLS_HANDSHAKE;
    *live = proa_pool_take(&box->lives, &self);
    session->state = *live;
    if (*live == NULL) {
        proa_pool_give(&box->sessions, handle);
        return NULL;
    }
    mbedtls_ssl_init(&(*live)->ssl);
    (*live)->box = box;
    (*live)->session = session;
    (*live)->handle = handle;
    (*live)->self = self;
    proa__handshake *handshake = proa_pool_take(&box->handshakes, &taken);
    (*live)->handshake = handshake;
    if (handshake != NULL) {
        handshake->live = *live;
        handshake->self = taken;
    }
    if (handshake == NULL || !name_it(box, session, handle)) {
        proa__dtls_drop(box, handle);
        return NULL;
    }
    return session;
}

proa__session *proa__dtls_new_named(proa__dtls *box, const uint8_t *cid, proa_handle *handle)
{
    proa__session *session = proa_pool_take(&box->sessions, handle);
    if (session == NULL) {
        return NULL;
    }
    memcpy(session->u.cid, cid, box->config.cid_len);
    if (proa_map_add(&box->by_cid, cid_hash(box, cid), *handle) != PROA_OK) {
        proa_pool_give(&box->sessions, *handle);
        return NULL;
    }
    session->has_cid = 1;
    return session;
}

void proa__dtls_give_handshake(proa__dtls *box, proa__live *live)
{
    proa__handshake *handshake = live->handshake;
    if (handshake != NULL) {
        proa_handle self = handshake->self;
        proa_heap_clear(&box->timers, &handshake->timer);
        proa_wipe(handshake, sizeof *handshake);
        proa_pool_give(&box->handshakes, self);
        live->handshake = NULL;
    }
}

void proa__dtls_give_live(proa__dtls *box, proa__live *live)
{
    mbedtls_ssl_free(&live->ssl);
    proa__dtls_give_handshake(box, live);
    proa_handle self = live->self;
    memset(live, 0, sizeof *live);
    proa_pool_give(&box->lives, self);
}

void proa__dtls_give_blob(proa__dtls *box, proa__blob *blob)
{
    proa_wipe(blob->bytes, blob->len);
    if (box->spare_count < PROA__DTLS_SPARE_MAX) {
        box->spare[box->spare_count++] = blob;
    } else {
        give(box, blob, proa__blob_len(blob->len));
    }
}

/* Out of its list and its counter, as its phase says. */
static void leave(proa__dtls *box, proa__session *session, proa_handle handle)
{
    if (session->connected || session->phase == PROA__DTLS_ENDED) {
        proa__dtls_list_remove(box, &box->news, handle);
    } else if (session->phase == PROA__DTLS_AWAKE) {
        proa__dtls_list_remove(box, &box->idlest, handle);
    } else if (session->phase == PROA__DTLS_ASLEEP) {
        proa__dtls_list_remove(box, &box->oldest, handle);
    }
    box->settling -= session->phase == PROA__DTLS_SETTLING;
    box->awake -= session->phase == PROA__DTLS_AWAKE;
    box->asleep -= session->phase == PROA__DTLS_ASLEEP;
    session->connected = 0;
}

/* Everything but the place in the table. */
static void empty(proa__dtls *box, proa_handle handle)
{
    proa__session *session = proa__dtls_session(box, handle);
    leave(box, session, handle);
    if (box->config.keeping != NULL) {
        box->config.keeping->forget(box, session);
    }
    forget_cid(box, session, handle);
    forget_addr(box, session, handle);
    if (box->data == handle) {
        box->data = 0;
    }
    if (session->phase == PROA__DTLS_ASLEEP) {
        proa__dtls_give_blob(box, session->state);
    } else if (session->state != NULL) {
        proa__dtls_give_live(box, session->state);
    }
    session->state = NULL;
    session->phase = 0;
}

void proa__dtls_drop(proa__dtls *box, proa_handle handle)
{
    empty(box, handle);
    proa_pool_give(&box->sessions, handle);
}

void proa__dtls_end(proa__dtls *box, proa_handle handle, proa_secure_reason reason)
{
    proa__session *session = proa__dtls_session(box, handle);
    empty(box, handle);
    session->phase = PROA__DTLS_ENDED;
    session->credit = (uint16_t)reason;
    proa__dtls_list_add(box, &box->news, handle);
}
