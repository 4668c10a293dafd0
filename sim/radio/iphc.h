/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_SIM_RADIO_IPHC_H
#define PROA_SIM_RADIO_IPHC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proa/bytes.h"

/* IPv6 and UDP headers as 6LoWPAN sends them (RFC 6282): what the link layer, the context or the length of the
 * frame say already is left out. Unicast only. One context, number 0, which is a prefix of 64 bits; the checksum is
 * always there, because nobody authorised its absence (§4.3.2). */

#define SIM_IPHC_IPV6_LEN 40U
#define SIM_IPHC_RESTORED_MAX 48U /* IPv6 and UDP */
/* IPHC's two bytes, contexts, and every field of both headers inline but the IPv6 and UDP lengths. */
#define SIM_IPHC_COMPRESSED_MAX 49U

typedef struct sim_iphc_link {
    uint8_t from[8], to[8]; /* EUI-64 of who sends and who receives the frame */
    const uint8_t *prefix;  /* context 0, 8 bytes; NULL: there is none. Borrowed */
} sim_iphc_link;

/* The interface identifier of an EUI-64 (RFC 4291, Appendix A); the way back is the same. */
void sim_iphc_iid(const uint8_t eui64[8], uint8_t out[8]);

/* Compress the headers of a packet.
 *
 * packet   a whole IPv6 packet.
 * out      at least SIM_IPHC_COMPRESSED_MAX bytes.
 * covered  out: how many of the packet's bytes they stand for, 40 or 48.
 * Returns their length; 0 if it is no IPv6 packet, its length is not that of its header, or it goes to many. */
size_t sim_iphc_compress(proa_span packet, const sim_iphc_link *link, uint8_t *out,
                         size_t *covered);

/* Restore the headers at the begin of a frame.
 *
 * in          the frame; what follows the headers is payload.
 * packet_len  of the whole packet if this is its first fragment, else 0: it ends with the frame.
 * out         at least SIM_IPHC_RESTORED_MAX bytes.
 * restored    out: how many of them were written, 40 or 48.
 * Returns how many bytes of `in` the headers took; 0 for what is not understood. */
size_t sim_iphc_restore(proa_span in, size_t packet_len, const sim_iphc_link *link, uint8_t *out,
                        size_t *restored);

#endif
