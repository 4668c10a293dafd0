/* SPDX-License-Identifier: Apache-2.0 */
/* The doors of the authority: what it is told goes to devices, jobs and grants; what it wants comes
 * out of one queue of notes, and of the jobs that are ready for their next operation.
 *
 * Notes are copies, so that a record may change or go before its note was taken. Operations are
 * not queued: the payload is written when the caller comes for it, and wiped at the next call,
 * because it may hold a key (docs/DESIGN.md, the authority). A note that finds no memory is counted; if it was a store,
 * whoever waits for it is told that it failed.
 *
 * Everything that concerns many grants at once (a new policy, expiries) is done one grant per poll. */
#include "server/app/authority.h"

#include <string.h>

#include "proa/assert.h"
#include "server/app/state.h"

#define FIRST_DEVICES 16
#define FIRST_GRANTS 16
#define FIRST_JOBS 4
#define FIRST_NOTES 32

struct proa__note {
    proa_handle handle;
    proa__note *next;
    proa_action action;
    union {
        proa_grant grant;
        proa_override override;
    } copy;
    char requester[PROA_ENDPOINT_MAX + 1];
    char host[PROA_ENDPOINT_MAX + 1];
    char rule[sizeof((proa_policy_rule *)0)->name];
};

/* ---- names ------------------------------------------------------------------------------ */

const char *proa_audit_kind_name(proa_audit_kind kind)
{
    switch (kind) {
    case PROA_AUDIT_ASKED:
        return "asked";
    case PROA_AUDIT_GRANTED:
        return "granted";
    case PROA_AUDIT_RENEWED:
        return "renewed";
    case PROA_AUDIT_DENIED:
        return "denied";
    case PROA_AUDIT_FAILED:
        return "failed";
    case PROA_AUDIT_REVOKED:
        return "revoked";
    case PROA_AUDIT_ENDED:
        return "ended";
    case PROA_AUDIT_ALLOWED:
        return "allowed";
    case PROA_AUDIT_RECONCILED:
        return "reconciled";
    default:
        return "unknown";
    }
}

/* ---- opening ---------------------------------------------------------------------------- */

proa_authority_config proa_authority_config_default(proa_random random, proa_memory memory)
{
    proa_authority_config config = {.random = random,
                                    .memory = memory,
                                    .device_max = 100000,
                                    .grant_max = 100000,
                                    .override_max = 4096,
                                    .host_queue_max = 4,
                                    .ac_per_minute = 30,
                                    .deadline_ms = 55000,
                                    .work_ms = 300000,
                                    .retry_ms = 30000,
                                    .loopback_ok = false};
    return config;
}

static uint32_t least(uint32_t x, uint32_t y)
{
    return x < y ? x : y;
}

static proa_err open_parts(proa_authority *a)
{
    const proa_authority_config *c = &a->config;
    uint32_t jobs = c->device_max > PROA_POOL_COUNT_MAX / 2 ? PROA_POOL_COUNT_MAX
                                                            : c->device_max * 2 + PROA__SYNCS_MAX;
    uint32_t seed;
    proa_random_fill(&c->random, &seed, sizeof seed);
    proa_err err = proa_pool_init(&a->devices, &c->memory, sizeof(proa__device),
                                  least(FIRST_DEVICES, c->device_max), c->device_max);
    if (err == PROA_OK) {
        err = proa_pool_init(&a->grants, &c->memory, sizeof(proa__record),
                             least(FIRST_GRANTS, c->grant_max), c->grant_max);
    }
    if (err == PROA_OK) {
        err = proa_pool_init(&a->overrides, &c->memory, sizeof(proa__override),
                             least(FIRST_GRANTS, c->override_max), c->override_max);
    }
    if (err == PROA_OK) {
        err = proa_pool_init(&a->jobs, &c->memory, sizeof(proa__job), FIRST_JOBS,
                             jobs > PROA_POOL_COUNT_MAX ? PROA_POOL_COUNT_MAX : jobs);
    }
    if (err == PROA_OK) {
        err =
            proa_pool_init(&a->notes, &c->memory, sizeof(proa__note), FIRST_NOTES, PROA__NOTES_MAX);
    }
    return err == PROA_OK ? proa_map_init(&a->by_endpoint, &c->memory, FIRST_DEVICES, seed) : err;
}

