/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_TESTS_TOOLS_WORKSHOP_H
#define PROA_TESTS_TOOLS_WORKSHOP_H

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

#include "tools/demo/child.h"

/* A place for tests that run whole programs: a folder of its own, which becomes the current one,
 * and ways to run what lies beside the test in bin/. Only loopback and free ports are used. */

/* How long something that must happen may take. */
#define WORKSHOP_PATIENCE_MS 30000

/* What the last workshop_run said on both its outputs. */
extern char workshop_output[65536];

void workshop_open(void);
void workshop_close(void);
void workshop_write(const char *name, mode_t mode, const char *text);

/* Run `proa ARGUMENTS`, a piece of shell command line, without input unless it says "<". The exit
 * status. */
int workshop_run(const char *arguments);

/* The last line of workshop_output as JSON, after looking at what every such line has. */
json_t *workshop_last_line(const char *schema, bool ok);

/* The path of a program. */
void workshop_program(const char *name, char *out, size_t cap);

/* Start a program with these arguments, the last one NULL. */
void workshop_start(demo_child *child, const char *program, const char *const arguments[]);

/* The next line of the child with this event; fails the test if none comes. A new reference. */
json_t *workshop_wait(demo_child *child, const char *event);

#endif
