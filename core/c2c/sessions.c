/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions of a pair: one, whichever end opened it, and CoAP goes both ways over it.
 *
 * Truth kept here: which session of a key is the one that requests go to. A new session that has
 * proved the key replaces the one before, and what was under way moves to it, with one exception:
 * when both ends opened theirs at the same time, newest is not the same on both sides. Then the
 * one opened by the endpoint whose name is lexicographically smaller stays (docs/C2C.md §6). The
 * other one lingers for PROA__LINGER_MS, because the far end may not have heard of the winner yet
 * and answers are under way on it.
 *
 * A key that came whole and new has a first session ahead, which needs no handshake (docs/C2C.md §6):
 * as requester with the first request, as host with the first record that comes. It is ahead only
 * until there was any session, and only in this life of the device: nothing of it is stored, so no
 * key can have a second first one.
 *
 * With OSCORE there are no sessions: the peer can be told something as soon as it is known where it
 * is, and what is under way belongs to the account itself.
 *
 * A handshake is opened beside a session that seems dead, never instead of it: only the new one's
 * success ends the old one. */
#include "core/c2c/c2c_internal.h"

#include <string.h>

/* The CoAP peer behind a session. */
static proa_coap_peer coap_peer(proa_c2c *c, uint32_t session)
{
    proa_coap_peer peer;
    const proa_secure *box = proa__client_secure(c->client);
    memset(&peer, 0, sizeof(peer));
    peer.session = session;
    if (box != NULL) {
        (void)box->class_->address(box, session, &peer.addr);
    }
    return peer;
}

static void drop(proa_c2c *c, uint32_t *session)
{
    uint32_t ended = *session;
    *session = 0; /* first: the client may tell us that it is closed */
    if (ended != 0) {
        proa__client_drop_session(c->client, c->now_ms, ended);
    }
}

static void first_of(const proa__key *key, proa_secure_first *out)
{
    proa__c2c_psk(key, &out->psk);
    out->identity = proa__row_text(&key->row, PROA__KEY_IDENTITY);
}

static void stop_opening(proa_c2c *c, proa__key *key)
{
    proa_secure *box = proa__client_secure(c->client);
    if (key->opening != 0 && box != NULL) {
        box->class_->close(box, c->now_ms, key->opening, false);
    }
    key->opening = 0;
}

void proa__c2c_drop_sessions(proa_c2c *c, proa__key *key)
{
    if (proa__key_is_oscore(key)) {
        proa_coap_peer peer;
        memset(&peer, 0, sizeof(peer));
        peer.account = proa__c2c_account(key);
        proa_coap_peer_dismiss(proa__client_coap(c->client), c->now_ms, peer.account);
        proa_coap_peer_gone(proa__client_coap(c->client), c->now_ms, &peer);
    }
    stop_opening(c, key);
    drop(c, &key->linger);
    drop(c, &key->session);
    key->first_id = 0;
    key->suspect = false;
}

/* Everything that runs over `from` goes on over the session of today; `from` ends. */
static void move_and_drop(proa_c2c *c, const proa__key *key, uint32_t *from)
{
    if (*from != 0 && key->session != 0 && *from != key->session) {
        proa_coap_peer old = coap_peer(c, *from);
        proa_coap_peer now = coap_peer(c, key->session);
        proa_coap_peer_moved(proa__client_coap(c->client), c->now_ms, &old, &now);
    }
    drop(c, from);
}

/* True if this device's name decides for sessions that it has opened. */
static bool our_name_is_smaller(proa_c2c *c, const proa__peer *peer)
{
    proa_span own = c->config->endpoint;
    proa_span theirs = proa__c2c_endpoint(peer);
    size_t common = own.len < theirs.len ? own.len : theirs.len;
    int order = common == 0 ? 0 : memcmp(own.data, theirs.data, common);
    return order != 0 ? order < 0 : own.len < theirs.len;
}

static void take_session(proa_c2c *c, proa__key *key, uint32_t session, bool is_server)
{
    key->session = session;
    key->is_server = is_server;
    key->session_ms = c->now_ms;
    key->suspect = false;
}

static void linger(proa_c2c *c, proa__key *key, uint32_t loser)
{
    move_and_drop(c, key, &key->linger);
    key->linger = loser;
    key->linger_ms = c->now_ms + PROA__LINGER_MS;
}

static void replace(proa_c2c *c, proa__key *key, const proa__peer *peer, uint32_t session,
                    bool is_server)
{
    uint32_t old = key->session;
    bool tie =
        key->is_server != is_server && !key->suspect && c->now_ms - key->session_ms < PROA__TIE_MS;
    if (!tie) {
        take_session(c, key, session, is_server);
        move_and_drop(c, key, &old);
        return;
    }
    bool keep_new = is_server != our_name_is_smaller(c, peer);
    if (keep_new) {
        take_session(c, key, session, is_server);
        linger(c, key, old);
    } else {
        linger(c, key, session);
    }
}

void proa__c2c_session_open(void *ctx, uint64_t now_ms, proa_account account, uint32_t session,
                            bool is_server)
{
    proa_c2c *c = ctx;
    proa__c2c_tick(c, now_ms);
    proa__key *key = proa__c2c_key(c, account);
    const proa__peer *peer = key == NULL ? NULL : proa__c2c_live(c, key);
    if (peer == NULL) {
        drop(c, &session); /* the account ended while the handshake ran */
        return;
    }
    if (session == key->opening) {
        key->opening = 0;
    }
    key->first_id = 0;
    if (key->session == 0) {
        take_session(c, key, session, is_server);
    } else if (key->session != session) {
        replace(c, key, peer, session, is_server);
    }
    /* Theirs is there, and will win: ours need not go on. */
    if (key->is_server && !our_name_is_smaller(c, peer)) {
        stop_opening(c, key);
    }
    proa__c2c_used(c, key, false);
    if (c->requester != NULL) {
        c->requester->connected(c, key);
    }
}

