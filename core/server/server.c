/* SPDX-License-Identifier: Apache-2.0 */
/* The server engine's doors, and who is at the other end of a session.
 *
 * A datagram goes to the secure box or, unprotected, to CoAP, by its first byte (RFC 7983). A
 * session belongs to the account that its key names. The device of that account is bound to the
 * newest session that proved the key: at once, because CONNECTED is the proof; what is under way
 * moves along. A session that closes leaves the registration without one: requests and observations
 * stay under the dead handle until the device has another session or they time out. Should the box
 * use a dead handle anew for somebody else, they end there and then (a peer is a key).
 *
 * With OSCORE the proof is a request that was opened with the account's keys, not a session: the
 * device is bound to the way that its newest one came (protection.c).
 *
 * Registering is rd.c's, asking devices operations.c's. RFC 7983; LwM2M Transport 1.2 §6. */
#include <string.h>

#include "core/server/server_internal.h"

/* How long a device in queue mode listens after its last message: MAX_TRANSMIT_WAIT, as the LwM2M
 * specification recommends (Transport 1.2 §6.5, RFC 7252 §4.8.2). */
#define AWAKE_MS 93000U

#define DEFAULT_OP_TIMEOUT_MS 60000U

/* ---- open and close --------------------------------------------------------------------- */

proa_server_config proa_server_config_default(proa_random random, proa_memory memory)
{
    proa_server_config config = {
        .random = random,
        .memory = memory,
        .coap = proa_coap_config_server(random, memory),
        .registration_max = 100000,
        .registration_first = 64,
        .operation_max = 200000,
        .links_max = PROA_BODY_MAX,
        .op_timeout_ms = DEFAULT_OP_TIMEOUT_MS,
    };
    config.coap.request_max = config.operation_max;
    return config;
}

static proa_err check_config(const proa_server_config *config)
{
    bool ok = config->registration_first >= 1 &&
              config->registration_first <= config->registration_max &&
              config->registration_max <= PROA_POOL_COUNT_MAX && config->operation_max >= 1 &&
              config->operation_max <= PROA_POOL_COUNT_MAX && config->links_max >= 1;
    return ok ? PROA_OK : PROA_E_RANGE;
}

proa_err proa_server_open(proa_server **out, const proa_server_config *config)
{
    *out = NULL;
    proa_err err = check_config(config);
    if (err != PROA_OK) {
        return err;
    }
    proa_server *s = config->memory.take(config->memory.ctx, sizeof *s);
    if (s == NULL) {
        return PROA_E_NO_MEMORY;
    }
    s->config = *config;
    if (s->config.op_timeout_ms == 0) {
        s->config.op_timeout_ms = DEFAULT_OP_TIMEOUT_MS;
    }
    if (s->config.coap.request_max < config->operation_max) {
        s->config.coap.request_max = config->operation_max;
    }
    s->config.coap.may_carry = proa__server_may_carry;
    s->config.coap.may_carry_ctx = s;
    err = proa_coap_open(&s->coap, &s->config.coap);
    if (err == PROA_OK) {
        err = proa__registry_open(&s->registry, &s->config);
    }
    if (err == PROA_OK) {
        err = proa__ops_open(s);
    }
    if (err != PROA_OK) {
        proa_server_close(s);
        return err;
    }
    *out = s;
    return PROA_OK;
}

void proa_server_close(proa_server *s)
{
    proa_memory memory = s->config.memory;
    proa__ops_close(s);
    proa__registry_close(&s->registry);
    if (s->coap != NULL) {
        proa_coap_close(s->coap);
    }
    memory.give(memory.ctx, s, sizeof *s);
}

/* ---- who is where ----------------------------------------------------------------------- */

bool proa__server_reaches(const proa__device *d, uint64_t now_ms)
{
    return (!proa__device_needs_session(d) || (d->session != 0 && d->alive)) &&
           (!d->queue_mode || now_ms < d->awake_ms);
}

proa__device *proa__server_of_account(const proa_server *s, uint64_t account)
{
    proa_span endpoint;
    if (account == 0 || s->config.endpoint_of == NULL ||
        !s->config.endpoint_of(s->config.ctx, account, &endpoint)) {
        return NULL;
    }
    proa__device *d = proa__registry_by_endpoint(&s->registry, endpoint);
    return d != NULL && d->account == account ? d : NULL;
}

static void set_address(proa__device *d, const proa_addr *addr)
{
    if (!proa_addr_equal(&d->addr, addr)) {
        d->addr = *addr;
        d->moved = true;
        d->moves++;
    }
}

/* Same session, maybe another address. The box has moved the session already; that the device
 * answers there is still to be seen (RFC 9146 §6). */
