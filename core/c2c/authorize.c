/* SPDX-License-Identifier: Apache-2.0 */
/* Asking the server: POST /ac (docs/C2C.md §5).
 *
 * Truths kept here: one /ac of this device is under way at a time, and it carries what all waiting
 * questions want from that host; a server's answer is for those questions only; what was granted is
 * asked for again from half of its lifetime on, while it is in use.
 *
 * A 2.01 says that the accounts are in place: they came as writes before it, those of the host
 * first. So a question goes on as soon as its account is here (docs/C2C.md §5), and the answer, good or
 * bad, then only makes room for the next /ac. Keys never travel here. A refusal by a host leads to /ac
 * once per path and minute, whoever may have forged it. */
#include "core/c2c/ask_internal.h"

#include <string.h>

/* The server answers within 60 s, in a message of its own if need be; 10 s are for the way. */
#define AC_TIMEOUT_MS 70000U

/* A timeout before that is not the server's: the session to it changed under way. The wish is kept
 * under (requester, host, rights), so asking again does no harm. */
#define AC_SURELY_TIMEOUT_MS 45000U

#define AGAIN_S 60U
#define RETRY_MS 1000U
#define TRIES_MAX 5U

/* ---- what was asked --------------------------------------------------------------------- */

static proa__peer *peer_of(proa_c2c *c, proa_span endpoint)
{
    const proa__key *key = proa__c2c_key_of(c, endpoint);
    return key == NULL ? NULL : proa__c2c_peer(c, key->short_id);
}

/* The path of a question as the server is asked for it. */
static proa_ac_entry entry_of(const proa__ask *ask)
{
    proa_ac_entry entry = {ask->path.ids[0], PROA_ID_ALL, ask->rights};
    if (ask->path.depth > 1) {
        entry.instance = ask->path.ids[1];
    }
    return entry;
}

static bool is_recent(const proa_c2c *c, const proa__asked *asked)
{
    return asked->at_s != 0 && proa__c2c_now_s(c) - asked->at_s < AGAIN_S;
}

static bool is_free(const proa__asked *asked)
{
    return asked->rights == 0 && asked->granted == 0;
}

/* The place for an entry of this peer: its own, a free one, or the oldest. NULL without a peer. */
static proa__asked *place_for(proa_c2c *c, proa_span endpoint, const proa_ac_entry *entry)
{
    proa__peer *peer = peer_of(c, endpoint);
    proa__asked *place = NULL;
    for (size_t i = 0; peer != NULL && i < PROA_AC_ENTRIES_MAX; i++) {
        proa__asked *asked = &proa__asked_of(c, peer)[i];
        if (!is_free(asked) && asked->object == entry->object &&
            asked->instance == entry->instance) {
            return asked;
        }
        if (place == NULL || (!is_free(place) && (is_free(asked) || asked->at_s < place->at_s))) {
            place = asked;
        }
    }
    if (place != NULL) {
        *place = (proa__asked){0, entry->object, entry->instance, 0, 0};
    }
    return place;
}

/* Note that the server was asked for this now. */
static void note_asked(proa_c2c *c, proa_span endpoint, const proa_ac_entry *entry, bool granted)
{
    proa__asked *asked = place_for(c, endpoint, entry);
    if (asked != NULL) {
        bool just_now = is_recent(c, asked);
        asked->rights = (uint8_t)(entry->rights | (just_now ? asked->rights : 0));
        asked->granted |= granted ? entry->rights : 0;
        asked->at_s = proa__c2c_now_s(c);
    }
}

void proa__ac_note_served(proa_c2c *c, const proa__ask *ask)
{
    proa_ac_entry entry = entry_of(ask);
    proa__asked *asked = place_for(c, proa__ask_endpoint(ask), &entry);
    if (asked != NULL) {
        asked->granted |= entry.rights;
    }
}

