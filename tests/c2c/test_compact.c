/* SPDX-License-Identifier: Apache-2.0 */
/* An account in one message on real devices, by DTLS and by OSCORE: from nothing to data, over CoAP,
 * with object 2, the store and power that fails (docs/C2C.md §5). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proa/limits.h"
#include "tests/c2c/world.h"
#include "tests/client/fake_secure.h"

#define R PROA_RIGHT_READ
#define DAY 86400U
#define VALUE "e5164a3030303031" /* 3311/0/5706 is "00001" */
#define KEY16 "50 606162636465666768696a6b6c6d6e6f"

static world w;

static void open_world_of(int oscore)
{
    print_message("%s\n", oscore ? "OSCORE" : "DTLS");
    world_open_compact(&w, 3, oscore);
}

/* ---- from nothing to data --------------------------------------------------------------- */

static void c2c_5_data_before_the_answer(void **state)
{
    (void)state;
    for (int oscore = 0; oscore < 2; oscore++) {
        open_world_of(oscore);
        (void)world_ask(&w, 0, 1, PROA_OP_READ);
        world_settle(&w);
        assert_int_not_equal(w.ac, 0);
        world_grant_compact(&w, 0, 1, R, DAY);
        world_settle(&w);
        world_expect_outcome(&w, 0, PROA_OUTCOME_OK, VALUE);
        assert_int_not_equal(w.ac, 0); /* nobody has waited for that */
        world_answer_ac(&w, PROA_COAP_CREATED, NULL);
        world_run(&w, 5000);
        assert_int_equal(world_events(&w, 0, PROA_C2C_OUTCOME), 1);
        assert_int_equal(world_events(&w, 0, PROA_C2C_AUTHORIZED), 1);
        world_close(&w);
    }
}

/* The same account by messages of their own is complete with the last of them. */
static void c2c_5_data_with_the_last_piece(void **state)
{
    (void)state;
    for (int oscore = 0; oscore < 2; oscore++) {
        open_world_of(oscore);
        (void)world_ask(&w, 0, 1, PROA_OP_READ);
        world_settle(&w);
        world_grant(&w, 0, 1, R, DAY);
        world_settle(&w);
        world_expect_outcome(&w, 0, PROA_OUTCOME_OK, VALUE);
        world_answer_ac(&w, PROA_COAP_CREATED, NULL);
        world_close(&w);
    }
}

/* All that waits for this /ac goes on; what only waits for its turn does with its own. */
static void c2c_5_all_questions_for_the_host_go_on(void **state)
{
    (void)state;
    for (int oscore = 0; oscore < 2; oscore++) {
        open_world_of(oscore);
        (void)world_ask(&w, 0, 1, PROA_OP_READ);
        (void)world_ask(&w, 0, 1, PROA_OP_OBSERVE);
        (void)world_ask(&w, 0, 2, PROA_OP_READ);
        world_settle(&w);
        world_grant_compact(&w, 0, 1, R, DAY);
        world_settle(&w);
        assert_int_equal(world_events(&w, 0, PROA_C2C_OUTCOME), 2);
        world_answer_ac(&w, PROA_COAP_CREATED, NULL);
        assert_int_not_equal(w.ac, 0);
        world_answer_ac(&w, PROA_COAP_FORBIDDEN, NULL);
        assert_int_equal(world_events(&w, 0, PROA_C2C_OUTCOME), 3);
        world_expect_outcome(&w, 0, PROA_OUTCOME_DENIED, NULL);
        world_close(&w);
    }
}

/* The server takes back what it gave: one outcome, or an answer before. */
static void c2c_5_taken_back_before_it_was_used(void **state)
{
    (void)state;
    for (int oscore = 0; oscore < 2; oscore++) {
        open_world_of(oscore);
        (void)world_ask(&w, 0, 1, PROA_OP_READ);
        world_settle(&w);
        assert_int_equal(world_install_compact(&w, 0, 1, 1, R, DAY), PROA_COAP_CREATED);
        w.devices[1].cut = true;
        /* The question goes on, in vain, and the answer to this waits for it. */
        assert_int_equal(world_install_compact(&w, 0, 1, 0, 0, DAY), 0);
        world_run(&w, 2000);
        assert_int_equal(w.code, PROA_COAP_CREATED);
        assert_int_equal(world_server(&w, 0, PROA_COAP_DELETE, "/11000/0", NULL),
                         PROA_COAP_DELETED);
        assert_int_equal(world_server(&w, 0, PROA_COAP_DELETE, "/11001/0", NULL),
                         PROA_COAP_DELETED);
        world_answer_ac(&w, PROA_COAP_GATEWAY_TIMEOUT, NULL);
        world_run(&w, 120000);
        assert_int_equal(world_events(&w, 0, PROA_C2C_OUTCOME), 1);
        world_expect_outcome(&w, 0, PROA_OUTCOME_REVOKED, NULL);
        world_close(&w);
    }
}

