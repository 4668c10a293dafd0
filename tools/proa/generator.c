/* SPDX-License-Identifier: Apache-2.0 */
/* What value a generator gives at its n-th step. Who asks it, and what is done with the value, is
 * the client's business. */
#include "tools/proa/generator.h"

#include <math.h>
#include <string.h>

proa_generator_kind proa_generator_parse(const char *word)
{
    static const char *const words[] = {"", "sine", "counter", "random", "toggle"};
    for (int kind = PROA_GENERATOR_SINE; kind <= PROA_GENERATOR_TOGGLE; kind++) {
        if (strcmp(word, words[kind]) == 0) {
            return (proa_generator_kind)kind;
        }
    }
    return (proa_generator_kind)0;
}

bool proa_generator_fits(proa_generator_kind kind, proa_type type)
{
    bool number = type == PROA_TYPE_INTEGER || type == PROA_TYPE_UNSIGNED ||
                  type == PROA_TYPE_FLOAT || type == PROA_TYPE_TIME;
    return kind == PROA_GENERATOR_TOGGLE ? type == PROA_TYPE_BOOLEAN : number;
}

static proa_value number_value(proa_type type, double number)
{
    proa_value value = {.type = type};
    if (type == PROA_TYPE_FLOAT) {
        value.as.real = number;
    } else if (type == PROA_TYPE_UNSIGNED) {
        value.as.unsigned_integer = (uint64_t)llround(number);
    } else {
        value.as.integer = llround(number);
    }
    return value;
}

static proa_value at_step(const proa_generator *g, double fraction)
{
    double span = g->max - g->min;
    double turn = fmod((double)g->step * g->every_ms, g->period_ms) / g->period_ms;
    switch (g->kind) {
    case PROA_GENERATOR_SINE: {
        double swing = 0.5 + 0.5 * sin(2 * acos(-1) * turn);
        /* Two decimals are what a sensor would give. */
        return number_value(g->type, round(100 * (g->min + span * swing)) / 100);
    }
    case PROA_GENERATOR_COUNTER:
        return number_value(g->type, g->min + fmod((double)g->step, floor(span) + 1));
    case PROA_GENERATOR_RANDOM:
        return number_value(g->type, g->type == PROA_TYPE_FLOAT
                                         ? g->min + span * fraction
                                         : g->min + floor(fraction * (span + 1)));
    case PROA_GENERATOR_TOGGLE:
        break;
    }
    return proa_value_boolean(g->step % 2 == 1);
}

proa_value proa_generator_first(const proa_generator *g)
{
    proa_generator first = *g;
    first.step = 0;
    return at_step(&first, 0);
}

void proa_generator_start(proa_generator *g, uint64_t now_ms)
{
    g->start_ms = now_ms;
    g->step = 0;
}

uint64_t proa_generator_next_ms(const proa_generator *g)
{
    return g->start_ms + (g->step + 1) * g->every_ms;
}

bool proa_generator_run(proa_generator *g, uint64_t now_ms, const proa_random *random,
                        proa_value *out)
{
    if (now_ms < proa_generator_next_ms(g)) {
        return false;
    }
    uint64_t steps = (now_ms - g->start_ms) / g->every_ms;
    /* Counters and toggles go one by one however late it is: no value of theirs is left out. */
    if (g->kind == PROA_GENERATOR_COUNTER || g->kind == PROA_GENERATOR_TOGGLE) {
        g->start_ms += (steps - (g->step + 1)) * g->every_ms;
        steps = g->step + 1;
    }
    g->step = steps;
    *out = at_step(g, (double)proa_random_below(random, UINT32_C(1) << 24) / (1 << 24));
    return true;
}
