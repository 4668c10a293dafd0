/* SPDX-License-Identifier: Apache-2.0 */
/* The value of the OSCORE option (RFC 8613 §6.1): flags, Partial IV, kid context, kid.
 *
 * Every value has exactly one encoding, and only that is read: what is parsed writes the same bytes
 * again. So nobody can show one number in two shapes, of which only one is remembered. */
#include <string.h>

#include "core/oscore/oscore_internal.h"

enum { NUMBER_LEN = 0x07, HAS_KID = 0x08, HAS_KID_CONTEXT = 0x10, RESERVED = 0xe0 };

proa_err proa_oscore_option_parse(proa_span value, proa_oscore_option *out)
{
    proa_reader r = proa_reader_make(value);
    memset(out, 0, sizeof *out);
    if (value.len == 0) {
        return PROA_OK;
    }
    unsigned flags = proa_read_u8(&r);
    size_t len = flags & NUMBER_LEN;
    if (flags == 0 || (flags & RESERVED) != 0 || len > PROA_OSCORE_NUMBER_LEN) {
        return PROA_E_FORMAT;
    }
    proa_span number = proa_read_span(&r, len);
    out->has_number = len > 0;
    out->has_kid = (flags & HAS_KID) != 0;
    out->has_kid_context = (flags & HAS_KID_CONTEXT) != 0;
    if (out->has_kid_context) {
        out->kid_context = proa_read_span(&r, proa_read_u8(&r));
    }
    out->kid = proa_read_span(&r, proa_reader_left(&r));
    if (r.err != PROA_OK) {
        return PROA_E_TRUNCATED;
    }
    if ((!out->has_kid && out->kid.len > 0) || (len > 1 && number.data[0] == 0)) {
        return PROA_E_FORMAT;
    }
    if (len > 0) {
        memcpy(out->number + PROA_OSCORE_NUMBER_LEN - len, number.data, len);
    }
    return PROA_OK;
}

void proa_oscore_option_write(proa_writer *w, const proa_oscore_option *option)
{
    proa_span number = proa__number_span(option->number);
    if (!option->has_number) {
        number.len = 0;
    }
    unsigned flags = (unsigned)number.len | (option->has_kid ? HAS_KID : 0U) |
                     (option->has_kid_context ? HAS_KID_CONTEXT : 0U);
    if (flags == 0) {
        return; /* nothing to say is said by an empty value, §2 */
    }
    proa_write_u8(w, (uint8_t)flags);
    proa_write_span(w, number);
    if (option->has_kid_context) {
        proa_write_uint(w, option->kid_context.len, 1);
        proa_write_span(w, option->kid_context);
    }
    if (option->has_kid) {
        proa_write_span(w, option->kid);
    }
}
