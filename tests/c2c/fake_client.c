/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/c2c/fake_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/guard.h"

const proa_actor fake_server_1 = {PROA_ACTOR_SERVER, 1, 0};
const proa_actor fake_server_2 = {PROA_ACTOR_SERVER, 2, 0};

/* ---- the client's side of extension.h --------------------------------------------------- */

void proa__client_extend(proa_client *c, const proa_client_extension *extension)
{
    c->ext = extension;
}

proa_coap *proa__client_coap(proa_client *c)
{
    return (proa_coap *)c;
}

proa_secure *proa__client_secure(proa_client *c)
{
    return c->box.class_ == NULL ? NULL : &c->box;
}

const proa_client_config *proa__client_config(const proa_client *c)
{
    return &c->config;
}

static const fake_server *server_of(const proa_client *c, uint16_t short_id)
{
    for (size_t i = 0; i < 2; i++) {
        if (short_id != 0 && c->servers[i].short_id == short_id) {
            return &c->servers[i];
        }
    }
    return NULL;
}

void proa__client_doubt_server(proa_client *c, uint64_t now_ms, uint16_t short_id)
{
    (void)now_ms;
    (void)short_id;
    c->doubts++;
}

proa_err proa__client_server_peer(proa_client *c, uint16_t *short_id, proa_coap_peer *peer)
{
    size_t first = *short_id == 0 && !c->servers[0].registered ? 1 : 0;
    uint16_t wanted = *short_id == 0 ? c->servers[first].short_id : *short_id;
    const fake_server *server = server_of(c, wanted);
    memset(peer, 0, sizeof(*peer));
    if (server == NULL) {
        return *short_id == 0 && c->servers[0].short_id != 0 ? PROA_E_STATE : PROA_E_NOT_FOUND;
    }
    *short_id = wanted;
    peer->session = server->secured ? 9000U + wanted : 0;
    return server->registered ? PROA_OK : PROA_E_STATE;
}

bool proa__client_server_protected(const proa_client *c, uint16_t short_id)
{
    const fake_server *server = server_of(c, short_id);
    return server != NULL && server->secured;
}

proa_err proa__client_server_uri(const proa_client *c, uint16_t short_id, proa_span *uri)
{
    const fake_server *server = server_of(c, short_id);
    if (server == NULL) {
        return PROA_E_NOT_FOUND;
    }
    *uri = proa_span_of(server->uri);
    return PROA_OK;
}

uint16_t proa__client_server_by_uri(const proa_client *c, proa_span uri)
{
    for (size_t i = 0; i < 2; i++) {
        if (c->servers[i].short_id != 0 && proa_span_equal(uri, proa_span_of(c->servers[i].uri))) {
            return c->servers[i].short_id;
        }
    }
    return 0;
}

bool proa__client_identity_taken(const proa_client *c, proa_span identity)
{
    return c->taken_identity != NULL && proa_span_equal(identity, proa_span_of(c->taken_identity));
}

uint8_t proa__client_server_rights(const proa_client *c, uint16_t short_id, uint16_t object,
                                   uint16_t instance)
{
    const fake_server *server = server_of(c, short_id);
    (void)object;
    (void)instance;
    return server == NULL ? 0 : server->rights;
}

uint16_t proa__client_owner(const proa_client *c, const proa_path *path)
{
    (void)path;
    return c->servers[0].short_id;
}

void proa__client_drop_session(proa_client *c, uint64_t now_ms, uint32_t session)
{
    (void)now_ms;
    for (size_t i = 0; i < FAKE_SENT_MAX; i++) {
        if (c->sessions[i].id == session) {
            c->sessions[i].closed = true;
            c->sessions[i].by_client = true;
        }
    }
}

void proa__client_recheck(proa_client *c, uint64_t now_ms, proa_account peer)
{
    (void)now_ms;
    (void)peer;
    c->rechecks++;
}

void proa__client_answer(proa_client *c, uint64_t now_ms)
{
    (void)now_ms;
    c->answers++;
}

proa_err proa__client_instance_came(proa_client *c, const proa_actor *who, uint16_t object,
                                    uint16_t instance)
{
    (void)who;
    (void)object;
    (void)instance;
    c->instances_came++;
    return c->fail_came >= 0 && c->fail_came-- == 0 ? PROA_E_FULL : PROA_OK;
}

void proa__client_instance_gone(proa_client *c, uint64_t now_ms, uint16_t object, uint16_t instance)
{
    (void)now_ms;
    (void)object;
    (void)instance;
    c->instances_gone++;
}

