/* SPDX-License-Identifier: Apache-2.0 */
/* The engine as a whole: its storage, its four doors, its one event per datagram, and the small
 * replies that leave no trace. Which kind of message means what is decided here (RFC 7252 §4.2,
 * §4.3); what is done about it, in the file of that thing. */
#include <string.h>

#include "core/base/divide.h"
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
        .dedup_bytes = 2048, /* 30 POSTs in four minutes: three provisionings need some 20 */
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
        .sessions_return = true,
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

/* What 0 stands for. No sum overflows: each count has 20 bits, a message 11. */
static void fill_config(proa_coap_config *config)
{
    fill_timing(&config->timing);
    uint32_t others = config->exchange_max + config->relation_max;
    if (config->peer_max == 0) {
        config->peer_max = proa__least(config->request_max + others, PROA_POOL_COUNT_MAX);
    }
    if (config->message_bytes == 0) {
        /* A held observation keeps its options; everything else may have a full message. */
        config->message_bytes = proa__least(
            128U * config->request_max + others * config->message_max, PROA__CELL_COUNT_MAX * 8U);
    }
}

/* Whether all but the counts make sense; for these see open_pools. What sealing adds is off message_max
 * already, and what would be less than nothing has become more than there may be. */
static bool config_is_valid(const proa_coap_config *config)
{
    uint32_t block = config->block_size;
    return config->body_max >= 1 && config->body_max <= 1U << 24 &&
           config->dedup_bytes >= DEDUP_MIN && block >= 16 && block <= 1024 &&
           (block & (block - 1)) == 0 && config->message_max >= MESSAGE_MIN &&
           config->message_max <= PROA_COAP_MESSAGE_MAX &&
           config->timing.ack_random_permille >= 1000;
}

/* ---- storage ---------------------------------------------------------------------------- */

/* How much to take at once: all of it, or a first bit of what grows. */
#define FIRST_COUNT 16U

static uint32_t first_of(const proa_coap *c, uint32_t count_max, uint32_t first)
{
    return c->config.grows ? proa__least(first, count_max) : count_max;
}

static proa_err open_cells(proa_coap *c, proa__cells *cells, uint32_t bytes)
{
    uint32_t count_max = proa__least(bytes / (PROA__CELL_DATA_LEN + 4U) + 1, PROA__CELL_COUNT_MAX);
    return proa__cells_init(cells, &c->config.memory, first_of(c, count_max, 4 * FIRST_COUNT),
                            count_max);
}

static const uint16_t item_lens[PROA__KINDS] = {
    [PROA__PEER] = sizeof(proa__peer),         [PROA__RECEIVED] = sizeof(proa__received),
    [PROA__REQUEST] = sizeof(proa__request),   [PROA__RELATION] = sizeof(proa__relation),
    [PROA__EXCHANGE] = sizeof(proa__exchange), [PROA__BODY] = sizeof(proa__body),
    [PROA__MESSAGE] = sizeof(proa__message),
};

static proa_err open_pools(proa_coap *c, uint32_t received_bytes)
{
    const proa_coap_config *f = &c->config;
    const uint32_t counts[PROA__KINDS] = {
        [PROA__PEER] = f->peer_max,
        [PROA__RECEIVED] =
            proa__least(received_bytes / sizeof(proa__received), PROA_POOL_COUNT_MAX),
        [PROA__REQUEST] = f->request_max,
        [PROA__RELATION] = f->relation_max,
        [PROA__EXCHANGE] = f->exchange_max,
        [PROA__BODY] = f->body_count_max,
        /* One for each request and exchange; of those who observe us, a quarter at a time. */
        [PROA__MESSAGE] = proa__least(f->request_max + f->exchange_max + f->relation_max / 4 + 1,
                                      PROA_POOL_COUNT_MAX),
    };
    uint32_t things = 0;
    for (size_t kind = 0; kind < PROA__KINDS; kind++) {
        bool is_body = kind == PROA__BODY;
        uint32_t first = first_of(c, counts[kind], is_body ? 1 : FIRST_COUNT);
        size_t len = item_lens[kind] + (is_body ? f->body_max : 0);
        things += first;
        if (counts[kind] == 0 || counts[kind] > PROA_POOL_COUNT_MAX) {
            return PROA_E_RANGE;
        }
        if (proa_pool_init(&c->pools[kind], &f->memory, len, first, counts[kind]) != PROA_OK) {
            return PROA_E_NO_MEMORY;
        }
    }
    c->bucket_count = 1; /* up to four things in each, if all were there at once */
    while (c->bucket_count < things / 4) {
        c->bucket_count *= 2;
    }
    c->buckets = f->memory.take(f->memory.ctx, c->bucket_count * sizeof(proa__thing *));
    return c->buckets == NULL ? PROA_E_NO_MEMORY : PROA_OK;
}

