/* SPDX-License-Identifier: Apache-2.0 */
/* One thing at a time per device, and the runner of step tables.
 *
 * A job stands in the queue of each device it needs, in both at the same moment, and starts when it
 * is first in all of them. Since any two that need two devices stand in the same order wherever they
 * meet, nobody waits in a circle, and none of them overtakes another (G22). A sync goes before what still
 * waits, since it may take rights away, but before each of those once only.
 *
 * A provisioning is wanted by an /ac, but outlives it: over a slow link the work takes longer than an
 * answer may. Waiting and working have a time of their own each, and so has each operation; the
 * question has another. Who was answered and asks again joins what is still there.
 *
 * A job that runs waits for at most one thing: the answer to an operation or a record on disk. Before
 * each step its devices must still have the registrations it began with. Stopping waits for what is
 * outstanding, because an operation that was sent cannot be taken back. */
#include <string.h>

#include "proa/assert.h"
#include "server/app/state.h"

/* An operation of a job without an end: a device that sleeps longer is tried again later. */
#define STEP_TIMEOUT_MS 30000

/* How long what is wanted of a host that sleeps waits for it: whoever wants it still does. */
#define INTENT_MS 900000

/* Who is answered before the work is done should come back soon: the next question waits for it. */
#define GOES_ON_MAX_AGE_S 5
#define WAITS_MAX_AGE_S 10

static uint8_t side_of(const proa__job *job, const proa__device *device)
{
    return job->device[0] == device ? 0 : 1;
}

proa__job *proa__job_take(proa_authority *a, const proa__plan *plan, proa__device *first,
                          proa__device *second)
{
    proa_handle handle;
    proa__job *job = proa_pool_take(&a->jobs, &handle);
    if (job == NULL) {
        return NULL;
    }
    job->handle = handle;
    job->plan = plan;
    job->device[0] = first;
    job->device[1] = second;
    job->device_count = second == NULL ? 1 : 2;
    return job;
}

void proa__job_ready(proa_authority *a, proa__job *job)
{
    if (job->ready) {
        return;
    }
    job->ready = true;
    job->ready_next = NULL;
    if (a->ready_tail == NULL) {
        a->ready_head = job;
    } else {
        a->ready_tail->ready_next = job;
    }
    a->ready_tail = job;
}

proa__job *proa__job_next_ready(proa_authority *a)
{
    proa__job *job = a->ready_head;
    if (job != NULL) {
        a->ready_head = job->ready_next;
        a->ready_tail = a->ready_head == NULL ? NULL : a->ready_tail;
        job->ready = false;
    }
    return job;
}

static void drop_ready(proa_authority *a, proa__job *job)
{
    proa__job *before = NULL;
    for (proa__job *at = a->ready_head; job->ready && at != NULL; at = at->ready_next) {
        if (at == job) {
            if (before == NULL) {
                a->ready_head = job->ready_next;
            } else {
                before->ready_next = job->ready_next;
            }
            a->ready_tail = a->ready_tail == job ? before : a->ready_tail;
            job->ready = false;
        }
        before = at;
    }
}

static void start_if_first(proa_authority *a, proa__job *job)
{
    bool is_first = job != NULL && !job->started;
    for (uint8_t i = 0; is_first && i < job->device_count; i++) {
        is_first = job->device[i]->head == job;
    }
    if (is_first) {
        job->started = true;
        proa__job_ready(a, job);
    }
}

/* Behind whom the job stands at that device; NULL: first. */
static proa__job *place_for(const proa__job *job, const proa__device *d)
{
    proa__job *before = NULL;
    if (job->device_count == 2) {
        return d->tail;
    }
    for (proa__job *at = d->head; at != NULL; at = at->next[side_of(at, d)]) {
        if (!at->started && !at->overtaken && at->device_count == 2) {
            break;
        }
        before = at;
    }
    return before;
}

static void join_queue(proa__job *job, uint8_t i)
{
    proa__device *d = job->device[i];
    proa__job *before = place_for(job, d);
    proa__job **link = before == NULL ? &d->head : &before->next[side_of(before, d)];
    job->next[i] = *link;
    *link = job;
    d->tail = job->next[i] == NULL ? job : d->tail;
    for (proa__job *at = job->next[i]; at != NULL; at = at->next[side_of(at, d)]) {
        at->overtaken = true;
    }
}

