/* SPDX-License-Identifier: Apache-2.0 */
/* Notification attributes as queries and as a set that can be laid over another (Core 1.2 §5.1.2,
 * §7.3.2). When a notification is due is the client's business, not known here. */
#include <stddef.h>
#include <string.h>

#include "core/codec/decimal.h"
#include "proa/codec/text.h"
#include "proa/lwm2m.h"

typedef struct field {
    char name[5];
    uint8_t at, len; /* where the value stands in proa_attributes; a double if it is that long */
} field;

/* In the order of the bits PROA_ATTR_*. */
static const field fields[] = {
    {"pmin", offsetof(proa_attributes, pmin_s), sizeof(uint32_t)},
    {"pmax", offsetof(proa_attributes, pmax_s), sizeof(uint32_t)},
    {"gt", offsetof(proa_attributes, gt), sizeof(double)},
    {"lt", offsetof(proa_attributes, lt), sizeof(double)},
    {"st", offsetof(proa_attributes, st), sizeof(double)},
    {"con", offsetof(proa_attributes, con), sizeof(bool)},
};

enum { FIELDS = sizeof fields / sizeof fields[0] };

/* The sign of a + b + c. */
static int sign(double a, double b, double c)
{
    const double terms[] = {a, b, c};
    return proa__decimal_sum_sign(terms, 3);
}

static proa_err parse_value(const field *f, proa_span text, proa_attributes *a)
{
    uint64_t number;
    double limit;
    bool is_flag = f->len == sizeof a->con;
    bool is_limit = f->len == sizeof limit;
    proa_err err = is_limit ? proa_text_float(text, &limit)
                            : proa_parse_decimal(text, is_flag ? 1 : UINT32_MAX, &number);
    if (err != PROA_OK) {
        return err;
    }
    if (is_limit) {
        memcpy((uint8_t *)a + f->at, &limit, sizeof limit);
    } else if (is_flag) {
        a->con = number == 1;
    } else {
        uint32_t seconds = (uint32_t)number;
        memcpy((uint8_t *)a + f->at, &seconds, sizeof seconds);
    }
    return sign(a->st, 0, 0) < 0 ? PROA_E_FORMAT : PROA_OK;
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
        proa_err err = parse_value(&fields[i], value, attributes);
        if (err == PROA_OK) {
            attributes->set |= which;
        }
        return err;
    }
    return PROA_E_UNSUPPORTED;
}

void proa_attributes_write(proa_writer *w, const proa_attributes *a, unsigned which)
{
    const field *f = fields;
    uint32_t seconds = a->con;
    double limit;
    if (((a->set | a->cleared) & which) == 0) {
        return;
    }
    while ((1U << (f - fields) & which) == 0) {
        f++;
    }
    proa_write_text(w, f->name);
    if ((a->set & which) == 0) {
        return;
    }
    proa_write_u8(w, '=');
    if (f->len == sizeof limit) {
        memcpy(&limit, (const uint8_t *)a + f->at, sizeof limit);
        proa_text_write_float(w, limit);
        return;
    }
    if (f->len == sizeof seconds) {
        memcpy(&seconds, (const uint8_t *)a + f->at, sizeof seconds);
    }
    proa_write_decimal(w, seconds);
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
    for (unsigned i = 0; i < FIELDS && over->set >> i != 0; i++) {
        if ((over->set & 1U << i) != 0) {
            memcpy((uint8_t *)under + fields[i].at, (const uint8_t *)over + fields[i].at,
                   fields[i].len);
        }
    }
    under->set = (uint8_t)((under->set | over->set) & ~over->cleared);
}

/* From one side of the limit, or from the limit itself, to the other side. */
static bool crosses(double limit, double from, double to)
{
    int before = sign(from, -limit, 0);
    int after = sign(to, -limit, 0);
    return after != 0 && before != after;
}

bool proa_attributes_passed(const proa_attributes *a, double from, double to)
{
    return ((a->set & PROA_ATTR_GT) != 0 && crosses(a->gt, from, to)) ||
           ((a->set & PROA_ATTR_LT) != 0 && crosses(a->lt, from, to)) ||
           ((a->set & PROA_ATTR_ST) != 0 &&
            (sign(to, -from, -a->st) >= 0 || sign(from, -to, -a->st) >= 0));
}
