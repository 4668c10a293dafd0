/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_PORTS_LINUX_DEVICE_H
#define PROA_PORTS_LINUX_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proa/c2c.h"
#include "proa/client.h"
#include "proa/err.h"

/* A whole device on Linux: one UDP socket, DTLS, the client engine, client-to-client, a state
 * directory, and the loop that drives them. What an application adds is its objects:
 *
 *     proa_device *device;
 *     proa_device_open(&device, &options, message, sizeof message);
 *     proa_client_add_object(proa_device_client(device), &my_object);
 *     proa_device_start(device);
 *     for (;;) {
 *         proa_device_wait(device, -1);
 *         while (proa_client_poll(...)) ...
 *         while (proa_c2c_poll(...)) ...
 *     }
 *
 * One thread; nothing here blocks but proa_device_wait (and the resolver during open). */

typedef struct proa_device_server {
    const char *uri;      /* coap://host:port or coaps://host:port; the host may be a name */
    const char *identity; /* PSK identity, text; NULL with coap:// */
    proa_span key;        /* PSK; copied */
    const proa_oscore_params *oscore; /* borrowed, with what it points to, for the life of the
                                         device; NULL: none. With coaps:// inside DTLS */
    uint32_t lifetime_s;              /* 0 = 300 */
    uint32_t pmin_s, pmax_s;
    uint16_t short_id; /* 0 = 1 */
} proa_device_server;

typedef struct proa_device_options {
    const char *endpoint;
    const proa_device_server *servers;
    size_t server_count;
    const char *listen;    /* "[::]:0" if NULL */
    const char *state_dir; /* NULL: accounts do not survive the process */
    const char *pcap;      /* capture file; NULL = none */
    const char *keylog;    /* debug builds: NSS key log file; NULL = none */
    bool without_c2c;
} proa_device_options;

typedef struct proa_device proa_device;

/* Open everything. On failure *out is NULL and `message` says in a sentence what to do about it
 * (no secrets in it).
 * OSCORE is always there (object 21), for servers that are given keys for it and for accounts that
 * servers make. Without a state directory its numbers are forgotten with the process, and each start
 * begins with new keys (RFC 8613 Appendix B.2).
 *
 * Returns PROA_OK, PROA_E_IO, PROA_E_DENIED (state directory readable by others), PROA_E_NOT_FOUND
 * (a server's name does not resolve), PROA_E_FORMAT (a URI), PROA_E_NO_MEMORY, ... */
PROA_CHECK proa_err proa_device_open(proa_device **out, const proa_device_options *options,
                                     char *message, size_t message_cap);

/* Add the servers: the device begins to register. After its objects were added. */
PROA_CHECK proa_err proa_device_start(proa_device *device);
void proa_device_close(proa_device *device);

proa_client *proa_device_client(proa_device *device);
proa_c2c *proa_device_c2c(proa_device *device); /* NULL if without_c2c */

/* The state of an OSCORE context, by the account that proa_server_status or proa_c2c_peer tells. No
 * keys. False if there is none. */
bool proa_device_context(const proa_device *device, uint64_t account, proa_oscore_info *out);

/* The socket, to be waited for together with other descriptors. */
int proa_device_fd(const proa_device *device);

/* Where the socket is bound. */
proa_addr proa_device_local(const proa_device *device);

/* Milliseconds until the engine wants to run, -1 for never, for poll(2). */
int proa_device_timeout_ms(const proa_device *device);

/* Receive one datagram if one is there, send what is due; never waits. Poll all events after each
 * step: what they borrow belongs to that datagram. Handling them may make datagrams; the next wait
 * or a flush sends those. */
void proa_device_step(proa_device *device);
void proa_device_flush(proa_device *device);

/* flush, wait for a datagram, a deadline or `timeout_ms` (-1 = no limit), then step. */
void proa_device_wait(proa_device *device, int timeout_ms);

#endif