void proa__job_enqueue(proa_authority *a, proa__job *job)
{
    for (uint8_t i = 0; i < job->device_count; i++) {
        join_queue(job, i);
    }
    start_if_first(a, job);
}

static void leave_queue(proa__job *job, uint8_t i)
{
    proa__device *d = job->device[i];
    proa__job *before = NULL;
    proa__job *at = d->head;
    while (at != NULL && at != job) {
        before = at;
        at = at->next[side_of(at, d)];
    }
    PROA_ASSERT(at == job);
    if (before == NULL) {
        d->head = job->next[i];
    } else {
        before->next[side_of(before, d)] = job->next[i];
    }
    d->tail = d->tail == job ? before : d->tail;
}

static void leave_sleepers(proa__job *job)
{
    proa__job **at = &job->device[PROA__HOST]->dormant;
    while (*at != job) {
        at = &(*at)->ready_next;
    }
    *at = job->ready_next;
    job->dormant = false;
}

static void leave(proa_authority *a, proa__job *job)
{
    if (job->dormant) {
        leave_sleepers(job);
        return;
    }
    drop_ready(a, job);
    for (uint8_t i = 0; i < job->device_count; i++) {
        leave_queue(job, i);
    }
}

/* ---- time ------------------------------------------------------------------------------- */

static void arm(proa_authority *a, proa__job *job)
{
    bool is_answer = job->asked && job->answer_ms < job->end_ms;
    proa__alarm_set(a, &job->alarm, PROA__ALARM_JOB, is_answer ? job->answer_ms : job->end_ms);
}

void proa__job_wanted(proa_authority *a, uint64_t now_ms, proa__job *job)
{
    job->asked_ms = now_ms;
    job->answer_ms = now_ms + a->config.deadline_ms;
    job->end_ms = job->started ? job->end_ms : now_ms + a->config.work_ms;
    arm(a, job);
}

void proa__job_works(proa_authority *a, uint64_t now_ms, proa__job *job)
{
    job->end_ms = now_ms + a->config.work_ms;
    arm(a, job);
}

static void give_up(proa_authority *a, uint64_t now_ms, proa__job *job, const proa__fail *fail)
{
    proa__job_fail(a, job, fail);
    if (job->started) {
        proa__job_answer(a, job, job->fail.code, job->fail.max_age_s, job->fail.reason);
    } else {
        job->plan->stop(a, now_ms, job);
    }
}

void proa__job_alarm(proa_authority *a, uint64_t now_ms, proa__job *job)
{
    static const proa__fail waited = {PROA_COAP_SERVICE_UNAVAILABLE, PROA_AC_WHY_BUSY, 10,
                                      "waited too long for its turn"};
    static const proa__fail silent = {PROA_COAP_GATEWAY_TIMEOUT, 0, 0, "device did not answer"};
    static const proa__fail slow = {PROA_COAP_GATEWAY_TIMEOUT, 0, 0, "took too long"};
    if (now_ms >= job->end_ms) {
        give_up(a, now_ms, job, job->started ? &slow : &waited);
        return;
    }
    if (!job->started) {
        proa__job_answer(a, job, PROA_COAP_SERVICE_UNAVAILABLE, WAITS_MAX_AGE_S, PROA_AC_WHY_BUSY);
    } else if (job->waits_op && now_ms >= job->op_end_ms) {
        give_up(a, now_ms, job, &silent);
    } else {
        proa__job_answer(a, job, PROA_COAP_GATEWAY_TIMEOUT, GOES_ON_MAX_AGE_S, 0);
    }
    arm(a, job);
}

void proa__job_sleep(proa_authority *a, uint64_t now_ms, proa__job *job)
{
    proa__job **at = &job->device[PROA__HOST]->dormant;
    job->end_ms = now_ms + INTENT_MS;
    arm(a, job);
    while (*at != NULL) {
        at = &(*at)->ready_next;
    }
    job->ready_next = NULL;
    job->dormant = true;
    *at = job;
}

void proa__job_wake(proa_authority *a, uint64_t now_ms, proa__device *host)
{
    while (host->dormant != NULL) {
        proa__job *job = host->dormant;
        leave_sleepers(job);
        proa__job_wanted(a, now_ms, job);
        proa__job_enqueue(a, job);
    }
}

