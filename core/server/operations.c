/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of devices, from proa_server_op_start to its one completion.
 *
 *     WAITING ---device reachable---> SENT ---answer---> (told, gone)
 *        |                             |  \---2.05 with Observe---> OBSERVING --notifications-->
 *        +-- timeout, cancel, ---------+------- registration ended --+
 *                               v
 *                            FINISHED ---poll---> DONE or OBSERVE_END, gone
 *
 * Invariants: an operation that is not FINISHED is in its device's list; a CoAP request exists
 * exactly in SENT and OBSERVING, a timer and a block exactly in WAITING; DONE is told once for each
 * operation, OBSERVE_END once for each whose DONE said `observing`. Per device NSTART (RFC 7252
 * §4.7) is the CoAP engine's; how requests look is request.c's. LwM2M Core 1.2 §6.3, §6.4;
 * Transport 1.2 §6.5 (queue mode). */
#include <string.h>

#include "core/server/links.h"
#include "core/server/server_internal.h"
#include "proa/assert.h"

/* Operations that wait for one device at a time. A device that sleeps for a day must not take the
 * places of all others; what is wanted from it when it wakes up fits this. */
#define WAITING_MAX 64

/* Places of the pool at first. */
#define OPS_FIRST 16U

proa_err proa__ops_open(proa_server *s)
{
    uint32_t max = s->config.operation_max;
    return proa_pool_init(&s->ops, &s->config.memory, sizeof(proa__op),
                          max < OPS_FIRST ? max : OPS_FIRST, max);
}

static void give_block(proa_server *s, proa__op *op)
{
    if (op->block != NULL) {
        /* A Write to object 11000 carries a key. */
        proa_wipe(op->block, op->block_len);
        s->config.memory.give(s->config.memory.ctx, op->block, op->block_len);
        op->block = NULL;
    }
}

void proa__ops_close(proa_server *s)
{
    uint32_t cursor = 0;
    proa_handle handle;
    for (proa__op *op; (op = proa_pool_next(&s->ops, &cursor, &handle)) != NULL;) {
        give_block(s, op);
    }
    proa_pool_clear(&s->ops);
}

static proa__op *op_of(const proa_server *s, proa_op_id id)
{
    return proa_pool_get(&s->ops, id);
}

/* ---- the list of a device --------------------------------------------------------------- */

static void link_op(proa_server *s, proa__device *d, proa__op *op)
{
    op->prev = 0;
    op->next = d->first_op;
    if (op->next != 0) {
        op_of(s, op->next)->prev = op->id;
    }
    d->first_op = op->id;
}

static void unlink_op(proa_server *s, proa__device *d, proa__op *op)
{
    if (op->prev != 0) {
        op_of(s, op->prev)->next = op->next;
    } else {
        d->first_op = op->next;
    }
    if (op->next != 0) {
        op_of(s, op->next)->prev = op->prev;
    }
    op->next = 0;
    op->prev = 0;
}

static proa__op *find_observation(proa_server *s, const proa__device *d, const proa_path *path)
{
    for (proa__op *op = op_of(s, d->first_op); op != NULL; op = op_of(s, op->next)) {
        if (op->state == PROA__OP_OBSERVING && proa_path_equal(&op->path, path)) {
            return op;
        }
    }
    return NULL;
}

/* ---- ending ----------------------------------------------------------------------------- */

static void leave_waiting(proa_server *s, proa__device *d, proa__op *op)
{
    proa_heap_clear(&s->op_timeouts, &op->timer);
    give_block(s, op);
    d->waiting--;
}

static void push_finished(proa_server *s, proa__op *op)
{
    op->state = PROA__OP_FINISHED;
    if (s->finished_last == 0) {
        s->finished_first = op->id;
    } else {
        op_of(s, s->finished_last)->next = op->id;
    }
    s->finished_last = op->id;
}

/* End an operation from our side; `tell` the device if it was observing. The event comes later. */
static void finish(proa_server *s, uint64_t now_ms, proa__op *op, proa_op_result result, bool tell)
{
    proa__device *d = proa__registry_get(&s->registry, op->reg);
    PROA_ASSERT(d != NULL && op->state != PROA__OP_FINISHED);
    op->observed = op->state == PROA__OP_OBSERVING;
    if (op->observed) {
        s->observations--;
    }
    if (op->request != 0) {
        proa_coap_cancel(s->coap, now_ms, op->request, tell);
        op->request = 0;
    }
    if (op->state == PROA__OP_WAITING) {
        leave_waiting(s, d, op);
    }
    unlink_op(s, d, op);
    op->result = (uint8_t)result;
    push_finished(s, op);
}

