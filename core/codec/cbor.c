/* SPDX-License-Identifier: Apache-2.0 */
/* CBOR items, RFC 8949 §3 and Appendix C.
 *
 * Owns the grammar: heads, nesting, indefinite lengths. Invariant of the reader: `open[0..depth)`
 * are the arrays and maps around the next item; an item counts in the innermost of them when its
 * head is read. Tags do not count, their content does. It knows nothing of what items mean. */
#include "proa/codec/cbor.h"

#include "core/codec/real.h"

enum {
    MAJOR_UINT,
    MAJOR_NEGATIVE,
    MAJOR_BYTES,
    MAJOR_TEXT,
    MAJOR_ARRAY,
    MAJOR_MAP,
    MAJOR_TAG,
    MAJOR_SIMPLE
};

/* Additional information, RFC 8949 §3. */
enum { INFO_1_BYTE = 24, INFO_8_BYTES = 27, INFO_INDEFINITE = 31 };

enum { SIMPLE_FALSE = 20, SIMPLE_TRUE = 21, SIMPLE_NULL = 22, SIMPLE_UNDEFINED = 23 };

#define BREAK 0xffU

typedef struct head {
    uint8_t major;
    uint8_t info;
    uint64_t number; /* the argument; 0 if indefinite */
} head;

static void fail(proa_cbor_reader *c, proa_err err)
{
    if (c->err == PROA_OK) {
        c->err = err;
    }
}

proa_cbor_reader proa_cbor_reader_make(proa_span in)
{
    proa_cbor_reader c = {.in = proa_reader_make(in)};
    return c;
}

void proa_cbor_scratch(proa_cbor_reader *c, void *buf, size_t cap)
{
    c->scratch = proa_writer_make(buf, cap);
}

bool proa_cbor_more(const proa_cbor_reader *c)
{
    if (c->err != PROA_OK) {
        return false;
    }
    if (c->tagged) {
        return true; /* whatever comes: the tag needs a content */
    }
    if (c->depth == 0) {
        return proa_reader_left(&c->in) > 0;
    }
    if (c->open[c->depth - 1].indefinite) {
        /* At the end of the input there is no break: let the next read find that out. */
        return proa_reader_left(&c->in) == 0 || *c->in.at != BREAK;
    }
    return c->open[c->depth - 1].left > 0;
}

static proa_cbor_type type_of_simple(uint8_t info)
{
    switch (info) {
    case SIMPLE_FALSE:
    case SIMPLE_TRUE:
        return PROA_CBOR_BOOL;
    case SIMPLE_NULL:
        return PROA_CBOR_NULL;
    case SIMPLE_UNDEFINED:
        return PROA_CBOR_UNDEFINED;
    case 25:
    case 26:
    case INFO_8_BYTES:
        return PROA_CBOR_FLOAT;
    default:
        return info <= INFO_1_BYTE ? PROA_CBOR_SIMPLE : PROA_CBOR_NONE;
    }
}

proa_cbor_type proa_cbor_peek(const proa_cbor_reader *c)
{
    static const proa_cbor_type types[] = {PROA_CBOR_UINT, PROA_CBOR_NEGATIVE, PROA_CBOR_BYTES,
                                           PROA_CBOR_TEXT, PROA_CBOR_ARRAY,    PROA_CBOR_MAP,
                                           PROA_CBOR_TAG};
    if (!proa_cbor_more(c) || proa_reader_left(&c->in) == 0) {
        return PROA_CBOR_NONE;
    }
    uint8_t major = *c->in.at >> 5;
    return major < MAJOR_SIMPLE ? types[major] : type_of_simple(*c->in.at & 31);
}

/* Reads a head and its argument, RFC 8949 Appendix C; a break is no head. */
static head read_head(proa_cbor_reader *c)
{
    head h = {0, 0, 0};
    uint8_t first = proa_read_u8(&c->in);
    h.major = first >> 5;
    h.info = first & 31;
    if (h.info < INFO_1_BYTE) {
        h.number = h.info;
    } else if (h.info <= INFO_8_BYTES) {
        h.number = proa_read_uint(&c->in, (size_t)1 << (h.info - INFO_1_BYTE));
    } else if (h.info != INFO_INDEFINITE || h.major < MAJOR_BYTES || h.major > MAJOR_MAP) {
        fail(c, c->in.err != PROA_OK ? c->in.err : PROA_E_FORMAT);
    }
    if (c->in.err != PROA_OK) {
        fail(c, c->in.err);
    } else if (h.major == MAJOR_SIMPLE && h.info == INFO_1_BYTE && h.number < 32) {
        fail(c, PROA_E_FORMAT); /* RFC 8949 §3.3: two bytes for what fits one */
    }
    return h;
}

