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
 * learns that from our registration, so a little later the same question has another answer. Or a
 * newer key has taken over, and its URI is still to come. */
#define MISSING_RETRY_MS 3000U
#define TRIES_MAX 5U

/* Longer is nobody asked to wait, whatever Max-Age says. */
#define RETRY_MAX_S 3600U

/* A quiet observation is asked for again after so long, or after two of its maximum periods: the
 * host may have lost it with a reboot, and would not know. */
#define REFRESH_MS 3600000U

proa__ask *proa__ask_in(const proa_c2c *c, proa__ask_state state, const proa__ask *after)
{
    proa__ask *ask = proa__ask_after(c, after);
    while (ask != NULL && ask->state != state) {
        ask = proa__ask_after(c, ask);
    }
    return ask;
}

/* ---- ends ------------------------------------------------------------------------------- */

static void forget_before(proa_c2c *c, proa__ask *ask)
{
    if (ask->before != 0) {
        proa_coap_cancel(proa__client_coap(c->client), c->now_ms, ask->before, false);
        ask->before = 0;
    }
}

static void forget_request(proa_c2c *c, proa__ask *ask, bool tell)
{
    if (ask->request != 0) {
        proa_coap_cancel(proa__client_coap(c->client), c->now_ms, ask->request, tell);
        ask->request = 0;
    }
    forget_before(c, ask);
}

static void post(proa_c2c *c, const proa__ask *ask, proa_c2c_event *event)
{
    event->id = ask->row.instance;
    event->user = ask->user;
    event->path = ask->path;
    event->endpoint = proa__ask_endpoint(ask);
    event->elapsed_ms = ask->ac_ms == 0 ? 0 : (uint32_t)(c->now_ms - ask->ac_ms);
    (void)proa__c2c_post(c, event);
}

void proa__ask_tell(proa_c2c *c, const proa__ask *ask, proa_c2c_event_kind kind, uint16_t short_id,
                    const proa_span *text)
{
    proa_c2c_event event = {.kind = kind, .short_id = short_id, .format = PROA_FORMAT_NONE};
    if (text != NULL) {
        event.text = *text;
    }
    post(c, ask, &event);
}

/* Tell the verdict, and what the message brought. */
static void tell_verdict(proa_c2c *c, const proa__ask *ask, proa_c2c_event_kind kind,
                         const proa_coap_msg *m)
{
    proa_c2c_event event = {
        .kind = kind,
        .outcome = ask->verdict.outcome,
        .code = ask->verdict.code,
        .via_server = ask->verdict.via_server,
        .err = ask->verdict.err,
        .retry_ms = ask->verdict.retry_ms,
        .observing = kind == PROA_C2C_NOTIFICATION ||
                     (kind == PROA_C2C_OUTCOME && ask->state == PROA__ASK_HELD),
        .format = PROA_FORMAT_NONE,
    };
    if (m != NULL && m->payload.len > 0 && !event.via_server) {
        event.payload = m->payload;
        event.format =
            (uint16_t)proa_coap_option_uint(m, PROA_COAP_OPT_CONTENT_FORMAT, PROA_FORMAT_NONE);
    }
    post(c, ask, &event);
}

void proa__ask_late(proa__ask *ask, proa_outcome outcome, bool via_server, proa_err err)
{
    ask->verdict = (proa__verdict){outcome, 0, via_server, err, 0};
}

static void forget(proa_c2c *c, proa__ask *ask)
{
    proa__row_free(&c->tables[PROA__ASKS], &ask->row);
    c->dirty = true;
}

void proa__ask_end(proa_c2c *c, proa__ask *ask, const proa_coap_msg *m)
{
    tell_verdict(c, ask, ask->told ? PROA_C2C_OBSERVE_END : PROA_C2C_OUTCOME, m);
    forget_request(c, ask, false);
    forget(c, ask);
}