proa_err proa_authority_open(proa_authority **out, const proa_authority_config *config)
{
    PROA_ASSERT(config->device_max > 0 && config->grant_max > 0 && config->override_max > 0 &&
                config->ac_per_minute > 0);
    proa_authority *a = config->memory.take(config->memory.ctx, sizeof *a);
    *out = NULL;
    if (a == NULL) {
        return PROA_E_NO_MEMORY;
    }
    a->config = *config;
    proa_err err = open_parts(a);
    if (err != PROA_OK) {
        proa_authority_close(a);
        return err;
    }
    *out = a;
    return PROA_OK;
}

void proa_authority_close(proa_authority *a)
{
    uint32_t cursor = 0;
    proa_handle handle;
    proa__job *job;
    if (a == NULL) {
        return;
    }
    proa_memory memory = a->config.memory;
    while ((job = proa_pool_next(&a->jobs, &cursor, &handle)) != NULL) {
        proa_wipe(job->key, sizeof job->key);
    }
    proa_pool_clear(&a->devices);
    proa_pool_clear(&a->grants);
    proa_pool_clear(&a->overrides);
    proa_pool_clear(&a->jobs);
    proa_pool_clear(&a->notes);
    proa_map_clear(&a->by_endpoint);
    proa_wipe(a, sizeof *a);
    memory.give(memory.ctx, a, sizeof *a);
}

/* What the last operation carried is taken by now. */
static void forget_secret(proa_authority *a)
{
    proa_wipe(a->out, a->out_len);
    a->out_len = 0;
}

/* ---- clock and timers ------------------------------------------------------------------- */

int64_t proa__unix_s(const proa_authority *a, uint64_t now_ms)
{
    uint64_t passed_ms = now_ms > a->clock_ms ? now_ms - a->clock_ms : 0;
    return a->clock_unix_s + (int64_t)(passed_ms / 1000);
}

void proa__alarm_set(proa_authority *a, proa__alarm *alarm, uint8_t kind, uint64_t at_ms)
{
    alarm->kind = kind;
    proa_heap_set(&a->heap, &alarm->timer, at_ms);
}

void proa__alarm_clear(proa_authority *a, proa__alarm *alarm)
{
    if (proa_timer_is_set(&alarm->timer)) {
        proa_heap_clear(&a->heap, &alarm->timer);
    }
}

void proa_authority_clock(proa_authority *a, uint64_t now_ms, int64_t unix_s)
{
    uint32_t cursor = 0;
    proa_handle handle;
    proa__record *r;
    a->clock_ms = now_ms;
    a->clock_unix_s = unix_s;
    while ((r = proa_pool_next(&a->grants, &cursor, &handle)) != NULL) {
        proa__grant_arm(a, now_ms, r);
    }
}

/* ---- notes ------------------------------------------------------------------------------ */

static proa__note *new_note(proa_authority *a, proa_action_kind kind)
{
    proa_handle handle;
    proa__note *note = proa_pool_take(&a->notes, &handle);
    if (note == NULL) {
        a->stats.lost++;
        return NULL;
    }
    note->handle = handle;
    note->action.kind = kind;
    if (a->note_tail == NULL) {
        a->note_head = note;
    } else {
        a->note_tail->next = note;
    }
    a->note_tail = note;
    return note;
}

uint64_t proa__ticket(uint8_t kind, uint32_t seq, proa_handle handle)
{
    /* Below 2^56: callers keep a byte of their own on top. */
    return (uint64_t)kind << 54 | (uint64_t)(seq & 0x3fffffU) << 32 | handle;
}

void proa__note_answer(proa_authority *a, uint64_t ticket, uint8_t code, uint32_t max_age_s,
                       uint8_t reason)
{
    proa__note *note = new_note(a, PROA_ACTION_ANSWER);
    if (note != NULL) {
        note->action.ticket = ticket;
        note->action.code = code;
        note->action.max_age_s = max_age_s;
        note->action.reason = reason;
    }
}

static proa__note *grant_note(proa_authority *a, proa_action_kind kind, const proa_grant *grant)
{
    proa__note *note = new_note(a, kind);
    if (note != NULL) {
        note->copy.grant = *grant;
        note->action.grant = &note->copy.grant;
    }
    return note;
}

bool proa__note_store(proa_authority *a, uint64_t ticket, const proa_grant *grant)
{
    proa__note *note = grant_note(a, PROA_ACTION_STORE, grant);
    if (note != NULL) {
        note->action.ticket = ticket;
    }
    return note != NULL;
}

void proa__note_forget(proa_authority *a, const proa_grant *grant)
{
    (void)grant_note(a, PROA_ACTION_FORGET, grant);
}

bool proa__note_store_override(proa_authority *a, uint64_t ticket, const proa_override *o)
{
    proa__note *note = new_note(a, PROA_ACTION_STORE_OVERRIDE);
    if (note != NULL) {
        note->action.ticket = ticket;
        note->copy.override = *o;
        note->action.override = &note->copy.override;
    }
    return note != NULL;
}

