/* SPDX-License-Identifier: Apache-2.0 */
/* The array behind a growing heap of deadlines: doubled when it is too short, never shortened. */
#include "core/server/deadlines.h"

#include <string.h>

static proa_timer **take_slots(const proa__deadlines *d, size_t count)
{
    return d->memory.take(d->memory.ctx, count * sizeof(proa_timer *));
}

proa_err proa__deadlines_open(proa__deadlines *d, const proa_memory *memory, size_t first)
{
    memset(d, 0, sizeof *d);
    d->memory = *memory;
    proa_timer **slots = take_slots(d, first);
    if (slots == NULL) {
        return PROA_E_NO_MEMORY;
    }
    proa_heap_init(&d->heap, slots, first);
    return PROA_OK;
}

void proa__deadlines_close(proa__deadlines *d)
{
    if (d->heap.slots != NULL) {
        d->memory.give(d->memory.ctx, d->heap.slots, d->heap.cap * sizeof(proa_timer *));
    }
    memset(d, 0, sizeof *d);
}

proa_err proa__deadlines_reserve(proa__deadlines *d, size_t count)
{
    size_t cap = d->heap.cap;
    if (count <= cap) {
        return PROA_OK;
    }
    proa_timer **old = d->heap.slots;
    size_t new_cap = 2 * cap > count ? 2 * cap : count;
    proa_timer **slots = take_slots(d, new_cap);
    if (slots == NULL) {
        return PROA_E_NO_MEMORY;
    }
    proa_heap_move(&d->heap, slots, new_cap);
    d->memory.give(d->memory.ctx, old, cap * sizeof(proa_timer *));
    return PROA_OK;
}