static void refresh(proa_server *s, uint64_t now_ms, proa__device *d, const proa_coap_peer *peer)
{
    proa_coap_peer old = proa__device_peer(d);
    uint8_t moves = d->moves;
    set_address(d, &peer->addr);
    d->alive = true;
    if (moves == d->moves) {
        return;
    }
    if (d->session != 0) {
        d->unconfirmed = true;
    } else {
        proa_coap_peer_moved(s->coap, now_ms, &old, peer);
    }
}

void proa__server_unbind(proa_server *s, uint64_t now_ms, proa__device *d)
{
    proa_coap_peer old = {d->addr, d->session, 0};
    if (d->session == 0) {
        return;
    }
    proa_coap_peer_gone(s->coap, now_ms, &old);
    if (d->alive) {
        s->config.secure->class_->close(s->config.secure, now_ms, d->session, false);
    }
    (void)!proa__registry_set_session(&s->registry, d, 0); /* only binding can fail */
    d->alive = false;
}

proa_err proa__server_follow(proa_server *s, uint64_t now_ms, proa__device *d,
                             const proa_coap_peer *peer)
{
    proa_coap_peer old = {d->addr, d->session, 0};
    if (d->session == peer->session) {
        refresh(s, now_ms, d, peer);
        return PROA_OK;
    }
    if (old.session != 0) {
        proa_coap_peer_moved(s->coap, now_ms, &old, peer);
        proa__server_unbind(s, now_ms, d);
    }
    proa_err err = proa__registry_set_session(&s->registry, d, peer->session);
    if (err == PROA_OK) {
        set_address(d, &peer->addr);
        d->alive = true;
        d->unconfirmed = false; /* the handshake went there and back */
    }
    return err;
}

void proa__server_heard(proa_server *s, uint64_t now_ms, proa__device *d,
                        const proa_coap_peer *peer)
{
    refresh(s, now_ms, d, peer);
    d->awake_ms = now_ms + AWAKE_MS;
    s->heard = d->reg;
}

void proa__server_end(proa_server *s, uint64_t now_ms, proa__device *d)
{
    proa__ops_finish_all(s, now_ms, d, PROA_OP_GONE);
    if (!d->alive) {
        proa__server_unbind(s, now_ms, d);
    }
    proa__registry_end(&s->registry, d);
}

/* ---- sessions --------------------------------------------------------------------------- */

/* The handle of a dead session names another one now: what waited under it cannot be moved any more.
 * Returns the device that is bound to this very session, NULL if none is. */
static proa__device *device_of_session(proa_server *s, uint64_t now_ms,
                                       const proa_secure_event *event)
{
    proa__device *d = proa__registry_by_session(&s->registry, event->session);
    if (d != NULL && d->account != event->account) {
        d->alive = false;
        proa__server_unbind(s, now_ms, d);
        return NULL;
    }
    return d;
}

static void on_connected(proa_server *s, uint64_t now_ms, const proa_secure_event *event)
{
    proa_coap_peer peer = {event->addr, event->session, 0};
    proa__device *d = device_of_session(s, now_ms, event);
    if (d == NULL) {
        d = proa__server_of_account(s, event->account);
    }
    if (d != NULL && !proa__device_uses_oscore(d) &&
        proa__server_follow(s, now_ms, d, &peer) == PROA_OK) {
        proa__server_heard(s, now_ms, d, &peer);
    }
}

static void on_data(proa_server *s, uint64_t now_ms, const proa_secure_event *event)
{
    proa_coap_peer peer = {event->addr, event->session, 0};
    proa__device *d = device_of_session(s, now_ms, event);
    s->current_session = event->session;
    s->current_account = event->account;
    s->current_is_doubtful = event->is_doubtful;
    if (event->is_doubtful) {
        if (proa__revived_take(s, now_ms, d, &peer, event->data)) {
            proa_coap_input(s->coap, now_ms, &peer, event->data, false);
        }
        return;
    }
    if (d == NULL) {
        /* A session older than this engine, or than the registration: adopted if the device has no
         * better one. */
        d = proa__server_of_account(s, event->account);
        if (d != NULL && (proa__device_uses_oscore(d) || d->alive ||
                          proa__server_follow(s, now_ms, d, &peer) != PROA_OK)) {
            d = NULL;
        }
    }
    if (d != NULL && !proa__device_uses_oscore(d)) {
        proa__server_heard(s, now_ms, d, &peer);
    }
    proa_coap_input(s->coap, now_ms, &peer, event->data, false);
}

static void on_closed(proa_server *s, uint64_t now_ms, const proa_secure_event *event)
{
    proa__device *d = proa__registry_by_session(&s->registry, event->session);
    if (d != NULL) {
        d->alive = false;
    } else {
        proa_coap_peer peer = {event->addr, event->session, 0};
        proa_coap_peer_gone(s->coap, now_ms, &peer);
    }
}

