/* SPDX-License-Identifier: Apache-2.0 */
/* One question to a peer, from proa_c2c_send to its one outcome.
 *
 *   PROBE ----> (account?) --yes--> CONNECT --session--> SENT --2.xx--> outcome, or HELD
 *                  | no                ^  ^                |
 *                  v                   |  +- session died -+
 *                WANT --> ASKED --2.01-+                   | 4.01, once
 *                  ^         | PENDING, and the application waits
 *                  +-- PAUSE-+           WANT <------------+
 *
 * Truths kept here: every question that was accepted gets one OUTCOME and is then gone, unless it
 * was an observation that the peer accepted (HELD), which gets one OBSERVE_END instead; and a
 * question has an end in time, whatever happens. What unauthenticated messages say (a plain 4.01,
 * a handshake that fails) can make us ask the server once, and never finishes a question: those
 * end by their own deadline or by what an authenticated party said.
 *
 * A question binds to an account, and the account's session may change under it (sessions.c). */
#include "core/c2c/ask_internal.h"

#include <string.h>

#include "proa/assert.h"

#define TIMEOUT_DEFAULT_MS 120000U

/* Waiting for our own tables: a handshake place, a request place. */
#define FULL_RETRY_MS 500U

/* The server said 2.01, but the account is not here (it removed itself a moment ago): the server
 * learns that from our registration, so a little later the same question has another answer. */
#define MISSING_RETRY_MS 3000U
#define TRIES_MAX 5U

/* A quiet observation is asked for again after so long, or after two of its maximum periods: the
 * host may have lost it with a reboot, and would not know. */
#define REFRESH_MS 3600000U

/* ---- ends ------------------------------------------------------------------------------- */

static void forget_request(proa_c2c *c, proa__ask *ask, bool tell)
{
    if (ask->request != 0) {
        proa_coap_cancel(proa__client_coap(c->client), c->now_ms, ask->request, tell);
        ask->request = 0;
    }
}

static proa_c2c_event event_of(const proa_c2c *c, const proa__ask *ask, proa_c2c_event_kind kind)
{
    proa_c2c_event event;
    memset(&event, 0, sizeof(event));
    event.kind = kind;
    event.id = ask->id;
    event.user = ask->user;
    event.path = ask->path;
    event.format = PROA_FORMAT_NONE;
    event.endpoint = proa__ask_endpoint(ask);
    event.elapsed_ms = ask->ac_ms == 0 ? 0 : (uint32_t)(c->now_ms - ask->ac_ms);
    return event;
}

void proa__ask_tell(proa_c2c *c, const proa__ask *ask, proa_c2c_event_kind kind, uint16_t short_id,
                    proa_span text)
{
    proa_c2c_event event = event_of(c, ask, kind);
    event.short_id = short_id;
    event.text = text;
    (void)proa__c2c_post(c, &event);
}

static void post_answer(proa_c2c *c, const proa__ask *ask, proa_c2c_event_kind kind,
                        const proa__answer *answer, bool observing)
{
    proa_c2c_event event = event_of(c, ask, kind);
    event.outcome = answer->outcome;
    event.code = answer->code;
    event.via_server = answer->via_server;
    event.observing = observing;
    event.err = answer->err;
    event.retry_ms = answer->retry_ms;
    event.format = answer->payload.len == 0 ? PROA_FORMAT_NONE : answer->format;
    event.payload = answer->payload;
    (void)proa__c2c_post(c, &event);
}

void proa__ask_finish(proa_c2c *c, proa__ask *ask, const proa__answer *answer)
{
    post_answer(c, ask, ask->told ? PROA_C2C_OBSERVE_END : PROA_C2C_OUTCOME, answer, false);
    forget_request(c, ask, false);
    proa_wipe(ask, sizeof(*ask));
    c->dirty = true;
}

void proa__ask_fail(proa_c2c *c, proa__ask *ask, proa_outcome outcome)
{
    proa__ask_finish(c, ask, &(proa__answer){.outcome = outcome});
}

void proa__ask_fail_local(proa_c2c *c, proa__ask *ask, proa_err err)
{
    proa__ask_finish(c, ask, &(proa__answer){.outcome = PROA_OUTCOME_LOCAL, .err = err});
}

