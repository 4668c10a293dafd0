/* SPDX-License-Identifier: Apache-2.0 */
/* What was heard last, and some of it again. */
#include "sim/thief.h"

#include <string.h>

#define NODE (SIM_NET_NODES_MAX - 1U)

void sim_thief_hears(sim_thief *thief, const proa_addr *from, proa_span bytes)
{
    bool is_record = bytes.len > 13 && bytes.data[0] >= 20 && bytes.data[0] <= 63 &&
                     bytes.data[4] != 0;                      /* epoch */
    bool is_coap = bytes.len > 13 && bytes.data[0] >> 6 == 1; /* devices send it with OSCORE only */
    if ((is_record || is_coap) && bytes.len <= sizeof thief->heard[0].bytes) {
        uint32_t place = thief->count++ % SIM_THIEF_KEEPS;
        thief->heard[place].from = *from;
        thief->heard[place].len = bytes.len;
        memcpy(thief->heard[place].bytes, bytes.data, bytes.len);
    }
}

unsigned sim_thief_plays(const sim_thief *thief, sim_net *net, uint64_t now_ms, sim_rng *rng,
                         unsigned to_node, const proa_addr *to)
{
    unsigned played = 0;
    uint32_t known = thief->count < SIM_THIEF_KEEPS ? thief->count : SIM_THIEF_KEEPS;
    for (uint32_t i = 0; i < known; i++) {
        if (sim_rng_below(rng, 3) != 0) {
            continue;
        }
        proa_addr from = thief->heard[i].from;
        if (sim_rng_below(rng, 2) == 0) {
            from.ip[14] = 0x66;
        }
        sim_net_send(net, now_ms, NODE, to_node, &from, to,
                     proa_span_make(thief->heard[i].bytes, thief->heard[i].len));
        played++;
    }
    return played;
}
