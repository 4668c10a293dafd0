/* SPDX-License-Identifier: Apache-2.0 */
/* The growing array of chunks.h. */
#include "core/base/chunks.h"

#include <string.h>

/* Items in chunk n, which begins at index `before`: the last one is cut so that no index passes
 * count_max. */
static uint32_t items_in(const proa_chunks *chunks, uint32_t n, uint32_t before)
{
    uint32_t left = chunks->count_max - before;
    return left < chunks->first_count << n ? left : chunks->first_count << n;
}

uint32_t proa_chunks_grow(proa_chunks *chunks)
{
    uint32_t n = 0;
    while (n < PROA_CHUNKS_MAX && chunks->chunks[n] != NULL) {
        n++;
    }
    if (n == PROA_CHUNKS_MAX || chunks->made >= chunks->count_max) {
        return 0;
    }
    uint32_t count = items_in(chunks, n, chunks->made);
    chunks->chunks[n] = chunks->memory.take(chunks->memory.ctx, (size_t)count * chunks->stride);
    if (chunks->chunks[n] == NULL) {
        return 0;
    }
    chunks->made += count;
    return count;
}

void *proa_chunks_at(const proa_chunks *chunks, uint32_t index)
{
    uint32_t n = 0;
    uint32_t count = chunks->first_count;
    while (index >= count) {
        index -= count;
        count <<= 1;
        n++;
    }
    return chunks->chunks[n] + (size_t)index * chunks->stride;
}

void proa_chunks_clear(proa_chunks *chunks)
{
    uint32_t before = 0;
    for (uint32_t n = 0; before < chunks->made; n++) {
        uint32_t count = items_in(chunks, n, before);
        chunks->memory.give(chunks->memory.ctx, chunks->chunks[n], (size_t)count * chunks->stride);
        before += count;
    }
    memset(chunks, 0, sizeof *chunks);
}
