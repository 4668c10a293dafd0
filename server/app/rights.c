/* SPDX-License-Identifier: Apache-2.0 */
/* From what object 11002 of a host holds to what it should hold.
 *
 * An instance of 11002 speaks about one target and holds a list of (short id, rights). Several
 * grants share an instance when they are about the same target, so a list is never rewritten from
 * memory alone: what the host answered is the base, our own entries are set to what the grants say,
 * the default entry (0) and those of peers we did not make stay (G18). A list without entries is
 * deleted.
 *
 * Reading decides, instance numbers do not: a device may have given a number to another target since.
 * Without reading we only ever Create (a plan of a first grant), and the host refuses a
 * second instance about one target, which makes us read. */
#include <string.h>

#include "server/app/state.h"

static bool add_acl(proa__fix *fix, uint16_t short_id, uint8_t rights)
{
    for (uint8_t i = 0; i < fix->count; i++) {
        if (fix->acl[i].short_id == short_id) {
            return true;
        }
    }
    if (fix->count == PROA__ACL_MAX) {
        return false;
    }
    fix->acl[fix->count].short_id = short_id;
    fix->acl[fix->count++].rights = rights;
    return true;
}

/* Our entries for one target: of every live grant of the host. */
static bool add_ours(proa__fix *fix, const proa__device *host)
{
    for (const proa__record *r = host->grants[PROA__HOST]; r != NULL; r = r->next[PROA__HOST]) {
        uint8_t rights =
            proa__grant_rights(host, r->g.requester_short_id, fix->object, fix->target);
        if (rights != 0 && !add_acl(fix, r->g.requester_short_id, rights)) {
            return false;
        }
    }
    return true;
}

static bool is_foreign(const proa__device *host, uint16_t short_id)
{
    for (uint8_t i = 0; i < host->foreign_count; i++) {
        if (host->foreign[i].short_id == short_id) {
            return true;
        }
    }
    return short_id == 0 || host->foreign_more;
}

static bool same_list(const proa__fix *fix, const proa__row *row)
{
    if (fix->count != row->acl_count) {
        return false;
    }
    for (uint8_t i = 0; i < row->acl_count; i++) {
        bool found = false;
        for (uint8_t j = 0; j < fix->count; j++) {
            found = found || (fix->acl[j].short_id == row->acl[i].short_id &&
                              fix->acl[j].rights == row->acl[i].rights);
        }
        if (!found) {
            return false;
        }
    }
    return true;
}

static void learn_instance(proa__device *host, uint16_t object, uint16_t target, uint16_t instance)
{
    for (proa__record *r = host->grants[PROA__HOST]; r != NULL; r = r->next[PROA__HOST]) {
        for (uint8_t i = 0; i < r->g.entry_count; i++) {
            if (r->g.entries[i].object == object && r->g.entries[i].instance == target) {
                r->g.entries[i].access_instance = instance;
            }
        }
    }
}

/* One instance as it is -> a correction, or none. False if a list would not fit. */
static bool plan_row(proa__job *job, proa__device *host, const proa__row *row, bool keep_unknown)
{
    proa__fix *fix = &job->fixes[job->fix_count];
    memset(fix, 0, sizeof *fix);
    fix->instance = row->instance;
    fix->object = row->object;
    fix->target = row->target;
    for (uint8_t i = 0; i < row->acl_count; i++) {
        uint16_t short_id = row->acl[i].short_id;
        bool is_ours = proa__grant_owns_short_id(host, short_id);
        if (!is_ours && (keep_unknown || is_foreign(host, short_id)) &&
            !add_acl(fix, short_id, row->acl[i].rights)) {
            return false;
        }
    }
    if (!add_ours(fix, host)) {
        return false;
    }
    learn_instance(host, row->object, row->target, row->instance);
    if (!same_list(fix, row)) {
        job->fix_count++;
    }
    return true;
}

static bool has_fix(const proa__job *job, uint16_t object, uint16_t target)
{
    for (uint8_t i = 0; i < job->fix_count; i++) {
        if (job->fixes[i].object == object && job->fixes[i].target == target) {
            return true;
        }
    }
    return false;
}

