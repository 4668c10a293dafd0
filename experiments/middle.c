/* SPDX-License-Identifier: Apache-2.0 */
/* What arrives is held until the computer is through with it; then the relay does what proad's does. */
#include "experiments/middle.h"

#include <stdio.h>
#include <string.h>

/* Tickets of the authority are below. */
#define USER_OBSERVE ((uint64_t)3 << 56)
#define USER_WRITE ((uint64_t)4 << 56)

static proa_type text_only(void *ctx, const proa_path *path)
{
    (void)ctx;
    (void)path;
    return PROA_TYPE_STRING;
}

void lab_middle_open(lab_middle *middle, proa_server *server, const char *host,
                     const char *requester, uint32_t cpu_us)
{
    memset(middle, 0, sizeof *middle);
    snprintf(middle->rule.from_endpoint, sizeof middle->rule.from_endpoint, "%s", host);
    snprintf(middle->rule.to_endpoint, sizeof middle->rule.to_endpoint, "%s", requester);
    middle->rule.from_path = middle->rule.to_path = proa_path_make(3, 3311, 0, 5706);
    middle->cpu_us = cpu_us;
    const proa_relay_config config = {.server = server,
                                      .rules = &middle->rule,
                                      .rule_count = 1,
                                      .user_observe = USER_OBSERVE,
                                      .user_write = USER_WRITE,
                                      .type_of = text_only};
    proa_relay_init(&middle->relay, &config);
}

static void hold(lab_middle *middle, uint64_t now_us, const proa_server_event *event)
{
    if (middle->count == LAB_HELD_MAX || event->payload.len > LAB_HELD_BYTES) {
        return; /* counts as not delivered */
    }
    uint32_t place = (middle->first + middle->count++) % LAB_HELD_MAX;
    uint64_t begins_us = middle->busy_until_us > now_us ? middle->busy_until_us : now_us;
    middle->busy_until_us = begins_us + middle->cpu_us;
    middle->held[place].due_us = middle->busy_until_us;
    middle->held[place].event = *event;
    memcpy(middle->held[place].payload, event->payload.data, event->payload.len);
    middle->held[place].event.payload.data = middle->held[place].payload;
}

bool lab_middle_event(lab_middle *middle, const sim_world *world, const proa_server_event *event)
{
    bool is_operation = event->kind == PROA_SERVER_DONE ||
                        event->kind == PROA_SERVER_NOTIFICATION ||
                        event->kind == PROA_SERVER_OBSERVE_END;
    if (event->kind == PROA_SERVER_REGISTERED) {
        proa_relay_device(&middle->relay, world->now_ms, event->reg);
    }
    if (!is_operation || !proa_relay_owns(&middle->relay, event->user)) {
        return false;
    }
    middle->observing = event->kind == PROA_SERVER_OBSERVE_END ? false
                        : event->observing                     ? true
                                                               : middle->observing;
    if (event->user == USER_WRITE) {
        proa_relay_operation(&middle->relay, world->now_ms, event);
    } else {
        hold(middle, world->now_us, event);
    }
    return true;
}

uint64_t lab_middle_next_us(const lab_middle *middle)
{
    return middle->count == 0 ? UINT64_MAX : middle->held[middle->first].due_us;
}

void lab_middle_run(lab_middle *middle, const sim_world *world)
{
    while (lab_middle_next_us(middle) <= world->now_us) {
        uint32_t place = middle->first;
        middle->first = (middle->first + 1) % LAB_HELD_MAX;
        middle->count--;
        proa_relay_operation(&middle->relay, world->now_ms, &middle->held[place].event);
    }
}
