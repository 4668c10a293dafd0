/* SPDX-License-Identifier: Apache-2.0 */
/* The client as an engine: its memory, its four doors, and who is called for what.
 *
 * Datagrams are told apart by their first byte (RFC 7983 §7): 20..63 go to the secure box, 64..127
 * are CoAP. Plaintext from the box goes to the same CoAP engine under its session; what the engine
 * sends to a session goes back through the box. Every input is worked off before the door closes,
 * because CoAP events borrow the datagram; the application gets copies (`events`).
 *
 * What happens then is decided elsewhere: requests.c (requests), registration.c (our own requests
 * to servers), reporting.c (observations), the extension (peers). */
#include <stddef.h>
#include <string.h>

#include "core/client/client_internal.h"
#include "proa/assert.h"

/* ---- opening ---------------------------------------------------------------------------- */

proa_client_config proa_client_config_device(proa_span endpoint, proa_random random,
                                             proa_memory memory)
{
    proa_client_config config;
    memset(&config, 0, sizeof config);
    config.endpoint = endpoint;
    config.random = random;
    config.memory = memory;
    config.coap = proa_coap_config_device(random, memory);
    config.coap.request_max = 8; /* two servers, four questions to peers, two that are ending */
    config.server_max = 2;
    config.object_max = 16;
    config.observation_max = 8;
    config.attribute_max = 8;
    config.access_max = 24;
    config.session_max = 6;
    return config;
}

/* The arrays of a client: its field, how many of what. */
static const struct {
    uint16_t at, count_at, len;
} tables[] = {
    {offsetof(proa_client, servers), offsetof(proa_client, config.server_max),
     sizeof(proa__server)},
    {offsetof(proa_client, objects), offsetof(proa_client, config.object_max),
     sizeof(const proa_object *)},
    {offsetof(proa_client, access), offsetof(proa_client, config.access_max), sizeof(proa__access)},
    {offsetof(proa_client, attributes), offsetof(proa_client, config.attribute_max),
     sizeof(proa__attribute_row)},
    {offsetof(proa_client, sessions), offsetof(proa_client, config.session_max),
     sizeof(proa__session)},
};

enum { TABLES = sizeof tables / sizeof tables[0] };

static size_t table_len(const proa_client *c, size_t i)
{
    uint16_t count;
    memcpy(&count, (const uint8_t *)c + tables[i].count_at, sizeof count);
    return (size_t)count * tables[i].len;
}

static proa_err take_tables(proa_client *c)
{
    const proa_memory *memory = &c->config.memory;
    for (size_t i = 0; i < TABLES; i++) {
        size_t len = table_len(c, i);
        if (len == 0) {
            return PROA_E_RANGE;
        }
        void *block = memory->take(memory->ctx, len);
        memcpy((uint8_t *)c + tables[i].at, &block, sizeof block);
        if (block == NULL) {
            return PROA_E_NO_MEMORY;
        }
    }
    c->scratch_cap = c->config.coap.body_max;
    c->scratch = memory->take(memory->ctx, c->scratch_cap);
    return c->scratch == NULL
               ? PROA_E_NO_MEMORY
               : proa_pool_init(&c->observations, memory, sizeof(proa__observation),
                                c->config.observation_max, c->config.observation_max);
}

/* What may hold a secret or an answer does not stay in memory that others get next. */
static void give(const proa_memory *memory, void *block, size_t len)
{
    if (block != NULL) {
        proa_wipe(block, len);
        memory->give(memory->ctx, block, len);
    }
}

static bool config_fits(const proa_client_config *config)
{
    return config->endpoint.len >= 1 && config->endpoint.len <= PROA_ENDPOINT_MAX &&
           config->object_max >= 3 && config->observation_max >= 1 && config->coap.body_max >= 1;
}