static size_t buffers_len(const proa_coap *c)
{
    return (size_t)c->datagram_max + c->config.message_max +
           (c->config.oscore == NULL ? 0U : PROA_DATAGRAM_MAX);
}

static proa_err open_storage(proa_coap *c)
{
    const proa_coap_config *f = &c->config;
    /* One third of dedup_bytes for replies, the rest for records: most unsafe requests are answered
     * by a code alone, which the record holds. */
    uint32_t reply_bytes = f->dedup_bytes / 3;
    proa_err err = open_pools(c, f->dedup_bytes - reply_bytes);
    if (err != PROA_OK) {
        return err;
    }
    if (open_cells(c, &c->message_cells, f->message_bytes) != PROA_OK ||
        open_cells(c, &c->reply_cells, reply_bytes) != PROA_OK) {
        return PROA_E_NO_MEMORY;
    }
    /* One block for all buffers. */
    c->out = f->memory.take(f->memory.ctx, buffers_len(c));
    if (c->out == NULL) {
        return PROA_E_NO_MEMORY;
    }
    c->scratch = c->out + c->datagram_max;
    c->inner = c->scratch + f->message_max;
    return PROA_OK;
}

proa_err proa_coap_open(proa_coap **out, const proa_coap_config *config)
{
    *out = NULL;
    proa_coap *c = config->memory.take(config->memory.ctx, sizeof *c);
    if (c == NULL) {
        return PROA_E_NO_MEMORY;
    }
    c->config = *config;
    c->datagram_max = config->message_max;
    if (config->oscore != NULL) {
        c->config.message_max = (uint16_t)(config->message_max - config->oscore->overhead);
    }
    fill_config(&c->config);
    proa_random_fill(&c->config.random, c->echo_key, sizeof c->echo_key);
    proa_random_fill(&c->config.random, c->etag_keys, sizeof c->etag_keys);
    proa_random_fill(&c->config.random, &c->seed, sizeof c->seed);
    while (proa__block_len(c->szx) < config->block_size) {
        c->szx++;
    }
    for (size_t i = 0; i < PROA__LISTS; i++) {
        proa__list_init(&c->lists[i]);
    }
    c->owed_end = &c->owed;
    proa_err err = config_is_valid(&c->config) ? open_storage(c) : PROA_E_RANGE;
    if (err != PROA_OK) {
        proa_coap_close(c);
        return err;
    }
    *out = c;
    return PROA_OK;
}

/* Gives back what was taken; nothing if open() had not come so far. */
static void give(const proa_memory *memory, void *block, size_t len)
{
    if (block != NULL) {
        proa_wipe(block, len);
        memory->give(memory->ctx, block, len);
    }
}

void proa_coap_close(proa_coap *c)
{
    proa_memory memory = c->config.memory;
    for (size_t kind = 0; kind < PROA__KINDS; kind++) {
        proa_pool_clear(&c->pools[kind]);
    }
    proa__cells_clear(&c->message_cells);
    proa__cells_clear(&c->reply_cells);
    give(&memory, c->buckets, c->bucket_count * sizeof(proa__thing *));
    give(&memory, c->out, buffers_len(c));
    give(&memory, c, sizeof *c);
}

/* ---- shared by the files of the engine -------------------------------------------------- */

uint32_t proa__now_s(const proa_coap *c)
{
    return (uint32_t)proa_seconds(c->now_ms);
}

