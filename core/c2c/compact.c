/* SPDX-License-Identifier: Apache-2.0 */
/* An account in one message: POST /11000 in CBOR (docs/C2C.md §5, account_body.h).
 *
 * Truths kept here: all of it is made or nothing; what is made is what the same server would have got
 * by a Create for each instance, because each goes through the same draft with the same checks; and
 * the key comes last. Until then what stands there gives nobody anything, and if the power fails in
 * between, it is removed at boot like any half of an account (accounts.c).
 *
 * The rest is one table: which value of the document is which resource of which object. Values that a
 * document leaves out, or has in a shorter form, are put into it first.
 *
 * Linked only where a program names proa_c2c_compact_accounts. */
#include "core/c2c/account_body.h"
#include "core/c2c/c2c_internal.h"

#include <string.h>

#include "proa/codec/cbor.h"

/* 11001/x/3 if the document does not say: a sign of life once a day. */
#define PMAX_DEFAULT_S 86400

enum { KEY_MODE = 2, KEY_SECRET = 5, KEY_LINK = 17 };
enum { ACCESS_OBJECT = 0, ACCESS_INSTANCE = 1, ACCESS_LIST = 2 };

static const struct {
    uint8_t key;
    uint8_t table;
    uint8_t resource;
} places[] = {
    {PROA_ACCOUNT_SHORT_ID, PROA__PEERS, 0},     {PROA_ACCOUNT_LIFETIME, PROA__PEERS, 1},
    {PROA_ACCOUNT_PMIN, PROA__PEERS, 2},         {PROA_ACCOUNT_PMAX, PROA__PEERS, 3},
    {PROA_ACCOUNT_ENDPOINT, PROA__PEERS, 9},     {PROA_ACCOUNT_SECRET, PROA__CONTEXTS, 0},
    {PROA_ACCOUNT_SENDER_ID, PROA__CONTEXTS, 1}, {PROA_ACCOUNT_RECIPIENT_ID, PROA__CONTEXTS, 2},
    {PROA_ACCOUNT_AEAD, PROA__CONTEXTS, 3},      {PROA_ACCOUNT_HMAC, PROA__CONTEXTS, 4},
    {PROA_ACCOUNT_SALT, PROA__CONTEXTS, 5},      {PROA_ACCOUNT_ADDRESS, PROA__KEYS, 0},
    {PROA_ACCOUNT_IDENTITY, PROA__KEYS, 3},      {PROA_ACCOUNT_SHORT_ID, PROA__KEYS, 10},
};

typedef struct making {
    proa_c2c *c;
    const proa_actor *who;
    const proa_object *object; /* of the instance that is being made, */
    proa_path at;              /* and where its next value goes */
    bool oscore;
    uint16_t made[PROA__OBJECTS]; /* key, peer, context; PROA_ID_ALL = none (yet) */
    uint32_t first_id;            /* of the key, if it has a first session ahead */
    proa_err err;                 /* the first failure; nothing is written after it */
    proa_account_body body;
    char uri[64]; /* the longest of an address: "coaps://[", 45 characters, "]:65535" */
    uint8_t name[PROA_ACCOUNT_NAME_LEN];
} making;

/* ---- one instance ----------------------------------------------------------------------- */

/* Work on an instance of a table: one that is there, or -1, a new one. */
static void begin(making *m, size_t table, int32_t instance)
{
    const proa_object_class *class_;
    m->object = &m->c->objects[table];
    m->at = proa_path_make(3, m->object->id, (uint16_t)instance, 0);
    class_ = m->object->class_;
    if (m->err == PROA_OK) {
        m->err = instance < 0 ? class_->create(m->object->ctx, m->who, -1, &m->at.ids[1])
                              : class_->transact(m->object->ctx, m->who, m->at.ids[1], PROA_BEGIN);
    }
}

static void put(making *m, uint16_t resource, const proa_value *value)
{
    m->at.ids[2] = resource;
    if (m->err == PROA_OK) {
        m->err = m->object->class_->write(m->object->ctx, m->who, &m->at, value);
    }
}

static void put_number(making *m, uint16_t resource, uint32_t number)
{
    const proa_value value = proa_value_integer(number);
    put(m, resource, &value);
}

