/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_CORE_BASE_HEAP_H
#define PROA_CORE_BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proa/err.h"

/* Deadlines, soonest first. The nodes live in the things that have a deadline; the heap holds
 * pointers to them in an array the caller provides. Equal deadlines leave in the order in which
 * they were set, so that a run with the same inputs gives the same outputs. */
typedef struct proa_timer {
    uint64_t at_ms;
    uint64_t order; /* set by the heap */
    size_t index;   /* 1-based place in the heap; 0 = not in it */
} proa_timer;

typedef struct proa_heap {
    proa_timer **slots; /* borrowed array of cap pointers */
    size_t cap;
    size_t count;
    uint64_t order;
} proa_heap;

#define PROA_NEVER UINT64_MAX

void proa_heap_init(proa_heap *heap, proa_timer **slots, size_t cap);

/* Use a larger array from now on; the old one's pointers are copied. cap >= count. */
void proa_heap_move(proa_heap *heap, proa_timer **slots, size_t cap);

/* Set or move a deadline. The heap must have room for every timer it may see. O(log n). */
void proa_heap_set(proa_heap *heap, proa_timer *timer, uint64_t at_ms);

/* Forget a deadline; no effect if it was not set. O(log n). */
void proa_heap_clear(proa_heap *heap, proa_timer *timer);

/* The next deadline, or PROA_NEVER. */
uint64_t proa_heap_next_ms(const proa_heap *heap);

/* Take the first timer that is due at `now_ms`, or NULL. */
proa_timer *proa_heap_take_due(proa_heap *heap, uint64_t now_ms);

static inline bool proa_timer_is_set(const proa_timer *timer)
{
    return timer->index != 0;
}

#endif
