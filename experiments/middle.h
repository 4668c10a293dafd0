/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_EXPERIMENTS_MIDDLE_H
#define PROA_EXPERIMENTS_MIDDLE_H

#include "server/app/relay.h"
#include "sim/world.h"

/* The server in the middle: proad's relay rule, and the time that its computer takes for each message
 * that it passes on, one after the other. */

#define LAB_HELD_MAX 1024U /* messages that wait for the computer; one more is lost */
#define LAB_HELD_BYTES 64U

typedef struct lab_middle {
    proa_relay relay;
    proa_relay_rule rule;
    uint32_t cpu_us;
    bool observing;
    uint64_t busy_until_us;
    struct {
        uint64_t due_us;
        proa_server_event event;
        uint8_t payload[LAB_HELD_BYTES];
    } held[LAB_HELD_MAX]; /* a ring */
    uint32_t first, count;
} lab_middle;

/* From the text of `host` to that of `requester`. */
void lab_middle_open(lab_middle *middle, proa_server *server, const char *host,
                     const char *requester, uint32_t cpu_us);

/* True if the event was the relay's. */
bool lab_middle_event(lab_middle *middle, const sim_world *world, const proa_server_event *event);

uint64_t lab_middle_next_us(const lab_middle *middle);
void lab_middle_run(lab_middle *middle, const sim_world *world);

#endif
