/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_EXPERIMENTS_NOTIFY_H
#define PROA_EXPERIMENTS_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "experiments/stage.h"

/* The host counts, the requester is told: what of it arrives, and how long after the change.
 *
 * Every change is one notification; nobody merges or delays any. Arrivals are matched to changes by their
 * value. One that comes twice counts once; one that comes after the drain is lost. */

#define LAB_COUNT_MAX 99999U /* five digits */

/* After the last change. A write of the server's that has to be sent again takes two to three seconds. */
#define LAB_DRAIN_MS 5000U

typedef struct lab_series {
    uint32_t interval_us, count;
    uint64_t first_us;    /* when the first change is made */
    uint32_t changed;     /* so many changes have been made */
    uint64_t *changed_us; /* of value n at [n - 1]; 0: not yet */
    uint64_t *arrived_us;
    sim_radio_counts counts[SIM_TOPOLOGY_NODES_MAX]; /* of each node, while it was measured */
} lab_series;

/* Do it. Aborts when memory is out. False if it could not begin or broke a rule, which has been said on
 * standard error. lab_series_free in any case. */
bool lab_notify(const lab_setup *setup, uint32_t interval_us, uint32_t count, lab_series *out);
void lab_series_free(lab_series *series);

/* The delays of those that arrived, in ascending order; returns how many. `out` has room for count. */
uint32_t lab_series_delays(const lab_series *series, uint32_t *out);

/* The smallest of n ascending values that at least `percent` of them do not exceed; the first for 0. */
uint32_t lab_quantile(const uint32_t *sorted, uint32_t n, unsigned percent);

#endif