void proa__note_forget_override(proa_authority *a, const proa_override *o)
{
    proa__note *note = new_note(a, PROA_ACTION_FORGET_OVERRIDE);
    if (note != NULL) {
        note->copy.override = *o;
        note->action.override = &note->copy.override;
    }
}

static proa_span keep(char *to, size_t cap, proa_span from)
{
    size_t len = from.len < cap ? from.len : cap;
    if (len > 0) {
        memcpy(to, from.data, len);
    }
    return proa_span_make(to, len);
}

void proa__note_audit(proa_authority *a, proa_audit_kind kind, proa_span requester, proa_span host,
                      const proa_grant *grant, const proa_ac_entry *entry, proa_span rule)
{
    proa__note *note = new_note(a, PROA_ACTION_AUDIT);
    if (note == NULL) {
        return;
    }
    note->action.audit = kind;
    note->action.requester = keep(note->requester, sizeof note->requester, requester);
    note->action.host = keep(note->host, sizeof note->host, host);
    note->action.rule = keep(note->rule, sizeof note->rule, rule);
    if (grant != NULL) {
        note->copy.grant = *grant;
        note->action.grant = &note->copy.grant;
    }
    if (entry != NULL) {
        note->action.audit_path =
            proa_path_make(entry->instance == PROA_ID_ALL ? 1 : 2, entry->object, 0, 0);
        note->action.audit_path.ids[1] = entry->instance == PROA_ID_ALL ? 0 : entry->instance;
        note->action.rights = entry->rights;
    }
}

void proa__note_grant(proa_authority *a, proa_audit_kind kind, const proa_grant *grant,
                      proa_span rule)
{
    for (uint8_t i = 0; i < grant->entry_count; i++) {
        proa_ac_entry entry = {grant->entries[i].object, grant->entries[i].instance,
                               grant->entries[i].rights};
        proa__note_audit(a, kind, proa_span_of(grant->requester), proa_span_of(grant->host), grant,
                         &entry, rule);
    }
}

static bool take_note(proa_authority *a, proa_action *action)
{
    if (a->shown != NULL) {
        proa_pool_give(&a->notes, a->shown->handle);
        a->shown = NULL;
    }
    if (a->note_head == NULL) {
        return false;
    }
    a->shown = a->note_head;
    a->note_head = a->shown->next;
    a->note_tail = a->note_head == NULL ? NULL : a->note_tail;
    *action = a->shown->action;
    return true;
}

/* ---- told: records and rules ------------------------------------------------------------ */

proa_err proa_authority_restore(proa_authority *a, const proa_grant *grant)
{
    proa__device *host;
    proa__device *requester;
    a->last_id = grant->id > a->last_id ? grant->id : a->last_id;
    if (grant->state == PROA_GRANT_ENDED) {
        proa__note_forget(a, grant);
        return PROA_OK;
    }
    host = proa__device_take(a, proa_span_of(grant->host));
    requester = proa__device_take(a, proa_span_of(grant->requester));
    if (host == NULL || requester == NULL || host == requester) {
        return host == requester && host != NULL ? PROA_E_RANGE : PROA_E_FULL;
    }
    if (proa__grant_find(requester, host) != NULL) {
        return PROA_E_EXISTS;
    }
    proa__record *r = proa__grant_take(a, a->clock_ms, host, requester);
    if (r == NULL) {
        return PROA_E_FULL;
    }
    r->g = *grant;
    r->was_active = grant->state == PROA_GRANT_ACTIVE || grant->state == PROA_GRANT_REVOKING;
    r->key_unsure = proa__grant_rolls(r);
    if (grant->state != PROA_GRANT_ACTIVE) {
        /* Interrupted: the key is gone with the process that drew it, so it is rolled back. */
        r->g.state = PROA_GRANT_REVOKING;
        r->g.requester_cleared = r->g.requester_cleared || proa__grant_is_adopted(r);
        r->interrupted = !r->was_active;
        r->why = "interrupted";
    }
    proa__grant_arm(a, a->clock_ms, r);
    return PROA_OK;
}

void proa_authority_policy(proa_authority *a, uint64_t now_ms, const proa_policy *policy)
{
    (void)now_ms;
    a->policy = policy;
    a->sweeping = true;
    a->sweep_cursor = 0;
}

/* ---- told: devices ---------------------------------------------------------------------- */

