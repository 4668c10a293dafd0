/* SPDX-License-Identifier: Apache-2.0 */
/* Giving a requester access to a host: which kind of provisioning it is, on which terms, and what
 * becomes of it. The steps themselves are provision_steps.c.
 *
 * FRESH makes accounts, REUSE takes the account of the other direction, RENEW changes lifetime and
 * rights of a grant that is there, ADOPT gives rights to an account of somebody else.
 *
 * After a failure this file only says what is no longer wanted; sync.c removes it. A failed renewal
 * keeps the grant as it was. Lost accounts (docs/C2C.md §7) are installed again with a fresh key under
 * the same record, which stays ACTIVE on disk with the old identity until the new one works: after
 * a crash in between the old account is found missing again, and the new one is an orphan. */
#include <string.h>

#include "server/app/state.h"

static const proa__fail not_allowed = {PROA_COAP_FORBIDDEN, 0, 0, "no longer allowed"};
static const proa__fail not_protected = {PROA_COAP_FORBIDDEN, 0, 0, "not protected"};
static const proa__fail offline = {PROA_COAP_SERVICE_UNAVAILABLE, PROA_AC_WHY_HOST_OFFLINE, 30,
                                   "host not registered"};
static const proa__fail gone = {PROA_COAP_SERVICE_UNAVAILABLE, PROA_AC_WHY_BUSY, 2,
                                "requester not registered"};
static const proa__fail no_network = {PROA_COAP_SERVICE_UNAVAILABLE, PROA_AC_WHY_NO_NETWORK, 300,
                                      "no common network"};
static const proa__fail no_security = {PROA_COAP_SERVICE_UNAVAILABLE, PROA_AC_WHY_NO_NETWORK, 300,
                                       "no security in common"};
static const proa__fail busy = {PROA_COAP_SERVICE_UNAVAILABLE, PROA_AC_WHY_BUSY, 10,
                                "an earlier grant is still being removed"};
static const proa__fail late = {PROA_COAP_SERVICE_UNAVAILABLE, PROA_AC_WHY_BUSY, 10,
                                "waited too long for its turn"};
static const proa__fail full = {PROA_COAP_SERVICE_UNAVAILABLE, PROA_AC_WHY_BUSY, 60,
                                "too many grants"};
static const proa__fail too_many = {PROA_COAP_REQUEST_ENTITY_TOO_LARGE, 0, 0,
                                    "too many entries for one host"};

/* ---- beginning -------------------------------------------------------------------------- */

/* Lay the granted entries over what is there: asking again never takes rights away. */
static bool merge(proa_grant *g, const proa_ac_body *body)
{
    for (uint8_t i = 0; i < body->count; i++) {
        const proa_ac_entry *e = &body->entries[i];
        uint8_t at = proa__grant_entry_at(g, e->object, e->instance);
        if (at == PROA_AC_ENTRIES_MAX) {
            return false;
        }
        if (at == g->entry_count) {
            proa_grant_entry entry = {e->object, e->instance, 0, PROA_ID_ALL};
            g->entries[g->entry_count++] = entry;
        }
        g->entries[at].rights |= e->rights;
    }
    return true;
}

static void set_terms(proa_authority *a, uint64_t now_ms, const proa__job *job, proa_grant *g,
                      const proa__judgement *j)
{
    size_t len = j->rule.len < sizeof g->rule - 1 ? j->rule.len : sizeof g->rule - 1;
    if (job->reinstall) {
        return; /* it comes back as it was */
    }
    memset(g->rule, 0, sizeof g->rule);
    memcpy(g->rule, j->rule.data, len);
    g->revoke_on_deregister = j->revoke_on_deregister;
    g->lifetime_s = j->lifetime_s;
    g->expires_unix_s = proa__unix_s(a, now_ms) + (int64_t)j->lifetime_s;
    if (job->mode != PROA__RENEW) {
        g->granted_unix_s = proa__unix_s(a, now_ms);
    }
}

