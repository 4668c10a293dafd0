/* SPDX-License-Identifier: Apache-2.0 */
/* The message layer for what we send: Message IDs, retransmission with back-off and jitter (RFC 7252
 * §4.2, §4.8), at most NSTART confirmable messages in flight to one peer (§4.7), ACK and RST.
 *
 * A message goes through
 *
 *     new -> waiting for NSTART -> in flight (sent 1..1+MAX_RETRANSMIT times) -> landed
 *
 * and a NON one from new to sent. In peer->messages those in flight stand before those waiting,
 * because they start in the order in which they came. A landed message stays alive if its owner is
 * a request that still waits for its response. What a response or the end of an owner means is
 * decided by the owner's file.
 *
 * NON requests do not count for NSTART: nothing tells when their peer has them. */
#include <string.h>

#include "core/coap/engine_internal.h"

uint16_t proa__mid_next(proa__peer *peer)
{
    return peer->next_mid++;
}

proa__message *proa__message_new(proa_coap *c, proa__peer *peer, proa__thing *owner,
                                 proa_coap_type type)
{
    proa_handle handle;
    proa__message *m = proa_pool_take(&c->messages, &handle);
    if (m == NULL) {
        return NULL;
    }
    m->handle = handle;
    m->peer = peer;
    m->owner = owner;
    m->type = (uint8_t)type;
    m->deadline_ms = PROA_NEVER;
    proa__peer_ref(peer);
    return m;
}

proa__message *proa__message_copy(proa_coap *c, proa__peer *peer, proa__thing *owner,
                                  proa_coap_type type, proa_span bytes)
{
    proa__message *m = proa__message_new(c, peer, owner, type);
    if (m == NULL) {
        return NULL;
    }
    if (!proa__cells_store(&c->message_cells, bytes, &m->bytes)) {
        proa__message_free(c, m);
        return NULL;
    }
    m->bytes_len = (uint16_t)bytes.len;
    return m;
}

void proa__message_wait(proa_coap *c, proa__message *m, uint64_t at_ms)
{
    at_ms = at_ms < m->deadline_ms ? at_ms : m->deadline_ms;
    if (at_ms == PROA_NEVER) {
        proa_heap_clear(&c->message_heap, &m->timer);
    } else {
        proa_heap_set(&c->message_heap, &m->timer, at_ms);
    }
}

/* Lets those fly for which NSTART has room. */
static void pump(proa_coap *c, proa__peer *peer)
{
    for (proa__link *at = peer->messages.next;
         at != &peer->messages && peer->in_flight < c->config.timing.nstart; at = at->next) {
        proa__message *m = PROA__OF(proa__message, link, at);
        if (!m->flying) {
            m->flying = true;
            m->mid = proa__mid_next(peer);
            peer->in_flight++;
            proa__list_append(&c->messages_out, &m->out);
        }
    }
}

void proa__message_start(proa_coap *c, proa__message *m)
{
    proa__message_wait(c, m, PROA_NEVER);
    if (m->type == PROA_COAP_CON) {
        proa__list_append(&m->peer->messages, &m->link);
        pump(c, m->peer);
        return;
    }
    if (m->type == PROA_COAP_NON) {
        m->mid = proa__mid_next(m->peer);
    }
    proa__list_append(&c->messages_out, &m->out);
}

void proa__message_delay(proa_coap *c, proa__message *m, uint32_t delay_ms)
{
    m->mid = proa__mid_next(m->peer);
    proa__message_wait(c, m, c->now_ms + delay_ms);
}

void proa__message_land(proa_coap *c, proa__message *m)
{
    proa__unlink(&m->out);
    proa__unlink(&m->link);
    proa_heap_clear(&c->message_heap, &m->timer);
    if (m->flying) {
        m->flying = false;
        m->peer->in_flight--;
        pump(c, m->peer);
    }
}

void proa__message_again(proa_coap *c, proa__message *m)
{
    proa__message_land(c, m);
    m->transmissions = 0;
    proa__message_start(c, m);
}