/* ---- over CoAP -------------------------------------------------------------------------- */

static void c2c_5_the_answer_names_what_was_made(void **state)
{
    (void)state;
    for (int oscore = 0; oscore < 2; oscore++) {
        const uint8_t answer[] = {0x83, 0, 0, 0};
        open_world_of(oscore);
        assert_int_equal(world_install_compact(&w, 0, 1, 1, R, DAY), PROA_COAP_CREATED);
        assert_int_equal(w.answer_len, sizeof answer);
        assert_memory_equal(w.answer, answer, sizeof answer);
        assert_string_equal(w.location, "");
        const proa_path key = proa_path_make(2, 11000, 0, 0);
        assert_true(proa_path_equal(&w.devices[1].created, &key));
        /* The device has them in its list with the next Update, and the server may delete them. */
        unsigned updates = w.updates;
        world_run(&w, 5000);
        assert_int_equal(w.updates, updates + 1);
        static const char *const paths[] = {"/11002/0", "/11000/0", "/11001/0"};
        for (size_t i = 0; i < 3; i++) {
            assert_int_equal(world_server(&w, 1, PROA_COAP_DELETE, paths[i], NULL),
                             PROA_COAP_DELETED);
        }
        world_close(&w);
    }
}

static void c2c_5_codes_of_refusals(void **state)
{
    static const struct {
        const char *name;
        const char *document;
        uint8_t code;
    } rows[] = {
        {"no account", "a0", PROA_COAP_BAD_REQUEST},
        {"no ids", "a4 00 02 01 00 02 61 62 04 " KEY16, PROA_COAP_BAD_REQUEST},
        {"equal ids", "a6 00 02 01 00 02 61 62 04 " KEY16 " 05 42 a1a2 06 42 a1a2",
         PROA_COAP_BAD_REQUEST},
        {"id too long", "a6 00 02 01 00 02 61 62 04 " KEY16 " 05 48 0102030405060708 06 42 a1a2",
         PROA_COAP_REQUEST_ENTITY_TOO_LARGE},
        {"Master Secret too short", "a6 00 02 01 00 02 61 62 04 48 0102030405060708 05 41 01 06 40",
         PROA_COAP_BAD_REQUEST},
        {"an AEAD that it does not have",
         "a7 00 02 01 00 02 61 62 04 " KEY16 " 05 42 a1a2 06 42 b1b2 0c 1863",
         PROA_COAP_BAD_REQUEST},
        {"name too long",
         "a6 00 02 01 00 02 7841"
         "3031323334353637383930313233343536373839303132333435363738393031"
         "3233343536373839303132333435363738393031323334353637383930313233"
         "34 04 " KEY16 " 05 42 a1a2 06 42 b1b2",
         PROA_COAP_REQUEST_ENTITY_TOO_LARGE},
        {"a closed object",
         "a7 00 02 01 00 02 61 62 04 " KEY16 " 05 42 a1a2 06 42 b1b2 08 a1 8115 01",
         PROA_COAP_UNAUTHORIZED},
        {"a Recipient ID that is taken", "a6 00 02 01 00 02 61 62 04 " KEY16 " 05 42 a1a2 06 41 a0",
         PROA_COAP_BAD_REQUEST},
        {"fine", "a6 00 02 01 00 02 61 62 04 " KEY16 " 05 42 a1a2 06 42 b1b2", PROA_COAP_CREATED},
    };
    (void)state;
    world_open_compact(&w, 2, true);
    /* Somebody is there: short id 3 ... */
    assert_int_equal(world_install_compact(&w, 0, 1, 1, R, DAY), PROA_COAP_CREATED);
    assert_int_equal(world_server(&w, 1, PROA_COAP_DELETE, "/11002/0", NULL), PROA_COAP_DELETED);
    world_close(&w);
    world_open_compact(&w, 3, true);
    assert_int_equal(world_install_compact(&w, 1, 0, 0, 0, DAY),
                     PROA_COAP_CREATED); /* short id 3 */
    uint32_t contexts = proa_oscore_read_stats(w.devices[0].contexts).contexts;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *document = rows[i].document;
        char taken[200];
        print_message("%s\n", rows[i].name);
        if (strcmp(rows[i].name, "a Recipient ID that is taken") == 0) {
            snprintf(taken, sizeof taken, "%s", document);
            taken[strlen(taken) - 1] = '1'; /* 0xa0 + the requester's number */
            document = taken;
        }
        assert_int_equal(world_server_cbor(&w, 0, "/11000", document), rows[i].code);
        world_run(&w, 5000);
        assert_int_equal(proa_oscore_read_stats(w.devices[0].contexts).contexts,
                         contexts + (rows[i].code == PROA_COAP_CREATED ? 1 : 0));
    }
    world_close(&w);
}