/* True if the grant of the other direction stands on the same account. */
static bool shares_account(const proa__job *job, const proa__record *reverse)
{
    return reverse != NULL && proa__grant_is_live(reverse) && !proa__grant_is_adopted(reverse) &&
           job->mode != PROA__ADOPT;
}

/* Two grants over one account live for the shorter of their lifetimes and are renewed together. A
 * device knows one end, that of the account: if the longer grant set it, the host of the other
 * would go on serving after its own grant ended, and nobody could tell it while it is away. The
 * later end is stored before a device hears of it. */
static void share_terms(proa_authority *a, uint64_t now_ms, proa__record *r, proa__record *reverse)
{
    if (reverse->g.lifetime_s < r->g.lifetime_s) {
        r->g.expires_unix_s = proa__unix_s(a, now_ms) + (int64_t)reverse->g.lifetime_s;
    }
    if (r->g.expires_unix_s > reverse->g.expires_unix_s) {
        reverse->g.expires_unix_s = r->g.expires_unix_s;
        proa__grant_store(a, reverse);
        proa__grant_arm(a, now_ms, reverse);
    }
}

static const proa__fail *fresh_account(proa_authority *a, proa__job *job,
                                       const proa__record *reverse, proa_peer_security wanted)
{
    proa__device *host = job->device[PROA__HOST];
    proa__device *requester = job->device[PROA__REQUESTER];
    proa_grant *g = &job->grant->g;
    if (reverse != NULL) {
        proa__grant_mirror(g, &reverse->g); /* lost there, too: the short ids stay */
    }
    g->security = proa__device_security(host, requester, wanted);
    if (g->security == PROA_PEER_SECURITY_OSCORE && !(host->has_oscore && requester->has_oscore)) {
        return &no_security;
    }
    g->generation++;
    memset(g->old_identity, 0, sizeof g->old_identity);
    g->host_security = g->host_client = PROA_ID_ALL;
    g->requester_security = g->requester_client = PROA_ID_ALL;
    if (g->requester_short_id == 0) {
        g->requester_short_id = proa__device_short_id(host);
    }
    if (g->host_short_id == 0) {
        g->host_short_id = proa__device_short_id(requester);
    }
    return proa__job_new_key(a, job) && g->requester_short_id != 0 && g->host_short_id != 0 ? NULL
                                                                                            : &full;
}

static void plan_rights(proa__job *job, bool changed)
{
    proa__record *r = job->grant;
    job->read_access = false;
    if (job->mode == PROA__RENEW && !changed && !r->rights_unsure) {
        return;
    }
    if (job->mode != PROA__RENEW) {
        for (uint8_t i = 0; i < r->g.entry_count; i++) {
            r->g.entries[i].access_instance = PROA_ID_ALL;
        }
    }
    if (proa__job_is_compact(job, PROA__HOST)) {
        job->fix_count = job->fix_at = 0; /* it lays them over what it has by itself */
        return;
    }
    job->read_access = job->mode == PROA__RENEW || job->mode == PROA__ADOPT || r->lost ||
                       r->rights_unsure || proa__rights_shared(r);
    if (!job->read_access) {
        proa__rights_plan_blind(job, r);
    }
}

static proa__mode choose_mode(const proa__job *job, const proa__record *r,
                              const proa__record *reverse)
{
    if (r != NULL && !r->lost) {
        return PROA__RENEW;
    }
    if (reverse != NULL && proa__grant_is_live(reverse) && !proa__grant_is_adopted(reverse)) {
        return PROA__REUSE;
    }
    return job->credentials || r != NULL ? PROA__FRESH : PROA__ADOPT;
}

