/* SPDX-License-Identifier: Apache-2.0 */
/* The value of the OSCORE option (RFC 8613 §6.1): flags, Partial IV, kid context, kid.
 *
 * Every value has exactly one encoding, and only that is read: what is parsed writes the same bytes
 * again. So nobody can show one number in two shapes, of which only one is remembered. */
#include "core/oscore/oscore_internal.h"

enum {
    NUMBER_LEN = 0x07,
    HAS_KID = 0x08,
    HAS_KID_CONTEXT = 0x10,
    RESERVED = 0xe0,
    NUMBER_LEN_MAX = 5
};

proa_err proa_oscore_option_parse(proa_span value, proa_oscore_option *out)
{
    proa_reader r = proa_reader_make(value);
    *out = (proa_oscore_option){false, false, false, 0, {NULL, 0}, {NULL, 0}};
    if (value.len == 0) {
        return PROA_OK;
    }
    unsigned flags = proa_read_u8(&r);
    size_t len = flags & NUMBER_LEN;
    if (flags == 0 || (flags & RESERVED) != 0 || len > NUMBER_LEN_MAX) {
        return PROA_E_FORMAT;
    }
    out->has_number = len > 0;
    out->has_kid = (flags & HAS_KID) != 0;
    out->has_kid_context = (flags & HAS_KID_CONTEXT) != 0;
    out->number = proa_read_uint(&r, len);
    if (out->has_kid_context) {
        out->kid_context = proa_read_span(&r, proa_read_u8(&r));
    }
    if (r.err != PROA_OK) {
        return PROA_E_TRUNCATED;
    }
    if (out->has_number && len != proa__number_len(out->number)) {
        return PROA_E_FORMAT;
    }
    if (!out->has_kid) {
        return proa_reader_left(&r) == 0 ? PROA_OK : PROA_E_FORMAT;
    }
    out->kid = proa_read_span(&r, proa_reader_left(&r));
    return PROA_OK;
}

void proa_oscore_option_write(proa_writer *w, const proa_oscore_option *option)
{
    size_t len = option->has_number ? proa__number_len(option->number) : 0;
    unsigned flags = (unsigned)len | (option->has_kid ? HAS_KID : 0U) |
                     (option->has_kid_context ? HAS_KID_CONTEXT : 0U);
    if (option->number > PROA_OSCORE_NUMBER_MAX || option->kid_context.len > UINT8_MAX) {
        w->err = w->err == PROA_OK ? PROA_E_RANGE : w->err;
    }
    if (flags == 0) {
        return; /* nothing to say is said by an empty value, §2 */
    }
    proa_write_u8(w, (uint8_t)flags);
    proa_write_uint(w, option->number, len);
    if (option->has_kid_context) {
        proa_write_u8(w, (uint8_t)option->kid_context.len);
        proa_write_span(w, option->kid_context);
    }
    if (option->has_kid) {
        proa_write_span(w, option->kid);
    }
}
