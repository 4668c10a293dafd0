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

/* What may wait beside the two last events that each question may have, and one whole answer. */
#define PROGRESS_LEN (6U * sizeof(proa__event))
#define PROGRESS_LEN_HOST (12U * (sizeof(proa__event) + PROA_ENDPOINT_MAX))

/* What proa_client_config_device has room for: sessions with 4 peers beside those with 2 servers,
 * and an entry in object 2 for each of 4 keys, 4 peers and 8 paths. */
proa_c2c_limits proa_c2c_limits_device(void)
{
    proa_c2c_limits limits = {
        .peer_max = 4,
        .access_max = 8,
        .ask_max = 4,
        .hint_per_minute = 20,
        .unused_s = 600,
    };
    return limits;
}

/* ---- storage ---------------------------------------------------------------------------- */

/* The pool takes everything of one account as long as it may be, and of the others what they have
 * in practice; and what questions have, who never take the room of accounts. */
#define POOL_LEN_MIN (PROA__DRAFT_TEXTS_MAX + PROA_ENDPOINT_MAX)
#define POOL_LEN_PEER 96U    /* identity and key of 16 bytes, a URI, a name */
#define POOL_LEN_ACCESS 9U   /* elements for three peers */
#define POOL_LEN_CONTEXT 32U /* secret, salt and two short ids */

static size_t aligned(size_t len)
{
    return (len + 7U) & ~(size_t)7U;
}

static void add_table(proa_c2c *c, size_t which, const proa__kind *kind, uint16_t count)
{
    c->tables[which] = (proa__table){c, kind, NULL, count};
}

static void make_tables(proa_c2c *c)
{
    add_table(c, PROA__KEYS, &proa__security_kind, c->limits.peer_max);
    add_table(c, PROA__PEERS, &proa__client_kind, c->limits.peer_max);
    add_table(c, PROA__ACCESSES, &proa__access_kind, c->limits.access_max);
    if (c->limits.contexts != NULL) {
        add_table(c, PROA__CONTEXTS, c->limits.contexts->kind, c->limits.peer_max);
    }
    c->pool_max = POOL_LEN_MIN + POOL_LEN_PEER * c->limits.peer_max +
                  POOL_LEN_ACCESS * c->limits.access_max +
                  POOL_LEN_CONTEXT * c->tables[PROA__CONTEXTS].count;
    c->inbox_max = PROGRESS_LEN_HOST;
    if (c->requester != NULL) {
        add_table(c, PROA__ASKS, c->requester->kind, c->limits.ask_max);
        c->pool_max += PROA__ASKS_LEN(c->limits.ask_max);
        c->inbox_max = aligned(PROGRESS_LEN + 2U * c->limits.ask_max * sizeof(proa__event) +
                               c->config->coap.body_max);
    }
}

/* The next piece of a block, of which `*len` bytes are taken; without a block, only count. */
static void *piece(uint8_t *block, size_t *len, size_t piece_len)
{
    void *at = block == NULL ? NULL : block + *len;
    *len += aligned(piece_len);
    return at;
}

/* Give each part its place in a block; returns the bytes of all. */
static size_t lay_out(proa_c2c *c, uint8_t *block)
{
    size_t len = 0;
    for (size_t i = 0; i < PROA__TABLES; i++) {
        if (c->tables[i].count > 0) {
            c->tables[i].first =
                piece(block, &len, c->tables[i].count * (size_t)c->tables[i].kind->row_len);
        }
    }
    if (c->requester != NULL) {
        size_t asked_len = sizeof(proa__asked) * PROA_AC_ENTRIES_MAX * c->limits.peer_max;
        c->asked = piece(block, &len, asked_len);
    }
    c->inbox = piece(block, &len, c->inbox_max);
    c->pool = piece(block, &len, c->pool_max);
    return len;
}

static void give(const proa_memory *memory, void *block, size_t len)
{
    proa_wipe(block, len);
    if (memory->give != NULL) {
        memory->give(memory->ctx, block, len);
    }
}

/* ---- the client's questions ------------------------------------------------------------- */