void proa__ops_finish_all(proa_server *s, uint64_t now_ms, proa__device *d, proa_op_result result)
{
    while (d->first_op != 0) {
        finish(s, now_ms, op_of(s, d->first_op), result, false);
    }
}

static void describe(const proa_server *s, const proa__op *op, proa_server_event *out)
{
    const proa__device *d = proa__registry_get(&s->registry, op->reg);
    out->reg = op->reg;
    out->endpoint = d == NULL ? proa_span_make(NULL, 0) : proa__device_endpoint(d);
    out->op = op->id;
    out->user = op->user;
    out->path = op->path;
    out->format = PROA_FORMAT_NONE;
}

/* The last event of an operation; gives its place back. */
static void tell_end(proa_server *s, const proa__op *op, proa_server_event *out)
{
    describe(s, op, out);
    out->kind = op->observed ? PROA_SERVER_OBSERVE_END : PROA_SERVER_DONE;
    out->result = (proa_op_result)op->result;
    out->code = op->code;
    proa_pool_give(&s->ops, op->id);
}

bool proa__ops_next_finished(proa_server *s, proa_server_event *out)
{
    proa__op *op = op_of(s, s->finished_first);
    if (op == NULL) {
        return false;
    }
    s->finished_first = op->next;
    if (s->finished_first == 0) {
        s->finished_last = 0;
    }
    tell_end(s, op, out);
    return true;
}

void proa__ops_run(proa_server *s, uint64_t now_ms)
{
    for (proa_timer *due; (due = proa_heap_take_due(&s->op_timeouts, now_ms)) != NULL;) {
        finish(s, now_ms, (proa__op *)due, PROA_OP_TIMEOUT, false);
    }
}

/* ---- asking ----------------------------------------------------------------------------- */

static proa_err send_now(proa_server *s, uint64_t now_ms, const proa__device *d, proa__op *op,
                         const proa_server_op *asked, uint32_t timeout_ms)
{
    proa__links links = {0};
    proa_coap_peer peer = proa__device_peer(d);
    if (d->has_root) {
        /* It was read when it was registered, so it can be read again. */
        (void)!proa__links_read(proa__device_links(d), &links);
    }
    proa__question question = {.op = (proa_operation)op->operation,
                               .path = op->path,
                               .format = op->format,
                               .root = links.root,
                               .payload = asked->payload,
                               .attributes = asked->attributes,
                               .user = op->id,
                               .timeout_ms = timeout_ms};
    proa_err err = proa__downlink_send(s->coap, now_ms, &peer, &question, &op->request);
    if (err != PROA_OK) {
        op->request = 0;
        return err;
    }
    op->state = PROA__OP_SENT;
    op->moves = d->moves;
    return PROA_OK;
}

/* The device is away: keep what is to be sent, in a block of exactly its size. */
static proa_err keep(proa_server *s, uint64_t now_ms, proa__device *d, proa__op *op,
                     const proa_server_op *asked, uint32_t timeout_ms)
{
    size_t attributes_len = asked->attributes == NULL ? 0 : sizeof *asked->attributes;
    size_t len = attributes_len + asked->payload.len;
    if (d->waiting >= WAITING_MAX) {
        return PROA_E_FULL;
    }
    if (asked->payload.len > s->config.coap.body_max) {
        return PROA_E_TOO_LARGE;
    }
    if (len > 0) {
        op->block = s->config.memory.take(s->config.memory.ctx, len);
        if (op->block == NULL) {
            return PROA_E_FULL;
        }
        proa_writer w = proa_writer_make(op->block, len);
        proa_write_bytes(&w, asked->attributes, attributes_len);
        proa_write_span(&w, asked->payload);
    }
    op->block_len = (uint32_t)len;
    op->has_attributes = attributes_len > 0;
    op->state = PROA__OP_WAITING;
    d->waiting++;
    proa_heap_set(&s->op_timeouts, &op->timer, now_ms + timeout_ms);
    return PROA_OK;
}

