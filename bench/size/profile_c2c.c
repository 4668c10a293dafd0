/* SPDX-License-Identifier: Apache-2.0 */
/* A client that is also a host: peers with an account may use it, strangers get the hint. */
#include "bench/size/board.h"
#include "proa/assert.h"
#include "proa/c2c.h"

static proa_c2c *c2c;

void profile_open(proa_client *client)
{
    const proa_c2c_limits limits = proa_c2c_limits_device();
    PROA_ASSERT(proa_c2c_host_open(&c2c, client, &limits) == PROA_OK);
}

void profile_work(uint64_t now_ms)
{
    proa_c2c_event event;
    while (proa_c2c_poll(c2c, now_ms, &event)) {
    }
}

void profile_pressed(uint64_t now_ms)
{
    (void)now_ms;
}
