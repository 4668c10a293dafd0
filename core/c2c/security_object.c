/* SPDX-License-Identifier: Apache-2.0 */
/* Object 11000, Client Security: how a peer proves itself, and where it is (docs/C2C.md §2).
 *
 * Truths kept here:
 *   - two kinds of key: a PSK of at least SECRET_MIN bytes, or a link to an instance of object 21
 *     (mode NoSec, no secret of its own), which then belongs to this key and goes with it;
 *   - an identity stands once on this device, in objects 0 and 11000 together: it is what an
 *     incoming session is recognised by (DESIGN: a peer is a key);
 *   - the key of a peer is given by the server that made the peer: who may create keys, and no
 *     more, must not hand out what another server has allowed;
 *   - secrets come over protected sessions only, are never read, and are wiped when they go;
 *   - a changed identity, secret or short id is another account: its generation changes, and the
 *     sessions of the one before end. With OSCORE these do not change: new keys are a new instance.
 *
 * Two instances may have the same Short Client ID: that is a key on its way in, and the older one
 * goes when the newer one is used (accounts.c). */
#include <stddef.h>

#include "core/c2c/c2c_internal.h"

/* A key shorter than 8 bytes can be tried out from one recorded handshake in days. The server of
 * the published prototype writes 9 bytes, ours 16. */
#define SECRET_MIN 8

static const proa_resource resources[] = {
    {0, PROA_TYPE_STRING, PROA_RES_RW},
    {2, PROA_TYPE_INTEGER, PROA_RES_RW | PROA_RES_MANDATORY},
    {3, PROA_TYPE_OPAQUE, PROA_RES_RW | PROA_RES_MANDATORY},
    {4, PROA_TYPE_OPAQUE, PROA_RES_RW},
    {5, PROA_TYPE_OPAQUE, PROA_RES_W | PROA_RES_SECRET},
    {10, PROA_TYPE_INTEGER, PROA_RES_RW | PROA_RES_MANDATORY},
    {17, PROA_TYPE_OBJLINK, PROA_RES_RW},
};

static const proa__field fields[] = {
    {PROA__TEXT, PROA__KEY_URI, 0, PROA_URI_MAX - 1},
    {PROA__NUMBER, offsetof(proa__key, mode), PROA_SECURITY_PSK, PROA_SECURITY_NOSEC},
    {PROA__TEXT, PROA__KEY_IDENTITY, 1, PROA_PSK_IDENTITY_MAX},
    {PROA__NOTHING, 0, 0, 0}, /* has no meaning for a shared key */
    {PROA__TEXT, PROA__KEY_SECRET, 0, PROA_PSK_KEY_MAX},
    {PROA__NUMBER, offsetof(proa__key, short_id), 1, PROA_ID_MAX},
    {PROA__NUMBER, offsetof(proa__key, oscore), 0, PROA__NO_LINK},
};

static void make(proa__row *row)
{
    ((proa__key *)row)->oscore = PROA__NO_LINK;
}

static bool same_text(const proa__key *a, const proa__key *b, unsigned which)
{
    return proa__row_text_is(&a->row, which, proa__row_text(&b->row, which));
}

static bool identity_taken(proa_c2c *c, const proa__key *key, const proa__row *before)
{
    for (size_t i = 0; i < c->limits.peer_max; i++) {
        const proa__key *other = proa__key_at(c, i);
        if (&other->row != before && other->row.slot == PROA__SLOT_LIVE &&
            same_text(other, key, PROA__KEY_IDENTITY)) {
            return true;
        }
    }
    return proa__client_identity_taken(c->client, proa__row_text(&key->row, PROA__KEY_IDENTITY));
}

bool proa__c2c_writer_protected(const proa_c2c *c, const proa_actor *who)
{
    return who->kind == PROA_ACTOR_LOCAL || proa__client_server_protected(c->client, who->short_id);
}

