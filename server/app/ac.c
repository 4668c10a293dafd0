/* SPDX-License-Identifier: Apache-2.0 */
/* POST /ac: judging the request, its sender, and what it asks for (docs/C2C.md has every answer).
 *
 * The order is fixed, so that an answer tells no more than its sender may know (docs/C2C.md §5): form,
 * then sender, then its budget, then policy by names alone; only who is allowed learns anything
 * about the host. Whether a host exists makes no difference to who is denied. */
#include <string.h>

#include "server/app/state.h"

/* A device in queue mode listens for MAX_TRANSMIT_WAIT after it sent something (LwM2M Transport 1.2
 * §6.5, RFC 7252 §4.8.2). What is wanted of it after that is done when it wakes up. */
#define AWAKE_MS 93000
#define ASLEEP_MAX_AGE_S 30

#define BURST_TOKEN 1000U /* one request, in thousandths */

/* ---- form (G17, G27) -------------------------------------------------------------------- */

static bool is_query(proa_span query, const char *name)
{
    size_t len = strlen(name);
    return query.len >= len && memcmp(query.data, name, len) == 0;
}

static uint8_t read_queries(const proa_coap_msg *msg, proa__wish *wish)
{
    proa_coap_options it = proa_coap_options_of(msg);
    proa_coap_option option;
    while (proa_coap_option_next(&it, &option)) {
        if (option.number != PROA_COAP_OPT_URI_QUERY) {
            continue;
        }
        if (is_query(option.value, "ep=") && wish->host.len == 0 && option.value.len > 3 &&
            option.value.len - 3 <= PROA_ENDPOINT_MAX) {
            wish->host = proa_span_make(option.value.data + 3, option.value.len - 3);
        } else if (is_query(option.value, "c") && option.value.len == 1 && !wish->credentials) {
            wish->credentials = true;
        } else {
            return PROA_COAP_BAD_REQUEST;
        }
    }
    return wish->host.len == 0 ? PROA_COAP_BAD_REQUEST : 0;
}

uint8_t proa__ac_read(const proa_coap_msg *msg, proa__wish *wish)
{
    memset(wish, 0, sizeof *wish);
    if (msg->code != PROA_COAP_POST) {
        return PROA_COAP_METHOD_NOT_ALLOWED;
    }
    if (msg->type != PROA_COAP_CON) {
        return PROA_COAP_BAD_REQUEST;
    }
    if (proa_coap_option_uint(msg, PROA_COAP_OPT_CONTENT_FORMAT, PROA_FORMAT_NONE) !=
        PROA_FORMAT_CBOR) {
        return PROA_COAP_UNSUPPORTED_CONTENT_FORMAT;
    }
    uint8_t code = read_queries(msg, wish);
    if (code != 0) {
        return code;
    }
    switch (proa_ac_body_parse(msg->payload, &wish->body)) {
    case PROA_OK:
        return 0;
    case PROA_E_TOO_LARGE:
        return PROA_COAP_REQUEST_ENTITY_TOO_LARGE;
    default:
        return PROA_COAP_BAD_REQUEST;
    }
}

/* ---- policy ----------------------------------------------------------------------------- */

static proa_span rule_name(const proa_policy *policy, int32_t rule)
{
    return rule < 0 ? proa_span_of("no rule") : proa_span_of(policy->rules[rule].name);
}

static proa_decision decide(const proa_authority *a, proa_span requester, proa_span host,
                            const proa_ac_entry *entry, proa_span *why)
{
    proa_decision denied = {.rule = -1};
    if (proa_span_equal(requester, host)) {
        *why = proa_span_of("itself");
        return denied;
    }
    if (proa_policy_closed(entry->object)) {
        *why = proa_span_of("closed object");
        return denied;
    }
    if (proa__refused(a, requester, host, entry->object, entry->instance)) {
        *why = proa_span_of("standing refusal");
        return denied;
    }
    proa_decision decision = proa_policy_decide(a->policy, requester, host, entry->object,
                                                entry->instance, entry->rights);
    *why = a->policy == NULL ? proa_span_of("no policy") : rule_name(a->policy, decision.rule);
    return decision;
}

void proa__judge(const proa_authority *a, proa_span requester, proa_span host,
                 const proa_ac_body *body, proa__judgement *out)
{
    proa_span denied_by = {NULL, 0};
    bool any_denied = false;
    bool may_be_partial = true;
    memset(out, 0, sizeof *out);
    out->lifetime_s = UINT32_MAX;
    out->decisive = body->entries[0];
    for (uint8_t i = 0; i < body->count; i++) {
        proa_span why;
        proa_decision d = decide(a, requester, host, &body->entries[i], &why);
        if (d.granted != body->entries[i].rights) {
            out->decisive = any_denied ? out->decisive : body->entries[i];
            denied_by = any_denied ? denied_by : why;
            any_denied = true;
        }
        if (d.granted != 0) {
            proa_ac_entry granted = {body->entries[i].object, body->entries[i].instance, d.granted};
            out->rule = out->granted.count == 0 ? why : out->rule;
            out->granted.entries[out->granted.count++] = granted;
            out->lifetime_s = d.lifetime_s < out->lifetime_s ? d.lifetime_s : out->lifetime_s;
            out->security = out->security == PROA_PEER_SECURITY_AUTO ? d.security : out->security;
            out->revoke_on_deregister = out->revoke_on_deregister || d.revoke_on_deregister;
            may_be_partial = may_be_partial && d.may_be_partial;
        }
    }
    out->allowed = out->granted.count > 0 && (!any_denied || may_be_partial);
    out->rule = out->allowed ? out->rule : denied_by;
}

