/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_SIM_RADIO_MAC_H
#define PROA_SIM_RADIO_MAC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/heap.h"
#include "proa/bytes.h"
#include "sim/radio/radio.h"
#include "sim/radio/topology.h"
#include "sim/rng.h"

/* One channel that all nodes share, and who gets through: IEEE 802.15.4-2006 without beacons.
 *
 * A node has one frame under way. It waits a random number of units (§7.5.1.4), listens, turns its radio to
 * sending, sends, listens for the acknowledgment, and repeats. Nodes that do not hear each other do not wait for each
 * other: where a third hears both, it gets neither.
 *
 * Not here: the acknowledgment of another node taken for one's own, because it carries nothing but a number; a frame
 * strong enough to be heard above another; noise that only one end hears. */

#define SIM_MAC_FRAME_MAX 127U   /* aMaxPHYPacketSize */
#define SIM_MAC_OVERHEAD_LEN 23U /* frame control, number, PAN id, two 64-bit addresses; FCS */
#define SIM_MAC_PAYLOAD_MAX (SIM_MAC_FRAME_MAX - SIM_MAC_OVERHEAD_LEN)
#define SIM_MAC_ACK_LEN 5U
#define SIM_MAC_PHY_LEN \
    6U /* preamble, delimiter, length: always at 250 kbit/s, as radios with more have it */

/* In microseconds, from symbols of 16. */
#define SIM_MAC_UNIT_US 320U       /* aUnitBackoffPeriod, 20 */
#define SIM_MAC_CCA_US 128U        /* 8 */
#define SIM_MAC_TURNAROUND_US 192U /* aTurnaroundTime, 12 */
#define SIM_MAC_SPACING_US \
    640U /* macMinLIFSPeriod, 40: no frame with these addresses is a short one (18) */

/* How long a frame is in the air; and how long its sender waits from its end on for an acknowledgment
 * (macAckWaitDuration, §7.4.2: a unit, a turnaround, an acknowledgment; 864 at 250 kbit/s). */
uint32_t sim_mac_airtime_us(const sim_radio_params *params, size_t frame_len);
uint32_t sim_mac_ack_wait_us(const sim_radio_params *params);

typedef enum sim_mac_step { /* what the step of a node that sends ends */
                            SIM_MAC_IDLE,
                            SIM_MAC_CONTENDING, /* back-off and listening */
                            SIM_MAC_TURNING,    /* the channel was free */
                            SIM_MAC_SENDING,
                            SIM_MAC_WAITING /* for the acknowledgment */
} sim_mac_step;

/* The frame that a node has in the air, of its own or an acknowledgment: never both, because it gets no frame while
 * it sends, and finds the channel busy while it acknowledges. */
typedef struct sim_mac_flight {
    unsigned to;
    uint32_t took_us;
    bool is_heard;  /* by whom it is for: who sends, or turns to sending, hears nothing */
    bool is_spoilt; /* there, by another */
} sim_mac_flight;

typedef struct sim_mac_node {
    sim_mac_step step;
    unsigned to;
    uint8_t seq, attempt, backoffs, exponent;
    size_t payload_len;
    uint8_t payload[SIM_MAC_PAYLOAD_MAX];
    uint64_t spaced_us; /* not before this the next frame */
    unsigned ack_to;
    sim_mac_flight flight;
    uint64_t heard_us; /* until then it hears somebody, */
    uint64_t deaf_us;  /* until then nobody: it sends or turns to sending, */
    uint64_t ack_us;   /* until then it acknowledges */
    struct {
        bool is_set;
        uint8_t seq;
        uint64_t at_us;
    } last[SIM_TOPOLOGY_NODES_MAX]; /* received from each node */
} sim_mac_node;

typedef struct sim_mac {
    const sim_topology *topology;
    const sim_radio_params *params;
    sim_rng rng;
    proa_heap heap; /* its times are microseconds */
    proa_timer
        timers[2 * SIM_TOPOLOGY_NODES_MAX]; /* of node n: 2n its steps, 2n+1 its acknowledgment */
    uint32_t in_air;                        /* bit n: of node n */
    sim_mac_node nodes[SIM_TOPOLOGY_NODES_MAX];
    sim_radio_counts counts[SIM_TOPOLOGY_NODES_MAX]; /* of frames; those of packets are radio.c's */
} sim_mac;

/* Borrows topology and params. */
void sim_mac_open(sim_mac *mac, const sim_topology *topology, const sim_radio_params *params,
                  uint64_t seed);

/* True if the node has no frame under way. */
bool sim_mac_is_idle(const sim_mac *mac, unsigned node);

/* Begin to send a frame to a neighbour. The node must be idle; payload at most SIM_MAC_PAYLOAD_MAX, copied. */
void sim_mac_send(sim_mac *mac, uint64_t now_us, unsigned node, unsigned to, proa_span payload);

typedef enum sim_mac_what {
    SIM_MAC_NOTHING,
    SIM_MAC_BEGAN,    /* a data frame is in the air */
    SIM_MAC_RECEIVED, /* one arrived, not a duplicate */
    SIM_MAC_SENT,     /* one was acknowledged; `from` is idle */
    SIM_MAC_GIVEN_UP  /* one was not, or found no free channel; `from` is idle */
} sim_mac_what;

typedef struct sim_mac_event {
    sim_mac_what what;
    unsigned from, to; /* of the frame */
    proa_span payload; /* valid until `from` sends again */
    uint32_t bytes, took_us;
    uint8_t attempt;
} sim_mac_event;

uint64_t sim_mac_next_us(const sim_mac *mac);

/* Take the one step that is due at now_us = sim_mac_next_us. */
sim_mac_event sim_mac_run(sim_mac *mac, uint64_t now_us);

#endif