/* True if a key is all of one kind. */
static bool is_consistent(const proa_c2c *c, const proa__key *key)
{
    bool has_secret = key->row.text_len[PROA__KEY_SECRET] >= SECRET_MIN;
    if (!proa__key_is_oscore(key)) {
        return key->mode == PROA_SECURITY_PSK && has_secret;
    }
    return key->mode == PROA_SECURITY_NOSEC && key->row.text_len[PROA__KEY_SECRET] == 0 &&
           key->oscore >> 16 == PROA_OBJECT_OSCORE && c->limits.contexts != NULL;
}

/* True if `a` and `b` are recognised differently. */
static bool is_rekeyed(const proa__key *a, const proa__key *b)
{
    proa_span secret = proa__row_text(&a->row, PROA__KEY_SECRET);
    proa_span other = proa__row_text(&b->row, PROA__KEY_SECRET);
    return a->short_id != b->short_id || a->oscore != b->oscore || secret.len != other.len ||
           !proa_equal_ct(secret.data, other.data, secret.len) ||
           !same_text(a, b, PROA__KEY_IDENTITY);
}

static proa_err accept(proa_c2c *c, const proa_actor *who, proa__row *draft,
                       const proa__row *before)
{
    proa__key *key = (proa__key *)draft;
    const proa__key *old = (const proa__key *)before;
    proa_span text = proa__row_text(draft, PROA__KEY_URI);
    proa_uri uri;
    if (!is_consistent(c, key) || (text.len > 0 && proa_uri_parse(text, &uri) != PROA_OK)) {
        return PROA_E_FORMAT;
    }
    key->moved = old != NULL && !same_text(key, old, PROA__KEY_URI);
    if (old != NULL && !is_rekeyed(key, old)) {
        return PROA_OK;
    }
    if (!proa__c2c_writer_protected(c, who)) {
        return PROA_E_DENIED;
    }
    const proa__peer *peer = proa__c2c_peer(c, key->short_id);
    if (identity_taken(c, key, before) || (peer != NULL && peer->row.owner != draft->owner)) {
        return PROA_E_EXISTS;
    }
    if (old != NULL && (proa__key_is_oscore(key) || proa__key_is_oscore(old))) {
        return PROA_E_FORMAT;
    }
    key->drop = old != NULL;
    key->came = old == NULL;
    key->generation = c->generation == UINT16_MAX ? 1 : c->generation + 1U;
    proa__c2c_saw_generation(c,
                             key->generation); /* of no other key, whatever becomes of this one */
    proa_err err = proa__key_is_oscore(key) ? c->limits.contexts->link(c, key, true) : PROA_OK;
    return err == PROA_E_UNSUPPORTED ? PROA_E_FORMAT : err; /* not of the format of the message */
}

static void refused(proa_c2c *c, const proa__row *draft)
{
    const proa__key *key = (const proa__key *)draft;
    if (proa__key_is_oscore(key) && c->draft.before == NULL) {
        c->limits.contexts->release(c, key);
    }
}

static bool loaded(proa_c2c *c, proa__row *row)
{
    const proa__key *key = (const proa__key *)row;
    proa__c2c_saw_generation(c, key->generation);
    return is_consistent(c, key) &&
           (!proa__key_is_oscore(key) || c->limits.contexts->link(c, key, false) == PROA_OK);
}

/* Its secret goes at once; with the next run, what it let in. */
static void removed(proa_c2c *c, proa__row *row)
{
    const proa__key *key = (const proa__key *)row;
    proa__row_wipe_texts(c, row);
    if (proa__key_is_oscore(key)) {
        c->limits.contexts->unlink(c, key);
    }
}

const proa__kind proa__security_kind = {
    .object = PROA_OBJECT_CLIENT_SECURITY,
    .letter = 'k',
    .words = PROA__WORDS(proa__key, oscore),
    .head_len = offsetof(proa__key, session),
    .row_len = sizeof(proa__key),
    .count = sizeof(resources) / sizeof(resources[0]),
    .resources = resources,
    .fields = fields,
    .make = make,
    .accept = accept,
    .refused = refused,
    .loaded = loaded,
    .removed = removed,
};
