/* SPDX-License-Identifier: Apache-2.0 */
/* See device.h. */
#include "tests/app/device.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proa/coap.h"
#include "proa/codec/cbor.h"
#include "proa/payload.h"

enum {
    CONTEXTS = PROA_OBJECT_OSCORE,
    KEYS = PROA_OBJECT_CLIENT_SECURITY,
    CLIENTS = PROA_OBJECT_CLIENT
};

/* ---- numbers ---------------------------------------------------------------------------- */

static int64_t integer(const proa_value *value)
{
    int64_t n = 0;
    if (value->type == PROA_TYPE_INTEGER) {
        return value->as.integer;
    }
    assert_int_equal(value->type, PROA_TYPE_NONE);
    for (size_t i = 0; i < value->as.bytes.len; i++) {
        n = (i == 0 && value->as.bytes.data[0] >= 0x80) ? -1 : n;
        n = (int64_t)((uint64_t)n << 8 | value->as.bytes.data[i]);
    }
    return n;
}

static void text(char *to, size_t cap, const proa_value *value)
{
    assert_true(value->as.bytes.len < cap);
    memset(to, 0, cap);
    memcpy(to, value->as.bytes.data, value->as.bytes.len);
}

static world_key *key_at(world_device *d, uint16_t instance)
{
    for (size_t i = 0; i < WORLD_ROWS; i++) {
        if (d->keys[i].used && d->keys[i].instance == instance) {
            return &d->keys[i];
        }
    }
    return NULL;
}

static world_context *context_at(world_device *d, uint16_t instance)
{
    for (size_t i = 0; i < WORLD_ROWS; i++) {
        if (d->contexts[i].used && d->contexts[i].instance == instance) {
            return &d->contexts[i];
        }
    }
    return NULL;
}

static world_client *client_at(world_device *d, uint16_t instance)
{
    for (size_t i = 0; i < WORLD_ROWS; i++) {
        if (d->clients[i].used && d->clients[i].instance == instance) {
            return &d->clients[i];
        }
    }
    return NULL;
}

static world_access *access_at(world_device *d, uint16_t instance)
{
    for (size_t i = 0; i < WORLD_ROWS; i++) {
        if (d->accesses[i].used && d->accesses[i].instance == instance) {
            return &d->accesses[i];
        }
    }
    return NULL;
}

static bool is_there(world_device *d, uint16_t object, uint16_t instance)
{
    return object == KEYS       ? key_at(d, instance) != NULL
           : object == CONTEXTS ? context_at(d, instance) != NULL
           : object == CLIENTS  ? client_at(d, instance) != NULL
                                : access_at(d, instance) != NULL;
}

static uint16_t free_instance(world_device *d, uint16_t object)
{
    uint16_t instance = 0;
    while (is_there(d, object, instance)) {
        instance++;
    }
    return instance;
}

/* ---- writing ---------------------------------------------------------------------------- */

static size_t bytes(uint8_t *to, size_t cap, const proa_value *value)
{
    assert_true(value->as.bytes.len <= cap);
    memcpy(to, value->as.bytes.data, value->as.bytes.len);
    return value->as.bytes.len;
}

static void put_context(world_context *context, const proa_record *r)
{
    switch (r->path.ids[2]) {
    case 0:
        assert_int_equal(bytes(context->secret, sizeof context->secret, &r->value), 16);
        break;
    case 1:
        context->sender_id_len = bytes(context->sender_id, sizeof context->sender_id, &r->value);
        break;
    case 2:
        context->recipient_id_len =
            bytes(context->recipient_id, sizeof context->recipient_id, &r->value);
        break;
    case 3:
        assert_int_equal(integer(&r->value), 10);
        break;
    case 4:
        assert_int_equal(integer(&r->value), -10);
        break;
    case 5:
        assert_int_equal(bytes(context->salt, sizeof context->salt, &r->value), 8);
        break;
    default:
        fail_msg("resource %u of object 21", r->path.ids[2]);
    }
}