static void start_kept(proa_server *s, uint64_t now_ms, proa__device *d, proa__op *op)
{
    proa_attributes attributes;
    proa_server_op asked = {0};
    size_t at = 0;
    uint64_t left_ms = op->timer.at_ms > now_ms ? op->timer.at_ms - now_ms : 1;
    if (op->has_attributes) {
        memcpy(&attributes, op->block, sizeof attributes);
        at = sizeof attributes;
        asked.attributes = &attributes;
    }
    if (op->block_len > at) {
        asked.payload = proa_span_make(op->block + at, op->block_len - at);
    }
    proa_err err = send_now(s, now_ms, d, op, &asked, (uint32_t)left_ms);
    if (err != PROA_OK) {
        finish(s, now_ms, op, PROA_OP_FAILED, false);
        return;
    }
    leave_waiting(s, d, op);
}

void proa__ops_start_waiting(proa_server *s, uint64_t now_ms, proa__device *d)
{
    if (d->waiting == 0 || !proa__server_reaches(d, now_ms)) {
        return;
    }
    /* The list has the newest first: what was asked first has to go first. */
    proa__op *op = op_of(s, d->first_op);
    while (op->next != 0) {
        op = op_of(s, op->next);
    }
    while (op != NULL) {
        proa__op *newer = op_of(s, op->prev);
        if (op->state == PROA__OP_WAITING) {
            start_kept(s, now_ms, d, op);
        }
        op = newer;
    }
}

/* A GET with Observe 1 is sent, and nobody waits for its answer: from here on nothing of the
 * observation is told but its end, and then that the cancelling is done (RFC 7641 §3.6). */
static proa_err cancel_path(proa_server *s, uint64_t now_ms, const proa__device *d,
                            const proa_server_op *asked, proa__op *op)
{
    proa__op *observation = find_observation(s, d, &asked->path);
    if (observation == NULL) {
        return PROA_E_NOT_FOUND;
    }
    finish(s, now_ms, observation, PROA_OP_CANCELLED, true);
    op->result = PROA_OP_CANCELLED;
    push_finished(s, op);
    return PROA_OK;
}

proa_err proa_server_op_start(proa_server *s, uint64_t now_ms, const proa_server_op *asked,
                              proa_op_id *id)
{
    proa__device *d = proa__registry_get(&s->registry, asked->reg);
    uint32_t timeout_ms = asked->timeout_ms == 0 ? s->config.op_timeout_ms : asked->timeout_ms;
    if (d == NULL || d->ended) {
        return PROA_E_NOT_FOUND;
    }
    proa_err err = proa__request_check(asked->op, &asked->path, asked->attributes);
    if (err != PROA_OK) {
        return err;
    }
    proa_op_id made;
    proa__op *op = proa_pool_take(&s->ops, &made);
    if (op == NULL) {
        return PROA_E_FULL;
    }
    op->id = made;
    op->reg = asked->reg;
    op->user = asked->user;
    op->path = asked->path;
    op->format = asked->format;
    op->operation = (uint8_t)asked->op;
    if (asked->op == PROA_OP_CANCEL_OBSERVE) {
        err = cancel_path(s, now_ms, d, asked, op);
    } else if (proa__server_reaches(d, now_ms)) {
        err = send_now(s, now_ms, d, op, asked, timeout_ms);
    } else {
        err = keep(s, now_ms, d, op, asked, timeout_ms);
    }
    if (err != PROA_OK) {
        proa_pool_give(&s->ops, made);
        return err;
    }
    if (op->state != PROA__OP_FINISHED) {
        link_op(s, d, op);
    }
    *id = made;
    return PROA_OK;
}

void proa_server_op_cancel(proa_server *s, uint64_t now_ms, proa_op_id id)
{
    proa__op *op = op_of(s, id);
    if (op != NULL && op->state != PROA__OP_FINISHED) {
        finish(s, now_ms, op, PROA_OP_CANCELLED, op->state == PROA__OP_OBSERVING);
    }
}

/* ---- answers ---------------------------------------------------------------------------- */

static void fill_message(proa_server_event *out, const proa_coap_event *event)
{
    out->code = event->msg.code;
    out->format = (uint16_t)proa_coap_option_uint(&event->msg, PROA_COAP_OPT_CONTENT_FORMAT,
                                                  PROA_FORMAT_NONE);
    out->payload = event->msg.payload;
}

