/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_FIRMWARE_DEVICE_H
#define PROA_FIRMWARE_DEVICE_H

#include <stddef.h>

#include "proa/c2c.h"
#include "proa/client.h"
#include "proa/object.h"
#include "proa/oscore.h"

/* A whole device on a board: socket, DTLS, OSCORE, client and client-to-client, joined, with their
 * storage. What ports/linux/device.h is on Linux.
 *
 * Which objects it has is decided by linking: lamp/lamp.c or switch/switch.c. */
extern const proa_object *const firmware_objects[]; /* ends with NULL */

/* Object 3, the same in every firmware. */
extern const proa_object device_object;

extern proa_client *device_client;
extern proa_c2c *device_c2c;

/* A server wants a new start (/3/0/4): due when its answer has left. */
extern bool device_reboot_wanted;

/* Everything up to the first registration. Does not return if the configuration makes no sense. */
void device_open(void);

/* One turn: at most one datagram in, all datagrams out. True if something came in. */
bool device_receive(void);
void device_flush(void);

/* OSCORE's view of an account (proa_server_status.oscore, proa_c2c_peer.oscore). */
bool device_context(uint64_t account, proa_oscore_info *out);

/* Sessions now, and what became of handshakes. */
proa_secure_stats device_sessions(void);

/* What is used of each memory at most since the start, bytes, and how much there is. */
typedef struct device_memory {
    size_t engines, engines_len;
    size_t dtls, dtls_len;
    size_t stack, stack_len;
} device_memory;

device_memory device_memory_read(void);

#endif