static void put_key(world_key *key, const proa_record *r)
{
    switch (r->path.ids[2]) {
    case 0:
        text(key->uri, sizeof key->uri, &r->value);
        break;
    case 2:
        key->mode = (uint8_t)integer(&r->value);
        break;
    case 3:
        key->identity_len = bytes(key->identity, sizeof key->identity, &r->value);
        break;
    case 5:
        key->secret_len = bytes(key->secret, sizeof key->secret, &r->value);
        break;
    case 10:
        key->short_id = (uint16_t)integer(&r->value);
        break;
    case 17: /* four bytes: object, instance */
        assert_int_equal(r->value.as.bytes.len, 4);
        assert_int_equal(r->value.as.bytes.data[0] << 8 | r->value.as.bytes.data[1], CONTEXTS);
        key->context = (uint16_t)(r->value.as.bytes.data[2] << 8 | r->value.as.bytes.data[3]);
        break;
    default:
        break;
    }
}

static void put_client(world_client *client, const proa_record *r)
{
    switch (r->path.ids[2]) {
    case 0:
        client->short_id = (uint16_t)integer(&r->value);
        break;
    case 1:
        client->lifetime_s = integer(&r->value);
        break;
    case 9:
        text(client->endpoint, sizeof client->endpoint, &r->value);
        break;
    default:
        break;
    }
}

static void put_access(world_access *access, const proa_record *r)
{
    switch (r->path.ids[2]) {
    case 0:
        access->object = (uint16_t)integer(&r->value);
        break;
    case 1:
        access->target = (uint16_t)integer(&r->value);
        break;
    case 2:
        assert_int_equal(r->path.depth, 4);
        assert_true(access->acl_count < WORLD_ACL);
        access->acl[access->acl_count].short_id = r->path.ids[3];
        access->acl[access->acl_count++].rights = (uint8_t)integer(&r->value);
        break;
    default:
        break;
    }
}

static bool context_is_fine(const world_device *d, const world_context *context)
{
    for (size_t i = 0; i < WORLD_ROWS; i++) {
        if (d->contexts[i].used &&
            memcmp(d->contexts[i].recipient_id, context->recipient_id, 2) == 0) {
            return false;
        }
    }
    return context->sender_id_len == 2 && context->recipient_id_len == 2 &&
           memcmp(context->sender_id, context->recipient_id, 2) != 0;
}

static bool key_is_fine(world_device *d, const world_key *key)
{
    for (size_t i = 0; i < WORLD_ROWS; i++) {
        const world_key *other = &d->keys[i];
        if (other->used && other != key && other->identity_len == key->identity_len &&
            memcmp(other->identity, key->identity, key->identity_len) == 0) {
            return false;
        }
    }
    bool has_secret = key->mode == 0 ? key->secret_len >= 16 && key->context == PROA_ID_ALL
                                     : key->secret_len == 0 && context_at(d, key->context) != NULL;
    return key->short_id != 0 && key->identity_len > 0 && has_secret;
}

static bool client_is_fine(const world_device *d, const world_client *client)
{
    for (size_t i = 0; i < WORLD_ROWS; i++) {
        if (d->clients[i].used && &d->clients[i] != client &&
            d->clients[i].short_id == client->short_id) {
            return false;
        }
    }
    return client->short_id != 0 && client->endpoint[0] != '\0' &&
           strcmp(client->endpoint, d->endpoint) != 0;
}

static bool access_is_fine(const world_device *d, const world_access *access)
{
    for (size_t i = 0; i < WORLD_ROWS; i++) {
        if (d->accesses[i].used && &d->accesses[i] != access &&
            d->accesses[i].object == access->object && d->accesses[i].target == access->target) {
            return false;
        }
    }
    for (uint8_t i = 0; i < access->acl_count; i++) {
        if (access->acl[i].rights == 0 || access->acl[i].rights > PROA_RIGHTS_ALL) {
            return false;
        }
    }
    return access->object != 0;
}

/* Lay the payload over an instance of the object at `at`. */
static void put_all(uint16_t object, const proa_path *base, proa_span payload, void *at)
{
    proa_payload_reader reader;
    proa_record r;
    assert_int_equal(proa_payload_read(&reader, PROA_FORMAT_TLV, base, payload, NULL, NULL),
                     PROA_OK);
    while (proa_payload_next(&reader, &r)) {
        if (object == KEYS) {
            put_key(at, &r);
        } else if (object == CONTEXTS) {
            put_context(at, &r);
        } else if (object == CLIENTS) {
            put_client(at, &r);
        } else {
            put_access(at, &r);
        }
    }
    assert_int_equal(reader.err, PROA_OK);
}

static void drop_rights(world_device *d, uint16_t short_id)
{
    for (size_t i = 0; i < WORLD_ROWS; i++) {
        world_access *access = &d->accesses[i];
        for (uint8_t j = 0; access->used && j < access->acl_count; j++) {
            if (access->acl[j].short_id == short_id) {
                access->acl[j--] = access->acl[--access->acl_count];
                access->used = access->acl_count > 0;
            }
        }
    }
}

