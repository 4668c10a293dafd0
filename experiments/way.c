/* SPDX-License-Identifier: Apache-2.0 */
/* One change, and everything seen until it has arrived. */
#include "experiments/way.h"

#include <stdio.h>
#include <string.h>

static void on_value(lab_stage *stage, uint32_t value)
{
    lab_way *way = stage->experiment;
    way->arrived = way->arrived || value == 1;
}

static void on_sight(lab_stage *stage, const sim_radio_sight *sight)
{
    lab_way *way = stage->experiment;
    bool from_server = sight->medium == SIM_RADIO_WIRE && sight->from == SIM_TOPOLOGY_WIRED;
    unsigned leg = way->count == 0 ? 1 : way->steps[way->count - 1].leg;
    if (!way->arrived && sight->attempt == 0 && way->count < LAB_STEPS_MAX) {
        way->steps[way->count++] = (lab_step){from_server ? 2 : leg, sight->medium, sight->bytes};
    }
}

static const lab_watch watch = {.value = on_value, .sight = on_sight};

#define WAIT_MS 20000U

bool lab_way_of(const lab_setup *setup, lab_way *out)
{
    memset(out, 0, sizeof *out);
    lab_stage *stage = lab_open(setup);
    if (stage != NULL && lab_follow(stage)) {
        lab_watch_with(stage, &watch, out);
        sim_device_tell(stage->host, "00001");
        sim_world_run(&stage->world, stage->world.now_ms + WAIT_MS);
        if (!out->arrived) {
            fprintf(stderr, "proa-experiment: a notification on its own did not arrive\n");
        }
    }
    lab_close(stage);
    return out->arrived;
}
