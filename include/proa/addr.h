/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_ADDR_H
#define PROA_ADDR_H

#include <stdbool.h>
#include <stdint.h>

#include "proa/bytes.h"
#include "proa/err.h"

/* Where a datagram came from or goes to. An address says where, never who: identities are keys
 * (account.h). IPv4 is held as an IPv4-mapped IPv6 address (::ffff:a.b.c.d), so that every table
 * has one kind of key. The zone (interface index) matters for link-local addresses only. */
typedef struct proa_addr {
    uint8_t ip[16];
    uint16_t port; /* host byte order */
    uint16_t zone; /* interface index, 0 = none */
} proa_addr;

/* Longest text proa_addr_write makes: "[8 groups%65535]:65535". */
#define PROA_ADDR_TEXT_MAX 64

bool proa_addr_equal(const proa_addr *a, const proa_addr *b);
bool proa_addr_is_v4(const proa_addr *a);
bool proa_addr_is_loopback(const proa_addr *a);
bool proa_addr_is_link_local(const proa_addr *a);
bool proa_addr_is_multicast(const proa_addr *a);

/* Read an IP literal: "192.0.2.1", "2001:db8::1", with or without brackets, optionally with
 * "%zone" where zone is a decimal interface index. Sets ip and zone; the port stays as it is.
 * Returns PROA_OK or PROA_E_FORMAT. RFC 4291 §2.2. */
PROA_CHECK proa_err proa_addr_parse_ip(proa_span text, proa_addr *out);

/* Write "192.0.2.1:5684" or "[2001:db8::1]:5684" (RFC 5952 form). Errors stick to the writer. */
void proa_addr_write(proa_writer *w, const proa_addr *a);

/* ---- CoAP URIs with IP literals --------------------------------------------------------- */

/* The parts of coap://host:port and coaps://host:port. A path or query is not allowed here. */
typedef struct proa_uri {
    bool secure;    /* coaps */
    proa_span host; /* the literal or name, without brackets; borrowed from the text */
    uint16_t port;  /* as written, else 5683 or 5684 by scheme (RFC 7252 §6.1, §6.2) */
} proa_uri;

/* Returns PROA_OK, PROA_E_FORMAT, or PROA_E_UNSUPPORTED (another scheme). */
PROA_CHECK proa_err proa_uri_parse(proa_span text, proa_uri *out);

/* The address of a URI whose host is an IP literal; PROA_E_FORMAT if it is a name, which only the
 * port can resolve. */
PROA_CHECK proa_err proa_uri_addr(const proa_uri *uri, proa_addr *out);

/* Write coap(s)://host:port for an address; the port always written. */
void proa_uri_write(proa_writer *w, bool secure, const proa_addr *a);

#endif