/* A device of version 1.0 takes no CBOR at all. */
static void c2c_5_version_1_0_refuses_the_format(void **state)
{
    (void)state;
    world_open(&w, 2);
    assert_int_equal(world_install_compact(&w, 0, 1, 1, R, DAY),
                     PROA_COAP_UNSUPPORTED_CONTENT_FORMAT);
    world_close(&w);
}

/* ---- power ------------------------------------------------------------------------------ */

/* The flash of a device, until its power fails. */
typedef struct flash {
    world_device *device;
    unsigned writes_left;
} flash;

static world_blob *blob_of(const flash *f, const char *name)
{
    for (size_t i = 0; i < WORLD_BLOBS; i++) {
        if (strcmp(f->device->blobs[i].name, name) == 0) {
            return &f->device->blobs[i];
        }
    }
    return NULL;
}

static int flash_read(void *ctx, const char *name, uint8_t *buf, size_t cap)
{
    const world_blob *blob = blob_of(ctx, name);
    if (blob == NULL || blob->len > cap) {
        return PROA_E_NOT_FOUND;
    }
    memcpy(buf, blob->bytes, blob->len);
    return (int)blob->len;
}

static proa_err flash_write(void *ctx, const char *name, proa_span bytes)
{
    flash *f = ctx;
    world_blob *blob = blob_of(f, name);
    if (f->writes_left == 0) {
        return PROA_E_IO;
    }
    f->writes_left--;
    blob = blob == NULL ? blob_of(f, "") : blob;
    assert_non_null(blob);
    strcpy(blob->name, name);
    memcpy(blob->bytes, bytes.data, bytes.len);
    blob->len = bytes.len;
    return PROA_OK;
}

static proa_err flash_remove(void *ctx, const char *name)
{
    const flash *f = ctx;
    world_blob *blob = blob_of(f, name);
    if (f->writes_left == 0) {
        return PROA_E_IO;
    }
    if (blob != NULL) {
        memset(blob, 0, sizeof *blob);
    }
    return PROA_OK;
}

/* What a server reads of an object. */
typedef struct reading {
    uint8_t bytes[256];
    size_t len;
} reading;

static reading read_object(const char *path)
{
    reading r;
    (void)world_server(&w, 1, PROA_COAP_GET, path, NULL);
    memcpy(r.bytes, w.answer, w.answer_len);
    r.len = w.answer_len;
    return r;
}

static const char *const readable[] = {"/2", "/11000", "/11002", "/11001/1"};
enum { READABLE = sizeof readable / sizeof *readable };

static void read_all(reading out[READABLE])
{
    for (size_t i = 0; i < READABLE; i++) {
        out[i] = read_object(readable[i]);
    }
}

static bool same(const reading *a, const reading *b)
{
    for (size_t i = 0; i < READABLE; i++) {
        if (a[i].len != b[i].len || memcmp(a[i].bytes, b[i].bytes, a[i].len) != 0) {
            return false;
        }
    }
    return true;
}

static void expect_data(void)
{
    assert_int_equal(world_install_compact(&w, 0, 1, 0, 0, DAY), PROA_COAP_CREATED);
    (void)world_ask(&w, 0, 1, PROA_OP_READ);
    world_run(&w, 60000);
    world_expect_outcome(&w, 0, PROA_OUTCOME_OK, VALUE);
}

