/* SPDX-License-Identifier: Apache-2.0 */
/* Who is at the other end: the table of server accounts and the table of secure sessions.
 *
 * A session belongs to the account whose key it proved, from CONNECTED to CLOSED, a message that
 * OSCORE protected to the account of its keys. Unprotected CoAP belongs to a server account only if
 * that account is NoSec and the message came from its address; nothing else makes an address mean
 * anything. What came with less protection than its account demands came from nobody. Peer accounts live in the extension; here they are
 * numbers. Does not open sessions (registration.c) and decides no rights (access.c). */
#include <string.h>

#include "core/client/client_internal.h"
#include "core/coap/sealed.h"

proa_account proa__server_account_of(const proa_client *c, const proa__server *s)
{
    return proa_account_make(PROA_ACCOUNT_KIND_SERVER, s->generation, proa__server_instance(c, s));
}

uint16_t proa__server_instance(const proa_client *c, const proa__server *s)
{
    return (uint16_t)(s - c->servers);
}

proa__server *proa__server_next(const proa_client *c, const proa__server *after)
{
    uint16_t i = after == NULL ? 0 : (uint16_t)(proa__server_instance(c, after) + 1);
    for (; i < c->config.server_max; i++) {
        if (c->servers[i].used) {
            return &c->servers[i];
        }
    }
    return NULL;
}

proa__server *proa__server_by_account(const proa_client *c, proa_account account)
{
    uint16_t instance = proa_account_instance(account);
    if (proa_account_kind(account) != PROA_ACCOUNT_KIND_SERVER ||
        instance >= c->config.server_max) {
        return NULL;
    }
    proa__server *s = &c->servers[instance];
    return s->used && proa__server_account_of(c, s) == account ? s : NULL;
}

proa__server *proa__server_by_id(const proa_client *c, uint16_t short_id)
{
    proa__server *s = NULL;
    while ((s = proa__server_next(c, s)) != NULL && s->short_id != short_id) {
    }
    return s;
}

bool proa__server_connected(const proa__server *s)
{
    return s->mode == PROA_SECURITY_NOSEC || s->peer.session != 0;
}

proa_account proa__session_account(const proa_client *c, uint32_t session)
{
    for (uint16_t i = 0; session != 0 && i < c->config.session_max; i++) {
        if (c->sessions[i].session == session) {
            return c->sessions[i].account;
        }
    }
    return 0;
}

/* The account that a message without OSCORE came from. */
static proa_account account_below(const proa_client *c, const proa_coap_peer *peer)
{
    proa__server *s = NULL;
    while (peer->session == 0 && (s = proa__server_next(c, s)) != NULL) {
        if (s->mode == PROA_SECURITY_NOSEC && proa_addr_equal(&s->peer.addr, &peer->addr)) {
            return proa__server_account_of(c, s);
        }
    }
    return proa__session_account(c, peer->session);
}

/* Inside its own DTLS session, if that is demanded of the account, or in no session at all. */
static bool carries(const proa_client *c, uint32_t session, proa_account account)
{
    const proa__server *s = proa__server_by_account(c, account);
    bool inside_dtls = s != NULL && s->mode == PROA_SECURITY_PSK;
    return session == 0 ? !inside_dtls : proa__session_account(c, session) == account;
}

bool proa__account_may_carry(void *client, uint64_t account, const proa_coap_peer *way)
{
    return carries(client, way->session, account);
}

/* 0 also for what is less protected than its account demands. Of what is sealed, the peer says by
 * which way its newest request came; an older one may come late, by another. */
static proa_account account_of_peer(const proa_client *c, const proa_coap_peer *peer)
{
    if (peer->account == 0) {
        proa_account account = account_below(c, peer);
        const proa__server *s = proa__server_by_account(c, account);
        return s != NULL && s->peer.account != 0 ? 0 : account;
    }
    bool agrees = carries(c, c->carrier, peer->account) && peer->session == c->carrier;
    return agrees ? peer->account : 0;
}