proa_err proa_client_open(proa_client **out, const proa_client_config *config)
{
    static const proa_object *const own[] = {&proa__security_object, &proa__server_object,
                                             &proa__access_object};
    *out = NULL;
    if (!config_fits(config)) {
        return PROA_E_RANGE;
    }
    proa_client *c = config->memory.take(config->memory.ctx, sizeof *c);
    if (c == NULL) {
        return PROA_E_NO_MEMORY;
    }
    c->config = *config;
    proa_writer w = proa_writer_make(c->endpoint, sizeof c->endpoint);
    proa_write_text(&w, "ep=");
    c->config.endpoint.data = c->endpoint + w.len;
    proa_write_span(&w, config->endpoint);
    c->endpoint_len = (uint8_t)w.len;
    c->config.coap.may_carry = proa__account_may_carry;
    c->config.coap.may_carry_ctx = c;
    proa_err err = proa_coap_open(&c->coap, &c->config.coap);
    if (err == PROA_OK) {
        err = take_tables(c);
    }
    if (err != PROA_OK) {
        proa_client_close(c);
        return err;
    }
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        c->own[i] = *own[i];
        c->own[i].ctx = c;
        c->objects[c->object_count++] = &c->own[i];
    }
    proa__access_load(c);
    *out = c;
    return PROA_OK;
}

void proa_client_close(proa_client *c)
{
    proa_memory memory = c->config.memory;
    if (c->coap != NULL) {
        proa_coap_close(c->coap);
    }
    proa_pool_clear(&c->observations);
    give(&memory, c->scratch, c->scratch_cap);
    for (size_t i = TABLES; i-- > 0;) {
        void *block;
        memcpy(&block, (const uint8_t *)c + tables[i].at, sizeof block);
        give(&memory, block, table_len(c, i));
    }
    give(&memory, c, sizeof *c);
}

proa_err proa_client_add_object(proa_client *c, const proa_object *object)
{
    if (proa__model_object(c, object->id) != NULL) {
        return PROA_E_EXISTS;
    }
    if (c->object_count == c->config.object_max) {
        return PROA_E_FULL;
    }
    uint16_t i = c->object_count++;
    for (; i > 0 && c->objects[i - 1]->id > object->id; i--) {
        c->objects[i] = c->objects[i - 1];
    }
    c->objects[i] = object;
    return PROA_OK;
}

bool proa_client_find_psk(void *client, proa_span identity, proa_psk *out)
{
    const proa_client *c = client;
    return c->extension != NULL && c->extension->find_psk != NULL &&
           c->extension->find_psk(c->extension->ctx, identity, out);
}

bool proa_client_find_first(void *client, uint32_t id, proa_secure_first *out)
{
    const proa_client *c = client;
    return c->extension != NULL && c->extension->find_first != NULL &&
           c->extension->find_first(c->extension->ctx, id, out);
}

/* ---- events for the application --------------------------------------------------------- */

/* The place of the n-th event that waits. */
static proa_client_event *event_at(proa_client *c, uint8_t n)
{
    return &c->events[(c->event_first + n) % PROA_CLIENT_EVENTS_MAX];
}

static void take_event(proa_client *c)
{
    c->event_first = (uint8_t)((c->event_first + 1) % PROA_CLIENT_EVENTS_MAX);
    c->event_count--;
}

proa_client_event *proa__client_tell(proa_client *c, proa_client_event_kind kind, uint16_t short_id)
{
    if (c->event_count == PROA_CLIENT_EVENTS_MAX) {
        take_event(c);
        c->events_dropped++;
    }
    proa_client_event *event = event_at(c, c->event_count++);
    memset(event, 0, sizeof *event);
    event->kind = kind;
    event->short_id = short_id;
    return event;
}

void proa__client_tell_path(proa_client *c, proa_client_event_kind kind, const proa_actor *who,
                            const proa_path *path, uint8_t code)
{
    proa_client_event *event = proa__client_tell(c, kind, who->short_id);
    event->who = *who;
    event->path = *path;
    event->code = code;
}

/* ---- what comes from CoAP --------------------------------------------------------------- */