void proa__ask_pause(proa_c2c *c, proa__ask *ask, uint32_t ms, proa__ask_state after)
{
    ask->state = PROA__ASK_PAUSE;
    ask->after = after;
    ask->resume_ms = c->now_ms + ms;
}

/* ---- towards the peer ------------------------------------------------------------------- */

/* Begin anew with what there is now; bounded, so that nothing goes round for ever. */
static void again(proa_c2c *c, proa__ask *ask)
{
    if (ask->tries++ >= TRIES_MAX) {
        proa__ask_fail(c, ask, PROA_OUTCOME_UNREACHABLE);
        return;
    }
    ask->state = PROA__ASK_CONNECT;
    ask->account = 0;
    ask->late = (proa__answer){.outcome = PROA_OUTCOME_UNREACHABLE};
    c->dirty = true; /* run goes on with it: nothing is sent from within a callback of the peer */
}

static void want(proa_c2c *c, proa__ask *ask)
{
    ask->state = PROA__ASK_WANT;
    ask->late = (proa__answer){.outcome = PROA_OUTCOME_TIMEOUT, .via_server = true};
    c->dirty = true;
}

/* Ask the server because of a refusal: once, and not what was just asked. */
static bool reask(proa_c2c *c, proa__ask *ask)
{
    if (ask->reasked || !proa__ac_may_ask_again(c, ask)) {
        return false;
    }
    forget_request(c, ask, false);
    ask->reasked = true;
    want(c, ask);
    return true;
}

static void full(proa_c2c *c, proa__ask *ask)
{
    ask->late = (proa__answer){.outcome = PROA_OUTCOME_LOCAL, .err = PROA_E_FULL};
    proa__ask_pause(c, ask, FULL_RETRY_MS, PROA__ASK_CONNECT);
}

static void send_request(proa_c2c *c, proa__ask *ask, const proa__key *key)
{
    proa_coap_peer to = proa__c2c_coap_peer(c, key->session);
    if (!ask->connected_told && !ask->told) {
        ask->connected_told = true;
        proa__ask_tell(c, ask, PROA_C2C_CONNECTED, (uint16_t)key->short_id, proa_span_make(NULL, 0));
    }
    proa_err err = proa__request_send(c, ask, &to);
    if (err == PROA_E_FULL) {
        full(c, ask);
    } else if (err != PROA_OK) {
        proa__ask_fail_local(c, ask, err);
    } else {
        ask->state = PROA__ASK_SENT;
        ask->late = (proa__answer){.outcome = PROA_OUTCOME_TIMEOUT};
        ask->resume_ms = c->now_ms + PROA__LOOK_MS;
    }
}

static void connect(proa_c2c *c, proa__ask *ask, proa__key *key)
{
    proa_err err = proa__c2c_connect(c, key);
    ask->late = (proa__answer){.outcome = PROA_OUTCOME_UNREACHABLE};
    switch (err) {
    case PROA_OK:
        break;
    case PROA_E_FULL:
        full(c, ask);
        break;
    case PROA_E_NOT_FOUND:
        /* So far it was the peer that called. The server knows where it is, and says so when it
         * gives us rights there, which it has not yet done. */
        if (ask->ac_ms == 0) {
            want(c, ask);
        } else {
            proa__ask_fail(c, ask, PROA_OUTCOME_UNREACHABLE);
        }
        break;
    default:
        proa__ask_fail_local(c, ask, err);
        break;
    }
}

/* No account: ask for one, if that was not just done. */
static void go_without(proa_c2c *c, proa__ask *ask)
{
    if (ask->ac_ms == 0) {
        want(c, ask);
    } else if (ask->tries++ < TRIES_MAX) {
        ask->late = (proa__answer){.outcome = PROA_OUTCOME_PROTOCOL, .via_server = true};
        proa__ask_pause(c, ask, MISSING_RETRY_MS, PROA__ASK_WANT);
    } else {
        proa__ask_finish(c, ask,
                         &(proa__answer){.outcome = PROA_OUTCOME_PROTOCOL, .via_server = true});
    }
}

void proa__ask_go(proa_c2c *c, proa__ask *ask)
{
    proa__key *key = proa__c2c_key_of(c, proa__ask_endpoint(ask));
    if (key == NULL) {
        go_without(c, ask);
        return;
    }
    ask->state = PROA__ASK_CONNECT;
    ask->account = proa__c2c_account(key);
    if (key->session != 0 && !key->suspect) {
        send_request(c, ask, key);
    } else {
        connect(c, ask, key);
    }
}

