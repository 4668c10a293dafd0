/* SPDX-License-Identifier: Apache-2.0 */
/* Notification attributes as queries and as a set that can be laid over another (Core 1.2 §5.1.2,
 * §7.3.2). When a notification is due is the client's business, not known here. */
#include <stddef.h>
#include <string.h>

#include "core/codec/decimal.h"
#include "proa/codec/text.h"
#include "proa/lwm2m.h"

/* In the order of the bits PROA_ATTR_*. */
static const struct {
    char name[5];
    uint8_t at, len; /* where the value stands in proa_attributes; a double if it is that long */
} fields[] = {
    {"pmin", offsetof(proa_attributes, pmin_s), sizeof(uint32_t)},
    {"pmax", offsetof(proa_attributes, pmax_s), sizeof(uint32_t)},
    {"gt", offsetof(proa_attributes, gt), sizeof(double)},
    {"lt", offsetof(proa_attributes, lt), sizeof(double)},
    {"st", offsetof(proa_attributes, st), sizeof(double)},
    {"con", offsetof(proa_attributes, con), sizeof(bool)},
};

enum { FIELDS = sizeof fields / sizeof fields[0] };

static proa_err parse_value(uint8_t which, proa_span text, proa_attributes *a)
{
    uint64_t number = 0;
    proa_err err;
    switch (which) {
    case PROA_ATTR_GT:
        return proa_text_float(text, &a->gt);
    case PROA_ATTR_LT:
        return proa_text_float(text, &a->lt);
    case PROA_ATTR_ST:
        err = proa_text_float(text, &a->st);
        return err == PROA_OK && proa__decimal_sum_sign(&a->st, 1) < 0 ? PROA_E_FORMAT : err;
    case PROA_ATTR_CON:
        err = proa_parse_decimal(text, 1, &number);
        a->con = number == 1;
        return err;
    default:
        err = proa_parse_decimal(text, UINT32_MAX, &number);
        *(which == PROA_ATTR_PMIN ? &a->pmin_s : &a->pmax_s) = (uint32_t)number;
        return err;
    }
}

proa_err proa_attributes_parse(proa_span query, proa_attributes *attributes)
{
    proa_span name = {query.data, 0};
    while (name.len < query.len && query.data[name.len] != '=') {
        name.len++;
    }
    for (unsigned i = 0; i < FIELDS; i++) {
        if (!proa_span_equal(name, proa_span_of(fields[i].name))) {
            continue;
        }
        uint8_t which = (uint8_t)(1U << i);
        if (((attributes->set | attributes->cleared) & which) != 0) {
            return PROA_E_FORMAT; /* named twice: which one would be meant? */
        }
        if (name.len == query.len) {
            attributes->cleared |= which;
            return PROA_OK;
        }
        proa_span value = {query.data + name.len + 1, query.len - name.len - 1};
        proa_err err = parse_value(which, value, attributes);
        if (err == PROA_OK) {
            attributes->set |= which;
        }
        return err;
    }
    return PROA_E_UNSUPPORTED;
}

void proa_attributes_write(proa_writer *w, const proa_attributes *a, uint8_t which)
{
    for (unsigned i = 0; i < FIELDS; i++) {
        if ((1U << i & which & (a->set | a->cleared)) == 0) {
            continue;
        }
        proa_write_text(w, fields[i].name);
        if ((a->set & which) == 0) {
            continue;
        }
        proa_write_u8(w, '=');
        switch (which) {
        case PROA_ATTR_PMIN:
            proa_write_decimal(w, a->pmin_s);
            break;
        case PROA_ATTR_PMAX:
            proa_write_decimal(w, a->pmax_s);
            break;
        case PROA_ATTR_CON:
            proa_write_decimal(w, a->con);
            break;
        default:
            proa_text_write_float(w, which == PROA_ATTR_GT   ? a->gt
                                     : which == PROA_ATTR_LT ? a->lt
                                                             : a->st);
        }
    }
}

proa_err proa_attributes_check(const proa_attributes *a)
{
    double st = (a->set & PROA_ATTR_ST) != 0 ? a->st : 0;
    const double room[] = {a->gt, -a->lt, -st, -st};
    bool both = (a->set & PROA_ATTR_GT) != 0 && (a->set & PROA_ATTR_LT) != 0;
    return both && proa__decimal_sum_sign(room, 4) <= 0 ? PROA_E_FORMAT : PROA_OK;
}

void proa_attributes_merge(proa_attributes *under, const proa_attributes *over)
{
    for (unsigned i = 0; i < FIELDS; i++) {
        if ((over->set & 1U << i) != 0) {
            memcpy((uint8_t *)under + fields[i].at, (const uint8_t *)over + fields[i].at,
                   fields[i].len);
        }
    }
    under->set = (uint8_t)((under->set | over->set) & ~over->cleared);
}

static int compare(double a, double b)
{
    const double terms[] = {a, -b};
    return proa__decimal_sum_sign(terms, 2);
}

/* From one side of the limit, or from the limit itself, to the other side. */
static bool crosses(double limit, double from, double to)
{
    int before = compare(from, limit);
    int after = compare(to, limit);
    return after != 0 && before != after;
}

bool proa_attributes_passed(const proa_attributes *a, double from, double to)
{
    bool up = compare(to, from) > 0;
    const double beyond[] = {up ? to : from, up ? -from : -to, -a->st};
    return ((a->set & PROA_ATTR_GT) != 0 && crosses(a->gt, from, to)) ||
           ((a->set & PROA_ATTR_LT) != 0 && crosses(a->lt, from, to)) ||
           ((a->set & PROA_ATTR_ST) != 0 && proa__decimal_sum_sign(beyond, 3) >= 0);
}
