/* SPDX-License-Identifier: Apache-2.0 */
/* Host and requester: the button turns on the lamp next door, too, after the server was asked. */
#include "bench/size/board.h"
#include "proa/assert.h"
#include "proa/c2c.h"

static proa_c2c *c2c;

void profile_open(proa_client *client)
{
    const proa_c2c_limits limits = proa_c2c_limits_device();
    PROA_ASSERT(proa_c2c_open(&c2c, client, &limits) == PROA_OK);
}

void profile_work(uint64_t now_ms)
{
    proa_c2c_event event;
    while (proa_c2c_poll(c2c, now_ms, &event)) {
        if (event.kind == PROA_C2C_OUTCOME && event.outcome != PROA_OUTCOME_OK) {
            board_lamp(false);
        }
    }
}

void profile_pressed(uint64_t now_ms)
{
    const proa_c2c_ask ask = {
        .endpoint = proa_span_of("light-next-door"),
        .op = PROA_OP_WRITE_REPLACE,
        .path = proa_path_make(3, 3311, 0, 5850),
        .format = PROA_FORMAT_TEXT,
        .payload = proa_span_of("1"),
    };
    proa_c2c_id id;
    if (proa_c2c_send(c2c, now_ms, &ask, &id) != PROA_OK) {
        board_lamp(false);
    }
}
