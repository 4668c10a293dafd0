/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_EXPERIMENTS_WAY_H
#define PROA_EXPERIMENTS_WAY_H

#include <stdbool.h>
#include <stdint.h>

#include "experiments/stage.h"

/* What one notification crosses when nothing else is there: from it follows the least time that it can
 * take on this way. */

#define LAB_STEPS_MAX 256U

typedef struct lab_step {
    unsigned leg; /* 1: from the host; 2: from the server */
    sim_radio_medium medium;
    uint32_t bytes; /* as sim_radio_sight has them */
} lab_step;

typedef struct lab_way {
    lab_step steps[LAB_STEPS_MAX];
    unsigned count;
    bool arrived;
} lab_way;

/* False if it did not arrive, which has been said on standard error. */
bool lab_way_of(const lab_setup *setup, lab_way *out);

#endif