uint32_t proa__next_s(const proa_coap *c)
{
    return (uint32_t)proa_seconds(c->now_ms + 999U);
}

static void event_of(const proa_coap *c, proa_coap_event *event, proa_coap_event_kind kind,
                     const proa__thing *thing)
{
    memset(event, 0, sizeof *event);
    event->kind = kind;
    event->peer = thing->peer->name;
    if (thing->kind == PROA__REQUEST) {
        event->request = proa__id(c, thing);
        event->user = ((const proa__request *)thing)->user;
    } else if (thing->kind == PROA__RELATION) {
        event->relation = proa__id(c, thing);
        event->user = ((const proa__relation *)thing)->user;
    } else {
        event->exchange = proa__id(c, thing);
    }
}

proa_coap_event *proa__event(proa_coap *c, proa_coap_event_kind kind, const proa__thing *thing,
                             const proa_coap_msg *msg)
{
    PROA_ASSERT(!c->has_event);
    event_of(c, &c->event, kind, thing);
    c->event.msg = *msg;
    c->has_event = true;
    return &c->event;
}

proa__instant *proa__instant_add(proa_coap *c, const proa_coap_peer *to, const proa_coap_msg *m,
                                 proa_coap_type type, uint8_t code)
{
    if ((uint8_t)(c->instant_end - c->instant_first) == PROA__INSTANT_MAX) {
        c->instant_first++;
    }
    proa__instant *i = &c->instants[c->instant_end++ % PROA__INSTANT_MAX];
    i->to = *to;
    i->token = m->token;
    i->type = (uint8_t)type;
    i->code = code;
    i->mid = m->mid;
    i->max_age = code == PROA_COAP_SERVICE_UNAVAILABLE ? RETRY_AFTER_S : PROA__NONE;
    if (type == PROA_COAP_NON) {
        proa_random_fill(&c->config.random, &i->mid, sizeof i->mid);
    }
    c->counts.resets_sent += type == PROA_COAP_RST;
    return i;
}

/* ---- the four doors --------------------------------------------------------------------- */

static void release_event(proa_coap *c)
{
    proa__body_free(c, &c->event_body);
    proa_wipe(c->inner, c->inner_len); /* it may have carried keys: objects 21, 11000 */
    c->inner_len = 0;
}

static void on_malformed(proa_coap *c, const proa_coap_peer *from, const proa_coap_msg *m,
                         proa_err err, bool multicast)
{
    c->counts.malformed++;
    if (err == PROA_E_FORMAT && m->type == PROA_COAP_CON && !multicast) {
        proa__instant_add(c, from, m, PROA_COAP_RST, PROA_COAP_EMPTY); /* §4.2 */
    }
}