/* The innermost array or map has one item less to come. */
static void count_item(proa_cbor_reader *c)
{
    c->tagged = false;
    if (c->depth > 0) {
        c->open[c->depth - 1].left--;
        c->open[c->depth - 1].odd = !c->open[c->depth - 1].odd;
    }
}

static bool begin_item(proa_cbor_reader *c, head *h)
{
    if (c->err == PROA_OK && !proa_cbor_more(c)) {
        fail(c, c->depth == 0 ? PROA_E_TRUNCATED : PROA_E_FORMAT);
    }
    if (c->err != PROA_OK) {
        return false;
    }
    *h = read_head(c);
    return c->err == PROA_OK;
}

/* The head of the next item if it is of the type wanted. */
static bool take(proa_cbor_reader *c, proa_cbor_type wanted, head *h)
{
    proa_cbor_type found = proa_cbor_peek(c);
    if (found != PROA_CBOR_NONE && found != wanted) {
        fail(c, PROA_E_TYPE);
    }
    if (!begin_item(c, h)) {
        return false;
    }
    if (wanted == PROA_CBOR_TAG) {
        c->tagged = true;
    } else {
        count_item(c);
    }
    return true;
}

/* ---- numbers and simple values ---------------------------------------------------------- */

uint64_t proa_cbor_read_uint(proa_cbor_reader *c)
{
    head h;
    return take(c, PROA_CBOR_UINT, &h) ? h.number : 0;
}

int64_t proa_cbor_read_int(proa_cbor_reader *c)
{
    head h;
    bool negative = proa_cbor_peek(c) == PROA_CBOR_NEGATIVE;
    if (!take(c, negative ? PROA_CBOR_NEGATIVE : PROA_CBOR_UINT, &h)) {
        return 0;
    }
    if (h.number > INT64_MAX) {
        fail(c, PROA_E_RANGE);
        return 0;
    }
    return negative ? -1 - (int64_t)h.number : (int64_t)h.number;
}

double proa_cbor_read_float(proa_cbor_reader *c)
{
    head h;
    if (!take(c, PROA_CBOR_FLOAT, &h)) {
        return 0;
    }
    return h.info == INFO_8_BYTES ? proa__real_of_bits(h.number)
           : h.info == 26         ? proa__real_of_float((uint32_t)h.number)
                                  : proa__real_of_half((uint16_t)h.number);
}

bool proa_cbor_read_bool(proa_cbor_reader *c)
{
    head h;
    return take(c, PROA_CBOR_BOOL, &h) && h.number == SIMPLE_TRUE;
}

void proa_cbor_read_null(proa_cbor_reader *c)
{
    head h;
    bool undefined = proa_cbor_peek(c) == PROA_CBOR_UNDEFINED;
    (void)take(c, undefined ? PROA_CBOR_UNDEFINED : PROA_CBOR_NULL, &h);
}

uint8_t proa_cbor_read_simple(proa_cbor_reader *c)
{
    head h;
    proa_cbor_type found = proa_cbor_peek(c);
    bool simple = found >= PROA_CBOR_BOOL && found <= PROA_CBOR_SIMPLE;
    return take(c, simple ? found : PROA_CBOR_SIMPLE, &h) ? (uint8_t)h.number : 0;
}

/* ---- strings ---------------------------------------------------------------------------- */

/* Adds a further chunk to what was read so far; the first piece moves to the scratch place. */
static proa_span join(proa_cbor_reader *c, proa_span sofar, proa_span chunk)
{
    proa_writer *w = &c->scratch;
    if (sofar.len == 0 || chunk.len == 0) {
        return sofar.len == 0 ? chunk : sofar;
    }
    if (w->data == NULL) {
        fail(c, PROA_E_UNSUPPORTED);
        return proa_span_make(NULL, 0);
    }
    if (w->len < sofar.len || w->data + w->len - sofar.len != sofar.data) {
        size_t at = w->len;
        proa_write_span(w, sofar);
        sofar = proa_span_make(w->data + at, sofar.len);
    }
    proa_write_span(w, chunk);
    if (w->err != PROA_OK) {
        fail(c, w->err);
        return proa_span_make(NULL, 0);
    }
    return proa_span_make(sofar.data, sofar.len + chunk.len);
}

