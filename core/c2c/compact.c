/* SPDX-License-Identifier: Apache-2.0 */
/* An account in one message: POST /11000 in CBOR (docs/C2C.md §5, account_body.h).
 *
 * Truths kept here: all of it is made or nothing; what is made is what the same server would have got
 * by a Create for each instance, because each goes through the same draft with the same checks; and
 * the key comes last. Until then what stands there gives nobody anything, and if the power fails in
 * between, it is removed at boot like any half of an account (accounts.c).
 *
 * The rest is one table: which value of the document is which resource of which object.
 *
 * Linked only where a program names proa_c2c_compact_accounts. */
#include "core/c2c/account_body.h"
#include "core/c2c/c2c_internal.h"

#include "proa/codec/cbor.h"

enum {
    KEY_URI = 0,
    KEY_MODE = 2,
    KEY_IDENTITY = 3,
    KEY_SECRET = 5,
    KEY_SHORT_ID = 10,
    KEY_LINK = 17
};
enum { PEER_PMAX = 3 };
enum { ACCESS_OBJECT = 0, ACCESS_INSTANCE = 1, ACCESS_LIST = 2 };

/* 11001/x/3 if the document does not say: a sign of life once a day. */
#define PMAX_DEFAULT_S 86400

static const struct {
    uint8_t key;
    uint8_t table;
    uint8_t resource;
    bool is_number;
} places[] = {
    {PROA_ACCOUNT_SHORT_ID, PROA__PEERS, 0, true},
    {PROA_ACCOUNT_LIFETIME, PROA__PEERS, 1, true},
    {PROA_ACCOUNT_PMIN, PROA__PEERS, 2, true},
    {PROA_ACCOUNT_PMAX, PROA__PEERS, PEER_PMAX, true},
    {PROA_ACCOUNT_ENDPOINT, PROA__PEERS, 9, false},
    {PROA_ACCOUNT_SECRET, PROA__CONTEXTS, 0, false},
    {PROA_ACCOUNT_SENDER_ID, PROA__CONTEXTS, 1, false},
    {PROA_ACCOUNT_RECIPIENT_ID, PROA__CONTEXTS, 2, false},
    {PROA_ACCOUNT_AEAD, PROA__CONTEXTS, 3, true},
    {PROA_ACCOUNT_HMAC, PROA__CONTEXTS, 4, true},
    {PROA_ACCOUNT_SALT, PROA__CONTEXTS, 5, false},
    {PROA_ACCOUNT_IDENTITY, PROA__KEYS, KEY_IDENTITY, false},
    {PROA_ACCOUNT_SHORT_ID, PROA__KEYS, KEY_SHORT_ID, true},
};

typedef struct making {
    proa_c2c *c;
    const proa_actor *who;
    proa_account_body body;
    uint16_t made[PROA__OBJECTS]; /* instances of key, peer and context; PROA_ID_ALL = none (yet) */
    proa_err err;                 /* the first failure; nothing is done after it */
} making;

static bool has(const making *m, unsigned key)
{
    return proa_account_body_has(&m->body, key);
}

static bool is_oscore(const making *m)
{
    return has(m, PROA_ACCOUNT_SENDER_ID);
}

static proa_span bytes_of(const making *m, unsigned key)
{
    return m->body.values[key].bytes;
}

/* ---- one instance ----------------------------------------------------------------------- */

static void put(making *m, size_t table, uint16_t instance, uint16_t resource, proa_value value)
{
    const proa_object *object = &m->c->objects[table];
    proa_path path = proa_path_make(3, object->id, instance, resource);
    if (m->err == PROA_OK) {
        m->err = object->class_->write(object->ctx, m->who, &path, &value);
    }
}

static uint16_t begin(making *m, size_t table)
{
    const proa_object *object = &m->c->objects[table];
    uint16_t instance = PROA_ID_ALL;
    if (m->err == PROA_OK) {
        m->err = object->class_->create(object->ctx, m->who, -1, &instance);
    }
    return instance;
}

