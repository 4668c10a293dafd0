/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_PORTS_LINUX_PCAP_H
#define PROA_PORTS_LINUX_PCAP_H

#include <stdint.h>

#include "proa/addr.h"
#include "proa/bytes.h"
#include "proa/err.h"

/* A capture of our own datagrams for Wireshark: no privilege needed, nothing of other programs in
 * it. IP and UDP headers are made up from the addresses; everything else is what was on the wire. */
typedef struct proa_pcap proa_pcap;

/* Create `path` (mode 0600). NULL on failure; errno says why. */
proa_pcap *proa_pcap_open(const char *path);

/* Record one datagram. unix_ns is the wall clock. No effect on NULL. */
void proa_pcap_write(proa_pcap *pcap, int64_t unix_ns, const proa_addr *from, const proa_addr *to,
                     proa_span datagram);
void proa_pcap_close(proa_pcap *pcap);

#endif
