/* SPDX-License-Identifier: Apache-2.0 */
/* Datagrams on their way, in order of arrival. */
#include "sim/net.h"

#include <stdlib.h>
#include <string.h>

void sim_net_open(sim_net *net, uint64_t seed, const sim_link *link)
{
    memset(net, 0, sizeof *net);
    net->link = *link;
    sim_rng_seed(&net->rng, seed, 0);
}

void sim_net_close(sim_net *net)
{
    while (net->first != NULL) {
        sim_datagram *gone = net->first;
        net->first = gone->next;
        free(gone);
    }
}

void sim_net_cut(sim_net *net, unsigned a, unsigned b, bool apart)
{
    if (apart) {
        net->cut[a] |= 1U << b;
        net->cut[b] |= 1U << a;
    } else {
        net->cut[a] &= ~(1U << b);
        net->cut[b] &= ~(1U << a);
    }
}

void sim_net_heal(sim_net *net)
{
    memset(net->cut, 0, sizeof net->cut);
}

sim_datagram *sim_datagram_make(uint64_t at_us, const proa_addr *from, const proa_addr *to,
                                proa_span bytes)
{
    sim_datagram *d = malloc(sizeof *d + bytes.len);
    if (d == NULL) {
        abort(); /* the simulation's own machine is out of memory: no result is better than a wrong */
    }
    d->next = NULL;
    d->at_us = at_us;
    d->from = *from;
    d->to = *to;
    d->len = bytes.len;
    memcpy(d->bytes, bytes.data, bytes.len);
    return d;
}

static void put(sim_net *net, sim_datagram *d)
{
    sim_datagram **place = &net->first;
    while (*place != NULL && (*place)->at_us <= d->at_us) {
        place = &(*place)->next;
    }
    d->next = *place;
    *place = d;
}

static uint64_t arrival_us(sim_net *net, uint64_t now_us)
{
    const sim_link *link = &net->link;
    uint64_t delay_ms = link->delay_ms + sim_rng_below(&net->rng, link->jitter_ms + 1);
    if (sim_rng_chance(&net->rng, link->reorder_permille)) {
        net->reordered++;
        delay_ms += 3U * link->delay_ms + 1;
    }
    return now_us + 1000 * delay_ms;
}

static void send(void *ctx, uint64_t now_us, unsigned from_node, unsigned to_node,
                 const proa_addr *from, const proa_addr *to, proa_span bytes)
{
    sim_net *net = ctx;
    net->sent++;
    if (bytes.len > net->link.mtu) {
        net->too_large++;
        return;
    }
    if (to_node >= SIM_NODES_MAX || (net->cut[from_node] >> to_node & 1) != 0) {
        net->cut_off++;
        return;
    }
    /* The draws are made in any case, so that a run at another loss rate stays comparable. */
    int is_lost = sim_rng_chance(&net->rng, net->link.loss_permille);
    int is_doubled = sim_rng_chance(&net->rng, net->link.duplicate_permille);
    uint64_t at_us = arrival_us(net, now_us);
    if (is_lost) {
        net->lost++;
        return;
    }
    put(net, sim_datagram_make(at_us, from, to, bytes));
    if (is_doubled) {
        net->duplicated++;
        put(net, sim_datagram_make(arrival_us(net, now_us), from, to, bytes));
    }
}

static uint64_t next_us(const void *ctx)
{
    const sim_net *net = ctx;
    return net->first == NULL ? UINT64_MAX : net->first->at_us;
}

static sim_datagram *take(void *ctx, uint64_t now_us)
{
    sim_net *net = ctx;
    sim_datagram *d = net->first;
    if (d == NULL || d->at_us > now_us) {
        return NULL;
    }
    net->first = d->next;
    return d;
}

sim_carrier sim_net_carrier(sim_net *net)
{
    sim_carrier carrier = {net, send, next_us, take};
    return carrier;
}