proa_err proa_client_add_object(proa_client *c, const proa_object *object)
{
    c->objects[c->object_count++] = object;
    return PROA_OK;
}

void proa_client_objects_changed(proa_client *c, uint64_t now_ms)
{
    (void)now_ms;
    c->list_changes++;
}

bool proa_client_server(const proa_client *c, size_t index, proa_server_status *out)
{
    if (index >= 2 || c->servers[index].short_id == 0) {
        return false;
    }
    memset(out, 0, sizeof(*out));
    out->short_id = c->servers[index].short_id;
    return true;
}

/* ---- the CoAP engine -------------------------------------------------------------------- */

static void note_options(fake_request *request, const proa_coap_request *from)
{
    proa_writer path = proa_writer_make(request->path, sizeof(request->path) - 1);
    proa_writer queries = proa_writer_make(request->queries, sizeof(request->queries) - 1);
    uint16_t last = 0;
    request->format = request->accept = PROA_FORMAT_NONE;
    for (size_t i = 0; i < from->option_count; i++) {
        const proa_coap_option *option = &from->options[i];
        proa_reader r = proa_reader_make(option->value);
        assert_true(option->number >= last);
        last = option->number;
        switch (option->number) {
        case PROA_COAP_OPT_URI_PATH:
            proa_write_text(&path, "/");
            proa_write_span(&path, option->value);
            break;
        case PROA_COAP_OPT_URI_QUERY:
            proa_write_text(&queries, queries.len > 0 ? "&" : "");
            proa_write_span(&queries, option->value);
            break;
        case PROA_COAP_OPT_CONTENT_FORMAT:
            request->format = (uint16_t)proa_read_uint(&r, option->value.len);
            break;
        case PROA_COAP_OPT_ACCEPT:
            request->accept = (uint16_t)proa_read_uint(&r, option->value.len);
            break;
        default:
            fail_msg("option %u", option->number);
        }
    }
    assert_int_equal(path.err, PROA_OK);
    assert_int_equal(queries.err, PROA_OK);
}

proa_err proa_coap_send(proa_coap *engine, uint64_t now_ms, const proa_coap_peer *to,
                        const proa_coap_request *request, proa_coap_id *id)
{
    struct proa_client *c = (struct proa_client *)engine;
    (void)now_ms;
    if (c->send_err != PROA_OK) {
        return c->send_err;
    }
    fake_request *sent = NULL;
    for (size_t i = 0; i < FAKE_SENT_MAX && sent == NULL; i++) {
        fake_request *place = &c->sent[(c->sent_count + i) % FAKE_SENT_MAX];
        sent = place->open ? NULL : place; /* the one that ended longest ago */
    }
    assert_non_null(sent);
    memset(sent, 0, sizeof(*sent));
    *id = sent->id = (proa_coap_id)++c->sent_count;
    c->last = sent;
    sent->to = *to;
    sent->code = request->code;
    sent->observe = request->observe == PROA_COAP_OBSERVE_START;
    sent->open = true;
    sent->user = request->user;
    sent->timeout_ms = request->timeout_ms;
    sent->transmissions = 1;
    assert_false(request->non);
    note_options(sent, request);
    sent->payload_len = request->payload.len;
    if (request->payload.len > 0) {
        memcpy(sent->payload, request->payload.data, request->payload.len);
    }
    return PROA_OK;
}

void proa_coap_cancel(proa_coap *engine, uint64_t now_ms, proa_coap_id id, bool tell)
{
    struct proa_client *c = (struct proa_client *)engine;
    (void)now_ms;
    for (size_t i = 0; i < FAKE_SENT_MAX; i++) {
        if (c->sent[i].id == id) {
            c->sent[i].open = false;
            c->sent[i].told = tell;
        }
    }
}

void proa_coap_peer_astray(proa_coap *c, uint64_t account)
{
    (void)c;
    (void)account;
}

void proa_coap_peer_dismiss(proa_coap *c, uint64_t now_ms, uint64_t account)
{
    (void)c;
    (void)now_ms;
    (void)account;
}

void proa_coap_peer_gone(proa_coap *coap, uint64_t now_ms, const proa_coap_peer *name)
{
    (void)now_ms;
    ((proa_client *)coap)->gone_account = name->account;
}

unsigned proa_coap_transmissions(const proa_coap *engine, proa_coap_id id)
{
    const struct proa_client *c = (const struct proa_client *)engine;
    for (size_t i = 0; i < FAKE_SENT_MAX; i++) {
        if (c->sent[i].id == id) {
            return c->sent[i].transmissions;
        }
    }
    return 0;
}