/* The host is somewhere else: whoever calls it must hear of that (docs/C2C.md §5). */
static void moved(proa_authority *a, proa__device *host)
{
    for (proa__record *r = host->grants[PROA__HOST]; r != NULL; r = r->next[PROA__HOST]) {
        if (proa__grant_is_live(r)) {
            proa__sync_want(a, r->device[PROA__REQUESTER]);
        }
    }
}

static bool has_unfinished(const proa__device *device)
{
    for (uint8_t side = 0; side < 2; side++) {
        for (const proa__record *r = device->grants[side]; r != NULL; r = r->next[side]) {
            if (r->g.state == PROA_GRANT_REVOKING || r->lost || r->rights_unsure) {
                return true;
            }
        }
    }
    return false;
}

static void set_address(proa_authority *a, proa__device *device, const proa_device_news *news)
{
    bool is_moved = !proa_addr_equal(&device->addr, &news->addr);
    device->addr = news->addr;
    device->secured = news->secured;
    device->queue_mode = news->queue_mode;
    if (is_moved) {
        moved(a, device);
    }
}

static void heard_of(proa_authority *a, uint64_t now_ms, proa__device *device)
{
    device->heard_ms = now_ms;
    device->backoff_ms = 0;
    proa__alarm_clear(a, &device->alarm);
    proa__job_wake(a, now_ms, device);
}

void proa_authority_registered(proa_authority *a, uint64_t now_ms, const proa_device_news *news)
{
    bool any;
    proa__device *device = proa__device_take(a, news->endpoint);
    forget_secret(a);
    if (device == NULL) {
        a->stats.lost++;
        return;
    }
    device->reg = news->reg;
    set_address(a, device, news);
    heard_of(a, now_ms, device);
    bool lists_right = proa__device_lists_right(device, news->links, &any);
    bool has_grants = device->grants[0] != NULL || device->grants[1] != NULL;
    device->lost_means_ended = false;
    device->verified = device->verified || (!any && !has_grants); /* nothing, as it should be */
    if ((any || has_grants) &&
        (!device->verified || !lists_right || device->sync_wanted || has_unfinished(device))) {
        proa__sync_want(a, device);
    }
}

void proa_authority_updated(proa_authority *a, uint64_t now_ms, const proa_device_news *news)
{
    bool any;
    proa__device *device = proa__device_find(a, news->endpoint);
    if (device == NULL || device->reg != news->reg) {
        proa_authority_registered(a, now_ms, news);
        return;
    }
    forget_secret(a);
    set_address(a, device, news);
    heard_of(a, now_ms, device);
    /* While we are at work there, what it lists is already old. */
    if (device->head == NULL && news->links.len > 0 && device->verified && !device->sync_wanted &&
        !proa__device_lists_right(device, news->links, &any)) {
        device->lost_means_ended = true;
        proa__sync_want(a, device);
    } else if (device->sync_wanted || has_unfinished(device)) {
        proa__sync_want(a, device);
    }
}

void proa_authority_gone(proa_authority *a, uint64_t now_ms, proa_span endpoint, proa_reg reg,
                         bool by_itself)
{
    proa__device *device = proa__device_find(a, endpoint);
    forget_secret(a);
    if (device == NULL || device->reg != reg) {
        return;
    }
    device->reg = 0;
    for (uint8_t side = 0; by_itself && side < 2; side++) {
        for (proa__record *r = device->grants[side]; r != NULL; r = r->next[side]) {
            if (r->g.revoke_on_deregister) {
                proa__grant_revoke(a, now_ms, r, "deregistered");
            }
        }
    }
    proa__device_settle(a, device);
}

/* ---- told: results ---------------------------------------------------------------------- */

static proa__job *job_of(const proa_authority *a, uint64_t ticket)
{
    proa__job *job = proa_pool_get(&a->jobs, (proa_handle)ticket);
    return job != NULL && proa__ticket(PROA__TICKET_JOB, job->seq, job->handle) == ticket ? job
                                                                                          : NULL;
}

void proa_authority_done(proa_authority *a, uint64_t now_ms, uint64_t ticket, proa_op_result result,
                         uint8_t code, uint16_t format, proa_span payload, const proa_path *created)
{
    proa__job *job = job_of(a, ticket);
    proa__answer answer = {result, code, format, payload, {{0}, 0}};
    forget_secret(a);
    if (created != NULL) {
        answer.created = *created;
    }
    if (job != NULL && job->waits_op) {
        if (result == PROA_OP_ANSWERED) {
            job->device[job->plan->steps[job->step].side]->heard_ms = now_ms;
        }
        proa__job_answered(a, now_ms, job, &answer);
    }
}

