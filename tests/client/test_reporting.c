/* SPDX-License-Identifier: Apache-2.0 */
/* Observations and when they are told. Core 1.2 §6.4, §7.3.2; RFC 7641. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/client/bench.h"
#include "tests/client/fake_secure.h"

#define S 1000U
#define TEXT PROA_FORMAT_TEXT
#define TLV PROA_FORMAT_TLV
#define NO BENCH_NO

static bench b;

static int open_bench(void **state)
{
    (void)state;
    bench_registered(&b, false, NULL);
    return 0;
}

static int open_secure(void **state)
{
    (void)state;
    bench_registered(&b, true, NULL);
    return 0;
}

static int close_bench(void **state)
{
    (void)state;
    bench_close(&b);
    return 0;
}

/* The device measures. */
static void measure(double celsius)
{
    proa_path path = bench_path("/3303/0/5700");
    b.things.items[0].celsius = celsius;
    proa_client_changed(b.client, b.now_ms, &path);
    bench_settle(&b);
}

static void count_to(int64_t number)
{
    proa_path path = bench_path("/3303/0/5601");
    b.things.items[0].number = number;
    proa_client_changed(b.client, b.now_ms, &path);
    bench_settle(&b);
}

static void note_is(unsigned index, const char *text)
{
    const bench_note *note = &b.parties[0].notes[index];
    assert_true(index < b.parties[0].note_count);
    assert_int_equal(note->len, strlen(text));
    assert_memory_equal(note->bytes, text, note->len);
}

static unsigned notes(void)
{
    return b.parties[0].note_count;
}

static void observe(const char *path, int accept)
{
    const bench_answer *a = bench_observe(&b, 0, path, accept);
    assert_int_equal(a->code, PROA_COAP_CONTENT);
    assert_true(a->observing);
}

/* ---- each change is told ---------------------------------------------------------------- */

static void core_6_4_1_each_change_makes_a_notification(void **state)
{
    (void)state;
    observe("/3303/0/5601", NO);
    assert_string_equal(bench_text(&b.parties[0].answer), "42");
    assert_int_equal(bench_events(&b, PROA_CLIENT_OBSERVED), 1);
    assert_int_equal(proa_client_stats_get(b.client).observations, 1);
    for (int i = 0; i < 5; i++) {
        count_to(i);
    }
    assert_int_equal(notes(), 5);
    note_is(0, "0");
    note_is(4, "4");
    assert_int_equal(b.parties[0].notes[0].code, PROA_COAP_CONTENT);
    assert_int_equal(b.parties[0].notes[0].type, PROA_COAP_NON);
    assert_int_equal(proa_client_stats_get(b.client).notifications, 5);
    bench_run(&b, 1000 * S); /* nothing more by itself */
    assert_int_equal(notes(), 5);
}

static void core_6_4_1_changes_between_two_outputs_are_not_merged(void **state)
{
    (void)state;
    proa_path path = bench_path("/3303/0/5601");
    observe("/3303/0/5601", NO);
    for (int i = 0; i < 3; i++) {
        b.things.items[0].number = i;
        proa_client_changed(b.client, b.now_ms, &path);
    }
    bench_settle(&b);
    assert_int_equal(notes(), 3);
    note_is(0, "0");
    note_is(1, "1");
    note_is(2, "2");
}

