/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of a provisioning, in the order that docs/C2C.md §5 wants:
 *
 *   stored INTENDED; host: account, key, rights; stored HOST_READY; requester: account, key;
 *   stored ACTIVE; answered
 *
 * An account that is there gets its lifetime before rights: it may have a later end, of the grant in
 * the other direction, and rights must not outlive theirs if nothing comes behind them.
 *
 * A device that takes an account in one message gets it so, and the steps that would make its parts find
 * nothing to do. With a refused identity they have: then the host's key is replaced by itself.
 *
 * With OSCORE the key is an instance of object 21 that is made first, and 11000 links to it. What a
 * device has of 21 without such a link, it removes by itself, as it does when 11000 goes; so nobody
 * else ever has to look there (docs/C2C.md §2).
 *
 * Each step is wanted as long as the record does not show its result, so going back after a
 * refused identity repeats nothing that stands. The modes take different rows of the one table:
 * only FRESH creates accounts; RENEW and REUSE look first whether the account still is what we think.
 * The key is drawn when the grant is made, lives in the job, and is wiped as soon as the requester's
 * Create has been taken. What follows from the end of it all is provision.c's. */
#include <string.h>

#include "server/app/state.h"

enum {
    STEP_RECORD,
    STEP_FIND,
    STEP_CHECK_HOST,
    STEP_HOST_ACCOUNT,
    STEP_HOST_CLIENT,
    STEP_DROP_KEY,
    STEP_HOST_CONTEXT,
    STEP_HOST_KEY,
    STEP_HOST_LIFETIME,
    STEP_READ_RIGHTS,
    STEP_RIGHTS,
    STEP_HOST_READY,
    STEP_CHECK_REQUESTER,
    STEP_REQUESTER_ACCOUNT,
    STEP_REQUESTER_CLIENT,
    STEP_REQUESTER_CONTEXT,
    STEP_REQUESTER_KEY,
    STEP_REQUESTER_LIFETIME,
    STEP_REQUESTER_URI,
    STEP_HOST_URI,
    STEP_ACTIVE
};

/* Reads of the rights in one job: the second is after the host changed them under us. */
#define READS_MAX 3

static const proa__fail no_account = {PROA_COAP_FORBIDDEN, 0, 0, "no account to give rights to"};
static const proa__fail busy = {PROA_COAP_SERVICE_UNAVAILABLE, PROA_AC_WHY_BUSY, 10,
                                "an earlier grant is still being removed"};
/* The device broke the protocol, RFC 7252 §5.9.3.3. */
static const proa__fail garbled = {PROA_COAP_BAD_GATEWAY, 0, 0, "answer not understood"};

static bool is_own_account(const proa__job *job)
{
    return job->mode != PROA__ADOPT && !proa__grant_is_adopted(job->grant);
}

bool proa__job_has_account(const proa__job *job)
{
    return (job->mode == PROA__RENEW || job->mode == PROA__REUSE) && is_own_account(job);
}

static bool is_oscore(const proa__job *job)
{
    return job->grant->g.security == PROA_PEER_SECURITY_OSCORE;
}

bool proa__job_is_compact(const proa__job *job, uint8_t side)
{
    return job->mode == PROA__FRESH && job->device[side]->is_compact;
}

/* True if the host's account comes with a first session: both have to be able to. */
static bool host_awaits(const proa__job *job)
{
    return !is_oscore(job) && job->device[PROA__HOST]->has_firsts &&
           job->device[PROA__REQUESTER]->has_firsts;
}

/* The name that a device gives to the key, which it is not told (docs/C2C.md §5). */
static void name_key(proa_grant *g)
{
    proa_account_name(g->identity, proa_span_make(g->host_sender_id, sizeof g->host_sender_id),
                      proa_span_make(g->requester_sender_id, sizeof g->requester_sender_id));
}

bool proa__job_new_key(proa_authority *a, proa__job *job)
{
    job->host_awaits = false;
    proa_random_fill(&a->config.random, job->key, sizeof job->key);
    proa_random_fill(&a->config.random, job->salt, sizeof job->salt);
    job->context[PROA__HOST] = PROA_ID_ALL;
    job->context[PROA__REQUESTER] = PROA_ID_ALL;
    proa__grant_new_identity(a, &job->grant->g);
    if (!is_oscore(job)) {
        return true;
    }
    bool is_drawn = proa__grant_new_sender_ids(a, job->grant);
    if (proa__job_is_compact(job, PROA__HOST) || proa__job_is_compact(job, PROA__REQUESTER)) {
        name_key(&job->grant->g);
    }
    return is_drawn;
}