/* All was written, or something has failed. */
static void end(making *m)
{
    const proa_object_class *class_ = m->object->class_;
    if (m->err == PROA_OK) {
        m->err = class_->transact(m->object->ctx, m->who, m->at.ids[1], PROA_COMMIT);
    }
    if (m->err != PROA_OK) {
        (void)!class_->transact(m->object->ctx, m->who, m->at.ids[1], PROA_ROLLBACK);
    }
}

static void came(making *m)
{
    if (m->err == PROA_OK) {
        m->err = proa__client_instance_came(m->c->client, m->who, m->at.ids[0], m->at.ids[1]);
    }
}

/* ---- peer, context, key ----------------------------------------------------------------- */

/* What a key has that depends on its kind. */
static void put_secret(making *m)
{
    if (m->oscore) {
        put_number(m, KEY_MODE, PROA_SECURITY_NOSEC);
        put_number(m, KEY_LINK, (uint32_t)PROA_OBJECT_OSCORE << 16 | m->made[PROA__CONTEXTS]);
    } else {
        put(m, KEY_SECRET, &m->body.values[PROA_ACCOUNT_SECRET]);
    }
}

static void make(making *m, size_t table)
{
    begin(m, table, -1);
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        if (places[i].table == table && proa_account_body_has(&m->body, places[i].key)) {
            put(m, places[i].resource, &m->body.values[places[i].key]);
        }
    }
    if (table == PROA__KEYS) {
        put_secret(m);
    }
    end(m);
    m->made[table] = m->err == PROA_OK ? m->at.ids[1] : PROA_ID_ALL;
    came(m);
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

/* The list that this server keeps about a path already, for other peers; -1. */
static int32_t list_about(const making *m, const proa_ac_entry *entry)
{
    for (size_t i = 0; i < m->c->limits.access_max; i++) {
        const proa__access *access = proa__access_at(m->c, i);
        if (access->row.slot == PROA__SLOT_LIVE && access->row.owner == m->who->short_id &&
            access->object == entry->object && access->object_instance == entry->instance) {
            return (int32_t)access->row.instance;
        }
    }
    return -1;
}

/* Returns the instance of 11002 where the entry stands now. */
static uint16_t allow(making *m, const proa_ac_entry *entry)
{
    int32_t list = list_about(m, entry);
    begin(m, PROA__ACCESSES, list);
    if (list < 0) {
        put_number(m, ACCESS_OBJECT, entry->object);
        put_number(m, ACCESS_INSTANCE, entry->instance);
    }
    m->at.depth = 4;
    m->at.ids[3] = (uint16_t)m->body.values[PROA_ACCOUNT_SHORT_ID].as.integer;
    put_number(m, ACCESS_LIST, entry->rights);
    end(m);
    if (list < 0) {
        came(m);
    }
    return m->at.ids[1];
}

/* ---- the document ----------------------------------------------------------------------- */

static bool may_create(const making *m, uint16_t object)
{
    return (proa__client_server_rights(m->c->client, m->who->short_id, object, PROA_ID_ALL) &
            PROA_RIGHT_CREATE) != 0;
}

/* As if each instance had been asked for by itself; that for 11000 was judged with the request. */
static proa_err judge(const making *m)
{
    if (m->oscore && m->c->limits.contexts == NULL) {
        return PROA_E_FORMAT;
    }
    bool may = may_create(m, PROA_OBJECT_CLIENT) &&
               (!m->oscore || may_create(m, PROA_OBJECT_OSCORE)) &&
               (m->body.rights.count == 0 || may_create(m, PROA_OBJECT_CLIENT_ACCESS));
    return may ? PROA_OK : PROA_E_DENIED;
}

/* The values as the objects have them. */
static proa_err complete(making *m)
{
    proa_value *values = m->body.values;
    proa_span id = values[PROA_ACCOUNT_SENDER_ID].as.bytes;
    proa_span other = values[PROA_ACCOUNT_RECIPIENT_ID].as.bytes;
    proa_writer w = proa_writer_make(m->uri, sizeof(m->uri));
    proa_addr addr;
    if (!proa_account_body_has(&m->body, PROA_ACCOUNT_PMAX)) {
        values[PROA_ACCOUNT_PMAX] = proa_value_integer(PMAX_DEFAULT_S);
    }
    if (proa_account_body_has(&m->body, PROA_ACCOUNT_ADDRESS)) {
        proa_err err = proa_account_body_address(&m->body, &addr);
        if (err != PROA_OK) {
            return err;
        }
        proa_uri_write(&w, !m->oscore, &addr);
        values[PROA_ACCOUNT_ADDRESS] = proa_value_opaque(proa_writer_span(&w));
    }
    if (m->oscore) {
        if (id.len > PROA_OSCORE_ID_MAX || other.len > PROA_OSCORE_ID_MAX) {
            return PROA_E_TOO_LARGE;
        }
        proa_account_name(m->name, id, other);
        values[PROA_ACCOUNT_IDENTITY] = proa_value_opaque(proa_span_make(m->name, sizeof(m->name)));
    }
    return PROA_OK;
}