static uint8_t create(world_device *d, const proa_action *action, proa_path *created)
{
    uint16_t object = action->path.ids[0];
    uint16_t instance = free_instance(d, object);
    proa_path base = proa_path_make(2, object, instance, 0);
    uint8_t code = PROA_COAP_SERVICE_UNAVAILABLE;
    for (size_t i = 0; i < WORLD_ROWS && code == PROA_COAP_SERVICE_UNAVAILABLE; i++) {
        if (object == KEYS && !d->keys[i].used) {
            world_key key = {
                .used = true, .made = ++d->made, .instance = instance, .context = PROA_ID_ALL};
            put_all(object, &base, action->payload, &key);
            code = key_is_fine(d, &key) ? PROA_COAP_CREATED : PROA_COAP_BAD_REQUEST;
            d->keys[i] = code == PROA_COAP_CREATED ? key : d->keys[i];
        } else if (object == CONTEXTS && d->has_oscore && !d->contexts[i].used) {
            world_context context = {.used = true, .instance = instance};
            put_all(object, &base, action->payload, &context);
            code = context_is_fine(d, &context) ? PROA_COAP_CREATED : PROA_COAP_BAD_REQUEST;
            d->contexts[i] = code == PROA_COAP_CREATED ? context : d->contexts[i];
        } else if (object == CLIENTS && !d->clients[i].used) {
            world_client client = {.used = true, .instance = instance, .uses = -1};
            put_all(object, &base, action->payload, &client);
            code = client_is_fine(d, &client) ? PROA_COAP_CREATED : PROA_COAP_BAD_REQUEST;
            if (code == PROA_COAP_CREATED) {
                drop_rights(d, client.short_id); /* meant for who had the number before */
                d->clients[i] = client;
            }
        } else if (object == PROA_OBJECT_CLIENT_ACCESS && !d->accesses[i].used) {
            world_access access = {.used = true, .instance = instance};
            put_all(object, &base, action->payload, &access);
            code = access_is_fine(d, &access) ? PROA_COAP_CREATED : PROA_COAP_BAD_REQUEST;
            d->accesses[i] = code == PROA_COAP_CREATED ? access : d->accesses[i];
        }
    }
    *created = base;
    return code;
}

/* ---- an account in one message ---------------------------------------------------------- */

static size_t take_bytes(proa_cbor_reader *c, uint8_t *to, size_t cap)
{
    proa_span bytes = proa_cbor_read_bytes(c);
    assert_true(bytes.len <= cap);
    memcpy(to, bytes.data, bytes.len);
    return bytes.len;
}

static void take_address(proa_cbor_reader *c, world_key *key)
{
    proa_addr addr = {{0}, 5683, 0};
    uint8_t bytes[18];
    size_t len = take_bytes(c, bytes, sizeof bytes);
    proa_writer w = proa_writer_make(key->uri, sizeof key->uri - 1);
    assert_true(len == 16 || len == 18);
    memcpy(addr.ip, bytes, 16);
    addr.port = key->mode == 0 ? 5684 : 5683;
    if (len == 18) {
        addr.port = (uint16_t)(bytes[16] << 8 | bytes[17]);
    }
    proa_uri_write(&w, key->mode == 0, &addr);
    key->uri[w.len] = '\0';
}

typedef struct account {
    world_key key;
    world_client client;
    world_context context;
    world_access rights[PROA_AC_ENTRIES_MAX];
    uint8_t count;
} account;

static void take_rights(proa_cbor_reader *c, account *a)
{
    proa_cbor_read_map(c);
    while (proa_cbor_more(c)) {
        world_access *access = &a->rights[a->count++];
        assert_true(a->count <= PROA_AC_ENTRIES_MAX);
        proa_cbor_read_array(c);
        access->object = (uint16_t)proa_cbor_read_uint(c);
        access->target = proa_cbor_more(c) ? (uint16_t)proa_cbor_read_uint(c) : PROA_ID_ALL;
        proa_cbor_leave(c);
        access->acl_count = 1;
        access->acl[0].short_id = a->client.short_id;
        access->acl[0].rights = (uint8_t)proa_cbor_read_uint(c);
    }
    proa_cbor_leave(c);
}

