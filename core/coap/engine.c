/* SPDX-License-Identifier: Apache-2.0 */
/* The engine as a whole: its storage, its four doors, its one event per datagram, and the small
 * replies that leave no trace. Which kind of message means what is decided here (RFC 7252 §4.2,
 * §4.3); what is done about it, in the file of that thing. */
#include <string.h>

#include "core/coap/engine_internal.h"

/* The Max-Age of 5.03: a table that is full now has room again when a few messages were
 * acknowledged (ACK_TIMEOUT is 2 s). RFC 7252 §5.9.3.4. */
#define RETRY_AFTER_S 5U

/* Room for header, Token and the few options of the engine's own replies, whatever else. */
#define MESSAGE_MIN 64U
#define DEDUP_MIN 512U

/* ---- configuration ---------------------------------------------------------------------- */

proa_coap_config proa_coap_config_device(proa_random random, proa_memory memory)
{
    proa_coap_config config = {
        .random = random,
        .memory = memory,
        .request_max = 4,
        .exchange_max = 4,
        .relation_max = 8,
        .body_count_max = 1,
        .body_max = 1024,
        .dedup_bytes = 4096, /* some 20 POSTs in four minutes: three provisionings */
        .block_size = 128,
        .message_max = 256,
        .peer_max = 6,
        .message_bytes = 1024,
        .grows = false,
    };
    return config;
}

proa_coap_config proa_coap_config_server(proa_random random, proa_memory memory)
{
    proa_coap_config config = {
        .random = random,
        .memory = memory,
        .request_max = 400000,
        .exchange_max = 20000,
        .relation_max = 20000,
        .body_count_max = 1024,
        .body_max = 65536,
        .dedup_bytes = 128U << 20,
        .block_size = 1024,
        .message_max = PROA_COAP_MESSAGE_MAX,
        .grows = true,
    };
    return config;
}

static void fill_timing(proa_coap_timing *t)
{
    t->ack_timeout_ms = t->ack_timeout_ms == 0 ? 2000 : t->ack_timeout_ms;
    t->ack_random_permille = t->ack_random_permille == 0 ? 1500 : t->ack_random_permille;
    t->max_retransmit = t->max_retransmit == 0 ? 4 : t->max_retransmit;
    t->nstart = t->nstart == 0 ? 1 : t->nstart;
    t->non_timeout_ms = t->non_timeout_ms == 0 ? 93000 : t->non_timeout_ms;
    t->response_timeout_ms = t->response_timeout_ms == 0 ? 247000 : t->response_timeout_ms;
    t->separate_after_ms = t->separate_after_ms == 0 ? 1500 : t->separate_after_ms;
}

static uint32_t at_most(uint64_t value, uint32_t max)
{
    return value < max ? (uint32_t)value : max;
}

/* What 0 stands for. */
static void fill_config(proa_coap_config *config)
{
    fill_timing(&config->timing);
    uint64_t others = (uint64_t)config->exchange_max + config->relation_max;
    uint64_t things = config->request_max + others;
    if (config->peer_max == 0) {
        config->peer_max = at_most(things, PROA_POOL_COUNT_MAX);
    }
    if (config->message_bytes == 0) {
        /* A held observation keeps its options; everything else may have a full message. */
        config->message_bytes =
            at_most(128U * (uint64_t)config->request_max + others * config->message_max,
                    PROA__CELL_COUNT_MAX * 8U);
    }
}

static bool is_count(uint32_t count)
{
    return count >= 1 && count <= PROA_POOL_COUNT_MAX;
}

static bool config_is_valid(const proa_coap_config *config)
{
    uint16_t block = config->block_size;
    return is_count(config->request_max) && is_count(config->exchange_max) &&
           is_count(config->relation_max) && is_count(config->body_count_max) &&
           config->body_max >= 1 && config->body_max <= 1U << 24 &&
           config->dedup_bytes >= DEDUP_MIN && block >= 16 && block <= 1024 &&
           (block & (block - 1)) == 0 && config->message_max >= MESSAGE_MIN &&
           config->message_max <= PROA_COAP_MESSAGE_MAX &&
           config->peer_max <= PROA_POOL_COUNT_MAX &&
           (config->timing.ack_random_permille == 0 || config->timing.ack_random_permille >= 1000);
}

/* ---- storage ---------------------------------------------------------------------------- */

/* How much to take at once: all of it, or a first bit of what grows. */
#define FIRST_COUNT 16U

static uint32_t first_of(const proa_coap *c, uint32_t count_max, uint32_t first)
{
    return c->config.grows && first < count_max ? first : count_max;
}

static proa_err open_pool(proa_coap *c, proa_pool *pool, size_t item_len, uint32_t count_max,
                          uint32_t first)
{
    return proa_pool_init(pool, &c->config.memory, item_len, first_of(c, count_max, first),
                          count_max);
}

