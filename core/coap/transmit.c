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
#include "core/base/divide.h"
#include "core/coap/engine_internal.h"

static uint16_t next_mid(const proa__message *m)
{
    return m->timed.thing.peer->next_mid++;
}

static bool is_of(const proa__message *m, proa__kind kind)
{
    return m->owner != NULL && m->owner->kind == kind;
}

proa__message *proa__message_new(proa_coap *c, proa__peer *peer, proa__thing *owner,
                                 proa_coap_type type)
{
    proa__message *m = peer->way == NULL ? NULL : proa__thing_new(c, PROA__MESSAGE, peer->way);
    if (m != NULL) {
        m->owner = owner;
        m->type = (uint8_t)type;
        m->deadline_ms = PROA_NEVER;
    }
    return m;
}

proa__message *proa__message_copy(proa_coap *c, proa__peer *peer, proa__thing *owner,
                                  proa_coap_type type, proa_span bytes)
{
    proa__message *m = proa__message_new(c, peer, owner, type);
    if (m != NULL && !proa__cells_store(&c->message_cells, bytes, &m->bytes)) {
        proa__message_free(c, &m);
    }
    if (m != NULL) {
        m->bytes_len = (uint16_t)bytes.len;
    }
    return m;
}

/* Wait so long, or until the deadline of the whole. */
static void wait(proa_coap *c, proa__message *m, uint32_t ms)
{
    uint64_t at_ms = c->now_ms + ms;
    proa_heap_set(&c->timers, &m->timed.timer, at_ms < m->deadline_ms ? at_ms : m->deadline_ms);
}

static void queue(proa_coap *c, proa__message *m)
{
    if (!proa__is_linked(&m->out)) {
        proa__list_append(&c->lists[PROA__OUT], &m->out);
    }
}

/* Lets those fly for which NSTART has room. */
static void pump(proa_coap *c, proa__peer *peer)
{
    for (proa__link *at = peer->messages.next;
         at != &peer->messages && peer->in_flight < c->config.timing.nstart; at = at->next) {
        proa__message *m = PROA__OF(proa__message, timed.thing.link, at);
        if (!m->flying) {
            m->flying = true;
            m->timed.thing.mid = next_mid(m);
            peer->in_flight++;
            queue(c, m);
        }
    }
}

void proa__message_start(proa_coap *c, proa__message *m)
{
    proa__peer *peer = m->timed.thing.peer;
    if (m->deadline_ms != PROA_NEVER) {
        proa_heap_set(&c->timers, &m->timed.timer, m->deadline_ms);
    }
    if (m->type == PROA_COAP_CON) {
        proa__list_append(&peer->messages, &m->timed.thing.link);
        pump(c, peer);
        return;
    }
    if (m->type == PROA_COAP_NON) {
        m->timed.thing.mid = next_mid(m);
    }
    queue(c, m);
}

void proa__message_delay(proa_coap *c, proa__message *m, uint32_t delay_ms)
{
    m->timed.thing.mid = next_mid(m);
    wait(c, m, delay_ms);
}

void proa__message_land(proa_coap *c, proa__message *m)
{
    proa__peer *peer = m->timed.thing.peer;
    proa__unlink(&m->out);
    proa__unlink(&m->timed.thing.link);
    proa_heap_clear(&c->timers, &m->timed.timer);
    if (m->flying) {
        m->flying = false;
        peer->in_flight--;
        pump(c, peer);
    }
}

void proa__message_again(proa_coap *c, proa__message *m)
{
    proa__message_land(c, m);
    m->transmissions = 0;
    proa__message_start(c, m);
}

void proa__message_free(proa_coap *c, proa__message **at)
{
    proa__message *m = *at;
    *at = NULL;
    if (m != NULL) {
        proa__message_land(c, m);
        proa__cells_release(&c->message_cells, m->bytes);
        proa__cells_release(&c->message_cells, m->newer);
        proa__thing_free(c, &m->timed.thing);
    }
}

void proa__messages_resume(proa_coap *c, proa__peer *peer)
{
    for (proa__link *at = peer->messages.next; at != &peer->messages; at = at->next) {
        proa__message *m = PROA__OF(proa__message, timed.thing.link, at);
        if (m->flying) {
            queue(c, m);
        }
    }
}

proa__message *proa__message_match(const proa__peer *peer, uint16_t mid)
{
    for (proa__link *at = peer->messages.next; at != &peer->messages; at = at->next) {
        proa__message *m = PROA__OF(proa__message, timed.thing.link, at);
        if (!m->flying) {
            break;
        }
        if (m->timed.thing.mid == mid && m->transmissions > 0) {
            return m;
        }
    }
    return NULL;
}