/* ---- sender ----------------------------------------------------------------------------- */

/* Seconds until the next token, 0 if one was taken. */
static uint32_t take_token(const proa_authority *a, uint64_t now_ms, proa__device *device)
{
    uint32_t per_minute = a->config.ac_per_minute;
    uint64_t full = (uint64_t)per_minute * BURST_TOKEN;
    uint64_t passed_ms = now_ms > device->tokens_at_ms ? now_ms - device->tokens_at_ms : 0;
    uint64_t gained = passed_ms >= 60000 ? full : passed_ms * per_minute * BURST_TOKEN / 60000;
    uint64_t tokens = device->tokens + gained > full ? full : device->tokens + gained;
    device->tokens_at_ms = now_ms;
    if (tokens >= BURST_TOKEN) {
        device->tokens = (uint32_t)(tokens - BURST_TOKEN);
        return 0;
    }
    device->tokens = (uint32_t)tokens;
    uint64_t wait_ms = (BURST_TOKEN - tokens) * 60000 / ((uint64_t)per_minute * BURST_TOKEN);
    return (uint32_t)(wait_ms / 1000) + 1;
}

static uint32_t count_waiting(const proa__device *host)
{
    uint32_t count = 0;
    for (const proa__job *job = host->head; job != NULL;
         job = job->next[job->device[0] == host ? 0 : 1]) {
        count += job->plan == &proa__provision_plan && !job->reinstall && !job->started &&
                         job->device[PROA__HOST] == host
                     ? 1
                     : 0;
    }
    for (const proa__job *job = host->dormant; job != NULL; job = job->ready_next) {
        count++;
    }
    return count;
}

static bool is_asleep(const proa__device *device, uint64_t now_ms)
{
    return device->queue_mode && now_ms - device->heard_ms > AWAKE_MS;
}

static bool same_wish(const proa__job *job, const proa__wish *wish)
{
    if (!proa_span_equal(proa_span_of(job->device[PROA__HOST]->endpoint), wish->host) ||
        job->credentials != wish->credentials || job->body.count != wish->body.count) {
        return false;
    }
    for (uint8_t i = 0; i < wish->body.count; i++) {
        const proa_ac_entry *x = &job->body.entries[i];
        const proa_ac_entry *y = &wish->body.entries[i];
        if (x->object != y->object || x->instance != y->instance || x->rights != y->rights) {
            return false;
        }
    }
    return true;
}

void proa__job_answer(proa_authority *a, proa__job *job, uint8_t code, uint32_t max_age_s,
                      uint8_t reason)
{
    if (job->asked) {
        job->asked = false;
        proa__note_answer(a, job->ticket, code, max_age_s, reason);
    }
}

/* The requester asks again what it is being given right now (it restarted, lost patience, or was told
 * that this takes long): the new question gets the answer. */
static void join(proa_authority *a, uint64_t now_ms, uint64_t ticket, proa__job *job)
{
    if (job->dormant) {
        proa__note_answer(a, ticket, PROA_COAP_SERVICE_UNAVAILABLE, ASLEEP_MAX_AGE_S,
                          PROA_AC_WHY_HOST_OFFLINE);
        return;
    }
    if (job->asked) {
        proa__note_answer(a, job->ticket, PROA_COAP_SERVICE_UNAVAILABLE, 1, PROA_AC_WHY_BUSY);
    }
    job->asked = true;
    job->ticket = ticket;
    proa__job_wanted(a, now_ms, job);
}

static void note_all(proa_authority *a, proa_audit_kind kind, const proa__device *requester,
                     const proa__wish *wish, const char *why)
{
    for (uint8_t i = 0; i < wish->body.count; i++) {
        proa__note_audit(a, kind, proa_span_of(requester->endpoint), wish->host, NULL,
                         &wish->body.entries[i], proa_span_of(why));
    }
}

static bool covers(const proa_grant *g, const proa_ac_body *body)
{
    for (uint8_t i = 0; i < body->count; i++) {
        const proa_ac_entry *wanted = &body->entries[i];
        uint8_t at = proa__grant_entry_at(g, wanted->object, wanted->instance);
        if (at == g->entry_count || (wanted->rights & ~g->entries[at].rights) != 0) {
            return false;
        }
    }
    return true;
}

/* The work for an earlier question came to its end when nobody waited for it any more: what is granted
 * was installed a moment ago, and to look at it again would take as long once more. */
