/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_SIM_THIEF_H
#define PROA_SIM_THIEF_H

#include "sim/carrier.h"
#include "sim/rng.h"

/* Somebody who hears what is sent to a node and plays it again, from where it came from or from
 * elsewhere. Has no keys, but knows what is not protected: of an OSCORE message it may change the
 * Message ID (RFC 8613 §4.2), so that to the message layer it is a new one. */

#define SIM_THIEF_KEEPS 256U

/* CoAP that is not inside DTLS. */
bool sim_thief_is_coap(proa_span bytes);

typedef struct sim_thief {
    struct {
        proa_addr from;
        unsigned to_node;
        uint64_t at_ms;
        size_t len;
        uint8_t bytes[1600];
    } heard[SIM_THIEF_KEEPS]; /* protected records and messages, the latest */
    uint32_t count;
} sim_thief;

void sim_thief_hears(sim_thief *thief, uint64_t now_ms, const proa_addr *from, unsigned to_node,
                     proa_span bytes);

/* What of a datagram cannot be changed: of CoAP everything but type, Message ID and Token. */
proa_span sim_thief_protected(proa_span datagram);

/* When this was sent first, of what is still known; else `now_ms`. */
uint64_t sim_thief_heard_ms(const sim_thief *thief, uint64_t now_ms, proa_span datagram);

/* Play some of what was sent to node `to_node` to it at this address. Returns how many datagrams. */
unsigned sim_thief_plays(const sim_thief *thief, const sim_carrier *carrier, uint64_t now_us,
                         sim_rng *rng, unsigned to_node, const proa_addr *to);

#endif
