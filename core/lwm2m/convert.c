/* SPDX-License-Identifier: Apache-2.0 */
/* Between the types that a value has and those that the model wants. CBOR and SenML know a few
 * kinds of values only: a Time comes as a number, a link as text, a whole float as an integer. */
#include "core/codec/real.h"
#include "core/lwm2m/format.h"
#include "proa/codec/text.h"

/* 2^64: the first number that no type has. */
#define TWO_POW_64 18446744073709551616.0

/* A whole number as its sign and the rest. PROA_E_RANGE: it has more than 64 bits, or is none;
 * PROA_E_TYPE: a fraction. */
static proa_err magnitude_of(const proa_value *value, uint64_t *magnitude, bool *negative)
{
    uint64_t bits;
    *magnitude = value->as.unsigned_integer;
    *negative = false;
    switch (value->type) {
    case PROA_TYPE_UNSIGNED:
        return PROA_OK;
    case PROA_TYPE_INTEGER:
    case PROA_TYPE_TIME:
        *negative = value->as.integer < 0;
        *magnitude = *negative ? 0U - *magnitude : *magnitude;
        return PROA_OK;
    case PROA_TYPE_FLOAT:
        bits = proa__real_bits(value->as.real);
        *negative = bits << 1 != 0 && bits >> 63 != 0;
        if (bits << 1 >= proa__real_bits(TWO_POW_64) << 1) {
            return PROA_E_RANGE;
        }
        return proa__real_as_whole(value->as.real, magnitude) ? PROA_OK : PROA_E_TYPE;
    default:
        return PROA_E_TYPE;
    }
}

static proa_err to_integer(proa_value *value, proa_type wanted)
{
    uint64_t magnitude;
    bool negative;
    proa_err err = magnitude_of(value, &magnitude, &negative);
    if (err != PROA_OK) {
        return err;
    }
    if (magnitude > (uint64_t)INT64_MAX + negative) {
        return PROA_E_RANGE;
    }
    value->type = wanted;
    value->as.integer = (int64_t)(negative ? 0U - magnitude : magnitude);
    return PROA_OK;
}

static proa_err to_unsigned(proa_value *value)
{
    uint64_t magnitude;
    bool negative;
    proa_err err = magnitude_of(value, &magnitude, &negative);
    if (negative) {
        return PROA_E_RANGE;
    }
    if (err != PROA_OK) {
        return err;
    }
    value->type = PROA_TYPE_UNSIGNED;
    value->as.unsigned_integer = magnitude;
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
