/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_PORTS_MCU_NET_H
#define PROA_PORTS_MCU_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "ports/mcu/lwip/ethernet.h"
#include "proa/addr.h"
#include "proa/bytes.h"
#include "proa/err.h"
#include "proa/random.h"

/* One UDP socket over lwIP (raw API, no operating system) and an Ethernet controller. lwIP keeps its
 * state in globals, so there is one such network in a program. Nothing here blocks, and everything
 * is called from the main loop:
 *
 *     proa_lwip_open(&config)
 *     for (;;) {
 *         while (proa_lwip_receive(&from, &datagram, &multicast)) proa_client_input(...)
 *         ... proa_client_output(...) proa_lwip_send(&to, datagram)
 *         wait for an interrupt
 *     }
 */
typedef struct proa_lwip_config {
    const proa_ethernet *ethernet; /* borrowed */
    proa_random random;
    uint64_t (*now_ms)(void); /* monotonic */
    proa_addr address6;       /* beside the link-local one; its network is a /64. All zero: none */
    proa_addr address4;       /* as IPv4-mapped address. All zero: none */
    uint8_t prefix4_len;      /* bits of its network, 1..31 */
    proa_addr gateway4;       /* all zero: none. IPv6 learns its routers */
    uint16_t port;            /* UDP */
} proa_lwip_config;

/* Once. Returns PROA_OK; PROA_E_RANGE (an address that is no such address); PROA_E_UNSUPPORTED
 * (IPv4 in a build without); PROA_E_NO_MEMORY (see lwipopts.h). */
PROA_CHECK proa_err proa_lwip_open(const proa_lwip_config *config);

/* Take frames in until one brings a datagram, and do what is due.
 *
 * from       out.
 * datagram   out; valid until the next call.
 * multicast  out: it was sent to more than us.
 * Returns false when there is none; then the next frame makes an interrupt. */
bool proa_lwip_receive(proa_addr *from, proa_span *datagram, bool *multicast);

/* Send. What cannot be sent is lost, as datagrams are; one that waits for its neighbour's address is
 * copied. */
void proa_lwip_send(const proa_addr *to, proa_span datagram);

#endif