void proa_coap_peer_moved(proa_coap *engine, uint64_t now_ms, const proa_coap_peer *old,
                          const proa_coap_peer *now)
{
    struct proa_client *c = (struct proa_client *)engine;
    (void)now_ms;
    for (size_t i = 0; i < FAKE_SENT_MAX; i++) {
        if (c->sent[i].open && c->sent[i].to.session == old->session) {
            c->sent[i].to = *now;
        }
    }
    for (size_t i = 0; i < FAKE_SENT_MAX; i++) {
        if (c->sessions[i].id == old->session) {
            c->sessions[i].moved_to = now->session;
        }
    }
}

/* ---- the secure box --------------------------------------------------------------------- */

static struct proa_client *client_of(const proa_secure *box)
{
    return (struct proa_client *)(void *)((char *)(uintptr_t)box -
                                          offsetof(struct proa_client, box));
}

static fake_session *new_session(struct proa_client *c, uint64_t account)
{
    fake_session *session = NULL;
    for (size_t i = 0; i < FAKE_SENT_MAX && session == NULL; i++) {
        fake_session *place = &c->sessions[(c->session_count + i) % FAKE_SENT_MAX];
        session = place->id == 0 || place->closed ? place : NULL;
    }
    assert_non_null(session);
    memset(session, 0, sizeof(*session));
    session->id = 100 + (uint32_t)++c->session_count;
    session->account = account;
    c->opened = session;
    return session;
}

static proa_err box_open(proa_secure *box, uint64_t now_ms, const proa_addr *to, proa_span identity,
                         const proa_psk *psk, uint32_t *session)
{
    struct proa_client *c = client_of(box);
    (void)now_ms;
    if (c->open_err != PROA_OK) {
        return c->open_err;
    }
    fake_session *s = new_session(c, psk->account);
    s->addr = *to;
    memcpy(s->identity, identity.data, identity.len);
    memcpy(s->key, psk->key, psk->key_len < sizeof(s->key) ? psk->key_len : sizeof(s->key));
    *session = s->id;
    return PROA_OK;
}

static void box_close(proa_secure *box, uint64_t now_ms, uint32_t session, bool tell)
{
    struct proa_client *c = client_of(box);
    (void)now_ms;
    (void)tell;
    for (size_t i = 0; i < FAKE_SENT_MAX; i++) {
        c->sessions[i].closed = c->sessions[i].closed || c->sessions[i].id == session;
    }
}

static bool box_address(const proa_secure *box, uint32_t session, proa_addr *out)
{
    struct proa_client *c = client_of(box);
    for (size_t i = 0; i < FAKE_SENT_MAX; i++) {
        if (c->sessions[i].id == session && !c->sessions[i].closed) {
            *out = c->sessions[i].addr;
            return true;
        }
    }
    return false;
}

static const proa_secure_class box_class = {
    .open = box_open,
    .close = box_close,
    .address = box_address,
};

/* ---- memory and store ------------------------------------------------------------------- */

static void *take(void *ctx, size_t len)
{
    struct proa_client *c = ctx;
    if (c->fail_take == 0) {
        return NULL;
    }
    c->fail_take -= c->fail_take > 0 ? 1 : 0;
    c->taken += len;
    return calloc(1, len);
}

static void give(void *ctx, void *block, size_t len)
{
    struct proa_client *c = ctx;
    c->taken -= len;
    free(block);
}

static fake_blob *blob_of(fake_store *store, const char *name)
{
    for (size_t i = 0; i < FAKE_BLOBS_MAX; i++) {
        if (store->blobs[i].len > 0 && strcmp(store->blobs[i].name, name) == 0) {
            return &store->blobs[i];
        }
    }
    return NULL;
}

static int store_read(void *ctx, const char *name, uint8_t *buf, size_t cap)
{
    const fake_blob *blob = blob_of(ctx, name);
    if (blob == NULL) {
        return PROA_E_NOT_FOUND;
    }
    if (blob->len > cap) {
        return PROA_E_NO_SPACE;
    }
    memcpy(buf, blob->bytes, blob->len);
    return (int)blob->len;
}

