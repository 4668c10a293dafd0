/* SPDX-License-Identifier: Apache-2.0 */
/* Objects 11000, 11001 and 11002 by direct calls: what they take, what they refuse, and that a
 * refused request changes nothing (docs/C2C.md §2). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/c2c/fake_client.h"

#define KEY "0123456789abcdef"
#define TEXT(t) proa_value_string(proa_span_of(t))
#define BYTES(t) proa_value_opaque(proa_span_of(t))
#define NUMBER(n) proa_value_integer(n)

static const fake_account alice = {"alice", 2, 3600, "identity-of-alice", KEY, NULL};

/* ---- 11000 ------------------------------------------------------------------------------ */

static const char long_text[] = "0123456789012345678901234567890123456789012345678901234567890123"
                                "0123456789012345678901234567890123456789012345678901234567890123";

typedef struct key_row {
    const char *name;
    int64_t mode;
    const char *identity;
    const char *secret;
    int64_t short_id;
    const char *uri; /* NULL: not written */
    proa_objlink link;
    proa_err err;
} key_row;

#define NONE PROA_ID_ALL, PROA_ID_ALL

static const key_row key_rows[] = {
    {"as our server writes", 0, "id", KEY, 2, NULL, {NONE}, PROA_OK},
    {"with a URI", 0, "id", KEY, 2, "coaps://[2001:db8::7]:5684", {NONE}, PROA_OK},
    {"seed's key of 9 bytes", 0, "key_identity", "secretkey", 2, NULL, {NONE}, PROA_OK},
    {"largest short id", 0, "id", KEY, 65534, NULL, {NONE}, PROA_OK},
    {"short id 0", 0, "id", KEY, 0, NULL, {NONE}, PROA_E_RANGE},
    {"short id 65535", 0, "id", KEY, 65535, NULL, {NONE}, PROA_E_RANGE},
    {"raw public key", 1, "id", KEY, 2, NULL, {NONE}, PROA_E_FORMAT},
    {"a mode nobody knows", 4, "id", KEY, 2, NULL, {NONE}, PROA_E_RANGE},
    {"NoSec", 3, "id", KEY, 2, NULL, {NONE}, PROA_E_FORMAT},
    {"g07 link, but no OSCORE here", 3, "id", "", 2, NULL, {21, 0}, PROA_E_FORMAT},
    {"empty identity", 0, "", KEY, 2, NULL, {NONE}, PROA_E_FORMAT},
    {"empty secret", 0, "id", "", 2, NULL, {NONE}, PROA_E_FORMAT},
    {"secret of 7 bytes", 0, "id", "1234567", 2, NULL, {NONE}, PROA_E_FORMAT},
    {"identity too long", 0, long_text, KEY, 2, NULL, {NONE}, PROA_E_TOO_LARGE},
    {"secret too long", 0, "id", long_text, 2, NULL, {NONE}, PROA_E_TOO_LARGE},
    {"URI too long", 0, "id", KEY, 2, long_text, {NONE}, PROA_E_TOO_LARGE},
    {"URI that is none", 0, "id", KEY, 2, "http://[::1]", {NONE}, PROA_E_FORMAT},
    {"g07 link to an instance of 21", 0, "id", KEY, 2, NULL, {21, 0}, PROA_E_FORMAT},
    {"g07 link to nothing", 0, "id", KEY, 2, NULL, {0, 0}, PROA_E_FORMAT},
    {"identity of a server account", 0, "of-server", KEY, 2, NULL, {NONE}, PROA_E_EXISTS},
    {"identity of another peer", 0, "identity-of-alice", KEY, 3, NULL, {NONE}, PROA_E_EXISTS},
};

static void g08_g26_keys_are_checked_when_all_is_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(key_rows) / sizeof(key_rows[0]); i++) {
        const key_row *row = &key_rows[i];
        fake f;
        uint16_t instance = 77;
        const fake_value values[] = {
            {2, -1, NUMBER(row->mode)},
            {3, -1, BYTES(row->identity)},
            {4, -1, BYTES("ignored")},
            {5, -1, BYTES(row->secret)},
            {10, -1, NUMBER(row->short_id)},
            {17, -1, proa_value_link(row->link.object, row->link.instance)},
            {0, -1, TEXT(row->uri == NULL ? "" : row->uri)},
        };
        print_message("%s\n", row->name);
        fake_open(&f, NULL, "own", false);
        f.client.taken_identity = "of-server";
        (void)fake_install(&f, &alice);
        assert_int_equal(
            fake_create(&f, 11000, &fake_server_1, -1, values, row->uri ? 7 : 6, &instance),
            row->err);
        assert_int_equal(instance, row->err == PROA_OK ? 1 : 77);
        assert_int_equal(fake_account_of(&f, 1) != 0, row->err == PROA_OK);
        fake_close(&f);
    }
}

