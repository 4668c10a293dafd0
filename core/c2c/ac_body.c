/* SPDX-License-Identifier: Apache-2.0 */
/* The grammar of /ac in one place: {[object, instance]: rights} and {1: reason}.
 *
 * What a body may say at all is decided here (numbers in range, bits known, no path twice);
 * whether it may be granted is policy and is decided elsewhere. Any well-formed CBOR with that
 * meaning is read, also with longer heads or indefinite lengths than needed; the shortest is
 * written (RFC 8949 §4.2.1). */
#include "core/c2c/ac_body.h"

#include "proa/codec/cbor.h"
#include "proa/lwm2m.h"

/* An unsigned integer of at most `max`; the reader fails otherwise. */
static uint16_t read_number(proa_cbor_reader *c, uint64_t max)
{
    uint64_t value = proa_cbor_read_uint(c);
    if (value > max) {
        c->err = PROA_E_FORMAT;
    }
    return (uint16_t)value;
}

static proa_ac_entry read_entry(proa_cbor_reader *c)
{
    proa_ac_entry entry = {0, PROA_ID_ALL, 0};
    proa_cbor_read_array(c);
    entry.object = read_number(c, PROA_ID_MAX);
    if (proa_cbor_more(c)) {
        entry.instance = read_number(c, PROA_ID_ALL);
    }
    proa_cbor_leave(c);
    entry.rights = (uint8_t)read_number(c, PROA_RIGHTS_ALL);
    if (c->err == PROA_OK && entry.rights == 0) {
        c->err = PROA_E_FORMAT;
    }
    return entry;
}

static bool has_path(const proa_ac_body *body, const proa_ac_entry *entry)
{
    for (uint8_t i = 0; i < body->count; i++) {
        if (body->entries[i].object == entry->object &&
            body->entries[i].instance == entry->instance) {
            return true;
        }
    }
    return false;
}

proa_err proa_ac_body_parse(proa_span in, proa_ac_body *out)
{
    proa_cbor_reader c = proa_cbor_reader_make(in);
    out->count = 0;
    proa_cbor_read_map(&c);
    while (proa_cbor_more(&c)) {
        proa_ac_entry entry = read_entry(&c);
        if (c.err != PROA_OK || has_path(out, &entry)) {
            return PROA_E_FORMAT;
        }
        if (out->count == PROA_AC_ENTRIES_MAX) {
            return PROA_E_TOO_LARGE;
        }
        out->entries[out->count++] = entry;
    }
    proa_cbor_leave(&c);
    return proa_cbor_end(&c) == PROA_OK && out->count > 0 ? PROA_OK : PROA_E_FORMAT;
}

proa_err proa_ac_body_write(proa_writer *w, const proa_ac_body *body)
{
    proa_cbor_write_map(w, body->count);
    for (uint8_t i = 0; i < body->count; i++) {
        const proa_ac_entry *entry = &body->entries[i];
        bool all = entry->instance == PROA_ID_ALL;
        proa_cbor_write_array(w, all ? 1 : 2);
        proa_cbor_write_uint(w, entry->object);
        if (!all) {
            proa_cbor_write_uint(w, entry->instance);
        }
        proa_cbor_write_uint(w, entry->rights);
    }
    return w->err;
}

proa_err proa_ac_body_add(proa_ac_body *body, uint16_t object, uint16_t instance, uint8_t rights)
{
    for (uint8_t i = 0; i < body->count; i++) {
        proa_ac_entry *entry = &body->entries[i];
        if (entry->object == object && entry->instance == instance) {
            entry->rights |= rights;
            return PROA_OK;
        }
    }
    if (body->count == PROA_AC_ENTRIES_MAX) {
        return PROA_E_FULL;
    }
    body->entries[body->count++] = (proa_ac_entry){object, instance, rights};
    return PROA_OK;
}

proa_ac_why proa_ac_why_parse(proa_span in)
{
    proa_cbor_reader c = proa_cbor_reader_make(in);
    uint64_t why = 0;
    proa_cbor_read_map(&c);
    while (proa_cbor_more(&c)) {
        if (proa_cbor_read_uint(&c) == 1) {
            why = proa_cbor_read_uint(&c);
        } else {
            proa_cbor_skip(&c);
        }
    }
    proa_cbor_leave(&c);
    if (proa_cbor_end(&c) != PROA_OK || why > PROA_AC_WHY_NO_NETWORK) {
        return PROA_AC_WHY_NONE;
    }
    return (proa_ac_why)why;
}

proa_err proa_ac_why_write(proa_writer *w, proa_ac_why why)
{
    if (why != PROA_AC_WHY_NONE) {
        proa_cbor_write_map(w, 1);
        proa_cbor_write_uint(w, 1);
        proa_cbor_write_uint(w, (uint64_t)why);
    }
    return w->err;
}