bool proa__ac_may_ask_again(proa_c2c *c, const proa__ask *ask)
{
    const proa__peer *peer = peer_of(c, proa__ask_endpoint(ask));
    proa_ac_entry entry = entry_of(ask);
    size_t recent = 0;
    for (size_t i = 0; peer != NULL && i < PROA_AC_ENTRIES_MAX; i++) {
        const proa__asked *asked = &proa__asked_of(c, peer)[i];
        bool just_now = is_recent(c, asked);
        if (just_now && asked->object == entry.object && asked->instance == entry.instance &&
            (entry.rights & ~asked->rights) == 0) {
            return false;
        }
        recent += just_now ? 1 : 0;
    }
    return recent < PROA_AC_ENTRIES_MAX;
}

/* ---- sending ---------------------------------------------------------------------------- */

static proa_err post(proa_c2c *c, const proa_coap_peer *to)
{
    proa__ac *ac = &c->ac;
    uint8_t body[PROA_AC_BODY_LEN_MAX];
    uint8_t query[3 + PROA_ENDPOINT_MAX];
    const uint8_t cbor = PROA_FORMAT_CBOR;
    proa_writer w = proa_writer_make(body, sizeof(body));
    proa_writer q = proa_writer_make(query, sizeof(query));
    proa_err err = proa_ac_body_write(&w, &ac->body);
    proa_write_text(&q, "ep=");
    proa_write_bytes(&q, ac->endpoint, ac->endpoint_len);
    if (err != PROA_OK) {
        return err;
    }
    const proa_coap_option options[] = {
        {PROA_COAP_OPT_URI_PATH, proa_span_of("ac")},
        {PROA_COAP_OPT_CONTENT_FORMAT, {&cbor, 1}},
        {PROA_COAP_OPT_URI_QUERY, proa_writer_span(&q)},
        {PROA_COAP_OPT_URI_QUERY, proa_span_of("c")},
    };
    const proa_coap_request request = {
        .code = PROA_COAP_POST,
        .repeatable = true, /* it joins what the first one began */
        .options = options,
        .option_count = sizeof(options) / sizeof(options[0]),
        .payload = proa_writer_span(&w),
        .user = proa__ask_user(PROA__FOR_AC, 0),
        .timeout_ms = AC_TIMEOUT_MS,
    };
    return proa_coap_send(proa__client_coap(c->client), c->now_ms, to, &request, &ac->request);
}

static void begin(proa_c2c *c, uint16_t server, proa_span endpoint)
{
    proa__ac *ac = &c->ac;
    const proa__key *key = proa__c2c_key_of(c, endpoint);
    memset(ac, 0, sizeof(*ac));
    ac->server = server;
    ac->account = key == NULL ? 0 : proa__c2c_account(key);
    ac->endpoint_len = (uint8_t)endpoint.len;
    memcpy(ac->endpoint, endpoint.data, endpoint.len);
}

static bool send_or_retry(proa_c2c *c, const proa_coap_peer *to)
{
    proa__ac *ac = &c->ac;
    c->dirty = true;
    ac->open = post(c, to) == PROA_OK;
    ac->since_ms = c->now_ms;
    ac->look_ms = c->now_ms + PROA__LOOK_MS;
    ac->retry_ms = ac->open ? 0 : c->now_ms + RETRY_MS;
    c->stats.ac_sent += ac->open ? 1 : 0;
    return ac->open;
}

/* Everything that waits for the same host and server goes along, as far as it fits. Those that are
 * ASKED are those of the one /ac under way. */
static void join(proa_c2c *c, const proa__ask *first)
{
    proa__ask *ask = NULL;
    while ((ask = proa__ask_in(c, PROA__ASK_WANT, ask)) != NULL) {
        if (ask->server == first->server &&
            proa__row_text_is(&ask->row, PROA__ASK_ENDPOINT, proa__ask_endpoint(first))) {
            proa_ac_entry entry = entry_of(ask);
            if (proa_ac_body_add(&c->ac.body, entry.object, entry.instance, entry.rights) ==
                PROA_OK) {
                ask->state = PROA__ASK_ASKED;
            }
        }
    }
}

