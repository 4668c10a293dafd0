/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_TOOLS_CLIENT_H
#define PROA_TOOLS_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "ports/linux/device.h"
#include "tools/proa/device_file.h"
#include "tools/proa/output.h"

/* What the files of `proa client` share:
 *
 *     client.c         options, opening, the loop
 *     client_shell.c   commands of the shell
 *     client_events.c  what the engines report, as lines
 */

#define PROA_TOOL_ASKS_MAX 64 /* questions to peers that this shell keeps track of */

typedef struct proa_tool_ask {
    bool open;      /* its outcome has not come */
    bool observing; /* notifications will follow */
    proa_c2c_id id;
    proa_operation op;
    proa_path path;
    char endpoint[PROA_ENDPOINT_MAX + 1];
    uint64_t started_ns;
    int64_t authorize_ms; /* -1: the server was not asked */
} proa_tool_ask;

typedef enum proa_tool_wait {
    PROA_WAIT_NOTHING = 0,
    PROA_WAIT_TIME,       /* until wait_ms */
    PROA_WAIT_REGISTERED, /* with every server */
    PROA_WAIT_IDLE        /* every question has its outcome */
} proa_tool_wait;

typedef struct proa_tool_client {
    proa_device_file file;
    proa_device *device;
    proa_output out;
    proa_tool_ask asks[PROA_TOOL_ASKS_MAX];
    proa_tool_wait wait; /* what the shell waits for before it takes another line */
    uint64_t wait_ms;    /* and until when at most */
    bool stopping;
    uint64_t stop_ms; /* when saying goodbye has to end */
    uint64_t command_errors;
    uint64_t asked, answered_ok, notifications, written;
} proa_tool_client;

/* ---- client_shell.c --------------------------------------------------------------------- */

/* Run one line. Changed in place; NULL is a line that was too long. */
void proa__client_shell(proa_tool_client *t, char *line);

/* Say goodbye to the servers; the loop ends when they answered, or after a few seconds. */
void proa__client_quit(proa_tool_client *t);

/* True if what the shell waits for is there. */
bool proa__client_waited(const proa_tool_client *t);

bool proa__client_registered(const proa_tool_client *t);
bool proa__client_idle(const proa_tool_client *t);
proa_tool_ask *proa__client_ask(proa_tool_client *t, proa_c2c_id id);

/* Values below a path of the device itself as [{"path", "name", "type", "value", "unit"}]. */
json_t *proa__client_values(proa_tool_client *t, const proa_path *path);

/* ---- client_events.c -------------------------------------------------------------------- */

/* Take all events of both engines and say them. */
void proa__client_events(proa_tool_client *t);

/* People see one line a value, indented below what was said. */
void proa__client_show_values(const proa_output *o, const json_t *values);

#endif
