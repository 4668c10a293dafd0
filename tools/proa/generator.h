/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_TOOLS_GENERATOR_H
#define PROA_TOOLS_GENERATOR_H

#include <stdbool.h>
#include <stdint.h>

#include "proa/lwm2m.h"
#include "proa/random.h"

/* Values that change by themselves, for simulated devices. Pure: time and randomness come in.
 *
 *     sine     swings between min and max once per period, a value every `every_ms`
 *     counter  min, min + 1, ... max, min, ...: a step per period
 *     random   any value from min to max, a new one per period
 *     toggle   false, true, false, ...: a change per period */
typedef enum proa_generator_kind {
    PROA_GENERATOR_SINE = 1,
    PROA_GENERATOR_COUNTER,
    PROA_GENERATOR_RANDOM,
    PROA_GENERATOR_TOGGLE
} proa_generator_kind;

typedef struct proa_generator {
    proa_generator_kind kind;
    proa_path path; /* the resource it drives */
    proa_type type; /* of that resource */
    double min;
    double max;
    uint32_t period_ms;
    uint32_t every_ms; /* between two values; for all but sine the period */
    uint64_t start_ms;
    uint64_t step; /* values made since the start */
} proa_generator;

/* 0 if there is no such word. */
proa_generator_kind proa_generator_parse(const char *word);

/* True if a resource of this type can be driven so. */
bool proa_generator_fits(proa_generator_kind kind, proa_type type);

/* The value at the beginning. */
proa_value proa_generator_first(const proa_generator *g);

/* Begin at now_ms: the first new value is due every_ms later. */
void proa_generator_start(proa_generator *g, uint64_t now_ms);

/* When the next value is due. */
uint64_t proa_generator_next_ms(const proa_generator *g);

/* The next value, if it is due. Values whose time passed unused are skipped, not made up for. */
bool proa_generator_run(proa_generator *g, uint64_t now_ms, const proa_random *random,
                        proa_value *out);

#endif
