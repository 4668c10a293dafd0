/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_SIM_NET_H
#define PROA_SIM_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proa/addr.h"
#include "proa/bytes.h"
#include "sim/rng.h"

/* A network that exists only as a list of datagrams and when each arrives.
 *
 * One link model holds for all paths; what two nodes cannot do is talk across a partition. Time is
 * whatever the world says. Every datagram, also one that will be lost, passes the observer, so that
 * checkers see the wire from outside. */

typedef struct sim_link {
    uint32_t delay_ms;  /* every datagram */
    uint32_t jitter_ms; /* plus 0..jitter, which also reorders */
    uint32_t loss_permille;
    uint32_t duplicate_permille;
    uint32_t reorder_permille; /* held back by another 3 delays */
    uint32_t mtu;              /* larger ones vanish */
} sim_link;

#define SIM_NET_NODES_MAX 32

typedef struct sim_datagram {
    struct sim_datagram *next;
    uint64_t at_ms;
    proa_addr from, to;
    size_t len;
    uint8_t bytes[];
} sim_datagram;

typedef struct sim_net {
    sim_rng rng;
    sim_link link;
    sim_datagram *first;             /* by time of arrival, then by order of sending */
    uint32_t cut[SIM_NET_NODES_MAX]; /* bit n of cut[m]: m and n cannot reach each other */
    /* Sees every datagram when it is sent. May be NULL. */
    void (*observer)(void *ctx, uint64_t now_ms, const proa_addr *from, const proa_addr *to,
                     proa_span bytes);
    void *observer_ctx;
    uint64_t sent, lost, duplicated, reordered, cut_off, too_large;
} sim_net;

void sim_net_open(sim_net *net, uint64_t seed, const sim_link *link);
void sim_net_close(sim_net *net);

/* Node numbers are for partitions only; addresses are what datagrams carry. */
void sim_net_cut(sim_net *net, unsigned a, unsigned b, bool apart);
void sim_net_heal(sim_net *net);

/* from_node, to_node  numbers of the nodes at these addresses; to_node SIM_NET_NODES_MAX = nobody
 *                     is there. */
void sim_net_send(sim_net *net, uint64_t now_ms, unsigned from_node, unsigned to_node,
                  const proa_addr *from, const proa_addr *to, proa_span bytes);

/* When the next datagram arrives, UINT64_MAX if none is on its way. */
uint64_t sim_net_next_ms(const sim_net *net);

/* Take a datagram that has arrived; NULL if none has. free() it. */
sim_datagram *sim_net_take(sim_net *net, uint64_t now_ms);

#endif
