/* SPDX-License-Identifier: Apache-2.0 */
/* Information reporting: who observes what, and when a notification is due (Core 1.2 §6.4, §7.3.2).
 *
 * An observation belongs to an account and to a relation of the CoAP engine, which knows the peer,
 * the Token and the order. Each proa_client_changed that passes the thresholds makes one
 * notification at once, unless pmin is still running: then the change is `pending` and goes out
 * when pmin is over. pmax sends without a change. Thresholds compare with the value told last.
 *
 * Rights are looked at before each notification; without them it becomes a last 4.01. While a
 * server cannot be reached, changes are lost or, with Notification Storing (/1/x/6), the newest one
 * waits for it. Retransmission, freshness order and the CON every 24 hours are the engine's. */
#include <string.h>

#include "core/client/client_internal.h"

static proa__observation *next(const proa_client *c, uint32_t *cursor)
{
    proa_handle handle;
    return proa_pool_next(&c->observations, cursor, &handle);
}

static void in_force(const proa_client *c, const proa__observation *o, proa_attributes *out)
{
    proa__attributes_of(c, o->account, &o->path, out);
    proa_attributes_merge(out, &o->own);
}

static bool number_at(proa_client *c, const proa_path *path, double *out)
{
    proa_value value;
    return path->depth >= 3 && proa__read_value(c, path, &value) == PROA_OK &&
           proa_value_number(&value, out);
}

/* The observer knows the value of this moment. */
static void told(proa_client *c, proa__observation *o)
{
    o->pending = false;
    o->sent_ms = c->now_ms;
    o->retry_ms = 0;
    o->has_last = number_at(c, &o->path, &o->last);
}

static void end(proa_client *c, const proa__observation *o, bool unobserve)
{
    proa_actor who;
    (void)proa__account_actor(c, o->account, &who);
    if (unobserve) {
        proa_coap_unobserve(c->coap, o->relation);
    }
    proa__client_tell_path(c, PROA_CLIENT_UNOBSERVED, &who, &o->path, 0);
    proa_pool_give(&c->observations, o->handle);
}

/* ---- the operations --------------------------------------------------------------------- */

static proa__observation *find_relation(const proa_client *c, proa_coap_id relation)
{
    uint32_t cursor = 0;
    proa__observation *o = NULL;
    while (relation != 0 && (o = next(c, &cursor)) != NULL && o->relation != relation) {
    }
    return o;
}

uint8_t proa__serve_observe(proa_client *c, proa__request *rq)
{
    uint8_t code = proa__serve_read(c, rq);
    proa_attributes merged;
    proa__attributes_of(c, rq->who.account, &rq->path, &merged);
    proa_attributes_merge(&merged, &rq->attributes);
    if (code == PROA_COAP_CONTENT && proa_attributes_check(&merged) != PROA_OK) {
        code = PROA_COAP_BAD_REQUEST;
    }
    if (code != PROA_COAP_CONTENT) {
        return code;
    }
    /* A relation with the same peer and Token is renewed (RFC 7641 §4.1). */
    proa__observation *o = find_relation(c, rq->event->relation);
    if (o == NULL) {
        proa_handle handle;
        o = proa_pool_take(&c->observations, &handle);
        if (o == NULL) {
            return code; /* answered as a Read, without Observe */
        }
        o->handle = handle;
    }
    if (proa_coap_accept(c->coap, rq->event->exchange, PROA__USER_OBSERVATION | o->handle,
                         &o->relation) != PROA_OK) {
        proa_pool_give(&c->observations, o->handle);
        return code;
    }
    o->account = rq->who.account;
    o->path = rq->path;
    o->format = rq->accept;
    o->own = rq->attributes;
    told(c, o);
    proa__client_tell_path(c, PROA_CLIENT_OBSERVED, &rq->who, &rq->path, 0);
    return code;
}

uint8_t proa__serve_cancel(proa_client *c, proa__request *rq)
{
    uint8_t code = proa__serve_read(c, rq);
    const proa__observation *o = find_relation(c, rq->event->relation);
    if (o != NULL) {
        end(c, o, true);
    }
    return code;
}

uint8_t proa__serve_attributes(proa_client *c, proa__request *rq)
{
    proa_err err = proa__attributes_store(c, rq->who.account, &rq->path, &rq->attributes);
    return err == PROA_OK ? PROA_COAP_CHANGED : proa_err_to_coap(err);
}

/* ---- notifications ---------------------------------------------------------------------- */

/* Whether the observer can be told anything just now. */
static bool reachable(const proa_client *c, const proa__observation *o)
{
    const proa__server *s = proa__server_by_account(c, o->account);
    return s == NULL ? proa_account_kind(o->account) == PROA_ACCOUNT_KIND_PEER
                     : s->registered && !s->resuming && proa__server_connected(s);
}

/* `a` is what is in force for it. */
static void notify(proa_client *c, proa__observation *o, const proa_attributes *a)
{
    proa_actor who;
    proa__request rq;
    proa_span payload = {NULL, 0};
    memset(&rq, 0, sizeof rq);
    rq.out.code = PROA_COAP_UNAUTHORIZED;
    if (proa__account_actor(c, o->account, &who) &&
        proa__client_allowed(c, &who, PROA_OP_OBSERVE, &o->path)) {
        rq.out.code = proa__read_render(c, &who, &o->path, o->format, &payload);
    }
    if (rq.out.code == PROA_COAP_CONTENT) {
        proa__request_content(&rq, o->format, payload);
    }
    bool last = PROA_COAP_CLASS(rq.out.code) != 2;
    proa_err err = proa_coap_notify(c->coap, c->now_ms, o->relation, &rq.out,
                                    (a->set & PROA_ATTR_CON) != 0 && a->con);
    if (err == PROA_E_FULL) {
        o->pending = true;
        o->retry_ms = c->now_ms + 100; /* the engine's tables empty in less than an RTT or two */
        return;
    }
    if (err == PROA_E_NOT_FOUND || last) {
        c->requests_denied += rq.out.code == PROA_COAP_UNAUTHORIZED;
        end(c, o, err != PROA_OK && err != PROA_E_NOT_FOUND);
        return;
    }
    c->notifications += err == PROA_OK;
    told(c, o);
}

