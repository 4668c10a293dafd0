/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_SIM_THIEF_H
#define PROA_SIM_THIEF_H

#include "sim/net.h"

/* Somebody who hears what is sent to the server and plays it again, from where it came from or from
 * elsewhere. Has no keys. */

#define SIM_THIEF_KEEPS 64U

typedef struct sim_thief {
    struct {
        proa_addr from;
        size_t len;
        uint8_t bytes[1600];
    } heard[SIM_THIEF_KEEPS]; /* what was protected, the latest */
    uint32_t count;
} sim_thief;

void sim_thief_hears(sim_thief *thief, const proa_addr *from, proa_span bytes);

/* Play some of it to node `to_node` at this address. Returns how many datagrams. */
unsigned sim_thief_plays(const sim_thief *thief, sim_net *net, uint64_t now_ms, sim_rng *rng,
                         unsigned to_node, const proa_addr *to);

#endif
