/* SPDX-License-Identifier: Apache-2.0 */
/* What survives a reboot: a blob for each row of the tables of objects, named by its place
 * ("c2c.k0", "c2c.p0", "c2c.a0", "c2c.o0"), replaced as a whole. It holds the row's numbers and texts as its kind has
 * them, so whoever gives a kind another field gives FORMAT another number.
 *
 * The remaining lifetime is stored with the peer each time another 5 % of it are gone. What is read
 * at boot may therefore be up to one such step too much, so one step is taken off, and the result
 * is stored before anything else (client_object.c). Time that passes while the device is off is not
 * counted; only this device's own running seconds are.
 *
 * Keys and lifetimes lie in different blobs, because the second is written often. A blob that
 * cannot be read, or does not fit the limits of today, is as good as none: that half of the
 * account is missing, and the other one goes. */
#include <string.h>

#include "core/c2c/c2c_internal.h"

#define FORMAT 3
#define NUMBERS_MAX 12
#define BLOB_MAX (1 + 4 * NUMBERS_MAX + PROA__TEXTS_MAX + PROA__DRAFT_TEXTS_MAX)
_Static_assert(BLOB_MAX <= PROA_STORE_BLOB_MAX, "a row fits a blob");

/* Write the name of a row's blob, of at most PROA_STORE_NAME_MAX bytes. */
static void write_name(char *name, const proa__table *t, const proa__row *place)
{
    size_t index = (size_t)((const uint8_t *)place - (const uint8_t *)t->first) / t->kind->row_len;
    proa_writer w = proa_writer_make(name, PROA_STORE_NAME_MAX);
    proa_write_text(&w, "c2c.");
    proa_write_u8(&w, (uint8_t)t->kind->letter);
    proa_write_decimal(&w, (int64_t)index);
    proa_write_u8(&w, 0);
}

proa_err proa__row_store(const proa__table *t, const proa__row *place, const proa__row *row)
{
    const proa_store *store = &t->c->config->store;
    char name[PROA_STORE_NAME_MAX];
    uint8_t buf[BLOB_MAX];
    proa_writer w = proa_writer_make(buf, sizeof(buf));
    if (store->write == NULL) {
        return PROA_OK;
    }
    proa_write_u8(&w, FORMAT);
    for (unsigned i = 0; i < t->kind->words; i++) {
        proa_write_u32(&w, proa__row_numbers(row)[i]);
    }
    for (unsigned i = 0; i < PROA__TEXTS_MAX; i++) {
        proa_write_u8(&w, (uint8_t)row->text_len[i]);
    }
    proa_write_bytes(&w, row->texts, proa__row_texts_len(row));
    write_name(name, t, place);
    proa_err err = store->write(store->ctx, name, proa_writer_span(&w));
    proa_wipe(buf, sizeof(buf));
    return err;
}

void proa__row_forget(const proa__table *t, const proa__row *place)
{
    const proa_store *store = &t->c->config->store;
    char name[PROA_STORE_NAME_MAX];
    if (store->remove != NULL) {
        write_name(name, t, place);
        /* A medium that cannot forget is caught at boot: the halves no longer fit. There is
         * nobody to tell here. */
        (void)store->remove(store->ctx, name);
    }
}

/* Read a row into the draft, which nobody needs at boot; its texts stay in the blob. True if it is
 * whole, nothing is left over, and its kind can use it. */
static bool read_row(const proa__table *t, const proa__row *place, proa__row *row, proa_span blob)
{
    proa_reader r = proa_reader_make(blob);
    bool known = proa_read_u8(&r) == FORMAT;
    for (unsigned i = 0; i < t->kind->words; i++) {
        proa__row_numbers(row)[i] = proa_read_u32(&r);
    }
    for (unsigned i = 0; i < PROA__TEXTS_MAX; i++) {
        row->text_len[i] = proa_read_u8(&r);
    }
    row->texts = t->c->draft.texts;
    proa_span texts = proa_read_span(&r, proa__row_texts_len(row));
    if (!known || r.err != PROA_OK || proa_reader_left(&r) > 0 ||
        texts.len > sizeof(t->c->draft.texts) || row->instance > PROA_ID_MAX ||
        !proa__row_is_complete(t->kind, row)) {
        return false;
    }
    if (texts.len > 0) {
        memcpy(row->texts, texts.data, texts.len);
    }
    return proa__row_has_room(t, place, row) &&
           (t->kind->loaded == NULL || t->kind->loaded(t->c, row));
}

static void load(const proa__table *t, proa__row *place)
{
    const proa_store *store = &t->c->config->store;
    proa__row *row = &t->c->draft.of.row;
    char name[PROA_STORE_NAME_MAX];
    uint8_t buf[PROA_STORE_BLOB_MAX];
    write_name(name, t, place);
    int len = store->read(store->ctx, name, buf, sizeof(buf));
    if (len > 0 && read_row(t, place, row, proa_span_make(buf, (size_t)len))) {
        proa__row_install(t, place, row);
    }
    proa_wipe(buf, sizeof(buf));
    proa_wipe(&t->c->draft, sizeof(t->c->draft));
}

/* Rights whose peer is not there any more must not wait for the next owner of its number. */
static void drop_orphans(proa_c2c *c)
{
    const proa__row *row = NULL;
    while ((row = proa__row_after(&c->tables[PROA__ACCESSES], row)) != NULL) {
        size_t at = 0;
        while (row->slot == PROA__SLOT_LIVE && at < row->text_len[0]) {
            uint32_t short_id = (uint32_t)row->texts[at] << 8 | row->texts[at + 1];
            if (short_id != 0 && proa__c2c_peer(c, short_id) == NULL) {
                proa__c2c_drop_rights(c, short_id, true);
            } else {
                at += PROA__ELEMENT_LEN;
            }
        }
    }
}

void proa__c2c_load(proa_c2c *c)
{
    /* Contexts first, because keys link to them. */
    for (size_t t = PROA__OBJECTS; c->config->store.read != NULL && t-- > 0;) {
        for (size_t i = 0; i < c->tables[t].count; i++) {
            load(&c->tables[t], proa__row_at(&c->tables[t], i));
        }
    }
    proa__c2c_drop_halves(c);
    proa__peer *peer = NULL;
    while ((peer = proa__peer_after(c, peer)) != NULL) {
        proa__c2c_store_peer(c, peer);
    }
    drop_orphans(c);
    if (c->limits.contexts != NULL) {
        c->limits.contexts->sweep(c);
    }
    c->dirty = true;
}
