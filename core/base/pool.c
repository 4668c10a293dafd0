/* SPDX-License-Identifier: Apache-2.0 */
/* Growing pool with generation handles. A place is the thing and, in its last four bytes, a tag.
 *
 * The tag of a living thing is its handle. That of a free place has the generation that comes next,
 * and instead of its own index that of the free place after it: never its own, so that no handle
 * equals it. Free places form a queue, so a place rests as long as possible before its generation
 * moves on; a stale handle would have to be 4,096 uses of one place old to be mistaken. */
#include "core/base/pool.h"

#include <stdalign.h>
#include <string.h>

#include "proa/assert.h"

#define GENERATION_ONE (1U << 20)
#define INDEX_MASK (GENERATION_ONE - 1)
#define NOBODY INDEX_MASK /* the index of no place: PROA_POOL_COUNT_MAX places end before it */

static uint32_t *tag_of(const proa_pool *pool, const void *thing)
{
    return (uint32_t *)(void *)((uint8_t *)(uintptr_t)thing + pool->places.stride -
                                sizeof(uint32_t));
}

static uint32_t *tag_at(const proa_pool *pool, uint32_t index)
{
    return tag_of(pool, proa_chunks_at(&pool->places, index));
}

/* Last in the queue, with the generation of its next use. */
static void push_free(proa_pool *pool, uint32_t index, uint32_t generation)
{
    *tag_at(pool, index) = generation | NOBODY;
    if (pool->free_head == NOBODY) {
        pool->free_head = index;
    } else {
        uint32_t *tail = tag_at(pool, pool->free_tail);
        *tail = (*tail & ~INDEX_MASK) | index;
    }
    pool->free_tail = index;
}

static bool grow(proa_pool *pool)
{
    uint32_t index = pool->places.made;
    if (proa_chunks_grow(&pool->places) == 0) {
        return false;
    }
    for (; index < pool->places.made; index++) {
        push_free(pool, index, GENERATION_ONE);
    }
    return true;
}

proa_err proa_pool_init(proa_pool *pool, const proa_memory *memory, size_t item_len,
                        uint32_t first_count, uint32_t count_max)
{
    PROA_ASSERT(first_count >= 1 && first_count <= count_max && count_max <= PROA_POOL_COUNT_MAX);
    size_t align = alignof(max_align_t);
    memset(pool, 0, sizeof *pool);
    pool->places.memory = *memory;
    pool->places.first_count = first_count;
    pool->places.count_max = count_max;
    pool->places.stride = (uint32_t)((item_len + sizeof(uint32_t) + align - 1) / align * align);
    pool->free_head = NOBODY;
    return grow(pool) ? PROA_OK : PROA_E_NO_MEMORY;
}

void proa_pool_clear(proa_pool *pool)
{
    proa_chunks_clear(&pool->places);
    memset(pool, 0, sizeof *pool);
}

void *proa_pool_take(proa_pool *pool, proa_handle *handle)
{
    *handle = 0;
    if (pool->free_head == NOBODY && !grow(pool)) {
        return NULL;
    }
    uint32_t index = pool->free_head;
    void *thing = proa_chunks_at(&pool->places, index);
    uint32_t tag = *tag_of(pool, thing);
    pool->free_head = tag & INDEX_MASK;
    pool->count++;
    memset(thing, 0, pool->places.stride);
    *handle = (tag & ~INDEX_MASK) | index;
    *tag_of(pool, thing) = *handle;
    return thing;
}

void *proa_pool_get(const proa_pool *pool, proa_handle handle)
{
    uint32_t index = handle & INDEX_MASK;
    if (index >= pool->places.made) {
        return NULL;
    }
    void *thing = proa_chunks_at(&pool->places, index);
    return *tag_of(pool, thing) == handle ? thing : NULL;
}

proa_handle proa_pool_handle(const proa_pool *pool, const void *thing)
{
    return *tag_of(pool, thing);
}

void proa_pool_give(proa_pool *pool, proa_handle handle)
{
    PROA_ASSERT(proa_pool_get(pool, handle) != NULL);
    uint32_t generation = (handle & ~INDEX_MASK) + GENERATION_ONE;
    if (generation == 0) {
        generation = GENERATION_ONE; /* 0 would make handle 0 possible */
    }
    pool->count--;
    push_free(pool, handle & INDEX_MASK, generation);
}

void *proa_pool_next(const proa_pool *pool, uint32_t *cursor, proa_handle *handle)
{
    while (*cursor < pool->places.made) {
        uint32_t index = (*cursor)++;
        void *thing = proa_chunks_at(&pool->places, index);
        *handle = *tag_of(pool, thing);
        if ((*handle & INDEX_MASK) == index) {
            return thing;
        }
    }
    return NULL;
}
