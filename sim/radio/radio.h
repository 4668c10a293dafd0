/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_SIM_RADIO_RADIO_H
#define PROA_SIM_RADIO_RADIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proa/bytes.h"
#include "sim/radio/topology.h"

/* A mesh of IEEE 802.15.4 nodes behind a border router: IPv6 packets in, IPv6 packets out, and what that took.
 *
 * A packet is compressed (RFC 6282), cut into fragments where it must be (RFC 4944 §5.3), and sent hop by hop,
 * reassembled at each: unslotted CSMA-CA, acknowledged, repeated, and lost where two nodes that one node hears
 * speak at once. Between border router and machine there are a serial line and a wire. Time is whatever the
 * caller says, in microseconds; who repeats a seed gets the same run.
 *
 * What one frame of b bytes takes where nobody else speaks, at 250 kbit/s: a back-off of 0 to 7 units of 320 (mean
 * 1120), 128 of listening, 192 of turning around, 32 * (6 + b) in the air. Its acknowledgment follows after 192 and
 * takes 352: the packet does not wait for it, but the next fragment does, and 640 more; and the next hop, whose
 * first back-off begins when the acknowledgment is out or the processor is done, whichever is later. A frame that
 * finds the channel busy five times is given up at once, as in the standard: only what was sent is repeated. With
 * any fragment its packet is given up.
 *
 * It knows no LwM2M. The simulator drives it by its virtual clock (experiments/), the link emulator by
 * the real one. */

/* Every number of the model, with the defaults of IEEE 802.15.4-2006 at 2.4 GHz. */
typedef struct sim_radio_params {
    uint32_t bit_rate;        /* 250000 */
    uint8_t min_be, max_be;   /* macMinBE 3, macMaxBE 5 */
    uint8_t backoffs_max;     /* macMaxCSMABackoffs 4 */
    uint8_t retries_max;      /* macMaxFrameRetries 3 */
    uint16_t queue_max;       /* packets of a node that wait: for radio, engine, line; 8 each */
    uint8_t reassemblies_max; /* in one node; one more drops the oldest; 4 */
    uint32_t reassembly_ms;   /* after which one is given up; 3000 */
    uint32_t loss_permille;   /* of frames and acknowledgments, beside collisions; 0 */
    uint32_t serial_baud;     /* 500000, 10 bits a byte */
    uint32_t wired_delay_us;  /* each way, between serial line and machine; 0 */
    /* A node's processor does one packet after the other; the machine's is its own matter. 0. */
    uint32_t cpu_send_us;    /* from an engine's call to the first back-off, */
    uint32_t cpu_receive_us; /* from the last frame to the engine, */
    uint32_t cpu_forward_us; /* of each hop between */
    bool has_context;        /* the mesh's prefix is a 6LoWPAN context (RFC 6282 §3.1.2); true */
} sim_radio_params;

sim_radio_params sim_radio_params_default(void);

/* What a node did; airtime is an energy proxy. Of frames that failed, too. */
typedef struct sim_radio_counts {
    uint64_t frames_sent, frame_bytes_sent; /* data frames with header and FCS, each attempt */
    uint64_t acks_sent;
    uint64_t tx_us;             /* in the air, preamble and acknowledgments included, and */
    uint64_t rx_us;             /* of what was for this node, if it listened when that began */
    uint64_t attempts_repeated; /* attempts after the first of a frame */
    uint64_t collisions;        /* frames and acknowledgments for this node, lost because */
                                /* another spoke or itself */
    uint64_t channel_failures;  /* frames that found the channel busy each time, and */
    uint64_t frames_given_up;   /* these and those that nobody acknowledged */
    uint64_t queue_drops;       /* packets; at the border router those of both ends of its line */
    uint64_t reassembly_drops;  /* packets */
    uint64_t hop_limit_drops;   /* packets that have made too many hops already, and */
    uint64_t no_route_drops;    /* those for whom the node knows no next one */
} sim_radio_counts;

/* What the observer is told of each data frame when its transmission begins (collided or not), and of each
 * packet when it begins on serial line and wire. Acknowledgments are counted only. */
typedef enum sim_radio_medium { SIM_RADIO_AIR, SIM_RADIO_SERIAL, SIM_RADIO_WIRE } sim_radio_medium;

typedef struct sim_radio_sight {
    uint64_t at_us;
    sim_radio_medium medium;
    unsigned from, to; /* nodes, or SIM_TOPOLOGY_WIRED */
    uint32_t bytes;    /* of the frame with header and FCS; on the line; of the packet */
    uint32_t took_us;  /* airtime with preamble, time on the line, delay */
    uint8_t attempt;   /* 0 = the first */
} sim_radio_sight;

typedef struct sim_radio sim_radio;

/* topology is borrowed for the life of the network, params copied; bit_rate, serial_baud and reassemblies_max not 0.
 * Aborts when memory is out. */
sim_radio *sim_radio_open(const sim_topology *topology, const sim_radio_params *params,
                          uint64_t seed);
void sim_radio_close(sim_radio *radio);

/* observer may be NULL. */
void sim_radio_observe(sim_radio *radio, void (*observer)(void *ctx, const sim_radio_sight *sight),
                       void *ctx);

/* The IPv6 address of a node in the mesh (prefix 2001:db8:0:1::/64 and its EUI-64), or of the machine
 * (2001:db8::6). */
void sim_radio_address(unsigned node, uint8_t out[16]);

/* A whole IPv6 packet, at most 1280 bytes, leaves the stack of a node or of the machine (SIM_TOPOLOGY_WIRED). It is
 * copied; what is not for another address of this network is dropped. Its UDP checksum is not looked at. First
 * take what has arrived until now_us. */
void sim_radio_send(sim_radio *radio, uint64_t now_us, unsigned node, proa_span packet);

/* When something happens next inside; UINT64_MAX if nothing is under way. */
uint64_t sim_radio_next_us(const sim_radio *radio);

/* Run everything up to now_us. Returns true with a packet that has arrived at its destination, valid until the
 * next call; false when there is none (left). Each happens at its own time: for who calls late, too. */
bool sim_radio_take(sim_radio *radio, uint64_t now_us, unsigned *node, proa_span *packet);

const sim_radio_counts *sim_radio_counts_of(const sim_radio *radio, unsigned node);

/* What happened between one reading of a node's counts and a later one. */
sim_radio_counts sim_radio_counts_since(const sim_radio_counts *later,
                                        const sim_radio_counts *earlier);

#endif