static void on_empty(proa_coap *c, const proa_coap_peer *from, const proa_coap_msg *m)
{
    switch (m->type) {
    case PROA_COAP_CON: /* ping, §4.3 */
        proa__instant_add(c, from, m, PROA_COAP_RST, PROA_COAP_EMPTY);
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
    c->counts.received++;
    proa__heard h;
    h.bytes = datagram;
    const proa_coap_msg *m = &h.msg;
    proa_err err = proa_coap_parse(&h.msg, datagram);
    if (err != PROA_OK) {
        on_malformed(c, from, m, err, multicast);
        return;
    }
    bool is_request = PROA_COAP_CLASS(m->code) == 0 && m->code != PROA_COAP_EMPTY;
    if (multicast && !(is_request && m->type == PROA_COAP_NON)) {
        return; /* §8.1 */
    }
    if (m->code == PROA_COAP_EMPTY) {
        on_empty(c, from, m);
        return;
    }
    if (m->type == PROA_COAP_RST || (is_request && m->type == PROA_COAP_ACK)) {
        c->counts.malformed++; /* §4.2: to be ignored */
        return;
    }
    proa__options_read(&h);
    if (is_request) {
        proa__on_request(c, from, &h, multicast);
    } else {
        proa__on_response(c, from, &h);
    }
}

static bool emit_instant(proa_coap *c, proa_coap_peer *to, proa_span *datagram)
{
    if (c->instant_first == c->instant_end) {
        return false;
    }
    const proa__instant *i = &c->instants[c->instant_first++ % PROA__INSTANT_MAX];
    proa__draft draft;
    proa__draft_init(&draft, (proa_coap_type)i->type, i->code, i->mid,
                     i->code == PROA_COAP_EMPTY ? NULL : &i->token);
    draft.fields.max_age = i->max_age;
    *datagram = proa_span_make(c->out, (size_t)proa__compose(c, &draft, c->out));
    *to = i->to;
    return true;
}

bool proa_coap_output(proa_coap *c, uint64_t now_ms, proa_coap_peer *to, proa_span *datagram)
{
    c->now_ms = now_ms;
    bool any = emit_instant(c, to, datagram) || proa__received_emit(c, to, datagram) ||
               proa__message_emit(c, to, datagram);
    c->counts.sent += any;
    return any;
}

uint64_t proa_coap_next_ms(const proa_coap *c)
{
    bool now = c->has_event || c->instant_first != c->instant_end || c->owed != NULL ||
               !proa__list_empty(&c->lists[PROA__OUT]) ||
               !proa__list_empty(&c->lists[PROA__ENDED]) ||
               !proa__list_empty(&c->lists[PROA__DELIVERED]);
    return now ? c->now_ms : proa_heap_next_ms(&c->timers);
}

/* What ended without a message: a request that failed, a relation. It is given back with its
 * event. */
static void tell_end(proa_coap *c, proa_coap_event *event)
{
    proa__thing *thing = PROA__OF(proa__thing, link, c->lists[PROA__ENDED].next);
    event_of(c, event, PROA_COAP_EVENT_RELATION_END, thing);
    if (thing->kind == PROA__REQUEST) {
        event->kind = PROA_COAP_EVENT_FAILED;
        event->failure = (proa_coap_failure)((proa__request *)thing)->failure;
    }
    proa__thing_free(c, thing);
}

static void tell_delivered(proa_coap *c, proa_coap_event *event)
{
    proa__relation *r = PROA__OF(proa__relation, delivered, c->lists[PROA__DELIVERED].next);
    proa__unlink(&r->delivered);
    event_of(c, event, PROA_COAP_EVENT_DELIVERED, &r->thing);
}

static void run_timers(proa_coap *c)
{
    proa_timer *timer;
    while ((timer = proa_heap_take_due(&c->timers, c->now_ms)) != NULL) {
        proa__timed *timed = PROA__OF(proa__timed, timer, timer);
        if (timed->thing.kind == PROA__MESSAGE) {
            proa__message_due(c, (proa__message *)timed);
        } else if (timed->thing.kind == PROA__EXCHANGE) {
            proa__exchange_due(c, (proa__exchange *)timed);
        } else {
            proa__body *body = (proa__body *)timed; /* nobody went on with it */
            proa__body_free(c, &body);
        }
    }
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
    run_timers(c);
    if (!proa__list_empty(&c->lists[PROA__ENDED])) {
        tell_end(c, event);
        return true;
    }
    if (!proa__list_empty(&c->lists[PROA__DELIVERED])) {
        tell_delivered(c, event);
        return true;
    }
    return false;
}

proa_coap_stats proa_coap_stats_get(const proa_coap *c)
{
    const proa__counts *n = &c->counts;
    proa_coap_stats stats = {.received = n->received,
                             .sent = n->sent,
                             .retransmitted = n->retransmitted,
                             .duplicates = n->duplicates,
                             .malformed = n->malformed,
                             .resets_sent = n->resets_sent,
                             .resets_received = n->resets_received,
                             .refused_full = n->refused_full,
                             .unmatched = n->unmatched,
                             .unprotected = n->unprotected};
    stats.requests = c->pools[PROA__REQUEST].count;
    stats.exchanges = c->pools[PROA__EXCHANGE].count;
    stats.relations = c->pools[PROA__RELATION].count;
    stats.bodies = c->pools[PROA__BODY].count;
    return stats;
}
