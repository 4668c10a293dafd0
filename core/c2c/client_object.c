/* SPDX-License-Identifier: Apache-2.0 */
/* Object 11001, Client: who a peer is, and for how long (docs/C2C.md §2).
 *
 * Truths kept here: a Short Client ID names one peer; writing the lifetime starts it anew (that is
 * how a grant is renewed); an account has an end from its first second on, even if the time itself
 * is not known in this file (accounts.c starts the clock).
 *
 * The use counters are this project's own resources, from the range that OMA leaves to vendors
 * (26241..32768): a server reads them at renewal and revocation, because it is not on the path of
 * what is counted. */
#include <stddef.h>
#include <string.h>

#include "core/c2c/c2c_internal.h"

enum {
    RES_SHORT_ID = 0,
    RES_LIFETIME = 1,
    RES_PMIN = 2,
    RES_PMAX = 3,
    RES_DISABLE = 4,
    RES_DISABLE_TIMEOUT = 5,
    RES_STORING = 6,
    RES_BINDING = 7,
    RES_ENDPOINT = 9,
    RES_USE_COUNT = 26241,
    RES_LAST_USE = 26242,
    RES_LIFETIME_LEFT = 26243
};

static const proa_resource resources[] = {
    {RES_SHORT_ID, PROA_TYPE_INTEGER, PROA_RES_RW | PROA_RES_MANDATORY},
    {RES_LIFETIME, PROA_TYPE_INTEGER, PROA_RES_RW | PROA_RES_MANDATORY},
    {RES_PMIN, PROA_TYPE_INTEGER, PROA_RES_RW},
    {RES_PMAX, PROA_TYPE_INTEGER, PROA_RES_RW},
    {RES_DISABLE, PROA_TYPE_NONE, PROA_RES_E},
    {RES_DISABLE_TIMEOUT, PROA_TYPE_INTEGER, PROA_RES_RW},
    {RES_STORING, PROA_TYPE_BOOLEAN, PROA_RES_RW},
    {RES_BINDING, PROA_TYPE_STRING, PROA_RES_RW},
    {RES_ENDPOINT, PROA_TYPE_STRING, PROA_RES_RW | PROA_RES_MANDATORY},
    {RES_USE_COUNT, PROA_TYPE_INTEGER, PROA_RES_R},
    {RES_LAST_USE, PROA_TYPE_INTEGER, PROA_RES_R},
    {RES_LIFETIME_LEFT, PROA_TYPE_INTEGER, PROA_RES_R},
};

#define BINDING_MAX 8

/* One less than what means "without end" here. */
#define SECONDS_MAX (UINT32_MAX - 1)

static const proa__field fields[] = {
    {PROA__NUMBER, offsetof(proa__peer, short_id), 1, PROA_ID_MAX},
    {PROA__NUMBER, offsetof(proa__peer, lifetime_s), 0, SECONDS_MAX},
    {PROA__NUMBER, offsetof(proa__peer, pmin_s), 0, SECONDS_MAX},
    {PROA__NUMBER, offsetof(proa__peer, pmax_s), 0, SECONDS_MAX},
    {PROA__NOTHING, 0, 0, 0},
    {PROA__NUMBER, offsetof(proa__peer, disable_s), 0, SECONDS_MAX},
    {PROA__NUMBER, offsetof(proa__peer, storing), 0, 1},
    {PROA__TEXT, PROA__PEER_BINDING, 1, BINDING_MAX},
    {PROA__TEXT, PROA__PEER_ENDPOINT, 1, PROA_ENDPOINT_MAX},
    {PROA__COMPUTED, 0, 0, 0},
    {PROA__COMPUTED, 0, 0, 0},
    {PROA__COMPUTED, 0, 0, 0},
};

/* As in object 1 (Core 1.2 §E.2, resource 5). */
#define DISABLE_DEFAULT_S 86400U

static void make(proa__row *row)
{
    proa__peer *peer = (proa__peer *)row;
    peer->lifetime_new = true;
    peer->disable_s = DISABLE_DEFAULT_S;
    row->texts[0] = 'U';
    row->text_len[PROA__PEER_BINDING] = 1;
}

