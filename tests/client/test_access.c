/* SPDX-License-Identifier: Apache-2.0 */
/* Object 2: rights of servers, ownership, what survives a reboot. Core 1.2 §8.1, §8.2. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/client/bench.h"

#define TLV PROA_FORMAT_TLV
#define TEXT PROA_FORMAT_TEXT
#define NO BENCH_NO

static bench b;

static void small(proa_client_config *config)
{
    config->access_max = 3;
}

/* Two servers; what the factory gave them is up to the test. */
static int open_two(void **state)
{
    (void)state;
    bench_open(&b, false, NULL);
    bench_server(&b, 0, 300);
    bench_server(&b, 1, 300);
    bench_settle(&b);
    assert_int_equal(bench_events(&b, PROA_CLIENT_REGISTERED), 2);
    bench_forget_events(&b);
    return 0;
}

static int open_one(void **state)
{
    (void)state;
    bench_registered(&b, false, NULL);
    return 0;
}

static int open_small(void **state)
{
    (void)state;
    bench_registered(&b, false, small);
    return 0;
}

static int close_bench(void **state)
{
    (void)state;
    bench_close(&b);
    return 0;
}

static void add(uint16_t object, uint16_t instance, uint16_t short_id, uint8_t rights,
                uint16_t owner)
{
    assert_int_equal(proa_client_add_access(b.client, object, instance, short_id, rights, owner),
                     PROA_OK);
}

static uint8_t do_op(size_t party, proa_operation op)
{
    switch (op) {
    case PROA_OP_READ:
        return bench_get(&b, party, "/3303/0/5601", NO)->code;
    case PROA_OP_DISCOVER:
        return bench_get(&b, party, "/3303/0", PROA_FORMAT_LINK)->code;
    case PROA_OP_OBSERVE:
        return bench_observe(&b, party, "/3303/0", NO)->code;
    case PROA_OP_WRITE_ATTRIBUTES:
        return bench_put_query(&b, party, "/3303/0/5601", "pmin=1")->code;
    case PROA_OP_WRITE_REPLACE:
        return bench_put(&b, party, "/3303/0/5601", TEXT, "35")->code;
    case PROA_OP_WRITE_UPDATE:
        return bench_post(&b, party, "/3303/0", TLV, "e115e105")->code;
    case PROA_OP_EXECUTE:
        return bench_post(&b, party, "/3303/0/5605", NO, NULL)->code;
    case PROA_OP_CREATE:
        return bench_post(&b, party, "/3303", TLV, "e31645 74776f")->code;
    case PROA_OP_DELETE:
        return bench_delete(&b, party, "/3303/0")->code;
    default:
        return 0;
    }
}

static void core_8_2_rights_of_two_servers(void **state)
{
    (void)state;
    static const proa_operation ops[] = {
        PROA_OP_READ,          PROA_OP_DISCOVER,     PROA_OP_OBSERVE, PROA_OP_WRITE_ATTRIBUTES,
        PROA_OP_WRITE_REPLACE, PROA_OP_WRITE_UPDATE, PROA_OP_EXECUTE, PROA_OP_CREATE,
        PROA_OP_DELETE};
    for (unsigned rights = 0; rights < 32; rights++) {
        /* Server 2 has `rights` on the instance; Create is said at object level. */
        b.things.items[0].used = true;
        for (unsigned i = 1; i < THINGS; i++) {
            b.things.items[i].used = false;
        }
        if (rights == 0) {
            add(3303, 0, 2, 0, 1);
            add(3303, PROA_ID_ALL, 2, 0, 1);
        } else {
            close_bench(NULL);
            open_two(NULL);
            add(3303, 0, 2, (uint8_t)rights, 1);
            add(3303, PROA_ID_ALL, 2, (uint8_t)(rights & PROA_RIGHT_CREATE), 1);
        }
        for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
            bool may = (rights & proa_operation_right(ops[i])) != 0;
            uint8_t code = do_op(1, ops[i]);
            if ((PROA_COAP_CLASS(code) == 2) != may) {
                print_error("rights %u op %s\n", rights, proa_operation_name(ops[i]));
            }
            assert_int_equal(PROA_COAP_CLASS(code) == 2, may);
            assert_true(may || code == PROA_COAP_UNAUTHORIZED);
        }
        if ((rights & PROA_RIGHT_DELETE) == 0) {
            /* The owner has no line of its own: everything but Create (§8.2). */
            for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
                bool may = ops[i] != PROA_OP_CREATE;
                assert_int_equal(PROA_COAP_CLASS(do_op(0, ops[i])) == 2, may);
            }
        }
    }
}