/* Who has to call has the address of the other. */
static bool is_server(const making *m)
{
    return !proa_account_body_has(&m->body, PROA_ACCOUNT_ADDRESS);
}

/* A first session, if the server says so: its connection id is taken like an identity. */
static proa_err promise(making *m)
{
    proa_secure *box = proa__client_secure(m->c->client);
    const proa_value *values = m->body.values;
    proa_span secret = values[PROA_ACCOUNT_SECRET].as.bytes;
    proa_secure_first first = {.identity = values[PROA_ACCOUNT_IDENTITY].as.bytes};
    if (values[PROA_ACCOUNT_FIRST].as.integer != 1 || box == NULL || !box->has_firsts ||
        secret.len > sizeof(first.psk.key)) {
        return PROA_OK;
    }
    memcpy(first.psk.key, secret.data, secret.len);
    first.psk.key_len = (uint8_t)secret.len;
    proa_err err = box->class_->first_id(box, &first, is_server(m), &m->first_id);
    proa_wipe(&first.psk, sizeof(first.psk));
    const proa__key *key = NULL;
    while (err == PROA_OK && (key = proa__key_after(m->c, key)) != NULL) {
        err = key->first_id == m->first_id ? PROA_E_EXISTS : PROA_OK;
    }
    if (err == PROA_E_FULL) {
        m->first_id = 0; /* the handshake may find room */
        return PROA_OK;
    }
    return err;
}

static proa_err read_document(making *m, proa_span document)
{
    proa_err err = proa_account_body_parse(document, &m->body);
    m->oscore = proa_account_body_has(&m->body, PROA_ACCOUNT_SENDER_ID);
    err = err == PROA_OK ? judge(m) : err;
    err = err == PROA_OK ? complete(m) : err;
    return err == PROA_OK ? promise(m) : err;
}

/* ---- the whole -------------------------------------------------------------------------- */

static proa_err create(void *ctx, const proa_actor *who, proa_span document, proa_writer *w,
                       uint16_t *instance, bool *later)
{
    making m = {.c = ctx, .who = who, .made = {PROA_ID_ALL, PROA_ID_ALL, PROA_ID_ALL, PROA_ID_ALL}};
    uint16_t lists[PROA_AC_ENTRIES_MAX] = {0};
    m.err = read_document(&m, document);
    if (m.err != PROA_OK) {
        return m.err;
    }
    make(&m, PROA__PEERS);
    for (uint8_t i = 0; i < m.body.rights.count && m.err == PROA_OK; i++) {
        lists[i] = allow(&m, &m.body.rights.entries[i]);
    }
    if (m.oscore) {
        make(&m, PROA__CONTEXTS);
    }
    make(&m, PROA__KEYS);
    if (m.err != PROA_OK) {
        undo(&m);
        return m.err;
    }
    proa__key *key = (proa__key *)proa__row_find(&m.c->tables[PROA__KEYS], m.made[PROA__KEYS]);
    key->first_id = m.first_id;
    key->first_server = is_server(&m);
    key->first_found = 0;
    *instance = m.made[PROA__KEYS];
    proa_cbor_write_array(w, 2U + m.body.rights.count);
    proa_cbor_write_uint(w, m.made[PROA__PEERS]);
    proa_cbor_write_uint(w, m.made[PROA__KEYS]);
    for (uint8_t i = 0; i < m.body.rights.count; i++) {
        proa_cbor_write_uint(w, lists[i]);
    }
    *later = m.c->requester != NULL && m.c->requester->account_came(m.c, who->short_id);
    return PROA_OK;
}

const proa_c2c_compact proa_c2c_compact_accounts = {create};
