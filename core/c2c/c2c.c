/* SPDX-License-Identifier: Apache-2.0 */
/* C2C as one thing: storage, the wiring into the client, the queue of events.
 *
 * Truths kept here: everything is taken at open and nothing later; an OUTCOME and an OBSERVE_END
 * always find a place in the queue (a question that could not be answered for want of one is
 * refused before it starts); other events are dropped when it is full.
 *
 * The asking part is reached through a table only, so a program that opens the host part links
 * nothing of it. */
#include "core/c2c/c2c_internal.h"

#include <string.h>

#include "proa/assert.h"

/* Beside the two last events that each question may have: what happens on the way. */
#define PROGRESS_EVENTS 12U

proa_c2c_limits proa_c2c_limits_device(void)
{
    proa_c2c_limits limits = {
        .peer_max = 8,
        .access_max = 16,
        .ask_max = 4,
        .hint_per_minute = 20,
        .unused_s = 600,
    };
    return limits;
}

/* ---- storage ---------------------------------------------------------------------------- */

static void *take(proa_c2c *c, size_t count, size_t len)
{
    return c->memory.take(c->memory.ctx, count * len);
}

static void give(proa_c2c *c, void *block, size_t count, size_t len)
{
    if (block != NULL) {
        proa_wipe(block, count * len);
        if (c->memory.give != NULL) {
            c->memory.give(c->memory.ctx, block, count * len);
        }
    }
}

/* Bytes of the pool, beside those of one peer with everything as long as it may be. */
#define POOL_PER_PEER 112U   /* identity and key of 16 bytes, a URI, a name */
#define POOL_PER_ACCESS 9U   /* elements for three peers */

static const proa__kind *const kinds[PROA__TABLES] = {
    [PROA__KEYS] = &proa__security_kind,
    [PROA__PEERS] = &proa__client_kind,
    [PROA__ACCESSES] = &proa__access_kind,
};

static bool take_tables(proa_c2c *c)
{
    bool all = true;
    c->event_max = (uint16_t)(2U * c->limits.ask_max + PROGRESS_EVENTS);
    c->inbox_max = c->limits.ask_max == 0 ? PROGRESS_EVENTS * PROA_ENDPOINT_MAX
                                          : proa__client_config(c->client)->coap.body_max +
                                                PROGRESS_EVENTS * PROA_ENDPOINT_MAX;
    c->inbox_max = c->inbox_max > UINT16_MAX ? UINT16_MAX : c->inbox_max;
    c->pool_max = POOL_PER_PEER * c->limits.peer_max + POOL_PER_ACCESS * c->limits.access_max +
                  PROA__DRAFT_TEXTS_MAX + PROA_ENDPOINT_MAX;
    for (size_t i = 0; i < PROA__TABLES; i++) {
        proa__table *t = &c->tables[i];
        t->c = c;
        t->kind = kinds[i];
        t->count = i == PROA__ACCESSES ? c->limits.access_max : c->limits.peer_max;
        t->first = take(c, t->count, t->kind->row_len);
        all = all && t->first != NULL;
    }
    c->keys = (proa__key *)c->tables[PROA__KEYS].first;
    c->peers = (proa__peer *)c->tables[PROA__PEERS].first;
    c->accesses = (proa__access *)c->tables[PROA__ACCESSES].first;
    c->pool = take(c, c->pool_max, 1);
    c->events = take(c, c->event_max, sizeof(proa__event));
    c->inbox = take(c, c->inbox_max, 1);
    return all && c->pool != NULL && c->events != NULL && c->inbox != NULL;
}

static void give_all(proa_c2c *c)
{
    proa_memory memory = c->memory;
    for (size_t i = 0; i < PROA__TABLES && c->tables[i].kind != NULL; i++) {
        give(c, c->tables[i].first, c->tables[i].count, c->tables[i].kind->row_len);
    }
    give(c, c->pool, c->pool_max, 1);
    give(c, c->events, c->event_max, sizeof(proa__event));
    give(c, c->inbox, c->inbox_max, 1);
    proa_wipe(c, sizeof(*c));
    if (memory.give != NULL) {
        memory.give(memory.ctx, c, sizeof(*c));
    }
}

/* ---- the client's questions ------------------------------------------------------------- */

static bool find_psk(void *ctx, proa_span identity, proa_psk *out)
{
    proa_c2c *c = ctx;
    for (uint16_t i = 0; i < c->limits.peer_max; i++) {
        const proa__key *key = &c->keys[i];
        if (proa__c2c_live(c, key) != NULL &&
            proa_span_equal(proa__row_text(&key->row, PROA__KEY_IDENTITY), identity)) {
            proa__c2c_psk(key, out);
            return true;
        }
    }
    return false;
}

/* The peer of an account, also of one that is not usable now; NULL. */
static const proa__peer *peer_of(proa_c2c *c, proa_account account)
{
    const proa__key *key = proa__c2c_key(c, account);
    return key == NULL ? NULL : proa__c2c_peer(c, key->short_id);
}