/* The next `len` bytes of the input. A length that does not fit size_t is longer than the input. */
static proa_span read_raw(proa_cbor_reader *c, uint64_t len)
{
    proa_span out = proa_read_span(&c->in, len > SIZE_MAX ? SIZE_MAX : (size_t)len);
    if (c->in.err != PROA_OK) {
        fail(c, c->in.err);
    }
    return out;
}

/* Chunks up to the break, each a string of the same major type and of definite length (§3.2.3);
 * joined if `joining`, else only passed over. */
static proa_span read_chunks(proa_cbor_reader *c, uint8_t major, bool joining)
{
    proa_span all = {NULL, 0};
    for (;;) {
        if (proa_reader_left(&c->in) > 0 && *c->in.at == BREAK) {
            (void)proa_read_u8(&c->in);
            return all;
        }
        head h = read_head(c);
        if (c->err == PROA_OK && (h.major != major || h.info == INFO_INDEFINITE)) {
            fail(c, PROA_E_FORMAT);
        }
        proa_span chunk = {NULL, 0};
        if (c->err == PROA_OK) {
            chunk = read_raw(c, h.number);
        }
        if (c->err == PROA_OK && joining) {
            all = join(c, all, chunk);
        }
        if (c->err != PROA_OK) {
            return proa_span_make(NULL, 0);
        }
    }
}

static proa_span read_string(proa_cbor_reader *c, proa_cbor_type wanted)
{
    head h;
    if (!take(c, wanted, &h)) {
        return proa_span_make(NULL, 0);
    }
    return h.info == INFO_INDEFINITE ? read_chunks(c, h.major, true) : read_raw(c, h.number);
}

proa_span proa_cbor_read_bytes(proa_cbor_reader *c)
{
    return read_string(c, PROA_CBOR_BYTES);
}

proa_span proa_cbor_read_text(proa_cbor_reader *c)
{
    return read_string(c, PROA_CBOR_TEXT);
}

/* ---- arrays, maps, tags ----------------------------------------------------------------- */

uint64_t proa_cbor_read_tag(proa_cbor_reader *c)
{
    head h;
    return take(c, PROA_CBOR_TAG, &h) ? h.number : 0;
}

static void enter(proa_cbor_reader *c, const head *h)
{
    bool map = h->major == MAJOR_MAP;
    /* Each item has at least one byte, so a count beyond the input is a lie, and 2 * count fits. */
    if (h->number > proa_reader_left(&c->in) / (map ? 2 : 1)) {
        fail(c, PROA_E_TRUNCATED);
        return;
    }
    if (c->depth == PROA_CBOR_DEPTH_MAX) {
        fail(c, PROA_E_TOO_LARGE);
        return;
    }
    c->open[c->depth].left = map ? 2 * h->number : h->number;
    c->open[c->depth].indefinite = h->info == INFO_INDEFINITE;
    c->open[c->depth].map = map;
    c->open[c->depth].odd = false;
    c->depth++;
}

void proa_cbor_read_array(proa_cbor_reader *c)
{
    head h;
    if (take(c, PROA_CBOR_ARRAY, &h)) {
        enter(c, &h);
    }
}

void proa_cbor_read_map(proa_cbor_reader *c)
{
    head h;
    if (take(c, PROA_CBOR_MAP, &h)) {
        enter(c, &h);
    }
}

void proa_cbor_leave(proa_cbor_reader *c)
{
    if (c->err != PROA_OK) {
        return;
    }
    if (c->depth == 0 || proa_cbor_more(c)) {
        bool cut_off = c->depth > 0 && proa_reader_left(&c->in) == 0;
        fail(c, cut_off ? PROA_E_TRUNCATED : PROA_E_FORMAT);
        return;
    }
    c->depth--;
    if (c->open[c->depth].indefinite) {
        (void)proa_read_u8(&c->in);
        if (c->open[c->depth].map && c->open[c->depth].odd) {
            fail(c, PROA_E_FORMAT);
        }
    }
}

/* One head and, for a string, its bytes. */
static void skip_one(proa_cbor_reader *c)
{
    head h;
    if (!begin_item(c, &h)) {
        return;
    }
    if (h.major == MAJOR_TAG) {
        c->tagged = true;
        return;
    }
    count_item(c);
    if (h.major == MAJOR_ARRAY || h.major == MAJOR_MAP) {
        enter(c, &h);
    } else if (h.major == MAJOR_BYTES || h.major == MAJOR_TEXT) {
        (void)(h.info == INFO_INDEFINITE ? read_chunks(c, h.major, false) : read_raw(c, h.number));
    }
}

