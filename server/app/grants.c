/* SPDX-License-Identifier: Apache-2.0 */
/* The store of grants: one record for each (requester, host), found from either device.
 *
 * The records of both directions of a pair describe one account: same identity, same short ids, same
 * instances, mirrored (DESIGN: one account and one session per pair). Whoever changes the account
 * of one makes the other follow: provision.c when it begins, roll.c later.
 *
 * An id is made of the time, so that it is never used again even if the newest record was forgotten
 * before a restart; it stays below 2^53, which every JSON reader can hold. */
#include <string.h>

#include "proa/assert.h"
#include "server/app/state.h"

#define ID_SHIFT 20

const char *proa_grant_state_name(proa_grant_state state)
{
    switch (state) {
    case PROA_GRANT_INTENDED:
        return "intended";
    case PROA_GRANT_HOST_READY:
        return "host ready";
    case PROA_GRANT_ACTIVE:
        return "active";
    case PROA_GRANT_REVOKING:
        return "revoking";
    case PROA_GRANT_ENDED:
        return "ended";
    default:
        return "unknown";
    }
}

proa__record *proa__grant_find(const proa__device *requester, const proa__device *host)
{
    if (requester == NULL || host == NULL) {
        return NULL;
    }
    proa__record *r = requester->grants[PROA__REQUESTER];
    while (r != NULL && r->device[PROA__HOST] != host) {
        r = r->next[PROA__REQUESTER];
    }
    return r;
}

proa__record *proa__grant_reverse(const proa__record *grant)
{
    return proa__grant_find(grant->device[PROA__HOST], grant->device[PROA__REQUESTER]);
}

static uint64_t new_id(proa_authority *a, uint64_t now_ms)
{
    int64_t unix_s = proa__unix_s(a, now_ms);
    uint64_t id = unix_s > 0 ? (uint64_t)unix_s << ID_SHIFT : 1;
    a->last_id = id > a->last_id ? id : a->last_id + 1;
    return a->last_id;
}

proa__record *proa__grant_take(proa_authority *a, uint64_t now_ms, proa__device *host,
                               proa__device *requester)
{
    proa_handle handle;
    proa__record *r = proa_pool_take(&a->grants, &handle);
    if (r == NULL) {
        return NULL;
    }
    r->handle = handle;
    r->g.id = new_id(a, now_ms);
    r->g.state = PROA_GRANT_INTENDED;
    r->g.host_security = PROA_ID_ALL;
    r->g.host_client = PROA_ID_ALL;
    r->g.requester_security = PROA_ID_ALL;
    r->g.requester_client = PROA_ID_ALL;
    memcpy(r->g.host, host->endpoint, sizeof r->g.host);
    memcpy(r->g.requester, requester->endpoint, sizeof r->g.requester);
    r->device[PROA__HOST] = host;
    r->device[PROA__REQUESTER] = requester;
    for (uint8_t side = 0; side < 2; side++) {
        r->next[side] = r->device[side]->grants[side];
        r->device[side]->grants[side] = r;
    }
    return r;
}

void proa__grant_give(proa_authority *a, proa__record *grant)
{
    proa__device *device[2] = {grant->device[0], grant->device[1]};
    PROA_ASSERT(grant->job == NULL);
    for (uint8_t side = 0; side < 2; side++) {
        proa__record **at = &device[side]->grants[side];
        while (*at != grant) {
            at = &(*at)->next[side];
        }
        *at = grant->next[side];
    }
    proa__alarm_clear(a, &grant->alarm);
    proa_pool_give(&a->grants, grant->handle);
    proa__device_settle(a, device[PROA__HOST]);
    if (device[PROA__HOST] != device[PROA__REQUESTER]) {
        proa__device_settle(a, device[PROA__REQUESTER]);
    }
}

bool proa__grant_is_live(const proa__record *grant)
{
    bool is_installing = grant->job != NULL && grant->g.state != PROA_GRANT_REVOKING;
    return is_installing || (grant->g.state == PROA_GRANT_ACTIVE && !grant->lost);
}

