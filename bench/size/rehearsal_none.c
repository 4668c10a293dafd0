/* SPDX-License-Identifier: Apache-2.0 */
/* A server without DTLS. */
#include "bench/size/rehearsal.h"

proa_secure *rehearsal_box(proa_random random, proa_memory memory)
{
    (void)random;
    (void)memory;
    return NULL;
}

void rehearsal_turn(bool server)
{
    (void)server;
}