static void core_6_4_1_what_a_path_covers(void **state)
{
    (void)state;
    static const struct {
        const char *observed, *changed;
        unsigned notes;
    } rows[] = {
        {"/3303/0/5601", "/3303/0/5601", 1},
        {"/3303/0/5601", "/3303/0", 1},
        {"/3303/0/5601", "/3303", 1},
        {"/3303/0/5601", "/3303/0/5700", 0},
        {"/3303/0", "/3303/0/5601", 1},
        {"/3303/0", "/3303/1/5601", 0},
        {"/3303", "/3303/0/5601", 1},
        {"/3303", "/3303/1", 1},
        {"/3303", "/3304", 0},
        {"/3303/0/5603", "/3303/0/5603/2", 1},
        {"/3303/0/5603/2", "/3303/0/5603", 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        proa_path path = bench_path(rows[i].changed);
        b.parties[0].note_count = 0;
        observe(rows[i].observed, NO);
        proa_client_changed(b.client, b.now_ms, &path);
        bench_settle(&b);
        assert_int_equal(notes(), rows[i].notes);
        proa_coap_cancel(b.parties[0].coap, b.now_ms, b.parties[0].asked, true);
        bench_settle(&b);
        assert_int_equal(proa_client_stats_get(b.client).observations, 0);
    }
    assert_int_equal(bench_events(&b, PROA_CLIENT_UNOBSERVED), 11);
}

static void core_6_4_1_a_write_is_a_change(void **state)
{
    (void)state;
    observe("/3303/0/5601", TLV);
    assert_int_equal(bench_put(&b, 0, "/3303/0/5601", TEXT, "37")->code, 0x44);
    assert_int_equal(notes(), 1);
    assert_memory_equal(b.parties[0].notes[0].bytes, "\xe1\x15\xe1\x07", 4);
    proa_path path = bench_path("/3303/0/5601");
    proa_value value = proa_value_integer(8);
    assert_int_equal(proa_client_write_local(b.client, b.now_ms, &path, &value), PROA_OK);
    bench_settle(&b);
    assert_int_equal(notes(), 2);
    assert_int_equal(bench_post(&b, 0, "/3303/0", TLV, "e115e207")->code, 0x80);
    assert_int_equal(notes(), 2); /* a refused one is none */
}

/* ---- periods ---------------------------------------------------------------------------- */

static void core_7_3_2_pmin_holds_back(void **state)
{
    (void)state;
    assert_int_equal(bench_put_query(&b, 0, "/3303/0/5601", "pmin=10")->code, 0x44);
    observe("/3303/0/5601", NO);
    uint64_t start_ms = b.now_ms;
    bench_run(&b, 3 * S);
    count_to(1);
    count_to(2);
    assert_int_equal(notes(), 0);
    bench_run(&b, 20 * S);
    assert_int_equal(notes(), 1); /* the newest only */
    note_is(0, "2");
    assert_int_equal(b.parties[0].notes[0].at_ms, start_ms + 10 * S);
    count_to(3); /* pmin is over since the last one */
    assert_int_equal(notes(), 2);
    count_to(4);
    assert_int_equal(notes(), 2);
}

static void core_7_3_2_pmax_tells_without_change(void **state)
{
    (void)state;
    assert_int_equal(bench_put_query(&b, 0, "/3303/0/5601", "pmax=10")->code, 0x44);
    observe("/3303/0/5601", NO);
    bench_run(&b, 9 * S);
    assert_int_equal(notes(), 0);
    bench_run(&b, 1 * S);
    assert_int_equal(notes(), 1);
    bench_run(&b, 4 * S);
    count_to(1);
    bench_run(&b, 9 * S);
    assert_int_equal(notes(), 2);
    bench_run(&b, 1 * S); /* 10 s after the change */
    assert_int_equal(notes(), 3);
}

static void core_7_3_2_pmax_below_pmin_is_ignored(void **state)
{
    (void)state;
    assert_int_equal(bench_put_query(&b, 0, "/3303/0/5601", "pmin=10&pmax=5")->code, 0x44);
    observe("/3303/0/5601", NO);
    bench_run(&b, 100 * S);
    assert_int_equal(notes(), 0);
}

static void core_e_2_default_periods_of_the_server(void **state)
{
    (void)state;
    assert_int_equal(bench_put(&b, 0, "/1/0/2", TEXT, "3130")->code, 0x44);
    assert_int_equal(bench_put(&b, 0, "/1/0/3", TEXT, "3330")->code, 0x44);
    observe("/3303/0/5601", NO);
    count_to(1);
    assert_int_equal(notes(), 0);
    bench_run(&b, 10 * S);
    assert_int_equal(notes(), 1);
    bench_run(&b, 30 * S);
    assert_int_equal(notes(), 2);
    /* what is written at the path wins */
    assert_int_equal(bench_put_query(&b, 0, "/3303", "pmin=0")->code, 0x44);
    count_to(2);
    assert_int_equal(notes(), 3);
}

static void core_6_4_1_attributes_in_the_observe_request(void **state)
{
    (void)state;
    bench_request ask = {.code = PROA_COAP_GET,
                         .path = "/3303/0/5601",
                         .query = "pmin=10",
                         .accept = NO,
                         .format = NO,
                         .observe = true};
    assert_true(bench_ask(&b, 0, &ask)->observing);
    count_to(1);
    assert_int_equal(notes(), 0);
    bench_run(&b, 10 * S);
    assert_int_equal(notes(), 1);
    ask.query = "pmin=1&nonsense=2";
    assert_int_equal(bench_ask(&b, 0, &ask)->code, 0x80);
    ask.query = "lt=5&gt=4";
    assert_int_equal(bench_ask(&b, 0, &ask)->code, 0x80);
}

/* ---- thresholds ------------------------------------------------------------------------- */

static void core_7_3_2_thresholds(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        double values[6];
        unsigned notes[6]; /* after each */
    } rows[] = {
        /* from 21.5 */
        {"gt=25", {24, 25, 25.5, 30, 25, 20}, {0, 0, 1, 1, 1, 2}},
        {"lt=20", {20.5, 19, 18, 20, 21, 19.9}, {0, 1, 1, 1, 2, 3}},
        {"st=1", {22, 22.4, 22.5, 23, 21.5, 22.5}, {0, 0, 1, 1, 2, 3}},
        {"gt=30&st=10", {25, 31, 31.5, 29, 19, 40}, {0, 1, 1, 2, 3, 4}},
        {"lt=10&gt=30", {29, 31, 29, 11, 9, 11}, {0, 1, 2, 2, 3, 4}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(bench_put_query(&b, 0, "/3303/0/5700", "gt&lt&st")->code, 0x44);
        assert_int_equal(bench_put_query(&b, 0, "/3303/0/5700", rows[i].query)->code, 0x44);
        b.things.items[0].celsius = 21.5;
        observe("/3303/0/5700", NO);
        b.parties[0].note_count = 0;
        for (size_t n = 0; n < 6; n++) {
            measure(rows[i].values[n]);
            if (notes() != rows[i].notes[n]) {
                print_error("%s at %zu\n", rows[i].query, n);
            }
            assert_int_equal(notes(), rows[i].notes[n]);
        }
        proa_coap_cancel(b.parties[0].coap, b.now_ms, b.parties[0].asked, true);
        bench_settle(&b);
    }
}

static void core_7_3_2_thresholds_mean_numbers_only(void **state)
{
    (void)state;
    proa_path path = bench_path("/3303/0/5701");
    assert_int_equal(bench_put_query(&b, 0, "/3303/0", "gt=1000")->code, 0x44);
    observe("/3303/0/5701", NO);
    proa_client_changed(b.client, b.now_ms, &path);
    bench_settle(&b);
    assert_int_equal(notes(), 1);
}

static void core_7_3_2_con(void **state)
{
    (void)state;
    assert_int_equal(bench_put_query(&b, 0, "/3303/0/5601", "con=1")->code, 0x44);
    observe("/3303/0/5601", NO);
    count_to(1);
    assert_int_equal(b.parties[0].notes[0].type, PROA_COAP_CON);
}

/* ---- endings ---------------------------------------------------------------------------- */

static void rfc7641_3_6_cancelling(void **state)
{
    (void)state;
    observe("/3303/0/5601", NO);
    proa_coap_cancel(b.parties[0].coap, b.now_ms, b.parties[0].asked, true);
    bench_settle(&b);
    assert_int_equal(bench_events(&b, PROA_CLIENT_UNOBSERVED), 1);
    count_to(1);
    assert_int_equal(notes(), 0);
    /* the silent way: RST to the next notification */
    observe("/3303/0/5601", NO);
    proa_coap_cancel(b.parties[0].coap, b.now_ms, b.parties[0].asked, false);
    count_to(2);
    assert_int_equal(bench_events(&b, PROA_CLIENT_UNOBSERVED), 2);
    assert_int_equal(proa_client_stats_get(b.client).observations, 0);
}

static void core_6_3_7_a_deleted_instance_is_told(void **state)
{
    (void)state;
    observe("/3303/0/5601", NO);
    observe("/3303", NO);
    assert_int_equal(bench_put_query(&b, 0, "/3303/0/5601", "con=1")->code, 0x44);
    assert_int_equal(bench_delete(&b, 0, "/3303/0")->code, 0x42);
    assert_int_equal(notes(), 2);
    unsigned gone = b.parties[0].notes[0].code == PROA_COAP_NOT_FOUND ? 0 : 1;
    assert_int_equal(b.parties[0].notes[gone].code, PROA_COAP_NOT_FOUND);
    assert_int_equal(b.parties[0].notes[1 - gone].code, PROA_COAP_CONTENT);
    assert_int_equal(proa_client_stats_get(b.client).observations, 1);
    /* its attributes went with it */
    b.things.items[0].used = true;
    assert_string_equal(bench_text(bench_get(&b, 0, "/3303/0/5601", PROA_FORMAT_LINK)),
                        "</3303/0/5601>");
}

static void core_6_4_1_more_observations_than_there_is_room(void **state)
{
    (void)state;
    for (unsigned i = 0; i < b.config.observation_max; i++) {
        observe("/3303/0/5601", NO);
    }
    const bench_answer *a = bench_observe(&b, 0, "/3303/0/5601", NO);
    assert_int_equal(a->code, PROA_COAP_CONTENT); /* RFC 7641 §4.1: a plain answer */
    assert_false(a->observing);
    count_to(1);
    assert_int_equal(notes(), b.config.observation_max);
}

static void core_6_2_1_registering_anew_ends_observations(void **state)
{
    (void)state;
    observe("/3303/0/5601", NO);
    b.parties[0].update_code = PROA_COAP_NOT_FOUND;
    proa_client_update(b.client, b.now_ms, 0);
    bench_settle(&b);
    assert_int_equal(proa_client_stats_get(b.client).observations, 0);
    count_to(1);
    assert_int_equal(notes(), 0);
}

/* ---- outages ---------------------------------------------------------------------------- */

static void lose_and_change(void)
{
    bench_party *p = &b.parties[0];
    observe("/3303/0/5601", NO);
    fake_secure_reboot(p->box); /* as if the server had dropped the context, not the observation */
    proa_client_update(b.client, b.now_ms, 0);
    fake_secure_fail_opens(b.box, 1);
    p->cut = true;
    bench_run(&b, 100 * S);
    assert_true(bench_events(&b, PROA_CLIENT_REGISTER_FAILED) > 0);
    count_to(1);
    count_to(2);
    p->cut = false;
    bench_run(&b, 60 * S);
    assert_int_equal(p->registers, 1);
    assert_true(p->updates >= 1);
    assert_int_equal(proa_client_stats_get(b.client).observations, 1);
}

static void core_e_2_changes_during_an_outage_are_lost(void **state)
{
    (void)state;
    lose_and_change();
    assert_int_equal(notes(), 0);
    count_to(3); /* the observation itself has moved to the new session */
    assert_int_equal(notes(), 1);
    note_is(0, "3");
}

static void core_e_2_notification_storing_keeps_the_newest(void **state)
{
    (void)state;
    assert_int_equal(bench_put(&b, 0, "/1/0/6", TEXT, "31")->code, 0x44);
    lose_and_change();
    assert_int_equal(notes(), 1);
    note_is(0, "2");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)
#define SECURE(name) cmocka_unit_test_setup_teardown(name, open_secure, close_bench)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(core_6_4_1_each_change_makes_a_notification),
        TEST(core_6_4_1_changes_between_two_outputs_are_not_merged),
        TEST(core_6_4_1_what_a_path_covers),
        TEST(core_6_4_1_a_write_is_a_change),
        TEST(core_7_3_2_pmin_holds_back),
        TEST(core_7_3_2_pmax_tells_without_change),
        TEST(core_7_3_2_pmax_below_pmin_is_ignored),
        TEST(core_e_2_default_periods_of_the_server),
        TEST(core_6_4_1_attributes_in_the_observe_request),
        TEST(core_7_3_2_thresholds),
        TEST(core_7_3_2_thresholds_mean_numbers_only),
        TEST(core_7_3_2_con),
        TEST(rfc7641_3_6_cancelling),
        TEST(core_6_3_7_a_deleted_instance_is_told),
        TEST(core_6_4_1_more_observations_than_there_is_room),
        TEST(core_6_2_1_registering_anew_ends_observations),
        SECURE(core_e_2_changes_during_an_outage_are_lost),
        SECURE(core_e_2_notification_storing_keeps_the_newest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
