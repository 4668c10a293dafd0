/* SPDX-License-Identifier: Apache-2.0 */
/* Growing pool with generation handles. A place is a small head and the thing behind it. Free
 * places form a queue through their heads, so a place rests as long as possible before its
 * generation moves on; a stale handle would have to be 4,096 uses of one place old to be mistaken. */
#include "core/base/pool.h"

#include <stdalign.h>
#include <string.h>

#include "proa/assert.h"

#define INDEX_BITS 20
#define GENERATION_MASK 0xfffU

typedef struct place {
    uint32_t next_free;  /* index + 1 */
    uint16_t generation; /* 1..4095 */
    uint16_t alive;
} place;

static size_t head_len(void)
{
    size_t align = alignof(max_align_t);
    return (sizeof(place) + align - 1) / align * align;
}

static place *place_at(const proa_pool *pool, uint32_t index)
{
    uint32_t chunk = 0;
    uint32_t count = pool->first_count;
    while (index >= count) {
        index -= count;
        count <<= 1;
        chunk++;
    }
    return (place *)(void *)(pool->chunks[chunk] + index * pool->stride);
}

/* Places in one chunk: each twice the one before, the last cut so that no index passes count_max. */
static uint32_t chunk_places(const proa_pool *pool, uint32_t chunk)
{
    uint32_t before = (pool->first_count << chunk) - pool->first_count;
    uint32_t left = pool->count_max - before;
    return left < pool->first_count << chunk ? left : pool->first_count << chunk;
}

static void *thing_of(place *at)
{
    return (uint8_t *)at + head_len();
}

static void push_free(proa_pool *pool, uint32_t index)
{
    place_at(pool, index)->next_free = 0;
    if (pool->free_head == 0) {
        pool->free_head = index + 1;
    } else {
        place_at(pool, pool->free_tail - 1)->next_free = index + 1;
    }
    pool->free_tail = index + 1;
}

static proa_err grow(proa_pool *pool)
{
    if (pool->made >= pool->count_max || pool->chunk_count == PROA_POOL_CHUNKS_MAX) {
        return PROA_E_FULL;
    }
    uint32_t count = chunk_places(pool, pool->chunk_count);
    uint8_t *chunk = pool->memory.take(pool->memory.ctx, (size_t)count * pool->stride);
    if (chunk == NULL) {
        return PROA_E_NO_MEMORY;
    }
    pool->chunks[pool->chunk_count++] = chunk;
    for (uint32_t i = 0; i < count; i++) {
        place_at(pool, pool->made)->generation = 1;
        push_free(pool, pool->made);
        pool->made++;
    }
    return PROA_OK;
}

proa_err proa_pool_init(proa_pool *pool, const proa_memory *memory, size_t item_len,
                        uint32_t first_count, uint32_t count_max)
{
    PROA_ASSERT(first_count >= 1 && first_count <= count_max && count_max <= PROA_POOL_COUNT_MAX);
    size_t align = alignof(max_align_t);
    memset(pool, 0, sizeof *pool);
    pool->memory = *memory;
    pool->first_count = first_count;
    pool->count_max = count_max;
    pool->stride = head_len() + (item_len + align - 1) / align * align;
    return grow(pool);
}

void proa_pool_clear(proa_pool *pool)
{
    for (uint32_t i = 0; i < pool->chunk_count; i++) {
        pool->memory.give(pool->memory.ctx, pool->chunks[i],
                          (size_t)chunk_places(pool, i) * pool->stride);
    }
    memset(pool, 0, sizeof *pool);
}

void *proa_pool_take(proa_pool *pool, proa_handle *handle)
{
    *handle = 0;
    if (pool->count >= pool->count_max || (pool->free_head == 0 && grow(pool) != PROA_OK)) {
        return NULL;
    }
    uint32_t index = pool->free_head - 1;
    place *at = place_at(pool, index);
    pool->free_head = at->next_free;
    at->alive = 1;
    pool->count++;
    memset(thing_of(at), 0, pool->stride - head_len());
    *handle = (uint32_t)at->generation << INDEX_BITS | index;
    return thing_of(at);
}

static place *living(const proa_pool *pool, proa_handle handle)
{
    uint32_t index = handle & ((1U << INDEX_BITS) - 1);
    if (handle == 0 || index >= pool->made) {
        return NULL;
    }
    place *at = place_at(pool, index);
    return at->alive != 0 && at->generation == handle >> INDEX_BITS ? at : NULL;
}

void *proa_pool_get(const proa_pool *pool, proa_handle handle)
{
    place *at = living(pool, handle);
    return at == NULL ? NULL : thing_of(at);
}

void proa_pool_give(proa_pool *pool, proa_handle handle)
{
    place *at = living(pool, handle);
    PROA_ASSERT(at != NULL);
    at->alive = 0;
    at->generation = (uint16_t)((at->generation + 1U) & GENERATION_MASK);
    if (at->generation == 0) {
        at->generation = 1; /* 0 would make handle 0 possible */
    }
    pool->count--;
    push_free(pool, handle & ((1U << INDEX_BITS) - 1));
}

void *proa_pool_next(const proa_pool *pool, uint32_t *cursor, proa_handle *handle)
{
    while (*cursor < pool->made) {
        uint32_t index = (*cursor)++;
        place *at = place_at(pool, index);
        if (at->alive != 0) {
            *handle = (uint32_t)at->generation << INDEX_BITS | index;
            return thing_of(at);
        }
    }
    return NULL;
}
