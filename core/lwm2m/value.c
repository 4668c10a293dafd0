/* SPDX-License-Identifier: Apache-2.0 */
/* Values of resources, and the words for types and operations (Core 1.2 §6, §8.2, Appendix C). */
#include <string.h>

#include "core/codec/real.h"
#include "proa/lwm2m.h"

bool proa_value_equal(const proa_value *a, const proa_value *b)
{
    if (a->type != b->type) {
        return false;
    }
    switch (a->type) {
    case PROA_TYPE_INTEGER:
    case PROA_TYPE_TIME:
        return a->as.integer == b->as.integer;
    case PROA_TYPE_UNSIGNED:
        return a->as.unsigned_integer == b->as.unsigned_integer;
    case PROA_TYPE_FLOAT:
        return a->as.real == b->as.real || (a->as.real != a->as.real && b->as.real != b->as.real);
    case PROA_TYPE_BOOLEAN:
        return a->as.boolean == b->as.boolean;
    case PROA_TYPE_OBJLINK:
        return a->as.link.object == b->as.link.object && a->as.link.instance == b->as.link.instance;
    case PROA_TYPE_NONE:
    case PROA_TYPE_STRING:
    case PROA_TYPE_OPAQUE:
    case PROA_TYPE_CORELINK:
        break;
    }
    return proa_span_equal(a->as.bytes, b->as.bytes);
}

bool proa_value_number(const proa_value *value, double *out)
{
    uint64_t number = value->as.unsigned_integer;
    bool negative = value->type != PROA_TYPE_UNSIGNED && value->as.integer < 0;
    switch (value->type) {
    case PROA_TYPE_INTEGER:
    case PROA_TYPE_TIME:
    case PROA_TYPE_UNSIGNED:
        *out = proa__real_of_whole(negative ? 0U - number : number, negative);
        return true;
    case PROA_TYPE_FLOAT:
        *out = value->as.real;
        return true;
    default:
        return false;
    }
}

static const char *const type_names[] = {"none",    "string", "integer", "unsigned", "float",
                                         "boolean", "opaque", "time",    "objlink",  "corelink"};

static const char *const operation_names[] = {
    "", /* operations begin at 1 */
    "read",  "observe",      "cancel-observe", "discover", "write-attributes",
    "write", "write-update", "execute",        "create",   "delete"};

#define COUNT(names) (sizeof(names) / sizeof((names)[0]))

/* The place of `name` in names[1..count), 0 if it is not there. */
static size_t find_name(proa_span name, const char *const *names, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (proa_span_equal(name, proa_span_of(names[i]))) {
            return i;
        }
    }
    return 0;
}

const char *proa_type_name(proa_type type)
{
    return (size_t)type < COUNT(type_names) ? type_names[type] : type_names[0];
}

proa_type proa_type_parse(proa_span name)
{
    return (proa_type)find_name(name, type_names, COUNT(type_names));
}

const char *proa_operation_name(proa_operation op)
{
    return (size_t)op < COUNT(operation_names) ? operation_names[op] : operation_names[0];
}

proa_operation proa_operation_parse(proa_span name, bool *found)
{
    size_t op = find_name(name, operation_names, COUNT(operation_names));
    *found = op != 0;
    return op != 0 ? (proa_operation)op : PROA_OP_READ;
}

uint8_t proa_operation_right(proa_operation op)
{
    switch (op) {
    case PROA_OP_READ:
    case PROA_OP_OBSERVE:
    case PROA_OP_CANCEL_OBSERVE:
    case PROA_OP_DISCOVER:
    case PROA_OP_WRITE_ATTRIBUTES:
        return PROA_RIGHT_READ;
    case PROA_OP_WRITE_REPLACE:
    case PROA_OP_WRITE_UPDATE:
        return PROA_RIGHT_WRITE;
    case PROA_OP_EXECUTE:
        return PROA_RIGHT_EXECUTE;
    case PROA_OP_CREATE:
        return PROA_RIGHT_CREATE;
    case PROA_OP_DELETE:
        return PROA_RIGHT_DELETE;
    }
    return PROA_RIGHTS_ALL; /* an unknown operation needs what nobody is likely to hold */
}