void proa__message_free(proa_coap *c, proa__message *m)
{
    proa__message_land(c, m);
    proa__cells_release(&c->message_cells, m->bytes);
    proa__cells_release(&c->message_cells, m->newer);
    proa__peer *peer = m->peer;
    proa_pool_give(&c->messages, m->handle);
    proa__peer_unref(c, peer);
}

proa__message *proa__message_match(const proa__peer *peer, uint16_t mid)
{
    for (proa__link *at = peer->messages.next; at != &peer->messages; at = at->next) {
        proa__message *m = PROA__OF(proa__message, link, at);
        if (!m->flying) {
            break;
        }
        if (m->mid == mid && m->transmissions > 0) {
            return m;
        }
    }
    return NULL;
}

/* ---- deadlines -------------------------------------------------------------------------- */

/* The peer did not answer, or said that it will not. */
static void give_up(proa_coap *c, proa__message *m, proa_coap_failure why)
{
    proa__thing *owner = m->owner;
    if (owner == NULL) {
        proa__message_free(c, m);
    } else if (owner->kind == PROA__REQUEST) {
        proa__request_fail(c, (proa__request *)owner, why);
    } else if (owner->kind == PROA__EXCHANGE) {
        proa__exchange_free(c, (proa__exchange *)owner);
    } else {
        proa__relation_end(c, (proa__relation *)owner);
    }
}

/* The newer representation takes the place of the one in flight and goes on with its count and
 * its time, RFC 7641 §4.5.2. */
static void supersede(proa_coap *c, proa__message *m)
{
    if (m->newer == 0) {
        return;
    }
    proa__cells_release(&c->message_cells, m->bytes);
    m->bytes = m->newer;
    m->bytes_len = m->newer_len;
    m->newer = 0;
    m->mid = proa__mid_next(m->peer);
}

static void due(proa_coap *c, proa__message *m)
{
    if (m->type == PROA_COAP_NON && m->transmissions == 0 && c->now_ms < m->deadline_ms) {
        proa__list_append(&c->messages_out, &m->out); /* its leisure is over */
        return;
    }
    bool retransmit = m->flying && m->transmissions <= c->config.timing.max_retransmit &&
                      c->now_ms < m->deadline_ms;
    if (!retransmit) {
        give_up(c, m, PROA_COAP_FAILED_TIMEOUT);
        return;
    }
    m->timeout_ms = m->timeout_ms > UINT32_MAX / 2 ? m->timeout_ms : m->timeout_ms * 2;
    supersede(c, m);
    if (!proa__is_linked(&m->out)) {
        proa__list_append(&c->messages_out, &m->out);
    }
}

void proa__message_run(proa_coap *c, uint64_t now_ms)
{
    proa_timer *timer;
    while ((timer = proa_heap_take_due(&c->message_heap, now_ms)) != NULL) {
        due(c, PROA__OF(proa__message, timer, timer));
    }
}

/* ---- output ----------------------------------------------------------------------------- */

/* ACK_TIMEOUT to ACK_TIMEOUT * ACK_RANDOM_FACTOR, §4.8. */
static uint32_t first_timeout_ms(proa_coap *c)
{
    uint64_t base_ms = c->config.timing.ack_timeout_ms;
    uint64_t spread_ms = base_ms * (c->config.timing.ack_random_permille - 1000U) / 1000U;
    spread_ms = spread_ms < UINT32_MAX - base_ms ? spread_ms : UINT32_MAX - base_ms - 1;
    return (uint32_t)(base_ms + proa_random_below(&c->config.random, (uint32_t)spread_ms + 1));
}

static size_t encode(proa_coap *c, const proa__message *m)
{
    if (m->bytes == 0) {
        int len = proa__request_compose(c, (const proa__request *)m->owner, m, c->out);
        PROA_ASSERT(len > 0); /* its size was checked when it was accepted */
        return (size_t)len;
    }
    proa__cells_load(&c->message_cells, m->bytes, c->out, m->bytes_len);
    c->out[0] = (uint8_t)((c->out[0] & 0xcfU) | (unsigned)m->type << 4);
    c->out[2] = (uint8_t)(m->mid >> 8);
    c->out[3] = (uint8_t)m->mid;
    return m->bytes_len;
}