static void g05_secrets_are_written_only(void **state)
{
    fake f;
    proa_value value;
    (void)state;
    fake_open(&f, NULL, "own", false);
    uint16_t instance = fake_install(&f, &alice);
    assert_int_equal(fake_read(&f, 11000, instance, 5, &value), PROA_E_NOT_FOUND);
    assert_int_equal(fake_read(&f, 11000, instance, 4, &value), PROA_E_NOT_FOUND);
    assert_int_equal(fake_read(&f, 11000, instance, 3, &value), PROA_OK);
    assert_true(proa_span_equal(value.as.bytes, proa_span_of("identity-of-alice")));
    const proa_object *object = f.client.objects[0];
    for (uint8_t i = 0; i < object->resource_count; i++) {
        if (object->resources[i].id == 5) {
            assert_int_equal(object->resources[i].flags & (PROA_RES_R | PROA_RES_SECRET),
                             PROA_RES_SECRET);
        }
    }
    fake_close(&f);
}

static void expect_nowhere(const void *memory, size_t len, const char *key)
{
    const uint8_t *bytes = memory;
    for (size_t i = 0; i + 16 <= len; i++) {
        assert_memory_not_equal(bytes + i, key, 16);
    }
}

/* The memory of a key that went, or was never finished, holds nothing of it: in the same moment. */
static void g02_secrets_are_wiped(void **state)
{
    fake f;
    const fake_value bad[] = {{2, -1, NUMBER(0)}, {5, -1, BYTES(KEY)}, {10, -1, NUMBER(2)}};
    const fake_value change[] = {{5, -1, BYTES("another key, 16B")}, {10, -1, NUMBER(0)}};
    (void)state;
    fake_open(&f, NULL, "own", false);
    assert_int_equal(fake_create(&f, 11000, &fake_server_1, -1, bad, 3, NULL), PROA_E_FORMAT);
    (void)fake_install(&f, &alice);
    assert_int_equal(fake_write(&f, 11000, &fake_server_1, 0, change, 2), PROA_E_RANGE);
    assert_int_equal(fake_delete(&f, 11000, &fake_server_1, 0), PROA_OK);
    expect_nowhere(f.c2c, sizeof(*f.c2c), KEY);
    expect_nowhere(f.c2c, sizeof(*f.c2c), "another key, 16B");
    expect_nowhere(f.c2c->block, f.c2c->block_len, KEY);
    expect_nowhere(f.c2c->block, f.c2c->block_len, "another key, 16B");
    fake_close(&f);
}

static void g04_no_key_over_an_unprotected_session(void **state)
{
    fake f;
    const fake_value key[] = {
        {2, -1, NUMBER(0)}, {3, -1, BYTES("id")}, {5, -1, BYTES(KEY)}, {10, -1, NUMBER(9)}};
    const fake_value uri[] = {{0, -1, TEXT("coaps://[2001:db8::9]")}};
    (void)state;
    fake_open(&f, NULL, "own", false);
    uint16_t instance = fake_install(&f, &alice);
    f.client.servers[0].secured = false;
    assert_int_equal(fake_create(&f, 11000, &fake_server_1, -1, key, 4, NULL), PROA_E_DENIED);
    assert_int_equal(fake_write(&f, 11000, &fake_server_1, instance, key, 4), PROA_E_DENIED);
    assert_int_equal(fake_write(&f, 11000, &fake_server_1, instance, uri, 1), PROA_OK);
    f.client.servers[0].registered = false; /* its answer is on the way */
    assert_int_equal(fake_create(&f, 11000, &fake_server_1, -1, key, 4, NULL), PROA_E_DENIED);
    f.client.servers[0].secured = true;
    assert_int_equal(fake_create(&f, 11000, &fake_server_1, -1, key, 4, NULL), PROA_OK);
    fake_close(&f);
}