static proa_err store_write(void *ctx, const char *name, proa_span bytes)
{
    fake_store *store = ctx;
    fake_blob *blob = blob_of(store, name);
    store->writes++;
    if (store->fail_in == 0) {
        return PROA_E_IO;
    }
    store->fail_in -= store->fail_in > 0 ? 1 : 0;
    for (size_t i = 0; blob == NULL && i < FAKE_BLOBS_MAX; i++) {
        blob = store->blobs[i].len == 0 ? &store->blobs[i] : NULL;
    }
    assert_non_null(blob);
    assert_in_range(strlen(name), 1, PROA_STORE_NAME_MAX - 1);
    assert_in_range(bytes.len, 1, PROA_STORE_BLOB_MAX);
    memset(blob, 0, sizeof(*blob));
    strcpy(blob->name, name);
    memcpy(blob->bytes, bytes.data, bytes.len);
    blob->len = bytes.len;
    return PROA_OK;
}

static proa_err store_remove(void *ctx, const char *name)
{
    fake_blob *blob = blob_of(ctx, name);
    if (blob != NULL) {
        memset(blob, 0, sizeof(*blob));
    }
    return PROA_OK;
}

/* ---- open, close ------------------------------------------------------------------------ */

proa_err fake_try(fake *f, fake_store *store, const char *endpoint, bool requester,
                  const proa_c2c_limits *limits, int fail_take)
{
    struct proa_client *c = &f->client;
    memset(f, 0, sizeof(*f));
    f->now_ms = 1000000;
    f->store = store;
    c->fail_take = fail_take;
    c->fail_came = -1;
    c->box.class_ = &box_class;
    c->config.endpoint = proa_span_of(endpoint);
    c->config.memory = (proa_memory){take, give, c};
    c->config.random = test_random_start(&c->rng, 1);
    c->config.coap.body_max = 1024;
    c->config.server_max = 2;
    c->config.coap.request_max = PROA_C2C_ASKS_MAX + 2;
    if (store != NULL) {
        c->config.store = (proa_store){store_read, store_write, store_remove, store};
    }
    c->servers[0] = (fake_server){1, "coaps://[2001:db8::1]:5684", true, true, PROA_RIGHTS_ALL};
    return requester ? proa_c2c_open(&f->c2c, c, limits) : proa_c2c_host_open(&f->c2c, c, limits);
}

proa_c2c_limits fake_limits(void)
{
    proa_c2c_limits limits = proa_c2c_limits_device();
    limits.peer_max = 8;
    limits.access_max = 16;
    return limits;
}

void fake_open(fake *f, fake_store *store, const char *endpoint, bool requester)
{
    proa_c2c_limits limits = fake_limits();
    assert_int_equal(fake_try(f, store, endpoint, requester, &limits, -1), PROA_OK);
    fake_pass(f, 0);
}

void fake_close(fake *f)
{
    proa_c2c_close(f->c2c);
    assert_int_equal(f->client.taken, 0);
}

/* ---- objects ---------------------------------------------------------------------------- */

static const proa_object *object_of(fake *f, uint16_t id)
{
    for (size_t i = 0; i < f->client.object_count; i++) {
        if (f->client.objects[i]->id == id) {
            return f->client.objects[i];
        }
    }
    fail_msg("no object %u", id);
    return NULL;
}

static proa_err write_values(const proa_object *object, const proa_actor *who, uint16_t instance,
                             const fake_value *values, size_t count)
{
    const proa_object_class *class_ = object->class_;
    uint16_t cleared = PROA_ID_ALL;
    for (size_t i = 0; i < count; i++) {
        proa_path path = proa_path_make(3, object->id, instance, values[i].resource);
        if (values[i].instance >= 0) {
            if (cleared != values[i].resource) {
                proa_err err = class_->clear(object->ctx, who, &path);
                if (err != PROA_OK) {
                    return err;
                }
                cleared = values[i].resource;
            }
            path.depth = 4;
            path.ids[3] = (uint16_t)values[i].instance;
        }
        proa_err err = class_->write(object->ctx, who, &path, &values[i].value);
        if (err != PROA_OK) {
            return err;
        }
    }
    return PROA_OK;
}

static proa_err change(const proa_object *object, const proa_actor *who, uint16_t instance,
                       const fake_value *values, size_t count)
{
    const proa_object_class *class_ = object->class_;
    assert_int_equal(class_->transact(object->ctx, who, instance, PROA_BEGIN), PROA_OK);
    proa_err err = write_values(object, who, instance, values, count);
    if (err == PROA_OK) {
        err = class_->transact(object->ctx, who, instance, PROA_COMMIT);
    }
    if (err != PROA_OK) {
        (void)class_->transact(object->ctx, who, instance, PROA_ROLLBACK);
    }
    return err;
}