static void handle_coap(proa_client *c, const proa_coap_event *event)
{
    uint64_t kind = event->user & (uint64_t)0xff << 56;
    switch (event->kind) {
    case PROA_COAP_EVENT_REQUEST:
        proa__client_serve(c, event);
        break;
    case PROA_COAP_EVENT_RESPONSE:
    case PROA_COAP_EVENT_NOTIFICATION:
    case PROA_COAP_EVENT_UNPROTECTED:
    case PROA_COAP_EVENT_FAILED:
        if (kind == PROA__USER_SERVER) {
            proa__registration_coap_event(c, event);
        } else if (kind == PROA__USER_EXTENSION && c->extension != NULL &&
                   c->extension->coap_event != NULL) {
            c->extension->coap_event(c->extension->ctx, c->now_ms, event);
        }
        break;
    case PROA_COAP_EVENT_RELATION_END:
        if (kind == PROA__USER_OBSERVATION) {
            proa__report_ended(c, (proa_handle)event->user);
        }
        break;
    case PROA_COAP_EVENT_DELIVERED:
        break;
    }
}

static void drain_coap(proa_client *c)
{
    proa_coap_event event;
    while (proa_coap_poll(c->coap, c->now_ms, &event)) {
        handle_coap(c, &event);
    }
}

/* ---- what comes from the secure box ----------------------------------------------------- */

static void handle_closed(proa_client *c, const proa_secure_event *event)
{
    proa__server *s = proa__server_by_account(c, event->account);
    proa_coap_peer peer = {event->addr, event->session, 0};
    proa__session_remove(c, event->session);
    if (s != NULL) {
        proa__registration_closed(c, s, event);
        return;
    }
    proa_coap_peer_gone(c->coap, c->now_ms, &peer);
    if (c->extension != NULL && c->extension->session_closed != NULL) {
        c->extension->session_closed(c->extension->ctx, c->now_ms, event->account, event->session,
                                     event->reason);
    }
}

static void handle_connected(proa_client *c, proa_secure_event *event)
{
    proa__server *s = proa__server_by_account(c, event->account);
    bool peer = proa_account_kind(event->account) == PROA_ACCOUNT_KIND_PEER &&
                c->extension != NULL && c->extension->session_open != NULL;
    /* A server never calls: as DTLS server we know peers only. */
    bool wanted = peer || (s != NULL && !event->is_server && event->session == s->opening);
    if (!wanted || !proa__session_add(c, event->session, event->account)) {
        event->reason = PROA_SECURE_REASON_RESOURCES;
        c->config.secure->class_->close(c->config.secure, c->now_ms, event->session, true);
        handle_closed(c, event);
    } else if (s != NULL) {
        proa__registration_connected(c, s, event);
    } else {
        c->extension->session_open(c->extension->ctx, c->now_ms, event->account, event->session,
                                   event->is_server);
    }
}

static void handle_data(proa_client *c, const proa_secure_event *event)
{
    proa_coap_peer peer = {event->addr, event->session, 0};
    if (proa__session_account(c, event->session) != event->account) {
        c->requests_dropped++;
        return;
    }
    if (event->is_unreached) {
        proa_coap_peer_doubt(c->coap, c->now_ms, &peer, event->data.len);
    }
    c->carrier = event->session;
    proa_coap_input(c->coap, c->now_ms, &peer, event->data, false);
    if (event->is_unreached && !proa_coap_peer_is_doubted(c->coap, &peer)) {
        c->config.secure->class_->confirm_address(c->config.secure, event->session);
    }
}

/* Each event of the box is worked off before the next, whose data replaces its own. */
static void pump(proa_client *c)
{
    proa_secure *box = c->config.secure;
    proa_secure_event event;
    drain_coap(c);
    while (box != NULL && box->class_->poll(box, c->now_ms, &event)) {
        switch (event.kind) {
        case PROA_SECURE_CONNECTED:
            handle_connected(c, &event);
            break;
        case PROA_SECURE_DATA:
            handle_data(c, &event);
            break;
        case PROA_SECURE_CLOSED:
            handle_closed(c, &event);
            break;
        }
        drain_coap(c);
        c->carrier = 0;
    }
}