bool proa__grant_is_adopted(const proa__record *grant)
{
    static const uint8_t none[PROA_GRANT_IDENTITY_LEN];
    return memcmp(grant->g.identity, none, sizeof none) == 0;
}

uint8_t proa__grant_side(const proa__record *grant, const proa__device *device)
{
    return grant->device[PROA__HOST] == device ? PROA__HOST : PROA__REQUESTER;
}

uint16_t proa__grant_short_id(const proa__record *grant, uint8_t side)
{
    return side == PROA__HOST ? grant->g.requester_short_id : grant->g.host_short_id;
}

proa__device *proa__grant_peer(const proa__record *grant, uint8_t side)
{
    return grant->device[side == PROA__HOST ? PROA__REQUESTER : PROA__HOST];
}

bool proa__grant_rolls(const proa__record *grant)
{
    static const uint8_t none[PROA_GRANT_IDENTITY_LEN];
    return memcmp(grant->g.old_identity, none, sizeof none) != 0;
}

uint8_t proa__grant_which_key(const proa__record *grant, proa_span identity)
{
    const proa_grant *g = &grant->g;
    if (proa_span_equal(identity, proa_span_make(g->identity, sizeof g->identity))) {
        return PROA__KEY_NEW;
    }
    return proa__grant_rolls(grant) &&
                   proa_span_equal(identity,
                                   proa_span_make(g->old_identity, sizeof g->old_identity))
               ? PROA__KEY_OLD
               : 0;
}

void proa__grant_mirror(proa_grant *g, const proa_grant *reverse)
{
    g->security = reverse->security;
    memcpy(g->identity, reverse->identity, sizeof g->identity);
    memcpy(g->old_identity, reverse->old_identity, sizeof g->old_identity);
    memcpy(g->requester_sender_id, reverse->host_sender_id, sizeof g->requester_sender_id);
    memcpy(g->host_sender_id, reverse->requester_sender_id, sizeof g->host_sender_id);
    g->generation = reverse->generation;
    g->requester_short_id = reverse->host_short_id;
    g->host_short_id = reverse->requester_short_id;
    g->host_security = reverse->requester_security;
    g->host_client = reverse->requester_client;
    g->requester_security = reverse->host_security;
    g->requester_client = reverse->host_client;
}

void proa__grant_share_account(proa_authority *a, proa__record *grant)
{
    proa__record *reverse = proa__grant_reverse(grant);
    if (reverse != NULL && proa__grant_is_live(reverse) && !proa__grant_is_adopted(reverse)) {
        proa__grant_mirror(&reverse->g, &grant->g);
        proa__grant_store(a, reverse);
    }
}

static proa__record *by_identity(const proa__device *device, proa_span identity, bool live)
{
    for (uint8_t side = 0; side < 2; side++) {
        for (proa__record *r = device->grants[side]; r != NULL; r = r->next[side]) {
            if (proa__grant_is_live(r) == live && proa__grant_which_key(r, identity) != 0) {
                return r;
            }
        }
    }
    return NULL;
}

proa__record *proa__grant_by_identity(const proa__device *device, proa_span identity)
{
    proa__record *r = by_identity(device, identity, true);
    return r != NULL ? r : by_identity(device, identity, false);
}

proa__record *proa__grant_by_client(const proa__device *device, uint16_t short_id,
                                    proa_span endpoint)
{
    for (uint8_t side = 0; side < 2; side++) {
        for (proa__record *r = device->grants[side]; r != NULL; r = r->next[side]) {
            if (proa__grant_is_live(r) && !proa__grant_is_adopted(r) &&
                proa__grant_short_id(r, side) == short_id &&
                proa_span_equal(proa_span_of(proa__grant_peer(r, side)->endpoint), endpoint)) {
                return r;
            }
        }
    }
    return NULL;
}