static void each_of_key(proa_c2c *c, const proa__key *key, proa__ask_state state,
                        void (*act)(proa_c2c *c, proa__ask *ask, unsigned argument),
                        unsigned argument)
{
    for (uint16_t i = 0; i < c->limits.ask_max; i++) {
        proa__ask *ask = &c->asker->asks[i];
        if (ask->state == state && proa_account_kind(ask->account) == PROA_ACCOUNT_KIND_PEER &&
            proa_account_instance(ask->account) == key->row.instance) {
            act(c, ask, argument);
        }
    }
}

static void go_on(proa_c2c *c, proa__ask *ask, unsigned argument)
{
    (void)argument;
    proa__ask_go(c, ask);
}

static void connected(proa_c2c *c, proa__key *key)
{
    each_of_key(c, key, PROA__ASK_CONNECT, go_on, 0);
}

/* A handshake that failed was not authenticated: it may make us ask the server, once. */
static void go_off(proa_c2c *c, proa__ask *ask, unsigned reason)
{
    if (reason == PROA_SECURE_REASON_RESOURCES || reason == PROA_SECURE_REASON_EVICTED) {
        full(c, ask);
    } else if (reason != PROA_SECURE_REASON_HANDSHAKE || !reask(c, ask)) {
        proa__ask_fail(c, ask, PROA_OUTCOME_UNREACHABLE);
    }
}

/* The session seemed dead, and the handshake beside it was refused: perhaps the host has lost the
 * key. The server is asked, and the request sent again if that does no harm. */
static void sent_in_vain(proa_c2c *c, proa__ask *ask, unsigned reason)
{
    if (reason == PROA_SECURE_REASON_HANDSHAKE && proa__request_repeatable(ask->op)) {
        (void)reask(c, ask);
    }
}

static void connect_failed(proa_c2c *c, proa__key *key, proa_secure_reason reason)
{
    each_of_key(c, key, PROA__ASK_SENT, sent_in_vain, (unsigned)reason);
    each_of_key(c, key, PROA__ASK_CONNECT, go_off, (unsigned)reason);
}

static void lose(proa_c2c *c, proa__ask *ask, proa_outcome why)
{
    bool sent = ask->state == PROA__ASK_SENT;
    bool replaced = proa__c2c_key_of(c, proa__ask_endpoint(ask)) != NULL;
    forget_request(c, ask, false);
    if (replaced && (!sent || proa__request_repeatable(ask->op))) {
        ask->deadline_ms = ask->told ? c->now_ms + TIMEOUT_DEFAULT_MS : ask->deadline_ms;
        again(c, ask);
    } else {
        /* It may have been done, and it may not be done twice. */
        proa__ask_fail(c, ask, replaced ? PROA_OUTCOME_TIMEOUT : why);
    }
}

static void account_gone(proa_c2c *c, proa_account account, proa_outcome why)
{
    for (uint16_t i = 0; i < c->limits.ask_max; i++) {
        proa__ask *ask = &c->asker->asks[i];
        bool bound = ask->state == PROA__ASK_CONNECT || ask->state == PROA__ASK_SENT ||
                     ask->state == PROA__ASK_HELD;
        if (bound && ask->account != 0 &&
            proa_account_instance(ask->account) == proa_account_instance(account)) {
            lose(c, ask, why == PROA_OUTCOME_OK ? PROA_OUTCOME_REVOKED : why);
        }
    }
}

/* ---- from the peer ---------------------------------------------------------------------- */

static uint16_t format_of(const proa_coap_msg *m)
{
    return (uint16_t)proa_coap_option_uint(m, PROA_COAP_OPT_CONTENT_FORMAT, PROA_FORMAT_NONE);
}

/* How long an observation may be quiet. */
static uint64_t refresh_ms(const proa_c2c *c, const proa__ask *ask)
{
    uint64_t wait = REFRESH_MS;
    if (ask->has_attributes && (ask->attributes.set & PROA_ATTR_PMAX) != 0 &&
        ask->attributes.pmax_s > 0 && (uint64_t)ask->attributes.pmax_s * 2000 < wait) {
        wait = (uint64_t)ask->attributes.pmax_s * 2000;
    }
    return c->now_ms + wait;
}