static void core_8_2_which_entry_counts(void **state)
{
    (void)state;
    static const struct {
        uint16_t instance, short_id;
        uint8_t rights;
        uint16_t owner;
        uint8_t expected[2]; /* of servers 1 and 2 on /3303/0 */
    } rows[] = {
        {0, 1, 1, 2, {1, 15}},                /* a line; the owner */
        {0, 0, 3, 65535, {3, 3}},             /* the default line */
        {0, 0, 3, 2, {3, 15}},                /* the owner before the default */
        {0, 2, 0, 2, {0, 0}},                 /* a line of its own before being the owner */
        {0, 1, 31, 65535, {15, 0}},           /* Create does not count there */
        {PROA_ID_ALL, 1, 31, 65535, {15, 0}}, /* for all instances */
        {PROA_ID_ALL, 1, 1, 2, {1, 0}},       /* owning the object level gives nothing */
        {7, 1, 31, 1, {0, 0}},                /* another instance */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        close_bench(NULL);
        open_two(NULL);
        add(3303, rows[i].instance, rows[i].short_id, rows[i].rights, rows[i].owner);
        for (uint16_t id = 1; id <= 2; id++) {
            assert_int_equal(proa__client_server_rights(b.client, id, 3303, 0),
                             rows[i].expected[id - 1]);
        }
        assert_int_equal(proa__client_server_rights(b.client, 3, 3303, 0), 0);
        assert_int_equal(proa__client_server_rights(b.client, 1, 0, 0), 0);
    }
}

static void core_8_2_a_single_server_without_object_2_may_everything(void **state)
{
    (void)state;
    assert_int_equal(proa__client_server_rights(b.client, 1, 3303, 0), PROA_RIGHTS_ALL);
    assert_int_equal(do_op(0, PROA_OP_CREATE), 0x41);
    assert_int_equal(bench_get(&b, 0, "/2", TLV)->len, 0); /* no instance appears by itself */
    add(3303, 0, 1, PROA_RIGHT_READ, 65535);               /* from now on object 2 counts */
    assert_int_equal(do_op(0, PROA_OP_READ), 0x45);
    assert_int_equal(do_op(0, PROA_OP_EXECUTE), PROA_COAP_UNAUTHORIZED);
    assert_int_equal(bench_get(&b, 0, "/3303/1", NO)->code, PROA_COAP_UNAUTHORIZED);
    const proa_client_event *event = bench_event(&b, PROA_CLIENT_REFUSED);
    assert_int_equal(event->short_id, 1);
    assert_int_equal(event->code, PROA_COAP_UNAUTHORIZED);
    assert_int_equal(event->path.ids[1], 1);
    /* its own account stays in its hands; existence is no secret from servers */
    assert_int_equal(bench_get(&b, 0, "/1/0", TLV)->code, 0x45);
    assert_int_equal(bench_put(&b, 0, "/1/0/2", TEXT, "35")->code, 0x44);
    assert_int_equal(bench_get(&b, 0, "/3303/3", NO)->code, 0x84);
    assert_int_equal(bench_get(&b, 0, "/9", NO)->code, 0x84);
}

static void core_8_2_servers_keep_out_of_each_others_accounts(void **state)
{
    (void)state;
    assert_int_equal(bench_get(&b, 0, "/1/1", NO)->code, PROA_COAP_UNAUTHORIZED);
    assert_int_equal(bench_put(&b, 1, "/1/0/2", TEXT, "35")->code, PROA_COAP_UNAUTHORIZED);
    assert_int_equal(bench_post(&b, 1, "/1/0/4", NO, NULL)->code, PROA_COAP_UNAUTHORIZED);
    /* of the whole object each sees its own */
    assert_memory_equal(bench_get(&b, 1, "/1", TLV)->bytes, "\x08\x01", 2);
}