static void on_secure_event(proa_server *s, uint64_t now_ms, const proa_secure_event *event)
{
    switch (event->kind) {
    case PROA_SECURE_CONNECTED:
        on_connected(s, now_ms, event);
        break;
    case PROA_SECURE_DATA:
        on_data(s, now_ms, event);
        break;
    case PROA_SECURE_CLOSED:
        on_closed(s, now_ms, event);
        break;
    }
}

/* ---- requests --------------------------------------------------------------------------- */

void proa__server_answer(proa_server *s, uint64_t now_ms, proa_coap_id exchange,
                         const proa_coap_response *response)
{
    (void)!proa_coap_respond(s->coap, now_ms, exchange, response);
}

void proa__server_answer_code(proa_server *s, uint64_t now_ms, proa_coap_id exchange, uint8_t code)
{
    proa_coap_response response = {.code = code};
    proa__server_answer(s, now_ms, exchange, &response);
}

static void read_uri(const proa_coap_msg *msg, proa__uri *uri)
{
    proa_coap_options it = proa_coap_options_of(msg);
    proa_coap_option option;
    uri->count = 0;
    while (proa_coap_option_next(&it, &option)) {
        if (option.number != PROA_COAP_OPT_URI_PATH) {
            continue;
        }
        if (uri->count >= PROA_URI_PATH_SEGMENTS_MAX) {
            uri->count = PROA_URI_PATH_SEGMENTS_MAX + 1;
            return;
        }
        uri->segments[uri->count++] = option.value;
    }
}

/* It was opened with the account's keys: the device is where it came from. */
static void hear_account(proa_server *s, uint64_t now_ms, const proa_coap_event *request)
{
    const proa_coap_peer *peer = &request->peer;
    proa__device *d = peer->account == 0 || proa__server_judge(s, peer) != 0
                          ? NULL
                          : proa__server_of_account(s, peer->account);
    if (d != NULL && proa__server_follow(s, now_ms, d, peer) == PROA_OK) {
        proa__server_heard(s, now_ms, d, peer);
    }
}

/* True if *out is to be told. */
static bool on_request(proa_server *s, uint64_t now_ms, const proa_coap_event *request,
                       proa_server_event *out)
{
    proa__uri uri;
    bool told = false;
    if (request->multicast) {
        proa_coap_ignore(s->coap, request->exchange);
        return false;
    }
    if (request->sealed) {
        proa__server_answer_sealed(s, now_ms, request->exchange);
        return false;
    }
    hear_account(s, now_ms, request);
    read_uri(&request->msg, &uri);
    if (proa__rd_request(s, now_ms, request, &uri, out, &told)) {
        return told;
    }
    uint8_t refusal = proa__peer_is_nobody(&request->peer) ? PROA_COAP_FORBIDDEN
                                                           : proa__server_judge(s, &request->peer);
    if (refusal != 0) {
        proa__server_answer_code(s, now_ms, request->exchange, refusal);
        return false;
    }
    uint64_t account = proa__server_account(s, &request->peer);
    const proa__device *d = proa__server_of_account(s, account);
    out->kind = PROA_SERVER_REQUEST;
    out->reg = d == NULL ? 0 : d->reg;
    out->endpoint = d == NULL ? proa_span_make(NULL, 0) : proa__device_endpoint(d);
    out->account = account;
    out->exchange = request->exchange;
    out->peer = request->peer;
    out->msg = request->msg;
    out->code = request->msg.code;
    out->payload = request->msg.payload;
    out->format = (uint16_t)proa_coap_option_uint(&request->msg, PROA_COAP_OPT_CONTENT_FORMAT,
                                                  PROA_FORMAT_NONE);
    return true;
}

proa_err proa_server_respond(proa_server *s, uint64_t now_ms, proa_coap_id exchange,
                             const proa_coap_response *response)
{
    return proa_coap_respond(s->coap, now_ms, exchange, response);
}

/* ---- the four doors --------------------------------------------------------------------- */

void proa_server_input(proa_server *s, uint64_t now_ms, const proa_addr *from, proa_span datagram,
                       bool multicast)
{
    if (datagram.len == 0) {
        return;
    }
    uint8_t first = datagram.data[0];
    if (first >= 20 && first <= 63) {
        if (s->config.secure != NULL && !multicast) {
            s->config.secure->class_->input(s->config.secure, now_ms, from, datagram);
        }
    } else if (first >= 64 && first <= 127) {
        proa_coap_peer peer = {*from, 0, 0};
        s->current_session = 0;
        s->current_account = 0;
        s->current_is_doubtful = false;
        proa_coap_input(s->coap, now_ms, &peer, datagram, multicast);
    }
}