/* A new key is another account; a new address is not. */
static void g10_generation_follows_identity_and_secret(void **state)
{
    static const struct {
        fake_value value;
        bool other;
    } rows[] = {
        {{0, -1, {PROA_TYPE_STRING, {.bytes = {(const uint8_t *)"coap://[::1]", 12}}}}, false},
        {{2, -1, {PROA_TYPE_INTEGER, {.integer = 0}}}, false},
        {{3, -1, {PROA_TYPE_OPAQUE, {.bytes = {(const uint8_t *)"new", 3}}}}, true},
        {{5, -1, {PROA_TYPE_OPAQUE, {.bytes = {(const uint8_t *)"new-key-16-bytes", 16}}}}, true},
        {{10, -1, {PROA_TYPE_INTEGER, {.integer = 3}}}, true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fake f;
        fake_open(&f, NULL, "own", false);
        uint16_t instance = fake_install(&f, &alice);
        proa_account before = fake_account_of(&f, instance);
        uint32_t session = fake_incoming(&f, instance);
        fake_connected(&f, session, true);
        assert_int_equal(fake_write(&f, 11000, &fake_server_1, instance, &rows[i].value, 1),
                         PROA_OK);
        fake_pass(&f, 0);
        assert_int_equal(fake_account_of(&f, instance) != before, rows[i].other);
        assert_int_equal(fake_session_of(&f, session)->closed, rows[i].other);
        fake_close(&f);
    }
}

static void g10_failed_write_restores_the_key(void **state)
{
    fake f;
    proa_value value;
    const fake_value change[] = {{3, -1, BYTES("other")}, {5, -1, BYTES("x")}};
    (void)state;
    fake_open(&f, NULL, "own", false);
    uint16_t instance = fake_install(&f, &alice);
    proa_account before = fake_account_of(&f, instance);
    assert_int_equal(fake_write(&f, 11000, &fake_server_1, instance, change, 2), PROA_E_FORMAT);
    assert_int_equal(fake_account_of(&f, instance), before);
    assert_int_equal(fake_read(&f, 11000, instance, 3, &value), PROA_OK);
    assert_true(proa_span_equal(value.as.bytes, proa_span_of(alice.identity)));
    proa_psk psk;
    assert_true(f.client.ext->find_psk(f.client.ext->ctx, proa_span_of(alice.identity), &psk));
    assert_memory_equal(psk.key, KEY, 16);
    fake_close(&f);
}

/* ---- 11001 ------------------------------------------------------------------------------ */

static void g19_g26_peers_are_checked(void **state)
{
    static const struct {
        const char *name;
        fake_value value; /* replaces one of a good peer's */
        proa_err err;
    } rows[] = {
        {"good", {0, -1, {PROA_TYPE_INTEGER, {.integer = 65534}}}, PROA_OK},
        {"short id 0", {0, -1, {PROA_TYPE_INTEGER, {.integer = 0}}}, PROA_E_RANGE},
        {"short id 65535", {0, -1, {PROA_TYPE_INTEGER, {.integer = 65535}}}, PROA_E_RANGE},
        {"short id of alice", {0, -1, {PROA_TYPE_INTEGER, {.integer = 2}}}, PROA_E_EXISTS},
        {"without end", {1, -1, {PROA_TYPE_INTEGER, {.integer = 0}}}, PROA_OK},
        {"longest", {1, -1, {PROA_TYPE_INTEGER, {.integer = 4294967294}}}, PROA_OK},
        {"too long", {1, -1, {PROA_TYPE_INTEGER, {.integer = 4294967295}}}, PROA_E_RANGE},
        {"negative", {1, -1, {PROA_TYPE_INTEGER, {.integer = -1}}}, PROA_E_RANGE},
        {"own name",
         {9, -1, {PROA_TYPE_STRING, {.bytes = {(const uint8_t *)"own", 3}}}},
         PROA_E_FORMAT},
        {"no name",
         {9, -1, {PROA_TYPE_STRING, {.bytes = {(const uint8_t *)"", 0}}}},
         PROA_E_FORMAT},
        {"name too long",
         {9, -1, {PROA_TYPE_STRING, {.bytes = {(const uint8_t *)long_text, 65}}}},
         PROA_E_TOO_LARGE},
        {"longest name",
         {9, -1, {PROA_TYPE_STRING, {.bytes = {(const uint8_t *)long_text, 64}}}},
         PROA_OK},
        {"binding too long",
         {7, -1, {PROA_TYPE_STRING, {.bytes = {(const uint8_t *)"UUUUUUUUU", 9}}}},
         PROA_E_TOO_LARGE},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fake f;
        const fake_value values[] = {
            {0, -1, NUMBER(7)},   {1, -1, NUMBER(100)}, {2, -1, NUMBER(120)},
            {3, -1, NUMBER(360)}, {5, -1, NUMBER(120)}, {6, -1, proa_value_boolean(false)},
            {7, -1, TEXT("U")},   {9, -1, TEXT("bob")}, rows[i].value};
        print_message("%s\n", rows[i].name);
        fake_open(&f, NULL, "own", false);
        (void)fake_install(&f, &alice);
        assert_int_equal(fake_create(&f, 11001, &fake_server_1, -1, values, 9, NULL), rows[i].err);
        fake_close(&f);
    }
}

static void g12_periods_are_the_defaults_of_a_peer(void **state)
{
    fake f;
    uint32_t pmin_s = 1;
    uint32_t pmax_s = 1;
    const fake_value periods[] = {{2, -1, NUMBER(5)}, {3, -1, NUMBER(90)}};
    (void)state;
    fake_open(&f, NULL, "own", false);
    uint16_t instance = fake_install(&f, &alice);
    assert_int_equal(fake_write(&f, 11001, &fake_server_1, 0, periods, 2), PROA_OK);
    f.client.ext->periods(f.client.ext->ctx, fake_account_of(&f, instance), &pmin_s, &pmax_s);
    assert_int_equal(pmin_s, 5);
    assert_int_equal(pmax_s, 90);
    f.client.ext->periods(f.client.ext->ctx, 12345, &pmin_s, &pmax_s);
    assert_int_equal(pmax_s, 0);
    fake_close(&f);
}

static void c2c_2_use_counters(void **state)
{
    fake f;
    proa_value value;
    (void)state;
    fake_open(&f, NULL, "own", false);
    uint16_t instance = fake_install(&f, &alice);
    assert_int_equal(fake_read(&f, 11001, 0, 26241, &value), PROA_OK);
    assert_int_equal(value.as.integer, 0);
    assert_int_equal(fake_read(&f, 11001, 0, 26242, &value), PROA_E_NOT_FOUND);
    for (int i = 0; i < 3; i++) {
        f.client.ext->used(f.client.ext->ctx, f.now_ms, fake_account_of(&f, instance));
    }
    fake_pass(&f, 7000);
    f.client.ext->used(f.client.ext->ctx, f.now_ms, 99); /* nobody */
    assert_int_equal(fake_read(&f, 11001, 0, 26241, &value), PROA_OK);
    assert_int_equal(value.as.integer, 3);
    assert_int_equal(fake_read(&f, 11001, 0, 26242, &value), PROA_OK);
    assert_int_equal(value.as.integer, 7);
    assert_int_equal(fake_read(&f, 11001, 0, 26243, &value), PROA_OK);
    assert_int_equal(value.as.integer, 3593);
    fake_close(&f);
}

/* ---- 11002 ------------------------------------------------------------------------------ */

static proa_err try_access(fake *f, const proa_actor *who, int64_t object, int64_t instance,
                           int64_t rights, int32_t wanted)
{
    const fake_value values[] = {
        {0, -1, NUMBER(object)},
        {1, -1, NUMBER(instance)},
        {2, 2, NUMBER(rights)},
        {3, -1, NUMBER(77)},
    };
    return fake_create(f, 11002, who, wanted, values, 4, NULL);
}

static void g03_g12_g24_access_entries_are_checked(void **state)
{
    static const struct {
        const char *name;
        int64_t object, instance, rights;
        uint8_t held; /* by the server, in object 2 */
        proa_err err;
    } rows[] = {
        {"one instance", 3311, 0, 1, 31, PROA_OK},
        {"g12 last instance", 3311, 65534, 1, 31, PROA_OK},
        {"g12 whole object", 3311, 65535, 16, 31, PROA_OK},
        {"largest object", 65534, 0, 1, 31, PROA_OK},
        {"all rights", 3311, 0, 31, 31, PROA_OK},
        {"no rights", 3311, 0, 0, 31, PROA_OK},
        {"Discover bit", 3311, 0, 0x20, 31, PROA_E_RANGE},
        {"negative", 3311, 0, -1, 31, PROA_E_RANGE},
        {"16 bit", 3311, 0, 0x101, 31, PROA_E_RANGE},
        {"object beyond", 65535, 0, 1, 31, PROA_E_RANGE},
        {"instance beyond", 3311, 65536, 1, 31, PROA_E_RANGE},
        {"more than held", 3311, 0, 3, 1, PROA_E_DENIED},
        {"nothing held", 3311, 0, 1, 0, PROA_E_DENIED},
        {"just what is held", 3311, 0, 5, 5, PROA_OK},
        {"Create on an instance means nothing", 3311, 0, 17, 1, PROA_OK},
        {"Create on the object has to be held", 3311, 65535, 17, 1, PROA_E_DENIED},
        {"g05 object 0", 0, 0, 1, 31, PROA_E_RANGE},
        {"g05 object 1", 1, 0, 1, 31, PROA_E_DENIED},
        {"g05 object 2", 2, 0, 1, 31, PROA_E_DENIED},
        {"g05 object 21", 21, 0, 1, 31, PROA_E_DENIED},
        {"g05 object 11000", 11000, 0, 1, 31, PROA_E_DENIED},
        {"g05 object 11001", 11001, 65535, 16, 31, PROA_E_DENIED},
        {"g05 object 11002", 11002, 0, 1, 31, PROA_E_DENIED},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fake f;
        print_message("%s\n", rows[i].name);
        fake_open(&f, NULL, "own", false);
        (void)fake_install(&f, &alice);
        f.client.servers[0].rights = rows[i].held;
        assert_int_equal(
            try_access(&f, &fake_server_1, rows[i].object, rows[i].instance, rows[i].rights, -1),
            rows[i].err);
        assert_int_equal(proa_c2c_stats_get(f.c2c).access_entries, rows[i].err == PROA_OK ? 1 : 0);
        fake_close(&f);
    }
}

static void g03_only_the_owner_changes_an_entry(void **state)
{
    fake f;
    proa_value value;
    const fake_value more[] = {{2, 2, NUMBER(31)}};
    (void)state;
    fake_open(&f, NULL, "own", false);
    f.client.servers[1] = (fake_server){2, "coaps://[2001:db8::2]:5684", true, true, 31};
    (void)fake_install(&f, &alice);
    assert_int_equal(try_access(&f, &fake_server_1, 3311, 0, 1, -1), PROA_OK);
    assert_int_equal(fake_read(&f, 11002, 0, 3, &value), PROA_OK);
    assert_int_equal(value.as.integer, 1); /* not 77, as was written */
    assert_int_equal(fake_write(&f, 11002, &fake_server_2, 0, more, 1), PROA_E_DENIED);
    assert_int_equal(fake_delete(&f, 11002, &fake_server_2, 0), PROA_E_DENIED);
    proa_path path = proa_path_make(4, 11002, 0, 2);
    path.ids[3] = 2;
    assert_int_equal(f.client.objects[2]->class_->read(f.client.objects[2]->ctx, &path, &value),
                     PROA_OK);
    assert_int_equal(value.as.integer, 1);
    const proa_value all = NUMBER(31); /* one element, without replacing the list */
    const proa_object *object = f.client.objects[2];
    assert_int_equal(object->class_->transact(object->ctx, &fake_server_2, 0, PROA_BEGIN), PROA_OK);
    assert_int_equal(object->class_->write(object->ctx, &fake_server_2, &path, &all),
                     PROA_E_DENIED);
    (void)object->class_->transact(object->ctx, &fake_server_2, 0, PROA_ROLLBACK);
    /* Another server has an entry of its own for the same path. */
    assert_int_equal(try_access(&f, &fake_server_2, 3311, 0, 2, -1), PROA_OK);
    assert_int_equal(fake_write(&f, 11002, &fake_server_1, 0, more, 1), PROA_OK);
    assert_int_equal(fake_delete(&f, 11002, &fake_server_1, 0), PROA_OK);
    fake_close(&f);
}

static void g18_one_entry_for_a_path_and_ids_that_exist(void **state)
{
    fake f;
    const fake_value merged[] = {{2, 2, NUMBER(1)}, {2, 3, NUMBER(3)}};
    const fake_value moved[] = {{0, -1, NUMBER(3312)}};
    (void)state;
    fake_open(&f, NULL, "own", false);
    (void)fake_install(&f, &alice);
    assert_int_equal(try_access(&f, &fake_server_1, 3311, 0, 1, 0), PROA_OK);
    assert_int_equal(try_access(&f, &fake_server_1, 3311, 0, 1, -1), PROA_E_EXISTS); /* write it */
    assert_int_equal(try_access(&f, &fake_server_1, 3312, 0, 1, 0), PROA_E_EXISTS);  /* id taken */
    assert_int_equal(try_access(&f, &fake_server_1, 3312, 0, 1, -1), PROA_OK);
    assert_int_equal(fake_write(&f, 11002, &fake_server_1, 0, merged, 2), PROA_OK);
    assert_int_equal(fake_write(&f, 11002, &fake_server_1, 0, moved, 1), PROA_E_METHOD);
    proa_path path = proa_path_make(2, 3311, 0, 0);
    assert_int_equal(proa__c2c_rights(f.c2c, 2, &path), 1);
    assert_int_equal(proa__c2c_rights(f.c2c, 3, &path), 3);
    fake_close(&f);
}

static void g03_a_failed_list_is_the_list_before(void **state)
{
    fake f;
    const fake_value too_much[] = {{2, 4, NUMBER(1)}, {2, 5, NUMBER(31)}};
    (void)state;
    fake_open(&f, NULL, "own", false);
    (void)fake_install(&f, &alice);
    f.client.servers[0].rights = 1;
    (void)fake_allow(&f, 3311, 0, 2, 1);
    assert_int_equal(fake_write(&f, 11002, &fake_server_1, 0, too_much, 2), PROA_E_DENIED);
    proa_path path = proa_path_make(2, 3311, 0, 0);
    assert_int_equal(proa__c2c_rights(f.c2c, 2, &path), 1);
    assert_int_equal(proa__c2c_rights(f.c2c, 4, &path), 0);
    assert_int_equal(proa__c2c_rights(f.c2c, 5, &path), 0);
    fake_close(&f);
}

/* ---- pools ------------------------------------------------------------------------------ */

/* All tables full, with more peers than the prototype could name; then one goes and one comes. */
static void g09_full_pools(void **state)
{
    fake f;
    proa_c2c_limits limits = fake_limits();
    fake_account many[9];
    char names[9][8];
    (void)state;
    assert_int_equal(fake_try(&f, NULL, "own", false, &limits, -1), PROA_OK);
    for (int i = 0; i < 9; i++) {
        strcpy(names[i], "peer-0");
        names[i][5] = (char)('0' + i);
        many[i] = (fake_account){names[i], (uint16_t)(i + 2), 3600, names[i], KEY, NULL};
    }
    for (int i = 0; i < 8; i++) {
        assert_int_equal(fake_install(&f, &many[i]), i);
    }
    const fake_value peer[] = {
        {0, -1, NUMBER(99)}, {1, -1, NUMBER(0)}, {9, -1, TEXT("one too many")}};
    const fake_value key[] = {
        {2, -1, NUMBER(0)}, {3, -1, BYTES("more")}, {5, -1, BYTES(KEY)}, {10, -1, NUMBER(99)}};
    assert_int_equal(fake_create(&f, 11001, &fake_server_1, -1, peer, 3, NULL), PROA_E_FULL);
    assert_int_equal(fake_create(&f, 11000, &fake_server_1, -1, key, 4, NULL), PROA_E_FULL);
    for (uint16_t i = 0; i < limits.access_max; i++) {
        (void)fake_allow(&f, 3311, i, 2, 1);
    }
    assert_int_equal(try_access(&f, &fake_server_1, 3311, 100, 1, -1), PROA_E_FULL);

    fake_value list[10];
    for (uint16_t i = 0; i < 10; i++) { /* 8 peers and the default entry fit; a tenth does not */
        list[i] = (fake_value){2, (int32_t)(i == 0 ? 0 : i + 1), NUMBER(1)};
    }
    assert_int_equal(fake_write(&f, 11002, &fake_server_1, 0, list, 10), PROA_E_FULL);
    assert_int_equal(fake_write(&f, 11002, &fake_server_1, 0, list, 9), PROA_OK);
    assert_int_equal(proa_c2c_stats_get(f.c2c).peers, 8);

    assert_int_equal(fake_delete(&f, 11000, &fake_server_1, 3), PROA_OK);
    assert_int_equal(fake_delete(&f, 11001, &fake_server_1, 3), PROA_OK);
    fake_pass(&f, 0);
    assert_int_equal(fake_install(&f, &many[8]), 3);
    assert_int_equal(proa_c2c_stats_get(f.c2c).peers, 8);
    proa_psk psk;
    assert_false(f.client.ext->find_psk(f.client.ext->ctx, proa_span_of(names[3]), &psk));
    assert_true(f.client.ext->find_psk(f.client.ext->ctx, proa_span_of(names[8]), &psk));
    fake_close(&f);
}

/* Accounts with everything as long as it may be: one has a place, several share what there is; what
 * goes makes room, and what stays is found where it moved to. */
static void c2c_9_bytes_of_all_accounts_together(void **state)
{
    fake f;
    char uri[PROA_URI_MAX], identity[8][PROA_PSK_IDENTITY_MAX], secret[PROA_PSK_KEY_MAX];
    uint16_t instances[8];
    size_t count = 0;
    proa_err err = PROA_OK;
    (void)state;
    memset(uri, 'h', sizeof(uri));
    memcpy(uri, "coaps://", 8);
    memset(secret, 's', sizeof(secret));
    fake_open(&f, NULL, "own", false);
    for (; count < 8; count++) {
        memset(identity[count], (int)('a' + count), sizeof(identity[count]));
        const fake_value key[] = {
            {0, -1, proa_value_string(proa_span_make(uri, sizeof(uri) - 1))},
            {2, -1, NUMBER(0)},
            {3, -1, proa_value_opaque(proa_span_make(identity[count], 64))},
            {5, -1, proa_value_opaque(proa_span_make(secret, sizeof(secret)))},
            {10, -1, NUMBER((int64_t)count + 1)},
        };
        err = fake_create(&f, 11000, &fake_server_1, -1, key, 5, &instances[count]);
        if (err != PROA_OK) {
            break;
        }
    }
    assert_int_equal(err, PROA_E_FULL);
    assert_in_range(count, 3, 6);
    /* A longer identity does not fit, either, and the old one stays. */
    const fake_value shorter[] = {{3, -1, BYTES("id")}, {0, -1, TEXT("")}};
    const fake_value longer[] = {{3, -1, proa_value_opaque(proa_span_make(secret, 64))},
                                 {0, -1, proa_value_string(proa_span_make(uri, 127))}};
    assert_int_equal(fake_write(&f, 11000, &fake_server_1, instances[0], shorter, 2), PROA_OK);
    const fake_account small = {"alice", 9, 1000, "of-alice", KEY, NULL};
    (void)fake_install(&f, &small);
    memset(identity[count], 'z', 64);
    const fake_value one_more[] = {
        {0, -1, proa_value_string(proa_span_make(uri, sizeof(uri) - 1))},
        {2, -1, NUMBER(0)},
        {3, -1, proa_value_opaque(proa_span_make(identity[count], 64))},
        {5, -1, proa_value_opaque(proa_span_make(secret, sizeof(secret)))},
        {10, -1, NUMBER(8)},
    };
    assert_int_equal(fake_create(&f, 11000, &fake_server_1, -1, one_more, 5, &instances[count]),
                     PROA_OK);
    count++;
    assert_int_equal(fake_write(&f, 11000, &fake_server_1, instances[0], longer, 2), PROA_E_FULL);
    proa_value value;
    assert_int_equal(fake_read(&f, 11000, instances[0], 3, &value), PROA_OK);
    assert_true(proa_span_equal(value.as.bytes, proa_span_of("id")));
    assert_int_equal(fake_delete(&f, 11000, &fake_server_1, instances[1]), PROA_OK);
    assert_int_equal(fake_write(&f, 11000, &fake_server_1, instances[0], longer, 2), PROA_OK);
    for (size_t i = 2; i < count; i++) {
        assert_int_equal(fake_read(&f, 11000, instances[i], 3, &value), PROA_OK);
        assert_true(proa_span_equal(value.as.bytes, proa_span_make(identity[i], 64)));
    }
    proa_psk psk;
    assert_true(f.client.ext->find_psk(f.client.ext->ctx, proa_span_of("of-alice"), &psk));
    assert_memory_equal(psk.key, KEY, 16);
    fake_close(&f);
}

/* Held observations must leave the registrations their requests. */
static void g09_questions_leave_requests_to_the_registrations(void **state)
{
    (void)state;
    static const struct {
        uint16_t ask_max;
        proa_err err;
    } rows[] = {
        {0, PROA_E_RANGE}, {PROA_C2C_ASKS_MAX, PROA_OK}, {PROA_C2C_ASKS_MAX + 1, PROA_E_RANGE}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fake f;
        proa_c2c_limits limits = proa_c2c_limits_device();
        limits.ask_max = rows[i].ask_max;
        assert_int_equal(fake_try(&f, NULL, "own", true, &limits, -1), rows[i].err);
        if (rows[i].err == PROA_OK) {
            f.client.config.coap.request_max = PROA_C2C_ASKS_MAX + 1;
            proa_c2c_close(f.c2c);
            assert_int_equal(proa_c2c_open(&f.c2c, &f.client, &limits), PROA_E_RANGE);
        }
    }
}

static void g09_open_fails_at_each_allocation_and_leaks_nothing(void **state)
{
    (void)state;
    for (int requester = 0; requester < 2; requester++) {
        int n = 0;
        for (;; n++) {
            fake f;
            proa_c2c_limits limits = proa_c2c_limits_device();
            proa_err err = fake_try(&f, NULL, "own", requester != 0, &limits, n);
            if (err == PROA_OK) {
                fake_close(&f);
                break;
            }
            assert_int_equal(err, PROA_E_NO_MEMORY);
            assert_null(f.c2c);
            assert_int_equal(f.client.taken, 0);
        }
        assert_in_range(n, 1, 12);
    }
}

static void g09_limits_that_make_no_sense(void **state)
{
    static const proa_c2c_limits rows[] = {
        {0, 1, 1, 1, 1, NULL, NULL},  {1, 0, 1, 1, 1, NULL, NULL},
        {1, 1, 0, 1, 1, NULL, NULL},  {65, 1, 1, 1, 1, NULL, NULL},
        {1, 1, 65, 1, 1, NULL, NULL}, {1, 1, 1, 1, 1, &proa_c2c_oscore, NULL}};
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fake f;
        assert_int_equal(fake_try(&f, NULL, "own", true, &rows[i], -1), PROA_E_RANGE);
        assert_int_equal(f.client.taken, 0);
    }
}

