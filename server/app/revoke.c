/* SPDX-License-Identifier: Apache-2.0 */
/* How a grant ends: an operator revokes, a new policy no longer allows, its time is over, a device
 * says goodbye or threw the account out by itself.
 *
 * In all cases the record becomes REVOKING, that is stored, and both devices are synced; a device
 * that cannot be reached is synced when it comes back. When both are rid of it, or the account's
 * time is over on its own, the record goes and its short ids are free again (docs/C2C.md §7).
 *
 * A standing refusal comes before everything else, is stored first, and ends only by an explicit
 * allow. If the store fails, the refusal holds in memory and is stored again later: rather too
 * much refused than too little. */
#include <string.h>

#include "server/app/state.h"

/* The devices' clocks count from when they were written to, and not all at the same speed. */
#define GRACE_S 120
#define GRACE_DIVISOR 100

static const proa__fail revoked = {PROA_COAP_FORBIDDEN, 0, 0, "revoked"};

/* ---- standing refusals ------------------------------------------------------------------ */

static bool covers(const proa_path *path, uint16_t object, uint16_t target)
{
    /* Rights are about instances: a refusal of a resource refuses its instance, and who asks for
     * all instances asks for that one, too. */
    return path->depth == 0 ||
           (path->ids[0] == object &&
            (path->depth == 1 || path->ids[1] == target || target == PROA_ID_ALL));
}

bool proa__refused(const proa_authority *a, proa_span requester, proa_span host, uint16_t object,
                   uint16_t target)
{
    uint32_t cursor = 0;
    proa_handle handle;
    const proa__override *o;
    while ((o = proa_pool_next(&a->overrides, &cursor, &handle)) != NULL) {
        if (covers(&o->o.path, object, target) &&
            proa_span_equal(proa_span_of(o->o.requester), requester) &&
            proa_span_equal(proa_span_of(o->o.host), host)) {
            return true;
        }
    }
    return false;
}

static proa__override *find_override(const proa_authority *a, proa_span requester, proa_span host,
                                     const proa_path *path)
{
    uint32_t cursor = 0;
    proa_handle handle;
    proa__override *o;
    while ((o = proa_pool_next(&a->overrides, &cursor, &handle)) != NULL) {
        if (proa_path_equal(&o->o.path, path) &&
            proa_span_equal(proa_span_of(o->o.requester), requester) &&
            proa_span_equal(proa_span_of(o->o.host), host)) {
            return o;
        }
    }
    return NULL;
}

static void copy_name(char *to, proa_span from)
{
    memset(to, 0, PROA_ENDPOINT_MAX + 1);
    memcpy(to, from.data, from.len);
}

static proa__override *take_override(proa_authority *a, proa_span requester, proa_span host,
                                     const proa_path *path)
{
    proa_handle handle;
    proa__override *o = proa_pool_take(&a->overrides, &handle);
    if (o != NULL) {
        o->handle = handle;
        copy_name(o->o.requester, requester);
        copy_name(o->o.host, host);
        o->o.path = *path;
    }
    return o;
}

static bool is_name(proa_span name)
{
    return name.len > 0 && name.len <= PROA_ENDPOINT_MAX;
}

proa_err proa_authority_restore_override(proa_authority *a, const proa_override *o)
{
    proa_span requester = proa_span_of(o->requester);
    proa_span host = proa_span_of(o->host);
    if (find_override(a, requester, host, &o->path) != NULL) {
        return PROA_OK;
    }
    proa__override *made = take_override(a, requester, host, &o->path);
    if (made == NULL) {
        return PROA_E_FULL;
    }
    made->o.since_unix_s = o->since_unix_s;
    made->stored = true;
    return PROA_OK;
}

static void apply(proa_authority *a, uint64_t now_ms, const proa__override *o)
{
    proa__record *r = proa__grant_find(proa__device_find(a, proa_span_of(o->o.requester)),
                                       proa__device_find(a, proa_span_of(o->o.host)));
    if (r != NULL) {
        proa__grant_recheck(a, now_ms, r, NULL);
    }
}

static void store_override(proa_authority *a, uint64_t now_ms, proa__override *o)
{
    if (!proa__note_store_override(a, proa__ticket(PROA__TICKET_OVERRIDE, 0, o->handle), &o->o)) {
        proa__override_stored(a, now_ms, o, false);
    }
}

void proa__override_stored(proa_authority *a, uint64_t now_ms, proa__override *o, bool ok)
{
    o->stored = o->stored || ok;
    if (!o->stored) {
        proa__alarm_set(a, &o->alarm, PROA__ALARM_OVERRIDE, now_ms + a->config.retry_ms);
    }
    if (o->waits) {
        o->waits = false;
        apply(a, now_ms, o);
    }
}