uint8_t proa__grant_entry_at(const proa_grant *g, uint16_t object, uint16_t target)
{
    uint8_t at = 0;
    while (at < g->entry_count &&
           (g->entries[at].object != object || g->entries[at].instance != target)) {
        at++;
    }
    return at;
}

uint8_t proa__grant_rights(const proa__device *host, uint16_t short_id, uint16_t object,
                           uint16_t target)
{
    uint8_t rights = 0;
    for (const proa__record *r = host->grants[PROA__HOST]; r != NULL; r = r->next[PROA__HOST]) {
        if (r->g.requester_short_id != short_id || !proa__grant_is_live(r)) {
            continue;
        }
        uint8_t at = proa__grant_entry_at(&r->g, object, target);
        rights |= at < r->g.entry_count ? r->g.entries[at].rights : 0;
    }
    return rights;
}

bool proa__grant_owns_short_id(const proa__device *host, uint16_t short_id)
{
    for (uint8_t side = 0; side < 2; side++) {
        for (const proa__record *r = host->grants[side]; r != NULL; r = r->next[side]) {
            if (short_id != 0 && proa__grant_short_id(r, side) == short_id) {
                return true;
            }
        }
    }
    return false;
}

int64_t proa__grant_account_end(const proa__record *grant)
{
    const proa__record *reverse = proa__grant_reverse(grant);
    int64_t end = grant->g.expires_unix_s;
    if (reverse != NULL && proa__grant_is_live(reverse) && reverse->g.expires_unix_s > end) {
        end = reverse->g.expires_unix_s;
    }
    return end;
}

/* An account on a device is ours to remove if its identity looks like one that we draw: 16 bytes
 * that are no text. Identities that people put into device files are names. */
bool proa__identity_is_ours(proa_span identity)
{
    bool is_text = true;
    for (size_t i = 0; i < identity.len; i++) {
        is_text = is_text && identity.data[i] >= 0x20 && identity.data[i] < 0x7f;
    }
    return identity.len == PROA_GRANT_IDENTITY_LEN && !is_text;
}

void proa__grant_new_identity(proa_authority *a, proa_grant *g)
{
    do {
        proa_random_fill(&a->config.random, g->identity, sizeof g->identity);
    } while (!proa__identity_is_ours(proa_span_make(g->identity, sizeof g->identity)));
}

/* Also of grants that are being removed: their contexts may still be on the device. And of this one:
 * its other id is different, and a key is not named as the one before it. */
static bool sender_id_taken(const proa__device *device, const uint8_t *id)
{
    for (uint8_t side = 0; side < 2; side++) {
        for (const proa__record *r = device->grants[side]; r != NULL; r = r->next[side]) {
            if (memcmp(r->g.requester_sender_id, id, PROA_GRANT_SENDER_ID_LEN) == 0 ||
                memcmp(r->g.host_sender_id, id, PROA_GRANT_SENDER_ID_LEN) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* A device has at most some hundred peers, and there are 65,536 numbers. */
#define SENDER_ID_TRIES 64

static bool draw_sender_id(proa_authority *a, const proa__record *r, uint8_t *id)
{
    uint8_t drawn[PROA_GRANT_SENDER_ID_LEN];
    for (int i = 0; i < SENDER_ID_TRIES; i++) {
        proa_random_fill(&a->config.random, drawn, sizeof drawn);
        if (!sender_id_taken(r->device[PROA__HOST], drawn) &&
            !sender_id_taken(r->device[PROA__REQUESTER], drawn)) {
            memcpy(id, drawn, sizeof drawn);
            return true;
        }
    }
    return false;
}

bool proa__grant_new_sender_ids(proa_authority *a, proa__record *grant)
{
    return draw_sender_id(a, grant, grant->g.requester_sender_id) &&
           draw_sender_id(a, grant, grant->g.host_sender_id);
}

void proa__grant_store(proa_authority *a, proa__record *grant)
{
    (void)proa__note_store(a, proa__ticket(PROA__TICKET_GRANT, 0, 0), &grant->g);
}