/* ---- steps: wanted ---------------------------------------------------------------------- */

static bool record_wanted(const proa__job *job)
{
    (void)job; /* also of a grant that comes back: it has another end by now */
    return true;
}

static bool find_wanted(const proa__job *job)
{
    return job->mode == PROA__ADOPT && job->grant->g.requester_short_id == 0;
}

static bool check_wanted(const proa__job *job)
{
    return proa__job_has_account(job);
}

static bool host_account_wanted(const proa__job *job)
{
    return proa__job_is_compact(job, PROA__HOST) && job->grant->g.host_client == PROA_ID_ALL;
}

static bool host_client_wanted(const proa__job *job)
{
    return job->mode == PROA__FRESH && job->grant->g.host_client == PROA_ID_ALL;
}

static bool drop_key_wanted(const proa__job *job)
{
    return job->rekey;
}

/* A FRESH account has no key yet; one whose key is rolled has one, and gets another beside it. */
static bool host_key_wanted(const proa__job *job)
{
    return job->mode == PROA__FRESH ? job->grant->g.host_security == PROA_ID_ALL
                                    : job->roll && !job->rolled[PROA__HOST];
}

static bool host_context_wanted(const proa__job *job)
{
    return host_key_wanted(job) && is_oscore(job) && job->context[PROA__HOST] == PROA_ID_ALL;
}

static bool read_rights_wanted(const proa__job *job)
{
    return job->read_access;
}

static bool rights_wanted(const proa__job *job)
{
    return job->fix_at < job->fix_count;
}

static bool lifetime_wanted(const proa__job *job)
{
    return job->extend && is_own_account(job);
}

static bool host_ready_wanted(const proa__job *job)
{
    return job->grant->g.state == PROA_GRANT_INTENDED;
}

static bool requester_account_wanted(const proa__job *job)
{
    return proa__job_is_compact(job, PROA__REQUESTER) &&
           job->grant->g.requester_client == PROA_ID_ALL;
}

static bool requester_client_wanted(const proa__job *job)
{
    return job->mode == PROA__FRESH && job->grant->g.requester_client == PROA_ID_ALL;
}

static bool requester_key_wanted(const proa__job *job)
{
    return job->mode == PROA__FRESH ? job->grant->g.requester_security == PROA_ID_ALL
                                    : job->roll && !job->rolled[PROA__REQUESTER];
}

static bool requester_context_wanted(const proa__job *job)
{
    return requester_key_wanted(job) && is_oscore(job) &&
           job->context[PROA__REQUESTER] == PROA_ID_ALL;
}

static bool uri_wanted(const proa__job *job)
{
    return proa__job_has_account(job) && !job->uri_fine && !job->rolled[PROA__REQUESTER];
}

/* Where the requester is, for the grant in the other direction. The host's new key has no URI before
 * the requester has the key, so that the host goes on asking by the old one (roll.c). */
static bool host_uri_wanted(const proa__job *job)
{
    const proa__record *reverse = proa__grant_reverse(job->grant);
    return job->rolled[PROA__REQUESTER] && reverse != NULL && proa__grant_is_live(reverse);
}

static bool active_wanted(const proa__job *job)
{
    (void)job;
    return true;
}

/* ---- steps: ask ------------------------------------------------------------------------- */

static uint32_t account_lifetime(const proa_authority *a, uint64_t now_ms, const proa__job *job)
{
    int64_t left = job->grant->g.expires_unix_s - proa__unix_s(a, now_ms);
    return left < 1 ? 1 : left > INT32_MAX ? INT32_MAX : (uint32_t)left;
}

static void read_at(proa__request *request, uint8_t depth, uint16_t object, uint16_t instance)
{
    request->op = PROA_OP_READ;
    request->path = proa_path_make(depth, object, instance, 0);
}

static void create_at(proa__request *request, uint16_t object)
{
    request->op = PROA_OP_CREATE;
    request->path = proa_path_make(1, object, 0, 0);
}

static void write_at(proa__request *request, uint16_t object, uint16_t instance, uint16_t resource)
{
    request->op = PROA_OP_WRITE_REPLACE;
    request->path = proa_path_make(3, object, instance, resource);
}

