/* SPDX-License-Identifier: Apache-2.0 */
/* Clock, CSPRNG, heap and panic for Linux. */
#include "ports/linux/os.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "proa/assert.h"

void proa_panic(const char *file, int line, const char *condition)
{
    fprintf(stderr, "proa: assertion failed: %s (%s:%d)\n", condition, file, line);
    abort();
}

uint64_t proa_linux_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

uint64_t proa_linux_now_ms(void)
{
    return proa_linux_now_ns() / 1000000U;
}

int64_t proa_linux_unix_s(void)
{
    return (int64_t)time(NULL);
}

static void fill(void *ctx, uint8_t *out, size_t len)
{
    (void)ctx;
    while (len > 0) {
        ssize_t got = getrandom(out, len, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        PROA_ASSERT(got > 0); /* no engine may go on with predictable keys */
        out += got;
        len -= (size_t)got;
    }
}

proa_random proa_linux_random(void)
{
    proa_random random = {fill, NULL};
    return random;
}

static void *take(void *ctx, size_t len)
{
    (void)ctx;
    return calloc(1, len);
}

static void give(void *ctx, void *block, size_t len)
{
    (void)ctx;
    (void)len;
    free(block);
}

proa_memory proa_linux_memory(void)
{
    proa_memory memory = {take, give, NULL};
    return memory;
}