void proa__job_again(proa_authority *a, proa__job *job)
{
    leave(a, job);
    for (uint8_t i = 0; i < job->device_count; i++) {
        start_if_first(a, job->device[i]->head);
    }
    job->started = false;
    job->begun = false;
    job->step = 0;
    proa__job_enqueue(a, job);
}

void proa__job_end(proa_authority *a, proa__job *job)
{
    proa__device *device[2] = {job->device[0], job->device[1]};
    uint8_t count = job->device_count;
    PROA_ASSERT(!job->asked && !job->waits_op && count <= 2);
    leave(a, job);
    if (count == 2 && device[PROA__REQUESTER]->ask == job) {
        device[PROA__REQUESTER]->ask = NULL;
    }
    proa__alarm_clear(a, &job->alarm);
    proa_handle handle = job->handle;
    proa_wipe(job, sizeof *job);
    proa_pool_give(&a->jobs, handle);
    for (uint8_t i = 0; i < count; i++) {
        start_if_first(a, device[i]->head);
    }
    for (uint8_t i = 0; i < count; i++) {
        proa__device_settle(a, device[i]);
    }
}

void proa__job_fail(proa_authority *a, proa__job *job, const proa__fail *fail)
{
    if (job->fail.code == 0) {
        job->fail = *fail;
    }
    if (job->started && !job->waits_op && !job->waits_store) {
        proa__job_ready(a, job);
    }
}

/* ---- running ---------------------------------------------------------------------------- */

/* The host of a provisioning is index 0, and a sync has no requester to be told. */
static void check_registrations(proa_authority *a, proa__job *job)
{
    static const proa__fail host_gone = {PROA_COAP_SERVICE_UNAVAILABLE, PROA_AC_WHY_HOST_OFFLINE,
                                         10, "host went away"};
    static const proa__fail requester_gone = {PROA_COAP_SERVICE_UNAVAILABLE, PROA_AC_WHY_BUSY, 2,
                                              "requester registered anew"};
    for (uint8_t i = 0; i < job->device_count; i++) {
        if (job->device[i]->reg != job->reg[i] || job->reg[i] == 0) {
            proa__job_fail(a, job, i == PROA__HOST ? &host_gone : &requester_gone);
        }
    }
}

static uint32_t operation_ms(const proa_authority *a, uint64_t now_ms, const proa__job *job)
{
    if (job->end_ms == 0) {
        return STEP_TIMEOUT_MS;
    }
    uint64_t left_ms = job->end_ms > now_ms ? job->end_ms - now_ms : 1;
    return left_ms < a->config.deadline_ms ? (uint32_t)left_ms : a->config.deadline_ms;
}

static bool ask(proa_authority *a, uint64_t now_ms, proa__job *job, const proa__step *step,
                proa_action *action)
{
    proa_writer w = proa_writer_make(a->out, sizeof a->out);
    proa__request request = {.format = PROA_FORMAT_TLV, .w = &w};
    static const proa__fail too_large = {PROA_COAP_INTERNAL_SERVER_ERROR, 0, 0,
                                         "payload too large"};
    step->ask(a, now_ms, job, &request);
    a->out_len = sizeof a->out;
    if (w.err != PROA_OK) {
        proa__job_fail(a, job, &too_large);
        return false;
    }
    memset(action, 0, sizeof *action);
    job->seq = ++a->seq;
    job->waits_op = true;
    job->touched[step->side] = job->touched[step->side] || request.op != PROA_OP_READ;
    action->kind = PROA_ACTION_OPERATE;
    action->ticket = proa__ticket(PROA__TICKET_JOB, job->seq, job->handle);
    action->reg = job->reg[step->side];
    action->endpoint = proa_span_of(job->device[step->side]->endpoint);
    action->op = request.op;
    action->path = request.path;
    action->format = request.op == PROA_OP_DELETE ? PROA_FORMAT_NONE : request.format;
    action->payload = proa_writer_span(&w);
    action->timeout_ms = operation_ms(a, now_ms, job);
    job->op_end_ms = now_ms + action->timeout_ms;
    return true;
}