bool proa__account_who(const proa_client *c, const proa_coap_peer *peer, proa_actor *who)
{
    return proa__account_actor(c, account_of_peer(c, peer), who);
}

bool proa__account_actor(const proa_client *c, proa_account account, proa_actor *who)
{
    memset(who, 0, sizeof *who);
    if (account == 0) {
        return false;
    }
    who->account = account;
    const proa__server *s = proa__server_by_account(c, account);
    if (s != NULL) {
        who->kind = PROA_ACTOR_SERVER;
        who->short_id = s->short_id;
        return true;
    }
    who->kind = PROA_ACTOR_PEER;
    if (c->extension == NULL || proa_account_kind(account) != PROA_ACCOUNT_KIND_PEER) {
        return false;
    }
    if (c->extension->short_id != NULL) {
        who->short_id = c->extension->short_id(c->extension->ctx, account);
    }
    return true;
}

bool proa__session_add(proa_client *c, uint32_t session, proa_account account)
{
    for (uint16_t i = 0; i < c->config.session_max; i++) {
        if (c->sessions[i].session == 0) {
            c->sessions[i].session = session;
            c->sessions[i].account = account;
            return true;
        }
    }
    return false;
}

void proa__session_remove(proa_client *c, uint32_t session)
{
    for (uint16_t i = 0; i < c->config.session_max; i++) {
        if (c->sessions[i].session == session) {
            memset(&c->sessions[i], 0, sizeof c->sessions[i]);
        }
    }
}

static bool server_fits(const proa_client *c, const proa_server_account *server)
{
    bool psk = server->mode == PROA_SECURITY_PSK;
    return server->short_id >= 1 && server->short_id <= PROA_ID_MAX && server->uri.len >= 1 &&
           server->uri.len < PROA_URI_MAX &&
           (psk ? c->config.secure != NULL && server->identity.len >= 1 &&
                      server->identity.len <= PROA_PSK_IDENTITY_MAX && server->key.len >= 1 &&
                      server->key.len <= PROA_PSK_KEY_MAX
                : server->mode == PROA_SECURITY_NOSEC);
}

proa_err proa_client_add_server(proa_client *c, const proa_server_account *server)
{
    if (!server_fits(c, server) || (server->oscore != NULL && c->config.coap.oscore == NULL)) {
        return PROA_E_RANGE;
    }
    if (proa__server_by_id(c, server->short_id) != NULL) {
        return PROA_E_EXISTS;
    }
    uint16_t i = 0;
    while (i < c->config.server_max && c->servers[i].used) {
        i++;
    }
    if (i == c->config.server_max) {
        return PROA_E_FULL;
    }
    proa__server *s = &c->servers[i];
    memset(s, 0, sizeof *s);
    s->used = true;
    s->generation = ++c->generation;
    s->short_id = server->short_id;
    s->mode = (uint8_t)server->mode;
    s->peer.addr = server->addr;
    s->update_ms = PROA_NEVER;
    s->settings.lifetime_s = server->lifetime_s == 0 ? 86400 : server->lifetime_s;
    s->settings.pmin_s = server->pmin_s;
    s->settings.pmax_s = server->pmax_s;
    s->settings.disable_s = 86400; /* Core 1.2, /1/x/5 */
    s->oscore = server->oscore;
    memcpy(s->uri, server->uri.data, server->uri.len);
    s->uri_len = (uint8_t)server->uri.len;
    if (server->mode == PROA_SECURITY_PSK) {
        memcpy(s->identity, server->identity.data, server->identity.len);
        s->identity_len = (uint8_t)server->identity.len;
        memcpy(s->key, server->key.data, server->key.len);
        s->key_len = (uint8_t)server->key.len;
    }
    if (s->oscore == NULL) {
        return PROA_OK;
    }
    const proa_coap_oscore *oscore = c->config.coap.oscore;
    s->peer.account = proa__server_account_of(c, s);
    /* Keys from a file may have been used before. */
    proa_err err = oscore->add(oscore->ctx, s->peer.account, s->oscore, false);
    if (err != PROA_OK) {
        proa_wipe(s, sizeof *s);
    }
    return err;
}

