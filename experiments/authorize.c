/* SPDX-License-Identifier: Apache-2.0 */
/* From a question to its answer, by way of the server. */
#include "experiments/authorize.h"

#include <stdio.h>
#include <string.h>

const char *lab_phase_name(lab_phase phase)
{
    static const char *const names[] = {"ac", "handshake", "read", "after", "total"};
    return names[phase];
}

typedef struct story {
    lab_tally *tallies;
    lab_phase phase;
    uint64_t since_us;
} story;

static void turn_to(story *s, lab_phase phase, uint64_t now_us)
{
    s->tallies[s->phase].happened = true;
    s->tallies[s->phase].duration_us = now_us - s->since_us;
    s->phase = phase;
    s->since_us = now_us;
}

static void on_event(lab_stage *stage, const proa_c2c_event *event)
{
    story *s = stage->experiment;
    bool has_handshake = stage->setup.app->security == PROA_PEER_SECURITY_DTLS;
    if (event->kind == PROA_C2C_AUTHORIZED && s->phase == LAB_AC) {
        turn_to(s, has_handshake ? LAB_HANDSHAKE : LAB_READ, stage->world.now_us);
    } else if (event->kind == PROA_C2C_CONNECTED && s->phase == LAB_HANDSHAKE) {
        turn_to(s, LAB_READ, stage->world.now_us);
    } else if (event->kind == PROA_C2C_OUTCOME && s->phase == LAB_READ) {
        turn_to(s, LAB_AFTER, stage->world.now_us);
    }
}

static void on_sent(lab_stage *stage, size_t len)
{
    story *s = stage->experiment;
    s->tallies[s->phase].messages++;
    s->tallies[s->phase].udp_bytes += (uint32_t)len;
}

static void on_sight(lab_stage *stage, const sim_radio_sight *sight)
{
    story *s = stage->experiment;
    if (sight->medium == SIM_RADIO_AIR) {
        s->tallies[s->phase].frames++;
        s->tallies[s->phase].frame_bytes += sight->bytes;
    }
}

static const lab_watch watch = {.event = on_event, .sent = on_sent, .sight = on_sight};

/* The question's own timeout is two minutes. */
#define STEP_MS 10U

/* An answer to the server, and the server's behind it, over the longest path. Two seconds after a device got its
 * account it updates its registration, in either flow, which is not of the grant. */
#define AFTER_MS 500U

static bool tell_story(lab_stage *stage, lab_tally out[LAB_PHASES])
{
    story s = {.tallies = out, .phase = LAB_AC, .since_us = stage->world.now_us};
    lab_watch_with(stage, &watch, &s);
    lab_read(stage);
    while (!stage->checker.asks[0].finished) {
        sim_world_run(&stage->world, stage->world.now_ms + STEP_MS);
    }
    sim_world_run(&stage->world, stage->world.now_ms + AFTER_MS);
    lab_watch_with(stage, NULL, NULL);
    out[LAB_AFTER].happened = out[LAB_AFTER].messages > 0;
    out[LAB_HANDSHAKE].happened = out[LAB_HANDSHAKE].messages > 0;
    if (s.phase != LAB_AFTER || stage->checker.asks[0].outcome != PROA_OUTCOME_OK) {
        fprintf(stderr, "proa-experiment: %s, %s, seed %llu: %s\n", stage->setup.app->name,
                stage->setup.topology->name, (unsigned long long)stage->setup.seed,
                proa_outcome_name(stage->checker.asks[0].outcome));
        return false;
    }
    return lab_judge(stage);
}

bool lab_authorize(const lab_setup *setup, lab_tally out[LAB_PHASES])
{
    memset(out, 0, LAB_PHASES * sizeof *out);
    lab_stage *stage = lab_open(setup);
    bool ok = stage != NULL && tell_story(stage, out);
    lab_close(stage);
    return ok;
}
