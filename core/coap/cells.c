/* SPDX-License-Identifier: Apache-2.0 */
/* Chains of cells; see cells.h. A cell is named by its index + 1. Free cells form one chain. */
#include "core/coap/cells.h"

#include <string.h>

#include "proa/assert.h"

typedef struct proa__cell {
    uint32_t next;
    uint8_t data[PROA__CELL_DATA_LEN];
} proa__cell;

static proa__cell *cell_at(const proa__cells *cells, proa__chain name)
{
    return proa_chunks_at(&cells->cells, name - 1);
}

static bool grow(proa__cells *cells)
{
    uint32_t count = proa_chunks_grow(&cells->cells);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t name = cells->cells.made - i;
        cell_at(cells, name)->next = cells->free_head;
        cells->free_head = name;
    }
    cells->free_count += count;
    return count > 0;
}

proa_err proa__cells_init(proa__cells *cells, const proa_memory *memory, uint32_t first_count,
                          uint32_t count_max)
{
    PROA_ASSERT(first_count >= 1 && first_count <= count_max && count_max <= PROA__CELL_COUNT_MAX);
    memset(cells, 0, sizeof *cells);
    cells->cells.memory = *memory;
    cells->cells.first_count = first_count;
    cells->cells.count_max = count_max;
    cells->cells.stride = sizeof(proa__cell);
    return grow(cells) ? PROA_OK : PROA_E_NO_MEMORY;
}

void proa__cells_clear(proa__cells *cells)
{
    proa_chunks_clear(&cells->cells);
    memset(cells, 0, sizeof *cells);
}

bool proa__cells_store(proa__cells *cells, proa_span in, proa__chain *out)
{
    *out = 0;
    size_t needed = (in.len + PROA__CELL_DATA_LEN - 1) / PROA__CELL_DATA_LEN;
    while (cells->free_count < needed) {
        if (!grow(cells)) {
            return false;
        }
    }
    uint32_t *link = out;
    for (size_t at = 0; at < in.len; at += PROA__CELL_DATA_LEN) {
        size_t left = in.len - at;
        proa__cell *cell = cell_at(cells, cells->free_head);
        *link = cells->free_head;
        cells->free_head = cell->next;
        cells->free_count--;
        memcpy(cell->data, in.data + at, left < PROA__CELL_DATA_LEN ? left : PROA__CELL_DATA_LEN);
        cell->next = 0;
        link = &cell->next;
    }
    return true;
}

void proa__cells_load(const proa__cells *cells, proa__chain chain, uint8_t *out, size_t len)
{
    for (size_t at = 0; at < len; at += PROA__CELL_DATA_LEN) {
        PROA_ASSERT(chain != 0);
        size_t left = len - at;
        const proa__cell *cell = cell_at(cells, chain);
        memcpy(out + at, cell->data, left < PROA__CELL_DATA_LEN ? left : PROA__CELL_DATA_LEN);
        chain = cell->next;
    }
}

void proa__cells_release(proa__cells *cells, proa__chain chain)
{
    while (chain != 0) {
        proa__cell *cell = cell_at(cells, chain);
        uint32_t next = cell->next;
        memset(cell->data, 0, sizeof cell->data); /* payloads may carry keys (object 0, 11000) */
        cell->next = cells->free_head;
        cells->free_head = chain;
        cells->free_count++;
        chain = next;
    }
}