proa_err fake_create(fake *f, uint16_t id, const proa_actor *who, int32_t wanted,
                     const fake_value *values, size_t count, uint16_t *instance)
{
    const proa_object *object = object_of(f, id);
    uint16_t made = 0;
    proa_err err = object->class_->create(object->ctx, who, wanted, &made);
    if (err != PROA_OK) {
        return err;
    }
    err = change(object, who, made, values, count);
    if (err != PROA_OK) {
        /* There may be nothing left to remove, and nothing may be left. */
        (void)object->class_->remove(object->ctx, who, made);
        assert_int_equal(object->class_->remove(object->ctx, who, made), PROA_E_NOT_FOUND);
        return err;
    }
    if (instance != NULL) {
        *instance = made;
    }
    return PROA_OK;
}

proa_err fake_create_account(fake *f, const proa_actor *who, const char *document)
{
    const proa_client_extension *ext = f->client.ext;
    uint8_t bytes[400];
    uint16_t instance = PROA_ID_ALL;
    size_t len = hex(document, bytes, sizeof(bytes));
    uint8_t *copy = guard_copy(bytes, len);
    proa_writer w = proa_writer_make(f->answer, sizeof(f->answer));
    proa_err err = ext->create_account(ext->ctx, who, proa_span_make(copy, len), &w, &instance,
                                       &f->answers_later);
    guard_free(copy, len);
    f->answer_len = err == PROA_OK ? w.len : 0;
    assert_int_equal(err == PROA_OK, instance != PROA_ID_ALL);
    return err;
}

proa_err fake_write(fake *f, uint16_t id, const proa_actor *who, uint16_t instance,
                    const fake_value *values, size_t count)
{
    return change(object_of(f, id), who, instance, values, count);
}

proa_err fake_delete(fake *f, uint16_t id, const proa_actor *who, uint16_t instance)
{
    const proa_object *object = object_of(f, id);
    return object->class_->remove(object->ctx, who, instance);
}

proa_err fake_read(fake *f, uint16_t id, uint16_t instance, uint16_t resource, proa_value *out)
{
    const proa_object *object = object_of(f, id);
    proa_path path = proa_path_make(3, id, instance, resource);
    if (object->class_->has != NULL && !object->class_->has(object->ctx, instance, resource)) {
        return PROA_E_NOT_FOUND;
    }
    return object->class_->read(object->ctx, &path, out);
}

uint16_t fake_install(fake *f, const fake_account *account)
{
    uint16_t instance = 0;
    const fake_value peer[] = {
        {0, -1, proa_value_integer(account->short_id)},
        {1, -1, proa_value_integer(account->lifetime_s)},
        {9, -1, proa_value_string(proa_span_of(account->endpoint))},
    };
    const fake_value key[] = {
        {2, -1, proa_value_integer(0)},
        {3, -1, proa_value_opaque(proa_span_of(account->identity))},
        {5, -1, proa_value_opaque(proa_span_of(account->key))},
        {10, -1, proa_value_integer(account->short_id)},
        {0, -1, proa_value_string(proa_span_of(account->uri != NULL ? account->uri : ""))},
    };
    assert_int_equal(fake_create(f, 11001, &fake_server_1, -1, peer, 3, NULL), PROA_OK);
    assert_int_equal(
        fake_create(f, 11000, &fake_server_1, -1, key, account->uri != NULL ? 5 : 4, &instance),
        PROA_OK);
    fake_pass(f, 0);
    return instance;
}

uint16_t fake_allow(fake *f, uint16_t object, uint16_t instance, uint16_t short_id, uint8_t rights)
{
    uint16_t made = 0;
    const fake_value values[] = {
        {0, -1, proa_value_integer(object)},
        {1, -1, proa_value_integer(instance)},
        {2, short_id, proa_value_integer(rights)},
        {3, -1, proa_value_integer(1)},
    };
    assert_int_equal(fake_create(f, 11002, &fake_server_1, -1, values, 4, &made), PROA_OK);
    fake_pass(f, 0);
    return made;
}

/* ---- time and events -------------------------------------------------------------------- */

void fake_pass(fake *f, uint64_t ms)
{
    const proa_client_extension *ext = f->client.ext;
    uint64_t end_ms = f->now_ms + ms;
    for (unsigned rounds = 0;; rounds++) {
        uint64_t next_ms = ext->next_ms(ext->ctx);
        assert_in_range(rounds, 0, 100000); /* a deadline that never goes away */
        if (next_ms > end_ms) {
            break;
        }
        f->now_ms = next_ms > f->now_ms ? next_ms : f->now_ms;
        ext->run(ext->ctx, f->now_ms);
    }
    f->now_ms = end_ms;
}

