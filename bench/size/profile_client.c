/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing more than a client. */
#include "bench/size/board.h"

void profile_open(proa_client *client)
{
    (void)client;
}

void profile_work(uint64_t now_ms)
{
    (void)now_ms;
}

void profile_pressed(uint64_t now_ms)
{
    (void)now_ms;
}
