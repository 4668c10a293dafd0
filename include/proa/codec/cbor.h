/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_CODEC_CBOR_H
#define PROA_CODEC_CBOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proa/bytes.h"
#include "proa/err.h"
#include "proa/limits.h"

/* CBOR (RFC 8949): reading items one after the other without copying, writing them with the
 * shortest heads.
 *
 * The reader walks. Say what you expect next; anything else is an error. Errors stick, so a whole
 * structure is read and tested once at its end:
 *
 *     proa_cbor_reader c = proa_cbor_reader_make(payload);       // {1: "coaps://..."}
 *     proa_cbor_read_map(&c);
 *     while (proa_cbor_more(&c)) {
 *         if (proa_cbor_read_uint(&c) == 1) {
 *             uri = proa_cbor_read_text(&c);
 *         } else {
 *             proa_cbor_skip(&c);
 *         }
 *     }
 *     proa_cbor_leave(&c);
 *     return proa_cbor_end(&c);
 *
 * After a failure every read gives 0 or an empty span and proa_cbor_more() is false, so such a
 * loop ends. Before values are used for anything that lasts, test c.err.
 *
 * Read: every well-formed item, with heads longer than needed and with indefinite lengths, since
 * peers send them. At most PROA_CBOR_DEPTH_MAX arrays and maps may be open in one another; nothing
 * recurses. Text is not checked to be UTF-8, and duplicate keys are the caller's business.
 *
 * Written: definite lengths and shortest heads only (RFC 8949 §4.2.1), floats in the shortest form
 * that keeps the value. */

typedef enum proa_cbor_type {
    PROA_CBOR_NONE = 0, /* no item here: end of the array, map or input, or broken */
    PROA_CBOR_UINT,
    PROA_CBOR_NEGATIVE,
    PROA_CBOR_BYTES,
    PROA_CBOR_TEXT,
    PROA_CBOR_ARRAY,
    PROA_CBOR_MAP,
    PROA_CBOR_TAG,
    PROA_CBOR_BOOL,
    PROA_CBOR_NULL,
    PROA_CBOR_UNDEFINED,
    PROA_CBOR_SIMPLE, /* any other simple value */
    PROA_CBOR_FLOAT
} proa_cbor_type;

typedef struct proa_cbor_reader {
    proa_reader in;
    proa_err err;        /* sticky: the first failure */
    proa_writer scratch; /* where strings in several chunks are put together */
    uint8_t depth;       /* arrays and maps open */
    bool tagged;         /* a tag was read, its content was not */
    struct {
        uint64_t left;   /* items still to come, if the length is known */
        bool indefinite; /* ... if not: until a break */
        bool map;
        bool odd; /* indefinite map: a key was read, its value was not */
    } open[PROA_CBOR_DEPTH_MAX];
} proa_cbor_reader;

/* ---- reading ---------------------------------------------------------------------------- */

/* A reader of the items in `in`, which is borrowed as long as the reader and the spans it gives
 * are in use. */
proa_cbor_reader proa_cbor_reader_make(proa_span in);

/* Give the reader `cap` bytes at `buf` (borrowed) to put together strings that come in several
 * chunks (RFC 8949 §3.2.3). Spans of such strings point there. Called again, the place is used
 * from its start again. Without it such strings are PROA_E_UNSUPPORTED; strings in one chunk never
 * need it. */
void proa_cbor_scratch(proa_cbor_reader *c, void *buf, size_t cap);

/* The type of the next item; PROA_CBOR_NONE if there is none, or after an error. O(1). */
proa_cbor_type proa_cbor_peek(const proa_cbor_reader *c);

/* True if the open array or map (or the input, when nothing is open) has another item. False after
 * an error. O(1). */
bool proa_cbor_more(const proa_cbor_reader *c);

/* Read one item. All of these set c->err, and then give 0, false or an empty span:
 * PROA_E_TYPE       the next item is of another type; nothing is read.
 * PROA_E_TRUNCATED  the input ends within the item.
 * PROA_E_FORMAT     not well formed, or no item is left in the open array or map.
 * PROA_E_RANGE      the number does not fit the result.
 * PROA_E_TOO_LARGE  nested deeper than PROA_CBOR_DEPTH_MAX.
 * O(1), for strings in several chunks O(len). */
uint64_t proa_cbor_read_uint(proa_cbor_reader *c);

/* An integer of either sign that fits 64 bits. */
int64_t proa_cbor_read_int(proa_cbor_reader *c);

/* A float of 16, 32 or 64 bits. */
double proa_cbor_read_float(proa_cbor_reader *c);
bool proa_cbor_read_bool(proa_cbor_reader *c);

/* null or undefined. */
void proa_cbor_read_null(proa_cbor_reader *c);

/* Any simple value as its number: 20 false, 21 true, 22 null, 23 undefined. */
uint8_t proa_cbor_read_simple(proa_cbor_reader *c);

/* A string; the span points into the input, or into the scratch place if it came in chunks.
 * Also PROA_E_UNSUPPORTED (chunks and no scratch place), PROA_E_NO_SPACE (scratch place full). */
proa_span proa_cbor_read_bytes(proa_cbor_reader *c);
proa_span proa_cbor_read_text(proa_cbor_reader *c);

/* The number of a tag; its content is the next item. */
uint64_t proa_cbor_read_tag(proa_cbor_reader *c);

/* Open an array or a map: its items come next (of a map: key, value, key, value). */
void proa_cbor_read_array(proa_cbor_reader *c);
void proa_cbor_read_map(proa_cbor_reader *c);

/* Close what was opened last. PROA_E_FORMAT if it has items left: skip them if they may be there. */
void proa_cbor_leave(proa_cbor_reader *c);

/* Pass over one item of any type with all that is in it, and return its encoding, borrowed from the
 * input. O(len of the item). */
proa_span proa_cbor_skip(proa_cbor_reader *c);

/* What went wrong on the way; PROA_E_FORMAT if nothing did but something is still open or left. */
PROA_CHECK proa_err proa_cbor_end(const proa_cbor_reader *c);

/* ---- writing ---------------------------------------------------------------------------- */

/* Write one item. Errors stick to the writer: PROA_E_NO_SPACE. */
void proa_cbor_write_uint(proa_writer *w, uint64_t value);
void proa_cbor_write_int(proa_writer *w, int64_t value);
void proa_cbor_write_bytes(proa_writer *w, proa_span bytes);
void proa_cbor_write_text(proa_writer *w, proa_span text);
void proa_cbor_write_bool(proa_writer *w, bool value);
void proa_cbor_write_null(proa_writer *w);

/* In 16 bits if they keep the value exactly, else 32, else 64. Every NaN becomes f97e00. */
void proa_cbor_write_float(proa_writer *w, double value);

/* The head of a tag; write its content next. */
void proa_cbor_write_tag(proa_writer *w, uint64_t tag);

/* The head of an array or a map: write `count` items, or 2 * count, next. */
void proa_cbor_write_array(proa_writer *w, uint64_t count);
void proa_cbor_write_map(proa_writer *w, uint64_t count);

/* The head of an array whose items were written already, from w->len == at on: they move. */
void proa_cbor_insert_array(proa_writer *w, size_t at, uint64_t count);

#endif
