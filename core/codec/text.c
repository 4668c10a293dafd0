/* SPDX-License-Identifier: Apache-2.0 */
/* Values as plain text: the grammar of each type. Exact arithmetic is in decimal.c; Base64 is
 * RFC 4648 §4. */
#include "proa/codec/text.h"

#include "core/base/divide.h"
#include "core/codec/decimal.h"
#include "core/codec/real.h"

/* ---- numbers ---------------------------------------------------------------------------- */

proa_err proa_text_integer(proa_span text, int64_t *out)
{
    bool negative = text.len > 0 && text.data[0] == '-';
    uint64_t magnitude;
    proa_span digits = negative ? proa_span_make(text.data + 1, text.len - 1) : text;
    uint64_t max = (uint64_t)INT64_MAX + (negative ? 1 : 0);
    proa_err err = proa_parse_decimal(digits, max, &magnitude);
    if (err != PROA_OK) {
        return err;
    }
    /* -(magnitude - 1) - 1 reaches the smallest number without passing the largest. */
    *out = negative && magnitude > 0 ? -(int64_t)(magnitude - 1) - 1 : (int64_t)magnitude;
    return PROA_OK;
}

/* The digits of a float: text * 10^exponent. */
typedef struct digits {
    char text[PROA__DECIMAL_READ_MAX + 1];
    size_t count;
    int32_t exponent;
    bool any;
} digits;

/* Counting stops far outside any double, so that no text can make the exponent wrap. */
enum { EXPONENT_FAR = 100000 };

static void add_digit(digits *d, uint8_t c, bool after_point)
{
    bool counts = d->count > 0 || c != '0';
    bool full = d->count >= PROA__DECIMAL_READ_MAX;
    d->any = true;
    if (counts && !full) {
        d->text[d->count++] = (char)c;
    } else if (full && c != '0' && d->count == PROA__DECIMAL_READ_MAX) {
        /* Whatever comes from here on, the number is a little above the digits so far. */
        d->text[d->count++] = '1';
        d->exponent--;
    }
    if (full != after_point && d->exponent > -EXPONENT_FAR && d->exponent < EXPONENT_FAR) {
        d->exponent += full ? 1 : -1;
    }
}

static bool is_digit(const proa_reader *r)
{
    return proa_reader_left(r) > 0 && *r->at >= '0' && *r->at <= '9';
}

/* Take the next character if it is one of two. */
static bool take(proa_reader *r, uint8_t a, uint8_t b)
{
    bool is = proa_reader_left(r) > 0 && (*r->at == a || *r->at == b);
    r->at += is;
    return is;
}

/* [e[+-]digits] up to the end. False if something else is there. */
static bool read_exponent(proa_reader *r, int32_t *exponent)
{
    *exponent = 0;
    if (!take(r, 'e', 'E')) {
        return true;
    }
    bool negative = proa_reader_left(r) > 0 && *r->at == '-';
    (void)take(r, '+', '-');
    if (!is_digit(r)) {
        return false;
    }
    for (; is_digit(r); r->at++) {
        if (*exponent < EXPONENT_FAR) {
            *exponent = *exponent * 10 + (*r->at - '0');
        }
    }
    *exponent = negative ? -*exponent : *exponent;
    return true;
}

static proa_err read_any(proa_span text, double *out)
{
    proa_reader r = proa_reader_make(text);
    digits d = {{0}, 0, 0, false};
    int32_t exponent;
    double magnitude;
    bool negative = proa_reader_left(&r) > 0 && *r.at == '-';
    (void)take(&r, '+', '-');
    for (; is_digit(&r); r.at++) {
        add_digit(&d, *r.at, false);
    }
    if (take(&r, '.', '.')) {
        for (; is_digit(&r); r.at++) {
            add_digit(&d, *r.at, true);
        }
    }
    if (!d.any || !read_exponent(&r, &exponent) || proa_reader_left(&r) > 0) {
        return PROA_E_FORMAT;
    }
    if (!proa__decimal_to(d.text, d.count, d.exponent + exponent, &magnitude)) {
        return PROA_E_RANGE;
    }
    *out = negative ? -magnitude : magnitude;
    return PROA_OK;
}

