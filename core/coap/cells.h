/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_CORE_COAP_CELLS_H
#define PROA_CORE_COAP_CELLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/chunks.h"
#include "proa/bytes.h"
#include "proa/err.h"
#include "proa/memory.h"

/* Bytes that outlive a call, in chains of small cells.
 *
 * Messages have 10 to 1152 bytes and most have 30, so places of the largest size would waste a
 * device's memory and blocks of exact size would need a heap. A chain costs 4 bytes in 32, cannot
 * fragment, and works from an arena that takes nothing back. */

#define PROA__CELL_DATA_LEN 28

typedef uint32_t proa__chain; /* 0 = no bytes */

#define PROA__CELL_COUNT_MAX (1U << 24)

typedef struct proa__cells {
    proa_chunks cells;
    uint32_t free_count; /* of those made */
    uint32_t free_head;
} proa__cells;

/* Takes first_count cells now, grows by doubling up to count_max.
 * Returns PROA_OK or PROA_E_NO_MEMORY. */
PROA_CHECK proa_err proa__cells_init(proa__cells *cells, const proa_memory *memory,
                                     uint32_t first_count, uint32_t count_max);
void proa__cells_clear(proa__cells *cells);

/* Keep a copy. False, and *out 0, if there are not enough cells. O(len). */
bool proa__cells_store(proa__cells *cells, proa_span in, proa__chain *out);

/* Copy the first `len` bytes of a chain, no more than were stored. O(len). */
void proa__cells_load(const proa__cells *cells, proa__chain chain, uint8_t *out, size_t len);

/* Give back a chain; 0 is allowed. O(length). */
void proa__cells_release(proa__cells *cells, proa__chain chain);

#endif