/* Keys ascend, so what a later one depends on is there. */
static void take_account(proa_span document, account *a)
{
    proa_cbor_reader c = proa_cbor_reader_make(document);
    proa_span text;
    int64_t last = -1;
    proa_cbor_read_map(&c);
    while (proa_cbor_more(&c)) {
        int64_t at = proa_cbor_read_int(&c);
        assert_true(at > last);
        last = at;
        switch (at) {
        case 0:
            a->key.short_id = a->client.short_id = (uint16_t)proa_cbor_read_uint(&c);
            break;
        case 1:
            a->client.lifetime_s = proa_cbor_read_int(&c);
            break;
        case 2:
            text = proa_cbor_read_text(&c);
            assert_true(text.len < sizeof a->client.endpoint);
            memcpy(a->client.endpoint, text.data, text.len);
            break;
        case 3:
            a->key.identity_len = take_bytes(&c, a->key.identity, sizeof a->key.identity);
            break;
        case 4:
            a->key.secret_len = take_bytes(&c, a->key.secret, sizeof a->key.secret);
            break;
        case 5: /* then it is a Master Secret */
            a->key.mode = 3;
            assert_int_equal(a->key.secret_len, 16);
            memcpy(a->context.secret, a->key.secret, 16);
            a->key.secret_len = 0;
            a->context.sender_id_len = take_bytes(&c, a->context.sender_id, 7);
            break;
        case 6:
            a->context.recipient_id_len = take_bytes(&c, a->context.recipient_id, 7);
            break;
        case 7:
            take_address(&c, &a->key);
            break;
        case 8:
            take_rights(&c, a);
            break;
        case 14:
            assert_int_equal(proa_cbor_read_uint(&c), 1);
            a->key.first = true;
            break;
        default:
            fail_msg("key %d in an account", (int)at);
        }
    }
    proa_cbor_leave(&c);
    assert_int_equal(proa_cbor_end(&c), PROA_OK);
}

/* docs/C2C.md §5: the smaller Sender ID first, each with its length and zeros behind. */
static void name_key(account *a)
{
    uint8_t *name = a->key.identity;
    bool swap = memcmp(a->context.sender_id, a->context.recipient_id, 2) > 0;
    memset(name, 0, 16);
    name[0] = name[8] = 2;
    memcpy(name + (swap ? 9 : 1), a->context.sender_id, 2);
    memcpy(name + (swap ? 1 : 9), a->context.recipient_id, 2);
    a->key.identity_len = 16;
}

static uint16_t allow(world_device *d, const world_access *access)
{
    size_t free_row = WORLD_ROWS;
    for (size_t i = 0; i < WORLD_ROWS; i++) {
        world_access *other = &d->accesses[i];
        if (other->used && other->object == access->object && other->target == access->target) {
            assert_true(other->acl_count < WORLD_ACL);
            other->acl[other->acl_count++] = access->acl[0];
            return other->instance;
        }
        free_row = other->used ? free_row : i;
    }
    assert_true(free_row < WORLD_ROWS);
    uint16_t instance = free_instance(d, PROA_OBJECT_CLIENT_ACCESS);
    d->accesses[free_row] = *access;
    d->accesses[free_row].used = true;
    d->accesses[free_row].instance = instance;
    return instance;
}

static void *free_row(void *rows, size_t row_len)
{
    uint8_t *at = rows; /* each begins with `used` */
    for (size_t i = 0; i < WORLD_ROWS; i++) {
        if (!*(bool *)(void *)(at + i * row_len)) {
            return at + i * row_len;
        }
    }
    return NULL;
}

