/* SPDX-License-Identifier: Apache-2.0 */
/* Object 11002, Client Access Control: what peers may do (docs/C2C.md §2, §3).
 *
 * Truths kept here: an instance speaks about one path for one owner, and only the owner changes it;
 * the owner is the server that made it, whatever it wrote into resource 3; nobody gives away more
 * than it holds itself in object 2; objects that concern servers only are never opened.
 *
 * What the entries mean for a request is the business of enforce.c. */
#include <stddef.h>

#include "core/c2c/c2c_internal.h"

static const proa_resource resources[] = {
    {0, PROA_TYPE_INTEGER, PROA_RES_R | PROA_RES_MANDATORY},
    {1, PROA_TYPE_INTEGER, PROA_RES_R | PROA_RES_MANDATORY},
    {2, PROA_TYPE_INTEGER, PROA_RES_RW | PROA_RES_MULTIPLE},
    {3, PROA_TYPE_INTEGER, PROA_RES_R},
};

/* What an instance is about is said once, when it is made: afterwards it is read-only. */
static const proa__field fields[] = {
    {PROA__NUMBER_ONCE, offsetof(proa__access, object), 1, PROA_ID_MAX},
    {PROA__NUMBER_ONCE, offsetof(proa__access, object_instance), 0, PROA_ID_ALL},
    {PROA__LIST, 0, 0, PROA__ELEMENT_LEN *(PROA_C2C_PEERS_MAX + 1)},
    {PROA__NUMBER_OURS, offsetof(proa__access, row.owner), 0, PROA_ID_MAX},
};

static void make(proa__row *row)
{
    ((proa__access *)row)->object_instance = UINT32_MAX; /* not yet written */
}

static proa_err accept(proa_c2c *c, const proa_actor *who, proa__row *draft,
                       const proa__row *before)
{
    proa__access *access = (proa__access *)draft;
    uint8_t given = 0;
    access->stale = false; /* it is stored whole */
    if (proa__c2c_closed(access->object)) {
        return PROA_E_DENIED;
    }
    const proa__access *other = NULL;
    while ((other = proa__access_after(c, other)) != NULL) {
        if (&other->row != before && other->row.owner == draft->owner &&
            other->object == access->object && other->object_instance == access->object_instance) {
            return PROA_E_EXISTS; /* there is one already: write its list */
        }
    }
    if (who->kind == PROA_ACTOR_LOCAL) {
        return PROA_OK;
    }
    for (size_t at = 0; at < draft->text_len[0]; at += PROA__ELEMENT_LEN) {
        given |= draft->texts[at + 2];
    }
    if (access->object_instance != PROA_ID_ALL) {
        given &= (uint8_t)~PROA_RIGHT_CREATE; /* means nothing below an object */
    }
    uint8_t held = proa__client_server_rights(c->client, who->short_id, (uint16_t)access->object,
                                              (uint16_t)access->object_instance);
    return (given & ~held) != 0 ? PROA_E_DENIED : PROA_OK;
}

static void accepted(proa_c2c *c, const proa__row *draft, const proa__row *before)
{
    (void)draft;
    (void)before;
    c->rights_changed = true;
}

static void removed(proa_c2c *c, proa__row *row)
{
    (void)row;
    c->rights_changed = true;
}

static bool loaded(proa_c2c *c, proa__row *row)
{
    size_t elements = row->text_len[0] / PROA__ELEMENT_LEN;
    for (size_t i = 0; i < elements; i++) {
        row->texts[i * PROA__ELEMENT_LEN + 2] &= PROA_RIGHTS_ALL;
    }
    return elements * PROA__ELEMENT_LEN == row->text_len[0] &&
           elements <= c->limits.peer_max + 1U &&
           !proa__c2c_closed(((const proa__access *)row)->object);
}

const proa__kind proa__access_kind = {
    .object = PROA_OBJECT_CLIENT_ACCESS,
    .letter = 'a',
    .owned = true,
    .words = PROA__WORDS(proa__access, object_instance),
    .head_len = sizeof(proa__access),
    .row_len = sizeof(proa__access),
    .count = sizeof(resources) / sizeof(resources[0]),
    .resources = resources,
    .fields = fields,
    .make = make,
    .accept = accept,
    .accepted = accepted,
    .loaded = loaded,
    .removed = removed,
};

/* What the store still says of a list may be more than is true. While there is no peer of that number,
 * boot would drop it (persist.c), and what others may stays; once one comes, rather nothing than that. */
static void store_shorter(const proa__table *t, proa__access *access, bool is_gone)
{
    access->stale = proa__row_store(t, &access->row, &access->row) != PROA_OK;
    if (access->stale && !is_gone) {
        proa__row_forget(t, &access->row);
        access->stale = false;
    }
}

void proa__c2c_drop_rights(proa_c2c *c, uint32_t short_id, bool is_gone)
{
    const proa__table *t = &c->tables[PROA__ACCESSES];
    proa__access *access = NULL;
    while (short_id != 0 && (access = proa__access_after(c, access)) != NULL) {
        proa__row *row = &access->row;
        int at = proa__list_find(proa__row_text(row, 0), short_id);
        if (at >= 0) {
            proa__row_cut(c, row, (size_t)at, PROA__ELEMENT_LEN);
            c->rights_changed = true;
        } else if (!access->stale || is_gone) {
            continue;
        }
        if (row->text_len[0] == 0) {
            proa__c2c_remove(t, row, PROA_OUTCOME_OK);
        } else {
            store_shorter(t, access, is_gone);
        }
    }
}