/* ---- the four doors --------------------------------------------------------------------- */

void proa_client_input(proa_client *c, uint64_t now_ms, const proa_addr *from, proa_span datagram,
                       bool multicast)
{
    proa_secure *box = c->config.secure;
    uint8_t first = datagram.len > 0 ? datagram.data[0] : 0;
    c->now_ms = now_ms;
    if (first >= 64 && first <= 127) {
        proa_coap_peer peer = {*from, 0, 0};
        proa_coap_input(c->coap, c->now_ms, &peer, datagram, multicast);
    } else if (first >= 20 && first <= 63 && box != NULL && !multicast) {
        box->class_->input(box, c->now_ms, from, datagram);
    }
    pump(c);
}

bool proa_client_output(proa_client *c, uint64_t now_ms, proa_addr *to, proa_span *datagram)
{
    proa_secure *box = c->config.secure;
    proa_coap_peer peer;
    c->now_ms = now_ms;
    for (;;) {
        if (box != NULL && box->class_->output(box, c->now_ms, to, datagram)) {
            return true;
        }
        if (!proa_coap_output(c->coap, c->now_ms, &peer, datagram)) {
            return false;
        }
        if (peer.session == 0) {
            *to = peer.addr;
            return true;
        }
        if (box != NULL) {
            /* What the box cannot send is lost as on a network: CoAP repeats it or gives up. */
            proa_err err = box->class_->send(box, c->now_ms, peer.session, *datagram);
            (void)err;
        }
    }
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t extension_next_ms(const proa_client *c)
{
    return c->extension != NULL && c->extension->next_ms != NULL
               ? c->extension->next_ms(c->extension->ctx)
               : PROA_NEVER;
}

uint64_t proa_client_next_ms(const proa_client *c)
{
    const proa_secure *box = c->config.secure;
    uint64_t next = sooner(proa_coap_next_ms(c->coap), proa__registration_next_ms(c));
    next = sooner(next, sooner(proa__report_next_ms(c), extension_next_ms(c)));
    return box == NULL ? next : sooner(next, box->class_->next_ms(box));
}

bool proa_client_poll(proa_client *c, uint64_t now_ms, proa_client_event *event)
{
    c->now_ms = now_ms;
    pump(c);
    proa__registration_run(c);
    proa__report_run(c);
    if (extension_next_ms(c) <= now_ms && c->extension->run != NULL) {
        c->extension->run(c->extension->ctx, c->now_ms);
    }
    if (c->event_count == 0) {
        return false;
    }
    *event = *event_at(c, 0);
    take_event(c);
    return true;
}

proa_client_stats proa_client_stats_get(const proa_client *c)
{
    proa_client_stats stats;
    memset(&stats, 0, sizeof stats);
    stats.coap = proa_coap_stats_get(c->coap);
    stats.observations = c->observations.count;
    stats.notifications = c->notifications;
    stats.requests_served = c->requests_served;
    stats.requests_denied = c->requests_denied;
    stats.requests_dropped = c->requests_dropped;
    stats.events_dropped = c->events_dropped;
    return stats;
}

/* ---- for the extension ------------------------------------------------------------------ */

void proa__client_extend(proa_client *c, const proa_client_extension *extension)
{
    PROA_ASSERT(c->extension == NULL);
    c->extension = extension;
}

proa_coap *proa__client_coap(proa_client *c)
{
    return c->coap;
}

proa_secure *proa__client_secure(proa_client *c)
{
    return c->config.secure;
}

const proa_client_config *proa__client_config(const proa_client *c)
{
    return &c->config;
}

void proa__client_drop_session(proa_client *c, uint64_t now_ms, uint32_t session)
{
    proa_secure *box = c->config.secure;
    proa_coap_peer peer = {{{0}, 0, 0}, session, 0};
    c->now_ms = now_ms;
    if (box == NULL || session == 0) {
        return;
    }
    proa_coap_peer_gone(c->coap, c->now_ms, &peer);
    proa__session_remove(c, session);
    box->class_->close(box, c->now_ms, session, true);
}