static void note_success(proa_c2c *c, proa__ask *ask)
{
    proa__key *key = proa__c2c_key(c, ask->account);
    proa_ac_entry entry = proa__ask_entry(ask);
    if (key != NULL) {
        key->suspect = false;
        proa__c2c_used(c, key, false);
        proa__ac_note_served(c, proa__ask_endpoint(ask), &entry);
    }
    c->dirty = true;
}

static void succeed(proa_c2c *c, proa__ask *ask, const proa_coap_event *event)
{
    proa__answer answer = {.outcome = PROA_OUTCOME_OK,
                           .code = event->msg.code,
                           .format = format_of(&event->msg),
                           .payload = event->msg.payload};
    note_success(c, ask);
    if (!event->observing) {
        ask->request = 0;
        proa__ask_finish(c, ask, &answer);
        return;
    }
    if (ask->told) { /* asked for again: to the application it never was away */
        post_answer(c, ask, PROA_C2C_NOTIFICATION, &answer, true);
    } else {
        post_answer(c, ask, PROA_C2C_OUTCOME, &answer, true);
    }
    ask->told = true;
    ask->tries = 0;
    ask->reasked = false;
    ask->state = PROA__ASK_HELD;
    ask->resume_ms = refresh_ms(c, ask);
}

/* A host that let us in says no. */
static void refuse(proa_c2c *c, proa__ask *ask, const proa_coap_msg *m)
{
    proa__answer answer = {.code = m->code, .format = format_of(m), .payload = m->payload};
    proa_span uri;
    ask->request = 0;
    switch (m->code) {
    case PROA_COAP_UNAUTHORIZED:
        if (ask->server == 0 && proa_hint_parse(m->payload, &uri) == PROA_OK) {
            ask->server = proa__client_server_by_uri(c->client, uri);
        }
        if (reask(c, ask)) {
            return;
        }
        answer.outcome = ask->told ? PROA_OUTCOME_REVOKED : PROA_OUTCOME_DENIED;
        break;
    case PROA_COAP_FORBIDDEN:
        answer.outcome = PROA_OUTCOME_DENIED;
        break;
    case PROA_COAP_NOT_FOUND:
        answer.outcome = PROA_OUTCOME_NO_SUCH_PATH;
        break;
    case PROA_COAP_TOO_MANY_REQUESTS:
    case PROA_COAP_SERVICE_UNAVAILABLE:
        answer.outcome = PROA_OUTCOME_BUSY;
        answer.retry_ms = proa__request_retry_ms(m);
        break;
    default:
        answer.outcome = PROA_OUTCOME_REFUSED;
        break;
    }
    proa__ask_finish(c, ask, &answer);
}

static void notified(proa_c2c *c, proa__ask *ask, const proa_coap_event *event)
{
    if (PROA_COAP_CLASS(event->msg.code) != 2) {
        ask->reasked = true; /* what was granted and then taken is not asked for again */
        refuse(c, ask, &event->msg);
        return;
    }
    proa__answer answer = {.outcome = PROA_OUTCOME_OK,
                           .code = event->msg.code,
                           .format = format_of(&event->msg),
                           .payload = event->msg.payload};
    note_success(c, ask);
    ask->resume_ms = refresh_ms(c, ask);
    post_answer(c, ask, PROA_C2C_NOTIFICATION, &answer, true);
}

/* The session went while the request was under way, or while the observation was held. */
static void session_lost(proa_c2c *c, proa__ask *ask)
{
    proa__key *key = proa__c2c_key(c, ask->account);
    const proa_secure *box = proa__client_secure(c->client);
    proa_addr addr;
    if (key != NULL && key->session != 0 && box != NULL &&
        !box->class_->address(box, key->session, &addr)) {
        key->session = 0; /* we hear of it first */
    }
    if (ask->told) {
        ask->deadline_ms = c->now_ms + TIMEOUT_DEFAULT_MS;
        again(c, ask);
    } else if (proa__request_repeatable(ask->op)) {
        again(c, ask);
    } else {
        proa__ask_fail(c, ask, PROA_OUTCOME_TIMEOUT);
    }
}