/* What follows for a message that has just left. */
static void sent(proa_coap *c, proa__message *m)
{
    m->transmissions++;
    if (m->type == PROA_COAP_CON) {
        if (m->transmissions == 1) {
            m->timeout_ms = first_timeout_ms(c);
        } else {
            c->stats.retransmitted++;
        }
        proa__message_wait(c, m, c->now_ms + m->timeout_ms);
    } else if (m->owner != NULL && m->owner->kind == PROA__REQUEST) {
        proa__message_wait(c, m, c->now_ms + c->config.timing.non_timeout_ms);
    } else {
        proa__message_free(c, m);
    }
}

bool proa__message_emit(proa_coap *c, uint64_t now_ms, proa_coap_peer *to, proa_span *datagram)
{
    if (proa__list_empty(&c->messages_out)) {
        return false;
    }
    c->now_ms = now_ms;
    proa__message *m = PROA__OF(proa__message, out, c->messages_out.next);
    proa__unlink(&m->out);
    *datagram = proa_span_make(c->out, encode(c, m));
    *to = m->peer->name;
    if (m->owner != NULL && m->owner->kind == PROA__REQUEST) {
        ((proa__request *)m->owner)->mid = m->mid;
    }
    sent(c, m);
    return true;
}

/* ---- ACK and RST ------------------------------------------------------------------------ */

static void acked(proa_coap *c, proa__message *m)
{
    if (m->newer != 0) {
        supersede(c, m);
        proa__message_again(c, m);
    } else if (m->owner == NULL) {
        proa__message_free(c, m);
    } else if (m->owner->kind == PROA__EXCHANGE) {
        proa__exchange_free(c, (proa__exchange *)m->owner);
    } else if (m->owner->kind == PROA__RELATION) {
        proa__message_free(c, m);
    } else {
        proa__message_land(c, m);
        proa__message_wait(c, m, c->now_ms + c->config.timing.response_timeout_ms);
    }
}

void proa__on_empty_ack(proa_coap *c, const proa_coap_peer *from, const proa_coap_msg *msg)
{
    proa__peer *peer = proa__peer_find(c, from);
    proa__message *m = peer == NULL ? NULL : proa__message_match(peer, msg->mid);
    if (m == NULL) {
        return;
    }
    if (m->owner != NULL && m->owner->kind == PROA__RELATION) {
        proa__relation *r = (proa__relation *)m->owner;
        proa__relation_acked(c, r);
        r->message = m->newer == 0 ? NULL : m;
    }
    acked(c, m);
}

/* A NON message is gone when its RST comes; its owner remembers the Message ID. */
static proa__thing *owner_of_non(const proa__peer *peer, uint16_t mid)
{
    for (proa__link *at = peer->things.next; at != &peer->things; at = at->next) {
        proa__thing *thing = PROA__OF(proa__thing, link, at);
        const proa__relation *r = (const proa__relation *)thing;
        const proa__request *q = (const proa__request *)thing;
        if ((thing->kind == PROA__RELATION && r->has_mid && r->mid == mid) ||
            (thing->kind == PROA__REQUEST && q->non && q->message != NULL &&
             q->message->transmissions > 0 && q->mid == mid)) {
            return thing;
        }
    }
    return NULL;
}

void proa__on_reset(proa_coap *c, const proa_coap_peer *from, const proa_coap_msg *msg)
{
    c->stats.resets_received++;
    proa__peer *peer = proa__peer_find(c, from);
    if (peer == NULL) {
        return;
    }
    proa__message *m = proa__message_match(peer, msg->mid);
    if (m != NULL) {
        give_up(c, m, PROA_COAP_FAILED_RESET);
        return;
    }
    proa__thing *thing = owner_of_non(peer, msg->mid);
    if (thing != NULL && thing->kind == PROA__REQUEST) {
        proa__request_fail(c, (proa__request *)thing, PROA_COAP_FAILED_RESET);
    } else if (thing != NULL) {
        proa__relation_end(c, (proa__relation *)thing);
    }
}