static void store(proa_authority *a, uint64_t now_ms, proa__job *job, const proa__step *step)
{
    static const proa__fail no_store = {PROA_COAP_SERVICE_UNAVAILABLE, PROA_AC_WHY_BUSY, 30,
                                        "store failed"};
    if (step->ask != NULL) {
        step->ask(a, now_ms, job, NULL);
    }
    job->seq = ++a->seq;
    if (proa__note_store(a, proa__ticket(PROA__TICKET_JOB, job->seq, job->handle),
                         &job->grant->g)) {
        job->waits_store = true;
    } else {
        proa__job_fail(a, job, &no_store);
    }
}

bool proa__job_run(proa_authority *a, uint64_t now_ms, proa__job *job, proa_action *action)
{
    if (!job->begun && job->fail.code == 0) {
        job->begun = true;
        if (!job->plan->begin(a, now_ms, job)) {
            return false;
        }
    }
    while (job->fail.code == 0) {
        const proa__step *step = &job->plan->steps[job->step];
        check_registrations(a, job);
        if (job->fail.code != 0) {
            break;
        }
        if (job->step == job->plan->step_count) {
            job->plan->finish(a, now_ms, job);
            return false;
        }
        if (!step->wanted(job)) {
            job->step++;
        } else if (!step->store) {
            if (ask(a, now_ms, job, step, action)) {
                return true;
            }
        } else {
            store(a, now_ms, job, step);
            if (job->waits_store) {
                return false;
            }
        }
    }
    drop_ready(a, job);
    job->plan->stop(a, now_ms, job);
    return false;
}

void proa__job_answered(proa_authority *a, uint64_t now_ms, proa__job *job,
                        const proa__answer *answer)
{
    const proa__step *step = &job->plan->steps[job->step];
    job->waits_op = false;
    proa__verdict verdict = step->take(a, now_ms, job, answer);
    if (verdict == PROA__STEP_AGAIN) {
        proa__job_again(a, job);
        return;
    }
    if (verdict == PROA__STEP_NEXT) {
        job->step++;
    }
    proa__job_ready(a, job);
}

void proa__job_stored(proa_authority *a, uint64_t now_ms, proa__job *job, bool ok)
{
    static const proa__fail no_store = {PROA_COAP_SERVICE_UNAVAILABLE, PROA_AC_WHY_BUSY, 30,
                                        "store failed"};
    (void)now_ms;
    job->waits_store = false;
    if (ok) {
        job->step++;
    } else {
        proa__job_fail(a, job, &no_store);
    }
    proa__job_ready(a, job);
}

bool proa__answer_ok(const proa__answer *answer)
{
    return answer->result == PROA_OP_ANSWERED && PROA_COAP_CLASS(answer->code) == 2;
}

bool proa__answer_missing(const proa__answer *answer)
{
    return answer->result == PROA_OP_ANSWERED && answer->code == PROA_COAP_NOT_FOUND;
}

/* What an operation that did not succeed means for who asked. A device that says no is a refusal; a
 * device without room, or without an answer, may do better later. */
proa__verdict proa__step_failed(proa__job *job, const proa__answer *answer)
{
    static const proa__fail busy = {PROA_COAP_SERVICE_UNAVAILABLE, PROA_AC_WHY_BUSY, 30,
                                    "device is full or busy"};
    static const proa__fail refused = {PROA_COAP_FORBIDDEN, 0, 0, "device refused"};
    static const proa__fail silent = {PROA_COAP_GATEWAY_TIMEOUT, 0, 0, "device did not answer"};
    static const proa__fail offline = {PROA_COAP_SERVICE_UNAVAILABLE, PROA_AC_WHY_HOST_OFFLINE, 10,
                                       "device went away"};
    const proa__fail *fail = &silent;
    if (answer->result == PROA_OP_ANSWERED) {
        bool is_full = PROA_COAP_CLASS(answer->code) == 5 ||
                       answer->code == PROA_COAP_REQUEST_ENTITY_TOO_LARGE ||
                       answer->code == PROA_COAP_TOO_MANY_REQUESTS;
        fail = is_full ? &busy : &refused;
    } else if (answer->result == PROA_OP_GONE) {
        fail = job->plan->steps[job->step].side == PROA__HOST ? &offline : &busy;
    } else if (answer->result == PROA_OP_FAILED) {
        fail = &busy;
    }
    if (job->fail.code == 0) {
        job->fail = *fail;
    }
    return PROA__STEP_STOP;
}