void proa__override_alarm(proa_authority *a, uint64_t now_ms, proa__override *o)
{
    store_override(a, now_ms, o);
}

static void note_path(proa_authority *a, proa_audit_kind kind, proa_span requester, proa_span host,
                      const proa_path *path, const proa_grant *grant, const char *why)
{
    proa_ac_entry entry = {path->ids[0], path->depth >= 2 ? path->ids[1] : PROA_ID_ALL, 0};
    proa__note_audit(a, kind, requester, host, grant, path->depth == 0 ? NULL : &entry,
                     proa_span_of(why));
}

proa_err proa_authority_revoke(proa_authority *a, uint64_t now_ms, proa_span requester,
                               proa_span host, const proa_path *path, int64_t *effective_by_unix_s)
{
    *effective_by_unix_s = proa__unix_s(a, now_ms);
    if (!is_name(requester) || !is_name(host)) {
        return PROA_E_RANGE;
    }
    proa__override *o = find_override(a, requester, host, path);
    if (o == NULL) {
        o = take_override(a, requester, host, path);
    }
    if (o == NULL) {
        return PROA_E_FULL;
    }
    proa__record *r = proa__grant_find(proa__device_find(a, requester), proa__device_find(a, host));
    if (r != NULL && proa__grant_account_end(r) > *effective_by_unix_s) {
        *effective_by_unix_s = proa__grant_account_end(r);
    }
    a->stats.revoked++;
    o->o.since_unix_s = proa__unix_s(a, now_ms);
    o->waits = true;
    note_path(a, PROA_AUDIT_REVOKED, requester, host, path, r == NULL ? NULL : &r->g,
              "by an operator");
    if (r != NULL && r->job != NULL) {
        apply(a, now_ms, o); /* no further step towards more rights */
    }
    store_override(a, now_ms, o);
    return PROA_OK;
}

proa_err proa_authority_allow(proa_authority *a, uint64_t now_ms, proa_span requester,
                              proa_span host, const proa_path *path)
{
    proa__override *o = find_override(a, requester, host, path);
    (void)now_ms;
    if (o == NULL) {
        return PROA_E_NOT_FOUND;
    }
    proa__note_forget_override(a, &o->o);
    note_path(a, PROA_AUDIT_ALLOWED, requester, host, path, NULL, "by an operator");
    proa__alarm_clear(a, &o->alarm);
    proa_pool_give(&a->overrides, o->handle);
    return PROA_OK;
}

/* ---- ending ----------------------------------------------------------------------------- */

void proa__grant_arm(proa_authority *a, uint64_t now_ms, proa__record *grant)
{
    int64_t at_unix_s = grant->g.expires_unix_s;
    if (grant->g.state == PROA_GRANT_REVOKING) {
        at_unix_s = proa__grant_account_end(grant) + GRACE_S + grant->g.lifetime_s / GRACE_DIVISOR;
    }
    int64_t left_s = at_unix_s - proa__unix_s(a, now_ms);
    proa__alarm_set(a, &grant->alarm, PROA__ALARM_GRANT,
                    now_ms + (left_s > 0 ? (uint64_t)left_s * 1000 : 0));
}

static bool is_shared(const proa__record *grant)
{
    const proa__record *reverse = proa__grant_reverse(grant);
    return reverse != NULL && proa__grant_is_live(reverse);
}

void proa__grant_end(proa_authority *a, uint64_t now_ms, proa__record *grant, const char *why)
{
    if (grant->g.state == PROA_GRANT_REVOKING) {
        return;
    }
    grant->why = why;
    if (grant->job != NULL) {
        grant->ending = true;
        proa__job_fail(a, grant->job, &revoked);
        return;
    }
    grant->lost = false;
    grant->g.state = PROA_GRANT_REVOKING;
    grant->g.host_cleared = false;
    /* The account stays for the other direction; there is nothing else on the requester. */
    grant->g.requester_cleared = proa__grant_is_adopted(grant) || is_shared(grant);
    proa__grant_arm(a, now_ms, grant);
    if (!proa__note_store(a, proa__ticket(PROA__TICKET_GRANT, 0, grant->handle), &grant->g)) {
        proa__grant_stored(a, grant);
    }
}

/* Also when it could not be stored: after a restart the grant would come back only if policy and
 * refusals still allow it. */
void proa__grant_stored(proa_authority *a, proa__record *grant)
{
    if (grant->g.state == PROA_GRANT_REVOKING || grant->rights_unsure) {
        proa__sync_now(a, grant->device[PROA__HOST]);
    }
    if (grant->g.state == PROA_GRANT_REVOKING && !grant->g.requester_cleared) {
        proa__sync_now(a, grant->device[PROA__REQUESTER]);
    }
}

