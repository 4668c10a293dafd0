/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_SERVER_OS_HUB_INTERNAL_H
#define PROA_SERVER_OS_HUB_INTERNAL_H

#include "server/os/hub.h"

/* Parts of the hub that are files of their own. */

/* restore.c: put registrations, sessions, grants and refusals of the database back into the engines.
 * False if that is not possible, with the reason in `message`. */
bool proa__hub_restore(const proa_hub_parts *parts, uint64_t now_ms, char *message,
                       size_t message_cap);

/* relay.c: observe one device, write each value to another. */
typedef struct proa_relay {
    const proa_hub_parts *parts;                  /* borrowed */
    proa_op_id observation[PROA_RELAY_RULES_MAX]; /* 0 = none */
    uint64_t relayed;
    uint64_t failed; /* writes that were not possible or not confirmed */
} proa_relay;

void proa_relay_init(proa_relay *relay, const proa_hub_parts *parts);

/* A device registered: begin the observations of rules that start there. */
void proa_relay_device(proa_relay *relay, uint64_t now_ms, proa_reg reg);

/* An operation of the relay has news. */
void proa_relay_operation(proa_relay *relay, uint64_t now_ms, const proa_server_event *event);

#endif