static void ask_for(proa_c2c *c, const proa__ask *first, uint16_t server, const proa_coap_peer *to)
{
    begin(c, server, proa__ask_endpoint(first));
    join(c, first);
    bool sent = send_or_retry(c, to);
    proa__ask *ask = NULL;
    while ((ask = proa__ask_in(c, PROA__ASK_ASKED, ask)) != NULL) {
        if (!sent) {
            ask->state = PROA__ASK_WANT;
            continue;
        }
        ask->ac_ms = ask->ac_ms == 0 ? c->now_ms : ask->ac_ms;
        proa__ask_late(ask, PROA_OUTCOME_TIMEOUT, true, PROA_OK);
        proa__ask_tell(c, ask, PROA_C2C_AUTHORIZING, server, NULL);
    }
}

/* ---- renewal ---------------------------------------------------------------------------- */

static bool held_on(const proa_c2c *c, const proa__peer *peer)
{
    const proa__ask *ask = NULL;
    while ((ask = proa__ask_in(c, PROA__ASK_HELD, ask)) != NULL &&
           !proa__row_text_is(&ask->row, PROA__ASK_ENDPOINT, proa__c2c_endpoint(peer))) {
    }
    return ask != NULL;
}

/* When this peer's grant is to be renewed, in seconds: from half of its lifetime on, or less than a second
 * before. PROA__NEVER_S if it is not ours or not in use. */
static uint32_t renewal_s(const proa_c2c *c, const proa__peer *peer)
{
    uint32_t half_s = peer->lifetime_s - peer->lifetime_s / 2;
    uint32_t left_s = proa__c2c_left_s(peer, c->now_ms);
    uint8_t asked = 0;
    for (size_t i = 0; i < PROA_AC_ENTRIES_MAX; i++) {
        asked |= proa__asked_of(c, peer)[i].granted;
    }
    if (peer->lifetime_s == 0 || peer->lifetime_new || asked == 0 || peer->used == 0 ||
        (proa__c2c_now_s(c) - peer->last_use_s > half_s && !held_on(c, peer))) {
        return PROA__NEVER_S;
    }
    uint32_t due_s = proa__c2c_after_s(c, left_s > half_s ? left_s - half_s : 0);
    return due_s > peer->renew_s ? due_s : peer->renew_s;
}

static void renew(proa_c2c *c, proa__peer *peer)
{
    proa__ac *ac = &c->ac;
    proa_coap_peer to;
    uint16_t server = (uint16_t)peer->row.owner; /* 0: this device itself, who is not asked */
    uint32_t again_s = peer->lifetime_s / 10;
    again_s = again_s < 5 ? 5 : again_s > 3600 ? 3600 : again_s;
    peer->renew_s = proa__c2c_after_s(c, again_s);
    c->dirty = true;
    if (server == 0 || proa__client_server_peer(c->client, &server, &to) != PROA_OK) {
        return;
    }
    begin(c, server, proa__c2c_endpoint(peer));
    for (size_t i = 0; i < PROA_AC_ENTRIES_MAX; i++) {
        const proa__asked *asked = &proa__asked_of(c, peer)[i];
        if (asked->granted != 0) {
            /* There are no more of them than places. */
            (void)!proa_ac_body_add(&ac->body, asked->object, asked->instance, asked->granted);
        }
    }
    (void)send_or_retry(c, &to);
}

/* ---- granted ---------------------------------------------------------------------------- */

static void granted(proa_c2c *c, proa__ask *ask)
{
    proa__ask_tell(c, ask, PROA_C2C_AUTHORIZED, c->ac.server, NULL);
    proa__ask_go(c, ask);
}

/* True if the server that was asked has made the account since, with a way to the host. It gave the
 * host what belongs to it before. */
static bool is_installed(proa_c2c *c)
{
    const proa__ac *ac = &c->ac;
    const proa__key *key = proa__c2c_key_of(c, proa_span_make(ac->endpoint, ac->endpoint_len));
    return c->limits.compact != NULL && key != NULL && proa__c2c_account(key) != ac->account &&
           key->row.owner == ac->server && key->row.text_len[PROA__KEY_URI] > 0;
}

/* Nobody waits for the answer who need not. What was asked for is noted when it comes: until then a
 * host that refuses may do so because it was too early, and the server is asked again. */
static void go_early(proa_c2c *c)
{
    proa__ask *ask = NULL;
    while ((ask = proa__ask_in(c, PROA__ASK_ASKED, ask)) != NULL && is_installed(c)) {
        granted(c, ask);
    }
}