static void ask_find(proa_authority *a, uint64_t now_ms, proa__job *job, proa__request *request)
{
    (void)a;
    (void)now_ms;
    (void)job;
    read_at(request, 1, PROA_OBJECT_CLIENT, 0);
}

static void ask_check_host(proa_authority *a, uint64_t now_ms, proa__job *job,
                           proa__request *request)
{
    (void)a;
    (void)now_ms;
    read_at(request, 2, PROA_OBJECT_CLIENT, job->grant->g.host_client);
}

static void ask_host_client(proa_authority *a, uint64_t now_ms, proa__job *job,
                            proa__request *request)
{
    create_at(request, PROA_OBJECT_CLIENT);
    proa__wire_client(request->w, job->grant->g.requester_short_id,
                      account_lifetime(a, now_ms, job),
                      proa_span_of(job->device[PROA__REQUESTER]->endpoint));
}

static void ask_host_account(proa_authority *a, uint64_t now_ms, proa__job *job,
                             proa__request *request)
{
    create_at(request, PROA_OBJECT_CLIENT_SECURITY);
    request->format = PROA_FORMAT_CBOR;
    job->host_awaits = host_awaits(job);
    proa__wire_account(request->w, job, PROA__HOST, account_lifetime(a, now_ms, job), NULL);
}

static void ask_drop_key(proa_authority *a, uint64_t now_ms, proa__job *job, proa__request *request)
{
    (void)a;
    (void)now_ms;
    request->op = PROA_OP_DELETE;
    request->path = proa_path_make(2, PROA_OBJECT_CLIENT_SECURITY, job->grant->g.host_security, 0);
}

static void ask_host_context(proa_authority *a, uint64_t now_ms, proa__job *job,
                             proa__request *request)
{
    const proa_grant *g = &job->grant->g;
    (void)a;
    (void)now_ms;
    create_at(request, PROA_OBJECT_OSCORE);
    proa__wire_context(request->w, job, g->host_sender_id, g->requester_sender_id);
}

static void ask_host_key(proa_authority *a, uint64_t now_ms, proa__job *job, proa__request *request)
{
    const proa_grant *g = &job->grant->g;
    proa_span no_uri = {NULL, 0}; /* the requester calls; its address is learnt from that */
    (void)a;
    (void)now_ms;
    create_at(request, PROA_OBJECT_CLIENT_SECURITY);
    proa__wire_security(request->w, no_uri, g->identity, is_oscore(job) ? NULL : job->key,
                        job->context[PROA__HOST], g->requester_short_id);
}

static void ask_read_rights(proa_authority *a, uint64_t now_ms, proa__job *job,
                            proa__request *request)
{
    (void)a;
    (void)now_ms;
    (void)job;
    read_at(request, 1, PROA_OBJECT_CLIENT_ACCESS, 0);
}

static void ask_rights(proa_authority *a, uint64_t now_ms, proa__job *job, proa__request *request)
{
    (void)a;
    (void)now_ms;
    proa__rights_ask(job, request);
}

static void ask_host_lifetime(proa_authority *a, uint64_t now_ms, proa__job *job,
                              proa__request *request)
{
    write_at(request, PROA_OBJECT_CLIENT, job->grant->g.host_client, 1);
    proa__wire_lifetime(request->w, job->grant->g.host_client, account_lifetime(a, now_ms, job));
}

static void set_host_ready(proa_authority *a, uint64_t now_ms, proa__job *job,
                           proa__request *request)
{
    (void)a;
    (void)now_ms;
    (void)request;
    job->grant->g.state = PROA_GRANT_HOST_READY;
}

static void ask_check_requester(proa_authority *a, uint64_t now_ms, proa__job *job,
                                proa__request *request)
{
    (void)a;
    (void)now_ms;
    read_at(request, 2, PROA_OBJECT_CLIENT_SECURITY, job->grant->g.requester_security);
}

static void ask_requester_client(proa_authority *a, uint64_t now_ms, proa__job *job,
                                 proa__request *request)
{
    create_at(request, PROA_OBJECT_CLIENT);
    proa__wire_client(request->w, job->grant->g.host_short_id, account_lifetime(a, now_ms, job),
                      proa_span_of(job->device[PROA__HOST]->endpoint));
}

