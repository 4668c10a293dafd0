/* SPDX-License-Identifier: Apache-2.0 */
/* Making one device hold exactly what the grants say, by reading what it holds.
 *
 * Rolling back, revoking, and comparing at registration are this one sequence: read 11000, 11001 and
 * 11002; give rights their due; remove keys, correct URIs, remove clients. What is compared is
 * content (identity, short id with endpoint, target), never an instance number that was remembered:
 * a device may have used the number again (docs/C2C.md §7).
 *
 * What is whose:
 *   identity of a live grant            stays; its instance number is learnt (it may have two:
 *                                       roll.c)
 *   identity of a grant that is to go,
 *   or one that only we could have drawn   is removed, with its client and its rights
 *   any other identity                  somebody else's: stays, its short id is not used
 *   a client without a key              half an account: removed
 *
 * A grant that has to go counts as gone from this device if the sync began after that was decided
 * and came to its end. A live grant that is missing is lost: after a registration it is installed
 * again with a fresh key; after an update the device ended it by itself (unused, expired), and so
 * does the grant. */
#include <string.h>

#include "server/app/state.h"

enum {
    STEP_READ_KEYS,
    STEP_READ_CLIENTS,
    STEP_READ_RIGHTS,
    STEP_RIGHTS,
    STEP_DELETE_KEYS,
    STEP_URIS,
    STEP_DELETE_CLIENTS,
    STEP_COUNT
};

enum { KEYS = 0, CLIENTS = 1 }; /* rows of job->deletes */

#define READS_MAX 16
#define BACKOFF_MAX_MS 3600000U

/* The device broke the protocol, RFC 7252 §5.9.3.3. */
static const proa__fail garbled = {PROA_COAP_BAD_GATEWAY, 0, 0, "answer not understood"};

/* ---- wanting one ------------------------------------------------------------------------ */

static bool start(proa_authority *a, proa__device *device)
{
    proa__job *job = proa__job_take(a, &proa__sync_plan, device, NULL);
    if (job == NULL) {
        return false;
    }
    device->sync = job;
    device->sync_wanted = false;
    a->syncs++;
    proa__job_enqueue(a, job);
    return true;
}

/* One that waits will read what is true then; one that has begun may have read already. */
static bool is_coming(const proa__device *device)
{
    return device->sync != NULL && !device->sync->begun;
}

void proa__sync_want(proa_authority *a, proa__device *device)
{
    if (is_coming(device)) {
        return;
    }
    device->sync_wanted = true;
    if (device->reg == 0 || device->sync != NULL || device->sync_listed) {
        return;
    }
    device->sync_listed = true;
    device->sync_next = NULL;
    if (a->sync_tail == NULL) {
        a->sync_head = device;
    } else {
        a->sync_tail->sync_next = device;
    }
    a->sync_tail = device;
}

void proa__sync_now(proa_authority *a, proa__device *device)
{
    bool can_start = device->reg != 0 && device->secured && device->sync == NULL;
    if (!can_start || !start(a, device)) {
        proa__sync_want(a, device);
    }
}

void proa__sync_start_waiting(proa_authority *a)
{
    while (a->sync_head != NULL && a->syncs < PROA__SYNCS_MAX) {
        proa__device *device = a->sync_head;
        a->sync_head = device->sync_next;
        a->sync_tail = a->sync_head == NULL ? NULL : a->sync_tail;
        device->sync_listed = false;
        if (device->sync_wanted && device->reg != 0 && device->secured && device->sync == NULL &&
            !start(a, device)) {
            return; /* no memory: the next registration, or a timer, wants it again */
        }
        proa__device_settle(a, device);
    }
}

/* ---- beginning -------------------------------------------------------------------------- */

static bool begin(proa_authority *a, uint64_t now_ms, proa__job *job)
{
    proa__device *d = job->device[0];
    (void)a;
    (void)now_ms;
    job->reg[0] = d->reg;
    d->foreign_count = 0;
    d->foreign_more = false;
    for (uint8_t side = 0; side < 2; side++) {
        for (proa__record *r = d->grants[side]; r != NULL; r = r->next[side]) {
            r->counted[side] = r->g.state == PROA_GRANT_REVOKING || r->lost;
            r->seen[side] = 0;
        }
    }
    return true;
}