static uint8_t create_account(world_device *d, const proa_action *action, proa_writer *w)
{
    account a = {.key = {.used = true, .context = PROA_ID_ALL},
                 .client = {.used = true, .uses = -1},
                 .context = {.used = true}};
    world_key *key = free_row(d->keys, sizeof *d->keys);
    world_client *client = free_row(d->clients, sizeof *d->clients);
    world_context *context = free_row(d->contexts, sizeof *d->contexts);
    assert_true(d->is_compact);
    take_account(action->payload, &a);
    bool is_oscore = a.key.mode == 3;
    assert_true(!a.key.first || (d->has_firsts && !is_oscore));
    a.key.instance = free_instance(d, KEYS);
    a.client.instance = free_instance(d, CLIENTS);
    a.context.instance = free_instance(d, CONTEXTS);
    if (is_oscore) {
        name_key(&a);
    }
    if (key == NULL || client == NULL || (is_oscore && context == NULL)) {
        return PROA_COAP_SERVICE_UNAVAILABLE;
    }
    if (is_oscore && (!d->has_oscore || !context_is_fine(d, &a.context))) {
        return PROA_COAP_BAD_REQUEST;
    }
    if (is_oscore) {
        *context = a.context;
        a.key.context = a.context.instance;
    }
    if (!client_is_fine(d, &a.client) || !key_is_fine(d, &a.key)) {
        if (is_oscore) {
            context->used = false;
        }
        return PROA_COAP_BAD_REQUEST;
    }
    drop_rights(d, a.client.short_id);
    a.key.made = ++d->made;
    *client = a.client;
    *key = a.key;
    proa_cbor_write_array(w, 2U + a.count);
    proa_cbor_write_uint(w, a.client.instance);
    proa_cbor_write_uint(w, a.key.instance);
    for (uint8_t i = 0; i < a.count; i++) {
        proa_cbor_write_uint(w, allow(d, &a.rights[i]));
    }
    return PROA_COAP_CREATED;
}

uint8_t world_device_create(world_device *d, const proa_action *action, proa_path *created,
                            proa_writer *w)
{
    if (action->format == PROA_FORMAT_CBOR && action->path.ids[0] == KEYS) {
        return create_account(d, action, w);
    }
    assert_int_equal(action->format, PROA_FORMAT_TLV);
    return create(d, action, created);
}

/* ---- use -------------------------------------------------------------------------------- */

world_key *world_device_key(world_device *d, uint16_t short_id, bool to_ask)
{
    world_key *best = NULL;
    for (size_t i = 0; i < WORLD_ROWS; i++) {
        world_key *key = &d->keys[i];
        if (key->used && key->short_id == short_id && (!to_ask || key->uri[0] != '\0') &&
            (best == NULL || key->made > best->made)) {
            best = key;
        }
    }
    return best;
}

bool world_device_used(world_device *d, const world_key *key)
{
    bool any = false;
    for (size_t i = 0; i < WORLD_ROWS; i++) {
        world_key *old = &d->keys[i];
        if (!old->used || old->short_id != key->short_id || old->made >= key->made) {
            continue;
        }
        for (size_t j = 0; j < WORLD_ROWS; j++) {
            if (d->contexts[j].used && d->contexts[j].instance == old->context) {
                memset(&d->contexts[j], 0, sizeof d->contexts[j]);
            }
        }
        memset(old, 0, sizeof *old);
        any = true;
    }
    return any;
}

uint8_t world_device_write(world_device *d, const proa_action *action)
{
    uint16_t object = action->path.ids[0];
    uint16_t instance = action->path.ids[1];
    assert_int_equal(action->path.depth, 3);
    if (!is_there(d, object, instance)) {
        return PROA_COAP_NOT_FOUND;
    }
    if (object == PROA_OBJECT_CLIENT_ACCESS) {
        assert_int_equal(action->path.ids[2], 2);
        access_at(d, instance)->acl_count = 0; /* a Write of a list replaces it */
        put_all(object, &action->path, action->payload, access_at(d, instance));
    } else if (object == CLIENTS) {
        put_all(object, &action->path, action->payload, client_at(d, instance));
    } else {
        put_all(object, &action->path, action->payload, key_at(d, instance));
    }
    return PROA_COAP_CHANGED;
}

uint8_t world_device_delete(world_device *d, const proa_action *action)
{
    uint16_t object = action->path.ids[0];
    uint16_t instance = action->path.ids[1];
    assert_int_equal(action->path.depth, 2);
    if (!is_there(d, object, instance)) {
        return PROA_COAP_NOT_FOUND;
    }
    if (object == KEYS) {
        if (key_at(d, instance)->mode != 0) { /* what it links to goes with it */
            memset(context_at(d, key_at(d, instance)->context), 0, sizeof(world_context));
        }
        memset(key_at(d, instance), 0, sizeof(world_key));
    } else if (object == CLIENTS) {
        drop_rights(d, client_at(d, instance)->short_id);
        memset(client_at(d, instance), 0, sizeof(world_client));
    } else {
        memset(access_at(d, instance), 0, sizeof(world_access));
    }
    return PROA_COAP_DELETED;
}

/* ---- reading ---------------------------------------------------------------------------- */

