/* SPDX-License-Identifier: Apache-2.0 */
/* Notification attributes as queries and as a set that can be laid over another (Core 1.2 §5.1.2,
 * §7.3.2). When a notification is due is the client's business, not known here. */
#include <string.h>

#include "proa/codec/text.h"
#include "proa/lwm2m.h"

static proa_err parse_seconds(proa_span text, uint32_t *out)
{
    uint64_t seconds;
    proa_err err = proa_parse_decimal(text, UINT32_MAX, &seconds);
    if (err == PROA_OK) {
        *out = (uint32_t)seconds;
    }
    return err;
}

static proa_err parse_value(uint8_t which, proa_span text, proa_attributes *a)
{
    uint32_t number = 0;
    proa_err err;
    switch (which) {
    case PROA_ATTR_PMIN:
        return parse_seconds(text, &a->pmin_s);
    case PROA_ATTR_PMAX:
        return parse_seconds(text, &a->pmax_s);
    case PROA_ATTR_GT:
        return proa_text_float(text, &a->gt);
    case PROA_ATTR_LT:
        return proa_text_float(text, &a->lt);
    case PROA_ATTR_ST:
        err = proa_text_float(text, &a->st);
        return err == PROA_OK && a->st < 0 ? PROA_E_FORMAT : err;
    default: /* con */
        err = parse_seconds(text, &number);
        a->con = number == 1;
        return err == PROA_OK && number > 1 ? PROA_E_RANGE : err;
    }
}

proa_err proa_attributes_parse(proa_span query, proa_attributes *attributes)
{
    /* In the order of the bits PROA_ATTR_*. */
    static const char *const names[] = {"pmin", "pmax", "gt", "lt", "st", "con"};
    const uint8_t *equals = query.len > 0 ? memchr(query.data, '=', query.len) : NULL;
    proa_span name = {query.data, equals != NULL ? (size_t)(equals - query.data) : query.len};
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!proa_span_equal(name, proa_span_of(names[i]))) {
            continue;
        }
        uint8_t which = (uint8_t)(1U << i);
        if (((attributes->set | attributes->cleared) & which) != 0) {
            return PROA_E_FORMAT; /* named twice: which one would be meant? */
        }
        if (equals == NULL) {
            attributes->cleared |= which;
            return PROA_OK;
        }
        proa_err err =
            parse_value(which, proa_span_make(equals + 1, query.len - name.len - 1), attributes);
        if (err == PROA_OK) {
            attributes->set |= which;
        }
        return err;
    }
    return PROA_E_UNSUPPORTED;
}

proa_err proa_attributes_check(const proa_attributes *a)
{
    bool gt = (a->set & PROA_ATTR_GT) != 0;
    bool lt = (a->set & PROA_ATTR_LT) != 0;
    double gap = (a->set & PROA_ATTR_ST) != 0 ? 2 * a->st : 0;
    return gt && lt && !(a->lt + gap < a->gt) ? PROA_E_FORMAT : PROA_OK;
}

proa_attributes proa_attributes_merge(const proa_attributes *under, const proa_attributes *over)
{
    proa_attributes merged = *under;
    merged.set = (uint8_t)((under->set | over->set) & ~over->cleared);
    if ((over->set & PROA_ATTR_PMIN) != 0) {
        merged.pmin_s = over->pmin_s;
    }
    if ((over->set & PROA_ATTR_PMAX) != 0) {
        merged.pmax_s = over->pmax_s;
    }
    if ((over->set & PROA_ATTR_GT) != 0) {
        merged.gt = over->gt;
    }
    if ((over->set & PROA_ATTR_LT) != 0) {
        merged.lt = over->lt;
    }
    if ((over->set & PROA_ATTR_ST) != 0) {
        merged.st = over->st;
    }
    if ((over->set & PROA_ATTR_CON) != 0) {
        merged.con = over->con;
    }
    return merged;
}
