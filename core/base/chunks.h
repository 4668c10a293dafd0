/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_CORE_BASE_CHUNKS_H
#define PROA_CORE_BASE_CHUNKS_H

#include <stddef.h>
#include <stdint.h>

#include "proa/limits.h"
#include "proa/memory.h"

/* An array that grows without moving: in chunks, each twice the one before, up to count_max items.
 * What is free in it is the business of whoever uses it (pool.h, coap/cells.h). */
typedef struct proa_chunks {
    proa_memory memory; /* its ctx is borrowed */
    uint8_t *chunks[PROA_CHUNKS_MAX];
    uint32_t first_count; /* items in chunk 0; chunk n holds first_count << n */
    uint32_t count_max;
    uint32_t made;   /* items that exist */
    uint32_t stride; /* bytes from one item to the next, a multiple of its alignment */
} proa_chunks;

/* Take the next chunk, all zero. How many items it brought; 0 if there can be no more or the memory
 * has none. */
uint32_t proa_chunks_grow(proa_chunks *chunks);

/* The item at index < made. O(log made / first_count). */
void *proa_chunks_at(const proa_chunks *chunks, uint32_t index);

/* Give all storage back; then all is zero. */
void proa_chunks_clear(proa_chunks *chunks);

#endif
