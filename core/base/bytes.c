/* SPDX-License-Identifier: Apache-2.0 */
/* Views, the bounded reader and the bounded writer of bytes.h.
 *
 * Invariant of both: err is set at most once and stays; after that, neither position nor content
 * changes. Every other file reads and writes the wire through these functions, so this is the only
 * place where a length is compared with what is left. */
#include "proa/bytes.h"

#include <string.h>

#include "core/base/divide.h"
#include "proa/assert.h"

proa_span proa_span_of(const char *text)
{
    return proa_span_make(text, strlen(text));
}

bool proa_span_equal(proa_span a, proa_span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool proa_equal_ct(const uint8_t *a, const uint8_t *b, size_t len)
{
    volatile uint8_t difference = 0;
    for (size_t i = 0; i < len; i++) {
        difference = (uint8_t)(difference | (a[i] ^ b[i]));
    }
    return difference == 0;
}

void proa_wipe(void *secret, size_t len)
{
    volatile uint8_t *at = (volatile uint8_t *)secret;
    for (size_t i = 0; i < len; i++) {
        at[i] = 0;
    }
}

proa_span proa_read_span(proa_reader *r, size_t len)
{
    proa_span none = {NULL, 0};
    if (r->err != PROA_OK) {
        return none;
    }
    if (len > proa_reader_left(r)) {
        r->err = PROA_E_TRUNCATED;
        return none;
    }
    proa_span out = {r->at, len};
    if (len > 0) {
        r->at += len;
    }
    return out;
}

uint64_t proa_read_uint(proa_reader *r, size_t width)
{
    if (width > 8) {
        r->err = r->err == PROA_OK ? PROA_E_RANGE : r->err;
        return 0;
    }
    proa_span in = proa_read_span(r, width);
    uint64_t value = 0;
    for (size_t i = 0; i < in.len; i++) {
        value = value << 8 | in.data[i];
    }
    return value;
}

uint8_t proa_read_u8(proa_reader *r)
{
    return (uint8_t)proa_read_uint(r, 1);
}

uint16_t proa_read_u16(proa_reader *r)
{
    return (uint16_t)proa_read_uint(r, 2);
}

uint32_t proa_read_u32(proa_reader *r)
{
    return (uint32_t)proa_read_uint(r, 4);
}

uint64_t proa_read_u64(proa_reader *r)
{
    return proa_read_uint(r, 8);
}

void proa_write_bytes(proa_writer *w, const void *data, size_t len)
{
    if (w->err != PROA_OK || len == 0) {
        return;
    }
    if (len > w->cap - w->len) {
        w->err = PROA_E_NO_SPACE;
        return;
    }
    memcpy(w->data + w->len, data, len);
    w->len += len;
}

void proa_write_insert(proa_writer *w, size_t at, const void *data, size_t len)
{
    if (w->err != PROA_OK || len == 0) {
        return;
    }
    PROA_ASSERT(at <= w->len);
    if (len > w->cap - w->len) {
        w->err = PROA_E_NO_SPACE;
        return;
    }
    memmove(w->data + at + len, w->data + at, w->len - at);
    memcpy(w->data + at, data, len);
    w->len += len;
}

void proa_write_span(proa_writer *w, proa_span in)
{
    proa_write_bytes(w, in.data, in.len);
}

void proa_write_text(proa_writer *w, const char *text)
{
    proa_write_bytes(w, text, strlen(text));
}

void proa_write_uint(proa_writer *w, uint64_t value, size_t width)
{
    uint8_t bytes[8] = {0};
    if (width > 8 || (width < 8 && value >> (8 * width) != 0)) {
        w->err = w->err == PROA_OK ? PROA_E_RANGE : w->err;
        return;
    }
    for (size_t i = 0; i < width; i++) {
        bytes[i] = (uint8_t)(value >> (8 * (width - 1 - i)));
    }
    proa_write_bytes(w, bytes, width);
}

void proa_write_u8(proa_writer *w, uint8_t value)
{
    proa_write_bytes(w, &value, 1);
}

void proa_write_u16(proa_writer *w, uint16_t value)
{
    proa_write_uint(w, value, 2);
}

void proa_write_u32(proa_writer *w, uint32_t value)
{
    proa_write_uint(w, value, 4);
}

void proa_write_u64(proa_writer *w, uint64_t value)
{
    proa_write_uint(w, value, 8);
}

void proa_write_decimal(proa_writer *w, int64_t value)
{
    uint8_t digits[20]; /* 19 digits of 2^63 and a sign */
    size_t at = sizeof digits;
    /* Negating in unsigned arithmetic is defined for the smallest int64_t, too. */
    uint64_t magnitude = value < 0 ? 0U - (uint64_t)value : (uint64_t)value;
    do {
        uint32_t digit;
        magnitude = proa_divide(magnitude, 10, &digit);
        digits[--at] = (uint8_t)('0' + digit);
    } while (magnitude != 0);
    if (value < 0) {
        digits[--at] = '-';
    }
    proa_write_bytes(w, digits + at, sizeof digits - at);
}

proa_err proa_parse_decimal(proa_span text, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;
    if (text.len == 0) {
        return PROA_E_FORMAT;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return PROA_E_FORMAT;
        }
        uint64_t digit = (uint64_t)(text.data[i] - '0');
        if (value > UINT64_MAX / 10 || digit > max || value * 10 > max - digit) {
            return PROA_E_RANGE;
        }
        value = value * 10 + digit;
    }
    *out = value;
    return PROA_OK;
}

size_t proa_uint_width(uint64_t value)
{
    size_t width = 0;
    while (value != 0) {
        width++;
        value >>= 8;
    }
    return width;
}