/* Three quarters of a map are used at most. */
static proa_err open_map(proa_coap *c, proa_map *map, const proa_pool *pool)
{
    uint32_t seed;
    proa_random_fill(&c->config.random, &seed, sizeof seed);
    uint32_t count = first_of(c, pool->places.count_max, FIRST_COUNT);
    return proa_map_init(map, &c->config.memory, count + count / 3 + 1, seed);
}

static proa_err open_cells(proa_coap *c, proa__cells *cells, uint32_t bytes)
{
    uint32_t count_max = at_most(bytes / (PROA__CELL_DATA_LEN + 4U) + 1, PROA__CELL_COUNT_MAX);
    return proa__cells_init(cells, &c->config.memory, first_of(c, count_max, 4 * FIRST_COUNT),
                            count_max);
}

/* One third of dedup_bytes for replies, the rest for records: most unsafe requests are answered
 * by a code alone, which the record holds. */
static uint32_t reply_bytes(const proa_coap *c)
{
    return c->config.dedup_bytes / 3;
}

static uint32_t received_count(const proa_coap *c)
{
    return at_most((c->config.dedup_bytes - reply_bytes(c)) / sizeof(proa__received),
                   PROA_POOL_COUNT_MAX);
}

/* One for each request and exchange; of those who observe us, a quarter at a time. */
static uint32_t message_count(const proa_coap_config *f)
{
    return at_most((uint64_t)f->request_max + f->exchange_max + f->relation_max / 4 + 1,
                   PROA_POOL_COUNT_MAX);
}

static proa_err open_storage(proa_coap *c)
{
    const proa_coap_config *f = &c->config;
    const struct {
        proa_pool *pool;
        size_t item_len;
        uint32_t count_max;
        uint32_t first;
        proa_map *map;
    } rows[] = {
        {&c->peers, sizeof(proa__peer), f->peer_max, FIRST_COUNT, &c->peer_map},
        {&c->messages, sizeof(proa__message), message_count(f), FIRST_COUNT, NULL},
        {&c->received, sizeof(proa__received), received_count(c), FIRST_COUNT, &c->received_map},
        {&c->requests, sizeof(proa__request), f->request_max, FIRST_COUNT, &c->request_map},
        {&c->exchanges, sizeof(proa__exchange), f->exchange_max, FIRST_COUNT, NULL},
        {&c->relations, sizeof(proa__relation), f->relation_max, FIRST_COUNT, &c->relation_map},
        {&c->bodies, sizeof(proa__body) + f->body_max, f->body_count_max, 1, &c->body_map},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        proa_err err =
            open_pool(c, rows[i].pool, rows[i].item_len, rows[i].count_max, rows[i].first);
        if (err == PROA_OK && rows[i].map != NULL) {
            err = open_map(c, rows[i].map, rows[i].pool);
        }
        if (err != PROA_OK) {
            return err;
        }
    }
    proa_err err = open_cells(c, &c->message_cells, f->message_bytes);
    if (err == PROA_OK) {
        err = open_cells(c, &c->reply_cells, reply_bytes(c));
    }
    /* One block for both buffers: what goes out, and what lives for one call. */
    c->out = err == PROA_OK ? f->memory.take(f->memory.ctx, 2U * f->message_max) : NULL;
    c->scratch = c->out == NULL ? NULL : c->out + f->message_max;
    return err == PROA_OK && c->out == NULL ? PROA_E_NO_MEMORY : err;
}

proa_err proa_coap_open(proa_coap **out, const proa_coap_config *config)
{
    *out = NULL;
    if (!config_is_valid(config)) {
        return PROA_E_RANGE;
    }
    proa_coap *c = config->memory.take(config->memory.ctx, sizeof *c);
    if (c == NULL) {
        return PROA_E_NO_MEMORY;
    }
    c->config = *config;
    fill_config(&c->config);
    proa_random_fill(&c->config.random, c->key, sizeof c->key);
    while (16U << c->szx < config->block_size) {
        c->szx++;
    }
    proa__link *lists[] = {&c->idle_peers,
                           &c->aging[PROA__HARM_NONE],
                           &c->aging[PROA__HARM_LITTLE],
                           &c->aging[PROA__HARM_FULL],
                           &c->replies_out,
                           &c->messages_out,
                           &c->ended,
                           &c->delivered};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        proa__list_init(lists[i]);
    }
    proa_err err = open_storage(c);
    if (err != PROA_OK) {
        proa_coap_close(c);
        return err;
    }
    *out = c;
    return PROA_OK;
}

