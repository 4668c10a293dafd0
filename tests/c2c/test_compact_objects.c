/* SPDX-License-Identifier: Apache-2.0 */
/* An account in one message, by direct calls: what it makes, what is refused, that a refused one
 * leaves nothing, and what a question does that waits for it (docs/C2C.md §5). OSCORE is in
 * test_compact.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/c2c/asking.h"
#include "tests/support/guard.h"

#define ID "03 50 d0d1d2d3d4d5d6d7d8d9dadbdcdddedf "
#define KEY "04 50 606162636465666768696a6b6c6d6e6f "
#define ALICE "00 02 01 190e10 02 65 616c696365 " ID KEY
#define HOST "00 02 01 190e10 02 64 686f7374 " ID KEY
#define ADDRESS "07 50 20010db8000000000000000000000007 "
#define READ_LIGHT "08 a1 82190cef00 01"

static const fake_account bob = {"bob", 3, 3600, "identity-of-bob", ASKING_KEY, NULL};

static void open_with(fake *f, fake_store *store, proa_c2c_limits limits, bool requester)
{
    limits.compact = &proa_c2c_compact_accounts;
    assert_int_equal(fake_try(f, store, "own", requester, &limits, -1), PROA_OK);
    f->client.servers[1] =
        (fake_server){2, "coaps://[2001:db8::2]:5684", true, true, PROA_RIGHTS_ALL};
    fake_pass(f, 0);
}

static void open_it(fake *f, fake_store *store)
{
    open_with(f, store, fake_limits(), true);
}

static unsigned instances_of(fake *f, size_t table)
{
    unsigned count = 0;
    for (int32_t i = -1; (i = proa__row_next(&f->c2c->tables[table], i)) >= 0;) {
        count++;
    }
    return count;
}

static int64_t number(fake *f, uint16_t object, uint16_t instance, uint16_t resource)
{
    proa_value value;
    assert_int_equal(fake_read(f, object, instance, resource, &value), PROA_OK);
    return value.type == PROA_TYPE_BOOLEAN ? value.as.boolean : value.as.integer;
}

static void expect_text(fake *f, uint16_t object, uint16_t resource, const char *text)
{
    proa_value value;
    assert_int_equal(fake_read(f, object, 0, resource, &value), PROA_OK);
    assert_true(proa_span_equal(value.as.bytes, proa_span_of(text)));
}

static uint8_t rights(fake *f, uint16_t short_id, uint16_t object, uint16_t instance)
{
    proa_path path = proa_path_make(2, object, instance, 0);
    return proa__c2c_rights(f->c2c, short_id, &path);
}

/* ---- what is made ----------------------------------------------------------------------- */

static void c2c_5_the_host_of_an_account(void **state)
{
    fake f;
    proa_value value;
    (void)state;
    open_it(&f, NULL);
    assert_int_equal(fake_create_account(&f, &fake_server_1, "a6" ALICE READ_LIGHT), PROA_OK);
    const uint8_t answer[] = {0x83, 0, 0, 0};
    assert_int_equal(f.answer_len, sizeof answer);
    assert_memory_equal(f.answer, answer, sizeof answer);
    assert_int_equal(f.client.instances_came, 3);
    assert_int_equal(number(&f, 11001, 0, 0), 2);
    assert_int_equal(number(&f, 11001, 0, 1), 3600);
    assert_int_equal(number(&f, 11001, 0, 2), 0);
    assert_int_equal(number(&f, 11001, 0, 3), 86400);
    assert_int_equal(number(&f, 11001, 0, 6), 0);
    expect_text(&f, 11001, 7, "U");
    expect_text(&f, 11001, 9, "alice");
    assert_int_equal(number(&f, 11000, 0, 2), PROA_SECURITY_PSK);
    assert_int_equal(number(&f, 11000, 0, 10), 2);
    assert_int_equal(fake_read(&f, 11000, 0, 0, &value), PROA_E_NOT_FOUND);
    assert_int_equal(fake_read(&f, 11000, 0, 3, &value), PROA_OK);
    assert_int_equal(value.as.bytes.len, 16);
    assert_int_equal(value.as.bytes.data[15], 0xdf);
    assert_int_equal(number(&f, 11002, 0, 0), 3311);
    assert_int_equal(number(&f, 11002, 0, 1), 0);
    assert_int_equal(number(&f, 11002, 0, 3), 1);
    assert_int_equal(rights(&f, 2, 3311, 0), PROA_RIGHT_READ);
    fake_pass(&f, 0);
    asking_expect(&f, PROA_C2C_PEER_ADDED);
    asking_quiet(&f);
    /* Its lifetime has begun, and that it has to be used. */
    fake_pass(&f, 601000);
    assert_int_equal(instances_of(&f, PROA__KEYS) + instances_of(&f, PROA__PEERS), 0);
    assert_int_equal(rights(&f, 2, 3311, 0), 0);
    fake_close(&f);
}

