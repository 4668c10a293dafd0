/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_CORE_BASE_HEAP_H
#define PROA_CORE_BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Deadlines, soonest first. The heap is woven through the things that have a deadline and takes no
 * storage of its own, so that setting one cannot fail. All zero is an empty heap, and a timer that
 * is not set. Equal deadlines leave in the order in which they were set, so that a run with the
 * same inputs gives the same outputs. */
typedef struct proa_timer {
    uint64_t at_ms;
    struct proa_timer *child; /* the first of those below it; all of them later */
    struct proa_timer *next;  /* its right sibling */
    struct proa_timer
        *prev;      /* its left sibling or else its parent; the root: itself; NULL: not set */
    uint32_t order; /* set by the heap */
} proa_timer;

typedef struct proa_heap {
    proa_timer *root;
    uint32_t order;
} proa_heap;

#define PROA_NEVER UINT64_MAX

/* Set or move a deadline. O(1) for a timer that was not set, else as proa_heap_clear. */
void proa_heap_set(proa_heap *heap, proa_timer *timer, uint64_t at_ms);

/* Forget a deadline; no effect if it was not set. O(log n) amortized. */
void proa_heap_clear(proa_heap *heap, proa_timer *timer);

/* The next deadline, or PROA_NEVER. */
uint64_t proa_heap_next_ms(const proa_heap *heap);

/* Take the first timer that is due at `now_ms`, or NULL. O(log n) amortized. */
proa_timer *proa_heap_take_due(proa_heap *heap, uint64_t now_ms);

static inline bool proa_timer_is_set(const proa_timer *timer)
{
    return timer->prev != NULL;
}

#endif