/* The answer to that Create, and the server's to /ac behind it, would meet the question's own messages on
 * the radio, and one of a handshake that is lost costs a second. So they wait until the question has
 * what it wants, but not until the engine has to say that the answer comes later (RFC 7252 §5.2.2). */
#define ANSWER_MS 1000U

bool proa__ac_account_came(proa_c2c *c, uint16_t server)
{
    if (proa__ask_in(c, PROA__ASK_ASKED, NULL) == NULL || !c->ac.open || c->ac.server != server) {
        return false;
    }
    c->answers_later = true;
    c->answers_ms = 0;
    c->dirty = true;
    return true;
}

static bool is_under_way(const proa_c2c *c)
{
    return proa__ask_in(c, PROA__ASK_CONNECT, NULL) != NULL ||
           proa__ask_in(c, PROA__ASK_SENT, NULL) != NULL;
}

static void answer_create(proa_c2c *c)
{
    if (c->answers_ms == 0) {
        c->answers_ms = c->now_ms + ANSWER_MS;
    }
    if (c->answers_ms <= c->now_ms || !is_under_way(c)) {
        c->answers_later = false;
        proa__client_answer(c->client, c->now_ms);
    } else {
        proa__c2c_wake(c, c->answers_ms);
    }
}

/* ---- run -------------------------------------------------------------------------------- */

/* Whoever waits longest goes first: ids only grow. */
static proa__ask *next_want(const proa_c2c *c, proa_c2c_id after)
{
    proa__ask *next = NULL;
    proa__ask *ask = NULL;
    while ((ask = proa__ask_in(c, PROA__ASK_WANT, ask)) != NULL) {
        if (ask->row.instance > after && (next == NULL || ask->row.instance < next->row.instance)) {
            next = ask;
        }
    }
    return next;
}

static void run_wants(proa_c2c *c)
{
    proa__ask *ask = next_want(c, 0);
    while (ask != NULL && !c->ac.open) {
        proa_c2c_id id = ask->row.instance;
        uint16_t server = ask->server;
        proa_coap_peer to;
        proa_err err = proa__client_server_peer(c->client, &server, &to);
        if (err == PROA_OK) {
            ask_for(c, ask, server, &to);
        } else if (err == PROA_E_NOT_FOUND) {
            proa__ask_fail(c, ask, PROA_OUTCOME_LOCAL, false, err); /* it will never be there */
        }
        ask = next_want(c, id);
    }
}

/* A server that was restarted does not know our session and cannot say so. */
static void look_at_sent(proa_c2c *c)
{
    proa__ac *ac = &c->ac;
    if (ac->look_ms > c->now_ms) {
        return;
    }
    ac->look_ms = c->now_ms + PROA__LOOK_MS;
    if (proa_coap_transmissions(proa__client_coap(c->client), ac->request) >=
        PROA__DEAD_TRANSMISSIONS) {
        ac->look_ms = PROA__NEVER;
        proa__client_doubt_server(c->client, c->now_ms, ac->server);
    }
}

void proa__ac_run(proa_c2c *c)
{
    if (c->ac.open) {
        go_early(c);
        look_at_sent(c);
        proa__c2c_wake(c, c->ac.look_ms);
    }
    if (c->answers_later) {
        answer_create(c);
    }
    if (c->ac.open) {
        return;
    }
    if (c->ac.retry_ms > c->now_ms) {
        proa__c2c_wake(c, c->ac.retry_ms);
        return;
    }
    run_wants(c);
    proa__peer *peer = NULL;
    while (!c->ac.open && (peer = proa__peer_after(c, peer)) != NULL) {
        uint32_t at_s = renewal_s(c, peer);
        proa__c2c_wake(c, proa__c2c_ms(at_s));
        if (at_s <= proa__c2c_now_s(c)) {
            renew(c, peer);
        }
    }
}

/* ---- answers ---------------------------------------------------------------------------- */

