/* SPDX-License-Identifier: Apache-2.0 */
/* Who speaks when, who hears it, and what is repeated.
 *
 * What makes a frame fail at its receiver is decided when a flight begins: the receiver is deaf, or hears somebody
 * already; or, later, when another flight begins that it hears as well. Nobody goes deaf while it could get one: it
 * turns to sending when it hears nobody, or to acknowledge what it alone heard. A flight that ends when another
 * begins does not disturb it and is not disturbed: its end was set first, because every flight is longer than the
 * turnaround before the other, and equal times come in the order in which they were set. */
#include "sim/radio/mac.h"

#include <string.h>

#include "proa/assert.h"

/* The time within which a sender may repeat a frame: after it an equal number is that of another frame, 256 later.
 * Four attempts of five back-offs each, at most 7, 15 and three times 31 units, plus their frames. */
enum { REPEATS_US = 250000 };

/* Of the seed: other parts of a simulation may use the same one. */
enum { STREAM = 0x802154 };

uint32_t sim_mac_airtime_us(const sim_radio_params *params, size_t frame_len)
{
    uint64_t bits = (uint64_t)frame_len * 8;
    return SIM_MAC_PHY_LEN * 32 +
           (uint32_t)((bits * 1000000 + params->bit_rate - 1) / params->bit_rate);
}

uint32_t sim_mac_ack_wait_us(const sim_radio_params *params)
{
    return SIM_MAC_UNIT_US + SIM_MAC_TURNAROUND_US + sim_mac_airtime_us(params, SIM_MAC_ACK_LEN);
}

void sim_mac_open(sim_mac *mac, const sim_topology *topology, const sim_radio_params *params,
                  uint64_t seed)
{
    memset(mac, 0, sizeof *mac);
    mac->topology = topology;
    mac->params = params;
    sim_rng_seed(&mac->rng, seed, STREAM);
}

static void set_step(sim_mac *mac, unsigned n, sim_mac_step step, uint64_t at_us)
{
    mac->nodes[n].step = step;
    proa_heap_set(&mac->heap, &mac->timers[2 * n], at_us);
}

