/* SPDX-License-Identifier: Apache-2.0 */
/* May this peer do that, and what is said to who may not (docs/C2C.md §3, §4).
 *
 * Truth kept here: rights come from object 11002 by the Short Client ID of the authenticated
 * account, and from nothing else. There is no owner rule for peers (Short Server IDs and Short
 * Client IDs are different numbers), and no right follows from an address or a name in a message.
 * An entry for all instances covers each of them; an entry for one instance never covers the
 * object: a request at object level needs the former.
 *
 * Whether a path exists is not asked: a peer without the right learns nothing about it. */
#include "core/c2c/c2c_internal.h"

#include <string.h>

bool proa__c2c_closed(uint32_t object)
{
    switch (object) {
    case PROA_OBJECT_SECURITY:
    case PROA_OBJECT_SERVER:
    case PROA_OBJECT_ACCESS_CONTROL:
    case PROA_OBJECT_OSCORE:
    case PROA_OBJECT_CLIENT_SECURITY:
    case PROA_OBJECT_CLIENT:
    case PROA_OBJECT_CLIENT_ACCESS:
        return true;
    default:
        return false;
    }
}

/* Of one list: the element of this peer, else the default element (Core 1.2 §8.2.1). */
static uint8_t rights_in(const proa__access *access, uint32_t short_id)
{
    proa_span list = proa__row_text(&access->row, 0);
    int at = proa__list_find(list, short_id);
    at = at < 0 ? proa__list_find(list, 0) : at;
    return at < 0 ? 0 : list.data[at + 2];
}

uint8_t proa__c2c_rights(const proa_c2c *c, uint32_t short_id, const proa_path *path)
{
    uint8_t rights = 0;
    if (path->depth == 0 || short_id == 0 || proa__c2c_closed(path->ids[0])) {
        return 0;
    }
    const proa__access *access = NULL;
    while ((access = proa__access_after(c, access)) != NULL) {
        bool covers = access->object_instance == PROA_ID_ALL ||
                      (path->depth > 1 && access->object_instance == path->ids[1]);
        if (access->object == path->ids[0] && covers) {
            rights |= rights_in(access, short_id);
        }
    }
    return rights;
}

proa_access proa__c2c_access(void *ctx, proa_account account, proa_operation op,
                             const proa_path *path)
{
    proa_c2c *c = ctx;
    proa__key *key = proa__c2c_key(c, account);
    const proa__peer *peer = key == NULL ? NULL : proa__c2c_live(c, key);
    uint8_t needed = proa_operation_right(op);
    if (peer == NULL || needed == 0) {
        return PROA_ACCESS_DENIED;
    }
    bool held = (proa__c2c_rights(c, peer->short_id, path) & needed) == needed;
    return held ? PROA_ACCESS_ALLOWED : PROA_ACCESS_DENIED;
}

/* ---- refusals --------------------------------------------------------------------------- */

/* Bytes that the stranger has sent, at least: what may be sent back is measured by it. A body that
 * came in blocks counts as if its last message had had no payload. */
static size_t request_len(const proa_coap_msg *m)
{
    proa_span block;
    size_t payload = m->payload.len == 0 ? 0 : 1 + m->payload.len;
    if (proa_coap_option_find(m, PROA_COAP_OPT_BLOCK1, &block)) {
        payload = 0;
    }
    return 4U + m->token.len + m->options.len + payload;
}

/* The URI that a hint may name: scheme and port spelled out, and no address that would mean
 * another machine at the other end (G11). */
static bool hint_uri(proa_c2c *c, const proa_refusal *refusal, proa_writer *w)
{
    proa_span stored;
    proa_uri uri;
    proa_addr addr;
    uint16_t server = proa__client_owner(c->client, &refusal->path);
    const proa_addr *peer = &refusal->request->peer.addr;
    if (proa__client_server_uri(c->client, server, &stored) != PROA_OK ||
        proa_uri_parse(stored, &uri) != PROA_OK) {
        return false;
    }
    memset(&addr, 0, sizeof(addr));
    if (proa_uri_addr(&uri, &addr) != PROA_OK) {
        proa_write_span(w, stored); /* a name means the same everywhere */
    } else if ((proa_addr_is_loopback(&addr) && !proa_addr_is_loopback(peer)) ||
               (proa_addr_is_link_local(&addr) && !proa_addr_is_link_local(peer))) {
        return false;
    } else {
        addr.port = uri.port;
        addr.zone = 0;
        proa_uri_write(w, uri.secure, &addr);
    }
    return w->err == PROA_OK;
}

static void refuse_with_hint(proa_c2c *c, const proa_refusal *refusal, proa_coap_response *out,
                             uint8_t *scratch, size_t cap)
{
    static const uint8_t cbor[1] = {PROA_FORMAT_CBOR};
    static const proa_coap_option options[] = {{PROA_COAP_OPT_CONTENT_FORMAT, {cbor, 1}},
                                               {PROA_COAP_OPT_MAX_AGE, {cbor, 0}}};
    bool sealed = refusal->request->sealed; /* RFC 8613 §8.2: with Max-Age 0 */
    out->options = options + 1;
    out->option_count = sealed ? 1 : 0;
    const proa_coap_msg *m = &refusal->request->msg;
    char text[PROA_URI_MAX];
    proa_writer uri = proa_writer_make(text, sizeof(text));
    proa_writer w = proa_writer_make(scratch, cap);
    if (!hint_uri(c, refusal, &uri) || proa_hint_write(&w, proa_writer_span(&uri)) != PROA_OK) {
        return;
    }
    size_t reply_len = 4U + m->token.len + 2U + (sealed ? 1U : 0U) + 1U + w.len;
    if (refusal->account == 0 && reply_len > 3 * request_len(m)) {
        c->stats.hints_suppressed++;
        return;
    }
    out->options = options;
    out->option_count = sealed ? 2 : 1;
    out->payload = proa_writer_span(&w);
    c->stats.hints_sent++;
}

bool proa__c2c_refuse(void *ctx, uint64_t now_ms, const proa_refusal *refusal,
                      proa_coap_response *out, uint8_t *scratch, size_t cap)
{
    proa_c2c *c = ctx;
    proa__c2c_tick(c, now_ms);
    memset(out, 0, sizeof(*out));
    c->stats.denied++;
    if (refusal->account == 0 &&
        (refusal->request->multicast || refusal->request->peer.session != 0 ||
         !proa_hint_bucket_take(&c->bucket, now_ms))) {
        c->stats.hints_suppressed++;
        return false;
    }
    out->code = PROA_COAP_UNAUTHORIZED;
    refuse_with_hint(c, refusal, out, scratch, cap);
    return true;
}