bool proa__grant_ended(proa_authority *a, proa__record *grant)
{
    if (grant->g.state != PROA_GRANT_REVOKING || !grant->g.host_cleared ||
        !grant->g.requester_cleared || grant->job != NULL) {
        return false;
    }
    grant->g.state = PROA_GRANT_ENDED;
    /* Of one that failed before it was ACTIVE the audit knows (provision.c), unless the server died over
     * it; and a requester may have used it by then (docs/C2C.md §5). */
    if (grant->was_active || grant->interrupted) {
        proa__note_grant(a, grant->was_active ? PROA_AUDIT_ENDED : PROA_AUDIT_FAILED, &grant->g,
                         proa_span_of(grant->why == NULL ? "" : grant->why));
    }
    proa__note_forget(a, &grant->g);
    proa__grant_give(a, grant);
    return true;
}

void proa__grant_revoke(proa_authority *a, uint64_t now_ms, proa__record *grant, const char *why)
{
    if (grant->g.state != PROA_GRANT_REVOKING) {
        a->stats.revoked++;
        proa__note_grant(a, PROA_AUDIT_REVOKED, &grant->g, proa_span_of(why));
        proa__grant_end(a, now_ms, grant, why);
    }
}

void proa__grant_alarm(proa_authority *a, uint64_t now_ms, proa__record *grant)
{
    int64_t unix_s = proa__unix_s(a, now_ms);
    if (grant->job != NULL) {
        proa__alarm_set(a, &grant->alarm, PROA__ALARM_GRANT, now_ms + a->config.retry_ms);
        return;
    }
    if (grant->g.state != PROA_GRANT_REVOKING) {
        if (unix_s >= grant->g.expires_unix_s) {
            proa__grant_end(a, now_ms, grant, "expired");
        } else {
            proa__grant_arm(a, now_ms, grant);
        }
        return;
    }
    /* The devices have dropped the account themselves by now. Not so an account that we did not
     * make, or that the other direction keeps alive: its host must be seen. */
    if (proa__grant_is_adopted(grant) || is_shared(grant)) {
        proa__alarm_set(a, &grant->alarm, PROA__ALARM_GRANT, now_ms + a->config.retry_ms * 10);
        return;
    }
    grant->g.host_cleared = true;
    grant->g.requester_cleared = true;
    (void)proa__grant_ended(a, grant);
}

/* ---- holding a grant against the rules -------------------------------------------------- */

static uint8_t still_allowed(const proa_authority *a, const proa_grant *g,
                             const proa_grant_entry *entry)
{
    proa_span requester = proa_span_of(g->requester);
    proa_span host = proa_span_of(g->host);
    uint8_t allowed = 0;
    if (proa__refused(a, requester, host, entry->object, entry->instance)) {
        return 0;
    }
    for (unsigned bit = 1; bit <= PROA_RIGHT_CREATE; bit <<= 1) {
        if ((entry->rights & bit) != 0) {
            allowed |= proa_policy_decide(a->policy, requester, host, entry->object,
                                          entry->instance, (uint8_t)bit)
                           .granted;
        }
    }
    return allowed;
}

void proa__grant_recheck(proa_authority *a, uint64_t now_ms, proa__record *grant, const char *why)
{
    proa_grant kept = grant->g;
    bool changed = false;
    if (grant->g.state == PROA_GRANT_REVOKING) {
        return;
    }
    kept.entry_count = 0;
    for (uint8_t i = 0; i < grant->g.entry_count; i++) {
        proa_grant_entry entry = grant->g.entries[i];
        entry.rights = still_allowed(a, &grant->g, &grant->g.entries[i]);
        changed = changed || entry.rights != grant->g.entries[i].rights;
        if (entry.rights != 0) {
            kept.entries[kept.entry_count++] = entry;
        }
    }
    if (!changed) {
        return;
    }
    if (grant->job != NULL) {
        grant->why = why;
        proa__job_fail(a, grant->job, &revoked); /* and when it has stopped, we come back */
        return;
    }
    if (why != NULL) {
        a->stats.revoked++;
        proa__note_grant(a, PROA_AUDIT_REVOKED, &grant->g, proa_span_of(why));
    }
    if (kept.entry_count == 0) {
        proa__grant_end(a, now_ms, grant, why == NULL ? "revoked" : why);
        return;
    }
    grant->g = kept;
    grant->rights_unsure = true;
    if (!proa__note_store(a, proa__ticket(PROA__TICKET_GRANT, 0, grant->handle), &grant->g)) {
        proa__grant_stored(a, grant);
    }
}
