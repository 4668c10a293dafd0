/* SPDX-License-Identifier: Apache-2.0 */
/* The hash map of map.h. Invariant: every entry is reachable from its home slot without crossing
 * an empty one, which backward-shift deletion keeps true without tombstones. */
#include "core/base/map.h"

#include <string.h>

#include "proa/assert.h"

static proa_err take_slots(proa_map *map, uint32_t cap)
{
    map->slots = map->memory.take(map->memory.ctx, (size_t)cap * sizeof *map->slots);
    map->cap = map->slots == NULL ? 0 : cap;
    return map->slots == NULL ? PROA_E_NO_MEMORY : PROA_OK;
}

proa_err proa_map_init(proa_map *map, const proa_memory *memory, uint32_t cap_first, uint32_t seed)
{
    PROA_ASSERT(cap_first <= 1U << 30);
    uint32_t cap = 8;
    while (cap < cap_first) {
        cap *= 2;
    }
    memset(map, 0, sizeof *map);
    map->memory = *memory;
    map->seed = seed;
    return take_slots(map, cap);
}

void proa_map_clear(proa_map *map)
{
    if (map->slots != NULL) {
        map->memory.give(map->memory.ctx, map->slots, (size_t)map->cap * sizeof *map->slots);
    }
    memset(map, 0, sizeof *map);
}

/* Murmur3's mixing over bytes: short keys, no alignment, good spread in the low bits. The seed
 * keeps a peer from preparing collisions; it is no cryptographic promise. */
uint32_t proa_hash(uint32_t seed, proa_span key)
{
    uint32_t h = seed;
    for (size_t i = 0; i < key.len; i++) {
        h = (h ^ key.data[i]) * 0x01000193U;
        h ^= h >> 15;
    }
    h ^= (uint32_t)key.len;
    h ^= h >> 16;
    h *= 0x85ebca6bU;
    h ^= h >> 13;
    h *= 0xc2b2ae35U;
    return h ^ h >> 16;
}

uint32_t proa_map_hash(const proa_map *map, uint32_t hash, proa_span key)
{
    return proa_hash(hash ^ map->seed, key);
}

proa_handle proa_map_find(const proa_map *map, uint32_t hash, proa_map_is is, const void *owner,
                          const void *key)
{
    for (uint32_t i = hash & (map->cap - 1); map->slots[i].handle != 0;
         i = (i + 1) & (map->cap - 1)) {
        if (map->slots[i].hash == hash && is(owner, map->slots[i].handle, key)) {
            return map->slots[i].handle;
        }
    }
    return 0;
}

static void put(proa_map *map, uint32_t hash, proa_handle handle)
{
    uint32_t i = hash & (map->cap - 1);
    while (map->slots[i].handle != 0) {
        i = (i + 1) & (map->cap - 1);
    }
    map->slots[i].hash = hash;
    map->slots[i].handle = handle;
}

proa_err proa_map_add(proa_map *map, uint32_t hash, proa_handle handle)
{
    PROA_ASSERT(handle != 0);
    if ((map->count + 1) * 4 > map->cap * 3) {
        proa_map old = *map;
        if (take_slots(map, old.cap * 2) != PROA_OK) {
            *map = old;
            return PROA_E_NO_MEMORY;
        }
        for (uint32_t i = 0; i < old.cap; i++) {
            if (old.slots[i].handle != 0) {
                put(map, old.slots[i].hash, old.slots[i].handle);
            }
        }
        map->memory.give(map->memory.ctx, old.slots, (size_t)old.cap * sizeof *old.slots);
    }
    put(map, hash, handle);
    map->count++;
    return PROA_OK;
}

void proa_map_remove(proa_map *map, uint32_t hash, proa_handle handle)
{
    PROA_ASSERT(handle != 0);
    uint32_t mask = map->cap - 1;
    uint32_t i = hash & mask;
    while (map->slots[i].handle != handle || map->slots[i].hash != hash) {
        if (map->slots[i].handle == 0) {
            return;
        }
        i = (i + 1) & mask;
    }
    for (uint32_t next = (i + 1) & mask; map->slots[next].handle != 0; next = (next + 1) & mask) {
        uint32_t home = map->slots[next].hash & mask;
        if (((next - home) & mask) >= ((next - i) & mask)) {
            map->slots[i] = map->slots[next];
            i = next;
        }
    }
    map->slots[i].handle = 0;
    map->count--;
}
