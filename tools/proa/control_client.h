/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_TOOLS_CONTROL_CLIENT_H
#define PROA_TOOLS_CONTROL_CLIENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* The other end of proad's control socket (server/os/control.h): JSON objects, one a line. */
typedef struct proa_control_client {
    int fd;
    char *buf;
    size_t cap;
    size_t len;   /* bytes in buf */
    size_t taken; /* bytes of the line given out last */
} proa_control_client;

/* False on failure, with a sentence that says what to do about it. Close it in any case. */
bool proa_control_connect(proa_control_client *c, const char *path, char *message,
                          size_t message_cap);
void proa_control_disconnect(proa_control_client *c);

/* Send one request (the reference is taken over). False if the connection is gone. */
bool proa_control_request(proa_control_client *c, json_t *request);

/* Wait for the next line. NULL when the connection ended, a signal came, or it was no JSON. */
json_t *proa_control_next(proa_control_client *c);

#endif
