/* SPDX-License-Identifier: Apache-2.0 */
/* Many random bytes out of the few that a board can give. */
#include "firmware/random.h"

#include <mbedtls/ctr_drbg.h>

#include "firmware/board.h"
#include "proa/assert.h"

static mbedtls_ctr_drbg_context drbg;

static int seed(void *ctx, unsigned char *out, size_t len)
{
    (void)ctx;
    board_seed(out, len);
    return 0;
}

static void fill(void *ctx, uint8_t *out, size_t len)
{
    (void)ctx;
    while (len > 0) {
        size_t part = len < MBEDTLS_CTR_DRBG_MAX_REQUEST ? len : MBEDTLS_CTR_DRBG_MAX_REQUEST;
        int failed = mbedtls_ctr_drbg_random(&drbg, out, part);
        PROA_ASSERT(failed == 0); /* no engine may go on with predictable keys */
        out += part;
        len -= part;
    }
}

proa_random random_open(void)
{
    const proa_random random = {fill, NULL};
    mbedtls_ctr_drbg_init(&drbg);
    int failed = mbedtls_ctr_drbg_seed(&drbg, seed, NULL, NULL, 0);
    PROA_ASSERT(failed == 0);
    return random;
}