static void c2c_5_the_requester_of_an_account(void **state)
{
    static const struct {
        const char *address;
        const char *uri;
    } rows[] = {
        {"50 20010db8000000000000000000000007", "coaps://[2001:db8::7]:5684"},
        {"52 20010db8000000000000000000000007 9c40", "coaps://[2001:db8::7]:40000"},
        {"44 c0000207", "coaps://192.0.2.7:5684"},
        {"46 c0000207 1633", "coaps://192.0.2.7:5683"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fake f;
        char document[300];
        snprintf(document, sizeof document, "a8" ALICE "07 %s 09 0a 0a 183c", rows[i].address);
        open_it(&f, NULL);
        assert_int_equal(fake_create_account(&f, &fake_server_1, document), PROA_OK);
        assert_int_equal(f.answer_len, 3);
        expect_text(&f, 11000, 0, rows[i].uri);
        assert_int_equal(number(&f, 11001, 0, 2), 10);
        assert_int_equal(number(&f, 11001, 0, 3), 60);
        assert_int_equal(instances_of(&f, PROA__ACCESSES), 0);
        fake_close(&f);
    }
}

/* Rights go where the same server keeps a list about the path already; what others have stays. */
static void c2c_5_rights_are_laid_over_what_is_there(void **state)
{
    fake f;
    const fake_value theirs[] = {{0, -1, proa_value_integer(3311)},
                                 {1, -1, proa_value_integer(1)},
                                 {2, 7, proa_value_integer(3)},
                                 {3, -1, proa_value_integer(1)}};
    (void)state;
    open_it(&f, NULL);
    (void)fake_install(&f, &bob);
    (void)fake_allow(&f, 3303, 0, 3, PROA_RIGHT_READ);
    (void)fake_allow(&f, 3311, 0, 3, PROA_RIGHT_READ | PROA_RIGHT_WRITE);
    assert_int_equal(fake_create(&f, 11002, &fake_server_2, -1, theirs, 4, NULL), PROA_OK);
    assert_int_equal(
        fake_create_account(&f, &fake_server_1, "a6" ALICE "08 a2 82190cef00 01 82190cef01 01"),
        PROA_OK);
    const uint8_t answer[] = {0x84, 1, 1, 1, 3};
    assert_int_equal(f.answer_len, sizeof answer);
    assert_memory_equal(f.answer, answer, sizeof answer);
    assert_int_equal(f.client.instances_came, 3); /* not the list that was there */
    assert_int_equal(instances_of(&f, PROA__ACCESSES), 4);
    assert_int_equal(rights(&f, 2, 3311, 0), PROA_RIGHT_READ);
    assert_int_equal(rights(&f, 3, 3311, 0), PROA_RIGHT_READ | PROA_RIGHT_WRITE);
    assert_int_equal(rights(&f, 2, 3311, 1), PROA_RIGHT_READ);
    assert_int_equal(number(&f, 11002, 2, 3), 2);
    assert_int_equal(number(&f, 11002, 3, 3), 1);
    fake_close(&f);
}

/* What stood under this short id was meant for somebody else. */
static void c2c_5_rights_that_were_there_before_are_dropped(void **state)
{
    fake f;
    (void)state;
    open_it(&f, NULL);
    (void)fake_allow(&f, 3303, 0, 2, PROA_RIGHT_READ);
    (void)fake_allow(&f, 3311, 0, 2, PROA_RIGHT_WRITE);
    assert_int_equal(fake_create_account(&f, &fake_server_1, "a6" ALICE READ_LIGHT), PROA_OK);
    assert_int_equal(rights(&f, 2, 3303, 0), 0);
    assert_int_equal(rights(&f, 2, 3311, 0), PROA_RIGHT_READ);
    fake_close(&f);
}

static void c2c_5_version_1_1_is_what_is_listed(void **state)
{
    (void)state;
    for (int compact = 0; compact < 2; compact++) {
        fake f;
        proa_c2c_limits limits = fake_limits();
        limits.compact = compact ? &proa_c2c_compact_accounts : NULL;
        assert_int_equal(fake_try(&f, NULL, "own", true, &limits, -1), PROA_OK);
        assert_int_equal(f.client.ext->create_account != NULL, compact);
        for (size_t i = 0; i < f.client.object_count; i++) {
            const proa_object *object = f.client.objects[i];
            assert_int_equal(object->version_major, 1);
            assert_int_equal(object->version_minor, compact && object->id == 11000);
        }
        fake_close(&f);
    }
}

/* ---- what is refused -------------------------------------------------------------------- */

#define LONG65                                                              \
    "7841 3031323334353637383930313233343536373839303132333435363738393031" \
    "323334353637383930313233343536373839303132333435363738393031323334"

static const struct {
    const char *name;
    const char *document;
    proa_err err;
} refused[] = {
    {"no CBOR", "ff", PROA_E_FORMAT},
    {"nothing", "", PROA_E_FORMAT},
    {"short id 0", "a5 00 00 01 00 02 65 616c696365 " ID KEY, PROA_E_RANGE},
    {"short id 65535", "a5 00 19ffff 01 00 02 65 616c696365 " ID KEY, PROA_E_RANGE},
    {"short id of another peer", "a5 00 03 01 00 02 65 616c696365 " ID KEY, PROA_E_EXISTS},
    {"lifetime that means without end", "a5 00 02 01 1affffffff 02 65 616c696365 " ID KEY,
     PROA_E_RANGE},
    {"own name", "a5 00 02 01 00 02 63 6f776e " ID KEY, PROA_E_FORMAT},
    {"empty name", "a5 00 02 01 00 02 60 " ID KEY, PROA_E_FORMAT},
    {"name too long", "a5 00 02 01 00 02 " LONG65 " " ID KEY, PROA_E_TOO_LARGE},
    {"empty identity", "a5 00 02 01 00 02 65 616c696365 03 40 " KEY, PROA_E_FORMAT},
    {"identity of a server", "a5 00 02 01 00 02 65 616c696365 03 49 6f662d736572766572 " KEY,
     PROA_E_EXISTS},
    {"identity of another peer",
     "a5 00 02 01 00 02 65 616c696365 03 4f 6964656e746974792d6f662d626f62 " KEY, PROA_E_EXISTS},
    {"secret of 7 bytes", "a5 00 02 01 00 02 65 616c696365 " ID "04 47 01020304050607",
     PROA_E_FORMAT},
    {"no secret", "a5 00 02 01 00 02 65 616c696365 " ID "04 40", PROA_E_FORMAT},
    {"address of five bytes", "a6" ALICE "07 45 0102030405", PROA_E_FORMAT},
    {"port that need not be said", "a6" ALICE "07 46 c0000201 1634", PROA_E_FORMAT},
    {"OSCORE, which it has not", "a6 00 02 01 00 02 65 616c696365 " KEY "05 42 a1a2 06 42 b1b2",
     PROA_E_FORMAT},
    {"rights on a closed object", "a6" ALICE "08 a1 8101 01", PROA_E_DENIED},
    {"rights on object 0", "a6" ALICE "08 a1 8100 01", PROA_E_RANGE},
    {"a closed object behind another", "a6" ALICE "08 a2 82190cef00 01 81192af8 01", PROA_E_DENIED},
    {"no room for the period", "a6" ALICE "0a 1affffffff", PROA_E_RANGE},
};

/* Everything there is, in bytes; the rows that wait for the next run are not part of it. */
static size_t picture(fake *f, const fake_store *store, uint8_t *out, size_t cap)
{
    proa_writer w = proa_writer_make(out, cap);
    fake_pass(f, 0);
    for (size_t t = 0; t < PROA__OBJECTS; t++) {
        for (size_t i = 0; i < f->c2c->tables[t].count; i++) {
            const proa__row *row = proa__row_at(&f->c2c->tables[t], i);
            proa_write_u8(&w, (uint8_t)row->slot);
            proa_write_u32(&w, row->instance);
            proa_write_bytes(&w, row->texts, proa__row_texts_len(row));
        }
    }
    proa_write_uint(&w, f->c2c->pool_len, 4);
    for (size_t i = 0; store != NULL && i < FAKE_BLOBS_MAX; i++) {
        proa_write_text(&w, store->blobs[i].len > 0 ? store->blobs[i].name : "");
    }
    assert_int_equal(w.err, PROA_OK);
    return w.len;
}

static uint8_t before[4096];
static uint8_t after[4096];

static void expect_nothing_left(fake *f, const fake_store *store, size_t before_len)
{
    size_t len = picture(f, store, after, sizeof after);
    assert_int_equal(len, before_len);
    assert_memory_equal(after, before, len);
    asking_forget(f);
}

static void c2c_5_what_is_refused_leaves_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        fake f;
        fake_store store;
        print_message("%s\n", refused[i].name);
        memset(&store, 0, sizeof store);
        store.fail_in = -1;
        open_it(&f, &store);
        f.client.taken_identity = "of-server";
        (void)fake_install(&f, &bob);
        (void)fake_allow(&f, 3311, 0, 3, PROA_RIGHT_WRITE);
        asking_forget(&f);
        size_t len = picture(&f, &store, before, sizeof before);
        assert_int_equal(fake_create_account(&f, &fake_server_1, refused[i].document),
                         refused[i].err);
        fake_pass(&f, 0);
        asking_quiet(&f); /* nobody came, and nobody went */
        expect_nothing_left(&f, &store, len);
        assert_int_equal(f.client.instances_came, f.client.instances_gone);
        assert_int_equal(fake_create_account(&f, &fake_server_1, "a6" ALICE READ_LIGHT), PROA_OK);
        assert_int_equal(rights(&f, 2, 3311, 0), PROA_RIGHT_READ);
        fake_close(&f);
    }
}