static void g12_object_level_is_filtered_by_instance(void **state)
{
    (void)state;
    b.things.items[1] = b.things.items[0];
    b.things.items[2] = b.things.items[0];
    add(3303, 0, 2, PROA_RIGHT_READ, 1);
    add(3303, 2, 2, PROA_RIGHT_READ, 1);
    add(3303, 1, 1, PROA_RIGHT_READ, 1);
    const bench_answer *a = bench_get(&b, 1, "/3303", PROA_FORMAT_LINK);
    assert_non_null(strstr(bench_text(a), "</3303/0>"));
    assert_null(strstr(bench_text(a), "</3303/1"));
    assert_non_null(strstr(bench_text(a), "</3303/2>"));
    a = bench_get(&b, 1, "/3303", TLV);
    assert_int_equal(a->code, 0x45);
    assert_int_equal(a->len, 2 * (3 + 52));
    assert_memory_equal(a->bytes, "\x08\x00\x34", 3);
    assert_memory_equal(a->bytes + 55, "\x08\x02\x34", 3);
    /* rights on an instance say nothing about the object otherwise */
    assert_int_equal(bench_put_query(&b, 1, "/3303", "pmin=1")->code, PROA_COAP_UNAUTHORIZED);
    assert_int_equal(bench_get(&b, 1, "/3303/1", NO)->code, PROA_COAP_UNAUTHORIZED);
    b.things.items[0].used = b.things.items[2].used = false;
    assert_int_equal(bench_get(&b, 1, "/3303", NO)->code, PROA_COAP_UNAUTHORIZED);
}

static void g13_rights_are_checked_at_each_notification(void **state)
{
    (void)state;
    proa_path path = bench_path("/3303/0/5601");
    add(3303, 0, 2, PROA_RIGHT_READ, 1);
    assert_true(bench_observe(&b, 1, "/3303/0/5601", NO)->observing);
    proa_client_changed(b.client, b.now_ms, &path);
    bench_settle(&b);
    assert_int_equal(b.parties[1].note_count, 1);
    assert_int_equal(b.parties[1].notes[0].code, PROA_COAP_CONTENT);
    /* server 1, the owner, takes the right away */
    assert_int_equal(bench_put(&b, 0, "/2/0/2", TLV, "8302410200")->code, 0x44);
    proa_client_changed(b.client, b.now_ms, &path);
    bench_settle(&b);
    assert_int_equal(b.parties[1].note_count, 2);
    assert_int_equal(b.parties[1].notes[1].code, PROA_COAP_UNAUTHORIZED);
    assert_int_equal(b.parties[1].notes[1].len, 0);
    assert_int_equal(proa_client_stats_get(b.client).observations, 0);
    proa_client_changed(b.client, b.now_ms, &path);
    bench_settle(&b);
    assert_int_equal(b.parties[1].note_count, 2);
}

/* ---- the object itself ------------------------------------------------------------------ */

static void core_e_3_access_control_object(void **state)
{
    (void)state;
    add(3303, 0, 2, PROA_RIGHT_READ, 1);
    add(3303, 0, 0, PROA_RIGHT_EXECUTE, 1);
    const bench_answer *a = bench_get(&b, 1, "/2/0", TLV);
    assert_string_equal(bench_hex(a), "c2000ce7"
                                      "c10100"
                                      "8602"
                                      "410004"
                                      "410201"
                                      "c10301");
    /* only the owner writes */
    assert_int_equal(bench_put(&b, 1, "/2/0/2", TLV, "830241021f")->code, 0x81);
    assert_int_equal(bench_put(&b, 1, "/2/0/3", TEXT, "32")->code, 0x81);
    assert_int_equal(bench_put(&b, 0, "/2/0/2", TLV, "830241021f")->code, 0x44);
    assert_int_equal(proa__client_server_rights(b.client, 2, 3303, 0), 15);
    assert_string_equal(bench_hex(bench_get(&b, 0, "/2/0/2", TLV)), "830241021f");
    /* one line more */
    assert_int_equal(bench_put(&b, 0, "/2/0/2/1", TEXT, "31")->code, 0x44);
    assert_string_equal(bench_hex(bench_get(&b, 0, "/2/0/2", TLV)), "8602410101"
                                                                    "41021f");
    /* g27: bits and ids */
    assert_int_equal(bench_put(&b, 0, "/2/0/2/2", TEXT, "3332")->code, 0x80);
    assert_int_equal(bench_put(&b, 0, "/2/0/2/2", TEXT, "2d31")->code, 0x80);
    assert_int_equal(bench_put(&b, 0, "/2/0/3", TEXT, "3635353336")->code, 0x80);
    assert_int_equal(bench_put(&b, 0, "/2/0/0", TEXT, "35")->code, 0x85);
    assert_string_equal(bench_hex(bench_get(&b, 0, "/2/0/2", TLV)), "8602410101"
                                                                    "41021f");
    /* a list that does not fit leaves the old one */
    assert_int_not_equal(
        bench_put(&b, 0, "/2/0/2", TLV, "8812 02 410101 410201 410301 410401 410501 410601")->code,
        0x44);
    assert_string_equal(bench_hex(bench_get(&b, 0, "/2/0/2", TLV)), "8602410101"
                                                                    "41021f");
    /* neither created nor deleted from outside */
    assert_int_equal(bench_delete(&b, 0, "/2/0")->code, PROA_COAP_UNAUTHORIZED);
    assert_int_equal(bench_post(&b, 0, "/2", TLV, "c2000ce7")->code, PROA_COAP_UNAUTHORIZED);
    /* the owner gives it away */
    assert_int_equal(bench_put(&b, 0, "/2/0/3", TEXT, "32")->code, 0x44);
    assert_int_equal(bench_put(&b, 0, "/2/0/3", TEXT, "31")->code, 0x81);
}

