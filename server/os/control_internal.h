/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_SERVER_OS_CONTROL_INTERNAL_H
#define PROA_SERVER_OS_CONTROL_INTERNAL_H

#include <jansson.h>

#include "server/os/control.h"
#include "server/os/hub.h"

/* Shared by control.c (connections) and commands.c (what the commands do). */

/* Operations of all connections together that have not completed, observations included. */
#define PROA_CONTROL_PENDING_MAX 256

typedef struct proa_control_client {
    int fd;      /* -1 = free */
    bool broken; /* to be dropped at the end of the step */
    char *in;    /* PROA_CONTROL_LINE_MAX bytes */
    size_t in_len;
    char *out;
    size_t out_len, out_cap;
    json_t *events_id; /* the id of its `events` command, NULL = does not follow */
} proa_control_client;

/* A command that waits for a device. */
typedef struct proa_control_pending {
    bool used;
    uint8_t client;
    uint32_t generation;
    json_t *id;
    proa_op_id op;
    proa_operation operation;
    proa_path path;
    char device[PROA_ENDPOINT_MAX + 1];
} proa_control_pending;

struct proa_control {
    proa_hub *hub;
    int listen_fd;
    char path[PROA_PATH_NAME_MAX];
    proa_control_client clients[PROA_CONTROL_CLIENTS_MAX];
    proa_control_pending pending[PROA_CONTROL_PENDING_MAX];
};

/* control.c: send one message; the reference is taken over. */
void proa__control_send(proa_control *control, uint8_t client, json_t *message);

/* control.c: a place for an operation's completion; *user goes into its user value (beside
 * PROA_HUB_USER_CONTROL). NULL if too many wait. Takes a reference of `id`. */
proa_control_pending *proa__control_expect(proa_control *control, uint8_t client, json_t *id,
                                           uint64_t *user);

/* commands.c: run one line. */
void proa__control_command(proa_control *control, uint8_t client, uint64_t now_ms, const char *line,
                           size_t len);

/* commands.c: tell the client about its operation. */
void proa__control_report(proa_control *control, const proa_control_pending *pending,
                          const proa_server_event *event);

#endif
