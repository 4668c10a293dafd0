/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_MEMORY_H
#define PROA_MEMORY_H

#include <stddef.h>
#include <stdint.h>

/* Where engines get storage.
 *
 * No engine calls malloc. Each is given a proa_memory at init, takes what its configuration says
 * it may take, and grows (if it may grow at all) up to the limits of that configuration. On a
 * microcontroller the memory is a static array behind a proa_arena: everything is taken during
 * init, and running out is found on the desk. On a server it is the heap.
 *
 * take returns `len` zeroed bytes aligned for any type, or NULL if there is no more.
 * give returns a block of exactly the length it was taken with; an arena ignores it. */
typedef struct proa_memory {
    void *(*take)(void *ctx, size_t len);
    void (*give)(void *ctx, void *block, size_t len);
    void *ctx; /* borrowed for the life of the engine */
} proa_memory;

/* A memory that hands out one caller-provided array from front to back and never takes back. */
typedef struct proa_arena {
    uint8_t *base;
    size_t len;
    size_t used; /* bytes handed out; the high-water mark, as nothing comes back */
} proa_arena;

/* arena  out.
 * base   storage; borrowed as long as anything taken from it is in use.
 * len    bytes. */
void proa_arena_init(proa_arena *arena, void *base, size_t len);

/* The arena as a memory. Borrows `arena`. */
proa_memory proa_arena_memory(proa_arena *arena);

#endif
