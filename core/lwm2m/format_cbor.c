/* SPDX-License-Identifier: Apache-2.0 */
/* One value as CBOR (Core 1.2 §7.4.3). */
#include "core/lwm2m/format.h"
#include "proa/codec/cbor.h"

/* Seconds since 1970, RFC 8949 §3.4.2: how a Time stands in CBOR (Core 1.1 Appendix C). */
#define TAG_TIME 1

static proa_err add(proa_payload_writer *p, const proa_record *record)
{
    proa_writer *w = p->w;
    const proa_value *value = &record->value;
    uint8_t buf[PROA__LINK_TEXT_MAX];
    switch (value->type) {
    case PROA_TYPE_TIME:
        proa_cbor_write_tag(w, TAG_TIME);
        proa_cbor_write_int(w, value->as.integer);
        break;
    case PROA_TYPE_INTEGER:
        proa_cbor_write_int(w, value->as.integer);
        break;
    case PROA_TYPE_UNSIGNED:
        proa_cbor_write_uint(w, value->as.unsigned_integer);
        break;
    case PROA_TYPE_FLOAT:
        proa_cbor_write_float(w, value->as.real);
        break;
    case PROA_TYPE_BOOLEAN:
        proa_cbor_write_bool(w, value->as.boolean);
        break;
    case PROA_TYPE_OBJLINK:
        proa_cbor_write_text(w, proa__link_text(value->as.link, buf));
        break;
    case PROA_TYPE_OPAQUE:
        proa_cbor_write_bytes(w, value->as.bytes);
        break;
    case PROA_TYPE_STRING:
    case PROA_TYPE_CORELINK:
        proa_cbor_write_text(w, value->as.bytes);
        break;
    case PROA_TYPE_NONE:
        return PROA_E_TYPE;
    }
    return w->err;
}

static proa_err value_of(proa_payload_reader *p, proa_span bytes, proa_value *out)
{
    proa_cbor_reader c = proa_cbor_reader_make(bytes);
    proa_cbor_scratch(&c, p->scratch, sizeof p->scratch);
    if (proa_cbor_peek(&c) == PROA_CBOR_TAG && proa_cbor_read_tag(&c) != TAG_TIME) {
        return PROA_E_UNSUPPORTED;
    }
    switch (proa_cbor_peek(&c)) {
    case PROA_CBOR_UINT:
        out->type = PROA_TYPE_UNSIGNED;
        out->as.unsigned_integer = proa_cbor_read_uint(&c);
        if (out->as.unsigned_integer <= INT64_MAX) {
            *out = proa_value_integer((int64_t)out->as.unsigned_integer);
        }
        break;
    case PROA_CBOR_NEGATIVE:
        *out = proa_value_integer(proa_cbor_read_int(&c));
        break;
    case PROA_CBOR_FLOAT:
        *out = proa_value_float(proa_cbor_read_float(&c));
        break;
    case PROA_CBOR_BOOL:
        *out = proa_value_boolean(proa_cbor_read_bool(&c));
        break;
    case PROA_CBOR_TEXT:
        *out = proa_value_string(proa_cbor_read_text(&c));
        break;
    case PROA_CBOR_BYTES:
        *out = proa_value_opaque(proa_cbor_read_bytes(&c));
        break;
    default: /* nothing else is a value; what is malformed fails in the same way */
        (void)proa_cbor_skip(&c);
        return c.err != PROA_OK ? c.err : PROA_E_TYPE;
    }
    return proa_cbor_end(&c);
}

static bool next(proa_payload_reader *p, proa_record *record)
{
    proa_err err = value_of(p, p->in.single, &record->value);
    if (err == PROA_OK) {
        err = proa_value_convert(&record->value, proa__payload_type(p, &p->base));
    }
    return err == PROA_OK ? true : proa__payload_fail(p, err);
}

const proa_format proa_format_cbor = {
    .id = PROA_FORMAT_CBOR, .single = true, .add = add, .next = next};