bool proa_server_output(proa_server *s, uint64_t now_ms, proa_addr *to, proa_span *datagram)
{
    proa_secure *secure = s->config.secure;
    for (;;) {
        proa_coap_peer peer;
        if (secure != NULL && secure->class_->output(secure, now_ms, to, datagram)) {
            return true;
        }
        if (!proa_coap_output(s->coap, now_ms, &peer, datagram)) {
            return false;
        }
        if (peer.session == 0 || secure == NULL) {
            *to = peer.addr;
            return true;
        }
        /* A message that the box does not take is a message lost on the way: CoAP sends it again, or
         * gives up. */
        (void)!secure->class_->send(secure, now_ms, peer.session, *datagram);
    }
}

uint64_t proa_server_next_ms(const proa_server *s)
{
    if (s->finished_first != 0) {
        return 0;
    }
    uint64_t next = proa_heap_next_ms(&s->registry.expiry);
    uint64_t others[3] = {proa_heap_next_ms(&s->op_timeouts), proa_coap_next_ms(s->coap),
                          s->config.secure == NULL
                              ? PROA_NEVER
                              : s->config.secure->class_->next_ms(s->config.secure)};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        next = others[i] < next ? others[i] : next;
    }
    return next;
}

static bool tell_expired(proa_server *s, uint64_t now_ms, proa_server_event *out)
{
    proa__device *d = proa__registry_take_expired(&s->registry, now_ms);
    if (d == NULL) {
        return false;
    }
    proa__server_end(s, now_ms, d);
    s->ended = d->reg;
    s->expired++;
    out->kind = PROA_SERVER_EXPIRED;
    out->reg = d->reg;
    out->endpoint = proa__device_endpoint(d);
    return true;
}

/* What CoAP has to tell. True if it had something; *told if that is an event of ours. */
static bool step_coap(proa_server *s, uint64_t now_ms, proa_server_event *out, bool *told)
{
    proa_coap_event event;
    if (!proa_coap_poll(s->coap, now_ms, &event)) {
        return false;
    }
    switch (event.kind) {
    case PROA_COAP_EVENT_REQUEST:
        *told = on_request(s, now_ms, &event, out);
        break;
    case PROA_COAP_EVENT_RESPONSE:
    case PROA_COAP_EVENT_NOTIFICATION:
    case PROA_COAP_EVENT_FAILED:
        *told = !proa__revived_coap_event(s, now_ms, &event) &&
                proa__ops_coap_event(s, now_ms, &event, out);
        break;
    case PROA_COAP_EVENT_UNPROTECTED: /* anybody can say that */
    case PROA_COAP_EVENT_RELATION_END:
    case PROA_COAP_EVENT_DELIVERED:
        break; /* nobody observes this server */
    }
    return true;
}

static bool step_secure(proa_server *s, uint64_t now_ms)
{
    proa_secure_event event;
    if (s->config.secure == NULL ||
        !s->config.secure->class_->poll(s->config.secure, now_ms, &event)) {
        return false;
    }
    on_secure_event(s, now_ms, &event);
    return true;
}

/* The datagram of this device has been dealt with: what waited for it goes out now. */
static bool step_heard(proa_server *s, uint64_t now_ms)
{
    proa__device *d = proa__registry_get(&s->registry, s->heard);
    s->heard = 0;
    if (d != NULL) {
        proa__ops_start_waiting(s, now_ms, d);
    }
    return d != NULL;
}

static void release_ended(proa_server *s)
{
    if (s->ended != 0) {
        proa__registry_release(&s->registry, proa__registry_get(&s->registry, s->ended));
        s->ended = 0;
    }
}

bool proa_server_poll(proa_server *s, uint64_t now_ms, proa_server_event *event)
{
    release_ended(s);
    for (;;) {
        bool told = false;
        memset(event, 0, sizeof *event);
        proa__ops_run(s, now_ms);
        if (proa__ops_next_finished(s, event) || tell_expired(s, now_ms, event)) {
            return true;
        }
        if (step_coap(s, now_ms, event, &told)) {
            if (told) {
                return true;
            }
            continue;
        }
        if (!step_heard(s, now_ms) && !step_secure(s, now_ms)) {
            return false;
        }
    }
}

/* ---- counting --------------------------------------------------------------------------- */

proa_server_stats proa_server_stats_get(const proa_server *s)
{
    proa_server_stats stats = {
        .coap = proa_coap_stats_get(s->coap),
        .registrations = s->registry.devices.count - (s->ended != 0 ? 1U : 0U),
        .operations = s->ops.count - s->observations,
        .observations = s->observations,
        .registers = s->registers,
        .updates = s->updates,
        .deregisters = s->deregisters,
        .expired = s->expired,
        .refused = s->refused,
        .notifications = s->notifications,
    };
    return stats;
}