void proa_coap_close(proa_coap *c)
{
    proa_memory memory = c->config.memory;
    proa_pool *pools[] = {&c->peers,     &c->messages,  &c->received, &c->requests,
                          &c->exchanges, &c->relations, &c->bodies};
    proa_map *maps[] = {&c->peer_map, &c->received_map, &c->request_map, &c->relation_map,
                        &c->body_map};
    for (size_t i = 0; i < sizeof pools / sizeof pools[0]; i++) {
        proa_pool_clear(pools[i]);
    }
    for (size_t i = 0; i < sizeof maps / sizeof maps[0]; i++) {
        proa_map_clear(maps[i]);
    }
    proa__cells_clear(&c->message_cells);
    proa__cells_clear(&c->reply_cells);
    if (c->out != NULL) {
        proa_wipe(c->out, 2U * c->config.message_max);
        memory.give(memory.ctx, c->out, 2U * c->config.message_max);
    }
    proa_wipe(c, sizeof *c);
    memory.give(memory.ctx, c, sizeof *c);
}

/* ---- shared by the files of the engine -------------------------------------------------- */

uint32_t proa__hash(const proa_map *map, const proa__peer *peer, const void *key, size_t len)
{
    return proa_map_hash(map, peer->handle, proa_span_make(key, len));
}

proa_coap_event *proa__event(proa_coap *c, proa_coap_event_kind kind, const proa__peer *peer,
                             const proa_coap_msg *msg)
{
    PROA_ASSERT(!c->has_event);
    memset(&c->event, 0, sizeof c->event);
    c->event.kind = kind;
    c->event.peer = peer->name;
    c->event.msg = *msg;
    c->has_event = true;
    return &c->event;
}

static proa__instant *instant(proa_coap *c, const proa_coap_peer *to)
{
    if (c->instant_count == PROA__INSTANT_MAX) {
        c->instant_first = (uint8_t)((c->instant_first + 1) % PROA__INSTANT_MAX);
        c->instant_count--;
    }
    proa__instant *i = &c->instants[(c->instant_first + c->instant_count) % PROA__INSTANT_MAX];
    c->instant_count++;
    i->to = *to;
    return i;
}

void proa__instant_empty(proa_coap *c, const proa_coap_peer *to, proa_coap_type type, uint16_t mid)
{
    proa__instant *i = instant(c, to);
    proa_coap_builder b =
        proa_coap_build(i->bytes, sizeof i->bytes, type, PROA_COAP_EMPTY, mid, NULL);
    i->len = (uint8_t)proa_coap_build_end(&b);
    c->stats.resets_sent += type == PROA_COAP_RST;
}

void proa__instant_code(proa_coap *c, const proa_coap_peer *to, const proa_coap_msg *request,
                        uint8_t code)
{
    bool is_con = request->type == PROA_COAP_CON;
    uint16_t mid = request->mid;
    if (!is_con) {
        proa_random_fill(&c->config.random, &mid, sizeof mid);
    }
    proa__instant *i = instant(c, to);
    proa_coap_builder b =
        proa_coap_build(i->bytes, sizeof i->bytes, is_con ? PROA_COAP_ACK : PROA_COAP_NON, code,
                        mid, &request->token);
    if (code == PROA_COAP_SERVICE_UNAVAILABLE) {
        proa_coap_add_uint(&b, PROA_COAP_OPT_MAX_AGE, RETRY_AFTER_S);
    }
    i->len = (uint8_t)proa_coap_build_end(&b);
}

/* ---- the four doors --------------------------------------------------------------------- */

static void release_event(proa_coap *c)
{
    if (c->event_body != NULL) {
        proa__body_free(c, c->event_body);
        c->event_body = NULL;
    }
}

static void on_malformed(proa_coap *c, const proa_coap_peer *from, const proa_coap_msg *m,
                         proa_err err, bool multicast)
{
    c->stats.malformed++;
    if (err == PROA_E_FORMAT && m->type == PROA_COAP_CON && !multicast) {
        proa__instant_empty(c, from, PROA_COAP_RST, m->mid); /* §4.2 */
    }
}

static void on_empty(proa_coap *c, const proa_coap_peer *from, const proa_coap_msg *m)
{
    switch (m->type) {
    case PROA_COAP_CON: /* ping, §4.3 */
        proa__instant_empty(c, from, PROA_COAP_RST, m->mid);
        break;
    case PROA_COAP_ACK:
        proa__on_empty_ack(c, from, m);
        break;
    case PROA_COAP_RST:
        proa__on_reset(c, from, m);
        break;
    case PROA_COAP_NON: /* nothing that could mean anything */
        break;
    }
}

