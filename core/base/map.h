/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_CORE_BASE_MAP_H
#define PROA_CORE_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/pool.h"
#include "proa/bytes.h"
#include "proa/err.h"
#include "proa/memory.h"

/* Hash map from keys that live elsewhere to handles.
 *
 * The map stores a 32-bit hash and a handle; the key is inside the thing that the handle names, and
 * the owner compares it. Open addressing with linear probing and backward-shift deletion; grows at
 * 3/4 full. Hashes are keyed with a random seed, because peers choose many of the keys. */
typedef struct proa_map_slot {
    uint32_t hash;
    proa_handle handle; /* 0 = empty */
} proa_map_slot;

typedef struct proa_map {
    proa_memory memory;
    proa_map_slot *slots;
    uint32_t cap; /* power of two */
    uint32_t count;
    uint32_t seed;
} proa_map;

/* cap_first (at most 2^30) is rounded up to a power of two. Returns PROA_OK or PROA_E_NO_MEMORY. */
PROA_CHECK proa_err proa_map_init(proa_map *map, const proa_memory *memory, uint32_t cap_first,
                                  uint32_t seed);
void proa_map_clear(proa_map *map);

/* Of one key, seeded. O(key.len). */
uint32_t proa_hash(uint32_t seed, proa_span key);

/* The hash of a key for this map; combine several parts by chaining `hash` (start with 0). */
uint32_t proa_map_hash(const proa_map *map, uint32_t hash, proa_span key);

/* True if `handle` names the thing with `key`. */
typedef bool (*proa_map_is)(const void *owner, proa_handle handle, const void *key);

/* The handle for `key`, or 0. O(1) expected. */
proa_handle proa_map_find(const proa_map *map, uint32_t hash, proa_map_is is, const void *owner,
                          const void *key);

/* Add. The key must not be there. Returns PROA_OK or PROA_E_NO_MEMORY. */
PROA_CHECK proa_err proa_map_add(proa_map *map, uint32_t hash, proa_handle handle);

/* Remove the entry with exactly this hash and handle; no effect if there is none. */
void proa_map_remove(proa_map *map, uint32_t hash, proa_handle handle);

#endif