static void periods(void *ctx, proa_account account, uint32_t *pmin_s, uint32_t *pmax_s)
{
    const proa__peer *peer = peer_of(ctx, account);
    *pmin_s = peer == NULL ? 0 : peer->pmin_s;
    *pmax_s = peer == NULL ? 0 : peer->pmax_s;
}

static bool endpoint_is(void *ctx, proa_account account, proa_span endpoint)
{
    const proa__peer *peer = peer_of(ctx, account);
    return peer != NULL && proa_span_equal(proa__c2c_endpoint(peer), endpoint);
}

static uint16_t short_id(void *ctx, proa_account account)
{
    const proa__key *key = proa__c2c_key(ctx, account);
    return key == NULL ? 0 : (uint16_t)key->short_id;
}

static void used(void *ctx, uint64_t now_ms, proa_account account)
{
    proa_c2c *c = ctx;
    proa__c2c_tick(c, now_ms);
    proa__key *key = proa__c2c_key(c, account);
    if (key != NULL) {
        proa__c2c_used(c, key, true);
    }
}

static void coap_event(void *ctx, uint64_t now_ms, const proa_coap_event *event)
{
    proa_c2c *c = ctx;
    proa__c2c_tick(c, now_ms);
    if (c->requester != NULL) {
        c->requester->coap_event(c, event);
    }
}

static void registration(void *ctx, uint64_t now_ms, uint16_t server, bool registered)
{
    proa_c2c *c = ctx;
    (void)server;
    (void)registered; /* who waits for it looks for itself */
    proa__c2c_tick(c, now_ms);
    c->dirty = true;
}