static const proa__fail *open_grant(proa_authority *a, uint64_t now_ms, proa__job *job,
                                    const proa__judgement *j)
{
    proa__record *r = proa__grant_find(job->device[PROA__REQUESTER], job->device[PROA__HOST]);
    proa__record *reverse = proa__grant_find(job->device[PROA__HOST], job->device[PROA__REQUESTER]);
    proa__device *host = job->device[PROA__HOST];
    proa__device *requester = job->device[PROA__REQUESTER];
    job->mode = choose_mode(job, r, reverse);
    if (r == NULL) {
        bool is_new = reverse == NULL;
        if (!proa__device_has_room(host, requester, is_new, j->granted.count) ||
            !proa__device_has_room(requester, host, is_new, 0)) {
            return &full;
        }
        r = proa__grant_take(a, now_ms, host, requester);
    }
    if (r == NULL) {
        return &full;
    }
    proa_grant_entry before[PROA_AC_ENTRIES_MAX];
    uint8_t before_count = r->g.entry_count;
    memcpy(before, r->g.entries, sizeof before);
    if (!merge(&r->g, &j->granted)) {
        r->g.entry_count = before_count;
        memcpy(r->g.entries, before, sizeof before);
        return &too_many;
    }
    bool changed = r->g.entry_count != before_count;
    for (uint8_t i = 0; i < before_count; i++) {
        changed = changed || r->g.entries[i].rights != before[i].rights;
    }
    job->grant = r;
    r->job = job;
    r->untold_ms = 0;
    job->before_count = before_count;
    memcpy(job->before, before, sizeof before);
    bool is_due = proa__roll_is_due(a, now_ms, job, r);
    set_terms(a, now_ms, job, &r->g, j);
    job->extend = proa__job_has_account(job);
    if (shares_account(job, reverse) && !job->reinstall) {
        share_terms(a, now_ms, r, reverse);
    }
    if (job->mode == PROA__REUSE) {
        proa__grant_mirror(&r->g, &reverse->g);
        job->extend = true;
    } else if (job->mode == PROA__FRESH) {
        const proa__fail *fail = fresh_account(a, job, reverse, j->security);
        if (fail != NULL) {
            return fail;
        }
    }
    job->roll = job->rolled[0] = job->rolled[1] = false;
    if (is_due) {
        proa__roll_begin(a, job);
    }
    plan_rights(job, changed);
    return NULL;
}

static const proa__fail *check(const proa_authority *a, const proa__job *job)
{
    const proa__device *host = job->device[PROA__HOST];
    const proa__device *requester = job->device[PROA__REQUESTER];
    uint8_t uri[PROA_URI_MAX];
    proa_writer w = proa_writer_make(uri, sizeof uri);
    if (host->reg == 0) {
        return &offline;
    }
    if (requester->reg == 0) {
        return &gone;
    }
    if (!host->secured || !requester->secured) {
        return &not_protected;
    }
    /* Without credentials to hand out, how the two reach each other is their own business. */
    return !job->credentials ||
                   proa__device_uri(a, host, requester, PROA_PEER_SECURITY_DTLS, &w) == PROA_OK
               ? NULL
               : &no_network;
}

/* The pair has something that is being removed, or nobody knows which keys it has: let the devices
 * be looked at, and put right, first, once. */
static bool must_wait(proa_authority *a, proa__job *job)
{
    const proa__device *host = job->device[PROA__HOST];
    const proa__device *requester = job->device[PROA__REQUESTER];
    const proa__record *r = proa__grant_find(requester, host);
    const proa__record *reverse = proa__grant_find(host, requester);
    bool removing = (r != NULL && r->g.state == PROA_GRANT_REVOKING) ||
                    (reverse != NULL && reverse->g.state == PROA_GRANT_REVOKING);
    bool unsure = (r != NULL && r->key_unsure) || (reverse != NULL && reverse->key_unsure);
    if (!removing && (!unsure || job->waited)) {
        return false;
    }
    if (job->waited) {
        proa__job_fail(a, job, &busy);
        return false;
    }
    job->waited = true;
    proa__sync_now(a, job->device[PROA__HOST]);
    proa__sync_now(a, job->device[PROA__REQUESTER]);
    return true;
}