bool fake_next(fake *f)
{
    return proa_c2c_poll(f->c2c, f->now_ms, &f->event);
}

proa_account fake_account_of(fake *f, uint16_t instance)
{
    for (uint16_t i = 0; i < f->c2c->limits.peer_max; i++) {
        const proa__key *key = proa__key_at(f->c2c, i);
        if (key->row.slot == PROA__SLOT_LIVE && key->row.instance == instance) {
            return proa__c2c_account(key);
        }
    }
    return 0;
}

/* ---- sessions --------------------------------------------------------------------------- */

fake_session *fake_session_of(fake *f, uint32_t session)
{
    for (size_t i = 0; i < FAKE_SENT_MAX; i++) {
        if (f->client.sessions[i].id == session) {
            return &f->client.sessions[i];
        }
    }
    fail_msg("no session %u", session);
    return NULL;
}

uint32_t fake_incoming(fake *f, uint16_t key_instance)
{
    return new_session(&f->client, fake_account_of(f, key_instance))->id;
}

void fake_connected(fake *f, uint32_t session, bool is_server)
{
    const proa_client_extension *ext = f->client.ext;
    ext->session_open(ext->ctx, f->now_ms, fake_session_of(f, session)->account, session,
                      is_server);
    fake_pass(f, 0);
}

void fake_closed(fake *f, uint32_t session, proa_secure_reason reason)
{
    const proa_client_extension *ext = f->client.ext;
    fake_session *s = fake_session_of(f, session);
    s->closed = true;
    ext->session_closed(ext->ctx, f->now_ms, s->account, session, reason);
    fake_pass(f, 0);
}

/* ---- answers ---------------------------------------------------------------------------- */

fake_request *fake_last(fake *f)
{
    assert_non_null(f->client.last);
    return f->client.last;
}

static void deliver(fake *f, fake_request *request, proa_coap_event *event)
{
    const proa_client_extension *ext = f->client.ext;
    event->request = request->id;
    event->user = request->user;
    event->peer = request->to;
    ext->coap_event(ext->ctx, f->now_ms, event);
    fake_pass(f, 0);
}

static void deliver_message(fake *f, fake_request *request, proa_coap_event *event, uint8_t code,
                            uint16_t format, const char *payload, uint32_t max_age_s)
{
    uint8_t bytes[256];
    uint8_t datagram[512];
    proa_coap_token token = {{1}, 1};
    size_t len = payload == NULL ? 0 : hex(payload, bytes, sizeof(bytes));
    proa_coap_builder b =
        proa_coap_build(datagram, sizeof(datagram), PROA_COAP_ACK, code, 1, &token);
    if (format != PROA_FORMAT_NONE) {
        proa_coap_add_uint(&b, PROA_COAP_OPT_CONTENT_FORMAT, format);
    }
    if (max_age_s != 0) {
        proa_coap_add_uint(&b, PROA_COAP_OPT_MAX_AGE, max_age_s);
    }
    proa_coap_add_payload(&b, proa_span_make(bytes, len));
    int total = proa_coap_build_end(&b);
    assert_true(total > 0);
    assert_int_equal(proa_coap_parse(&event->msg, proa_span_make(datagram, (size_t)total)),
                     PROA_OK);
    deliver(f, request, event);
}

void fake_answer(fake *f, fake_request *request, uint8_t code, uint16_t format, const char *payload,
                 uint32_t max_age_s, bool observing)
{
    proa_coap_event event = {.kind = PROA_COAP_EVENT_RESPONSE, .observing = observing};
    assert_true(request->open);
    request->open = observing;
    deliver_message(f, request, &event, code, format, payload, max_age_s);
}

void fake_notify(fake *f, fake_request *request, uint8_t code, const char *payload)
{
    proa_coap_event event = {.kind = PROA_COAP_EVENT_NOTIFICATION, .observing = true};
    assert_true(request->open);
    request->open = PROA_COAP_CLASS(code) == 2;
    deliver_message(f, request, &event, code, PROA_FORMAT_TLV, payload, 0);
}

void fake_fail(fake *f, fake_request *request, proa_coap_failure failure)
{
    proa_coap_event event = {.kind = PROA_COAP_EVENT_FAILED, .failure = failure};
    assert_true(request->open);
    request->open = false;
    deliver(f, request, &event);
}
