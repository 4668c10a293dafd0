/* SPDX-License-Identifier: Apache-2.0 */
/* What was heard last, and some of it again. */
#include "sim/thief.h"

#include <string.h>

#define NODE (SIM_NODES_MAX - 1U)

bool sim_thief_is_coap(proa_span bytes)
{
    return bytes.len > 4 && bytes.data[0] >> 6 == 1;
}

proa_span sim_thief_protected(proa_span datagram)
{
    size_t outside = 4U + (datagram.data[0] & 15U);
    if (!sim_thief_is_coap(datagram) || datagram.len < outside) {
        return datagram;
    }
    return proa_span_make(datagram.data + outside, datagram.len - outside);
}

uint64_t sim_thief_heard_ms(const sim_thief *thief, uint64_t now_ms, proa_span datagram)
{
    uint64_t first_ms = now_ms;
    for (uint32_t i = 0; i < SIM_THIEF_KEEPS && i < thief->count && datagram.len > 0; i++) {
        proa_span heard = proa_span_make(thief->heard[i].bytes, thief->heard[i].len);
        bool same = proa_span_equal(sim_thief_protected(heard), sim_thief_protected(datagram));
        if (same && thief->heard[i].at_ms < first_ms) {
            first_ms = thief->heard[i].at_ms;
        }
    }
    return first_ms;
}

void sim_thief_hears(sim_thief *thief, uint64_t now_ms, const proa_addr *from, unsigned to_node,
                     proa_span bytes)
{
    bool is_protected = bytes.len > 13 && bytes.data[0] >= 20 && bytes.data[0] <= 63 &&
                        bytes.data[4] != 0; /* epoch */
    /* Between devices whatever is CoAP and no DTLS is protected, or hurts nobody. */
    if ((is_protected || sim_thief_is_coap(bytes)) && bytes.len <= sizeof thief->heard[0].bytes) {
        uint32_t place = thief->count++ % SIM_THIEF_KEEPS;
        thief->heard[place].from = *from;
        thief->heard[place].to_node = to_node;
        thief->heard[place].at_ms = now_ms;
        thief->heard[place].len = bytes.len;
        memcpy(thief->heard[place].bytes, bytes.data, bytes.len);
    }
}

unsigned sim_thief_plays(const sim_thief *thief, const sim_carrier *carrier, uint64_t now_us,
                         sim_rng *rng, unsigned to_node, const proa_addr *to)
{
    unsigned played = 0;
    uint32_t known = thief->count < SIM_THIEF_KEEPS ? thief->count : SIM_THIEF_KEEPS;
    for (uint32_t i = 0; i < known; i++) {
        proa_span bytes = proa_span_make(thief->heard[i].bytes, thief->heard[i].len);
        uint8_t copy[sizeof thief->heard[i].bytes];
        if (thief->heard[i].to_node != to_node || sim_rng_below(rng, 3) != 0) {
            continue;
        }
        proa_addr from = thief->heard[i].from;
        if (sim_rng_below(rng, 2) == 0) {
            from.ip[14] = 0x66;
        }
        if (sim_thief_is_coap(bytes) && sim_rng_below(rng, 2) == 0) {
            memcpy(copy, bytes.data, bytes.len);
            copy[2] ^= 0x80;
            bytes.data = copy;
        }
        carrier->send(carrier->ctx, now_us, NODE, to_node, &from, to, bytes);
        played++;
    }
    return played;
}