/* Where the other device finds the one on that side; empty if it does not. */
static proa_span uri_of(const proa_authority *a, const proa__job *job, uint8_t side, uint8_t *buf)
{
    proa_writer w = proa_writer_make(buf, PROA_URI_MAX);
    const proa__device *other = job->device[side == PROA__HOST ? PROA__REQUESTER : PROA__HOST];
    if (proa__device_uri(a, job->device[side], other, job->grant->g.security, &w) != PROA_OK) {
        w.len = 0;
    }
    return proa_writer_span(&w);
}

static void forget_key(proa__job *job)
{
    proa_wipe(job->key, sizeof job->key);
    proa_wipe(job->salt, sizeof job->salt);
}

static void ask_requester_account(proa_authority *a, uint64_t now_ms, proa__job *job,
                                  proa__request *request)
{
    proa_addr at;
    proa_err err =
        proa__device_address(a, job->device[PROA__HOST], job->device[PROA__REQUESTER], &at);
    create_at(request, PROA_OBJECT_CLIENT_SECURITY);
    request->format = PROA_FORMAT_CBOR;
    proa__wire_account(request->w, job, PROA__REQUESTER, account_lifetime(a, now_ms, job),
                       err == PROA_OK ? &at : NULL);
    forget_key(job);
}

static void ask_requester_context(proa_authority *a, uint64_t now_ms, proa__job *job,
                                  proa__request *request)
{
    const proa_grant *g = &job->grant->g;
    (void)a;
    (void)now_ms;
    create_at(request, PROA_OBJECT_OSCORE);
    proa__wire_context(request->w, job, g->requester_sender_id, g->host_sender_id);
    forget_key(job);
}

static void ask_requester_key(proa_authority *a, uint64_t now_ms, proa__job *job,
                              proa__request *request)
{
    const proa_grant *g = &job->grant->g;
    uint8_t uri[PROA_URI_MAX];
    (void)now_ms;
    create_at(request, PROA_OBJECT_CLIENT_SECURITY);
    proa__wire_security(request->w, uri_of(a, job, PROA__HOST, uri), g->identity,
                        is_oscore(job) ? NULL : job->key, job->context[PROA__REQUESTER],
                        g->host_short_id);
    forget_key(job);
}

static void ask_requester_lifetime(proa_authority *a, uint64_t now_ms, proa__job *job,
                                   proa__request *request)
{
    write_at(request, PROA_OBJECT_CLIENT, job->grant->g.requester_client, 1);
    proa__wire_lifetime(request->w, job->grant->g.requester_client,
                        account_lifetime(a, now_ms, job));
}

static void ask_uri(proa_authority *a, uint64_t now_ms, proa__job *job, proa__request *request)
{
    uint8_t uri[PROA_URI_MAX];
    (void)now_ms;
    write_at(request, PROA_OBJECT_CLIENT_SECURITY, job->grant->g.requester_security, 0);
    proa__wire_uri(request->w, job->grant->g.requester_security, uri_of(a, job, PROA__HOST, uri));
}

static void ask_host_uri(proa_authority *a, uint64_t now_ms, proa__job *job, proa__request *request)
{
    uint8_t uri[PROA_URI_MAX];
    uint16_t instance = job->grant->g.host_security;
    (void)now_ms;
    write_at(request, PROA_OBJECT_CLIENT_SECURITY, instance, 0);
    proa__wire_uri(request->w, instance, uri_of(a, job, PROA__REQUESTER, uri));
}

/* Into the audit first: it lies on the disk with the grant or before it, so that none may be used of which
 * it knows nothing. */
static void set_active(proa_authority *a, uint64_t now_ms, proa__job *job, proa__request *request)
{
    proa_grant *g = &job->grant->g;
    (void)now_ms;
    (void)request;
    g->state = PROA_GRANT_ACTIVE;
    proa__note_grant(a, proa__job_audit(job), g, proa_span_of(g->rule));
}

/* ---- steps: take ------------------------------------------------------------------------ */

static proa__verdict stop_with(proa__job *job, const proa__fail *fail)
{
    if (job->fail.code == 0) {
        job->fail = *fail;
    }
    return PROA__STEP_STOP;
}

/* The account is not there any more, or is another's: everything of it goes from both devices, and
 * then it is made anew. */
