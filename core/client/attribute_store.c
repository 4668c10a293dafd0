/* SPDX-License-Identifier: Apache-2.0 */
/* Notification attributes: which account wants what at which path (Core 1.2 §5.1.2, §7.3.2). Kept
 * per account, because each server sets its own. What is in force at a path is laid together from
 * the account's defaults and the path's levels; nothing of that is stored. */
#include <string.h>

#include "core/client/client_internal.h"

static proa__attribute_row *find_row(const proa_client *c, proa_account account,
                                     const proa_path *path)
{
    for (uint16_t i = 0; i < c->config.attribute_max; i++) {
        proa__attribute_row *row = &c->attributes[i];
        if (row->account == account && proa_path_equal(&row->path, path)) {
            return row;
        }
    }
    return NULL;
}

const proa_attributes *proa__attributes_at(const proa_client *c, proa_account account,
                                           const proa_path *path)
{
    static const proa_attributes none;
    const proa__attribute_row *row = find_row(c, account, path);
    return row == NULL ? &none : &row->attributes;
}

/* /1/x/2 and 3 of a server; 11001/x/2 and 3 of a peer. */
static void defaults_of(const proa_client *c, proa_account account, proa_attributes *a)
{
    memset(a, 0, sizeof *a);
    const proa__server *s = proa__server_by_account(c, account);
    if (s != NULL) {
        a->pmin_s = s->settings.pmin_s;
        a->pmax_s = s->settings.pmax_s;
    } else if (c->extension != NULL && c->extension->periods != NULL) {
        c->extension->periods(c->extension->ctx, account, &a->pmin_s, &a->pmax_s);
    }
    a->set = (uint8_t)((a->pmin_s > 0 ? PROA_ATTR_PMIN : 0) | (a->pmax_s > 0 ? PROA_ATTR_PMAX : 0));
}

void proa__attributes_of(const proa_client *c, proa_account account, const proa_path *path,
                         proa_attributes *out)
{
    const proa_attributes *levels[1 + sizeof path->ids / sizeof path->ids[0]] = {NULL};
    defaults_of(c, account, out);
    for (uint16_t i = 0; i < c->config.attribute_max; i++) {
        const proa__attribute_row *row = &c->attributes[i];
        if (row->account == account && proa_path_within(&row->path, path)) {
            levels[row->path.depth] = &row->attributes;
        }
    }
    for (unsigned depth = 1; depth <= path->depth; depth++) {
        if (levels[depth] != NULL) {
            proa_attributes_merge(out, levels[depth]);
        }
    }
}

proa_err proa__attributes_store(proa_client *c, proa_account account, const proa_path *path,
                                const proa_attributes *attributes)
{
    static const proa_path everything;
    proa__attribute_row *row = find_row(c, account, path);
    proa_attributes merged = *proa__attributes_at(c, account, path);
    proa_attributes_merge(&merged, attributes);
    proa_err err = proa_attributes_check(&merged);
    if (err != PROA_OK) {
        return err;
    }
    merged.cleared = 0;
    if (row == NULL && merged.set != 0) {
        row = find_row(c, 0, &everything); /* free rows are all zeros */
        if (row == NULL) {
            return PROA_E_FULL;
        }
    }
    if (row != NULL) {
        row->account = account;
        row->path = *path;
        row->attributes = merged;
        if (merged.set == 0) {
            memset(row, 0, sizeof *row);
        }
    }
    return PROA_OK;
}

void proa__attributes_forget(proa_client *c, proa_account account, const proa_path *path)
{
    for (uint16_t i = 0; i < c->config.attribute_max; i++) {
        proa__attribute_row *row = &c->attributes[i];
        if ((account == 0 || row->account == account) && proa_path_within(path, &row->path)) {
            memset(row, 0, sizeof *row);
        }
    }
}