/* What the server's code means for the application: docs/C2C.md §8. */
static proa_outcome outcome_of(const proa_coap_msg *m)
{
    static const uint8_t by_why[] = {
        [PROA_AC_WHY_NONE] = PROA_OUTCOME_BUSY,
        [PROA_AC_WHY_PENDING] = PROA_OUTCOME_PENDING,
        [PROA_AC_WHY_BUSY] = PROA_OUTCOME_BUSY,
        [PROA_AC_WHY_HOST_OFFLINE] = PROA_OUTCOME_HOST_OFFLINE,
        [PROA_AC_WHY_NO_NETWORK] = PROA_OUTCOME_UNREACHABLE,
    };
    switch (m->code) {
    case PROA_COAP_UNAUTHORIZED:
    case PROA_COAP_FORBIDDEN:
        return PROA_OUTCOME_DENIED;
    case PROA_COAP_TOO_MANY_REQUESTS:
        return PROA_OUTCOME_BUSY;
    case PROA_COAP_GATEWAY_TIMEOUT:
        return PROA_OUTCOME_HOST_OFFLINE;
    case PROA_COAP_SERVICE_UNAVAILABLE:
        return (proa_outcome)by_why[proa_ac_why_parse(m->payload)];
    case PROA_COAP_REQUEST_ENTITY_TOO_LARGE: /* more for this host than it keeps */
        return PROA_OUTCOME_REFUSED;
    default:
        return PROA_COAP_CLASS(m->code) == 5 ? PROA_OUTCOME_REFUSED : PROA_OUTCOME_PROTOCOL;
    }
}

static void refused(proa_c2c *c, proa__ask *ask, const proa_coap_msg *m)
{
    proa_outcome outcome = outcome_of(m);
    proa__ask_judge(ask, outcome, true, m);
    if (ask->wait && (outcome == PROA_OUTCOME_PENDING || outcome == PROA_OUTCOME_HOST_OFFLINE)) {
        uint32_t wait_ms = ask->verdict.retry_ms;
        proa__ask_pause(c, ask, wait_ms > 0 ? wait_ms : RETRY_MS, PROA__ASK_WANT);
    } else {
        proa__ask_end(c, ask, m);
    }
}

static void note_all(proa_c2c *c, const proa__ac *ac, bool was_granted)
{
    for (uint8_t i = 0; i < ac->body.count; i++) {
        note_asked(c, proa_span_make(ac->endpoint, ac->endpoint_len), &ac->body.entries[i],
                   was_granted);
    }
}

static void failed(proa_c2c *c, proa__ask *ask, proa_coap_failure failure)
{
    bool early = c->now_ms - c->ac.since_ms < AC_SURELY_TIMEOUT_MS;
    bool gone = failure == PROA_COAP_FAILED_PEER_GONE;
    bool timeout = failure == PROA_COAP_FAILED_TIMEOUT;
    if ((gone || (timeout && early)) && ask->tries++ < TRIES_MAX) {
        ask->state = PROA__ASK_WANT; /* as soon as the server is there again */
    } else if (failure == PROA_COAP_FAILED_TOO_LARGE || failure == PROA_COAP_FAILED_FULL) {
        proa__ask_fail(c, ask, PROA_OUTCOME_LOCAL, false, PROA_E_FULL);
    } else {
        proa__ask_fail(c, ask, gone || timeout ? PROA_OUTCOME_TIMEOUT : PROA_OUTCOME_PROTOCOL, true,
                       PROA_OK);
    }
}

void proa__ac_event(proa_c2c *c, const proa_coap_event *event)
{
    bool response = event->kind == PROA_COAP_EVENT_RESPONSE;
    bool ok = response && PROA_COAP_CLASS(event->msg.code) == 2;
    if (!c->ac.open || event->request != c->ac.request ||
        (!response && event->kind != PROA_COAP_EVENT_FAILED)) {
        return;
    }
    c->ac.open = false;
    c->dirty = true; /* the next one may go */
    c->stats.granted += ok ? 1 : 0;
    if (response) {
        note_all(c, &c->ac, ok);
    }
    proa__ask *ask = NULL;
    while ((ask = proa__ask_in(c, PROA__ASK_ASKED, ask)) != NULL) {
        if (ok) {
            granted(c, ask);
        } else if (response) {
            refused(c, ask, &event->msg);
        } else {
            failed(c, ask, event->failure);
        }
    }
}
