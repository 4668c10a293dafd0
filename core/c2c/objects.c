/* SPDX-License-Identifier: Apache-2.0 */
/* What objects 21, 11000, 11001 and 11002 have in common as objects: one set of functions, which reads
 * in the tables of fields what a resource is.
 *
 * Truths kept here: a value out of its field's bounds is refused when it is written, a row that
 * lacks one when it is committed; what is written stands in the draft until all of it was checked
 * and stored; and a draft is wiped, because it may hold a key. */
#include <string.h>

#include "core/c2c/c2c_internal.h"

/* The place of a resource in the tables of its kind, or -1. */
static int field_of(const proa__kind *kind, uint16_t resource)
{
    int i = kind->count;
    while (--i >= 0 && kind->resources[i].id != resource) {
    }
    return i;
}

static uint32_t *number_at(const proa__row *row, const proa__field *field)
{
    return (uint32_t *)(void *)((uintptr_t)row + field->at);
}

/* What is compared with the bounds of a field: its number or its length. */
static uint32_t extent_of(const proa__row *row, const proa__field *field)
{
    return field->type >= PROA__TEXT ? row->text_len[field->at] : *number_at(row, field);
}

bool proa__row_is_complete(const proa__kind *kind, const proa__row *row)
{
    for (int i = 0; i < kind->count; i++) {
        const proa__field *field = &kind->fields[i];
        bool bound = field->type != PROA__NOTHING && field->type != PROA__COMPUTED;
        if (bound && (extent_of(row, field) < field->min || extent_of(row, field) > field->max)) {
            return false;
        }
    }
    return true;
}

/* ---- looking ---------------------------------------------------------------------------- */

/* The draft, if it is this instance that is being written. */
static proa__row *draft_of(const proa__table *t, uint16_t instance)
{
    proa__draft *draft = &t->c->draft;
    return draft->table == t && draft->of.row.instance == instance ? &draft->of.row : NULL;
}

static const proa__row *find(const proa__table *t, uint16_t instance)
{
    const proa__row *draft = draft_of(t, instance);
    return draft != NULL ? draft : proa__row_find(t, instance);
}

static int32_t next_instance(void *ctx, int32_t after)
{
    return proa__row_next(ctx, after);
}

static int32_t next_resource_instance(void *ctx, uint16_t instance, uint16_t resource,
                                      int32_t after)
{
    const proa__row *row = find(ctx, instance);
    int32_t next = -1;
    (void)resource; /* no object has two lists */
    for (size_t at = 0; row != NULL && at < row->text_len[0]; at += PROA__ELEMENT_LEN) {
        int32_t id = row->texts[at] << 8 | row->texts[at + 1];
        if (id > after && (next < 0 || id < next)) {
            next = id;
        }
    }
    return next;
}

/* As it is; the resource's type tells how a number looks. */
static void show(proa_value *out, proa_type type, uint32_t number)
{
    out->type = type;
    if (type == PROA_TYPE_BOOLEAN) {
        out->as.boolean = number != 0;
    } else if (type == PROA_TYPE_OBJLINK) {
        out->as.link = (proa_objlink){(uint16_t)(number >> 16), (uint16_t)number};
    } else {
        out->as.integer = number;
    }
}

static proa_err read(void *ctx, const proa_path *path, proa_value *out)
{
    const proa__table *t = ctx;
    const proa__row *row = find(t, path->ids[1]);
    int i = field_of(t->kind, path->ids[2]);
    uint32_t number = 0;
    if (row == NULL || i < 0 || (t->kind->resources[i].flags & PROA_RES_R) == 0) {
        return PROA_E_NOT_FOUND;
    }
    const proa__field *field = &t->kind->fields[i];
    proa_span text = proa__row_text(row, field->type >= PROA__TEXT ? field->at : 0);
    proa_type type = t->kind->resources[i].type;
    int element;
    switch (field->type) {
    case PROA__TEXT:
        out->type = type;
        out->as.bytes = text;
        return PROA_OK;
    case PROA__LIST:
        element = path->depth == 4 ? proa__list_find(text, path->ids[3]) : -1;
        if (element < 0) {
            return PROA_E_NOT_FOUND;
        }
        number = text.data[element + 2];
        break;
    case PROA__COMPUTED:
        if (!t->kind->compute(t->c, row, path->ids[2], &number)) {
            return PROA_E_NOT_FOUND;
        }
        break;
    case PROA__NOTHING:
        return PROA_E_NOT_FOUND;
    default:
        number = *number_at(row, field);
    }
    show(out, type, number);
    return PROA_OK;
}

/* Whether a resource is there. A secret is, and an empty text that may be empty is not. */
static bool has(void *ctx, uint16_t instance, uint16_t resource)
{
    const proa__table *t = ctx;
    const proa__row *row = find(t, instance);
    int i = field_of(t->kind, resource);
    uint32_t number;
    if (row == NULL || i < 0) {
        return false;
    }
    const proa__field *field = &t->kind->fields[i];
    switch (field->type) {
    case PROA__NOTHING:
        return (t->kind->resources[i].flags & PROA_RES_E) != 0;
    case PROA__COMPUTED:
        return t->kind->compute(t->c, row, resource, &number);
    case PROA__TEXT:
        return row->text_len[field->at] > 0;
    default:
        return true;
    }
}

