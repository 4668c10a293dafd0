/* SPDX-License-Identifier: Apache-2.0 */
/* LwM2M TLV, Core 1.1 §7.4.4. One type byte: bits 7-6 the kind, bit 5 a 16-bit identifier, bits 4-3
 * how many bytes of length follow the identifier, bits 2-0 the length itself if none do.
 * Knows heads and the forms of values; neither nesting nor models. */
#include "proa/codec/tlv.h"

#include "core/codec/real.h"

enum { KIND_SHIFT = 6, WIDE_ID = 0x20, LENGTH_SHIFT = 3, SHORT_LENGTH_MAX = 7, HEAD_MAX = 6 };

#define LENGTH_MAX 0xffffffU

/* ---- reading ---------------------------------------------------------------------------- */

bool proa_tlv_next(proa_reader *r, proa_tlv_record *record)
{
    if (r->err != PROA_OK || proa_reader_left(r) == 0) {
        return false;
    }
    uint8_t type = proa_read_u8(r);
    record->kind = (proa_tlv_kind)(type >> KIND_SHIFT);
    record->id = (uint16_t)proa_read_uint(r, (type & WIDE_ID) != 0 ? 2 : 1);
    size_t width = type >> LENGTH_SHIFT & 3;
    size_t len = width == 0 ? type & SHORT_LENGTH_MAX : (size_t)proa_read_uint(r, width);
    record->value = proa_read_span(r, len);
    return r->err == PROA_OK;
}

static bool is_integer_width(size_t len)
{
    return len == 1 || len == 2 || len == 4 || len == 8;
}

proa_err proa_tlv_unsigned(proa_span value, uint64_t *out)
{
    if (!is_integer_width(value.len)) {
        return PROA_E_TYPE;
    }
    proa_reader r = proa_reader_make(value);
    *out = proa_read_uint(&r, value.len);
    return PROA_OK;
}

proa_err proa_tlv_integer(proa_span value, int64_t *out)
{
    uint64_t bits;
    if (proa_tlv_unsigned(value, &bits) != PROA_OK) {
        return PROA_E_TYPE;
    }
    uint64_t above = UINT64_MAX; /* the bits above the width */
    for (size_t i = 0; i < value.len; i++) {
        above <<= 8;
    }
    /* Below zero, where the sign goes on above the width, the complement counts from -1 down. */
    bool negative = value.data[0] >> 7 != 0;
    *out = negative ? -1 - (int64_t)~(above | bits) : (int64_t)bits;
    return PROA_OK;
}

proa_err proa_tlv_float(proa_span value, double *out)
{
    uint64_t bits;
    if (value.len < 4 || proa_tlv_unsigned(value, &bits) != PROA_OK) {
        return PROA_E_TYPE;
    }
    *out = value.len == 4 ? proa__real_of_float((uint32_t)bits) : proa__real_of_bits(bits);
    return PROA_OK;
}

proa_err proa_tlv_boolean(proa_span value, bool *out)
{
    if (value.len != 1 || value.data[0] > 1) {
        return PROA_E_TYPE;
    }
    *out = value.data[0] == 1;
    return PROA_OK;
}

proa_err proa_tlv_objlink(proa_span value, uint16_t *object, uint16_t *instance)
{
    uint64_t bits;
    if (value.len != 4 || proa_tlv_unsigned(value, &bits) != PROA_OK) {
        return PROA_E_TYPE;
    }
    *object = (uint16_t)(bits >> 16);
    *instance = (uint16_t)bits;
    return PROA_OK;
}

/* ---- writing ---------------------------------------------------------------------------- */

/* The head of a record whose value has `len` bytes, at most LENGTH_MAX. */
static size_t make_head(uint8_t out[HEAD_MAX], proa_tlv_kind kind, uint16_t id, size_t len)
{
    proa_writer w = proa_writer_make(out, HEAD_MAX);
    bool wide = id > UINT8_MAX;
    size_t width = len <= SHORT_LENGTH_MAX ? 0 : proa_uint_width(len);
    unsigned low = width == 0 ? (unsigned)len : (unsigned)width << LENGTH_SHIFT;
    proa_write_u8(&w, (uint8_t)((unsigned)kind << KIND_SHIFT | (wide ? WIDE_ID : 0U) | low));
    proa_write_uint(&w, id, wide ? 2 : 1);
    if (width > 0) {
        proa_write_uint(&w, len, width);
    }
    return w.len;
}

void proa_tlv_write(proa_writer *w, proa_tlv_kind kind, uint16_t id, proa_span value)
{
    size_t at = w->len;
    proa_write_span(w, value);
    proa_tlv_enclose(w, at, kind, id);
    if (w->err != PROA_OK) {
        w->len = at; /* a value without its head is nothing */
    }
}

void proa_tlv_enclose(proa_writer *w, size_t at, proa_tlv_kind kind, uint16_t id)
{
    uint8_t head[HEAD_MAX];
    if (w->err == PROA_OK && w->len - at > LENGTH_MAX) {
        w->err = PROA_E_TOO_LARGE;
    }
    if (w->err == PROA_OK) {
        size_t len = make_head(head, kind, id, w->len - at);
        proa_write_insert(w, at, head, len);
    }
}

/* The low `width` bytes of `bits` as a value. */
static void write_bits(proa_writer *w, proa_tlv_kind kind, uint16_t id, uint64_t bits, size_t width)
{
    uint8_t bytes[8];
    proa_writer all = proa_writer_make(bytes, sizeof bytes);
    proa_write_u64(&all, bits);
    proa_tlv_write(w, kind, id, proa_span_make(bytes + sizeof bytes - width, width));
}

/* What holds `bits`: 1, 2, 4 or 8 bytes. */
static size_t width_of(uint64_t bits)
{
    size_t width = proa_uint_width(bits);
    return width <= 1 ? 1 : width <= 2 ? 2 : width <= 4 ? 4 : 8;
}

void proa_tlv_write_integer(proa_writer *w, proa_tlv_kind kind, uint16_t id, int64_t value)
{
    /* Its bits without the repeated sign, and one for the sign. */
    uint64_t bits = (uint64_t)(value < 0 ? ~value : value) << 1;
    write_bits(w, kind, id, (uint64_t)value, width_of(bits));
}

void proa_tlv_write_unsigned(proa_writer *w, proa_tlv_kind kind, uint16_t id, uint64_t value)
{
    write_bits(w, kind, id, value, width_of(value));
}

void proa_tlv_write_float(proa_writer *w, proa_tlv_kind kind, uint16_t id, double value)
{
    uint32_t bits;
    bool narrow = proa__real_as_float(value, &bits);
    write_bits(w, kind, id, narrow ? bits : proa__real_bits(value), narrow ? 4 : 8);
}

void proa_tlv_write_boolean(proa_writer *w, proa_tlv_kind kind, uint16_t id, bool value)
{
    write_bits(w, kind, id, value ? 1 : 0, 1);
}

void proa_tlv_write_objlink(proa_writer *w, proa_tlv_kind kind, uint16_t id, uint16_t object,
                            uint16_t instance)
{
    write_bits(w, kind, id, (uint64_t)object << 16 | instance, 4);
}