/* ---- reading ---------------------------------------------------------------------------- */

static bool wanted_always(const proa__job *job)
{
    (void)job;
    return true;
}

static void ask_read(proa__request *request, uint16_t object)
{
    request->op = PROA_OP_READ;
    request->path = proa_path_make(1, object, 0, 0);
}

static void ask_keys(proa_authority *a, uint64_t now_ms, proa__job *job, proa__request *request)
{
    (void)a;
    (void)now_ms;
    (void)job;
    ask_read(request, PROA_OBJECT_CLIENT_SECURITY);
}

static void ask_clients(proa_authority *a, uint64_t now_ms, proa__job *job, proa__request *request)
{
    (void)a;
    (void)now_ms;
    (void)job;
    ask_read(request, PROA_OBJECT_CLIENT);
}

static void ask_rights_read(proa_authority *a, uint64_t now_ms, proa__job *job,
                            proa__request *request)
{
    (void)a;
    (void)now_ms;
    (void)job;
    ask_read(request, PROA_OBJECT_CLIENT_ACCESS);
}

static bool is_readable(const proa__answer *answer)
{
    return proa__answer_ok(answer) || proa__answer_missing(answer); /* no such instances */
}

static void delete_later(proa__job *job, uint8_t what, uint16_t instance)
{
    for (uint8_t i = 0; i < job->delete_count[what]; i++) {
        if (job->deletes[what][i] == instance) {
            return;
        }
    }
    if (job->delete_count[what] == PROA__DELETES_MAX) {
        job->deletes_more = true;
        return;
    }
    job->deletes[what][job->delete_count[what]++] = instance;
}

static void set_instances(proa__record *r, uint8_t side, uint16_t key, uint16_t client)
{
    uint16_t *key_of = side == PROA__HOST ? &r->g.host_security : &r->g.requester_security;
    uint16_t *client_of = side == PROA__HOST ? &r->g.host_client : &r->g.requester_client;
    *key_of = key != PROA_ID_ALL ? key : *key_of;
    *client_of = client != PROA_ID_ALL ? client : *client_of;
}

static void learn(proa__record *r, const proa__device *d, uint16_t key, uint16_t client)
{
    proa__record *reverse = proa__grant_reverse(r);
    set_instances(r, proa__grant_side(r, d), key, client);
    if (reverse != NULL && proa__grant_is_live(reverse) &&
        memcmp(r->g.identity, reverse->g.identity, sizeof r->g.identity) == 0) {
        set_instances(reverse, proa__grant_side(reverse, d), key, client);
    }
}

/* A newer key of the host has no URI before the requester has that key, too (roll.c). */
static bool is_early(const proa__record *r, const proa__row *row)
{
    proa_span identity = proa_span_make(row->identity, row->identity_len);
    return proa__grant_rolls(r) && row->uri_len == 0 &&
           proa__grant_which_key(r, identity) == PROA__KEY_NEW &&
           (r->seen[PROA__HOST] & PROA__KEY_NEW) == 0;
}

/* The URI belongs to whichever direction has this device as requester. */
static void compare_uri(const proa_authority *a, proa__record *r, const proa__device *d,
                        const proa__row *row)
{
    uint8_t uri[PROA_URI_MAX];
    proa_writer w = proa_writer_make(uri, sizeof uri);
    if (r->device[PROA__REQUESTER] != d) {
        r = proa__grant_reverse(r);
    }
    if (r == NULL || !proa__grant_is_live(r) || r->device[PROA__HOST]->reg == 0 ||
        proa__device_uri(a, r->device[PROA__HOST], d, r->g.security, &w) != PROA_OK) {
        return;
    }
    r->uri_stale = !is_early(r, row) &&
                   !proa_span_equal(proa_writer_span(&w), proa_span_make(row->uri, row->uri_len));
}

