/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_TESTS_COUNTED_MEMORY_H
#define PROA_TESTS_COUNTED_MEMORY_H

#include <stddef.h>
#include <stdlib.h>

#include "proa/memory.h"

/* The heap as a proa_memory that counts and that runs out when told. */
typedef struct counted_memory {
    size_t blocks;     /* taken and not given back */
    size_t bytes;      /* in those blocks; giving a wrong length shows here */
    size_t takes_left; /* how many takes still succeed */
} counted_memory;

static inline void *counted_take(void *ctx, size_t len)
{
    counted_memory *counted = ctx;
    if (counted->takes_left == 0) {
        return NULL;
    }
    counted->takes_left--;
    counted->blocks++;
    counted->bytes += len;
    return calloc(1, len);
}

static inline void counted_give(void *ctx, void *block, size_t len)
{
    counted_memory *counted = ctx;
    counted->blocks--;
    counted->bytes -= len;
    free(block);
}

/* Starts counting at nothing taken, without limit. Borrows counted. */
static inline proa_memory counted_memory_start(counted_memory *counted)
{
    *counted = (counted_memory){0, 0, SIZE_MAX};
    return (proa_memory){counted_take, counted_give, counted};
}

#endif
