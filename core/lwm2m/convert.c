/* SPDX-License-Identifier: Apache-2.0 */
/* Between the types that a value has and those that the model wants. CBOR and SenML know a few
 * kinds of values only: a Time comes as a number, a link as text, a whole float as an integer. */
#include "core/lwm2m/format.h"
#include "proa/codec/text.h"

/* 2^63 and 2^64: the first numbers that no longer fit. */
#define TWO_POW_63 9223372036854775808.0
#define TWO_POW_64 18446744073709551616.0

static proa_err to_integer(proa_value *value, proa_type wanted)
{
    int64_t integer;
    if (value->type == PROA_TYPE_UNSIGNED && value->as.unsigned_integer > INT64_MAX) {
        return PROA_E_RANGE;
    }
    if (value->type == PROA_TYPE_FLOAT) {
        double real = value->as.real;
        if (!(real >= -TWO_POW_63 && real < TWO_POW_63)) {
            return PROA_E_RANGE;
        }
        integer = (int64_t)real;
        if ((double)integer != real) {
            return PROA_E_TYPE;
        }
    } else if (value->type == PROA_TYPE_UNSIGNED) {
        integer = (int64_t)value->as.unsigned_integer;
    } else if (value->type == PROA_TYPE_INTEGER || value->type == PROA_TYPE_TIME) {
        integer = value->as.integer;
    } else {
        return PROA_E_TYPE;
    }
    value->type = wanted;
    value->as.integer = integer;
    return PROA_OK;
}

static proa_err to_unsigned(proa_value *value)
{
    uint64_t number;
    if (value->type == PROA_TYPE_INTEGER || value->type == PROA_TYPE_TIME) {
        if (value->as.integer < 0) {
            return PROA_E_RANGE;
        }
        number = (uint64_t)value->as.integer;
    } else if (value->type == PROA_TYPE_FLOAT) {
        double real = value->as.real;
        if (!(real >= 0 && real < TWO_POW_64)) {
            return PROA_E_RANGE;
        }
        number = (uint64_t)real;
        if ((double)number != real) {
            return PROA_E_TYPE;
        }
    } else {
        return value->type == PROA_TYPE_UNSIGNED ? PROA_OK : PROA_E_TYPE;
    }
    value->type = PROA_TYPE_UNSIGNED;
    value->as.unsigned_integer = number;
    return PROA_OK;
}

static proa_err to_float(proa_value *value)
{
    double real;
    if (!proa_value_number(value, &real)) {
        return PROA_E_TYPE;
    }
    *value = proa_value_float(real);
    return PROA_OK;
}

static proa_err to_link(proa_value *value)
{
    proa_objlink link;
    if (value->type == PROA_TYPE_OBJLINK) {
        return PROA_OK;
    }
    if (value->type != PROA_TYPE_STRING) {
        return PROA_E_TYPE;
    }
    proa_err err = proa_text_objlink(value->as.bytes, &link.object, &link.instance);
    if (err == PROA_OK) {
        *value = proa_value_link(link.object, link.instance);
    }
    return proa__type_error(err);
}

proa_err proa_value_convert(proa_value *value, proa_type wanted)
{
    switch (wanted) {
    case PROA_TYPE_NONE:
        return PROA_OK;
    case PROA_TYPE_INTEGER:
    case PROA_TYPE_TIME:
        return to_integer(value, wanted);
    case PROA_TYPE_UNSIGNED:
        return to_unsigned(value);
    case PROA_TYPE_FLOAT:
        return to_float(value);
    case PROA_TYPE_OBJLINK:
        return to_link(value);
    case PROA_TYPE_STRING:
    case PROA_TYPE_CORELINK:
        if (value->type == PROA_TYPE_STRING || value->type == PROA_TYPE_CORELINK) {
            value->type = wanted;
        }
        break;
    case PROA_TYPE_BOOLEAN:
    case PROA_TYPE_OPAQUE:
        break;
    }
    return value->type == wanted ? PROA_OK : PROA_E_TYPE;
}

proa_span proa__link_text(proa_objlink link, uint8_t buf[PROA__LINK_TEXT_MAX])
{
    proa_writer w = proa_writer_make(buf, PROA__LINK_TEXT_MAX);
    proa_text_write_objlink(&w, link.object, link.instance);
    return proa_writer_span(&w);
}
