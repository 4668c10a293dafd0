/* SPDX-License-Identifier: Apache-2.0 */
/* Unbiased numbers from a source of random bytes. */
#include "proa/random.h"

#include "proa/assert.h"

uint32_t proa_random_below(const proa_random *random, uint32_t bound)
{
    PROA_ASSERT(bound >= 1);
    /* Numbers under `reject` would make the low results likelier; they are drawn again, which
     * happens in less than half of the draws whatever the bound. */
    uint32_t reject = (0U - bound) % bound;
    uint32_t draw;
    do {
        proa_random_fill(random, &draw, sizeof draw);
    } while (draw < reject);
    return draw % bound;
}