/* Another server that may create keys, and nothing else, gives none to a peer that it did not make: it would hand
 * out what the first one has allowed. Nor has it one ready for the number that the next peer gets. */
static void c2c_2_no_key_for_the_peer_of_another_server(void **state)
{
    static const fake_value key[] = {
        {2, -1, {.type = PROA_TYPE_INTEGER, .as.integer = 0}},
        {3, -1, {.type = PROA_TYPE_OPAQUE, .as.bytes = {(const uint8_t *)"mallory", 7}}},
        {5, -1, {.type = PROA_TYPE_OPAQUE, .as.bytes = {(const uint8_t *)ASKING_KEY, 16}}},
        {10, -1, {.type = PROA_TYPE_INTEGER, .as.integer = 2}},
    };
    (void)state;
    for (int is_first = 0; is_first < 2; is_first++) {
        fake f;
        open_it(&f, NULL);
        if (is_first) {
            assert_int_equal(fake_create(&f, 11000, &fake_server_2, -1, key, 4, NULL), PROA_OK);
            assert_int_equal(fake_create_account(&f, &fake_server_1, "a6" ALICE READ_LIGHT),
                             PROA_E_EXISTS);
            assert_int_equal(rights(&f, 2, 3311, 0), 0);
        } else {
            assert_int_equal(fake_create_account(&f, &fake_server_1, "a6" ALICE READ_LIGHT),
                             PROA_OK);
            assert_int_equal(fake_create(&f, 11000, &fake_server_2, -1, key, 4, NULL),
                             PROA_E_EXISTS);
            assert_int_equal(fake_create(&f, 11000, &fake_server_1, -1, key, 4, NULL), PROA_OK);
        }
        fake_close(&f);
    }
}