static void g24_create_at_object_level_with_checks_on(void **state)
{
    (void)state;
    add(3303, PROA_ID_ALL, 1, PROA_RIGHT_CREATE, 65535);
    assert_int_equal(bench_get(&b, 0, "/3303/0", NO)->code, PROA_COAP_UNAUTHORIZED);
    const bench_answer *a = bench_post(&b, 0, "/3303", TLV, "e31645 74776f");
    assert_int_equal(a->code, 0x41);
    assert_string_equal(a->location, "/3303/1");
    /* what it made is its own, and nobody else's */
    assert_int_equal(bench_get(&b, 0, "/3303/1/5701", NO)->code, 0x45);
    assert_int_equal(bench_put(&b, 0, "/3303/1/5601", TEXT, "35")->code, 0x44);
    assert_int_equal(bench_get(&b, 1, "/3303/1", NO)->code, PROA_COAP_UNAUTHORIZED);
    assert_int_equal(bench_post(&b, 1, "/3303", TLV, "e31645 74776f")->code,
                     PROA_COAP_UNAUTHORIZED);
    assert_string_equal(bench_hex(bench_get(&b, 0, "/2/1", TLV)), "c2000ce7"
                                                                  "c10101"
                                                                  "8002"
                                                                  "c10301");
    proa_path path = bench_path("/3303/1/5601");
    assert_int_equal(proa__client_owner(b.client, &path), 1);
    assert_int_equal(bench_delete(&b, 0, "/3303/1")->code, 0x42);
    assert_int_equal(bench_get(&b, 0, "/2/1", TLV)->code, 0x84); /* its entry went with it */
}

static void g24_no_create_without_room_for_its_owner(void **state)
{
    (void)state;
    add(3303, PROA_ID_ALL, 1, PROA_RIGHT_CREATE, 65535);
    add(1, 9, 1, 0, 1);
    assert_int_equal(bench_post(&b, 0, "/3303", TLV, "e31645 74776f")->code, 0x41);
    assert_int_equal(PROA_COAP_CLASS(bench_post(&b, 0, "/3303", TLV, "e31645 746872")->code), 5);
    assert_true(b.things.items[1].used);
    assert_false(b.things.items[2].used);
}

static void instances_of_object_2_are_limited(void **state)
{
    (void)state;
    for (uint16_t i = 0; i < 3; i++) {
        add(3303, i, 1, PROA_RIGHT_READ, 1);
    }
    assert_int_equal(proa_client_add_access(b.client, 5, 0, 1, 1, 1), PROA_E_FULL);
    assert_int_equal(proa_client_add_access(b.client, 3303, 0, 1, 32, 1), PROA_E_RANGE);
    assert_int_equal(proa_client_add_access(b.client, 65535, 0, 1, 1, 1), PROA_E_RANGE);
    add(3303, 0, 2, PROA_RIGHT_READ, 1); /* a line in one that is there */
}

static void entries_of_one_instance_are_limited(void **state)
{
    (void)state;
    for (uint16_t i = 0; i < PROA_ACL_ENTRIES_MAX; i++) {
        add(3303, 0, i, 1, 1);
    }
    assert_int_equal(proa_client_add_access(b.client, 3303, 0, 99, 1, 1), PROA_E_FULL);
    add(3303, 0, 2, 3, 1); /* one that is there changes */
    assert_int_equal(proa__client_server_rights(b.client, 2, 3303, 0), 3);
}

