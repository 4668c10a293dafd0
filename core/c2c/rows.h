/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_CORE_C2C_ROWS_H
#define PROA_CORE_C2C_ROWS_H

#include "core/c2c/c2c_internal.h"

/* What the tables behind objects 11000, 11001 and 11002 have in common: a row begins with its slot
 * and the number of its instance. An instance that is being made or lives is there for the object's
 * functions; one that is gone keeps its number until proa__c2c_run has ended what depended on it. */
typedef struct proa__rows {
    void *first;
    size_t row_len;
    uint16_t count;
} proa__rows;

/* The row of an instance that is there, or NULL. O(count), as the others. */
void *proa__row_find(proa__rows rows, uint16_t instance);

/* The smallest instance greater than `after` that is there, or -1. */
int32_t proa__row_next(proa__rows rows, int32_t after);

/* A free row for a new instance, which the caller fills.
 * wanted    its number, or -1: the smallest one that is not taken.
 * instance  out.
 * Returns PROA_OK, PROA_E_EXISTS, PROA_E_FULL. */
PROA_CHECK proa_err proa__row_take(proa__rows rows, int32_t wanted, void **row, uint16_t *instance);

#endif