static void c2c_5_who_may_install_an_account(void **state)
{
    static const struct {
        const char *name;
        uint8_t held;
        bool secured;
        const char *document;
        proa_err err;
    } rows[] = {
        {"Create and Read", PROA_RIGHT_CREATE | PROA_RIGHT_READ, true, "a6" ALICE READ_LIGHT,
         PROA_OK},
        {"no Create", PROA_RIGHTS_ALL & ~PROA_RIGHT_CREATE, true, "a6" ALICE READ_LIGHT,
         PROA_E_DENIED},
        {"not even for a requester", PROA_RIGHTS_ALL & ~PROA_RIGHT_CREATE, true, "a6" ALICE ADDRESS,
         PROA_E_DENIED},
        {"more rights than it holds", PROA_RIGHT_CREATE | PROA_RIGHT_READ, true,
         "a6" ALICE "08 a1 82190cef00 02", PROA_E_DENIED},
        {"a key in the clear", PROA_RIGHTS_ALL, false, "a6" ALICE READ_LIGHT, PROA_E_DENIED},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fake f;
        print_message("%s\n", rows[i].name);
        open_it(&f, NULL);
        size_t len = picture(&f, NULL, before, sizeof before);
        f.client.servers[0].rights = rows[i].held;
        f.client.servers[0].secured = rows[i].secured;
        assert_int_equal(fake_create_account(&f, &fake_server_1, rows[i].document), rows[i].err);
        if (rows[i].err != PROA_OK) {
            expect_nothing_left(&f, NULL, len);
        }
        fake_close(&f);
    }
}