void proa__c2c_session_closed(void *ctx, uint64_t now_ms, proa_account account, uint32_t session,
                              proa_secure_reason reason)
{
    proa_c2c *c = ctx;
    proa__c2c_tick(c, now_ms);
    proa__key *key = proa__c2c_key(c, account);
    if (key == NULL || session == 0) {
        return;
    }
    if (session != key->opening) {
        key->first_id = 0; /* there was one, even if there was no place for it here */
    }
    if (session == key->linger) {
        key->linger = 0;
    } else if (session == key->session) {
        key->session = key->linger; /* better than none */
        key->linger = 0;
    } else if (session == key->opening) {
        key->opening = 0;
        key->suspect = false; /* no better than the one there is */
        if (c->requester != NULL) {
            c->requester->connect_failed(c, key, reason);
        }
    }
}

/* ---- opening ---------------------------------------------------------------------------- */

/* True if the text ends with its host: no port was written. */
static bool has_no_port(proa_span text, const proa_uri *uri)
{
    const uint8_t *end = uri->host.data + uri->host.len;
    const uint8_t *text_end = text.data + text.len;
    return end == text_end || (end + 1 == text_end && *end == ']');
}

/* Where the peer is: what its server wrote, else where it called us from. */
static bool find_address(proa_c2c *c, const proa__key *key, proa_addr *out)
{
    const proa_secure *box = proa__client_secure(c->client);
    proa_span text = proa__row_text(&key->row, PROA__KEY_URI);
    proa_uri uri;
    memset(out, 0, sizeof(*out));
    if (text.len == 0) {
        return key->session != 0 && box->class_->address(box, key->session, out);
    }
    if (proa_uri_parse(text, &uri) != PROA_OK || proa_uri_addr(&uri, out) != PROA_OK) {
        return false; /* names are for the port to resolve, and C2C has none */
    }
    /* The prototype writes coap:// also where DTLS is spoken. Without a port, DTLS has its own. */
    bool is_prototype = !uri.secure && has_no_port(text, &uri) && !proa__key_is_oscore(key);
    out->port = is_prototype ? 5684 : uri.port;
    return true;
}

/* Each look costs the box a derivation, whoever sent the record. */
#define LOOKS_MAX 8

bool proa__c2c_find_first(void *ctx, uint32_t id, proa_secure_first *out)
{
    proa_c2c *c = ctx;
    proa__key *key = NULL;
    while ((key = proa__key_after(c, key)) != NULL) {
        if (key->first_id == id && key->first_server && proa__c2c_live(c, key) != NULL) {
            first_of(key, out);
            key->first_id = ++key->first_found < LOOKS_MAX ? id : 0;
            return true;
        }
    }
    return false;
}

/* If it cannot begin, a handshake has to do. */
static void begin_first(proa_c2c *c, proa__key *key)
{
    proa_secure *box = proa__client_secure(c->client);
    proa_secure_first first;
    uint32_t session;
    proa_addr to;
    key->first_id = 0;
    if (find_address(c, key, &to)) {
        first_of(key, &first);
        if (box->class_->open_first(box, c->now_ms, &to, &first, &session) == PROA_OK) {
            take_session(c, key, session, false);
        }
        proa_wipe(&first.psk, sizeof(first.psk));
    }
}

bool proa__c2c_way(proa_c2c *c, proa__key *key, proa_coap_peer *to)
{
    if (proa__key_is_oscore(key)) {
        memset(to, 0, sizeof(*to));
        to->account = proa__c2c_account(key);
        return find_address(c, key, &to->addr);
    }
    if (key->first_id != 0 && !key->first_server) {
        begin_first(c, key);
    }
    *to = coap_peer(c, key->session);
    return key->session != 0 && !key->suspect;
}

proa_err proa__c2c_connect(proa_c2c *c, proa__key *key)
{
    proa_secure *box = proa__client_secure(c->client);
    proa_addr to;
    proa_psk psk;
    if (key->opening != 0) {
        return PROA_OK;
    }
    if (proa__key_is_oscore(key)) {
        return PROA_E_NOT_FOUND; /* the way to it is all that can be wanting */
    }
    if (box == NULL) {
        return PROA_E_STATE;
    }
    if (!find_address(c, key, &to)) {
        return PROA_E_NOT_FOUND;
    }
    proa__c2c_psk(key, &psk);
    proa_err err = box->class_->open(
        box, c->now_ms, &to, proa__row_text(&key->row, PROA__KEY_IDENTITY), &psk, &key->opening);
    proa_wipe(&psk, sizeof(psk));
    if (err != PROA_OK) {
        key->opening = 0;
    }
    return err;
}

void proa__c2c_follow(proa_c2c *c, proa__key *key)
{
    if (proa__key_is_oscore(key)) {
        proa_coap_peer_astray(proa__client_coap(c->client), proa__c2c_account(key));
        return;
    }
    if (key->opening == 0) {
        return; /* the next question finds the new address, or the session still works (CID) */
    }
    stop_opening(c, key);
    if (proa__c2c_connect(c, key) != PROA_OK && c->requester != NULL) {
        c->requester->connect_failed(c, key, PROA_SECURE_REASON_TIMEOUT);
    }
}

/* ---- run -------------------------------------------------------------------------------- */

void proa__c2c_run_session(proa_c2c *c, proa__key *key)
{
    if (key->linger_ms <= c->now_ms) {
        move_and_drop(c, key, &key->linger);
    }
}

uint64_t proa__c2c_next_session(const proa__key *key)
{
    return key->linger == 0 ? PROA__NEVER : key->linger_ms;
}