/* Its turn comes late, and the host has not been heard of since it was asked for: most likely what was
 * at work before has waited for it in vain, and those behind this one should not wait for the same
 * again. A host that answers, however slowly, is worth the work at any time. */
static bool is_too_late(const proa_authority *a, uint64_t now_ms, const proa__job *job)
{
    return !job->reinstall && now_ms - job->asked_ms > a->config.deadline_ms / 2 &&
           job->device[PROA__HOST]->heard_ms <= job->asked_ms;
}

static bool begin(proa_authority *a, uint64_t now_ms, proa__job *job)
{
    const proa__fail *fail = check(a, job);
    proa__judgement j;
    job->reg[0] = job->device[0]->reg;
    job->reg[1] = job->device[1]->reg;
    proa__job_works(a, now_ms, job);
    if (fail == NULL && must_wait(a, job)) {
        proa__job_again(a, job);
        return false;
    }
    if (fail == NULL && is_too_late(a, now_ms, job)) {
        fail = &late;
    }
    if (fail == NULL && job->fail.code == 0) {
        /* The rules may have changed while this waited. */
        proa__judge(a, proa_span_of(job->device[PROA__REQUESTER]->endpoint),
                    proa_span_of(job->device[PROA__HOST]->endpoint), &job->body, &j);
        fail = j.allowed ? open_grant(a, now_ms, job, &j) : &not_allowed;
    }
    if (fail != NULL) {
        proa__job_fail(a, job, fail);
    }
    return true;
}

/* ---- ending ----------------------------------------------------------------------------- */

proa_audit_kind proa__job_audit(const proa__job *job)
{
    return job->reinstall             ? PROA_AUDIT_RECONCILED
           : job->mode == PROA__RENEW ? PROA_AUDIT_RENEWED
                                      : PROA_AUDIT_GRANTED;
}

static void finish(proa_authority *a, uint64_t now_ms, proa__job *job)
{
    proa__record *r = job->grant;
    proa__record *reverse = proa__grant_reverse(r);
    proa_audit_kind kind = proa__job_audit(job);
    r->job = NULL;
    r->lost = false;
    r->was_active = true;
    r->untold_ms = job->asked || job->reinstall ? 0 : now_ms;
    r->rights_unsure = false;
    r->uri_stale = false;
    if (job->rolled[PROA__REQUESTER]) {
        proa__roll_end(a, r);
    }
    proa__grant_arm(a, now_ms, r);
    if (shares_account(job, reverse) && reverse->g.expires_unix_s > r->g.expires_unix_s) {
        reverse->g.expires_unix_s = r->g.expires_unix_s; /* both devices have it by now */
        proa__grant_store(a, reverse);
        proa__grant_arm(a, now_ms, reverse);
    }
    a->stats.granted += kind == PROA_AUDIT_GRANTED;
    a->stats.renewed += kind == PROA_AUDIT_RENEWED;
    a->stats.reconciled += kind == PROA_AUDIT_RECONCILED;
    proa__job_answer(a, job, PROA_COAP_CREATED, 0, 0);
    proa__job_end(a, job);
    if (reverse != NULL && reverse->lost) {
        proa__reinstall(a, now_ms, reverse);
    }
}

