/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_PORTS_LINUX_UDP_H
#define PROA_PORTS_LINUX_UDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proa/addr.h"
#include "proa/bytes.h"
#include "proa/err.h"

/* One UDP socket for IPv6 and IPv4, never blocking. */

/* Open and bind.
 * local  the address to bind: all zeros for any; port 0 for a free one. On return what it is
 *        bound to.
 * Returns a file descriptor, or a negative errno. */
PROA_CHECK int proa_udp_open(proa_addr *local);

/* Receive one datagram without waiting.
 * multicast  out: it was sent to a multicast address.
 * Returns the length, -1 if none is there. Datagrams longer than cap are dropped. */
int proa_udp_receive(int fd, uint8_t *buf, size_t cap, proa_addr *from, bool *multicast);

/* Send one datagram. False if the kernel did not take it (no route, buffer full): the protocol
 * above repeats what matters. */
bool proa_udp_send(int fd, const proa_addr *to, proa_span datagram);

/* The addresses of a host name or literal. Blocks while the resolver works, so it is for start-up.
 * Returns PROA_OK and the first address, PROA_E_NOT_FOUND. */
PROA_CHECK proa_err proa_udp_resolve(proa_span host, uint16_t port, proa_addr *out);

#endif