static proa__verdict account_lost(proa_authority *a, proa__job *job)
{
    proa__record *r = job->grant;
    proa__record *reverse = proa__grant_reverse(r);
    if (job->waited) {
        return stop_with(job, &busy);
    }
    r->job = NULL;
    job->grant = NULL;
    job->waited = true;
    if (reverse != NULL && reverse->g.state == PROA_GRANT_ACTIVE) {
        reverse->lost = true;
        reverse->clean[0] = reverse->clean[1] = false;
    }
    if (r->was_active) {
        r->lost = true;
        r->clean[0] = r->clean[1] = false;
    } else {
        proa__note_forget(a, &r->g);
        proa__grant_give(a, r);
    }
    proa__sync_now(a, job->device[PROA__HOST]);
    proa__sync_now(a, job->device[PROA__REQUESTER]);
    return PROA__STEP_AGAIN;
}

static proa__verdict take_find(proa_authority *a, uint64_t now_ms, proa__job *job,
                               const proa__answer *answer)
{
    proa__rows rows;
    proa__row row;
    proa_path base = proa_path_make(1, PROA_OBJECT_CLIENT, 0, 0);
    proa_span requester = proa_span_of(job->device[PROA__REQUESTER]->endpoint);
    (void)a;
    (void)now_ms;
    if (proa__answer_missing(answer)) {
        return stop_with(job, &no_account);
    }
    if (!proa__answer_ok(answer)) {
        return proa__step_failed(job, answer);
    }
    if (!proa__rows_begin(&rows, &base, answer)) {
        return stop_with(job, &garbled);
    }
    while (proa__rows_next(&rows, &row)) {
        if (proa_span_equal(proa_span_make(row.endpoint, row.endpoint_len), requester) &&
            row.short_id != 0) {
            job->grant->g.requester_short_id = row.short_id;
            job->grant->g.host_client = row.instance;
        }
    }
    return job->grant->g.requester_short_id != 0 ? PROA__STEP_NEXT : stop_with(job, &no_account);
}

static proa__verdict take_check_host(proa_authority *a, uint64_t now_ms, proa__job *job,
                                     const proa__answer *answer)
{
    proa__rows rows;
    proa__row row;
    proa_grant *g = &job->grant->g;
    proa_path base = proa_path_make(2, PROA_OBJECT_CLIENT, g->host_client, 0);
    if (proa__answer_missing(answer)) {
        return account_lost(a, job);
    }
    if (!proa__answer_ok(answer)) {
        return proa__step_failed(job, answer);
    }
    if (!proa__rows_begin(&rows, &base, answer)) {
        return stop_with(job, &garbled);
    }
    bool is_there = proa__rows_next(&rows, &row);
    if (!proa__rows_ok(&rows)) {
        return stop_with(job, &garbled);
    }
    if (!is_there || row.short_id != g->requester_short_id ||
        !proa_span_equal(proa_span_make(row.endpoint, row.endpoint_len),
                         proa_span_of(job->device[PROA__REQUESTER]->endpoint))) {
        return account_lost(a, job);
    }
    if (row.has_uses) {
        g->uses = row.uses;
    }
    if (row.last_use_s_ago >= 0) {
        g->last_use_unix_s = proa__unix_s(a, now_ms) - row.last_use_s_ago;
    }
    return PROA__STEP_NEXT;
}

/* 4.00 to a Create of 11001: most likely the short id is taken by an account that somebody else
 * made and that we have not seen. */
static bool next_short_id(proa__job *job, uint8_t side, uint16_t *short_id)
{
    if (++job->tries >= PROA__TRIES_MAX) {
        return false;
    }
    proa__device_add_foreign(job->device[side], PROA_OBJECT_CLIENT, PROA_ID_ALL, *short_id);
    *short_id = 0;
    *short_id = proa__device_short_id(job->device[side]);
    return *short_id != 0;
}

static proa__verdict take_client(proa__job *job, const proa__answer *answer, uint8_t side,
                                 uint16_t *short_id, uint16_t *instance)
{
    if (answer->result == PROA_OP_ANSWERED && answer->code == PROA_COAP_BAD_REQUEST &&
        next_short_id(job, side, short_id)) {
        return PROA__STEP_SAME;
    }
    if (!proa__answer_ok(answer)) {
        return proa__step_failed(job, answer);
    }
    if (answer->created.depth < 2) {
        return stop_with(job, &garbled);
    }
    *instance = answer->created.ids[1];
    return PROA__STEP_NEXT;
}