proa_span proa_cbor_skip(proa_cbor_reader *c)
{
    const uint8_t *start = c->in.at;
    uint8_t depth = c->depth;
    do {
        skip_one(c);
        while (c->depth > depth && !proa_cbor_more(c) && c->err == PROA_OK) {
            proa_cbor_leave(c);
        }
    } while (c->err == PROA_OK && (c->depth > depth || c->tagged));
    return c->err == PROA_OK ? proa_span_make(start, (size_t)(c->in.at - start))
                             : proa_span_make(NULL, 0);
}

proa_err proa_cbor_end(const proa_cbor_reader *c)
{
    if (c->err != PROA_OK) {
        return c->err;
    }
    bool left = c->depth > 0 || c->tagged || proa_reader_left(&c->in) > 0;
    return left ? PROA_E_FORMAT : PROA_OK;
}

/* ---- writing ---------------------------------------------------------------------------- */

/* All of the head or nothing, as the writer promises for one write. */
static size_t make_head(uint8_t out[9], uint8_t major, uint64_t number)
{
    proa_writer w = proa_writer_make(out, 9);
    if (number < INFO_1_BYTE) {
        proa_write_u8(&w, (uint8_t)((unsigned)major << 5 | number));
    } else {
        uint8_t info = number <= UINT8_MAX    ? 0
                       : number <= UINT16_MAX ? 1
                       : number <= UINT32_MAX ? 2
                                              : 3;
        proa_write_u8(&w, (uint8_t)(major << 5 | (INFO_1_BYTE + info)));
        proa_write_uint(&w, number, (size_t)1 << info);
    }
    return w.len;
}

static void write_head(proa_writer *w, uint8_t major, uint64_t number)
{
    uint8_t bytes[9];
    size_t len = make_head(bytes, major, number);
    proa_write_bytes(w, bytes, len);
}

void proa_cbor_write_uint(proa_writer *w, uint64_t value)
{
    write_head(w, MAJOR_UINT, value);
}

void proa_cbor_write_int(proa_writer *w, int64_t value)
{
    if (value >= 0) {
        write_head(w, MAJOR_UINT, (uint64_t)value);
    } else {
        write_head(w, MAJOR_NEGATIVE, (uint64_t)(-1 - value));
    }
}

void proa_cbor_write_bytes(proa_writer *w, proa_span bytes)
{
    write_head(w, MAJOR_BYTES, bytes.len);
    proa_write_span(w, bytes);
}

void proa_cbor_write_text(proa_writer *w, proa_span text)
{
    write_head(w, MAJOR_TEXT, text.len);
    proa_write_span(w, text);
}

void proa_cbor_write_bool(proa_writer *w, bool value)
{
    write_head(w, MAJOR_SIMPLE, value ? SIMPLE_TRUE : SIMPLE_FALSE);
}

void proa_cbor_write_null(proa_writer *w)
{
    write_head(w, MAJOR_SIMPLE, SIMPLE_NULL);
}

void proa_cbor_write_float(proa_writer *w, double value)
{
    uint8_t bytes[9];
    proa_writer item = proa_writer_make(bytes, sizeof bytes);
    uint16_t half;
    uint32_t bits;
    if (proa__real_as_half(value, &half)) {
        proa_write_u8(&item, MAJOR_SIMPLE << 5 | 25);
        proa_write_u16(&item, half);
    } else if (proa__real_as_float(value, &bits)) {
        proa_write_u8(&item, MAJOR_SIMPLE << 5 | 26);
        proa_write_u32(&item, bits);
    } else {
        proa_write_u8(&item, MAJOR_SIMPLE << 5 | INFO_8_BYTES);
        proa_write_uint(&item, proa__real_bits(value), 8);
    }
    proa_write_span(w, proa_writer_span(&item));
}

void proa_cbor_write_tag(proa_writer *w, uint64_t tag)
{
    write_head(w, MAJOR_TAG, tag);
}

void proa_cbor_write_array(proa_writer *w, uint64_t count)
{
    write_head(w, MAJOR_ARRAY, count);
}

void proa_cbor_write_map(proa_writer *w, uint64_t count)
{
    write_head(w, MAJOR_MAP, count);
}

void proa_cbor_insert_array(proa_writer *w, size_t at, uint64_t count)
{
    uint8_t bytes[9];
    size_t len = make_head(bytes, MAJOR_ARRAY, count);
    proa_write_insert(w, at, bytes, len);
}