static bool take_untold(const proa_authority *a, uint64_t now_ms, const proa__device *requester,
                        const proa__device *host, const proa__wish *wish,
                        const proa_ac_body *granted)
{
    proa__record *r = proa__grant_find(requester, host);
    if (r == NULL || r->untold_ms == 0 || now_ms - r->untold_ms > a->config.deadline_ms ||
        r->job != NULL || !proa__grant_is_live(r) || r->rights_unsure || r->key_unsure ||
        (wish->credentials && proa__grant_is_adopted(r)) || !covers(&r->g, granted)) {
        return false;
    }
    r->untold_ms = 0;
    return true;
}

/* Allowed: now the state of the host may be told. */
static void enqueue(proa_authority *a, uint64_t now_ms, uint64_t ticket, proa__device *requester,
                    const proa__wish *wish, const proa_ac_body *granted)
{
    proa__device *host = proa__device_find(a, wish->host);
    proa__job *job = NULL;
    if (host == NULL || host->reg == 0) {
        a->stats.failed++;
        note_all(a, PROA_AUDIT_FAILED, requester, wish, "host not registered");
        proa__note_answer(a, ticket, PROA_COAP_SERVICE_UNAVAILABLE, 30, PROA_AC_WHY_HOST_OFFLINE);
        return;
    }
    if (take_untold(a, now_ms, requester, host, wish, granted)) {
        proa__note_answer(a, ticket, PROA_COAP_CREATED, 0, 0);
        return;
    }
    if (count_waiting(host) < a->config.host_queue_max) {
        job = proa__job_take(a, &proa__provision_plan, host, requester);
    }
    if (job == NULL) {
        a->stats.failed++;
        note_all(a, PROA_AUDIT_FAILED, requester, wish, "too many wait for this host");
        proa__note_answer(a, ticket, PROA_COAP_SERVICE_UNAVAILABLE, 10, PROA_AC_WHY_BUSY);
        return;
    }
    job->asked = true;
    job->ticket = ticket;
    job->credentials = wish->credentials;
    job->body = wish->body;
    requester->ask = job;
    if (is_asleep(host, now_ms)) {
        proa__job_answer(a, job, PROA_COAP_SERVICE_UNAVAILABLE, ASLEEP_MAX_AGE_S,
                         PROA_AC_WHY_HOST_OFFLINE);
        proa__job_sleep(a, now_ms, job);
        return;
    }
    proa__job_wanted(a, now_ms, job);
    proa__job_enqueue(a, job);
}

static void judge(proa_authority *a, uint64_t now_ms, uint64_t ticket, proa__device *requester,
                  const proa__wish *wish)
{
    proa__judgement j;
    uint32_t wait_s = take_token(a, now_ms, requester);
    requester->heard_ms = now_ms;
    if (wait_s > 0) {
        a->stats.rate_limited++;
        proa__note_answer(a, ticket, PROA_COAP_TOO_MANY_REQUESTS, wait_s, 0);
        return;
    }
    note_all(a, PROA_AUDIT_ASKED, requester, wish, "");
    if (requester->ask != NULL && same_wish(requester->ask, wish)) {
        join(a, now_ms, ticket, requester->ask);
        return;
    }
    if (requester->ask != NULL && !requester->ask->started && !requester->ask->asked) {
        proa__job_end(a, requester->ask); /* it changed its mind */
    }
    if (requester->ask != NULL) {
        a->stats.rate_limited++;
        proa__note_answer(a, ticket, PROA_COAP_TOO_MANY_REQUESTS, 2, 0);
        return;
    }
    proa__judge(a, proa_span_of(requester->endpoint), wish->host, &wish->body, &j);
    if (!j.allowed) {
        a->stats.denied++;
        proa__note_audit(a, PROA_AUDIT_DENIED, proa_span_of(requester->endpoint), wish->host, NULL,
                         &j.decisive, j.rule);
        proa__note_answer(a, ticket, PROA_COAP_FORBIDDEN, 0, 0);
        return;
    }
    enqueue(a, now_ms, ticket, requester, wish, &j.granted);
}

void proa_authority_ac(proa_authority *a, uint64_t now_ms, uint64_t ticket, proa_span endpoint,
                       proa_reg reg, bool secured, const proa_coap_msg *msg)
{
    proa__wish wish;
    proa__device *requester = endpoint.len == 0 ? NULL : proa__device_find(a, endpoint);
    uint8_t code = proa__ac_read(msg, &wish);
    proa_wipe(a->out, a->out_len);
    a->out_len = 0;
    a->stats.asked++;
    if (code != 0) {
        proa__note_answer(a, ticket, code, 0, 0);
    } else if (endpoint.len > 0 && secured && requester == NULL) {
        /* Registered there, but our table had no place for it. */
        proa__note_answer(a, ticket, PROA_COAP_SERVICE_UNAVAILABLE, 60, PROA_AC_WHY_BUSY);
    } else if (requester == NULL || !secured || !requester->secured || reg == 0 ||
               requester->reg != reg) {
        a->stats.denied++;
        proa__note_answer(a, ticket, PROA_COAP_FORBIDDEN, 0, 0);
    } else {
        judge(a, now_ms, ticket, requester, &wish);
    }
}