static proa__verdict take_host_client(proa_authority *a, uint64_t now_ms, proa__job *job,
                                      const proa__answer *answer)
{
    proa_grant *g = &job->grant->g;
    proa__verdict verdict =
        take_client(job, answer, PROA__HOST, &g->requester_short_id, &g->host_client);
    (void)a;
    (void)now_ms;
    if (verdict == PROA__STEP_SAME && !job->read_access) {
        proa__rights_plan_blind(job, job->grant);
    }
    return verdict;
}

static bool is_before(const proa_grant_entry *a, const proa_grant_entry *b)
{
    return a->object != b->object ? a->object < b->object : a->instance < b->instance;
}

/* Where the host has put what the requester may do: in the order of the document. */
static void learn_lists(proa_grant *g, const uint16_t *lists)
{
    for (uint8_t i = 0; i < g->entry_count; i++) {
        uint8_t at = 0;
        for (uint8_t j = 0; j < g->entry_count; j++) {
            if (is_before(&g->entries[j], &g->entries[i])) {
                at++;
            }
        }
        g->entries[i].access_instance = lists[at];
    }
}

/* The Create of a whole account. 4.00: something of it is taken on that device, and it does not say
 * what; so all of it is chosen anew. */
static proa__verdict take_account(proa_authority *a, proa__job *job, const proa__answer *answer,
                                  uint8_t side)
{
    proa_grant *g = &job->grant->g;
    bool is_host = side == PROA__HOST;
    uint16_t made[PROA_ACCOUNT_MADE_MAX];
    uint8_t count = (uint8_t)(2 + (is_host ? g->entry_count : 0));
    if (answer->result == PROA_OP_ANSWERED && answer->code == PROA_COAP_BAD_REQUEST &&
        next_short_id(job, side, is_host ? &g->requester_short_id : &g->host_short_id) &&
        proa__job_new_key(a, job)) {
        job->rekey = !is_host;
        job->step = is_host ? STEP_HOST_ACCOUNT : STEP_DROP_KEY;
        return PROA__STEP_JUMP;
    }
    if (!proa__answer_ok(answer)) {
        return proa__step_failed(job, answer);
    }
    if (proa_account_made_parse(answer->payload, made, count) != PROA_OK) {
        return stop_with(job, &garbled);
    }
    *(is_host ? &g->host_client : &g->requester_client) = made[0];
    *(is_host ? &g->host_security : &g->requester_security) = made[1];
    if (is_host) {
        learn_lists(g, made + 2);
    }
    return PROA__STEP_NEXT;
}

static proa__verdict take_host_account(proa_authority *a, uint64_t now_ms, proa__job *job,
                                       const proa__answer *answer)
{
    (void)now_ms;
    return take_account(a, job, answer, PROA__HOST);
}

static proa__verdict take_requester_account(proa_authority *a, uint64_t now_ms, proa__job *job,
                                            const proa__answer *answer)
{
    (void)now_ms;
    return take_account(a, job, answer, PROA__REQUESTER);
}

static proa__verdict take_drop_key(proa_authority *a, uint64_t now_ms, proa__job *job,
                                   const proa__answer *answer)
{
    (void)a;
    (void)now_ms;
    if (!proa__answer_ok(answer) && !proa__answer_missing(answer)) {
        return proa__step_failed(job, answer);
    }
    job->grant->g.host_security = PROA_ID_ALL;
    job->rolled[PROA__HOST] = false;
    job->rekey = false;
    return PROA__STEP_NEXT;
}

/* The Create of a key or of a context. 4.00: its identity, resp. its Recipient ID, stands on that
 * device already (docs/C2C.md §5), and both devices need others. */
static proa__verdict take_secret(proa_authority *a, proa__job *job, const proa__answer *answer,
                                 uint16_t *instance)
{
    if (answer->result == PROA_OP_ANSWERED && answer->code == PROA_COAP_BAD_REQUEST &&
        ++job->tries < PROA__TRIES_MAX && proa__job_new_key(a, job)) {
        job->rekey =
            job->roll ? job->rolled[PROA__HOST] : job->grant->g.host_security != PROA_ID_ALL;
        job->step = STEP_DROP_KEY;
        if (job->roll) { /* no device hears of a key that is not stored (roll.c) */
            proa__grant_share_account(a, job->grant);
            job->step = STEP_RECORD;
        }
        return PROA__STEP_JUMP;
    }
    if (job->roll && answer->result == PROA_OP_ANSWERED && PROA_COAP_CLASS(answer->code) != 2) {
        proa__roll_give_up(a, job);
        return PROA__STEP_NEXT;
    }
    if (!proa__answer_ok(answer)) {
        return proa__step_failed(job, answer);
    }
    if (answer->created.depth < 2) {
        return stop_with(job, &garbled);
    }
    *instance = answer->created.ids[1];
    return PROA__STEP_NEXT;
}