/* All was written into the draft, or something has failed. */
static void end(making *m, size_t table, uint16_t instance)
{
    const proa_object *object = &m->c->objects[table];
    if (m->err == PROA_OK) {
        m->err = object->class_->transact(object->ctx, m->who, instance, PROA_COMMIT);
    }
    if (m->err != PROA_OK) {
        (void)!object->class_->transact(object->ctx, m->who, instance, PROA_ROLLBACK);
    }
}

static void came(making *m, size_t table, uint16_t instance)
{
    if (m->err == PROA_OK) {
        m->err =
            proa__client_instance_came(m->c->client, m->who, m->c->objects[table].id, instance);
    }
}

/* ---- key, peer, context ----------------------------------------------------------------- */

static void put_address(making *m, uint16_t instance)
{
    char text[PROA_URI_MAX];
    proa_writer w = proa_writer_make(text, sizeof(text));
    proa_addr addr;
    if (has(m, PROA_ACCOUNT_ADDRESS) && m->err == PROA_OK) {
        m->err = proa_account_body_address(&m->body, &addr);
        if (m->err == PROA_OK) {
            proa_uri_write(&w, !is_oscore(m), &addr);
            put(m, PROA__KEYS, instance, KEY_URI, proa_value_string(proa_writer_span(&w)));
        }
    }
}

/* What 11000 has of the key itself. With OSCORE that is a link; the context was accepted before, so
 * its ids are short enough for a name. */
static void put_secret(making *m, uint16_t instance)
{
    uint8_t name[PROA_ACCOUNT_NAME_LEN];
    if (!is_oscore(m)) {
        put(m, PROA__KEYS, instance, KEY_SECRET,
            proa_value_opaque(bytes_of(m, PROA_ACCOUNT_SECRET)));
    } else if (m->err == PROA_OK) {
        proa_account_name(name, bytes_of(m, PROA_ACCOUNT_SENDER_ID),
                          bytes_of(m, PROA_ACCOUNT_RECIPIENT_ID));
        put(m, PROA__KEYS, instance, KEY_IDENTITY,
            proa_value_opaque(proa_span_make(name, sizeof(name))));
        put(m, PROA__KEYS, instance, KEY_MODE, proa_value_integer(PROA_SECURITY_NOSEC));
        put(m, PROA__KEYS, instance, KEY_LINK,
            proa_value_link(PROA_OBJECT_OSCORE, m->made[PROA__CONTEXTS]));
    }
}

static void make(making *m, size_t table)
{
    uint16_t instance = begin(m, table);
    if (m->err != PROA_OK) {
        return;
    }
    if (table == PROA__PEERS) {
        put(m, table, instance, PEER_PMAX, proa_value_integer(PMAX_DEFAULT_S));
    } else if (table == PROA__KEYS) {
        put_address(m, instance);
        put_secret(m, instance);
    }
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        const proa_account_value *value = &m->body.values[places[i].key];
        if (places[i].table == table && has(m, places[i].key)) {
            put(m, table, instance, places[i].resource,
                places[i].is_number ? proa_value_integer(value->number)
                                    : proa_value_opaque(value->bytes));
        }
    }
    end(m, table, instance);
    if (m->err == PROA_OK) {
        m->made[table] = instance;
        came(m, table, instance);
    }
}

/* Nothing of it stays: rights go with the peer, a context with its key. */
static void undo(const making *m)
{
    static const uint8_t tables[] = {PROA__KEYS, PROA__CONTEXTS, PROA__PEERS};
    for (size_t i = 0; i < sizeof(tables); i++) {
        const proa__table *t = &m->c->tables[tables[i]];
        proa__row *row = proa__row_find(t, m->made[tables[i]]);
        if (row != NULL) {
            proa__c2c_remove(t, row, PROA_OUTCOME_OK);
        }
    }
}

/* ---- rights ----------------------------------------------------------------------------- */

/* The list that this server keeps about a path already, for other peers; NULL. */
static const proa__row *list_about(const making *m, const proa_ac_entry *entry)
{
    for (size_t i = 0; i < m->c->limits.access_max; i++) {
        const proa__access *access = proa__access_at(m->c, i);
        if (access->row.slot == PROA__SLOT_LIVE && access->row.owner == m->who->short_id &&
            access->object == entry->object && access->object_instance == entry->instance) {
            return &access->row;
        }
    }
    return NULL;
}

