/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_SIM_CARRIER_H
#define PROA_SIM_CARRIER_H

#include <stddef.h>
#include <stdint.h>

#include "proa/addr.h"
#include "proa/bytes.h"

/* What carries the datagrams of a world: a list of arrivals (net.h), or a radio mesh (experiments/).
 * Time is microseconds of the world. */

typedef struct sim_datagram {
    struct sim_datagram *next;
    uint64_t at_us;
    proa_addr from, to;
    size_t len;
    uint8_t bytes[];
} sim_datagram;

#define SIM_NODES_MAX 32U

typedef struct sim_carrier {
    void *ctx;
    /* from_node, to_node  numbers of the nodes at these addresses; to_node SIM_NODES_MAX = nobody
     *                     is there. */
    void (*send)(void *ctx, uint64_t now_us, unsigned from_node, unsigned to_node,
                 const proa_addr *from, const proa_addr *to, proa_span bytes);
    /* When something happens inside, UINT64_MAX if nothing is under way. */
    uint64_t (*next_us)(const void *ctx);
    /* Take a datagram that has arrived; NULL if none has. free() it. */
    sim_datagram *(*take)(void *ctx, uint64_t now_us);
} sim_carrier;

/* A copy that will arrive then. */
sim_datagram *sim_datagram_make(uint64_t at_us, const proa_addr *from, const proa_addr *to,
                                proa_span bytes);

#endif