static proa__verdict take_key(proa_authority *a, proa__job *job, const proa__answer *answer,
                              uint8_t side, uint16_t *instance)
{
    proa__verdict verdict = take_secret(a, job, answer, instance);
    job->rolled[side] = job->roll && verdict == PROA__STEP_NEXT;
    return verdict;
}

static proa__verdict take_host_context(proa_authority *a, uint64_t now_ms, proa__job *job,
                                       const proa__answer *answer)
{
    (void)now_ms;
    return take_secret(a, job, answer, &job->context[PROA__HOST]);
}

static proa__verdict take_host_key(proa_authority *a, uint64_t now_ms, proa__job *job,
                                   const proa__answer *answer)
{
    (void)now_ms;
    return take_key(a, job, answer, PROA__HOST, &job->grant->g.host_security);
}

static proa__verdict take_read_rights(proa_authority *a, uint64_t now_ms, proa__job *job,
                                      const proa__answer *answer)
{
    (void)a;
    (void)now_ms;
    if (!proa__answer_ok(answer) && !proa__answer_missing(answer)) {
        return proa__step_failed(job, answer);
    }
    if (!proa__rights_plan(job, job->device[PROA__HOST], answer, true)) {
        return stop_with(job, &garbled);
    }
    job->read_access = false;
    job->reads++;
    return PROA__STEP_NEXT;
}

static proa__verdict take_rights(proa_authority *a, uint64_t now_ms, proa__job *job,
                                 const proa__answer *answer)
{
    bool is_last;
    (void)a;
    (void)now_ms;
    if (!proa__answer_ok(answer)) {
        /* What we meant to create is there, or what we meant to change is gone: look again. */
        bool was_blind = job->reads == 0;
        if (answer->result == PROA_OP_ANSWERED && PROA_COAP_CLASS(answer->code) == 4 &&
            answer->code != PROA_COAP_REQUEST_ENTITY_TOO_LARGE &&
            (was_blind || answer->code == PROA_COAP_NOT_FOUND) && job->reads < READS_MAX) {
            job->read_access = true;
            job->step = STEP_READ_RIGHTS;
            return PROA__STEP_JUMP;
        }
        return proa__step_failed(job, answer);
    }
    proa__rights_done(job, job->device[PROA__HOST], answer);
    is_last = job->fix_at == job->fix_count;
    if (is_last && job->fixes_more && job->reads <= PROA_AC_ENTRIES_MAX * READS_MAX) {
        job->read_access = true;
        job->step = STEP_READ_RIGHTS;
        return PROA__STEP_JUMP;
    }
    return PROA__STEP_SAME;
}

/* A write to an account that was there a moment ago. */
static proa__verdict take_write(proa_authority *a, uint64_t now_ms, proa__job *job,
                                const proa__answer *answer)
{
    (void)now_ms;
    if (proa__answer_missing(answer)) {
        return account_lost(a, job);
    }
    return proa__answer_ok(answer) ? PROA__STEP_NEXT : proa__step_failed(job, answer);
}

static proa__verdict take_check_requester(proa_authority *a, uint64_t now_ms, proa__job *job,
                                          const proa__answer *answer)
{
    proa__rows rows;
    proa__row row;
    uint8_t uri[PROA_URI_MAX];
    const proa_grant *g = &job->grant->g;
    proa_path base = proa_path_make(2, PROA_OBJECT_CLIENT_SECURITY, g->requester_security, 0);
    (void)now_ms;
    if (proa__answer_missing(answer)) {
        return account_lost(a, job);
    }
    if (!proa__answer_ok(answer)) {
        return proa__step_failed(job, answer);
    }
    if (!proa__rows_begin(&rows, &base, answer)) {
        return stop_with(job, &garbled);
    }
    bool is_there = proa__rows_next(&rows, &row);
    if (!proa__rows_ok(&rows)) {
        return stop_with(job, &garbled);
    }
    if (!is_there || row.short_id != g->host_short_id ||
        proa__grant_which_key(job->grant, proa_span_make(row.identity, row.identity_len)) == 0) {
        return account_lost(a, job);
    }
    proa_span wanted = uri_of(a, job, PROA__HOST, uri);
    job->uri_fine =
        wanted.len == 0 || proa_span_equal(proa_span_make(row.uri, row.uri_len), wanted);
    return PROA__STEP_NEXT;
}