void proa_text_write_unsigned(proa_writer *w, uint64_t value)
{
    uint8_t text[20];
    size_t at = sizeof text;
    do {
        uint32_t digit;
        value = proa_divide(value, 10, &digit);
        text[--at] = (uint8_t)('0' + digit);
    } while (value != 0);
    proa_write_bytes(w, text + at, sizeof text - at);
}

static void write_zeros(proa_writer *w, int count)
{
    for (; count > 0; count--) {
        proa_write_u8(w, '0');
    }
}

/* 0.d1d2d3... * 10^exponent with the point where it belongs. */
static void write_plain(proa_writer *w, const char *text, int count, int exponent)
{
    int whole = exponent < 0 ? 0 : exponent < count ? exponent : count;
    proa_write_bytes(w, text, (size_t)whole);
    write_zeros(w, exponent <= 0 ? 1 : exponent - whole);
    if (whole < count) {
        proa_write_u8(w, '.');
        write_zeros(w, -exponent);
        proa_write_bytes(w, text + whole, (size_t)(count - whole));
    }
}

static void write_scientific(proa_writer *w, const char *text, int count, int exponent)
{
    proa_write_bytes(w, text, 1);
    if (count > 1) {
        proa_write_u8(w, '.');
        proa_write_bytes(w, text + 1, (size_t)(count - 1));
    }
    proa_write_text(w, exponent > 0 ? "e+" : "e");
    proa_write_decimal(w, exponent - 1);
}

static void write_any(proa_writer *w, double value)
{
    uint8_t buf[PROA_TEXT_FLOAT_MAX];
    proa_writer out = proa_writer_make(buf, sizeof buf);
    uint64_t bits = proa__real_bits(value);
    uint64_t magnitude = bits & ~(UINT64_C(1) << 63);
    if (magnitude >= UINT64_C(0x7ff) << 52) {
        w->err = w->err == PROA_OK ? PROA_E_RANGE : w->err;
        return;
    }
    if (bits != magnitude) {
        proa_write_u8(&out, '-');
    }
    if (magnitude == 0) {
        proa_write_u8(&out, '0');
    } else {
        char text[PROA__DECIMAL_DIGITS_MAX];
        int exponent;
        int count = (int)proa__decimal_of(proa__real_of_bits(magnitude), text, &exponent);
        if (exponent > -6 && exponent <= 21) {
            write_plain(&out, text, count, exponent);
        } else {
            write_scientific(&out, text, count, exponent);
        }
    }
    proa_write_span(w, proa_writer_span(&out));
}

const proa_float_text proa_floats_any = {read_any, write_any};

static proa_err read_whole(proa_span text, double *out)
{
    int64_t number;
    proa_err err = proa_text_integer(text, &number);
    if (err == PROA_OK) {
        *out =
            proa__real_of_whole(number < 0 ? 0U - (uint64_t)number : (uint64_t)number, number < 0);
    }
    return err;
}

static void write_whole(proa_writer *w, double value)
{
    uint8_t buf[PROA_TEXT_FLOAT_MAX];
    proa_writer out = proa_writer_make(buf, sizeof buf);
    uint64_t magnitude;
    if (!proa__real_as_whole(value, &magnitude)) {
        w->err = w->err == PROA_OK ? PROA_E_RANGE : w->err;
        return;
    }
    if (proa__real_bits(value) >> 63 != 0) {
        proa_write_u8(&out, '-');
    }
    proa_text_write_unsigned(&out, magnitude);
    proa_write_span(w, proa_writer_span(&out));
}

const proa_float_text proa_floats_whole = {read_whole, write_whole};

proa_err proa_text_float(proa_span text, double *out)
{
    return proa_floats->read(text, out);
}

void proa_text_write_float(proa_writer *w, double value)
{
    proa_floats->write(w, value);
}

/* ---- booleans and links ----------------------------------------------------------------- */