void proa__ask_fail(proa_c2c *c, proa__ask *ask, proa_outcome outcome, bool via_server,
                    proa_err err)
{
    proa__ask_late(ask, outcome, via_server, err);
    proa__ask_end(c, ask, NULL);
}

void proa__ask_judge(proa__ask *ask, proa_outcome outcome, bool via_server, const proa_coap_msg *m)
{
    proa__ask_late(ask, outcome, via_server, PROA_OK);
    ask->verdict.code = m->code;
    if (outcome == PROA_OUTCOME_PENDING || outcome == PROA_OUTCOME_BUSY ||
        outcome == PROA_OUTCOME_HOST_OFFLINE) {
        /* RFC 7252 §5.10.5: 60 s if it is not there. */
        uint32_t seconds = proa_coap_option_uint(m, PROA_COAP_OPT_MAX_AGE, 60);
        ask->verdict.retry_ms = (seconds < RETRY_MAX_S ? seconds : RETRY_MAX_S) * 1000;
    }
}

/* One that ends in our own tables. */
static void fail_local(proa_c2c *c, proa__ask *ask, proa_err err)
{
    proa__ask_fail(c, ask, PROA_OUTCOME_LOCAL, false, err);
}

static void fail(proa_c2c *c, proa__ask *ask, proa_outcome outcome)
{
    proa__ask_fail(c, ask, outcome, false, PROA_OK);
}

void proa__ask_pause(proa_c2c *c, proa__ask *ask, uint32_t ms, proa__ask_state after)
{
    ask->state = PROA__ASK_PAUSE;
    ask->after = after;
    ask->resume_ms = c->now_ms + ms;
    c->dirty = true;
}

/* ---- towards the peer ------------------------------------------------------------------- */

/* Begin anew with what there is now; bounded, so that nothing goes round for ever. */
static void again(proa_c2c *c, proa__ask *ask)
{
    proa__ask_late(ask, PROA_OUTCOME_UNREACHABLE, false, PROA_OK);
    if (ask->tries++ >= TRIES_MAX) {
        proa__ask_end(c, ask, NULL);
        return;
    }
    ask->state = PROA__ASK_CONNECT;
    ask->account = 0;
    c->dirty = true; /* run goes on with it: nothing is sent from within a callback of the peer */
}

/* The same for one that may have been sent: then it may have been done, too. */
static void send_again(proa_c2c *c, proa__ask *ask)
{
    if (ask->state == PROA__ASK_SENT && !proa__request_repeatable(ask->op)) {
        fail(c, ask, PROA_OUTCOME_TIMEOUT);
        return;
    }
    if (ask->told) {
        ask->deadline_ms = c->now_ms + TIMEOUT_DEFAULT_MS;
    }
    again(c, ask);
}

static void want(proa_c2c *c, proa__ask *ask)
{
    ask->state = PROA__ASK_WANT;
    proa__ask_late(ask, PROA_OUTCOME_TIMEOUT, true, PROA_OK);
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
    proa__ask_late(ask, PROA_OUTCOME_LOCAL, false, PROA_E_FULL);
    proa__ask_pause(c, ask, FULL_RETRY_MS, PROA__ASK_CONNECT);
}

/* What came of an attempt to send or to connect; PROA_OK is good. */
static void attempted(proa_c2c *c, proa__ask *ask, proa_err err)
{
    if (err == PROA_E_FULL) {
        full(c, ask);
    } else if (err != PROA_OK) {
        fail_local(c, ask, err);
    }
}

static void send_request(proa_c2c *c, proa__ask *ask, const proa__key *key,
                         const proa_coap_peer *to)
{
    if (!ask->connected_told && !ask->told) {
        ask->connected_told = true;
        proa__ask_tell(c, ask, PROA_C2C_CONNECTED, (uint16_t)key->short_id, NULL);
    }
    ask->state = PROA__ASK_SENT;
    proa__ask_late(ask, PROA_OUTCOME_TIMEOUT, false, PROA_OK);
    ask->resume_ms = c->now_ms + PROA__LOOK_MS;
    c->dirty = true;
    attempted(c, ask, proa__request_send(c, ask, to, PROA__FOR_ASK));
}