/* No place for the n-th thing that belongs to it. */
static void g09_no_room_for_a_part(void **state)
{
    static const char document[] = "a6" ALICE "08 a2 82190ce700 01 82190cef00 01";
    (void)state;
    for (int what = 0; what < 4; what++) {
        fake f;
        proa_c2c_limits limits = fake_limits();
        limits.peer_max = 1;
        limits.access_max = 2;
        open_with(&f, NULL, limits, true);
        if (what == 0) {
            (void)fake_install(&f, &bob);
        } else if (what == 1) {
            (void)fake_allow(&f, 3303, 1, 7, PROA_RIGHT_READ);
        } else if (what == 2) { /* the list is full: of 0, and of one that is not here yet */
            const fake_value list[] = {{2, 0, proa_value_integer(1)},
                                       {2, 9, proa_value_integer(1)}};
            uint16_t instance = fake_allow(&f, 3311, 0, 9, PROA_RIGHT_READ);
            assert_int_equal(fake_write(&f, 11002, &fake_server_1, instance, list, 2), PROA_OK);
        } else { /* no bytes */
            f.c2c->pool_max = 16 + 16 + 5 + 3;
        }
        size_t len = picture(&f, NULL, before, sizeof before);
        assert_int_equal(fake_create_account(&f, &fake_server_1, document), PROA_E_FULL);
        expect_nothing_left(&f, NULL, len);
        fake_close(&f);
    }
}

/* ---- all or nothing --------------------------------------------------------------------- */

static const char three_lists[] = "a6" ALICE "08 a3 82190ce700 01 82190cef00 01 81190d80 10";

static void open_with_bob(fake *f, fake_store *store)
{
    memset(store, 0, sizeof *store);
    store->fail_in = -1;
    open_it(f, store);
    (void)fake_install(f, &bob);
    (void)fake_allow(f, 3311, 0, 3, PROA_RIGHT_WRITE);
    asking_forget(f);
}

/* The n-th write fails, or the n-th entry of object 2 has no place: 5.00 or 5.03, and nothing of it
 * is there, now or after a reboot. */
static void g25_a_part_that_cannot_be_stored(void **state)
{
    (void)state;
    for (int entries = 0; entries < 2; entries++) {
        proa_err err = PROA_E_IO;
        int n = 0;
        for (; err != PROA_OK; n++) {
            fake f;
            fake_store store;
            open_with_bob(&f, &store);
            size_t len = picture(&f, &store, before, sizeof before);
            *(entries ? &f.client.fail_came : &store.fail_in) = n;
            err = fake_create_account(&f, &fake_server_1, three_lists);
            store.fail_in = -1;
            f.client.fail_came = -1;
            if (err != PROA_OK) {
                assert_int_equal(err, entries ? PROA_E_FULL : PROA_E_IO);
                expect_nothing_left(&f, &store, len);
            }
            fake_close(&f);
            open_it(&f, &store);
            assert_int_equal(rights(&f, 2, 3311, 0), err == PROA_OK ? PROA_RIGHT_READ : 0);
            assert_int_equal(rights(&f, 3, 3311, 0), PROA_RIGHT_WRITE);
            assert_int_equal(instances_of(&f, PROA__KEYS), err == PROA_OK ? 2 : 1);
            assert_int_equal(instances_of(&f, PROA__PEERS), err == PROA_OK ? 2 : 1);
            assert_int_equal(instances_of(&f, PROA__ACCESSES), err == PROA_OK ? 3 : 1);
            fake_close(&f);
        }
        assert_int_equal(n, entries ? 5 : 6); /* peer, lists (one is there), key */
    }
}

/* A peer goes while the store fails: what is stored of a list that others have, too, still names it. Who
 * has its number next has no rights of its, now or after a reboot. */