static void plan_create(proa__job *job, const proa__device *host, uint16_t object, uint16_t target)
{
    if (job->fix_count == PROA__FIXES_MAX) {
        job->fixes_more = true;
        return;
    }
    proa__fix *fix = &job->fixes[job->fix_count];
    memset(fix, 0, sizeof *fix);
    fix->create = true;
    fix->object = object;
    fix->target = target;
    if (add_ours(fix, host)) {
        job->fix_count++;
    }
}

/* Targets of live grants that no instance of 11002 spoke about. */
static void plan_missing(proa__job *job, proa__device *host)
{
    for (proa__record *r = host->grants[PROA__HOST]; r != NULL; r = r->next[PROA__HOST]) {
        for (uint8_t i = 0; proa__grant_is_live(r) && i < r->g.entry_count; i++) {
            const proa_grant_entry *e = &r->g.entries[i];
            if (e->access_instance == PROA_ID_ALL && !has_fix(job, e->object, e->instance)) {
                plan_create(job, host, e->object, e->instance);
            }
        }
    }
}

static void start_plan(proa__job *job)
{
    job->fix_count = 0;
    job->fix_at = 0;
    job->fixes_more = false;
}

bool proa__rights_plan(proa__job *job, proa__device *host, const proa__answer *answer,
                       bool keep_unknown)
{
    proa__rows rows;
    proa__row row;
    proa_path base = proa_path_make(1, PROA_OBJECT_CLIENT_ACCESS, 0, 0);
    start_plan(job);
    if (!proa__rows_begin(&rows, &base, answer)) {
        return false;
    }
    for (proa__record *r = host->grants[PROA__HOST]; r != NULL; r = r->next[PROA__HOST]) {
        for (uint8_t i = 0; i < r->g.entry_count; i++) {
            r->g.entries[i].access_instance = PROA_ID_ALL;
        }
    }
    while (proa__rows_next(&rows, &row)) {
        if (job->fix_count == PROA__FIXES_MAX) {
            job->fixes_more = true;
            learn_instance(host, row.object, row.target, row.instance);
        } else if (!plan_row(job, host, &row, keep_unknown)) {
            return false;
        }
    }
    if (!proa__rows_ok(&rows)) {
        return false;
    }
    plan_missing(job, host);
    return true;
}

void proa__rights_plan_blind(proa__job *job, const proa__record *grant)
{
    start_plan(job);
    for (uint8_t i = 0; i < grant->g.entry_count; i++) {
        const proa_grant_entry *e = &grant->g.entries[i];
        if (e->access_instance == PROA_ID_ALL) {
            plan_create(job, grant->device[PROA__HOST], e->object, e->instance);
        }
    }
}

void proa__rights_ask(proa__job *job, proa__request *request)
{
    const proa__fix *fix = &job->fixes[job->fix_at];
    if (fix->create) {
        request->op = PROA_OP_CREATE;
        request->path = proa_path_make(1, PROA_OBJECT_CLIENT_ACCESS, 0, 0);
        proa__wire_access(request->w, fix);
    } else if (fix->count == 0) {
        request->op = PROA_OP_DELETE;
        request->path = proa_path_make(2, PROA_OBJECT_CLIENT_ACCESS, fix->instance, 0);
    } else {
        request->op = PROA_OP_WRITE_REPLACE;
        request->path = proa_path_make(3, PROA_OBJECT_CLIENT_ACCESS, fix->instance, 2);
        proa__wire_acl(request->w, fix);
    }
}

void proa__rights_done(proa__job *job, proa__device *host, const proa__answer *answer)
{
    const proa__fix *fix = &job->fixes[job->fix_at++];
    if (fix->create && answer->created.depth >= 2) {
        learn_instance(host, fix->object, fix->target, answer->created.ids[1]);
    }
}

bool proa__rights_shared(const proa__record *grant)
{
    const proa__device *host = grant->device[PROA__HOST];
    for (const proa__record *r = host->grants[PROA__HOST]; r != NULL; r = r->next[PROA__HOST]) {
        for (uint8_t i = 0; r != grant && i < r->g.entry_count; i++) {
            for (uint8_t j = 0; j < grant->g.entry_count; j++) {
                if (r->g.entries[i].object == grant->g.entries[j].object &&
                    r->g.entries[i].instance == grant->g.entries[j].instance) {
                    return true;
                }
            }
        }
    }
    return false;
}
