/* SPDX-License-Identifier: Apache-2.0 */
/* A binary heap of deadlines. slots[0..count) is heap-ordered by (at_ms, order), and each timer
 * in it knows its place: slots[t->index - 1] == t. */
#include "core/base/heap.h"

#include <string.h>

#include "proa/assert.h"

void proa_heap_init(proa_heap *heap, proa_timer **slots, size_t cap)
{
    heap->slots = slots;
    heap->cap = cap;
    heap->count = 0;
    heap->order = 0;
}

void proa_heap_move(proa_heap *heap, proa_timer **slots, size_t cap)
{
    PROA_ASSERT(cap >= heap->count);
    if (heap->count > 0) {
        memcpy(slots, heap->slots, heap->count * sizeof *slots);
    }
    heap->slots = slots;
    heap->cap = cap;
}

static bool sooner(const proa_timer *a, const proa_timer *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

static void place(proa_heap *heap, size_t index, proa_timer *timer)
{
    heap->slots[index - 1] = timer;
    timer->index = index;
}

static void sift(proa_heap *heap, proa_timer *timer, size_t index)
{
    while (index > 1 && sooner(timer, heap->slots[index / 2 - 1])) {
        place(heap, index, heap->slots[index / 2 - 1]);
        index /= 2;
    }
    for (;;) {
        size_t child = 2 * index;
        if (child > heap->count) {
            break;
        }
        if (child < heap->count && sooner(heap->slots[child], heap->slots[child - 1])) {
            child++;
        }
        if (!sooner(heap->slots[child - 1], timer)) {
            break;
        }
        place(heap, index, heap->slots[child - 1]);
        index = child;
    }
    place(heap, index, timer);
}

void proa_heap_set(proa_heap *heap, proa_timer *timer, uint64_t at_ms)
{
    timer->at_ms = at_ms;
    timer->order = heap->order++;
    if (timer->index == 0) {
        PROA_ASSERT(heap->count < heap->cap);
        heap->count++;
        timer->index = heap->count;
    }
    sift(heap, timer, timer->index);
}

void proa_heap_clear(proa_heap *heap, proa_timer *timer)
{
    size_t index = timer->index;
    if (index == 0) {
        return;
    }
    proa_timer *last = heap->slots[heap->count - 1];
    heap->count--;
    timer->index = 0;
    if (last != timer) {
        sift(heap, last, index);
    }
}

uint64_t proa_heap_next_ms(const proa_heap *heap)
{
    return heap->count == 0 ? PROA_NEVER : heap->slots[0]->at_ms;
}

proa_timer *proa_heap_take_due(proa_heap *heap, uint64_t now_ms)
{
    if (heap->count == 0 || heap->slots[0]->at_ms > now_ms) {
        return NULL;
    }
    proa_timer *timer = heap->slots[0];
    proa_heap_clear(heap, timer);
    return timer;
}