static void g25_no_rights_of_who_had_the_number(void **state)
{
    static const char carol[] = "a6 00 02 01 190e10 02 65 6361726f6c " ID KEY ADDRESS;
    (void)state;
    for (int works_again = 0; works_again < 2; works_again++) {
        fake f;
        fake_store store;
        open_with_bob(&f, &store);
        assert_int_equal(fake_create_account(&f, &fake_server_1, "a6" ALICE READ_LIGHT), PROA_OK);
        store.fail_in = 0;
        assert_int_equal(fake_delete(&f, 11000, &fake_server_1, 1), PROA_OK);
        assert_int_equal(fake_delete(&f, 11001, &fake_server_1, 1), PROA_OK);
        fake_pass(&f, 0);
        store.fail_in = works_again ? -1 : 1; /* the peer, and then not the list */
        assert_int_equal(fake_create_account(&f, &fake_server_1, carol),
                         works_again ? PROA_OK : PROA_E_IO);
        store.fail_in = -1;
        if (!works_again) {
            fake_pass(&f, 0);
            assert_int_equal(fake_create_account(&f, &fake_server_1, carol), PROA_OK);
        }
        assert_int_equal(rights(&f, 2, 3311, 0), 0);
        assert_int_equal(rights(&f, 3, 3311, 0), PROA_RIGHT_WRITE);
        fake_close(&f);
        open_it(&f, &store);
        assert_int_equal(instances_of(&f, PROA__KEYS), 2);
        assert_int_equal(rights(&f, 2, 3311, 0), 0);
        assert_int_equal(rights(&f, 3, 3311, 0), works_again ? PROA_RIGHT_WRITE : 0);
        fake_close(&f);
    }
}

/* ---- questions -------------------------------------------------------------------------- */

static void ask_it(fake *f, proa_c2c_id *id)
{
    const proa_c2c_ask ask = asking_5706();
    *id = asking_send(f, &ask);
}

static void answer_ac(fake *f, fake_request *ac, uint8_t code, const char *payload)
{
    assert_true(ac->open);
    fake_answer(f, ac, code, payload == NULL ? PROA_FORMAT_NONE : PROA_FORMAT_CBOR, payload, 5,
                false);
    fake_pass(f, 0);
}

/* A question waits for /ac, whose request this is. */
static fake_request *open_asked(fake *f)
{
    proa_c2c_id id;
    open_it(f, NULL);
    ask_it(f, &id);
    asking_expect(f, PROA_C2C_AUTHORIZING);
    fake_request *ac = fake_last(f);
    assert_string_equal(ac->path, "/ac");
    return ac;
}

/* The account is there, and whatever /ac says then, there is one outcome. */
static void c2c_5_goes_on_before_the_answer(void **state)
{
    static const struct {
        const char *name;
        uint8_t code; /* 0: no answer comes */
        const char *payload;
    } rows[] = {
        {"granted", PROA_COAP_CREATED, NULL},
        {"at work still", PROA_COAP_GATEWAY_TIMEOUT, NULL},
        {"denied after all", PROA_COAP_FORBIDDEN, NULL},
        {"busy", PROA_COAP_SERVICE_UNAVAILABLE, "a10103"},
        {"not understood", PROA_COAP_BAD_REQUEST, NULL},
        {"no answer", 0, NULL},
    };
    (void)state;
    for (size_t i = 0; i < 2 * sizeof rows / sizeof *rows; i++) {
        fake f;
        const size_t row = i / 2;
        bool is_answered_first = i % 2 == 0;
        print_message("%s\n", rows[row].name);
        fake_request *ac = open_asked(&f);
        assert_int_equal(fake_create_account(&f, &fake_server_1, "a6" HOST ADDRESS), PROA_OK);
        fake_pass(&f, 0);
        asking_expect(&f, PROA_C2C_PEER_ADDED);
        asking_expect(&f, PROA_C2C_AUTHORIZED);
        fake_session *session = asking_opened(&f);
        if (is_answered_first && rows[row].code != 0) {
            answer_ac(&f, ac, rows[row].code, rows[row].payload);
        } else if (is_answered_first) {
            fake_fail(&f, ac, PROA_COAP_FAILED_TIMEOUT);
        }
        fake_connected(&f, session->id, false);
        fake_pass(&f, 0);
        asking_expect(&f, PROA_C2C_CONNECTED);
        assert_string_equal(fake_last(&f)->path, "/3311/0/5706");
        fake_answer(&f, fake_last(&f), PROA_COAP_CONTENT, PROA_FORMAT_TLV, "e5164a3030303031", 0,
                    false);
        asking_outcome(&f, PROA_OUTCOME_OK);
        if (!is_answered_first && rows[row].code != 0) {
            answer_ac(&f, ac, rows[row].code, rows[row].payload);
        } else if (!is_answered_first) {
            fake_fail(&f, ac, PROA_COAP_FAILED_TIMEOUT);
        }
        fake_pass(&f, 100000);
        asking_quiet(&f);
        assert_int_equal(f.client.sent_count, 2);
        fake_close(&f);
    }
}

