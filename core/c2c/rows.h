/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_CORE_C2C_ROWS_H
#define PROA_CORE_C2C_ROWS_H

#include <stddef.h>

#include "proa/c2c.h"
#include "proa/object.h"

/* Objects 21, 11000, 11001 and 11002 as tables: an instance is a row, a resource is a field of it.
 *
 * A row has numbers and texts. Numbers are uint32_t, whatever their type on the wire. Texts (also
 * opaque values and lists) stand one after the other in the pool that all rows share, so that a
 * short name takes no more than its bytes; what is freed there is wiped.
 *
 * What an object consists of is said once, in its proa__kind; reading, writing, checking, storing
 * and loading follow from it (objects.c, persist.c). What is special about an object are the
 * functions of its kind.
 *
 * A transaction writes a draft, never the row: the draft takes the row's place when everything was
 * checked and stored, or is wiped. So there is nothing to undo, and no half-written row is ever
 * looked at. */

#define PROA__TEXTS_MAX 5

typedef enum proa__slot {
    PROA__SLOT_FREE = 0,
    PROA__SLOT_LIVE,
    PROA__SLOT_GONE /* removed; waits for proa__c2c_run to end what depended on it */
} proa__slot;

/* What each row begins with. */
typedef struct proa__row {
    proa__slot slot;
    proa_outcome why; /* GONE: what to tell who asked; REVOKED = a server has deleted it */
    uint16_t text_len[PROA__TEXTS_MAX];
    uint8_t *texts;
    /* From here on numbers: those that the kind has stored, then those of the run. */
    uint32_t instance;
    uint32_t owner; /* Short Server ID of who made it; 0 = the device itself */
} proa__row;

typedef enum proa__field_type {
    PROA__NOTHING = 0, /* never there; what is written has no meaning */
    PROA__NUMBER,
    PROA__NUMBER_SIGNED, /* any number of 32 bits; its kind judges it */
    PROA__NUMBER_ONCE,   /* written when the instance is made, and not again */
    PROA__NUMBER_OURS,   /* the device knows it better than whoever writes it */
    PROA__COMPUTED,      /* not written; the kind knows its value */
    PROA__TEXT,
    PROA__LIST /* a multiple resource; see PROA__ELEMENT_LEN */
} proa__field_type;

typedef struct proa__field {
    proa__field_type type;
    uint8_t at;   /* numbers: offset in the row; texts: which one */
    uint8_t min;  /* of the number, or of the bytes of a text: a row is complete when all are in */
    uint32_t max; /* their bounds, and what was never written is not */
} proa__field;

/* An element of a list: the id of the resource instance in two bytes, and its value in one. */
#define PROA__ELEMENT_LEN 3U

typedef struct proa__kind {
    uint16_t object;
    char letter;      /* in the names of its blobs */
    bool owned;       /* only the owner changes and deletes an instance */
    uint8_t words;    /* numbers that are stored, from `instance` on */
    uint8_t head_len; /* what a transaction writes; the rest of a row belongs to the run */
    uint16_t row_len;
    uint8_t count; /* resources and their fields */
    const proa_resource *resources;
    const proa__field *fields;

    /* The functions that are NULL have nothing to do. */

    /* A new row, all zero so far. */
    void (*make)(proa__row *row);
    /* A resource of a row was written, or executed. */
    void (*touched)(proa_c2c *c, proa__row *row, uint16_t resource);
    /* The value of a COMPUTED field; false if it is not there. */
    bool (*compute)(const proa_c2c *c, const proa__row *row, uint16_t resource, uint32_t *out);
    /* A complete draft is to take the place of `before` (NULL: of nothing): may it? */
    proa_err (*accept)(proa_c2c *c, const proa_actor *who, proa__row *draft,
                       const proa__row *before);
    /* What was accepted could not be stored: nothing of it may stay. */
    void (*refused)(proa_c2c *c, const proa__row *draft);
    /* It was stored, and does so now. */
    void (*accepted)(proa_c2c *c, const proa__row *draft, const proa__row *before);
    /* A complete row was read from the store; false if it is of no use. */
    bool (*loaded)(proa_c2c *c, proa__row *row);
    /* A row became GONE. */
    void (*removed)(proa_c2c *c, proa__row *row);
} proa__kind;

typedef struct proa__table {
    proa_c2c *c;
    const proa__kind *kind;
    proa__row *first;
    uint16_t count;
} proa__table;

extern const proa__kind proa__security_kind, proa__client_kind, proa__access_kind;

/* ---- rows.c ----------------------------------------------------------------------------- */

/* The n-th row. */
proa__row *proa__row_at(const proa__table *t, size_t n);

/* The next row that lives, behind `row` (NULL: the first one), or NULL. Rows may go on the way. */
proa__row *proa__row_after(const proa__table *t, const proa__row *row);

/* The row that lives under a number, or NULL. O(count), as all of these. */
proa__row *proa__row_find(const proa__table *t, uint32_t instance);

/* The smallest instance greater than `after` that lives, or -1. */
int32_t proa__row_next(const proa__table *t, int32_t after);

/* A free row, or NULL. */
proa__row *proa__row_place(const proa__table *t);

/* A free row and the number of a new instance: `wanted`, or the smallest one that is not taken if
 * it is -1. Returns PROA_OK, PROA_E_EXISTS, PROA_E_FULL. */
PROA_CHECK proa_err proa__row_take(const proa__table *t, int32_t wanted, proa__row **row,
                                   uint16_t *instance);

/* One of a row's texts; borrowed until any row changes. All of them together: their bytes. */
proa_span proa__row_text(const proa__row *row, unsigned which);
bool proa__row_text_is(const proa__row *row, unsigned which, proa_span text);
size_t proa__row_texts_len(const proa__row *row);

/* The row becomes `from`, whose texts lie anywhere but in the pool. The pool must have room. */
void proa__row_install(const proa__table *t, proa__row *row, const proa__row *from);
bool proa__row_has_room(const proa__table *t, const proa__row *row, const proa__row *from);

static inline uint32_t *proa__row_numbers(const proa__row *row)
{
    return (uint32_t *)(void *)((uintptr_t)row + offsetof(proa__row, instance));
}

/* A free row gets its number and its texts, and lives. False if there is no room for them. */
bool proa__row_fill(const proa__table *t, proa__row *row, uint32_t instance,
                    const proa_span texts[PROA__TEXTS_MAX]);

/* Take `len` bytes out of a row's texts, of which only the first has any behind them. */
void proa__row_cut(proa_c2c *c, proa__row *row, size_t from, size_t len);

/* Wipe a row's texts; a row with its texts. */
void proa__row_wipe_texts(proa_c2c *c, proa__row *row);
void proa__row_free(const proa__table *t, proa__row *row);

/* Where the element of a list begins, or -1. */
int proa__list_find(proa_span list, uint32_t id);

#endif