static void set_ack(sim_mac *mac, unsigned n, uint64_t at_us)
{
    proa_heap_set(&mac->heap, &mac->timers[2 * n + 1], at_us);
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* ---- flights ---------------------------------------------------------------------------- */

static void take_off(sim_mac *mac, uint64_t now_us, unsigned n, unsigned to, uint32_t took_us)
{
    uint32_t hears = mac->topology->hears[n];
    PROA_ASSERT((mac->in_air >> n & 1U) == 0);
    mac->nodes[n].flight = (sim_mac_flight){
        .to = to,
        .took_us = took_us,
        .is_heard = mac->nodes[to].deaf_us <= now_us,
        .is_spoilt = mac->nodes[to].heard_us > now_us,
    };
    for (unsigned m = 0; m < mac->topology->node_count; m++) {
        sim_mac_node *other = &mac->nodes[m];
        if ((mac->in_air >> m & 1U) != 0 && (hears >> other->flight.to & 1U) != 0) {
            other->flight.is_spoilt = true;
        }
        if ((hears >> m & 1U) != 0) {
            other->heard_us = later(other->heard_us, now_us + took_us);
        }
    }
    mac->in_air |= 1U << n;
    mac->counts[n].tx_us += took_us;
}

/* True if it arrived. */
static bool land(sim_mac *mac, unsigned n)
{
    const sim_mac_flight *flight = &mac->nodes[n].flight;
    sim_radio_counts *counts = &mac->counts[flight->to];
    /* Drawn in any case, so that runs at different loss stay comparable. */
    bool is_lost = sim_rng_chance(&mac->rng, mac->params->loss_permille) != 0;
    mac->in_air &= ~(1U << n);
    counts->rx_us += flight->is_heard ? flight->took_us : 0;
    counts->collisions += !flight->is_heard || flight->is_spoilt;
    return flight->is_heard && !flight->is_spoilt && !is_lost;
}

/* ---- sending ---------------------------------------------------------------------------- */

static void draw_backoff(sim_mac *mac, uint64_t from_us, unsigned n)
{
    uint32_t units = sim_rng_below(&mac->rng, 1U << mac->nodes[n].exponent);
    set_step(mac, n, SIM_MAC_CONTENDING, from_us + units * SIM_MAC_UNIT_US + SIM_MAC_CCA_US);
}

/* An acknowledgment under way goes first. */
static void contend(sim_mac *mac, uint64_t now_us, unsigned n)
{
    sim_mac_node *node = &mac->nodes[n];
    node->backoffs = 0;
    node->exponent = mac->params->min_be;
    draw_backoff(mac, later(now_us, later(node->spaced_us, node->ack_us)), n);
}

bool sim_mac_is_idle(const sim_mac *mac, unsigned node)
{
    return mac->nodes[node].step == SIM_MAC_IDLE;
}

void sim_mac_send(sim_mac *mac, uint64_t now_us, unsigned node, unsigned to, proa_span payload)
{
    sim_mac_node *sender = &mac->nodes[node];
    PROA_ASSERT(sender->step == SIM_MAC_IDLE && payload.len <= SIM_MAC_PAYLOAD_MAX);
    memcpy(sender->payload, payload.data, payload.len);
    sender->payload_len = payload.len;
    sender->to = to;
    sender->seq++;
    sender->attempt = 0;
    contend(mac, now_us, node);
}

static sim_mac_event event_of(const sim_mac *mac, sim_mac_what what, unsigned n)
{
    const sim_mac_node *node = &mac->nodes[n];
    sim_mac_event event = {.what = what, .from = n, .to = node->to, .attempt = node->attempt};
    event.bytes = (uint32_t)(node->payload_len + SIM_MAC_OVERHEAD_LEN);
    event.took_us = sim_mac_airtime_us(mac->params, event.bytes);
    event.payload = proa_span_make(node->payload, node->payload_len);
    return event;
}

static sim_mac_event end(sim_mac *mac, unsigned n, sim_mac_what what)
{
    mac->nodes[n].step = SIM_MAC_IDLE;
    proa_heap_clear(&mac->heap, &mac->timers[2 * n]);
    mac->counts[n].frames_given_up += what == SIM_MAC_GIVEN_UP;
    return event_of(mac, what, n);
}

/* The channel was assessed in the CCA time before now. */
static sim_mac_event assess(sim_mac *mac, uint64_t now_us, unsigned n)
{
    sim_mac_node *node = &mac->nodes[n];
    if (later(node->heard_us, node->ack_us) <= now_us - SIM_MAC_CCA_US) {
        uint32_t took_us = event_of(mac, SIM_MAC_NOTHING, n).took_us;
        node->deaf_us = now_us + SIM_MAC_TURNAROUND_US + took_us;
        set_step(mac, n, SIM_MAC_TURNING, now_us + SIM_MAC_TURNAROUND_US);
    } else if (node->backoffs == mac->params->backoffs_max) {
        mac->counts[n].channel_failures++;
        return end(mac, n, SIM_MAC_GIVEN_UP);
    } else {
        node->backoffs++;
        node->exponent =
            node->exponent < mac->params->max_be ? (uint8_t)(node->exponent + 1) : node->exponent;
        draw_backoff(mac, now_us, n);
    }
    return (sim_mac_event){.what = SIM_MAC_NOTHING};
}

static sim_mac_event begin_frame(sim_mac *mac, uint64_t now_us, unsigned n)
{
    sim_mac_event event = event_of(mac, SIM_MAC_BEGAN, n);
    sim_radio_counts *counts = &mac->counts[n];
    counts->frames_sent++;
    counts->frame_bytes_sent += event.bytes;
    counts->attempts_repeated += event.attempt > 0;
    take_off(mac, now_us, n, event.to, event.took_us);
    set_step(mac, n, SIM_MAC_SENDING, now_us + event.took_us);
    return event;
}

static sim_mac_event repeat(sim_mac *mac, uint64_t now_us, unsigned n)
{
    if (mac->nodes[n].attempt == mac->params->retries_max) {
        return end(mac, n, SIM_MAC_GIVEN_UP);
    }
    mac->nodes[n].attempt++;
    contend(mac, now_us, n);
    return (sim_mac_event){.what = SIM_MAC_NOTHING};
}

/* ---- receiving -------------------------------------------------------------------------- */

/* A frame whose acknowledgment was lost comes again with its number. */
static bool is_new(sim_mac_node *receiver, uint64_t now_us, unsigned from, uint8_t seq)
{
    bool is_known = receiver->last[from].is_set && receiver->last[from].seq == seq &&
                    now_us - receiver->last[from].at_us <= REPEATS_US;
    receiver->last[from].is_set = true;
    receiver->last[from].seq = seq;
    receiver->last[from].at_us = now_us;
    return !is_known;
}

static sim_mac_event end_frame(sim_mac *mac, uint64_t now_us, unsigned n)
{
    const sim_mac_node *node = &mac->nodes[n];
    sim_mac_node *receiver = &mac->nodes[node->to];
    set_step(mac, n, SIM_MAC_WAITING, now_us + sim_mac_ack_wait_us(mac->params));
    if (!land(mac, n)) {
        return (sim_mac_event){.what = SIM_MAC_NOTHING};
    }
    receiver->ack_to = n;
    receiver->ack_us =
        now_us + SIM_MAC_TURNAROUND_US + sim_mac_airtime_us(mac->params, SIM_MAC_ACK_LEN);
    receiver->deaf_us = receiver->ack_us;
    set_ack(mac, node->to, now_us + SIM_MAC_TURNAROUND_US);
    bool is_fresh = is_new(receiver, now_us, n, node->seq);
    return event_of(mac, is_fresh ? SIM_MAC_RECEIVED : SIM_MAC_NOTHING, n);
}

static sim_mac_event begin_ack(sim_mac *mac, uint64_t now_us, unsigned n)
{
    sim_mac_node *node = &mac->nodes[n];
    mac->counts[n].acks_sent++;
    take_off(mac, now_us, n, node->ack_to, (uint32_t)(node->ack_us - now_us));
    set_ack(mac, n, node->ack_us);
    return (sim_mac_event){.what = SIM_MAC_NOTHING};
}

static sim_mac_event end_ack(sim_mac *mac, uint64_t now_us, unsigned n)
{
    unsigned to = mac->nodes[n].ack_to;
    if (!land(mac, n)) {
        return (sim_mac_event){.what = SIM_MAC_NOTHING};
    }
    mac->nodes[to].spaced_us = now_us + SIM_MAC_SPACING_US;
    return end(mac, to, SIM_MAC_SENT);
}

/* ---- the clock -------------------------------------------------------------------------- */

uint64_t sim_mac_next_us(const sim_mac *mac)
{
    return proa_heap_next_ms(&mac->heap);
}

sim_mac_event sim_mac_run(sim_mac *mac, uint64_t now_us)
{
    proa_timer *due = proa_heap_take_due(&mac->heap, now_us);
    PROA_ASSERT(due != NULL);
    unsigned n = (unsigned)(due - mac->timers) / 2;
    if (due == &mac->timers[2 * n + 1]) {
        return (mac->in_air >> n & 1U) != 0 ? end_ack(mac, now_us, n) : begin_ack(mac, now_us, n);
    }
    switch (mac->nodes[n].step) {
    case SIM_MAC_CONTENDING:
        return assess(mac, now_us, n);
    case SIM_MAC_TURNING:
        return begin_frame(mac, now_us, n);
    case SIM_MAC_SENDING:
        return end_frame(mac, now_us, n);
    case SIM_MAC_WAITING:
        return repeat(mac, now_us, n);
    case SIM_MAC_IDLE:
        break;
    }
    return (sim_mac_event){.what = SIM_MAC_NOTHING};
}