static void request_failed(proa_c2c *c, proa__ask *ask, proa_coap_failure failure)
{
    ask->request = 0;
    switch (failure) {
    case PROA_COAP_FAILED_PEER_GONE:
        session_lost(c, ask);
        break;
    case PROA_COAP_FAILED_TIMEOUT:
        proa__ask_fail(c, ask, PROA_OUTCOME_TIMEOUT);
        break;
    case PROA_COAP_FAILED_TOO_LARGE:
        proa__ask_fail_local(c, ask, PROA_E_TOO_LARGE);
        break;
    case PROA_COAP_FAILED_FULL:
        proa__ask_fail_local(c, ask, PROA_E_FULL);
        break;
    case PROA_COAP_FAILED_RESET:
    case PROA_COAP_FAILED_PROTOCOL:
    default:
        proa__ask_fail(c, ask, PROA_OUTCOME_PROTOCOL);
        break;
    }
}

/* What a stranger's plain request brought: nothing of it is authenticated, so it is shown, and at
 * most chooses among our own servers. */
static void probed(proa_c2c *c, proa__ask *ask, const proa_coap_event *event)
{
    proa_span uri;
    ask->request = 0;
    if (event->kind == PROA_COAP_EVENT_RESPONSE && event->msg.code == PROA_COAP_UNAUTHORIZED &&
        proa_hint_parse(event->msg.payload, &uri) == PROA_OK) {
        uint16_t server = proa__client_server_by_uri(c->client, uri);
        proa__ask_tell(c, ask, PROA_C2C_HINT, server, uri);
        ask->server = ask->server == 0 ? server : ask->server;
    }
    again(c, ask);
}

static proa__ask *find_ask(proa_c2c *c, proa_c2c_id id)
{
    for (uint16_t i = 0; i < c->limits.ask_max; i++) {
        if (c->asker->asks[i].state != PROA__ASK_FREE && c->asker->asks[i].id == id) {
            return &c->asker->asks[i];
        }
    }
    return NULL;
}

static void ask_event(proa_c2c *c, proa__ask *ask, const proa_coap_event *event)
{
    if (event->kind == PROA_COAP_EVENT_FAILED) {
        request_failed(c, ask, event->failure);
    } else if (ask->state == PROA__ASK_HELD) {
        notified(c, ask, event);
    } else if (PROA_COAP_CLASS(event->msg.code) == 2) {
        succeed(c, ask, event);
    } else {
        refuse(c, ask, &event->msg);
    }
}

static void coap_event(proa_c2c *c, const proa_coap_event *event)
{
    unsigned what = (unsigned)(event->user >> 32) & 0xff;
    proa__ask *ask = find_ask(c, (proa_c2c_id)event->user);
    if (what == PROA__FOR_AC) {
        proa__ac_event(c, event);
    } else if (ask == NULL || ask->request != event->request) {
        return; /* forgotten in the meantime */
    } else if (what == PROA__FOR_PROBE) {
        probed(c, ask, event);
    } else {
        ask_event(c, ask, event);
    }
}

/* ---- time ------------------------------------------------------------------------------- */

/* A request that is not answered: the session may be dead. A handshake beside it tells. */
static void look_at_sent(proa_c2c *c, proa__ask *ask)
{
    proa__key *key = proa__c2c_key(c, ask->account);
    ask->resume_ms = c->now_ms + PROA__LOOK_MS;
    if (key != NULL && key->session != 0 && !key->suspect &&
        proa_coap_transmissions(proa__client_coap(c->client), ask->request) >=
            PROA__DEAD_TRANSMISSIONS) {
        /* If it cannot be opened now, the request still has its own time. */
        key->suspect = proa__c2c_connect(c, key) == PROA_OK;
    }
}

static void refresh(proa_c2c *c, proa__ask *ask)
{
    forget_request(c, ask, false);
    ask->deadline_ms = c->now_ms + TIMEOUT_DEFAULT_MS;
    proa__ask_go(c, ask);
}

static void run_ask(proa_c2c *c, proa__ask *ask)
{
    if (ask->state == PROA__ASK_FREE) {
        return;
    }
    if (ask->state == PROA__ASK_HELD) {
        if (ask->resume_ms <= c->now_ms) {
            refresh(c, ask);
        }
        return;
    }
    if (ask->deadline_ms <= c->now_ms) {
        proa__answer answer = ask->late;
        proa__ask_finish(c, ask, &answer);
        return;
    }
    if (ask->state == PROA__ASK_CONNECT && ask->account == 0) {
        proa__ask_go(c, ask);
    } else if (ask->state == PROA__ASK_PAUSE && ask->resume_ms <= c->now_ms) {
        ask->state = ask->after;
        if (ask->state == PROA__ASK_CONNECT) {
            proa__ask_go(c, ask);
        }
    } else if (ask->state == PROA__ASK_SENT && ask->resume_ms <= c->now_ms) {
        look_at_sent(c, ask);
    }
}