bool proa_client_find_oscore(void *client, uint64_t account, proa_oscore_params *out)
{
    const proa__server *s = client == NULL ? NULL : proa__server_by_account(client, account);
    if (s == NULL || s->oscore == NULL) {
        return false;
    }
    *out = *s->oscore;
    return true;
}

bool proa_client_server(const proa_client *c, size_t index, proa_server_status *out)
{
    const proa__server *s = proa__server_next(c, NULL);
    for (; s != NULL && index > 0; index--) {
        s = proa__server_next(c, s);
    }
    if (s == NULL) {
        return false;
    }
    memset(out, 0, sizeof *out);
    out->short_id = s->short_id;
    out->state = (proa_registration_state)s->state;
    out->addr = s->peer.addr;
    memcpy(out->uri, s->uri, s->uri_len);
    out->lifetime_s = s->settings.lifetime_s;
    out->next_ms = s->due_ms;
    out->oscore = s->peer.account;
    return true;
}

/* ---- for the extension ------------------------------------------------------------------ */

proa_err proa__client_server_peer(proa_client *c, uint16_t *short_id, proa_coap_peer *peer)
{
    proa_err err = PROA_E_NOT_FOUND;
    const proa__server *s = NULL;
    while ((s = proa__server_next(c, s)) != NULL) {
        if (*short_id != 0 && *short_id != s->short_id) {
            continue;
        }
        if (s->registered && proa__server_connected(s)) {
            *short_id = s->short_id;
            *peer = s->peer;
            return PROA_OK;
        }
        err = PROA_E_STATE;
    }
    return err;
}

bool proa__client_server_protected(const proa_client *c, uint16_t short_id)
{
    const proa__server *s = proa__server_by_id(c, short_id);
    return s != NULL && (s->mode == PROA_SECURITY_PSK || s->peer.account != 0);
}

proa_err proa__client_server_uri(const proa_client *c, uint16_t short_id, proa_span *uri)
{
    const proa__server *s = proa__server_by_id(c, short_id);
    if (s == NULL) {
        return PROA_E_NOT_FOUND;
    }
    *uri = proa_span_make(s->uri, s->uri_len);
    return PROA_OK;
}

/* Hosts that are literals are equal as addresses, names as text. */
static bool same_host(const proa_uri *a, const proa_uri *b)
{
    proa_addr addr_a = {{0}, 0, 0};
    proa_addr addr_b = {{0}, 0, 0};
    if (proa_uri_addr(a, &addr_a) == PROA_OK && proa_uri_addr(b, &addr_b) == PROA_OK) {
        return proa_addr_equal(&addr_a, &addr_b);
    }
    return proa_span_equal(a->host, b->host);
}

uint16_t proa__client_server_by_uri(const proa_client *c, proa_span uri)
{
    proa_uri wanted;
    proa_uri have;
    if (proa_uri_parse(uri, &wanted) != PROA_OK) {
        return 0;
    }
    const proa__server *s = NULL;
    while ((s = proa__server_next(c, s)) != NULL) {
        if (proa_uri_parse(proa_span_make(s->uri, s->uri_len), &have) == PROA_OK &&
            have.secure == wanted.secure && have.port == wanted.port && same_host(&have, &wanted)) {
            return s->short_id;
        }
    }
    return 0;
}

bool proa__client_identity_taken(const proa_client *c, proa_span identity)
{
    const proa__server *s = NULL;
    while ((s = proa__server_next(c, s)) != NULL) {
        if (s->identity_len > 0 &&
            proa_span_equal(identity, proa_span_make(s->identity, s->identity_len))) {
            return true;
        }
    }
    return false;
}