/* As each direction knows it: a crash may have left them with different accounts. */
static void note_key(proa__record *r, const proa__device *d, proa_span identity)
{
    if (r != NULL && proa__grant_is_live(r)) {
        r->seen[proa__grant_side(r, d)] |= proa__grant_which_key(r, identity);
    }
}

static proa__verdict take_keys(proa_authority *a, uint64_t now_ms, proa__job *job,
                               const proa__answer *answer)
{
    proa__rows rows;
    proa__row row;
    proa__device *d = job->device[0];
    proa_path base = proa_path_make(1, PROA_OBJECT_CLIENT_SECURITY, 0, 0);
    (void)now_ms;
    if (!is_readable(answer)) {
        return proa__step_failed(job, answer);
    }
    if (!proa__rows_begin(&rows, &base, answer)) {
        job->fail = garbled;
        return PROA__STEP_STOP;
    }
    while (proa__rows_next(&rows, &row)) {
        proa_span identity = proa_span_make(row.identity, row.identity_len);
        proa__record *r = proa__grant_by_identity(d, identity);
        if (r != NULL && proa__grant_is_live(r)) {
            note_key(r, d, identity);
            note_key(proa__grant_reverse(r), d, identity);
            if (proa__grant_which_key(r, identity) == PROA__KEY_NEW ||
                (r->seen[proa__grant_side(r, d)] & PROA__KEY_NEW) == 0) {
                learn(r, d, row.instance, PROA_ID_ALL);
                compare_uri(a, r, d, &row);
            }
        } else if (r != NULL || proa__identity_is_ours(identity)) {
            delete_later(job, KEYS, row.instance);
            job->repaired = job->repaired || r == NULL;
        } else {
            proa__device_add_foreign(d, PROA_OBJECT_CLIENT_SECURITY, row.instance, row.short_id);
        }
    }
    if (!proa__rows_ok(&rows)) {
        job->fail = garbled;
        return PROA__STEP_STOP;
    }
    return PROA__STEP_NEXT;
}

static bool has_foreign_key(const proa__device *d, uint16_t short_id)
{
    for (uint8_t i = 0; i < d->foreign_count; i++) {
        if (d->foreign[i].object == PROA_OBJECT_CLIENT_SECURITY &&
            d->foreign[i].short_id == short_id) {
            return true;
        }
    }
    return d->foreign_more;
}

static void note_use(proa_authority *a, uint64_t now_ms, proa__record *r, const proa__device *d,
                     const proa__row *row)
{
    if (r->device[PROA__HOST] != d) {
        r = proa__grant_reverse(r); /* what we read are uses of this device */
    }
    if (r != NULL && row->has_uses) {
        r->g.uses = row->uses;
        r->g.last_use_unix_s = row->last_use_s_ago < 0
                                   ? r->g.last_use_unix_s
                                   : proa__unix_s(a, now_ms) - row->last_use_s_ago;
    }
}

/* Was a key of this record's own account there? */
static bool key_was_seen(const proa__record *r, const proa__device *d)
{
    return r->seen[proa__grant_side(r, d)] != 0;
}

static void clients_row(proa_authority *a, uint64_t now_ms, proa__job *job, const proa__row *row,
                        proa__record **found, size_t *found_count, size_t cap)
{
    proa__device *d = job->device[0];
    proa_span endpoint = proa_span_make(row->endpoint, row->endpoint_len);
    proa__record *r = proa__grant_by_client(d, row->short_id, endpoint);
    if (r != NULL && !key_was_seen(r, d) && proa__grant_reverse(r) != NULL &&
        proa__grant_is_live(proa__grant_reverse(r))) {
        r = proa__grant_reverse(r);
    }
    if (r != NULL && key_was_seen(r, d)) {
        learn(r, d, PROA_ID_ALL, row->instance);
        note_use(a, now_ms, r, d, row);
        if (*found_count < cap) {
            found[(*found_count)++] = r;
        }
    } else if (r == NULL && has_foreign_key(d, row->short_id)) {
        proa__device_add_foreign(d, PROA_OBJECT_CLIENT, row->instance, row->short_id);
    } else {
        delete_later(job, CLIENTS, row->instance);
    }
}