static proa__verdict take_requester_client(proa_authority *a, uint64_t now_ms, proa__job *job,
                                           const proa__answer *answer)
{
    proa_grant *g = &job->grant->g;
    (void)a;
    (void)now_ms;
    return take_client(job, answer, PROA__REQUESTER, &g->host_short_id, &g->requester_client);
}

static proa__verdict take_requester_context(proa_authority *a, uint64_t now_ms, proa__job *job,
                                            const proa__answer *answer)
{
    (void)now_ms;
    return take_secret(a, job, answer, &job->context[PROA__REQUESTER]);
}

static proa__verdict take_requester_key(proa_authority *a, uint64_t now_ms, proa__job *job,
                                        const proa__answer *answer)
{
    (void)now_ms;
    return take_key(a, job, answer, PROA__REQUESTER, &job->grant->g.requester_security);
}

/* clang-format off */
const proa__step proa__provision_steps[PROA__PROVISION_STEPS] = {
    [STEP_RECORD] =
        {PROA__HOST, true, record_wanted, NULL, NULL},
    [STEP_FIND] =
        {PROA__HOST, false, find_wanted, ask_find, take_find},
    [STEP_CHECK_HOST] =
        {PROA__HOST, false, check_wanted, ask_check_host, take_check_host},
    [STEP_HOST_ACCOUNT] =
        {PROA__HOST, false, host_account_wanted, ask_host_account, take_host_account},
    [STEP_HOST_CLIENT] =
        {PROA__HOST, false, host_client_wanted, ask_host_client, take_host_client},
    [STEP_DROP_KEY] =
        {PROA__HOST, false, drop_key_wanted, ask_drop_key, take_drop_key},
    [STEP_HOST_CONTEXT] =
        {PROA__HOST, false, host_context_wanted, ask_host_context, take_host_context},
    [STEP_HOST_KEY] =
        {PROA__HOST, false, host_key_wanted, ask_host_key, take_host_key},
    [STEP_HOST_LIFETIME] =
        {PROA__HOST, false, lifetime_wanted, ask_host_lifetime, take_write},
    [STEP_READ_RIGHTS] =
        {PROA__HOST, false, read_rights_wanted, ask_read_rights, take_read_rights},
    [STEP_RIGHTS] =
        {PROA__HOST, false, rights_wanted, ask_rights, take_rights},
    [STEP_HOST_READY] =
        {PROA__HOST, true, host_ready_wanted, set_host_ready, NULL},
    [STEP_CHECK_REQUESTER] =
        {PROA__REQUESTER, false, check_wanted, ask_check_requester, take_check_requester},
    [STEP_REQUESTER_ACCOUNT] =
        {PROA__REQUESTER, false, requester_account_wanted, ask_requester_account,
         take_requester_account},
    [STEP_REQUESTER_CLIENT] =
        {PROA__REQUESTER, false, requester_client_wanted, ask_requester_client,
         take_requester_client},
    [STEP_REQUESTER_CONTEXT] =
        {PROA__REQUESTER, false, requester_context_wanted, ask_requester_context,
         take_requester_context},
    [STEP_REQUESTER_KEY] =
        {PROA__REQUESTER, false, requester_key_wanted, ask_requester_key, take_requester_key},
    [STEP_REQUESTER_LIFETIME] =
        {PROA__REQUESTER, false, lifetime_wanted, ask_requester_lifetime, take_write},
    [STEP_REQUESTER_URI] =
        {PROA__REQUESTER, false, uri_wanted, ask_uri, take_write},
    [STEP_HOST_URI] =
        {PROA__HOST, false, host_uri_wanted, ask_host_uri, take_write},
    [STEP_ACTIVE] =
        {PROA__HOST, true, active_wanted, set_active, NULL},
};
/* clang-format on */