void proa_coap_input(proa_coap *c, uint64_t now_ms, const proa_coap_peer *from, proa_span datagram,
                     bool multicast)
{
    PROA_ASSERT(!c->has_event); /* poll before the next datagram */
    c->now_ms = now_ms;
    release_event(c);
    c->stats.received++;
    proa_coap_msg m;
    proa_err err = proa_coap_parse(&m, datagram);
    if (err != PROA_OK) {
        on_malformed(c, from, &m, err, multicast);
        return;
    }
    bool is_request = PROA_COAP_CLASS(m.code) == 0 && m.code != PROA_COAP_EMPTY;
    if (multicast && !(is_request && m.type == PROA_COAP_NON)) {
        return; /* §8.1 */
    }
    if (m.code == PROA_COAP_EMPTY) {
        on_empty(c, from, &m);
    } else if (m.type == PROA_COAP_RST || (is_request && m.type == PROA_COAP_ACK)) {
        c->stats.malformed++; /* §4.2: to be ignored */
    } else if (is_request) {
        proa__on_request(c, from, &m, multicast);
    } else {
        proa__on_response(c, from, &m);
    }
}

static bool emit_instant(proa_coap *c, proa_coap_peer *to, proa_span *datagram)
{
    if (c->instant_count == 0) {
        return false;
    }
    const proa__instant *i = &c->instants[c->instant_first];
    memcpy(c->out, i->bytes, i->len);
    *to = i->to;
    *datagram = proa_span_make(c->out, i->len);
    c->instant_first = (uint8_t)((c->instant_first + 1) % PROA__INSTANT_MAX);
    c->instant_count--;
    return true;
}

bool proa_coap_output(proa_coap *c, uint64_t now_ms, proa_coap_peer *to, proa_span *datagram)
{
    c->now_ms = now_ms;
    bool any = emit_instant(c, to, datagram) || proa__received_emit(c, to, datagram) ||
               proa__message_emit(c, now_ms, to, datagram);
    c->stats.sent += any;
    return any;
}

uint64_t proa_coap_next_ms(const proa_coap *c)
{
    bool now = c->has_event || c->instant_count > 0 || !proa__list_empty(&c->replies_out) ||
               !proa__list_empty(&c->messages_out) || !proa__list_empty(&c->ended) ||
               !proa__list_empty(&c->delivered);
    if (now) {
        return c->now_ms;
    }
    const proa_heap *heaps[] = {&c->message_heap, &c->exchange_heap, &c->body_heap};
    uint64_t next_ms = PROA_NEVER;
    for (size_t i = 0; i < 3; i++) {
        uint64_t at_ms = proa_heap_next_ms(heaps[i]);
        next_ms = at_ms < next_ms ? at_ms : next_ms;
    }
    return next_ms;
}

/* What ended without a message: a request that failed, a relation. It is given back with its
 * event. */
static void tell_end(proa_coap *c, proa_coap_event *event)
{
    proa__thing *thing = PROA__OF(proa__thing, link, c->ended.next);
    memset(event, 0, sizeof *event);
    event->peer = thing->peer->name;
    if (thing->kind == PROA__REQUEST) {
        proa__request *q = (proa__request *)thing;
        event->kind = PROA_COAP_EVENT_FAILED;
        event->request = thing->handle;
        event->user = q->user;
        event->failure = (proa_coap_failure)q->failure;
        proa__request_free(c, q);
    } else {
        proa__relation *r = (proa__relation *)thing;
        event->kind = PROA_COAP_EVENT_RELATION_END;
        event->relation = thing->handle;
        event->user = r->user;
        proa__relation_free(c, r);
    }
}

static void tell_delivered(proa_coap *c, proa_coap_event *event)
{
    proa__relation *r = PROA__OF(proa__relation, delivered, c->delivered.next);
    proa__unlink(&r->delivered);
    memset(event, 0, sizeof *event);
    event->kind = PROA_COAP_EVENT_DELIVERED;
    event->peer = r->thing.peer->name;
    event->relation = r->thing.handle;
    event->user = r->user;
}

bool proa_coap_poll(proa_coap *c, uint64_t now_ms, proa_coap_event *event)
{
    c->now_ms = now_ms;
    if (c->has_event) {
        *event = c->event;
        c->has_event = false;
        return true;
    }
    release_event(c);
    proa__message_run(c, now_ms);
    proa__exchange_run(c, now_ms);
    proa__body_run(c, now_ms);
    if (!proa__list_empty(&c->ended)) {
        tell_end(c, event);
        return true;
    }
    if (!proa__list_empty(&c->delivered)) {
        tell_delivered(c, event);
        return true;
    }
    return false;
}

proa_coap_stats proa_coap_stats_get(const proa_coap *c)
{
    proa_coap_stats stats = c->stats;
    stats.retransmitted = c->stats.retransmitted;
    stats.requests = c->requests.count;
    stats.exchanges = c->exchanges.count;
    stats.relations = c->relations.count;
    stats.bodies = c->bodies.count;
    return stats;
}
