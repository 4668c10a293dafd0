/* SPDX-License-Identifier: Apache-2.0 */
/* The replay window: 32 numbers. `top` only grows, so what was once seen or too old stays so. */
#include "core/oscore/window.h"

#include "proa/assert.h"

#define WIDTH 32U

proa__window_result proa__window_look(const proa__window *w, uint64_t number)
{
    if (number > w->top) {
        return PROA__WINDOW_NEW;
    }
    uint64_t back = w->top - number;
    if (back >= WIDTH) {
        return PROA__WINDOW_OLD;
    }
    return (w->seen >> back & 1U) != 0 ? PROA__WINDOW_SEEN : PROA__WINDOW_NEW;
}

void proa__window_add(proa__window *w, uint64_t number)
{
    PROA_ASSERT(proa__window_look(w, number) == PROA__WINDOW_NEW);
    if (number > w->top) {
        uint64_t ahead = number - w->top;
        w->seen = ahead < WIDTH ? w->seen << ahead : 0;
        w->top = number;
    }
    w->seen |= 1U << (w->top - number);
}