static void roll_back(proa_authority *a, uint64_t now_ms, proa__job *job)
{
    proa__record *r = job->grant;
    proa__device *host = r->device[PROA__HOST];
    proa__device *requester = r->device[PROA__REQUESTER];
    r->job = NULL;
    if (job->mode == PROA__RENEW) {
        r->g.entry_count = job->before_count;
        memcpy(r->g.entries, job->before, sizeof job->before);
        r->rights_unsure = r->rights_unsure || job->touched[PROA__HOST];
        proa__grant_store(a, r);
        proa__grant_arm(a, now_ms, r);
        if (job->touched[PROA__HOST]) {
            proa__sync_want(a, host);
        }
        if (job->roll) {
            proa__roll_failed(a, r);
        }
        proa__grant_recheck(a, now_ms, r, r->why);
    } else if (r->was_active && PROA_COAP_CLASS(job->fail.code) == 5) {
        r->g.state = PROA_GRANT_ACTIVE;
        r->lost = true;
        r->clean[0] = r->clean[1] = false;
        r->retry_at_ms = now_ms + a->config.retry_ms;
        proa__sync_want(a, host);
        proa__sync_want(a, requester);
        proa__grant_recheck(a, now_ms, r, r->why);
    } else if (r->was_active) {
        proa__grant_end(a, now_ms, r, job->fail.why);
    } else {
        r->g.state = PROA_GRANT_REVOKING;
        r->g.host_cleared = !job->touched[PROA__HOST];
        r->g.requester_cleared = !job->touched[PROA__REQUESTER] || job->mode != PROA__FRESH;
        proa__grant_arm(a, now_ms, r);
        if (!proa__grant_ended(a, r)) {
            proa__sync_now(a, host);
            proa__sync_now(a, requester);
        }
    }
}

static void stop(proa_authority *a, uint64_t now_ms, proa__job *job)
{
    proa_span requester = proa_span_of(job->device[PROA__REQUESTER]->endpoint);
    proa_span host = proa_span_of(job->device[PROA__HOST]->endpoint);
    a->stats.failed++;
    proa__note_audit(a, PROA_AUDIT_FAILED, requester, host,
                     job->grant == NULL ? NULL : &job->grant->g, &job->body.entries[0],
                     proa_span_of(job->fail.why));
    proa__job_answer(a, job, job->fail.code, job->fail.max_age_s, job->fail.reason);
    proa__record *r = proa__grant_find(job->device[PROA__REQUESTER], job->device[PROA__HOST]);
    if (job->grant != NULL) {
        bool ending = job->grant->ending && job->grant->was_active;
        job->grant->ending = false;
        roll_back(a, now_ms, job);
        r = proa__grant_find(job->device[PROA__REQUESTER], job->device[PROA__HOST]);
        if (ending && r != NULL) {
            proa__grant_end(a, now_ms, r, r->why);
        }
    } else if (job->reinstall && r != NULL && r->lost && PROA_COAP_CLASS(job->fail.code) == 4) {
        proa__grant_end(a, now_ms, r, job->fail.why);
    }
    proa__job_end(a, job);
}

const proa__plan proa__provision_plan = {proa__provision_steps, PROA__PROVISION_STEPS, begin,
                                         finish, stop};

/* ---- lost accounts ---------------------------------------------------------------------- */

static bool is_queued(const proa__record *grant)
{
    const proa__device *host = grant->device[PROA__HOST];
    for (const proa__job *job = host->head; job != NULL;
         job = job->next[job->device[0] == host ? 0 : 1]) {
        if (job->plan == &proa__provision_plan && job->device[PROA__HOST] == host &&
            job->device[PROA__REQUESTER] == grant->device[PROA__REQUESTER]) {
            return true;
        }
    }
    return false;
}

void proa__reinstall(proa_authority *a, uint64_t now_ms, proa__record *grant)
{
    proa__device *host = grant->device[PROA__HOST];
    proa__device *requester = grant->device[PROA__REQUESTER];
    proa_ac_body body = {.count = grant->g.entry_count};
    if (grant->job != NULL || host->reg == 0 || requester->reg == 0 ||
        now_ms < grant->retry_at_ms || is_queued(grant)) {
        return;
    }
    for (uint8_t i = 0; i < body.count; i++) {
        body.entries[i].object = grant->g.entries[i].object;
        body.entries[i].instance = grant->g.entries[i].instance;
        body.entries[i].rights = grant->g.entries[i].rights;
    }
    proa__job *job = proa__job_take(a, &proa__provision_plan, host, requester);
    if (job != NULL) {
        job->reinstall = true;
        job->credentials = true;
        job->body = body;
        proa__job_wanted(a, now_ms, job);
        proa__job_enqueue(a, job);
    }
}
