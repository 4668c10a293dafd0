/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_TOOLS_OUTPUT_H
#define PROA_TOOLS_OUTPUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "proa/addr.h"
#include "proa/bytes.h"
#include "proa/lwm2m.h"

/* What a command prints: sentences for people, or one JSON object a line for programs. Text that
 * came from the network is printed with control characters replaced, so that no device can write
 * to a person's terminal. */
typedef struct proa_output {
    bool json;
    void (*hide)(void *ctx); /* before a line: take the prompt away; may be NULL */
    void (*show)(void *ctx); /* after it: put the prompt back */
    void *ctx;
} proa_output;

/* One line. `fields` (the reference is taken over) is what programs see, the sentence in printf
 * format what people see; a NULL sentence is for programs only. */
void proa_output_say(const proa_output *o, json_t *fields, const char *sentence, ...)
    __attribute__((format(printf, 3, 4)));

/* A line for people that has no counterpart for programs, whose object was said already. */
void proa_output_line(const proa_output *o, const char *sentence, ...)
    __attribute__((format(printf, 2, 3)));

/* The last line of a program: in JSON the schema, version, commit, ok and the figures (taken over).
 * People got their lines before. Returns the exit status: 0 if ok, else 1. */
int proa_output_finish(const proa_output *o, const char *schema, bool ok, json_t *figures);

/* An error that ends the program: on standard error for people, in the last line for programs.
 * Returns 1. */
int proa_output_fail(const proa_output *o, const char *schema, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A column of people's tables: "On/Off = true", "21.5 Cel". Valid until the next call. */
const char *proa_output_value(const json_t *value);

/* New references. */
json_t *proa_json_of_span(proa_span text); /* hex digits if it is not UTF-8 */
json_t *proa_json_of_path(const proa_path *path);
json_t *proa_json_of_code(uint8_t code); /* "2.05" */
json_t *proa_json_of_addr(const proa_addr *addr);

#endif