/* ---- writing ---------------------------------------------------------------------------- */

static proa_err write_number(proa__row *row, const proa__field *field, const proa_value *value)
{
    int64_t number = value->as.integer;
    if (value->type == PROA_TYPE_BOOLEAN) {
        number = value->as.boolean ? 1 : 0;
    } else if (value->type == PROA_TYPE_OBJLINK) {
        number = (int64_t)value->as.link.object << 16 | value->as.link.instance;
    }
    bool fits = field->type == PROA__NUMBER_SIGNED ? number >= INT32_MIN && number <= INT32_MAX
                                                   : number >= field->min && number <= field->max;
    if (!fits) {
        return PROA_E_RANGE;
    }
    *number_at(row, field) = (uint32_t)number;
    return PROA_OK;
}

/* Put a text between those before and behind it. */
static proa_err write_text(proa__row *row, const proa__field *field, proa_span text)
{
    proa_span old = proa__row_text(row, field->at);
    uint8_t *at = row->texts + (old.data - row->texts);
    size_t behind = proa__row_texts_len(row) - (size_t)(at - row->texts) - old.len;
    if (text.len < field->min || text.len > field->max) {
        return text.len < field->min ? PROA_E_FORMAT : PROA_E_TOO_LARGE;
    }
    memmove(at + text.len, at + old.len, behind);
    if (text.len > 0) {
        memcpy(at, text.data, text.len);
    }
    row->text_len[field->at] = (uint16_t)text.len;
    return PROA_OK;
}

static proa_err write_element(const proa_c2c *c, proa__row *row, const proa_path *path,
                              int64_t value)
{
    int at = proa__list_find(proa__row_text(row, 0), path->ids[3]);
    if (path->depth != 4) {
        return PROA_E_FORMAT;
    }
    if (value < 0 || value > PROA_RIGHTS_ALL) {
        return PROA_E_RANGE;
    }
    if (at < 0) {
        at = row->text_len[0];
        if ((unsigned)at >= PROA__ELEMENT_LEN * (c->limits.peer_max + 1U)) {
            return PROA_E_FULL;
        }
        row->text_len[0] = (uint16_t)((unsigned)at + PROA__ELEMENT_LEN);
    }
    uint8_t *element = row->texts + at;
    element[0] = (uint8_t)(path->ids[3] >> 8);
    element[1] = (uint8_t)path->ids[3];
    element[2] = (uint8_t)value;
    return PROA_OK;
}

static bool may_change(const proa__table *t, const proa__row *row, const proa_actor *who)
{
    return !t->kind->owned || who->kind == PROA_ACTOR_LOCAL ||
           (who->kind == PROA_ACTOR_SERVER && who->short_id == row->owner);
}

static proa_err write(void *ctx, const proa_actor *who, const proa_path *path,
                      const proa_value *value)
{
    const proa__table *t = ctx;
    proa__row *row = draft_of(t, path->ids[1]);
    int i = field_of(t->kind, path->ids[2]);
    if (row == NULL || i < 0) {
        return PROA_E_NOT_FOUND;
    }
    if (!may_change(t, row, who)) {
        return PROA_E_DENIED;
    }
    const proa__field *field = &t->kind->fields[i];
    proa_err err = PROA_OK;
    switch (field->type) {
    case PROA__NOTHING:
    case PROA__NUMBER_OURS:
        return PROA_OK;
    case PROA__NUMBER_ONCE:
        err = t->c->draft.before != NULL ? PROA_E_METHOD : write_number(row, field, value);
        break;
    case PROA__NUMBER:
    case PROA__NUMBER_SIGNED:
        err = write_number(row, field, value);
        break;
    case PROA__TEXT:
        err = write_text(row, field, value->as.bytes);
        break;
    case PROA__LIST:
        err = write_element(t->c, row, path, value->as.integer);
        break;
    case PROA__COMPUTED:
    default:
        err = PROA_E_NOT_FOUND;
        break;
    }
    if (err == PROA_OK && t->kind->touched != NULL) {
        t->kind->touched(t->c, row, path->ids[2]);
    }
    return err;
}

static proa_err clear(void *ctx, const proa_actor *who, const proa_path *resource)
{
    const proa__table *t = ctx;
    proa__row *row = draft_of(t, resource->ids[1]);
    if (row == NULL) {
        return PROA_E_NOT_FOUND;
    }
    if (!may_change(t, row, who)) {
        return PROA_E_DENIED;
    }
    row->text_len[0] = 0;
    return PROA_OK;
}

static proa_err execute(void *ctx, const proa_actor *who, const proa_path *path,
                        proa_span arguments)
{
    const proa__table *t = ctx;
    proa__row *row = proa__row_find(t, path->ids[1]);
    (void)who;
    (void)arguments;
    if (row == NULL || t->kind->touched == NULL) {
        return PROA_E_NOT_FOUND;
    }
    t->kind->touched(t->c, row, path->ids[2]);
    return PROA_OK;
}