/* A second peer comes to a host; power fails after n writes. What stands there then, object 2 and the
 * contexts included, is what was before; or from the key on, which comes last, all of it. */
static void g25_power_fails_at_each_write(void **state)
{
    (void)state;
    for (int oscore = 0; oscore < 2; oscore++) {
        unsigned nothing = 0;
        unsigned whole = 0;
        uint8_t code = 0;
        print_message("%s\n", oscore ? "OSCORE" : "DTLS");
        for (unsigned writes = 0; code != PROA_COAP_CREATED; writes++) {
            static reading before[READABLE], after[READABLE];
            world_open_compact(&w, 3, oscore);
            flash f = {&w.devices[1], UINT32_MAX};
            world_grant_compact(&w, 2, 1, R, DAY); /* what both lists share */
            read_all(before);
            w.devices[1].store = (proa_store){flash_read, flash_write, flash_remove, &f};
            f.writes_left = writes;
            code = world_install_compact(&w, 0, 1, 1, R, DAY);
            f.writes_left = UINT32_MAX;
            world_reboot(&w, 1);
            world_run(&w, 5000);
            read_all(after);
            if (after[1].len == before[1].len) {
                nothing++;
                assert_int_equal(whole, 0);
                assert_int_not_equal(code, PROA_COAP_CREATED);
                assert_true(same(before, after));
                /* And it can be asked for again. */
                assert_int_equal(world_install_compact(&w, 0, 1, 1, R, DAY), PROA_COAP_CREATED);
            } else {
                whole++;
            }
            expect_data();
            world_close(&w);
        }
        /* Peer, list and key; the entries of object 2 for two of them; the context, its entry, and
         * what OSCORE stores of it. */
        assert_int_equal(nothing, oscore ? 7 : 4);
        assert_int_equal(whole, 2);
    }
}

/* The key cannot be stored: the context that it would have had goes at once. */
static void g25_no_context_without_its_key(void **state)
{
    static reading before[READABLE], after[READABLE];
    (void)state;
    world_open_compact(&w, 3, true);
    world_grant_compact(&w, 2, 1, R, DAY);
    read_all(before);
    w.devices[1].store_fails = true;
    assert_int_equal(world_install_compact(&w, 0, 1, 1, R, DAY), PROA_COAP_INTERNAL_SERVER_ERROR);
    w.devices[1].store_fails = false;
    read_all(after);
    assert_true(same(before, after));
    assert_int_equal(proa_oscore_read_stats(w.devices[1].contexts).contexts, 1);
    unsigned contexts = 0;
    for (size_t i = 0; i < WORLD_BLOBS; i++) {
        contexts += strncmp(w.devices[1].blobs[i].name, "c2c.o", 5) == 0;
    }
    assert_int_equal(contexts, 1);
    world_close(&w);
}

/* The key is stored, and its answer is lost with the power: the account is there. */
static void c2c_5_complete_at_boot(void **state)
{
    (void)state;
    for (int oscore = 0; oscore < 2; oscore++) {
        open_world_of(oscore);
        world_grant_compact(&w, 0, 1, R, DAY);
        world_reboot(&w, 0);
        world_reboot(&w, 1);
        world_run(&w, 5000);
        (void)world_ask(&w, 0, 1, PROA_OP_READ);
        world_run(&w, 60000);
        world_expect_outcome(&w, 0, PROA_OUTCOME_OK, VALUE);
        assert_int_equal(w.ac, 0);
        world_close(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(c2c_5_data_before_the_answer),
        cmocka_unit_test(c2c_5_data_with_the_last_piece),
        cmocka_unit_test(c2c_5_all_questions_for_the_host_go_on),
        cmocka_unit_test(c2c_5_taken_back_before_it_was_used),
        cmocka_unit_test(c2c_5_the_answer_names_what_was_made),
        cmocka_unit_test(c2c_5_codes_of_refusals),
        cmocka_unit_test(c2c_5_version_1_0_refuses_the_format),
        cmocka_unit_test(g25_power_fails_at_each_write),
        cmocka_unit_test(g25_no_context_without_its_key),
        cmocka_unit_test(c2c_5_complete_at_boot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
