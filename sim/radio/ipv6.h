/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_SIM_RADIO_IPV6_H
#define PROA_SIM_RADIO_IPV6_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proa/addr.h"
#include "proa/bytes.h"

/* A UDP datagram in an IPv6 packet (RFC 8200 §3, RFC 768): 48 bytes of headers, hop limit 64, a correct checksum. */

#define SIM_IPV6_UDP_LEN 48U
#define SIM_IPV6_PACKET_MAX 1280U

/* Write the packet; returns its length, 0 if it is longer than out_len. The payload stands elsewhere. */
size_t sim_ipv6_write(uint8_t *out, size_t out_len, const proa_addr *from, const proa_addr *to,
                      proa_span payload);

/* Read one; payload points into packet. False for whatever is not a whole UDP datagram. The checksum is not
 * looked at. */
bool sim_ipv6_read(proa_span packet, proa_addr *from, proa_addr *to, proa_span *payload);

#endif