/* A grant whose account is not on the device any more: key without client, client without key, or
 * nothing at all. What is left of it goes. */
static void missing(proa_authority *a, uint64_t now_ms, proa__job *job, proa__record *r,
                    uint8_t side)
{
    const proa__device *d = job->device[0];
    uint16_t key = side == PROA__HOST ? r->g.host_security : r->g.requester_security;
    if (r->seen[side] != 0 && key != PROA_ID_ALL) {
        delete_later(job, KEYS, key);
    }
    if (d->lost_means_ended) {
        bool wanted = d->sync_wanted;
        proa__grant_end(a, now_ms, r, "removed by the device");
        job->device[0]->sync_wanted = wanted; /* this one sees to it */
    } else {
        r->lost = true;
        r->clean[0] = r->clean[1] = false;
    }
    r->counted[side] = true;
}

static bool is_found(proa__record *const *found, size_t count, const proa__record *r,
                     const proa__device *d)
{
    for (size_t i = 0; i < count; i++) {
        if (found[i] == r || found[i] == proa__grant_reverse(r)) {
            return key_was_seen(r, d);
        }
    }
    return false;
}

/* An adopted account is somebody else's; without it the rights are about nobody. */
static bool adopted_is_there(const proa__device *d, const proa__record *r, uint8_t side)
{
    for (uint8_t i = 0; i < d->foreign_count; i++) {
        if (d->foreign[i].object == PROA_OBJECT_CLIENT &&
            d->foreign[i].short_id == proa__grant_short_id(r, side)) {
            return true;
        }
    }
    return side == PROA__REQUESTER || d->foreign_more;
}

static proa__verdict take_clients(proa_authority *a, uint64_t now_ms, proa__job *job,
                                  const proa__answer *answer)
{
    proa__rows rows;
    proa__row row;
    proa__device *d = job->device[0];
    proa__record *found[2 * PROA__ACL_MAX];
    size_t found_count = 0;
    proa_path base = proa_path_make(1, PROA_OBJECT_CLIENT, 0, 0);
    if (!is_readable(answer)) {
        return proa__step_failed(job, answer);
    }
    if (!proa__rows_begin(&rows, &base, answer)) {
        job->fail = garbled;
        return PROA__STEP_STOP;
    }
    while (proa__rows_next(&rows, &row)) {
        clients_row(a, now_ms, job, &row, found, &found_count, sizeof found / sizeof *found);
    }
    if (!proa__rows_ok(&rows)) {
        job->fail = garbled;
        return PROA__STEP_STOP;
    }
    for (uint8_t side = 0; side < 2; side++) {
        for (proa__record *r = d->grants[side]; r != NULL; r = r->next[side]) {
            bool is_there = proa__grant_is_adopted(r) ? adopted_is_there(d, r, side)
                                                      : is_found(found, found_count, r, d);
            if (proa__grant_is_live(r) && !is_there) {
                missing(a, now_ms, job, r, side);
            }
        }
    }
    return PROA__STEP_NEXT;
}

static proa__verdict take_rights_read(proa_authority *a, uint64_t now_ms, proa__job *job,
                                      const proa__answer *answer)
{
    (void)a;
    (void)now_ms;
    if (!is_readable(answer)) {
        return proa__step_failed(job, answer);
    }
    if (++job->reads > READS_MAX || !proa__rights_plan(job, job->device[0], answer, false)) {
        job->fail = garbled;
        return PROA__STEP_STOP;
    }
    return PROA__STEP_NEXT;
}

/* ---- correcting ------------------------------------------------------------------------- */

static bool rights_wanted(const proa__job *job)
{
    return job->fix_at < job->fix_count;
}

static void ask_rights(proa_authority *a, uint64_t now_ms, proa__job *job, proa__request *request)
{
    (void)a;
    (void)now_ms;
    proa__rights_ask(job, request);
}