/* An answer proves that the device is where it was sent, if it has not moved since. */
static void note_proof(proa_server *s, proa__device *d, const proa__op *op)
{
    if (d->unconfirmed && d->moves == op->moves && d->alive && s->config.secure != NULL) {
        s->config.secure->class_->confirm_address(s->config.secure, d->session);
        d->unconfirmed = false;
    }
}

/* The same path is observed twice: the newer observation stays. The device is not told, because
 * one that keeps a single observation per path would drop the new one; if it keeps both, its next
 * notification with the old Token is answered with RST (RFC 7641 §3.5). */
static void end_older(proa_server *s, uint64_t now_ms, const proa__device *d, const proa__op *op)
{
    proa__op *older = find_observation(s, d, &op->path);
    if (older != NULL) {
        finish(s, now_ms, older, PROA_OP_CANCELLED, false);
    }
}

static void on_response(proa_server *s, uint64_t now_ms, proa__device *d, proa__op *op,
                        const proa_coap_event *event, proa_server_event *out)
{
    proa__links links = {0};
    describe(s, op, out);
    fill_message(out, event);
    out->kind = PROA_SERVER_DONE;
    out->result = PROA_OP_ANSWERED;
    out->observing = event->observing;
    if (op->operation == PROA_OP_CREATE && event->msg.code == PROA_COAP_CREATED) {
        if (d->has_root) {
            (void)!proa__links_read(proa__device_links(d), &links);
        }
        out->created = proa__request_created(&event->msg, links.root, op->path.ids[0]);
    }
    if (event->observing) {
        end_older(s, now_ms, d, op);
        op->state = PROA__OP_OBSERVING;
        s->observations++;
    } else {
        unlink_op(s, d, op);
        proa_pool_give(&s->ops, op->id);
    }
}

/* What comes of an observation. Its last word is told as a notification if it is a value (a 2.05
 * without Observe), and ends it in any case (RFC 7641 §3.2, §4.2). */
static bool on_observed(proa_server *s, uint64_t now_ms, proa__op *op, const proa_coap_event *event,
                        proa_server_event *out)
{
    bool is_value = PROA_COAP_CLASS(event->msg.code) == 2;
    s->notifications++;
    if (is_value) {
        describe(s, op, out);
        fill_message(out, event);
        out->kind = PROA_SERVER_NOTIFICATION;
    }
    if (event->kind == PROA_COAP_EVENT_RESPONSE) {
        op->code = event->msg.code;
        finish(s, now_ms, op, PROA_OP_ANSWERED, false);
    }
    return is_value;
}

static proa_op_result result_of(proa_coap_failure failure)
{
    switch (failure) {
    case PROA_COAP_FAILED_TIMEOUT:
        return PROA_OP_TIMEOUT;
    case PROA_COAP_FAILED_RESET:
        return PROA_OP_RESET;
    case PROA_COAP_FAILED_PEER_GONE:
        return PROA_OP_GONE;
    case PROA_COAP_FAILED_TOO_LARGE:
    case PROA_COAP_FAILED_FULL:
    case PROA_COAP_FAILED_KEYS:
    case PROA_COAP_FAILED_STORE:
    case PROA_COAP_FAILED_PROTOCOL:
        break;
    }
    return PROA_OP_FAILED;
}

bool proa__ops_coap_event(proa_server *s, uint64_t now_ms, const proa_coap_event *event,
                          proa_server_event *out)
{
    proa__op *op = event->user > UINT32_MAX ? NULL : op_of(s, (proa_op_id)event->user);
    if (op == NULL || op->request != event->request || op->request == 0) {
        return false;
    }
    proa__device *d = proa__registry_get(&s->registry, op->reg);
    PROA_ASSERT(d != NULL);
    if (event->kind == PROA_COAP_EVENT_FAILED) {
        proa_op_result result = result_of(event->failure);
        op->request = 0;
        /* It sleeps earlier than we believed: the rest waits until it is heard again. */
        d->awake_ms = result == PROA_OP_TIMEOUT ? now_ms : d->awake_ms;
        finish(s, now_ms, op, result, false);
        return false;
    }
    proa__server_heard(s, now_ms, d, &event->peer);
    note_proof(s, d, op);
    if (op->state == PROA__OP_OBSERVING) {
        return on_observed(s, now_ms, op, event, out);
    }
    on_response(s, now_ms, d, op, event, out);
    return true;
}