/* The answer to the Create is no louder than the question that goes on: it waits until that is over, but not longer
 * than a second. */
static void c2c_5_the_answer_to_the_create_waits(void **state)
{
    static const struct {
        const char *name;
        bool is_asked; /* a question waits */
        const char *document;
        bool is_served;   /* it has its data at once */
        bool waits;       /* the answer does */
        unsigned answers; /* let go at once, */
        unsigned later;   /* and when the second is over */
    } rows[] = {
        {"nobody asked", false, "a6" HOST ADDRESS, false, false, 0, 0},
        {"nobody can go on", true, "a6" ALICE ADDRESS, false, true, 1, 1},
        {"the question is served", true, "a6" HOST ADDRESS, true, true, 1, 1},
        {"the question takes long", true, "a6" HOST ADDRESS, false, true, 0, 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fake f;
        print_message("%s\n", rows[i].name);
        if (rows[i].is_asked) {
            (void)open_asked(&f);
        } else {
            open_it(&f, NULL);
        }
        assert_int_equal(fake_create_account(&f, &fake_server_1, rows[i].document), PROA_OK);
        assert_int_equal(f.answers_later, rows[i].waits);
        fake_pass(&f, 0);
        if (rows[i].is_served) {
            assert_int_equal(f.client.answers, 0);
            fake_connected(&f, asking_opened(&f)->id, false);
            fake_pass(&f, 0);
            assert_int_equal(f.client.answers, 0);
            fake_answer(&f, fake_last(&f), PROA_COAP_CONTENT, PROA_FORMAT_TLV, "e5164a3030303031",
                        0, false);
            fake_pass(&f, 0);
        }
        assert_int_equal(f.client.answers, rows[i].answers);
        fake_pass(&f, 999);
        assert_int_equal(f.client.answers, rows[i].answers);
        fake_pass(&f, 1);
        assert_int_equal(f.client.answers, rows[i].later);
        fake_pass(&f, 10000);
        assert_int_equal(f.client.answers, rows[i].later);
        fake_close(&f);
    }
}

/* Also if another question finds no place for its /ac meanwhile, and tries again later than that. */
static void c2c_5_the_answer_waits_for_nobody_else(void **state)
{
    proa_c2c_ask other = asking_5706();
    fake_request *ac;
    fake f;
    (void)state;
    other.endpoint = proa_span_of("other");
    ac = open_asked(&f);
    assert_int_equal(fake_create_account(&f, &fake_server_1, "a6" HOST ADDRESS), PROA_OK);
    fake_pass(&f, 500);
    (void)asking_send(&f, &other);
    f.client.send_err = PROA_E_FULL;
    answer_ac(&f, ac, PROA_COAP_CREATED, NULL);
    fake_pass(&f, 499);
    assert_int_equal(f.client.answers, 0);
    fake_pass(&f, 1);
    assert_int_equal(f.client.answers, 1);
    f.client.send_err = PROA_OK;
    fake_pass(&f, 1000);
    assert_string_equal(fake_last(&f)->path, "/ac");
    fake_close(&f);
}

/* What is not an account of the server that was asked, with a way to the host, is waited for. */
static void c2c_5_waits_for_the_right_account(void **state)
{
    static const struct {
        const char *name;
        const proa_actor *who;
        const char *document;
    } rows[] = {
        {"no address", &fake_server_1, "a5" HOST},
        {"another server", &fake_server_2, "a6" HOST ADDRESS},
        {"another peer", &fake_server_1, "a6" ALICE ADDRESS},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fake f;
        print_message("%s\n", rows[i].name);
        fake_request *ac = open_asked(&f);
        assert_int_equal(fake_create_account(&f, rows[i].who, rows[i].document), PROA_OK);
        fake_pass(&f, 10000);
        asking_expect(&f, PROA_C2C_PEER_ADDED);
        asking_quiet(&f);
        assert_null(f.client.opened);
        answer_ac(&f, ac, PROA_COAP_FORBIDDEN, NULL);
        asking_outcome(&f, PROA_OUTCOME_DENIED);
        asking_quiet(&f);
        fake_close(&f);
    }
}

/* Instances that come one by one make an account when both are there, in either order. */
static void c2c_5_an_account_in_pieces_is_complete_with_the_second(void **state)
{
    const fake_value peer[] = {{0, -1, proa_value_integer(2)},
                               {1, -1, proa_value_integer(3600)},
                               {9, -1, proa_value_string(proa_span_of("host"))}};
    const fake_value key[] = {{0, -1, proa_value_string(proa_span_of(ASKING_URI))},
                              {2, -1, proa_value_integer(0)},
                              {3, -1, proa_value_opaque(proa_span_of("id"))},
                              {5, -1, proa_value_opaque(proa_span_of(ASKING_KEY))},
                              {10, -1, proa_value_integer(2)}};
    (void)state;
    for (int key_first = 0; key_first < 2; key_first++) {
        fake f;
        (void)open_asked(&f);
        for (int step = 0; step < 2; step++) {
            assert_null(f.client.opened);
            bool is_key = step == (key_first ? 0 : 1);
            assert_int_equal(fake_create(&f, is_key ? 11000 : 11001, &fake_server_1, -1,
                                         is_key ? key : peer, is_key ? 5 : 3, NULL),
                             PROA_OK);
            fake_pass(&f, 0);
        }
        assert_non_null(f.client.opened);
        fake_close(&f);
    }
}

/* Version 1.0 waits for the answer, as the prototype does. */
static void c2c_5_version_1_0_waits_for_the_answer(void **state)
{
    fake f;
    proa_c2c_id id;
    (void)state;
    fake_open(&f, NULL, "own", true);
    ask_it(&f, &id);
    (void)fake_install(&f, &asking_host);
    assert_null(f.client.opened);
    asking_forget(&f);
    for (fake_request *ac = f.client.sent; ac != NULL; ac = NULL) {
        answer_ac(&f, ac, PROA_COAP_CREATED, NULL);
    }
    assert_non_null(f.client.opened);
    fake_close(&f);
}

/* It asked because the host refused what the account allows: only the answer says that this changed. */
static void c2c_5_an_account_that_was_there_is_no_answer(void **state)
{
    fake f;
    proa_c2c_id id;
    (void)state;
    open_it(&f, NULL);
    assert_int_equal(fake_create_account(&f, &fake_server_1, "a6" HOST ADDRESS), PROA_OK);
    fake_pass(&f, 0);
    ask_it(&f, &id);
    fake_connected(&f, asking_opened(&f)->id, false);
    fake_pass(&f, 0);
    fake_answer(&f, fake_last(&f), PROA_COAP_UNAUTHORIZED, PROA_FORMAT_NONE, "", 0, false);
    fake_pass(&f, 10000);
    fake_request *ac = fake_last(&f);
    assert_string_equal(ac->path, "/ac");
    asking_forget(&f);
    answer_ac(&f, ac, PROA_COAP_CREATED, NULL);
    asking_expect(&f, PROA_C2C_AUTHORIZED);
    assert_string_equal(fake_last(&f)->path, "/3311/0/5706");
    fake_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(c2c_5_the_host_of_an_account),
        cmocka_unit_test(c2c_5_the_requester_of_an_account),
        cmocka_unit_test(c2c_5_rights_are_laid_over_what_is_there),
        cmocka_unit_test(c2c_5_rights_that_were_there_before_are_dropped),
        cmocka_unit_test(c2c_5_version_1_1_is_what_is_listed),
        cmocka_unit_test(c2c_5_what_is_refused_leaves_nothing),
        cmocka_unit_test(c2c_2_no_key_for_the_peer_of_another_server),
        cmocka_unit_test(c2c_5_who_may_install_an_account),
        cmocka_unit_test(g09_no_room_for_a_part),
        cmocka_unit_test(g25_a_part_that_cannot_be_stored),
        cmocka_unit_test(g25_no_rights_of_who_had_the_number),
        cmocka_unit_test(c2c_5_goes_on_before_the_answer),
        cmocka_unit_test(c2c_5_the_answer_to_the_create_waits),
        cmocka_unit_test(c2c_5_the_answer_waits_for_nobody_else),
        cmocka_unit_test(c2c_5_waits_for_the_right_account),
        cmocka_unit_test(c2c_5_an_account_in_pieces_is_complete_with_the_second),
        cmocka_unit_test(c2c_5_version_1_0_waits_for_the_answer),
        cmocka_unit_test(c2c_5_an_account_that_was_there_is_no_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
