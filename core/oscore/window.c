/* SPDX-License-Identifier: Apache-2.0 */
/* The replay window: 32 numbers. `top` only grows, so what was once seen or too old stays so. */
#include "core/oscore/window.h"

#define WIDTH 32U

proa__window_result proa__window_take(proa__window *w, uint64_t number)
{
    uint32_t bit = 1;
    if (number > w->top) {
        uint64_t ahead = number - w->top;
        w->seen = ahead < WIDTH ? w->seen << ahead : 0;
        w->top = number;
    } else {
        uint64_t back = w->top - number;
        if (back >= WIDTH) {
            return PROA__WINDOW_OLD;
        }
        bit <<= back;
    }
    if ((w->seen & bit) != 0) {
        return PROA__WINDOW_SEEN;
    }
    w->seen |= bit;
    return PROA__WINDOW_NEW;
}

proa__window_result proa__window_look(const proa__window *w, uint64_t number)
{
    proa__window copy = *w;
    return proa__window_take(&copy, number);
}
