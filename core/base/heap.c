/* SPDX-License-Identifier: Apache-2.0 */
/* A pairing heap of deadlines (Fredman, Sedgewick, Sleator, Tarjan, 1986): a tree in which nobody
 * is sooner than its parent. Two trees are melded by hanging the later root under the sooner one;
 * whose parent goes, are melded in pairs from left to right, and the pairs from right to left. */
#include "core/base/heap.h"

/* Order wraps: of two timers that are set to the same time, none is 2^31 settings older. */
static bool sooner(const proa_timer *a, const proa_timer *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : (int32_t)(a->order - b->order) < 0;
}

static void hang(proa_timer *parent, proa_timer *child)
{
    child->next = parent->child;
    child->prev = parent;
    if (child->next != NULL) {
        child->next->prev = child;
    }
    parent->child = child;
}

/* Two roots become one; `b` may be NULL. The root's own links are set by whoever keeps it. */
static proa_timer *meld(proa_timer *a, proa_timer *b)
{
    if (b == NULL) {
        return a;
    }
    if (sooner(a, b)) {
        hang(a, b);
        return a;
    }
    hang(b, a);
    return b;
}

/* A list of siblings becomes one tree; NULL if there are none. */
static proa_timer *meld_all(proa_timer *first)
{
    proa_timer *pairs = NULL; /* the rightmost first */
    while (first != NULL) {
        proa_timer *second = first->next;
        proa_timer *rest = second == NULL ? NULL : second->next;
        proa_timer *pair = meld(first, second);
        pair->next = pairs;
        pairs = pair;
        first = rest;
    }
    proa_timer *root = NULL;
    while (pairs != NULL) {
        proa_timer *next = pairs->next;
        root = meld(pairs, root);
        pairs = next;
    }
    return root;
}

static void set_root(proa_heap *heap, proa_timer *root)
{
    heap->root = root;
    if (root != NULL) {
        root->next = NULL;
        root->prev = root;
    }
}

void proa_heap_set(proa_heap *heap, proa_timer *timer, uint64_t at_ms)
{
    proa_heap_clear(heap, timer);
    timer->at_ms = at_ms;
    timer->order = heap->order++;
    set_root(heap, meld(timer, heap->root));
}

void proa_heap_clear(proa_heap *heap, proa_timer *timer)
{
    if (timer->prev == NULL) {
        return;
    }
    proa_timer *root = meld_all(timer->child);
    if (timer != heap->root) {
        if (timer->prev->child == timer) {
            timer->prev->child = timer->next;
        } else {
            timer->prev->next = timer->next;
        }
        if (timer->next != NULL) {
            timer->next->prev = timer->prev;
        }
        root = meld(heap->root, root);
    }
    set_root(heap, root);
    timer->child = NULL;
    timer->next = NULL;
    timer->prev = NULL;
}

uint64_t proa_heap_next_ms(const proa_heap *heap)
{
    return heap->root == NULL ? PROA_NEVER : heap->root->at_ms;
}

proa_timer *proa_heap_take_due(proa_heap *heap, uint64_t now_ms)
{
    proa_timer *timer = heap->root;
    if (timer == NULL || timer->at_ms > now_ms) {
        return NULL;
    }
    proa_heap_clear(heap, timer);
    return timer;
}
