/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_SERVER_APP_RELAY_H
#define PROA_SERVER_APP_RELAY_H

#include <stddef.h>
#include <stdint.h>

#include "proa/limits.h"
#include "proa/lwm2m.h"
#include "proa/payload.h"
#include "proa/server.h"

/* Relay rules: the server-centric way of letting one device follow another, kept as the baseline that
 * direct communication is measured against. Each notification leads to one write, at once, without
 * timers and without coalescing, so that the comparison is fair. */

/* Observe one device and write every value to another. */
typedef struct proa_relay_rule {
    char from_endpoint[PROA_ENDPOINT_MAX + 1];
    char to_endpoint[PROA_ENDPOINT_MAX + 1];
    proa_path from_path; /* of a resource */
    proa_path to_path;
} proa_relay_rule;

#define PROA_RELAY_RULES_MAX 64

/* Set by its owner, all of it borrowed; begins with nothing observed. */
typedef struct proa_relay_config {
    proa_server *server;
    const proa_relay_rule *rules;
    size_t rule_count; /* at most PROA_RELAY_RULES_MAX */
    /* What its operations are called: `user` of rule n's observation is user_observe + n, of its
     * writes user_write + n. */
    uint64_t user_observe, user_write;
    proa_type_of type_of; /* of resources: what TLV needs to be read; NULL: values pass as bytes */
} proa_relay_config;

typedef struct proa_relay {
    proa_relay_config config;
    proa_op_id observation[PROA_RELAY_RULES_MAX]; /* 0 = none */
    uint64_t relayed;
    uint64_t failed; /* writes that were not possible or not confirmed */
} proa_relay;

void proa_relay_init(proa_relay *relay, const proa_relay_config *config);

/* True if an event with this `user` is of an operation of the relay. */
bool proa_relay_owns(const proa_relay *relay, uint64_t user);

/* A device registered: begin the observations of rules that start there. O(rules). */
void proa_relay_device(proa_relay *relay, uint64_t now_ms, proa_reg reg);

/* An operation of the relay has news: a DONE, NOTIFICATION or OBSERVE_END whose user it owns. */
void proa_relay_operation(proa_relay *relay, uint64_t now_ms, const proa_server_event *event);

#endif