static proa__verdict take_rights(proa_authority *a, uint64_t now_ms, proa__job *job,
                                 const proa__answer *answer)
{
    (void)a;
    (void)now_ms;
    if (!proa__answer_ok(answer) && !proa__answer_missing(answer)) {
        return proa__step_failed(job, answer);
    }
    job->fixes_more = job->fixes_more || proa__answer_missing(answer);
    proa__rights_done(job, job->device[0], answer);
    if (job->fix_at == job->fix_count && job->fixes_more) {
        job->step = STEP_READ_RIGHTS;
        return PROA__STEP_JUMP;
    }
    return PROA__STEP_SAME;
}

static bool keys_wanted(const proa__job *job)
{
    return job->delete_at[KEYS] < job->delete_count[KEYS];
}

static bool clients_wanted(const proa__job *job)
{
    return job->delete_at[CLIENTS] < job->delete_count[CLIENTS];
}

static void ask_delete(proa__job *job, proa__request *request, uint8_t what, uint16_t object)
{
    request->op = PROA_OP_DELETE;
    request->path = proa_path_make(2, object, job->deletes[what][job->delete_at[what]], 0);
}

static void ask_delete_key(proa_authority *a, uint64_t now_ms, proa__job *job,
                           proa__request *request)
{
    (void)a;
    (void)now_ms;
    ask_delete(job, request, KEYS, PROA_OBJECT_CLIENT_SECURITY);
}

static void ask_delete_client(proa_authority *a, uint64_t now_ms, proa__job *job,
                              proa__request *request)
{
    (void)a;
    (void)now_ms;
    ask_delete(job, request, CLIENTS, PROA_OBJECT_CLIENT);
}

static proa__verdict take_delete(proa__job *job, const proa__answer *answer, uint8_t what)
{
    if (!proa__answer_ok(answer) && !proa__answer_missing(answer)) {
        return proa__step_failed(job, answer);
    }
    job->delete_at[what]++;
    return PROA__STEP_SAME;
}

static proa__verdict take_delete_key(proa_authority *a, uint64_t now_ms, proa__job *job,
                                     const proa__answer *answer)
{
    (void)a;
    (void)now_ms;
    return take_delete(job, answer, KEYS);
}

static proa__verdict take_delete_client(proa_authority *a, uint64_t now_ms, proa__job *job,
                                        const proa__answer *answer)
{
    (void)a;
    (void)now_ms;
    return take_delete(job, answer, CLIENTS);
}

static proa__record *stale_uri(const proa__device *d)
{
    proa__record *r = d->grants[PROA__REQUESTER];
    while (r != NULL && !(r->uri_stale && proa__grant_is_live(r))) {
        r = r->next[PROA__REQUESTER];
    }
    return r;
}

static bool uri_wanted(const proa__job *job)
{
    return stale_uri(job->device[0]) != NULL;
}

static void ask_uri(proa_authority *a, uint64_t now_ms, proa__job *job, proa__request *request)
{
    const proa__record *r = stale_uri(job->device[0]);
    uint8_t uri[PROA_URI_MAX];
    proa_writer w = proa_writer_make(uri, sizeof uri);
    (void)now_ms;
    if (proa__device_uri(a, r->device[PROA__HOST], job->device[0], r->g.security, &w) != PROA_OK) {
        w.len = 0; /* the host moved out of reach meanwhile: no URI is better than a wrong one */
    }
    request->op = PROA_OP_WRITE_REPLACE;
    request->path = proa_path_make(3, PROA_OBJECT_CLIENT_SECURITY, r->g.requester_security, 0);
    proa__wire_uri(request->w, r->g.requester_security, proa_writer_span(&w));
}

static proa__verdict take_uri(proa_authority *a, uint64_t now_ms, proa__job *job,
                              const proa__answer *answer)
{
    proa__record *r = stale_uri(job->device[0]);
    (void)a;
    (void)now_ms;
    if (!proa__answer_ok(answer) && !proa__answer_missing(answer)) {
        return proa__step_failed(job, answer);
    }
    if (r != NULL) {
        r->uri_stale = false;
    }
    return PROA__STEP_SAME;
}

