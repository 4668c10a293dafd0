/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_SERVER_OS_HUB_H
#define PROA_SERVER_OS_HUB_H

#include <stdbool.h>
#include <stdint.h>

#include "proa/server.h"
#include "server/app/authority.h"
#include "server/os/config.h"
#include "server/os/control.h"
#include "server/os/database.h"
#include "server/os/log.h"
#include "server/os/sessions.h"

/* The hub joins the parts of proad: what the server engine reports goes to the authority, the
 * database, the relay rules and the log; what the authority wants goes to the server engine and
 * the database. It decides nothing itself.
 *
 * Turns handle what is there; a commit follows, and only then may datagrams leave: whatever a
 * device is told is on disk before. */

/* Who started an operation: the top byte of its user value. */
#define PROA_HUB_USER_AUTHORITY ((uint64_t)1 << 56)
#define PROA_HUB_USER_CONTROL ((uint64_t)2 << 56)
#define PROA_HUB_USER_RELAY ((uint64_t)3 << 56)       /* observation of rule n */
#define PROA_HUB_USER_RELAY_WRITE ((uint64_t)4 << 56) /* write of rule n */
#define PROA_HUB_USER_KIND ((uint64_t)0xff << 56)

typedef struct proa_hub_parts {
    const proa_config *config;
    proa_server *server;
    proa_authority *authority;
    proa_database *database;
    proa_log *log;
    proa_secure *secure;     /* NULL: no DTLS */
    proa_sessions *sessions; /* NULL: none is kept */
} proa_hub_parts;

/* Everything in parts is borrowed. Restores registrations, sessions, grants and refusals from the
 * database.
 * NULL on failure, with the reason in `message`. */
proa_hub *proa_hub_open(const proa_hub_parts *parts, uint64_t now_ms, char *message,
                        size_t message_cap);
void proa_hub_close(proa_hub *hub);

/* Completions of operations with PROA_HUB_USER_CONTROL go there. */
void proa_hub_set_control(proa_hub *hub, proa_control *control);

/* Handle all that happened: after each proa_server_input, and when something is due. */
void proa_hub_turn(proa_hub *hub, uint64_t now_ms);

/* Make everything since the last commit durable, and handle what waited for that. Only then drain
 * proa_server_output. One commit serves as many turns as a burst of datagrams took. Once more after
 * that: what was sent may have asked for more record numbers. */
void proa_hub_commit(proa_hub *hub, uint64_t now_ms);

/* (Re-)read the policy file; the old policy stays when the new one is wrong. Returns the number of
 * rules, or -1 with the reason in `message`. */
int proa_hub_load_policy(proa_hub *hub, uint64_t now_ms, char *message, size_t message_cap);

const proa_hub_parts *proa_hub_parts_of(const proa_hub *hub);

typedef struct proa_hub_stats {
    uint64_t relayed, relay_failed;
} proa_hub_stats;

proa_hub_stats proa_hub_stats_get(const proa_hub *hub);

#endif