/* ---- reboot ----------------------------------------------------------------------------- */

static void factory_state(void)
{
    add(3303, 0, 2, PROA_RIGHT_READ, 1);
    add(3303, PROA_ID_ALL, 1, PROA_RIGHT_CREATE, 65535);
}

static void g25_what_a_server_changed_survives(void **state)
{
    (void)state;
    factory_state();
    assert_int_equal(bench_put(&b, 0, "/2/0/2", TLV, "8302410203")->code, 0x44);
    assert_int_equal(bench_post(&b, 0, "/3303", TLV, "e31645 74776f")->code, 0x41);
    for (unsigned i = 0; i < 2; i++) {
        bench_reboot(&b);
        bench_server(&b, 0, 300);
        bench_server(&b, 1, 300);
        factory_state(); /* says nothing any more */
        assert_int_equal(proa__client_server_rights(b.client, 2, 3303, 0), 3);
        assert_int_equal(proa__client_server_rights(b.client, 1, 3303, 1), 15);
        assert_int_equal(proa__client_server_rights(b.client, 1, 3303, PROA_ID_ALL),
                         PROA_RIGHT_CREATE);
    }
    bench_settle(&b);
    assert_int_equal(bench_delete(&b, 0, "/3303/1")->code, 0x42);
    bench_reboot(&b);
    bench_server(&b, 0, 300);
    assert_int_equal(proa__client_server_rights(b.client, 1, 3303, 1), 0);
}

static void g25_a_store_that_fails_undoes_the_write(void **state)
{
    (void)state;
    factory_state();
    b.store_fails = true;
    assert_int_equal(bench_put(&b, 0, "/2/0/2", TLV, "8302410203")->code, 0xa0);
    assert_int_equal(proa__client_server_rights(b.client, 2, 3303, 0), 1);
    assert_int_equal(bench_post(&b, 0, "/3303", TLV, "e31645 74776f")->code, 0xa0);
    assert_false(b.things.items[1].used);
    bench_reboot(&b);
    bench_server(&b, 0, 300);
    bench_server(&b, 1, 300);
    factory_state(); /* in force again: nothing half-written is */
    assert_int_equal(proa__client_server_rights(b.client, 2, 3303, 0), 1);
}

static void g25_a_damaged_blob_gives_no_rights(void **state)
{
    (void)state;
    factory_state();
    assert_int_equal(bench_put(&b, 0, "/2/0/2", TLV, "8302410203")->code, 0x44);
    for (size_t i = 0; i < sizeof b.store / sizeof b.store[0]; i++) {
        if (strcmp(b.store[i].name, "acl.0") == 0) {
            b.store[i].len--;
        }
    }
    bench_reboot(&b);
    bench_server(&b, 0, 300);
    bench_server(&b, 1, 300);
    assert_int_equal(proa__client_server_rights(b.client, 2, 3303, 0), 0);
    assert_int_equal(proa__client_server_rights(b.client, 1, 3303, PROA_ID_ALL), PROA_RIGHT_CREATE);
}

#define TWO(name) cmocka_unit_test_setup_teardown(name, open_two, close_bench)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TWO(core_8_2_rights_of_two_servers),
        TWO(core_8_2_which_entry_counts),
        cmocka_unit_test_setup_teardown(core_8_2_a_single_server_without_object_2_may_everything,
                                        open_one, close_bench),
        TWO(core_8_2_servers_keep_out_of_each_others_accounts),
        TWO(g12_object_level_is_filtered_by_instance),
        TWO(g13_rights_are_checked_at_each_notification),
        TWO(core_e_3_access_control_object),
        TWO(g24_create_at_object_level_with_checks_on),
        cmocka_unit_test_setup_teardown(g24_no_create_without_room_for_its_owner, open_small,
                                        close_bench),
        cmocka_unit_test_setup_teardown(instances_of_object_2_are_limited, open_small, close_bench),
        TWO(entries_of_one_instance_are_limited),
        TWO(g25_what_a_server_changed_survives),
        TWO(g25_a_store_that_fails_undoes_the_write),
        TWO(g25_a_damaged_blob_gives_no_rights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