static void add(proa_payload_writer *p, uint16_t object, uint16_t instance, uint16_t resource,
                int32_t resource_instance, proa_value value)
{
    proa_record r = {proa_path_make(3, object, instance, resource), value};
    if (resource_instance >= 0) {
        r.path.depth = 4;
        r.path.ids[3] = (uint16_t)resource_instance;
    }
    assert_int_equal(proa_payload_add(p, &r), PROA_OK);
}

static void read_key(proa_payload_writer *p, const world_key *key)
{
    uint16_t i = key->instance;
    add(p, KEYS, i, 0, -1, proa_value_string(proa_span_of(key->uri)));
    add(p, KEYS, i, 2, -1, proa_value_integer(key->mode));
    add(p, KEYS, i, 3, -1, proa_value_opaque(proa_span_make(key->identity, key->identity_len)));
    add(p, KEYS, i, 10, -1, proa_value_integer(key->short_id));
}

static void read_client(proa_payload_writer *p, const world_client *client)
{
    uint16_t i = client->instance;
    add(p, CLIENTS, i, 0, -1, proa_value_integer(client->short_id));
    add(p, CLIENTS, i, 1, -1, proa_value_integer(client->lifetime_s));
    add(p, CLIENTS, i, 9, -1, proa_value_string(proa_span_of(client->endpoint)));
    if (client->uses >= 0) {
        add(p, CLIENTS, i, 26241, -1, proa_value_integer(client->uses));
        add(p, CLIENTS, i, 26242, -1, proa_value_integer(5));
    }
}

static void read_access(proa_payload_writer *p, const world_access *access)
{
    uint16_t i = access->instance;
    add(p, PROA_OBJECT_CLIENT_ACCESS, i, 0, -1, proa_value_integer(access->object));
    add(p, PROA_OBJECT_CLIENT_ACCESS, i, 1, -1, proa_value_integer(access->target));
    for (uint32_t id = 0; id <= PROA_ID_MAX; id++) {
        for (uint8_t j = 0; j < access->acl_count; j++) {
            if (access->acl[j].short_id == id) {
                add(p, PROA_OBJECT_CLIENT_ACCESS, i, 2, (int32_t)id,
                    proa_value_integer(access->acl[j].rights));
            }
        }
    }
    add(p, PROA_OBJECT_CLIENT_ACCESS, i, 3, -1, proa_value_integer(1));
}

uint8_t world_device_read(world_device *d, const proa_action *action, proa_writer *w)
{
    proa_payload_writer p;
    uint16_t object = action->path.ids[0];
    assert_int_equal(action->format, PROA_FORMAT_TLV);
    if (action->path.depth == 2 && !is_there(d, object, action->path.ids[1])) {
        return PROA_COAP_NOT_FOUND;
    }
    assert_int_equal(proa_payload_begin(&p, w, PROA_FORMAT_TLV, &action->path), PROA_OK);
    for (uint16_t i = 0; i < WORLD_ROWS; i++) {
        if ((action->path.depth == 2 && action->path.ids[1] != i) || !is_there(d, object, i)) {
            continue;
        }
        if (object == KEYS) {
            read_key(&p, key_at(d, i));
        } else if (object == CLIENTS) {
            read_client(&p, client_at(d, i));
        } else {
            read_access(&p, access_at(d, i));
        }
    }
    assert_int_equal(proa_payload_end(&p), PROA_OK);
    return PROA_COAP_CONTENT;
}

/* ---- the whole -------------------------------------------------------------------------- */

void world_device_list(world_device *d, char *links, size_t cap)
{
    size_t len = (size_t)snprintf(links, cap, "</>;rt=\"oma.lwm2m\",</1/0>,</3/0>%s",
                                  d->has_oscore ? ",</21>" : "");
    len += (size_t)snprintf(links + len, cap - len, ",</11000>%s",
                            d->has_firsts   ? ";ver=1.2"
                            : d->is_compact ? ";ver=1.1"
                                            : "");
    for (uint16_t object = KEYS; object <= PROA_OBJECT_CLIENT_ACCESS; object++) {
        for (uint16_t i = 0; i < WORLD_ROWS; i++) {
            if (is_there(d, object, i)) {
                len += (size_t)snprintf(links + len, cap - len, ",</%u/%u>", object, i);
            }
        }
    }
}

void world_wipe(world_device *d)
{
    memset(d->keys, 0, sizeof d->keys);
    memset(d->contexts, 0, sizeof d->contexts);
    memset(d->clients, 0, sizeof d->clients);
    memset(d->accesses, 0, sizeof d->accesses);
}