static void connect(proa_c2c *c, proa__ask *ask, proa__key *key)
{
    proa_err err = proa__c2c_connect(c, key);
    proa__ask_late(ask, PROA_OUTCOME_UNREACHABLE, false, PROA_OK);
    if (err != PROA_E_NOT_FOUND) {
        attempted(c, ask, err);
    } else if (ask->told && ask->tries++ < TRIES_MAX) {
        /* The peer was faster with the newer key than the server with its URI: docs/C2C.md §7. */
        proa__ask_pause(c, ask, MISSING_RETRY_MS, PROA__ASK_CONNECT);
    } else if (ask->ac_ms == 0) {
        /* So far it was the peer that called. The server knows where it is, and says so when it
         * gives us rights there, which it has not yet done. */
        want(c, ask);
    } else {
        proa__ask_end(c, ask, NULL);
    }
}

/* No account: ask for one, if that was not just done. */
static void go_without(proa_c2c *c, proa__ask *ask)
{
    if (ask->ac_ms == 0) {
        want(c, ask);
        return;
    }
    proa__ask_late(ask, PROA_OUTCOME_PROTOCOL, true, PROA_OK);
    if (ask->tries++ < TRIES_MAX) {
        proa__ask_pause(c, ask, MISSING_RETRY_MS, PROA__ASK_WANT);
    } else {
        proa__ask_end(c, ask, NULL);
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
    proa_coap_peer to;
    if (proa__c2c_way(c, key, &to)) {
        send_request(c, ask, key, &to);
    } else {
        connect(c, ask, key);
    }
}

/* ---- what happens to a key -------------------------------------------------------------- */

/* For each question that is bound to a key. */
static void each_of_key(proa_c2c *c, const proa__key *key,
                        void (*act)(proa_c2c *c, proa__ask *ask, unsigned argument),
                        unsigned argument)
{
    proa__ask *ask = NULL;
    while ((ask = proa__ask_after(c, ask)) != NULL) {
        if (proa_account_kind(ask->account) == PROA_ACCOUNT_KIND_PEER &&
            proa_account_instance(ask->account) == key->row.instance) {
            act(c, ask, argument);
        }
    }
}

/* Requests under way: they share the places of CoAP with those of the registrations. */
static uint32_t count_requests(const proa_c2c *c)
{
    uint32_t count = 0;
    const proa__ask *ask = NULL;
    while ((ask = proa__ask_after(c, ask)) != NULL) {
        count += ask->request != 0 ? 1 : 0;
        count += ask->before != 0 ? 1 : 0;
    }
    return count;
}

/* An observation by the older key ends when the host sees the new one used, and nothing is to be
 * missed: so it is asked for again at once, and speaks until that is answered. */
static void key_came(proa_c2c *c, const proa__key *key)
{
    const proa__peer *peer = proa__c2c_live(c, key);
    uint32_t places = c->config->coap.request_max - c->config->server_max;
    if (peer == NULL || proa__c2c_key_of(c, proa__c2c_endpoint(peer)) != key) {
        return; /* it has no way yet: the older one stays in use */
    }
    proa__ask *ask = NULL;
    while ((ask = proa__ask_in(c, PROA__ASK_HELD, ask)) != NULL) {
        const proa__key *old = proa__c2c_key(c, ask->account);
        if (old == NULL || old == key || old->short_id != key->short_id) {
            continue;
        }
        forget_before(c, ask);
        if (count_requests(c) < places) {
            ask->before = ask->request;
            ask->request = 0;
        } else {
            forget_request(c, ask, false);
        }
        ask->deadline_ms = c->now_ms + TIMEOUT_DEFAULT_MS;
        proa__ask_go(c, ask);
    }
}

static void go_on(proa_c2c *c, proa__ask *ask, unsigned argument)
{
    (void)argument;
    if (ask->state == PROA__ASK_CONNECT) {
        proa__ask_go(c, ask);
    }
}

static void connected(proa_c2c *c, proa__key *key)
{
    each_of_key(c, key, go_on, 0);
}

/* A handshake that failed was not authenticated: it may make us ask the server, once. */
static void go_off(proa_c2c *c, proa__ask *ask, unsigned reason)
{
    bool refused = reason == PROA_SECURE_REASON_HANDSHAKE;
    if (ask->state == PROA__ASK_SENT) {
        /* The session seemed dead, and the handshake beside it was refused: perhaps the host has
         * lost the key. The request is sent again if that does no harm. */
        if (refused && proa__request_repeatable(ask->op)) {
            (void)reask(c, ask);
        }
    } else if (ask->state != PROA__ASK_CONNECT) {
        return;
    } else if (reason == PROA_SECURE_REASON_RESOURCES || reason == PROA_SECURE_REASON_EVICTED) {
        full(c, ask);
    } else if (!refused || !reask(c, ask)) {
        fail(c, ask, PROA_OUTCOME_UNREACHABLE);
    }
}

static void connect_failed(proa_c2c *c, proa__key *key, proa_secure_reason reason)
{
    each_of_key(c, key, go_off, (unsigned)reason);
}

static void lose(proa_c2c *c, proa__ask *ask, unsigned why)
{
    if (ask->state != PROA__ASK_CONNECT && ask->state != PROA__ASK_SENT &&
        ask->state != PROA__ASK_HELD) {
        return;
    }
    forget_request(c, ask, false);
    if (proa__c2c_key_of(c, proa__ask_endpoint(ask)) != NULL) {
        send_again(c, ask); /* its account was replaced by another one */
    } else {
        fail(c, ask, why == PROA_OUTCOME_OK ? PROA_OUTCOME_REVOKED : (proa_outcome)why);
    }
}

static void account_gone(proa_c2c *c, const proa__key *key, proa_outcome why)
{
    each_of_key(c, key, lose, (unsigned)why);
}

/* ---- from the peer ---------------------------------------------------------------------- */

/* It answered with a value, or sent a new one. */
static void succeed(proa_c2c *c, proa__ask *ask, const proa_coap_event *event)
{
    proa__key *key = proa__c2c_key(c, ask->account);
    if (key != NULL) {
        key->suspect = false;
        proa__c2c_used(c, key, false);
        proa__ac_note_served(c, ask);
    }
    c->dirty = true;
    proa__ask_judge(ask, PROA_OUTCOME_OK, false, &event->msg);
    if (ask->state != PROA__ASK_HELD && !event->observing) {
        ask->request = 0;
        proa__ask_end(c, ask, &event->msg);
        return;
    }
    forget_before(c, ask);
    ask->state = PROA__ASK_HELD;
    ask->tries = 0;
    ask->reasked = false;
    /* How long it may be quiet. */
    ask->resume_ms =
        c->now_ms +
        (ask->pmax_s > 0 && ask->pmax_s < REFRESH_MS / 2000 ? ask->pmax_s * 2000 : REFRESH_MS);
    /* One that is asked for again never was away, to the application. */
    tell_verdict(c, ask, ask->told ? PROA_C2C_NOTIFICATION : PROA_C2C_OUTCOME, &event->msg);
    ask->told = true;
}

/* The same by the older key, while the new one is waited for. If that ends, nothing is lost yet. */
static void old_speaks(proa_c2c *c, proa__ask *ask, const proa_coap_event *event)
{
    if (event->kind == PROA_COAP_EVENT_NOTIFICATION && PROA_COAP_CLASS(event->msg.code) == 2) {
        proa__verdict verdict = ask->verdict;
        proa__ask_judge(ask, PROA_OUTCOME_OK, false, &event->msg);
        tell_verdict(c, ask, PROA_C2C_NOTIFICATION, &event->msg);
        ask->verdict = verdict;
    } else if (event->kind != PROA_COAP_EVENT_UNPROTECTED) {
        ask->before = 0;
    }
}

/* What the code of a host that let us in means for the application: docs/C2C.md §8. */
static proa_outcome outcome_of(uint8_t code)
{
    switch (code) {
    case PROA_COAP_UNAUTHORIZED:
    case PROA_COAP_FORBIDDEN:
        return PROA_OUTCOME_DENIED;
    case PROA_COAP_NOT_FOUND:
        return PROA_OUTCOME_NO_SUCH_PATH;
    case PROA_COAP_TOO_MANY_REQUESTS:
    case PROA_COAP_SERVICE_UNAVAILABLE:
        return PROA_OUTCOME_BUSY;
    default:
        return PROA_OUTCOME_REFUSED;
    }
}

static void refuse(proa_c2c *c, proa__ask *ask, const proa_coap_msg *m)
{
    proa_outcome outcome = outcome_of(m->code);
    proa_span uri;
    ask->request = 0;
    if (m->code == PROA_COAP_UNAUTHORIZED) {
        /* What was granted and then taken is not asked for again. */
        bool taken = ask->state == PROA__ASK_HELD;
        if (ask->server == 0 && proa_hint_parse(m->payload, &uri) == PROA_OK) {
            ask->server = proa__client_server_by_uri(c->client, uri);
        }
        if (!taken && reask(c, ask)) {
            return;
        }
        outcome = ask->told ? PROA_OUTCOME_REVOKED : outcome;
    }
    proa__ask_judge(ask, outcome, false, m);
    proa__ask_end(c, ask, m);
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
    send_again(c, ask);
}

/* OSCORE keys that can no longer be used: the store that knows their numbers was lost. The account
 * goes, the server hears of it, and gives another. */
static void keys_lost(proa_c2c *c, proa__ask *ask)
{
    proa__key *key = proa__c2c_key(c, ask->account);
    if (key != NULL) {
        proa__c2c_remove(&c->tables[PROA__KEYS], &key->row, PROA_OUTCOME_OK);
    }
    send_again(c, ask);
}

/* Somebody says, without protection, that the keys are unknown. If that is the peer, the server has
 * to know; and to ask it once does no harm. */
static void keys_refused(proa_c2c *c, proa__ask *ask, const proa_coap_msg *m)
{
    if (m->code == PROA_COAP_UNAUTHORIZED && ask->state == PROA__ASK_SENT &&
        proa__request_repeatable(ask->op)) {
        (void)reask(c, ask);
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
        fail(c, ask, PROA_OUTCOME_TIMEOUT);
        break;
    case PROA_COAP_FAILED_TOO_LARGE:
        fail_local(c, ask, PROA_E_TOO_LARGE);
        break;
    case PROA_COAP_FAILED_FULL:
        fail_local(c, ask, PROA_E_FULL);
        break;
    case PROA_COAP_FAILED_KEYS:
        keys_lost(c, ask);
        break;
    case PROA_COAP_FAILED_STORE:
        fail_local(c, ask, PROA_E_IO);
        break;
    case PROA_COAP_FAILED_RESET:
    case PROA_COAP_FAILED_PROTOCOL:
    default:
        fail(c, ask, PROA_OUTCOME_PROTOCOL);
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
        proa__ask_tell(c, ask, PROA_C2C_HINT, server, &uri);
        ask->server = ask->server == 0 ? server : ask->server;
    }
    again(c, ask);
}

static proa__ask *find_ask(proa_c2c *c, proa_c2c_id id)
{
    return (proa__ask *)proa__row_find(&c->tables[PROA__ASKS], id);
}

static void coap_event(proa_c2c *c, const proa_coap_event *event)
{
    unsigned what = (unsigned)(event->user >> 32) & 0xff;
    proa__ask *ask = find_ask(c, (proa_c2c_id)event->user);
    if (what == PROA__FOR_AC) {
        proa__ac_event(c, event);
    } else if (ask != NULL && ask->before == event->request) {
        old_speaks(c, ask, event);
    } else if (ask == NULL || ask->request != event->request) {
        return; /* forgotten in the meantime */
    } else if (what == PROA__FOR_PROBE) {
        probed(c, ask, event);
    } else if (event->kind == PROA_COAP_EVENT_UNPROTECTED) {
        keys_refused(c, ask, &event->msg);
    } else if (event->kind == PROA_COAP_EVENT_FAILED) {
        request_failed(c, ask, event->failure);
    } else if (PROA_COAP_CLASS(event->msg.code) == 2) {
        succeed(c, ask, event);
    } else {
        refuse(c, ask, &event->msg);
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
    bool due = ask->resume_ms <= c->now_ms;
    if (ask->state != PROA__ASK_HELD && ask->deadline_ms <= c->now_ms) {
        proa__ask_end(c, ask, NULL);
        return;
    }
    switch (ask->state) {
    case PROA__ASK_HELD:
        if (due) {
            refresh(c, ask);
        }
        break;
    case PROA__ASK_SENT:
        if (due) {
            look_at_sent(c, ask);
        }
        break;
    case PROA__ASK_PAUSE:
        if (!due) {
            break;
        }
        ask->state = ask->after;
        ask->account = 0;
        if (ask->state != PROA__ASK_CONNECT) {
            break;
        }
        /* fall through */
    case PROA__ASK_CONNECT:
        if (ask->account == 0) {
            proa__ask_go(c, ask);
        }
        break;
    default: /* waits for somebody else */
        break;
    }
}

/* When there is something to do for it, or its time is over. */
static uint64_t wakes_ms(const proa__ask *ask)
{
    bool resumes = ask->state == PROA__ASK_PAUSE || ask->state == PROA__ASK_SENT;
    return ask->state == PROA__ASK_HELD || (resumes && ask->resume_ms < ask->deadline_ms)
               ? ask->resume_ms
               : ask->deadline_ms;
}

static void run(proa_c2c *c)
{
    proa__ask *ask = NULL;
    while ((ask = proa__ask_after(c, ask)) != NULL) {
        run_ask(c, ask);
        proa__c2c_wake(c, wakes_ms(ask));
    }
    proa__ac_run(c);
}

/* ---- open ------------------------------------------------------------------------------- */

static const proa__kind ask_kind = {.row_len = sizeof(proa__ask)};

static const proa__requester requester = {
    .kind = &ask_kind,
    .coap_event = coap_event,
    .account_came = proa__ac_account_came,
    .key_came = key_came,
    .connected = connected,
    .connect_failed = connect_failed,
    .account_gone = account_gone,
    .run = run,
};

proa_err proa_c2c_open(proa_c2c **out, proa_client *client, const proa_c2c_limits *limits)
{
    const proa_client_config *config = proa__client_config(client);
    *out = NULL;
    /* Each question has at most one request under way, for as long as it observes. Those of the
     * registrations come on top, or a device full of observations could never register again. */
    if (limits->ask_max == 0 || limits->ask_max > PROA_C2C_ASKS_MAX ||
        config->coap.request_max < (uint32_t)limits->ask_max + config->server_max) {
        return PROA_E_RANGE;
    }
    return proa__c2c_open(out, client, limits, &requester);
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

/* A free place for a question of so many bytes, whose last events are sure to find theirs: two for
 * each question. */
static proa__ask *take(proa_c2c *c, size_t len)
{
    unsigned pending = c->finals + 2U;
    const proa__ask *ask = NULL;
    while ((ask = proa__ask_after(c, ask)) != NULL) {
        pending += ask->told ? 1 : 2;
        len += proa__row_texts_len(&ask->row);
    }
    bool fits = pending <= 2U * c->limits.ask_max && len <= PROA__ASKS_LEN(c->limits.ask_max);
    return fits ? (proa__ask *)proa__row_place(&c->tables[PROA__ASKS]) : NULL;
}

/* Where a probe goes: what the application says, else where the account says the peer is. */
static bool probe_address(proa_c2c *c, const proa__ask *ask, proa_span text, proa_addr *to)
{
    const proa__key *key = proa__c2c_key_of(c, proa__ask_endpoint(ask));
    proa_uri uri;
    if (text.len == 0 && key != NULL) {
        text = proa__row_text(&key->row, PROA__KEY_URI);
    }
    if (text.len == 0 || proa_uri_parse(text, &uri) != PROA_OK ||
        proa_uri_addr(&uri, to) != PROA_OK || proa_addr_is_multicast(to)) {
        return false;
    }
    to->port = uri.port;
    return true;
}

static void start(proa_c2c *c, proa__ask *ask, const proa_c2c_ask *question)
{
    proa_coap_peer to;
    memset(&to, 0, sizeof(to));
    ask->user = question->user;
    ask->op = question->op;
    ask->path = question->path;
    ask->format = question->format;
    ask->server = question->server;
    ask->wait = question->wait;
    ask->rights = (uint8_t)(question->rights | proa_operation_right(question->op));
    if (question->attributes != NULL && (question->attributes->set & PROA_ATTR_PMAX) != 0) {
        ask->pmax_s = question->attributes->pmax_s;
    }
    ask->deadline_ms =
        c->now_ms + (question->timeout_ms == 0 ? TIMEOUT_DEFAULT_MS : question->timeout_ms);
    proa__ask_late(ask, PROA_OUTCOME_TIMEOUT, false, PROA_OK);
    ask->state = PROA__ASK_CONNECT; /* with run */
    if (question->probe && probe_address(c, ask, question->probe_uri, &to.addr) &&
        proa__request_send(c, ask, &to, PROA__FOR_PROBE) == PROA_OK) {
        ask->state = PROA__ASK_PROBE;
    }
    c->dirty = true;
}

proa_err proa_c2c_send(proa_c2c *c, uint64_t now_ms, const proa_c2c_ask *question, proa_c2c_id *id)
{
    char attributes[PROA__ATTRIBUTES_MAX];
    proa_writer w = proa_writer_make(attributes, sizeof(attributes));
    PROA_ASSERT(c->requester != NULL);
    proa__c2c_tick(c, now_ms);
    if (question->attributes != NULL) {
        proa__request_attributes(&w, question->attributes);
    }
    proa_err err = check(question);
    if (err != PROA_OK || w.err != PROA_OK) {
        return err != PROA_OK ? err : PROA_E_TOO_LARGE;
    }
    do {
        c->last_id++;
    } while (c->last_id == 0 || find_ask(c, c->last_id) != NULL);
    const proa_span texts[PROA__TEXTS_MAX] = {
        [PROA__ASK_ENDPOINT] = question->endpoint,
        [PROA__ASK_PAYLOAD] = question->payload,
        [PROA__ASK_ATTRIBUTES] = proa_writer_span(&w),
    };
    proa__ask *ask = take(c, question->endpoint.len + question->payload.len + w.len);
    if (ask == NULL || !proa__row_fill(&c->tables[PROA__ASKS], &ask->row, c->last_id, texts)) {
        return PROA_E_FULL;
    }
    start(c, ask, question);
    *id = ask->row.instance;
    return PROA_OK;
}

void proa_c2c_cancel(proa_c2c *c, uint64_t now_ms, proa_c2c_id id)
{
    PROA_ASSERT(c->requester != NULL);
    proa__c2c_tick(c, now_ms);
    proa__ask *ask = find_ask(c, id);
    if (ask != NULL) {
        forget_request(c, ask, ask->state == PROA__ASK_HELD);
        forget(c, ask);
    }
    proa__c2c_unpost(c, id);
}
