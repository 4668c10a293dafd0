/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_SIM_RADIO_FRAGMENT_H
#define PROA_SIM_RADIO_FRAGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proa/bytes.h"
#include "sim/radio/iphc.h"
#include "sim/radio/ipv6.h"

/* One packet in as few frames as it takes (RFC 4944 §5.3), and put together again. A packet that fits with its
 * compressed headers (iphc.h) goes alone; else it is cut where its original offset is a multiple of 8, and only the
 * first fragment has headers. */

#define SIM_FRAGMENT_FIRST_LEN 4U
#define SIM_FRAGMENT_NEXT_LEN 5U

/* ---- cutting ---------------------------------------------------------------------------- */

typedef struct sim_cutter {
    proa_span packet; /* borrowed */
    uint8_t headers[SIM_IPHC_COMPRESSED_MAX];
    size_t headers_len, covered;
    size_t at; /* bytes of the packet that have been sent */
    uint16_t tag;
} sim_cutter;

/* tag  told apart from those of other packets that go from here to there at the same time.
 * False for what sim_iphc_compress refuses, and for a packet above SIM_IPV6_PACKET_MAX. */
bool sim_cutter_open(sim_cutter *cutter, proa_span packet, const sim_iphc_link *link, uint16_t tag);

/* The next frame's payload, at most room bytes (64 or more) of out. Returns its length, 0 when all have been
 * written. */
size_t sim_cutter_next(sim_cutter *cutter, uint8_t *out, size_t room);

/* ---- putting together ------------------------------------------------------------------- */

typedef struct sim_fragment {
    bool is_whole; /* no fragment: compressed headers and all that follows them */
    size_t size;   /* of the packet */
    uint16_t tag;
    size_t offset;  /* of data in the packet, in bytes; 0: data begins with compressed headers */
    proa_span data; /* borrowed from the frame */
} sim_fragment;

/* False for what is neither. The data is not looked at. */
bool sim_fragment_read(proa_span frame, sim_fragment *out);

/* A packet under way. All zero: free. */
typedef struct sim_assembly {
    size_t size; /* 0: free */
    uint16_t tag;
    uint8_t from[8];                           /* of the frames */
    uint8_t have[SIM_IPV6_PACKET_MAX / 8 / 8]; /* bit n: the 8 bytes from 8n on are there */
    size_t missing;                            /* such bits */
    uint8_t bytes[SIM_IPV6_PACKET_MAX];
} sim_assembly;

/* True if a fragment from there belongs to it. */
bool sim_assembly_matches(const sim_assembly *assembly, const sim_fragment *fragment,
                          const sim_iphc_link *link);

/* Begin with any fragment of the packet. */
void sim_assembly_begin(sim_assembly *assembly, const sim_fragment *fragment,
                        const sim_iphc_link *link);

typedef enum sim_assembly_result {
    SIM_ASSEMBLY_MORE,  /* some are missing */
    SIM_ASSEMBLY_WHOLE, /* the packet is the first `size` of `bytes` */
    SIM_ASSEMBLY_BROKEN /* it does not fit the others, or makes no sense: nothing of this will be a packet */
} sim_assembly_result;

sim_assembly_result sim_assembly_put(sim_assembly *assembly, const sim_fragment *fragment,
                                     const sim_iphc_link *link);

/* What is whole (sim_fragment.is_whole) needs no assembly: restore into out, which has room for
 * SIM_IPV6_PACKET_MAX bytes. Returns its length, 0 if it makes no sense. */
size_t sim_fragment_restore(const sim_fragment *fragment, const sim_iphc_link *link, uint8_t *out);

#endif
