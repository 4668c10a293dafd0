/* SPDX-License-Identifier: Apache-2.0 */
/* A bump allocator over one array: the memory of a device that never frees. */
#include <stdalign.h>
#include <string.h>

#include "proa/memory.h"

void proa_arena_init(proa_arena *arena, void *base, size_t len)
{
    arena->base = base;
    arena->len = len;
    arena->used = 0;
}

static void *take(void *ctx, size_t len)
{
    proa_arena *arena = ctx;
    size_t align = alignof(max_align_t);
    size_t misfit = ((uintptr_t)arena->base + arena->used) % align;
    size_t pad = misfit == 0 ? 0 : align - misfit;
    if (pad > arena->len - arena->used || len > arena->len - arena->used - pad) {
        return NULL;
    }
    void *block = arena->base + arena->used + pad;
    arena->used += pad + len;
    memset(block, 0, len);
    return block;
}

static void give(void *ctx, void *block, size_t len)
{
    (void)ctx;
    (void)block;
    (void)len;
}

proa_memory proa_arena_memory(proa_arena *arena)
{
    proa_memory memory = {take, give, arena};
    return memory;
}
