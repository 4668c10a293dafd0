/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of a table by their numbers, and the pool in which all rows have their texts. */
#include "core/c2c/rows.h"

#include <string.h>

#include "core/c2c/c2c_internal.h"

proa__row *proa__row_at(const proa__table *t, size_t n)
{
    return (proa__row *)(void *)((uint8_t *)t->first + n * t->kind->row_len);
}

proa__row *proa__row_after(const proa__table *t, const proa__row *row)
{
    if (t->count == 0) {
        return NULL; /* and has no kind, perhaps */
    }
    uint8_t *at = row == NULL ? (uint8_t *)t->first : (uint8_t *)(uintptr_t)row + t->kind->row_len;
    for (; at < (uint8_t *)proa__row_at(t, t->count); at += t->kind->row_len) {
        if (((proa__row *)(void *)at)->slot == PROA__SLOT_LIVE) {
            return (proa__row *)(void *)at;
        }
    }
    return NULL;
}

proa__row *proa__row_find(const proa__table *t, uint32_t instance)
{
    proa__row *row = NULL;
    while ((row = proa__row_after(t, row)) != NULL && row->instance != instance) {
    }
    return row;
}

int32_t proa__row_next(const proa__table *t, int32_t after)
{
    int32_t next = -1;
    const proa__row *row = NULL;
    while ((row = proa__row_after(t, row)) != NULL) {
        int32_t instance = (int32_t)row->instance;
        if (instance > after && (next < 0 || instance < next)) {
            next = instance;
        }
    }
    return next;
}

proa__row *proa__row_place(const proa__table *t)
{
    for (size_t i = 0; i < t->count; i++) {
        if (proa__row_at(t, i)->slot == PROA__SLOT_FREE) {
            return proa__row_at(t, i);
        }
    }
    return NULL;
}

/* Also the number of one that went and waits for run, which still knows it by that number. */
static bool is_taken(const proa__table *t, uint32_t instance)
{
    for (size_t i = 0; i < t->count; i++) {
        const proa__row *row = proa__row_at(t, i);
        if (row->slot != PROA__SLOT_FREE && row->instance == instance) {
            return true;
        }
    }
    return false;
}

proa_err proa__row_take(const proa__table *t, int32_t wanted, proa__row **row, uint16_t *instance)
{
    *instance = (uint16_t)(wanted < 0 ? 0 : wanted);
    while (is_taken(t, *instance)) {
        if (wanted >= 0) {
            return PROA_E_EXISTS;
        }
        (*instance)++;
    }
    *row = proa__row_place(t);
    return *row == NULL ? PROA_E_FULL : PROA_OK;
}

/* ---- texts ------------------------------------------------------------------------------ */

proa_span proa__row_text(const proa__row *row, unsigned which)
{
    const uint8_t *at = row->texts;
    for (unsigned i = 0; i < which; i++) {
        at += row->text_len[i];
    }
    return proa_span_make(at, row->text_len[which]);
}

bool proa__row_text_is(const proa__row *row, unsigned which, proa_span text)
{
    return proa_span_equal(proa__row_text(row, which), text);
}

size_t proa__row_texts_len(const proa__row *row)
{
    size_t len = 0;
    for (unsigned i = 0; i < PROA__TEXTS_MAX; i++) {
        len += row->text_len[i];
    }
    return len;
}

/* Take bytes out of the pool: what lies behind them moves, and is found again. */
static void cut(proa_c2c *c, uint8_t *at, size_t len)
{
    uint8_t *end = c->pool + c->pool_len;
    if (len == 0) {
        return;
    }
    memmove(at, at + len, (size_t)(end - at) - len);
    proa_wipe(end - len, len);
    c->pool_len -= len;
    for (size_t t = 0; t < PROA__TABLES; t++) {
        for (size_t i = 0; i < c->tables[t].count; i++) {
            proa__row *row = proa__row_at(&c->tables[t], i);
            if (row->slot != PROA__SLOT_FREE && row->texts > at) {
                row->texts -= len;
            }
        }
    }
}

bool proa__row_has_room(const proa__table *t, const proa__row *row, const proa__row *from)
{
    const proa_c2c *c = t->c;
    return c->pool_len - proa__row_texts_len(row) + proa__row_texts_len(from) <= c->pool_max;
}

void proa__row_install(const proa__table *t, proa__row *row, const proa__row *from)
{
    proa_c2c *c = t->c;
    size_t len = proa__row_texts_len(from);
    proa__row_wipe_texts(c, row);
    memcpy(row, from, t->kind->head_len);
    row->texts = c->pool + c->pool_len;
    row->slot = PROA__SLOT_LIVE;
    c->pool_len += len;
    if (len > 0) {
        memcpy(row->texts, from->texts, len);
    }
}

bool proa__row_fill(const proa__table *t, proa__row *row, uint32_t instance,
                    const proa_span texts[PROA__TEXTS_MAX])
{
    proa_c2c *c = t->c;
    proa_writer w = proa_writer_make(c->pool + c->pool_len, c->pool_max - c->pool_len);
    for (unsigned i = 0; i < PROA__TEXTS_MAX; i++) {
        proa_write_span(&w, texts[i]);
        row->text_len[i] = (uint16_t)texts[i].len;
    }
    if (w.err != PROA_OK) {
        proa_wipe(w.data, w.len);
        memset(row, 0, t->kind->row_len);
        return false;
    }
    row->texts = w.data;
    row->slot = PROA__SLOT_LIVE;
    row->instance = instance;
    c->pool_len += w.len;
    return true;
}

void proa__row_cut(proa_c2c *c, proa__row *row, size_t from, size_t len)
{
    row->text_len[0] = (uint16_t)(row->text_len[0] - len);
    cut(c, row->texts + from, len);
}

void proa__row_wipe_texts(proa_c2c *c, proa__row *row)
{
    cut(c, row->texts, proa__row_texts_len(row));
    memset(row->text_len, 0, sizeof(row->text_len));
}

void proa__row_free(const proa__table *t, proa__row *row)
{
    proa__row_wipe_texts(t->c, row);
    memset(row, 0, t->kind->row_len);
}

int proa__list_find(proa_span list, uint32_t id)
{
    for (size_t at = 0; at < list.len; at += PROA__ELEMENT_LEN) {
        if (list.data[at] == id >> 8 && list.data[at + 1] == (id & 0xff)) {
            return (int)at;
        }
    }
    return -1;
}