/* The store fails at the n-th write: what was answered with an error is not there, neither now nor
 * after a reboot; what was answered with success is, unless it is half an account. */
static void g25_store_fails_at_each_write(void **state)
{
    (void)state;
    for (int n = 0; n < 4; n++) {
        fake f;
        fake_store store;
        bool done[3];
        const fake_value peer[] = {
            {0, -1, NUMBER(2)}, {1, -1, NUMBER(3600)}, {9, -1, TEXT("alice")}};
        const fake_value key[] = {
            {2, -1, NUMBER(0)}, {3, -1, BYTES("id")}, {5, -1, BYTES(KEY)}, {10, -1, NUMBER(2)}};
        memset(&store, 0, sizeof(store));
        store.fail_in = n;
        fake_open(&f, &store, "own", false);
        done[0] = fake_create(&f, 11001, &fake_server_1, -1, peer, 3, NULL) == PROA_OK;
        done[1] = fake_create(&f, 11000, &fake_server_1, -1, key, 4, NULL) == PROA_OK;
        done[2] = try_access(&f, &fake_server_1, 3311, 0, 1, -1) == PROA_OK;
        for (int i = 0; i < 3; i++) {
            assert_int_equal(done[i], i < n);
        }
        for (int reboot = 0; reboot < 2; reboot++) {
            static const size_t of_object[3] = {1, 0, 2}; /* in the order of the Creates */
            for (size_t i = 0; i < 3; i++) {
                const proa_object *object = f.client.objects[of_object[i]];
                assert_int_equal(object->class_->next_instance(object->ctx, -1) >= 0, done[i]);
            }
            fake_close(&f);
            store.fail_in = -1;
            fake_open(&f, &store, "own", false);
            done[0] = done[0] && done[1]; /* half an account goes at boot */
        }
        fake_close(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(g08_g26_keys_are_checked_when_all_is_written),
        cmocka_unit_test(g05_secrets_are_written_only),
        cmocka_unit_test(g02_secrets_are_wiped),
        cmocka_unit_test(g04_no_key_over_an_unprotected_session),
        cmocka_unit_test(g10_generation_follows_identity_and_secret),
        cmocka_unit_test(g10_failed_write_restores_the_key),
        cmocka_unit_test(g19_g26_peers_are_checked),
        cmocka_unit_test(g12_periods_are_the_defaults_of_a_peer),
        cmocka_unit_test(c2c_2_use_counters),
        cmocka_unit_test(g03_g12_g24_access_entries_are_checked),
        cmocka_unit_test(g03_only_the_owner_changes_an_entry),
        cmocka_unit_test(g18_one_entry_for_a_path_and_ids_that_exist),
        cmocka_unit_test(g03_a_failed_list_is_the_list_before),
        cmocka_unit_test(g09_full_pools),
        cmocka_unit_test(c2c_9_bytes_of_all_accounts_together),
        cmocka_unit_test(g09_questions_leave_requests_to_the_registrations),
        cmocka_unit_test(g09_open_fails_at_each_allocation_and_leaks_nothing),
        cmocka_unit_test(g09_limits_that_make_no_sense),
        cmocka_unit_test(g25_store_fails_at_each_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