static const proa__step steps[STEP_COUNT] = {
    [STEP_READ_KEYS] = {0, false, wanted_always, ask_keys, take_keys},
    [STEP_READ_CLIENTS] = {0, false, wanted_always, ask_clients, take_clients},
    [STEP_READ_RIGHTS] = {0, false, wanted_always, ask_rights_read, take_rights_read},
    [STEP_RIGHTS] = {0, false, rights_wanted, ask_rights, take_rights},
    [STEP_DELETE_KEYS] = {0, false, keys_wanted, ask_delete_key, take_delete_key},
    [STEP_URIS] = {0, false, uri_wanted, ask_uri, take_uri},
    [STEP_DELETE_CLIENTS] = {0, false, clients_wanted, ask_delete_client, take_delete_client},
};

/* ---- ending ----------------------------------------------------------------------------- */

static void leave(proa_authority *a, proa__job *job)
{
    proa__device *d = job->device[0];
    d->sync = NULL;
    a->syncs--;
    proa__job_end(a, job);
}

/* What this sync has settled about one grant; the record may be gone afterwards. */
static void settle(proa_authority *a, uint64_t now_ms, proa__record *r, uint8_t side)
{
    proa__device *other = proa__grant_peer(r, side);
    if (side == PROA__HOST) {
        r->rights_unsure = false;
    }
    if (proa__grant_is_live(r)) {
        proa__roll_settle(a, r);
    }
    if (!r->counted[side]) {
        return;
    }
    r->counted[side] = false;
    if (r->g.state == PROA_GRANT_REVOKING) {
        bool *cleared = side == PROA__HOST ? &r->g.host_cleared : &r->g.requester_cleared;
        *cleared = true;
        if (!proa__grant_ended(a, r)) {
            proa__grant_store(a, r);
        }
    } else if (r->lost) {
        r->clean[side] = true;
        if (r->clean[PROA__HOST] && r->clean[PROA__REQUESTER]) {
            proa__reinstall(a, now_ms, r);
        } else {
            proa__sync_want(a, other);
        }
    }
}

static void finish(proa_authority *a, uint64_t now_ms, proa__job *job)
{
    proa__device *d = job->device[0];
    bool again = job->deletes_more;
    if (job->repaired) {
        proa_span none = {NULL, 0};
        a->stats.reconciled++;
        proa__note_audit(a, PROA_AUDIT_RECONCILED, none, proa_span_of(d->endpoint), NULL, NULL,
                         proa_span_of("orphan removed"));
    }
    d->verified = true;
    d->backoff_ms = 0;
    d->lost_means_ended = false;
    for (uint8_t side = 0; side < 2 && !again; side++) {
        proa__record *next;
        for (proa__record *r = d->grants[side]; r != NULL; r = next) {
            next = r->next[side];
            settle(a, now_ms, r, side);
        }
    }
    again = again || d->sync_wanted;
    if (again) {
        d->sync = NULL; /* so that it can be listed */
        proa__sync_want(a, d);
    }
    leave(a, job);
}

/* Nothing of this pass counts. Try again after a while, or at once when the device is heard of. */
static void stop(proa_authority *a, uint64_t now_ms, proa__job *job)
{
    proa__device *d = job->device[0];
    uint32_t wait_ms = d->backoff_ms == 0 ? a->config.retry_ms : d->backoff_ms;
    d->backoff_ms = wait_ms > BACKOFF_MAX_MS / 2 ? BACKOFF_MAX_MS : wait_ms * 2;
    d->sync_wanted = true;
    for (uint8_t side = 0; side < 2; side++) {
        for (proa__record *r = d->grants[side]; r != NULL; r = r->next[side]) {
            r->counted[side] = false;
            r->seen[side] = 0;
        }
    }
    if (d->reg != 0 && d->reg == job->reg[0]) {
        proa__alarm_set(a, &d->alarm, PROA__ALARM_DEVICE, now_ms + wait_ms);
    } else if (d->reg != 0) {
        d->sync = NULL;
        proa__sync_want(a, d);
    }
    leave(a, job);
}

const proa__plan proa__sync_plan = {steps, STEP_COUNT, begin, finish, stop};
