/* SPDX-License-Identifier: Apache-2.0 */
/* Instances of a table by their numbers, whatever else a row holds. */
#include "core/c2c/rows.h"

#include <stddef.h>

/* A row of any table is looked at through its first two fields only. */
#define INSTANCE_AT offsetof(proa__key, instance)
_Static_assert(offsetof(proa__key, slot) == 0 && offsetof(proa__peer, slot) == 0 &&
                   offsetof(proa__access, slot) == 0,
               "a row begins with its slot");
_Static_assert(offsetof(proa__peer, instance) == INSTANCE_AT &&
                   offsetof(proa__access, instance) == INSTANCE_AT,
               "and its instance");

static uint8_t *row_at(proa__rows rows, uint16_t i)
{
    return (uint8_t *)rows.first + i * rows.row_len;
}

static proa__slot slot_of(const uint8_t *row)
{
    return *(const proa__slot *)(const void *)row;
}

static uint16_t instance_of(const uint8_t *row)
{
    return *(const uint16_t *)(const void *)(row + INSTANCE_AT);
}

static bool is_there(const uint8_t *row)
{
    return slot_of(row) == PROA__SLOT_LIVE || slot_of(row) == PROA__SLOT_MAKING;
}

void *proa__row_find(proa__rows rows, uint16_t instance)
{
    for (uint16_t i = 0; i < rows.count; i++) {
        uint8_t *row = row_at(rows, i);
        if (is_there(row) && instance_of(row) == instance) {
            return row;
        }
    }
    return NULL;
}

int32_t proa__row_next(proa__rows rows, int32_t after)
{
    int32_t next = -1;
    for (uint16_t i = 0; i < rows.count; i++) {
        const uint8_t *row = row_at(rows, i);
        int32_t instance = instance_of(row);
        if (is_there(row) && instance > after && (next < 0 || instance < next)) {
            next = instance;
        }
    }
    return next;
}

/* Also the number of one that went and waits for run, which still knows it by that number. */
static bool is_taken(proa__rows rows, uint16_t instance)
{
    for (uint16_t i = 0; i < rows.count; i++) {
        const uint8_t *row = row_at(rows, i);
        if (slot_of(row) != PROA__SLOT_FREE && instance_of(row) == instance) {
            return true;
        }
    }
    return false;
}

proa_err proa__row_take(proa__rows rows, int32_t wanted, void **row, uint16_t *instance)
{
    uint16_t id = (uint16_t)(wanted < 0 ? 0 : wanted);
    while (is_taken(rows, id)) {
        if (wanted >= 0) {
            return PROA_E_EXISTS;
        }
        id++;
    }
    for (uint16_t i = 0; i < rows.count; i++) {
        if (slot_of(row_at(rows, i)) == PROA__SLOT_FREE) {
            *row = row_at(rows, i);
            *instance = id;
            return PROA_OK;
        }
    }
    return PROA_E_FULL;
}