/* ---- transactions ----------------------------------------------------------------------- */

static proa__row *draft_begin(const proa__table *t, proa__row *before)
{
    proa__draft *draft = &t->c->draft;
    proa__row *row = &draft->of.row;
    proa_wipe(draft, sizeof(*draft));
    draft->table = t;
    draft->before = before;
    if (before != NULL) {
        memcpy(row, before, t->kind->head_len);
        memcpy(draft->texts, before->texts, proa__row_texts_len(before));
    }
    row->texts = draft->texts;
    return row;
}

static proa_err accept_and_store(const proa__table *t, const proa_actor *who,
                                 const proa__row *place)
{
    proa_c2c *c = t->c;
    proa__row *row = &c->draft.of.row;
    proa_err err = t->kind->accept(c, who, row, c->draft.before);
    if (err != PROA_OK) {
        return err;
    }
    err = proa__row_store(t, place, row);
    if (err != PROA_OK && t->kind->refused != NULL) {
        t->kind->refused(c, row);
    }
    return err;
}

static proa_err commit(const proa__table *t, const proa_actor *who)
{
    proa_c2c *c = t->c;
    proa__row *row = &c->draft.of.row;
    proa__row *before = c->draft.before;
    proa__row *place = before;
    uint16_t instance = (uint16_t)row->instance;
    proa_err err = PROA_OK;
    if (before == NULL) {
        err = proa__row_take(t, instance, &place, &instance);
    }
    if (err == PROA_OK && !proa__row_is_complete(t->kind, row)) {
        err = PROA_E_FORMAT;
    }
    if (err == PROA_OK && !proa__row_has_room(t, place, row)) {
        err = PROA_E_FULL;
    }
    if (err == PROA_OK) {
        err = accept_and_store(t, who, place);
    }
    if (err == PROA_OK) {
        if (t->kind->accepted != NULL) {
            t->kind->accepted(c, row, before);
        }
        proa__row_install(t, place, row);
        c->dirty = true;
    }
    return err;
}

static proa_err transact(void *ctx, const proa_actor *who, uint16_t instance, proa_transaction step)
{
    const proa__table *t = ctx;
    proa__draft *draft = &t->c->draft;
    proa__row *row = proa__row_find(t, instance);
    bool open = draft_of(t, instance) != NULL;
    proa_err err = PROA_OK;
    if (step == PROA_BEGIN && row != NULL) {
        (void)draft_begin(t, row);
        return PROA_OK;
    }
    if (step != PROA_ROLLBACK && !open) {
        return PROA_E_NOT_FOUND;
    }
    if (step == PROA_BEGIN) {
        return PROA_OK; /* create has begun it */
    }
    if (step == PROA_COMMIT) {
        err = commit(t, who);
    }
    proa_wipe(draft, sizeof(*draft));
    return err;
}

/* ---- create, delete --------------------------------------------------------------------- */

static proa_err create(void *ctx, const proa_actor *who, int32_t wanted, uint16_t *instance)
{
    const proa__table *t = ctx;
    proa__row *row;
    proa_err err = proa__row_take(t, wanted, &row, instance);
    if (err != PROA_OK) {
        return err;
    }
    row = draft_begin(t, NULL);
    row->instance = *instance;
    row->owner = who->kind == PROA_ACTOR_SERVER ? who->short_id : 0;
    t->kind->make(row);
    return PROA_OK;
}

static proa_err remove_instance(void *ctx, const proa_actor *who, uint16_t instance)
{
    const proa__table *t = ctx;
    proa__row *row = proa__row_find(t, instance);
    if (row == NULL) {
        return PROA_E_NOT_FOUND;
    }
    if (!may_change(t, row, who)) {
        return PROA_E_DENIED;
    }
    proa__c2c_remove(t, row, PROA_OUTCOME_REVOKED);
    return PROA_OK;
}

void proa__c2c_remove(const proa__table *t, proa__row *row, proa_outcome why)
{
    proa_c2c *c = t->c;
    proa__row_forget(t, row);
    row->slot = PROA__SLOT_GONE;
    row->why = why;
    c->instances_gone = c->instances_gone || why != PROA_OUTCOME_REVOKED;
    c->dirty = true;
    t->kind->removed(c, row);
}

static const proa_object_class class_ = {
    .next_instance = next_instance,
    .has = has,
    .next_resource_instance = next_resource_instance,
    .read = read,
    .write = write,
    .clear = clear,
    .execute = execute,
    .create = create,
    .remove = remove_instance,
    .transact = transact,
};

void proa__c2c_object(proa__table *t, proa_object *out)
{
    const proa_secure *box = t->c->config->secure;
    uint8_t minor = 0;
    if (t->c->limits.compact != NULL && t->kind->object == PROA_OBJECT_CLIENT_SECURITY) {
        minor = box != NULL && box->has_firsts ? 2 : 1; /* docs/C2C.md §5 */
    }
    *out = (proa_object){t->kind->object, 1, minor, t->kind->resources, t->kind->count, &class_, t};
}
