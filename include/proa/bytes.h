/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_BYTES_H
#define PROA_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proa/err.h"

/* Bytes: borrowed views, a reader that cannot run past the end, a writer that cannot overflow.
 *
 * A proa_span borrows. Whoever hands one out says until when it is valid. Text in Proa is a span
 * of UTF-8 without a terminating zero unless a type says otherwise.
 *
 * Reader and writer are sticky: after the first failure every later call fails the same way and
 * changes nothing, so a codec may read or write a whole structure and test once at its end. All
 * multi-byte integers are big-endian, as in every protocol that Proa speaks. */

typedef struct proa_span {
    const uint8_t *data; /* may be NULL only if len is 0 */
    size_t len;          /* bytes */
} proa_span;

/* A span over the characters of a zero-terminated string, the zero not included. Borrows text. */
proa_span proa_span_of(const char *text);

static inline proa_span proa_span_make(const void *data, size_t len)
{
    proa_span span = {(const uint8_t *)data, len};
    return span;
}

/* True if both hold the same bytes. Not constant time: for names and paths. O(len). */
bool proa_span_equal(proa_span a, proa_span b);

/* True if both hold the same bytes; the time depends on the lengths only: for keys and tags. */
bool proa_equal_ct(const uint8_t *a, const uint8_t *b, size_t len);

/* Overwrite a secret in a way that the compiler may not leave out. O(len). */
void proa_wipe(void *secret, size_t len);

/* ---- reading ---------------------------------------------------------------------------- */

typedef struct proa_reader {
    const uint8_t *at;  /* next byte */
    const uint8_t *end; /* one past the last */
    proa_err err;       /* sticky; PROA_E_TRUNCATED once a read went past the end */
} proa_reader;

static inline proa_reader proa_reader_make(proa_span in)
{
    proa_reader r = {in.data, in.data == NULL ? NULL : in.data + in.len, PROA_OK};
    return r;
}

static inline size_t proa_reader_left(const proa_reader *r)
{
    return r->at == NULL ? 0 : (size_t)(r->end - r->at);
}

/* Read 1, 2, 4 or 8 bytes as an unsigned integer; 0 after a failure. O(1). */
uint8_t proa_read_u8(proa_reader *r);
uint16_t proa_read_u16(proa_reader *r);
uint32_t proa_read_u32(proa_reader *r);
uint64_t proa_read_u64(proa_reader *r);

/* Read an unsigned integer of `width` bytes, 0..8 (0 reads nothing and gives 0). */
uint64_t proa_read_uint(proa_reader *r, size_t width);

/* Take the next `len` bytes without copying; an empty span after a failure. */
proa_span proa_read_span(proa_reader *r, size_t len);

/* ---- writing ---------------------------------------------------------------------------- */

typedef struct proa_writer {
    uint8_t *data;
    size_t len;   /* bytes written so far */
    size_t cap;   /* bytes that fit */
    proa_err err; /* sticky; PROA_E_NO_SPACE once a write did not fit (nothing of it is written) */
} proa_writer;

static inline proa_writer proa_writer_make(void *data, size_t cap)
{
    proa_writer w = {(uint8_t *)data, 0, cap, PROA_OK};
    return w;
}

void proa_write_u8(proa_writer *w, uint8_t value);
void proa_write_u16(proa_writer *w, uint16_t value);
void proa_write_u32(proa_writer *w, uint32_t value);
void proa_write_u64(proa_writer *w, uint64_t value);

/* Write `value` in exactly `width` bytes, 0..8; PROA_E_RANGE if it does not fit them. */
void proa_write_uint(proa_writer *w, uint64_t value, size_t width);
void proa_write_bytes(proa_writer *w, const void *data, size_t len);
void proa_write_span(proa_writer *w, proa_span in);

/* Put `len` bytes before what was written from position `at` (0..w->len) on, which moves: for a
 * length that is known only when its content stands. PROA_E_NO_SPACE. O(w->len - at). */
void proa_write_insert(proa_writer *w, size_t at, const void *data, size_t len);

/* Write the characters of a zero-terminated string, without the zero. */
void proa_write_text(proa_writer *w, const char *text);

/* Write `value` in decimal digits, with a minus sign if negative. */
void proa_write_decimal(proa_writer *w, int64_t value);

/* What has been written. Valid as long as the writer's buffer is, and until the next write. */
static inline proa_span proa_writer_span(const proa_writer *w)
{
    proa_span span = {w->data, w->len};
    return span;
}

/* ---- numbers in text -------------------------------------------------------------------- */

/* Read the whole of `text` as an unsigned decimal number of at most `max`.
 * Returns PROA_OK, PROA_E_FORMAT (empty, a sign, another character), PROA_E_RANGE. */
PROA_CHECK proa_err proa_parse_decimal(proa_span text, uint64_t max, uint64_t *out);

/* The smallest number of bytes (0..8) that hold `value`: CoAP's uint, RFC 7252 §3.2. */
size_t proa_uint_width(uint64_t value);

#endif
