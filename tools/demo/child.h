/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_TOOLS_DEMO_CHILD_H
#define PROA_TOOLS_DEMO_CHILD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A program that the demo started, spoken to through its standard input and output: lines out, JSON
 * lines in. It dies with the demo. */
typedef struct demo_child {
    const char *name;
    pid_t pid; /* 0 = not started */
    int to_fd;
    int from_fd;
    char line[65536];
    size_t len;
} demo_child;

/* argv[0] is the path. False with the reason on standard error. */
bool demo_child_start(demo_child *child, const char *name, char *const argv[]);

/* Send one command line; without line end. */
bool demo_child_send(demo_child *child, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The next JSON line, or NULL if none comes within timeout_ms or the program ended. A new
 * reference. */
json_t *demo_child_next(demo_child *child, int timeout_ms);

/* The next line whose "event" is `event`, passing over others. NULL after timeout_ms. */
json_t *demo_child_wait(demo_child *child, const char *event, int timeout_ms);

/* End it: close its input, wait a moment, then make it go. */
void demo_child_stop(demo_child *child);

/* Strings and numbers of a line; "" and 0 if they are not there. */
const char *demo_text(const json_t *line, const char *key);
int64_t demo_number(const json_t *line, const char *key);

#endif
