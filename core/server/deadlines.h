/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_CORE_SERVER_DEADLINES_H
#define PROA_CORE_SERVER_DEADLINES_H

#include "core/base/heap.h"
#include "proa/memory.h"

/* A heap of deadlines whose array grows with the things that have one. Room is made when a thing
 * comes to be, so that setting its deadline later cannot fail. */
typedef struct proa__deadlines {
    proa_heap heap;
    proa_memory memory;
} proa__deadlines;

/* Takes room for `first` deadlines. PROA_OK or PROA_E_NO_MEMORY. */
PROA_CHECK proa_err proa__deadlines_open(proa__deadlines *d, const proa_memory *memory,
                                         size_t first);
void proa__deadlines_close(proa__deadlines *d);

/* Room for `count` deadlines altogether. PROA_OK or PROA_E_NO_MEMORY. O(1) amortized. */
PROA_CHECK proa_err proa__deadlines_reserve(proa__deadlines *d, size_t count);

#endif