static uint64_t min_ms(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t next_ms(void *ctx)
{
    const proa_c2c *c = ctx;
    if (c->dirty) {
        return 0;
    }
    uint64_t next = min_ms(proa__c2c_next_accounts(c), proa__c2c_next_sessions(c));
    return c->requester == NULL ? next : min_ms(next, c->requester->next_ms(c));
}

static void run(void *ctx, uint64_t now_ms)
{
    proa_c2c *c = ctx;
    proa__c2c_tick(c, now_ms);
    c->dirty = false;
    proa__c2c_run_accounts(c);
    proa__c2c_run_sessions(c);
    if (c->requester != NULL) {
        c->requester->run(c);
    }
}

static const proa_client_extension extension = {
    .find_psk = find_psk,
    .access = proa__c2c_access,
    .refuse = proa__c2c_refuse,
    .session_open = proa__c2c_session_open,
    .session_closed = proa__c2c_session_closed,
    .periods = periods,
    .used = used,
    .coap_event = coap_event,
    .registration = registration,
    .next_ms = next_ms,
    .run = run,
    .endpoint_is = endpoint_is,
    .short_id = short_id,
};

/* ---- open, close ------------------------------------------------------------------------ */

static proa_err add_objects(proa_c2c *c)
{
    for (size_t i = 0; i < PROA__TABLES; i++) {
        c->objects[i] = proa__c2c_object(&c->tables[i]);
        proa_err err = proa_client_add_object(c->client, &c->objects[i]);
        if (err != PROA_OK) {
            return err;
        }
    }
    return PROA_OK;
}

proa_err proa_c2c_host_open(proa_c2c **out, proa_client *client, const proa_c2c_limits *limits)
{
    const proa_client_config *config = proa__client_config(client);
    *out = NULL;
    if (limits->peer_max == 0 || limits->peer_max > PROA_C2C_PEERS_MAX || limits->access_max == 0 ||
        limits->access_max > PROA_ID_MAX / 2) {
        return PROA_E_RANGE;
    }
    proa_c2c *c = config->memory.take(config->memory.ctx, sizeof(*c));
    if (c == NULL) {
        return PROA_E_NO_MEMORY;
    }
    memset(c, 0, sizeof(*c));
    c->client = client;
    c->memory = config->memory;
    c->random = config->random;
    c->store = config->store;
    c->limits = *limits;
    c->bucket = proa_hint_bucket_make(limits->hint_per_minute);
    c->extension = extension;
    c->extension.ctx = c;
    if (!take_tables(c)) {
        give_all(c);
        return PROA_E_NO_MEMORY;
    }
    proa__c2c_load(c);
    proa_err err = add_objects(c);
    if (err != PROA_OK) {
        /* An object that was added stays in the client's table, so its context has to stay, too:
         * without rights and peers it serves nothing. The caller gives up the client as well. */
        return err;
    }
    proa__client_extend(client, &c->extension);
    *out = c;
    return PROA_OK;
}

void proa_c2c_close(proa_c2c *c)
{
    if (c != NULL) {
        if (c->requester != NULL) {
            c->requester->close(c);
        }
        give_all(c);
    }
}

/* ---- events ----------------------------------------------------------------------------- */

static bool is_final(proa_c2c_event_kind kind)
{
    return kind == PROA_C2C_OUTCOME || kind == PROA_C2C_OBSERVE_END;
}

/* Copy bytes of an event; false if there is no room. */
static bool keep(proa_c2c *c, proa_span in, uint16_t *at, uint16_t *len)
{
    *at = (uint16_t)c->inbox_len;
    *len = 0;
    if (in.len > c->inbox_max - c->inbox_len) {
        return false;
    }
    if (in.len > 0) {
        memcpy(c->inbox + c->inbox_len, in.data, in.len);
    }
    *len = (uint16_t)in.len;
    c->inbox_len += in.len;
    return true;
}

bool proa__c2c_post(proa_c2c *c, const proa_c2c_event *event)
{
    bool final = is_final(event->kind);
    uint16_t room = (uint16_t)(c->event_max - c->event_count);
    uint16_t reserved = (uint16_t)(2U * c->limits.ask_max - c->finals);
    if (c->event_count == 0) {
        c->inbox_len = 0;
        c->event_first = 0;
    }
    if (!final && room <= reserved) {
        return false;
    }
    PROA_ASSERT(room > 0);
    proa__event *place = &c->events[(c->event_first + c->event_count) % c->event_max];
    size_t before = c->inbox_len;
    place->body = *event;
    place->taken_back = false;
    bool kept = keep(c, event->endpoint, &place->endpoint_at, &place->endpoint_len) &&
                keep(c, event->payload, &place->payload_at, &place->payload_len) &&
                keep(c, event->text, &place->text_at, &place->text_len);
    if (!kept) {
        c->inbox_len = before;
        if (!final) {
            return false;
        }
        /* The answer is there, but its bytes have no place: that is our own limit. */
        place->endpoint_len = place->payload_len = place->text_len = 0;
        if (event->payload.len > 0 && event->outcome == PROA_OUTCOME_OK) {
            place->body.outcome = PROA_OUTCOME_LOCAL;
            place->body.err = PROA_E_FULL;
        }
    }
    c->event_count++;
    c->finals = (uint16_t)(c->finals + (final ? 1 : 0));
    return true;
}

void proa__c2c_unpost(proa_c2c *c, proa_c2c_id id)
{
    for (uint16_t i = 0; i < c->event_count; i++) {
        proa__event *place = &c->events[(c->event_first + i) % c->event_max];
        place->taken_back = place->taken_back || place->body.id == id;
    }
}

bool proa_c2c_poll(proa_c2c *c, uint64_t now_ms, proa_c2c_event *event)
{
    proa__c2c_tick(c, now_ms);
    while (c->event_count > 0) {
        const proa__event *place = &c->events[c->event_first];
        c->event_first = (uint16_t)((c->event_first + 1U) % c->event_max);
        c->event_count--;
        c->finals = (uint16_t)(c->finals - (is_final(place->body.kind) ? 1 : 0));
        if (place->taken_back) {
            continue;
        }
        *event = place->body;
        event->endpoint = proa_span_make(c->inbox + place->endpoint_at, place->endpoint_len);
        event->payload = proa_span_make(c->inbox + place->payload_at, place->payload_len);
        event->text = proa_span_make(c->inbox + place->text_at, place->text_len);
        return true;
    }
    return false;
}

const char *proa_outcome_name(proa_outcome outcome)
{
    static const char *const names[] = {
        "unknown", "ok",      "denied",  "pending",      "busy",    "host offline", "unreachable",
        "timeout", "revoked", "expired", "no such path", "refused", "protocol",     "local",
    };
    size_t index = (size_t)outcome;
    return names[index < sizeof(names) / sizeof(names[0]) ? index : 0];
}

/* ---- looking ---------------------------------------------------------------------------- */

bool proa_c2c_peer_at(const proa_c2c *c, uint64_t now_ms, size_t index, proa_c2c_peer *out)
{
    for (uint16_t i = 0; i < c->limits.peer_max; i++) {
        const proa__key *key = &c->keys[i];
        const proa__peer *peer =
            key->row.slot == PROA__SLOT_LIVE ? proa__c2c_peer(c, key->short_id) : NULL;
        if (peer == NULL || index-- > 0) {
            continue;
        }
        proa_span endpoint = proa__c2c_endpoint(peer);
        proa_span uri = proa__row_text(&key->row, PROA__KEY_URI);
        memset(out, 0, sizeof(*out));
        out->instance = (uint16_t)key->row.instance;
        out->short_id = (uint16_t)key->short_id;
        memcpy(out->endpoint, endpoint.data, endpoint.len);
        memcpy(out->uri, uri.data, uri.len);
        out->mode = (proa_security_mode)key->mode;
        out->connected = key->session != 0;
        out->used = peer->used != 0;
        out->left_s = proa__c2c_left_s(peer, now_ms);
        out->uses = peer->uses;
        return true;
    }
    return false;
}

proa_c2c_stats proa_c2c_stats_get(const proa_c2c *c)
{
    proa_c2c_stats stats = c->stats;
    proa_c2c_peer peer;
    while (proa_c2c_peer_at(c, c->now_ms, stats.peers, &peer)) {
        stats.peers++;
    }
    stats.asks = c->requester == NULL ? 0 : c->requester->count(c);
    for (uint16_t i = 0; i < c->limits.access_max; i++) {
        stats.access_entries += c->accesses[i].row.slot == PROA__SLOT_LIVE ? 1 : 0;
    }
    return stats;
}