static bool find_psk(void *ctx, proa_span identity, proa_psk *out)
{
    proa_c2c *c = ctx;
    const proa__key *key = NULL;
    while ((key = proa__key_after(c, key)) != NULL) {
        if (proa__c2c_live(c, key) != NULL && !proa__key_is_oscore(key) &&
            proa__row_text_is(&key->row, PROA__KEY_IDENTITY, identity)) {
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
    return peer != NULL && proa__row_text_is(&peer->row, PROA__PEER_ENDPOINT, endpoint);
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

static uint64_t next_ms(void *ctx)
{
    const proa_c2c *c = ctx;
    return c->dirty ? 0 : c->next_ms;
}

static void run(void *ctx, uint64_t now_ms)
{
    proa_c2c *c = ctx;
    proa__c2c_tick(c, now_ms);
    c->dirty = false;
    c->next_ms = PROA__NEVER;
    if (c->limits.contexts != NULL) {
        c->limits.contexts->run(c);
    }
    proa__c2c_run_accounts(c);
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

proa_err proa__c2c_open(proa_c2c **out, proa_client *client, const proa_c2c_limits *limits,
                        const proa__requester *requester)
{
    const proa_client_config *config = proa__client_config(client);
    const proa_memory *memory = &config->memory;
    *out = NULL;
    if (limits->peer_max == 0 || limits->peer_max > PROA_C2C_PEERS_MAX || limits->access_max == 0 ||
        limits->access_max > PROA_ID_MAX / 2 ||
        (limits->contexts != NULL && config->coap.oscore == NULL)) {
        return PROA_E_RANGE;
    }
    proa_c2c *c = memory->take(memory->ctx, sizeof(*c));
    if (c == NULL) {
        return PROA_E_NO_MEMORY;
    }
    memset(c, 0, sizeof(*c));
    c->client = client;
    c->config = config;
    c->limits = *limits;
    c->requester = requester;
    c->limits.ask_max = requester == NULL ? 0 : limits->ask_max;
    c->bucket = proa_hint_bucket_make(limits->hint_per_minute);
    memcpy(&c->extension, &extension, sizeof(extension));
    c->extension.ctx = c;
    c->extension.create_account = limits->compact == NULL ? NULL : limits->compact->create;
    c->extension.find_first = limits->compact == NULL ? NULL : proa__c2c_find_first;
    make_tables(c);
    c->block_len = lay_out(c, NULL);
    c->block = memory->take(memory->ctx, c->block_len);
    if (c->block == NULL) {
        give(memory, c, sizeof(*c));
        return PROA_E_NO_MEMORY;
    }
    memset(c->block, 0, c->block_len);
    (void)lay_out(c, c->block);
    proa__c2c_load(c);
    for (size_t i = 0; i < PROA__OBJECTS; i++) {
        if (c->tables[i].kind == NULL) {
            continue;
        }
        proa__c2c_object(&c->tables[i], &c->objects[i]);
        proa_err err = proa_client_add_object(client, &c->objects[i]);
        if (err != PROA_OK) {
            /* An object that was added stays in the client's table, so its context has to stay,
             * too: without rights and peers it serves nothing. The caller gives up the client as
             * well. */
            return err;
        }
    }
    proa__client_extend(client, &c->extension);
    *out = c;
    return PROA_OK;
}

proa_err proa_c2c_host_open(proa_c2c **out, proa_client *client, const proa_c2c_limits *limits)
{
    return proa__c2c_open(out, client, limits, NULL);
}

void proa_c2c_close(proa_c2c *c)
{
    if (c != NULL) {
        const proa_memory *memory = &c->config->memory;
        give(memory, c->block, c->block_len);
        give(memory, c, sizeof(*c));
    }
}

/* ---- events ----------------------------------------------------------------------------- */

static bool is_final(proa_c2c_event_kind kind)
{
    return kind == PROA_C2C_OUTCOME || kind == PROA_C2C_OBSERVE_END;
}

static proa__event *event_at(const proa_c2c *c, size_t at)
{
    return (proa__event *)(void *)(c->inbox + at);
}

static void take_out(proa_c2c *c, size_t at, size_t len)
{
    c->inbox_len -= len;
    memmove(c->inbox + at, c->inbox + at + len, c->inbox_len - at);
}

/* The application has made another call, so it is done with the event that it was told last. */
static void take_out_told(proa_c2c *c)
{
    take_out(c, 0, c->told_len);
    c->told_len = 0;
}

bool proa__c2c_post(proa_c2c *c, const proa_c2c_event *event)
{
    unsigned final = is_final(event->kind) ? 1 : 0;
    take_out_told(c);
    c->finals = (uint16_t)(c->finals + final);
    size_t kept = (2U * c->limits.ask_max - c->finals) * sizeof(proa__event);
    size_t room = c->inbox_max - c->inbox_len - kept;
    proa__event *place = event_at(c, c->inbox_len);
    size_t bytes = event->endpoint.len + event->payload.len + event->text.len;
    bool fits = aligned(sizeof(*place) + bytes) <= room;
    if (!fits && final == 0) {
        return false;
    }
    PROA_ASSERT(sizeof(*place) <= room);
    place->body = *event;
    place->len = sizeof(*place);
    if (fits) {
        proa_writer w = proa_writer_make(place + 1, bytes);
        proa_write_span(&w, event->endpoint);
        proa_write_span(&w, event->payload);
        proa_write_span(&w, event->text);
        place->len = aligned(sizeof(*place) + bytes);
    } else {
        /* The answer is there, but its bytes have no place: that is our own limit. */
        place->body.endpoint.len = place->body.payload.len = place->body.text.len = 0;
        if (event->payload.len > 0 && event->outcome == PROA_OUTCOME_OK) {
            place->body.outcome = PROA_OUTCOME_LOCAL;
            place->body.err = PROA_E_FULL;
        }
    }
    c->inbox_len += place->len;
    return true;
}

void proa__c2c_unpost(proa_c2c *c, proa_c2c_id id)
{
    take_out_told(c);
    for (size_t at = 0; at < c->inbox_len;) {
        const proa__event *place = event_at(c, at);
        if (place->body.id == id) {
            c->finals = (uint16_t)(c->finals - (is_final(place->body.kind) ? 1 : 0));
            take_out(c, at, place->len);
        } else {
            at += place->len;
        }
    }
}

bool proa_c2c_poll(proa_c2c *c, uint64_t now_ms, proa_c2c_event *event)
{
    const proa__event *place = event_at(c, 0);
    proa__c2c_tick(c, now_ms);
    take_out_told(c);
    if (c->inbox_len == 0) {
        return false;
    }
    *event = place->body;
    event->endpoint.data = (const uint8_t *)(place + 1);
    event->payload.data = event->endpoint.data + event->endpoint.len;
    event->text.data = event->payload.data + event->payload.len;
    c->told_len = place->len;
    c->finals = (uint16_t)(c->finals - (is_final(event->kind) ? 1 : 0));
    return true;
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
    const proa__key *key = NULL;
    while ((key = proa__key_after(c, key)) != NULL) {
        const proa__peer *peer = proa__c2c_peer(c, key->short_id);
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
        out->connected = key->session != 0 || (proa__key_is_oscore(key) && peer->last_use_s != 0);
        out->oscore = proa__key_is_oscore(key) ? proa__c2c_account(key) : 0;
        out->used = peer->used != 0;
        out->left_s = proa__c2c_left_s(peer, now_ms);
        out->uses = peer->uses;
        return true;
    }
    return false;
}

static uint32_t rows_alive(const proa_c2c *c, size_t table)
{
    const proa__row *row = NULL;
    uint32_t count = 0;
    while ((row = proa__row_after(&c->tables[table], row)) != NULL) {
        count++;
    }
    return count;
}

proa_c2c_stats proa_c2c_stats_get(const proa_c2c *c)
{
    proa_c2c_stats stats = {
        .hints_sent = c->stats.hints_sent,
        .hints_suppressed = c->stats.hints_suppressed,
        .ac_sent = c->stats.ac_sent,
        .granted = c->stats.granted,
        .denied = c->stats.denied,
        .expired = c->stats.expired,
        .unused_removed = c->stats.unused_removed,
    };
    proa_c2c_peer peer;
    while (proa_c2c_peer_at(c, c->now_ms, stats.peers, &peer)) {
        stats.peers++;
    }
    stats.asks = rows_alive(c, PROA__ASKS);
    stats.access_entries = rows_alive(c, PROA__ACCESSES);
    return stats;
}
