/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_CORE_BASE_POOL_H
#define PROA_CORE_BASE_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/chunks.h"
#include "proa/err.h"
#include "proa/memory.h"

/* Things of one size, named by handles.
 *
 * A handle is an index with a generation: after its thing was given back the same handle finds
 * nothing, even when the place is in use again. That is why events, timers and other engines hold
 * handles and never pointers. 0 is no handle. Things do not move while they live.
 *
 * Storage grows in chunks, each twice the one before, up to count_max things. */
typedef uint32_t proa_handle;

/* 20 bits of index, 12 of generation. */
#define PROA_POOL_COUNT_MAX 0xfffffU

typedef struct proa_pool {
    proa_chunks places;
    uint32_t count;     /* living things */
    uint32_t free_head; /* index of the first free place */
    uint32_t free_tail; /* oldest places are used again last, so that generations last long */
} proa_pool;

/* pool         out.
 * memory       copied; its ctx is borrowed.
 * item_len     bytes of one thing.
 * first_count  places to take at once, 1..count_max.
 * count_max    the limit; equal to first_count if the pool must not grow.
 * Returns PROA_OK or PROA_E_NO_MEMORY. */
PROA_CHECK proa_err proa_pool_init(proa_pool *pool, const proa_memory *memory, size_t item_len,
                                   uint32_t first_count, uint32_t count_max);

/* Give all storage back to the memory. The things in it are not wiped. */
void proa_pool_clear(proa_pool *pool);

/* A zeroed new thing; NULL (and *handle 0) if count_max live or the memory has no more. O(1) but for growth. */
void *proa_pool_take(proa_pool *pool, proa_handle *handle);

/* The thing a handle names, or NULL if it is gone. O(1). */
void *proa_pool_get(const proa_pool *pool, proa_handle handle);

/* The handle of a living thing. O(1). */
proa_handle proa_pool_handle(const proa_pool *pool, const void *thing);

/* Give a thing back. The handle must be alive. O(1). */
void proa_pool_give(proa_pool *pool, proa_handle handle);

/* Walk the living things: start with *cursor = 0; NULL at the end. Things may be taken and given
 * back between two steps; a new one may be met or not. O(places). */
void *proa_pool_next(const proa_pool *pool, uint32_t *cursor, proa_handle *handle);

#endif