static void touched(proa_c2c *c, proa__row *row, uint16_t resource)
{
    proa__peer *peer = (proa__peer *)row;
    if (resource == RES_LIFETIME) {
        peer->left_s = peer->lifetime_s;
        peer->lifetime_new = true;
    } else if (resource == RES_DISABLE) {
        peer->disable = true;
        c->dirty = true;
    }
}

static bool compute(const proa_c2c *c, const proa__row *row, uint16_t resource, uint32_t *out)
{
    const proa__peer *peer = (const proa__peer *)row;
    switch (resource) {
    case RES_USE_COUNT:
        *out = peer->uses;
        return true;
    case RES_LAST_USE:
        *out = proa__c2c_now_s(c) - peer->last_use_s;
        return peer->last_use_s != 0;
    case RES_LIFETIME_LEFT:
    default:
        *out = proa__c2c_left_s(peer, c->now_ms);
        return peer->lifetime_s != 0;
    }
}

/* True if a key stands ready for that number which another server made (security_object.c). */
static bool has_foreign_key(const proa_c2c *c, const proa__peer *peer)
{
    const proa__key *key = NULL;
    while ((key = proa__key_after(c, key)) != NULL) {
        if (key->short_id == peer->short_id && key->row.owner != peer->row.owner) {
            return true;
        }
    }
    return false;
}

static proa_err accept(proa_c2c *c, const proa_actor *who, proa__row *draft,
                       const proa__row *before)
{
    proa__peer *peer = (proa__peer *)draft;
    const proa__peer *other = proa__c2c_peer(c, peer->short_id);
    bool is_new = before == NULL || ((const proa__peer *)before)->short_id != peer->short_id;
    (void)who;
    if (proa__row_text_is(draft, PROA__PEER_ENDPOINT, c->config->endpoint)) {
        return PROA_E_FORMAT; /* nobody is his own peer */
    }
    if (is_new && has_foreign_key(c, peer)) {
        return PROA_E_EXISTS;
    }
    peer->left_s = proa__c2c_left_s(peer, c->now_ms);
    return other != NULL && &other->row != before ? PROA_E_EXISTS : PROA_OK;
}

/* Rights never come before the peer they are for: what stands in a list under a short id that
 * begins (or ends) to mean somebody was meant for somebody else. */
static void accepted(proa_c2c *c, const proa__row *draft, const proa__row *before)
{
    uint32_t now = ((const proa__peer *)draft)->short_id;
    uint32_t old = before == NULL ? 0 : ((const proa__peer *)before)->short_id;
    if (old != now) {
        proa__c2c_drop_rights(c, now, false);
        proa__c2c_drop_rights(c, old, false);
    }
}

/* What was stored may be up to one step old. The result is stored at once: otherwise a device that
 * reboots again and again would never get past the same step. */
static bool loaded(proa_c2c *c, proa__row *row)
{
    proa__peer *peer = (proa__peer *)row;
    uint32_t step_s = proa__c2c_step_s(peer->lifetime_s);
    peer->left_s = peer->left_s > step_s ? peer->left_s - step_s : 0;
    peer->lifetime_new = true; /* counts from the first run on */
    c->dirty = true;
    return true;
}

static void removed(proa_c2c *c, proa__row *row)
{
    const proa__peer *peer = (const proa__peer *)row;
    proa__c2c_drop_rights(c, peer->short_id, true);
    if (c->requester != NULL) {
        memset(proa__asked_of(c, peer), 0, sizeof(proa__asked) * PROA_AC_ENTRIES_MAX);
    }
}

const proa__kind proa__client_kind = {
    .object = PROA_OBJECT_CLIENT,
    .letter = 'p',
    .words = PROA__WORDS(proa__peer, used),
    .head_len = offsetof(proa__peer, announced),
    .row_len = sizeof(proa__peer),
    .count = sizeof(resources) / sizeof(resources[0]),
    .resources = resources,
    .fields = fields,
    .make = make,
    .touched = touched,
    .compute = compute,
    .accept = accept,
    .accepted = accepted,
    .loaded = loaded,
    .removed = removed,
};