static uint16_t begin_list(making *m, const proa_ac_entry *entry)
{
    const proa_object *object = &m->c->objects[PROA__ACCESSES];
    const proa__row *list = list_about(m, entry);
    if (list != NULL) {
        uint16_t instance = (uint16_t)list->instance;
        m->err = object->class_->transact(object->ctx, m->who, instance, PROA_BEGIN);
        return instance;
    }
    uint16_t instance = begin(m, PROA__ACCESSES);
    put(m, PROA__ACCESSES, instance, ACCESS_OBJECT, proa_value_integer(entry->object));
    put(m, PROA__ACCESSES, instance, ACCESS_INSTANCE, proa_value_integer(entry->instance));
    return instance;
}

/* Returns the instance of 11002 where the entry stands now. */
static uint16_t allow(making *m, const proa_ac_entry *entry)
{
    const proa_object *object = &m->c->objects[PROA__ACCESSES];
    bool is_new = list_about(m, entry) == NULL;
    uint16_t instance = begin_list(m, entry);
    proa_path path = proa_path_make(4, object->id, instance, ACCESS_LIST);
    proa_value rights = proa_value_integer(entry->rights);
    path.ids[3] = (uint16_t)m->body.values[PROA_ACCOUNT_SHORT_ID].number;
    if (m->err == PROA_OK) {
        m->err = object->class_->write(object->ctx, m->who, &path, &rights);
    }
    end(m, PROA__ACCESSES, instance);
    if (is_new) {
        came(m, PROA__ACCESSES, instance);
    }
    return instance;
}

/* ---- the whole -------------------------------------------------------------------------- */

static bool may_create(const making *m, uint16_t object)
{
    return (proa__client_server_rights(m->c->client, m->who->short_id, object, PROA_ID_ALL) &
            PROA_RIGHT_CREATE) != 0;
}

/* As if each instance had been asked for by itself; that for 11000 was judged with the request. */
static proa_err judge(const making *m)
{
    if (is_oscore(m) && m->c->limits.contexts == NULL) {
        return PROA_E_FORMAT;
    }
    bool may = may_create(m, PROA_OBJECT_CLIENT) &&
               (!is_oscore(m) || may_create(m, PROA_OBJECT_OSCORE)) &&
               (m->body.rights.count == 0 || may_create(m, PROA_OBJECT_CLIENT_ACCESS));
    return may ? PROA_OK : PROA_E_DENIED;
}

static void write_answer(making *m, const uint16_t *lists, proa_writer *w)
{
    proa_cbor_write_array(w, 2U + m->body.rights.count);
    proa_cbor_write_uint(w, m->made[PROA__PEERS]);
    proa_cbor_write_uint(w, m->made[PROA__KEYS]);
    for (uint8_t i = 0; i < m->body.rights.count; i++) {
        proa_cbor_write_uint(w, lists[i]);
    }
    m->err = w->err;
}

static proa_err create(void *ctx, const proa_actor *who, proa_span document, proa_writer *w,
                       uint16_t *instance)
{
    making m = {.c = ctx, .who = who, .made = {PROA_ID_ALL, PROA_ID_ALL, PROA_ID_ALL, PROA_ID_ALL}};
    uint16_t lists[PROA_AC_ENTRIES_MAX];
    m.err = proa_account_body_parse(document, &m.body);
    m.err = m.err == PROA_OK ? judge(&m) : m.err;
    if (m.err != PROA_OK) {
        return m.err;
    }
    make(&m, PROA__PEERS);
    for (uint8_t i = 0; i < m.body.rights.count && m.err == PROA_OK; i++) {
        lists[i] = allow(&m, &m.body.rights.entries[i]);
    }
    if (is_oscore(&m)) {
        make(&m, PROA__CONTEXTS);
    }
    make(&m, PROA__KEYS);
    if (m.err == PROA_OK) {
        write_answer(&m, lists, w);
    }
    if (m.err != PROA_OK) {
        undo(&m);
        return m.err;
    }
    *instance = m.made[PROA__KEYS];
    return PROA_OK;
}

const proa_c2c_compact proa_c2c_compact_accounts = {create};
