/* SPDX-License-Identifier: Apache-2.0 */
/* A new key for an account that is in use (docs/C2C.md §7).
 *
 * An OSCORE context cannot be shaken anew by its two ends, so a renewal gives the account another
 * one: the new key is made beside the old one, on the host first, and each device drops the old key
 * when it sees the new one used. There is no moment at which the requester has a key that the host
 * does not know.
 *
 * While that lasts the grant has two identities, and both are stored before a device hears of the new
 * one. Whatever is interrupted then, nothing has to be undone in a hurry: either key is the
 * account's, and the syncs of the two devices tell
 *
 *   both have the new key             it has come about; the old one is forgotten when it is gone
 *   one of them has the old one only  it has not: the old identity is the only one again, and what
 *                                     the other device has of the new key is an orphan
 *
 * A device without room for a second key keeps the one it has: it gets a longer life all the same. */
#include <string.h>

#include "server/app/state.h"

/* Who asks again at once, or for more rights, is not renewing. A device renews from half of its own
 * count of the lifetime on, which may run a little ahead of ours (docs/C2C.md §7). An account lives
 * for the shorter lifetime of its two grants. */
static bool is_old_enough(const proa__record *grant, int64_t now_unix_s)
{
    const proa__record *reverse = proa__grant_reverse(grant);
    int64_t lifetime_s = grant->g.lifetime_s;
    if (reverse != NULL && proa__grant_is_live(reverse) && reverse->g.lifetime_s < lifetime_s) {
        lifetime_s = reverse->g.lifetime_s;
    }
    return grant->g.expires_unix_s - now_unix_s <= lifetime_s - lifetime_s / 4;
}

bool proa__roll_is_due(const proa_authority *a, uint64_t now_ms, const proa__job *job,
                       const proa__record *grant)
{
    return job->mode == PROA__RENEW && job->credentials && !job->reinstall &&
           !proa__grant_is_adopted(grant) && grant->g.security == PROA_PEER_SECURITY_OSCORE &&
           !proa__grant_rolls(grant) && is_old_enough(grant, proa__unix_s(a, now_ms));
}

static void has_one_key(proa__record *r)
{
    memset(r->g.old_identity, 0, sizeof r->g.old_identity);
}

/* What syncs saw before does not count. */
static void look_anew(proa__record *r)
{
    proa__record *reverse = proa__grant_reverse(r);
    r->seen[0] = r->seen[1] = 0;
    if (reverse != NULL) {
        reverse->seen[0] = reverse->seen[1] = 0;
    }
}

static void look_now(proa_authority *a, proa__record *r)
{
    r->key_unsure = true;
    look_anew(r);
    proa__sync_want(a, r->device[PROA__HOST]);
    proa__sync_want(a, r->device[PROA__REQUESTER]);
}

void proa__roll_begin(proa_authority *a, proa__job *job)
{
    proa__record *r = job->grant;
    proa_grant before = r->g;
    job->roll = proa__job_new_key(a, job);
    if (!job->roll) {
        r->g = before; /* no Sender IDs are left */
        return;
    }
    memcpy(r->g.old_identity, before.identity, sizeof r->g.old_identity);
    r->g.generation++;
    look_anew(r);
    proa__grant_share_account(a, r);
}

void proa__roll_end(proa_authority *a, proa__record *grant)
{
    look_anew(grant);
    proa__grant_share_account(a, grant);
}

/* The old key is the only one again. Where what stands is learnt by syncs, which remove the rest. */
static void go_back(proa_authority *a, proa__record *r)
{
    memcpy(r->g.identity, r->g.old_identity, sizeof r->g.identity);
    has_one_key(r);
    proa__grant_share_account(a, r);
    look_now(a, r);
}

void proa__roll_give_up(proa_authority *a, proa__job *job)
{
    job->roll = false;
    go_back(a, job->grant);
}

void proa__roll_failed(proa_authority *a, proa__record *grant)
{
    look_now(a, grant);
}

void proa__roll_settle(proa_authority *a, proa__record *grant)
{
    const uint8_t *seen = grant->seen;
    bool both_new = (seen[0] & seen[1] & PROA__KEY_NEW) != 0;
    bool was_unsure = grant->key_unsure;
    if (grant->job != NULL || seen[0] == 0 || seen[1] == 0) {
        return;
    }
    grant->key_unsure = false;
    if (!proa__grant_rolls(grant)) {
        return;
    }
    if (!both_new) {
        go_back(a, grant);
        proa__grant_store(a, grant);
    } else if (((seen[0] | seen[1]) & PROA__KEY_OLD) == 0) {
        has_one_key(grant);
        proa__grant_share_account(a, grant);
        proa__grant_store(a, grant);
    } else if (was_unsure) {
        proa__sync_want(a, grant->device[PROA__HOST]); /* its newer key may have a URI now */
    }
}