/* ---- deadlines -------------------------------------------------------------------------- */

void proa__message_give_up(proa_coap *c, proa__message *m, proa_coap_failure why)
{
    if (m->owner == NULL) {
        proa__message_free(c, &m);
    } else if (is_of(m, PROA__REQUEST)) {
        proa__request_fail(c, (proa__request *)m->owner, why);
    } else if (is_of(m, PROA__EXCHANGE)) {
        proa__exchange_free(c, (proa__exchange *)m->owner);
    } else {
        proa__relation_end(c, (proa__relation *)m->owner);
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
    m->timed.thing.mid = next_mid(m);
}

void proa__message_due(proa_coap *c, proa__message *m)
{
    bool in_time = c->now_ms < m->deadline_ms;
    if (in_time && m->type == PROA_COAP_NON && m->transmissions == 0) {
        queue(c, m); /* its leisure is over */
    } else if (in_time && (m->flying || m->is_last) &&
               m->transmissions <= c->config.timing.max_retransmit) {
        m->timeout_ms = m->timeout_ms > UINT32_MAX / 2 ? m->timeout_ms : m->timeout_ms * 2;
        supersede(c, m);
        queue(c, m);
    } else {
        proa__message_give_up(c, m, PROA_COAP_FAILED_TIMEOUT);
    }
}

/* ---- output ----------------------------------------------------------------------------- */

/* ACK_TIMEOUT to ACK_TIMEOUT * ACK_RANDOM_FACTOR, §4.8. */
static uint32_t first_timeout_ms(proa_coap *c)
{
    uint32_t base_ms = c->config.timing.ack_timeout_ms;
    uint32_t rest;
    uint64_t spread_ms = proa_divide(
        (uint64_t)base_ms * (c->config.timing.ack_random_permille - 1000U), 1000, &rest);
    uint32_t spread_max_ms = UINT32_MAX - base_ms - 1;
    uint32_t bound = spread_ms < spread_max_ms ? (uint32_t)spread_ms : spread_max_ms;
    return base_ms + proa_random_below(&c->config.random, bound + 1);
}

/* Into out; the length, or <= 0 for a request that cannot be sealed. */
static int encode(proa_coap *c, const proa__message *m)
{
    if (m->bytes == 0) {
        proa__request *q = (proa__request *)m->owner;
        if (proa__is_sealed(q->thing.peer)) {
            return c->config.oscore->part->compose(c, q, m);
        }
        int len = proa__request_compose(c, q, m, c->out);
        PROA_ASSERT(len > 0); /* its size was checked when it was accepted */
        return len;
    }
    proa__cells_load(&c->message_cells, m->bytes, c->out, m->bytes_len);
    c->out[0] = (uint8_t)((c->out[0] & 0xcfU) | (unsigned)m->type << 4);
    c->out[2] = (uint8_t)(m->timed.thing.mid >> 8);
    c->out[3] = (uint8_t)m->timed.thing.mid;
    return (int)m->bytes_len;
}

/* What follows for a message that has just left. */
static void sent(proa_coap *c, proa__message *m)
{
    m->transmissions++;
    if (m->type == PROA_COAP_CON) {
        if (m->transmissions == 1) {
            m->timeout_ms = first_timeout_ms(c);
        } else {
            c->counts.retransmitted++;
        }
        wait(c, m, m->timeout_ms);
    } else if (is_of(m, PROA__REQUEST)) {
        wait(c, m, c->config.timing.non_timeout_ms);
    } else {
        proa__message_free(c, &m);
    }
}

/* In place of a message that cannot be afforded yet. */
static int encode_ping(proa_coap *c, proa__peer *way)
{
    proa__draft draft;
    proa__draft_init(&draft, PROA_COAP_CON, PROA_COAP_EMPTY, proa__way_ping(way), NULL);
    return proa__compose(c, &draft, c->out);
}

/* What leaves for it: `len` bytes stand in out. 0: nothing, as if it had been lost. */
static int ration(proa_coap *c, const proa__message *m, int len)
{
    proa__peer *way = m->timed.thing.peer;
    if (m->type != PROA_COAP_ACK && !proa__way_affords(way, (size_t)len)) {
        len = m->type == PROA_COAP_CON ? encode_ping(c, way) : 0;
    }
    proa__way_spend(way, (size_t)len);
    return len;
}

bool proa__message_emit(proa_coap *c, proa_coap_peer *to, proa_span *datagram)
{
    int len = 0;
    while (len == 0 && !proa__list_empty(&c->lists[PROA__OUT])) {
        proa__message *m = PROA__OF(proa__message, out, c->lists[PROA__OUT].next);
        proa__unlink(&m->out);
        len = encode(c, m);
        if (len <= 0) {
            proa__request_fail(c, (proa__request *)m->owner,
                               len == PROA_E_IO ? PROA_COAP_FAILED_STORE : PROA_COAP_FAILED_KEYS);
            len = 0;
            continue;
        }
        len = ration(c, m, len);
        *datagram = proa_span_make(c->out, (size_t)len);
        *to = m->timed.thing.peer->name;
        if (is_of(m, PROA__REQUEST)) {
            m->owner->mid = m->timed.thing.mid;
        }
        sent(c, m);
    }
    return len > 0;
}

/* ---- ACK and RST ------------------------------------------------------------------------ */

void proa__on_empty_ack(proa_coap *c, const proa_coap_peer *from, const proa_coap_msg *msg)
{
    proa__peer *peer = proa__peer_find(c, from);
    proa__message *m = peer == NULL ? NULL : proa__message_match(peer, msg->mid);
    if (m == NULL) {
        return;
    }
    bool more = m->newer != 0;
    proa__way_prove(c, peer);
    if (is_of(m, PROA__RELATION)) {
        proa__relation_acked(c, (proa__relation *)m->owner);
    }
    if (more) {
        supersede(c, m);
        proa__message_again(c, m);
    } else if (is_of(m, PROA__EXCHANGE)) {
        proa__exchange_free(c, (proa__exchange *)m->owner);
    } else if (is_of(m, PROA__REQUEST)) {
        proa__message_land(c, m);
        wait(c, m, c->config.timing.response_timeout_ms);
    } else {
        if (is_of(m, PROA__RELATION)) {
            ((proa__relation *)m->owner)->message = NULL;
        }
        proa__message_free(c, &m);
    }
}

/* A NON message is gone when its RST comes; its owner remembers the Message ID. */
static proa__thing *owner_of_non(const proa__peer *peer, uint16_t mid)
{
    for (proa__link *at = peer->riders.next; at != &peer->riders; at = at->next) {
        proa__thing *thing = owner_of_non(PROA__OF(proa__peer, ride, at), mid);
        if (thing != NULL) {
            return thing;
        }
    }
    for (proa__link *at = peer->things.next; at != &peer->things; at = at->next) {
        proa__thing *thing = PROA__OF(proa__thing, link, at);
        const proa__relation *r = (const proa__relation *)thing;
        const proa__request *q = (const proa__request *)thing;
        if ((thing->kind == PROA__RELATION && r->has_mid && thing->mid == mid) ||
            (thing->kind == PROA__REQUEST && q->non && q->message != NULL &&
             q->message->transmissions > 0 && thing->mid == mid)) {
            return thing;
        }
    }
    return NULL;
}

/* It is sent as often as before, but keeps nobody waiting: perhaps there is nobody who wants it. */
static void outlive(proa_coap *c, proa__message *m)
{
    proa__message_land(c, m);
    wait(c, m, m->timeout_ms);
}

void proa__on_reset(proa_coap *c, const proa_coap_peer *from, const proa_coap_msg *msg)
{
    c->counts.resets_received++;
    proa__peer *peer = proa__peer_find(c, from);
    if (peer == NULL) {
        return;
    }
    if (proa__way_answers(c, peer, msg->mid)) {
        return;
    }
    proa__message *m = proa__message_match(peer, msg->mid);
    proa__thing *thing = m != NULL ? m->owner : owner_of_non(peer, msg->mid);
    /* Anybody can say that. But a response that its asker has forgotten would keep all other messages
     * from that peer for a minute, and what was asked for is done, whoever says what. */
    if (m != NULL && m->is_last) {
        c->counts.unprotected++;
        outlive(c, m);
    } else if (thing != NULL && proa__is_sealed(thing->peer) && thing->kind != PROA__EXCHANGE) {
        c->counts.unprotected++;
        if (thing->kind == PROA__RELATION) {
            ((proa__relation *)thing)->doubt = true;
        }
    } else if (m != NULL) {
        proa__message_give_up(c, m, PROA_COAP_FAILED_RESET);
    } else if (thing != NULL && thing->kind == PROA__REQUEST) {
        proa__request_fail(c, (proa__request *)thing, PROA_COAP_FAILED_RESET);
    } else if (thing != NULL) {
        proa__relation_end(c, (proa__relation *)thing);
    }
}
