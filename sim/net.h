/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_SIM_NET_H
#define PROA_SIM_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proa/addr.h"
#include "proa/bytes.h"
#include "sim/carrier.h"
#include "sim/rng.h"

/* A network that exists only as a list of datagrams and when each arrives.
 *
 * One link model holds for all paths; what two nodes cannot do is talk across a partition. Time is
 * whatever the world says. */

typedef struct sim_link {
    uint32_t delay_ms;  /* every datagram */
    uint32_t jitter_ms; /* plus 0..jitter, which also reorders */
    uint32_t loss_permille;
    uint32_t duplicate_permille;
    uint32_t reorder_permille; /* held back by another 3 delays */
    uint32_t mtu;              /* larger ones vanish */
} sim_link;

typedef struct sim_net {
    sim_rng rng;
    sim_link link;
    sim_datagram *first;         /* by time of arrival, then by order of sending */
    uint32_t cut[SIM_NODES_MAX]; /* bit n of cut[m]: m and n cannot reach each other */
    uint64_t sent, lost, duplicated, reordered, cut_off, too_large;
} sim_net;

void sim_net_open(sim_net *net, uint64_t seed, const sim_link *link);
void sim_net_close(sim_net *net);

/* Node numbers are for partitions only; addresses are what datagrams carry. */
void sim_net_cut(sim_net *net, unsigned a, unsigned b, bool apart);
void sim_net_heal(sim_net *net);

/* As the carrier of a world; borrows net. */
sim_carrier sim_net_carrier(sim_net *net);

#endif
