/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_SIM_SCENARIO_H
#define PROA_SIM_SCENARIO_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/checker.h"
#include "sim/net.h"
#include "sim/world.h"

/* A scenario does things to a world, drawn from its seed, and lets the checker judge. */
typedef struct sim_options {
    sim_link link;
    sim_flow flow;
    bool verbose;
} sim_options;

typedef struct sim_result {
    uint64_t seed;
    sim_rule broken;
    uint64_t broken_ms; /* virtual, since the start */
    char message[256];
    sim_counts counts;
    uint64_t datagrams, lost, duplicated, reordered;
    uint32_t reboots, moves, power_failures;
    uint64_t virtual_ms;
} sim_result;

typedef struct sim_scenario {
    const char *name;
    const char *what; /* one line for --help */
    uint32_t mtu_min; /* over less, some message cannot be sent at all */
    void (*run)(uint64_t seed, const sim_options *options, sim_result *result);
    /* What it is for must have happened in enough seeds, or green means nothing. */
    bool (*enough)(const sim_counts *counts);
} sim_scenario;

/* NULL if there is none of that name. */
const sim_scenario *sim_scenario_find(const char *name);
const sim_scenario *sim_scenario_at(unsigned index);

#endif