static void run(proa_c2c *c)
{
    for (uint16_t i = 0; i < c->limits.ask_max; i++) {
        run_ask(c, &c->asker->asks[i]);
    }
    proa__ac_run(c);
}

static uint64_t min_ms(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t next_ms(const proa_c2c *c)
{
    uint64_t next = proa__ac_next_ms(c);
    for (uint16_t i = 0; i < c->limits.ask_max; i++) {
        const proa__ask *ask = &c->asker->asks[i];
        switch (ask->state) {
        case PROA__ASK_FREE:
            break;
        case PROA__ASK_HELD:
            next = min_ms(next, ask->resume_ms);
            break;
        case PROA__ASK_PAUSE:
        case PROA__ASK_SENT:
            next = min_ms(next, min_ms(ask->resume_ms, ask->deadline_ms));
            break;
        case PROA__ASK_PROBE:
        case PROA__ASK_WANT:
        case PROA__ASK_ASKED:
        case PROA__ASK_CONNECT:
        default:
            next = min_ms(next, ask->deadline_ms);
            break;
        }
    }
    return next;
}

/* ---- open, close ------------------------------------------------------------------------ */

static uint32_t count(const proa_c2c *c)
{
    uint32_t asks = 0;
    for (uint16_t i = 0; i < c->limits.ask_max; i++) {
        asks += c->asker->asks[i].state != PROA__ASK_FREE ? 1 : 0;
    }
    return asks;
}

static void close_asker(proa_c2c *c)
{
    size_t len = sizeof(proa__ask) * c->limits.ask_max;
    proa_wipe(c->asker->asks, len);
    if (c->memory.give != NULL) {
        c->memory.give(c->memory.ctx, c->asker->asks, len);
        c->memory.give(c->memory.ctx, c->asker, sizeof(*c->asker));
    }
}

static const proa__requester requester = {
    .coap_event = coap_event,
    .connected = connected,
    .connect_failed = connect_failed,
    .account_gone = account_gone,
    .run = run,
    .next_ms = next_ms,
    .count = count,
    .close = close_asker,
};

proa_err proa_c2c_open(proa_c2c **out, proa_client *client, const proa_c2c_limits *limits)
{
    const proa_client_config *config = proa__client_config(client);
    const proa_memory *memory = &config->memory;
    size_t len = sizeof(proa__ask) * limits->ask_max;
    *out = NULL;
    /* Each question has at most one request under way, for as long as it observes. Those of the
     * registrations come on top, or a device full of observations could never register again. */
    if (limits->ask_max == 0 || limits->ask_max > PROA_C2C_ASKS_MAX ||
        config->coap.request_max < (uint32_t)limits->ask_max + config->server_max) {
        return PROA_E_RANGE;
    }
    proa__asker *asker = memory->take(memory->ctx, sizeof(*asker));
    proa__ask *asks = asker == NULL ? NULL : memory->take(memory->ctx, len);
    proa_err err = asks == NULL ? PROA_E_NO_MEMORY : proa_c2c_host_open(out, client, limits);
    if (err != PROA_OK) {
        if (asks != NULL && memory->give != NULL) {
            memory->give(memory->ctx, asks, len);
        }
        if (asker != NULL && memory->give != NULL) {
            memory->give(memory->ctx, asker, sizeof(*asker));
        }
        return err;
    }
    asker->asks = asks;
    (*out)->asker = asker;
    (*out)->requester = &requester;
    return PROA_OK;
}

/* ---- asking ----------------------------------------------------------------------------- */

static proa_err check(const proa_c2c_ask *ask)
{
    if (ask->endpoint.len == 0 || !proa__request_possible(ask->op, &ask->path) ||
        (ask->rights & ~PROA_RIGHTS_ALL) != 0) {
        return PROA_E_RANGE;
    }
    return ask->endpoint.len > PROA_ENDPOINT_MAX || ask->payload.len > PROA_C2C_PAYLOAD_MAX ||
                   ask->probe_uri.len >= PROA_URI_MAX
               ? PROA_E_TOO_LARGE
               : PROA_OK;
}

/* A free place whose last events are sure to find theirs: two for each question. */
static proa__ask *take(proa_c2c *c)
{
    proa__ask *free_ask = NULL;
    unsigned pending = c->finals;
    for (uint16_t i = 0; i < c->limits.ask_max; i++) {
        proa__ask *ask = &c->asker->asks[i];
        if (ask->state == PROA__ASK_FREE) {
            free_ask = free_ask == NULL ? ask : free_ask;
        } else {
            pending += ask->told ? 1 : 2;
        }
    }
    return pending + 2 <= 2U * c->limits.ask_max ? free_ask : NULL;
}

static void copy(proa__ask *to, const proa_c2c_ask *from)
{
    to->user = from->user;
    to->op = from->op;
    to->path = from->path;
    to->format = from->format;
    to->server = from->server;
    to->wait = from->wait;
    to->rights = (uint8_t)(from->rights | proa_operation_right(from->op));
    to->endpoint_len = (uint8_t)from->endpoint.len;
    memcpy(to->endpoint, from->endpoint.data, from->endpoint.len);
    if (from->payload.len > 0) {
        to->payload_len = (uint16_t)from->payload.len;
        memcpy(to->payload, from->payload.data, from->payload.len);
    }
    if (from->attributes != NULL) {
        to->has_attributes = true;
        to->attributes = *from->attributes;
    }
    if (from->probe && from->probe_uri.len > 0) {
        to->probe_uri_len = (uint8_t)from->probe_uri.len;
        memcpy(to->probe_uri, from->probe_uri.data, from->probe_uri.len);
    }
}

/* Where a probe goes: what the application says, else where the account says the peer is. */
static bool probe_address(proa_c2c *c, const proa__ask *ask, proa_addr *to)
{
    const proa__key *key = proa__c2c_key_of(c, proa__ask_endpoint(ask));
    proa_span text = proa_span_make(ask->probe_uri, ask->probe_uri_len);
    proa_uri uri;
    if (text.len == 0 && key != NULL) {
        text = proa__row_text(&key->row, PROA__KEY_URI);
    }
    memset(to, 0, sizeof(*to));
    if (text.len == 0 || proa_uri_parse(text, &uri) != PROA_OK ||
        proa_uri_addr(&uri, to) != PROA_OK || proa_addr_is_multicast(to)) {
        return false;
    }
    to->port = uri.port;
    return true;
}

proa_err proa_c2c_send(proa_c2c *c, uint64_t now_ms, const proa_c2c_ask *question, proa_c2c_id *id)
{
    proa_addr to;
    PROA_ASSERT(c->asker != NULL);
    proa__c2c_tick(c, now_ms);
    proa_err err = check(question);
    if (err != PROA_OK) {
        return err;
    }
    proa__ask *ask = take(c);
    if (ask == NULL) {
        return PROA_E_FULL;
    }
    memset(ask, 0, sizeof(*ask));
    copy(ask, question);
    do {
        c->asker->last_id++;
    } while (c->asker->last_id == 0 || find_ask(c, c->asker->last_id) != NULL);
    ask->id = c->asker->last_id;
    ask->deadline_ms =
        c->now_ms + (question->timeout_ms == 0 ? TIMEOUT_DEFAULT_MS : question->timeout_ms);
    ask->late = (proa__answer){.outcome = PROA_OUTCOME_TIMEOUT};
    if (question->probe && probe_address(c, ask, &to) &&
        proa__request_probe(c, ask, &to) == PROA_OK) {
        ask->state = PROA__ASK_PROBE;
    } else {
        ask->state = PROA__ASK_CONNECT; /* with run */
    }
    c->dirty = true;
    *id = ask->id;
    return PROA_OK;
}

void proa_c2c_cancel(proa_c2c *c, uint64_t now_ms, proa_c2c_id id)
{
    PROA_ASSERT(c->asker != NULL);
    proa__c2c_tick(c, now_ms);
    proa__ask *ask = find_ask(c, id);
    if (ask != NULL) {
        forget_request(c, ask, ask->state == PROA__ASK_HELD);
        proa_wipe(ask, sizeof(*ask));
        c->dirty = true;
    }
    proa__c2c_unpost(c, id);
}