proa_err proa_text_boolean(proa_span text, bool *out)
{
    if (text.len != 1 || (text.data[0] != '0' && text.data[0] != '1')) {
        return PROA_E_FORMAT;
    }
    *out = text.data[0] == '1';
    return PROA_OK;
}

void proa_text_write_boolean(proa_writer *w, bool value)
{
    proa_write_u8(w, value ? '1' : '0');
}

proa_err proa_text_objlink(proa_span text, uint16_t *object, uint16_t *instance)
{
    uint64_t ids[2];
    size_t len = 0; /* of the first number */
    while (len < text.len && text.data[len] != ':') {
        len++;
    }
    if (len == text.len) {
        return PROA_E_FORMAT;
    }
    proa_err err = proa_parse_decimal(proa_span_make(text.data, len), UINT16_MAX, &ids[0]);
    if (err == PROA_OK) {
        err = proa_parse_decimal(proa_span_make(text.data + len + 1, text.len - len - 1),
                                 UINT16_MAX, &ids[1]);
    }
    if (err == PROA_OK) {
        *object = (uint16_t)ids[0];
        *instance = (uint16_t)ids[1];
    }
    return err;
}

void proa_text_write_objlink(proa_writer *w, uint16_t object, uint16_t instance)
{
    uint8_t buf[11]; /* 65535:65535 */
    proa_writer out = proa_writer_make(buf, sizeof buf);
    proa_write_decimal(&out, object);
    proa_write_u8(&out, ':');
    proa_write_decimal(&out, instance);
    proa_write_span(w, proa_writer_span(&out));
}

/* ---- Base64 ----------------------------------------------------------------------------- */

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* The six bits of a character, or 64 if it has none. */
static uint32_t sextet(uint8_t c)
{
    uint32_t six = 0;
    while (six < 64 && (uint8_t)alphabet[six] != c) {
        six++;
    }
    return six;
}

/* Four characters of which the last `pad` are padding. Bits that belong to no byte must be zero,
 * so that a value has one text only (§3.5). */
static bool decode_group(const uint8_t in[4], size_t pad, proa_writer *w)
{
    uint32_t bits = 0;
    for (size_t i = 0; i < 4; i++) {
        uint32_t six = i < 4 - pad ? sextet(in[i]) : 0;
        if (six == 64) {
            return false;
        }
        bits = bits << 6 | six;
    }
    if ((bits & ((UINT32_C(1) << (8 * pad)) - 1)) != 0) {
        return false;
    }
    proa_write_uint(w, bits >> (8 * pad), 3 - pad);
    return true;
}

proa_err proa_text_base64(proa_span text, proa_writer *w)
{
    size_t start = w->len;
    if (w->err != PROA_OK) {
        return w->err;
    }
    if (text.len % 4 != 0) {
        return PROA_E_FORMAT;
    }
    for (size_t at = 0; at < text.len; at += 4) {
        size_t pad = 0;
        if (at + 4 == text.len && text.data[at + 3] == '=') {
            pad = text.data[at + 2] == '=' ? 2 : 1;
        }
        if (!decode_group(text.data + at, pad, w)) {
            w->len = start;
            return PROA_E_FORMAT;
        }
    }
    if (w->err != PROA_OK) {
        w->len = start;
    }
    return w->err;
}

void proa_text_write_base64(proa_writer *w, proa_span bytes)
{
    size_t start = w->len;
    for (size_t at = 0; at < bytes.len; at += 3) {
        size_t count = bytes.len - at < 3 ? bytes.len - at : 3;
        uint32_t bits = 0;
        uint8_t out[4];
        for (size_t i = 0; i < 3; i++) {
            bits = bits << 8 | (i < count ? bytes.data[at + i] : 0U);
        }
        for (size_t i = 0; i < 4; i++) {
            out[i] = i <= count ? (uint8_t)alphabet[bits >> (18 - 6 * i) & 63] : '=';
        }
        proa_write_bytes(w, out, sizeof out);
    }
    if (w->err != PROA_OK) {
        w->len = start;
    }
}
