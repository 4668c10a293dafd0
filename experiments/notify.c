/* SPDX-License-Identifier: Apache-2.0 */
/* Changes at a steady pace, and when each is seen. */
#include "experiments/notify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *cells(uint32_t count, size_t len)
{
    void *block = calloc(count, len);
    if (block == NULL) {
        abort();
    }
    return block;
}

static void on_value(lab_stage *stage, uint32_t value)
{
    lab_series *series = stage->experiment;
    if (value >= 1 && value <= series->changed && series->arrived_us[value - 1] == 0) {
        series->arrived_us[value - 1] = stage->world.now_us;
    }
}

static uint64_t next_us(const lab_stage *stage)
{
    const lab_series *series = stage->experiment;
    return series->changed == series->count
               ? UINT64_MAX
               : series->first_us + (uint64_t)series->changed * series->interval_us;
}

static void run(lab_stage *stage)
{
    lab_series *series = stage->experiment;
    char text[8];
    series->changed_us[series->changed++] = stage->world.now_us;
    snprintf(text, sizeof text, "%05u", (unsigned)series->changed);
    sim_device_tell(stage->host, text);
}

static const lab_watch watch = {.value = on_value, .next_us = next_us, .run = run};

/* How much more there is of everything than in `since`. */
static void read_counts(const lab_stage *stage, const sim_radio_counts *since,
                        sim_radio_counts *out)
{
    for (unsigned i = 0; i < stage->setup.topology->node_count; i++) {
        out[i] = sim_radio_counts_since(sim_radio_counts_of(stage->mesh.radio, i), &since[i]);
    }
}

static void measure(lab_stage *stage, lab_series *series)
{
    static const sim_radio_counts none[SIM_TOPOLOGY_NODES_MAX];
    sim_radio_counts before[SIM_TOPOLOGY_NODES_MAX];
    read_counts(stage, none, before);
    /* Where in an interval it begins is drawn, so that nothing else keeps step with it. */
    series->first_us = stage->world.now_us + sim_rng_below(&stage->world.rng, series->interval_us);
    lab_watch_with(stage, &watch, series);
    uint64_t last_us = series->first_us + (uint64_t)(series->count - 1) * series->interval_us;
    sim_world_run_us(&stage->world, last_us + 1000U * LAB_DRAIN_MS);
    read_counts(stage, before, series->counts);
}

bool lab_notify(const lab_setup *setup, uint32_t interval_us, uint32_t count, lab_series *out)
{
    memset(out, 0, sizeof *out);
    out->interval_us = interval_us;
    out->count = count;
    out->changed_us = cells(count, sizeof *out->changed_us);
    out->arrived_us = cells(count, sizeof *out->arrived_us);
    lab_stage *stage = lab_open(setup);
    bool ok = stage != NULL && lab_follow(stage);
    if (ok) {
        measure(stage, out);
        ok = lab_judge(stage);
    }
    lab_close(stage);
    return ok;
}

void lab_series_free(lab_series *series)
{
    free(series->changed_us);
    free(series->arrived_us);
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

uint32_t lab_series_delays(const lab_series *series, uint32_t *out)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < series->changed; i++) {
        if (series->arrived_us[i] != 0) {
            out[n++] = (uint32_t)(series->arrived_us[i] - series->changed_us[i]);
        }
    }
    qsort(out, n, sizeof *out, compare);
    return n;
}

uint32_t lab_quantile(const uint32_t *sorted, uint32_t n, unsigned percent)
{
    uint64_t rank = ((uint64_t)n * percent + 99) / 100;
    return sorted[rank == 0 ? 0 : rank - 1];
}