void proa_authority_stored(proa_authority *a, uint64_t now_ms, uint64_t ticket, bool ok)
{
    uint8_t kind = (uint8_t)(ticket >> 54);
    forget_secret(a);
    if (kind == PROA__TICKET_GRANT) {
        proa__record *r = proa_pool_get(&a->grants, (proa_handle)ticket);
        if (r != NULL) {
            proa__grant_stored(a, r);
        }
    } else if (kind == PROA__TICKET_OVERRIDE) {
        proa__override *o = proa_pool_get(&a->overrides, (proa_handle)ticket);
        if (o != NULL) {
            proa__override_stored(a, now_ms, o, ok);
        }
    } else {
        proa__job *job = job_of(a, ticket);
        if (job != NULL && job->waits_store) {
            proa__job_stored(a, now_ms, job, ok);
        }
    }
}

/* ---- asked for -------------------------------------------------------------------------- */

static void ring(proa_authority *a, uint64_t now_ms, proa_timer *timer)
{
    proa__alarm *alarm = (proa__alarm *)(void *)timer;
    uint8_t *at = (uint8_t *)(void *)timer;
    switch (alarm->kind) {
    case PROA__ALARM_GRANT:
        proa__grant_alarm(a, now_ms, (void *)(at - offsetof(proa__record, alarm)));
        break;
    case PROA__ALARM_JOB:
        proa__job_alarm(a, now_ms, (void *)(at - offsetof(proa__job, alarm)));
        break;
    case PROA__ALARM_DEVICE:
        proa__sync_want(a, (void *)(at - offsetof(proa__device, alarm)));
        break;
    case PROA__ALARM_OVERRIDE:
        proa__override_alarm(a, now_ms, (void *)(at - offsetof(proa__override, alarm)));
        break;
    default:
        PROA_ASSERT(false);
    }
}

static void sweep(proa_authority *a, uint64_t now_ms)
{
    proa_handle handle;
    proa__record *r = proa_pool_next(&a->grants, &a->sweep_cursor, &handle);
    if (r == NULL) {
        a->sweeping = false;
    } else {
        proa__grant_recheck(a, now_ms, r, "policy changed");
    }
}

bool proa_authority_poll(proa_authority *a, uint64_t now_ms, proa_action *action)
{
    forget_secret(a);
    for (;;) {
        proa_timer *timer;
        proa__job *job;
        if (take_note(a, action)) {
            return true;
        }
        if (a->sweeping) {
            sweep(a, now_ms);
        } else if ((timer = proa_heap_take_due(&a->heap, now_ms)) != NULL) {
            ring(a, now_ms, timer);
        } else if ((job = proa__job_next_ready(a)) != NULL) {
            if (proa__job_run(a, now_ms, job, action)) {
                return true;
            }
        } else if (a->sync_head != NULL && a->syncs < PROA__SYNCS_MAX) {
            proa__sync_start_waiting(a);
        } else {
            return false;
        }
    }
}

uint64_t proa_authority_next_ms(const proa_authority *a)
{
    bool is_due = a->note_head != NULL || a->ready_head != NULL || a->sweeping ||
                  (a->sync_head != NULL && a->syncs < PROA__SYNCS_MAX);
    return is_due ? 0 : proa_heap_next_ms(&a->heap);
}

/* ---- looking ---------------------------------------------------------------------------- */

const proa_grant *proa_authority_grant(const proa_authority *a, uint32_t *cursor)
{
    proa_handle handle;
    const proa__record *r = proa_pool_next(&a->grants, cursor, &handle);
    return r == NULL ? NULL : &r->g;
}

const proa_override *proa_authority_override(const proa_authority *a, uint32_t *cursor)
{
    proa_handle handle;
    const proa__override *o = proa_pool_next(&a->overrides, cursor, &handle);
    return o == NULL ? NULL : &o->o;
}

proa_authority_stats proa_authority_stats_get(const proa_authority *a)
{
    proa_authority_stats stats = a->stats;
    uint32_t cursor = 0;
    proa_handle handle;
    const proa__record *r;
    const proa__job *job;
    stats.devices = a->devices.count;
    stats.grants = a->grants.count;
    while ((r = proa_pool_next(&a->grants, &cursor, &handle)) != NULL) {
        stats.active += r->g.state == PROA_GRANT_ACTIVE ? 1 : 0;
        stats.revoking += r->g.state == PROA_GRANT_REVOKING ? 1 : 0;
    }
    cursor = 0;
    while ((job = proa_pool_next(&a->jobs, &cursor, &handle)) != NULL) {
        stats.waiting += job->asked && !job->started ? 1 : 0;
    }
    return stats;
}