/* A change that no threshold asks about is no reason to notify (§7.3.2). */
static bool matters(proa_client *c, const proa__observation *o, const proa_attributes *a)
{
    double now;
    return (a->set & (PROA_ATTR_GT | PROA_ATTR_LT | PROA_ATTR_ST)) == 0 || !o->has_last ||
           !number_at(c, &o->path, &now) || proa_attributes_passed(a, o->last, now);
}

/* When this observation's next notification is due. */
static uint64_t due_ms(const proa_client *c, const proa__observation *o, const proa_attributes *a)
{
    uint32_t pmin_s = (a->set & PROA_ATTR_PMIN) != 0 ? a->pmin_s : 0;
    uint64_t due = PROA_NEVER;
    if (!reachable(c, o)) {
        return PROA_NEVER;
    }
    if ((a->set & PROA_ATTR_PMAX) != 0 && a->pmax_s > 0 && a->pmax_s >= pmin_s) {
        due = o->sent_ms + (uint64_t)a->pmax_s * 1000; /* one below pmin is ignored */
    }
    if (o->pending) {
        due = o->sent_ms + (uint64_t)pmin_s * 1000; /* not after pmax */
    }
    return due < o->retry_ms ? o->retry_ms : due;
}

void proa_client_changed(proa_client *c, uint64_t now_ms, const proa_path *path)
{
    uint32_t cursor = 0;
    proa__observation *o;
    proa_attributes a;
    c->now_ms = now_ms;
    while ((o = next(c, &cursor)) != NULL) {
        if (!proa_path_within(&o->path, path) && !proa_path_within(path, &o->path)) {
            continue;
        }
        in_force(c, o, &a);
        const proa__server *s = proa__server_by_account(c, o->account);
        if (!matters(c, o, &a) || (!reachable(c, o) && s != NULL && !s->settings.storing)) {
            continue;
        }
        o->pending = true;
        if (due_ms(c, o, &a) <= now_ms) {
            notify(c, o, &a);
        }
    }
}

uint64_t proa__report_next_ms(const proa_client *c)
{
    uint32_t cursor = 0;
    const proa__observation *o;
    proa_attributes a;
    uint64_t soonest = PROA_NEVER;
    while ((o = next(c, &cursor)) != NULL) {
        in_force(c, o, &a);
        uint64_t due = due_ms(c, o, &a);
        soonest = due < soonest ? due : soonest;
    }
    return soonest;
}

void proa__report_run(proa_client *c)
{
    uint32_t cursor = 0;
    proa__observation *o;
    proa_attributes a;
    while ((o = next(c, &cursor)) != NULL) {
        in_force(c, o, &a);
        if (due_ms(c, o, &a) <= c->now_ms) {
            notify(c, o, &a);
        }
    }
}

/* ---- endings ---------------------------------------------------------------------------- */

void proa__report_ended(proa_client *c, proa_handle handle)
{
    const proa__observation *o = proa_pool_get(&c->observations, handle);
    if (o != NULL) {
        end(c, o, false);
    }
}

void proa__report_deleted(proa_client *c, uint64_t now_ms, const proa_path *path)
{
    uint32_t cursor = 0;
    proa__observation *o;
    proa_attributes a;
    c->now_ms = now_ms;
    while ((o = next(c, &cursor)) != NULL) {
        if (proa_path_within(path, &o->path)) {
            in_force(c, o, &a);
            notify(c, o, &a); /* renders 4.04, which ends it */
        }
    }
    proa__attributes_forget(c, 0, path);
}

proa_err proa__client_instance_came(proa_client *c, const proa_actor *who, uint16_t object,
                                    uint16_t instance)
{
    proa_path path = proa_path_make(2, object, instance, 0);
    proa_client_changed(c, c->now_ms, &path);
    return proa__access_created(c, who, object, instance);
}

void proa__client_instance_gone(proa_client *c, uint64_t now_ms, uint16_t object, uint16_t instance)
{
    proa_path path = proa_path_make(2, object, instance, 0);
    proa__access_deleted(c, object, instance);
    proa__report_deleted(c, now_ms, &path);
}

void proa__report_forget(proa_client *c, proa_account account)
{
    uint32_t cursor = 0;
    const proa__observation *o;
    while ((o = next(c, &cursor)) != NULL) {
        if (o->account == account) {
            end(c, o, true);
        }
    }
}

void proa__client_recheck(proa_client *c, uint64_t now_ms, proa_account peer)
{
    proa_actor who;
    uint32_t cursor = 0;
    proa__observation *o;
    proa_attributes a;
    c->now_ms = now_ms;
    bool there = proa__account_actor(c, peer, &who);
    while ((o = next(c, &cursor)) != NULL) {
        if (o->account == peer &&
            !(there && proa__client_allowed(c, &who, PROA_OP_OBSERVE, &o->path))) {
            in_force(c, o, &a);
            notify(c, o, &a);
        }
    }
    for (uint16_t i = 0; i < c->config.attribute_max; i++) {
        proa__attribute_row *row = &c->attributes[i];
        if (row->account == peer &&
            !(there && proa__client_allowed(c, &who, PROA_OP_WRITE_ATTRIBUTES, &row->path))) {
            memset(row, 0, sizeof *row);
        }
    }
}
