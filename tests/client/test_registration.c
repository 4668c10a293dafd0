/* SPDX-License-Identifier: Apache-2.0 */
/* Registration in virtual time: what is said, when it is said again, what ends it. Core 1.2 §6.2. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/client/bench.h"
#include "tests/client/fake_secure.h"

#define S 1000U
#define LIST "</>;rt=\"oma.lwm2m\";ct=\"60 112 11542\",</1/0>,</2>,</3303>;ver=1.1,</3303/0>"

static bench b;

static int close_bench(void **state)
{
    (void)state;
    bench_close(&b);
    return 0;
}

static proa_registration_state state_of(size_t index)
{
    proa_server_status status;
    assert_true(proa_client_server(b.client, index, &status));
    return status.state;
}

static void queued(proa_client_config *config)
{
    config->queue_mode = true;
}

/* ---- Register --------------------------------------------------------------------------- */

static void core_6_2_1_register(void **state)
{
    (void)state;
    bench_open(&b, false, NULL);
    bench_server(&b, 0, 300);
    assert_int_equal(state_of(0), PROA_REG_IDLE);
    bench_settle(&b);
    const bench_party *p = &b.parties[0];
    assert_int_equal(p->registers, 1);
    assert_string_equal(p->query, "ep=node&lt=300&lwm2m=1.2&b=U");
    assert_string_equal(p->payload, LIST);
    assert_int_equal(state_of(0), PROA_REG_REGISTERED);
    assert_int_equal(bench_event(&b, PROA_CLIENT_REGISTERED)->short_id, 1);
    proa_server_status status;
    assert_true(proa_client_server(b.client, 0, &status));
    assert_int_equal(status.short_id, 1);
    assert_string_equal(status.uri, "coap://[fd00::a0]:5683");
    assert_int_equal(status.lifetime_s, 300);
    assert_false(proa_client_server(b.client, 1, &status));
}

static void core_6_2_1_register_says_queue_mode(void **state)
{
    (void)state;
    bench_open(&b, false, queued);
    bench_server(&b, 0, 0);
    bench_settle(&b);
    assert_string_equal(b.parties[0].query, "ep=node&lt=86400&lwm2m=1.2&b=U&Q");
}

static void core_6_2_each_server_has_its_own_registration(void **state)
{
    (void)state;
    bench_open(&b, false, NULL);
    bench_server(&b, 0, 300);
    bench_server(&b, 1, 100);
    b.parties[1].location = "other/place/9";
    bench_settle(&b);
    assert_int_equal(bench_events(&b, PROA_CLIENT_REGISTERED), 2);
    assert_string_equal(b.parties[1].query, "ep=node&lt=100&lwm2m=1.2&b=U");
    bench_run(&b, 60 * S);
    assert_int_equal(b.parties[0].updates, 0);
    assert_int_equal(b.parties[1].others, 1); /* its Location is not /rd/...; it answers 4.04 */
    assert_int_equal(b.parties[1].registers, 2);
}

static void limits_of_accounts(void **state)
{
    (void)state;
    bench_open(&b, false, NULL);
    proa_server_account account;
    memset(&account, 0, sizeof account);
    account.short_id = 1;
    account.uri = proa_span_of("coap://[fd00::1]");
    account.mode = PROA_SECURITY_NOSEC;
    account.addr = b.parties[0].addr;
    static char long_uri[PROA_URI_MAX + 1];
    memset(long_uri, 'x', PROA_URI_MAX);
    proa_server_account bad = account;
    bad.short_id = 0;
    assert_int_equal(proa_client_add_server(b.client, &bad), PROA_E_RANGE);
    bad.short_id = 65535;
    assert_int_equal(proa_client_add_server(b.client, &bad), PROA_E_RANGE);
    bad = account;
    bad.uri = proa_span_of(long_uri);
    assert_int_equal(proa_client_add_server(b.client, &bad), PROA_E_RANGE);
    bad = account;
    bad.mode = PROA_SECURITY_PSK; /* there is no box */
    bad.identity = bad.key = proa_span_of("x");
    assert_int_equal(proa_client_add_server(b.client, &bad), PROA_E_RANGE);
    assert_int_equal(proa_client_add_server(b.client, &account), PROA_OK);
    assert_int_equal(proa_client_add_server(b.client, &account), PROA_E_EXISTS);
    account.short_id = 2;
    assert_int_equal(proa_client_add_server(b.client, &account), PROA_OK);
    account.short_id = 3;
    assert_int_equal(proa_client_add_server(b.client, &account), PROA_E_FULL);
    things other;
    things_init(&other);
    assert_int_equal(proa_client_add_object(b.client, &other.object), PROA_E_EXISTS);
    static proa_object objects[20];
    proa_err err = PROA_OK;
    unsigned added = 0;
    for (; added < 20 && err == PROA_OK; added++) {
        objects[added] = other.object;
        objects[added].id = (uint16_t)(100 + added);
        err = proa_client_add_object(b.client, &objects[added]);
    }
    assert_int_equal(err, PROA_E_FULL);
    assert_int_equal(added - 1, b.config.object_max - 4); /* 0, 1, 2 and the thing */
}

static void core_6_2_1_a_location_too_long_is_a_failure(void **state)
{
    (void)state;
    bench_open(&b, false, NULL);
    b.parties[0].location =
        "rd/0123456789012345678901234567890123456789012345678901234567890123456789";
    bench_server(&b, 0, 300);
    bench_settle(&b);
    assert_int_equal(bench_events(&b, PROA_CLIENT_REGISTERED), 0);
    assert_int_equal(bench_event(&b, PROA_CLIENT_REGISTER_FAILED)->err, PROA_E_NO_SPACE);
    b.parties[0].location = NULL;
    bench_run(&b, 4 * S);
    assert_int_equal(bench_event(&b, PROA_CLIENT_REGISTER_FAILED)->err, PROA_E_FORMAT);
}

/* ---- back-off --------------------------------------------------------------------------- */

static void core_6_2_back_off_doubles_up_to_five_minutes(void **state)
{
    (void)state;
    static const unsigned least_s[] = {2, 4, 8, 16, 32, 64, 128, 200, 200, 200};
    bench_open(&b, false, NULL);
    b.parties[0].register_code = PROA_COAP_FORBIDDEN;
    bench_server(&b, 0, 300);
    bench_settle(&b);
    for (unsigned i = 0; i < sizeof least_s / sizeof least_s[0]; i++) {
        proa_client_event event = *bench_event(&b, PROA_CLIENT_REGISTER_FAILED);
        assert_int_equal(event.code, PROA_COAP_FORBIDDEN);
        assert_int_equal(state_of(0), PROA_REG_WAITING);
        assert_in_range(event.retry_ms, least_s[i] * S, least_s[i] * S * 3 / 2);
        bench_forget_events(&b);
        bench_run(&b, event.retry_ms - 1);
        assert_int_equal(b.parties[0].registers, i + 1);
        bench_run(&b, 1);
        assert_int_equal(b.parties[0].registers, i + 2);
    }
}

static void core_6_2_silence_is_retried(void **state)
{
    (void)state;
    bench_open(&b, false, NULL);
    b.parties[0].cut = true;
    bench_server(&b, 0, 300);
    bench_run(&b, 100 * S); /* MAX_TRANSMIT_WAIT is 93 s */
    assert_int_equal(bench_event(&b, PROA_CLIENT_REGISTER_FAILED)->err, PROA_E_TIMEOUT);
    b.parties[0].cut = false;
    bench_run(&b, 120 * S);
    assert_int_equal(bench_events(&b, PROA_CLIENT_REGISTERED), 1);
}

/* A server of LwM2M 1.1 refuses our version (Core 1.2 §6.2.1); ours knows all that 1.1 asks for. */
static void core_6_2_1_an_older_server_gets_its_version(void **state)
{
    (void)state;
    bench_open(&b, false, NULL);
    b.parties[0].register_code = PROA_COAP_PRECONDITION_FAILED;
    bench_server(&b, 0, 300);
    bench_settle(&b);
    assert_int_equal(b.parties[0].registers, 2); /* at once, and once */
    assert_string_equal(b.parties[0].query, "ep=node&lt=300&lwm2m=1.1&b=U");
    uint32_t retry_ms = bench_event(&b, PROA_CLIENT_REGISTER_FAILED)->retry_ms;
    b.parties[0].register_code = PROA_COAP_CREATED;
    bench_run(&b, retry_ms);
    assert_string_equal(b.parties[0].query, "ep=node&lt=300&lwm2m=1.1&b=U");
    assert_int_equal(state_of(0), PROA_REG_REGISTERED);
}

static void rfc8516_busy_servers_say_when(void **state)
{
    (void)state;
    bench_open(&b, false, NULL);
    b.parties[0].register_code = PROA_COAP_SERVICE_UNAVAILABLE;
    b.parties[0].max_age_s = 50;
    bench_server(&b, 0, 300);
    bench_settle(&b);
    assert_int_equal(bench_event(&b, PROA_CLIENT_REGISTER_FAILED)->retry_ms, 50 * S);
    bench_run(&b, 50 * S - 1);
    assert_int_equal(b.parties[0].registers, 1);
    b.parties[0].register_code = PROA_COAP_CREATED;
    b.parties[0].max_age_s = 0;
    bench_run(&b, 2);
    assert_int_equal(b.parties[0].registers, 2);
    assert_int_equal(state_of(0), PROA_REG_REGISTERED);
}

/* ---- Update ----------------------------------------------------------------------------- */

static void core_6_2_2_update_comes_before_the_lifetime_ends(void **state)
{
    (void)state;
    static const struct {
        uint32_t lifetime_s, from_s, to_s;
    } rows[] = {
        {20, 9, 10}, {100, 46, 50}, {240, 112, 120}, {300, 168, 180}, {86400, 80800, 86280}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bench_open(&b, false, NULL);
        bench_server(&b, 0, rows[i].lifetime_s);
        bench_settle(&b);
        uint64_t start_ms = b.now_ms;
        bench_run(&b, (rows[i].to_s + 1) * S);
        bench_party *p = &b.parties[0];
        assert_int_equal(p->updates, 1);
        assert_in_range(p->at_ms - start_ms, rows[i].from_s * S, rows[i].to_s * S);
        assert_string_equal(p->path, "/rd/5a");
        assert_string_equal(p->query, "");
        assert_string_equal(p->payload, "");
        assert_int_equal(bench_events(&b, PROA_CLIENT_UPDATED), 1);
        if (i + 1 < sizeof rows / sizeof rows[0]) {
            bench_close(&b);
        }
    }
}

static void core_6_2_2_update_tells_what_changed(void **state)
{
    (void)state;
    bench_registered(&b, false, NULL);
    bench_party *p = &b.parties[0];
    b.things.items[1].used = true;
    proa_client_objects_changed(b.client, b.now_ms);
    bench_settle(&b);
    assert_int_equal(p->updates, 1);
    assert_string_equal(p->payload, LIST ",</3303/1>");
    assert_string_equal(p->query, "");
    /* a new lifetime is told at once, and only that */
    assert_int_equal(bench_put(&b, 0, "/1/0/1", PROA_FORMAT_TEXT, "313030")->code, 0x44);
    assert_int_equal(p->updates, 2);
    assert_string_equal(p->query, "lt=100");
    assert_string_equal(p->payload, "");
    /* the same one again is no change */
    assert_int_equal(bench_put(&b, 0, "/1/0/1", PROA_FORMAT_TEXT, "313030")->code, 0x44);
    assert_int_equal(p->updates, 2);
    bench_run(&b, 50 * S);
    assert_int_equal(p->updates, 3); /* by the new lifetime */
    assert_string_equal(p->query, "");
}

static void core_6_2_2_creates_in_a_row_make_one_update(void **state)
{
    (void)state;
    bench_registered(&b, false, NULL);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(bench_post(&b, 0, "/3303", PROA_FORMAT_TLV, "e31645 74776f")->code, 0x41);
        bench_run(&b, 500);
    }
    assert_int_equal(b.parties[0].updates, 0);
    bench_run(&b, 2 * S);
    assert_int_equal(b.parties[0].updates, 1);
    assert_string_equal(b.parties[0].payload, LIST ",</3303/1>,</3303/2>,</3303/3>");
    assert_int_equal(bench_delete(&b, 0, "/3303/2")->code, 0x42);
    bench_run(&b, 2 * S);
    assert_string_equal(b.parties[0].payload, LIST ",</3303/1>,</3303/3>");
}

static void core_6_2_2_a_forgotten_device_registers_anew(void **state)
{
    (void)state;
    bench_registered(&b, false, NULL);
    b.parties[0].update_code = PROA_COAP_NOT_FOUND;
    proa_client_update(b.client, b.now_ms, 1);
    bench_settle(&b);
    assert_int_equal(b.parties[0].updates, 1);
    assert_int_equal(b.parties[0].registers, 2);
    assert_string_equal(b.parties[0].payload, LIST);
    assert_int_equal(bench_events(&b, PROA_CLIENT_REGISTERED), 1);
}

static void core_6_2_2_a_busy_server_is_updated_later(void **state)
{
    (void)state;
    bench_registered(&b, false, NULL);
    b.parties[0].update_code = PROA_COAP_SERVICE_UNAVAILABLE;
    b.things.items[1].used = true;
    proa_client_objects_changed(b.client, b.now_ms);
    bench_settle(&b);
    assert_int_equal(b.parties[0].registers, 1);
    b.parties[0].update_code = PROA_COAP_CHANGED;
    bench_run(&b, 4 * S);
    assert_int_equal(b.parties[0].registers, 1);
    assert_int_equal(b.parties[0].updates, 2);
    assert_string_equal(b.parties[0].payload, LIST ",</3303/1>"); /* still told */
}

static void core_6_2_2_registration_that_ran_out_is_made_anew(void **state)
{
    (void)state;
    bench_registered(&b, false, NULL);
    b.parties[0].cut = true;
    bench_run(&b, 400 * S);
    b.parties[0].cut = false;
    bench_run(&b, 700 * S);
    assert_int_equal(b.parties[0].registers, 2);
    assert_int_equal(state_of(0), PROA_REG_REGISTERED);
}

static void core_e_2_update_trigger(void **state)
{
    (void)state;
    bench_registered(&b, false, NULL);
    assert_int_equal(bench_post(&b, 0, "/1/0/8", BENCH_NO, NULL)->code, 0x44);
    assert_int_equal(b.parties[0].updates, 1);
}

/* ---- De-register ------------------------------------------------------------------------ */

static void core_6_2_3_stop_deregisters(void **state)
{
    (void)state;
    bench_registered(&b, false, NULL);
    proa_client_stop(b.client, b.now_ms);
    bench_settle(&b);
    assert_int_equal(b.parties[0].deletes, 1);
    assert_string_equal(b.parties[0].path, "/rd/5a");
    assert_int_equal(bench_events(&b, PROA_CLIENT_DEREGISTERED), 1);
    assert_int_equal(state_of(0), PROA_REG_IDLE);
    bench_run(&b, 1000 * S);
    assert_int_equal(b.parties[0].registers, 1);
}

static void core_6_2_3_stop_does_not_wait_for_ever(void **state)
{
    (void)state;
    bench_registered(&b, false, NULL);
    b.parties[0].cut = true;
    proa_client_stop(b.client, b.now_ms);
    bench_settle(&b);
    assert_int_equal(state_of(0), PROA_REG_STOPPING);
    bench_run(&b, 5 * S + 1);
    assert_int_equal(state_of(0), PROA_REG_IDLE);
    assert_int_equal(bench_events(&b, PROA_CLIENT_DEREGISTERED), 0);
}

static void core_e_2_disable_leaves_and_comes_back(void **state)
{
    (void)state;
    bench_registered(&b, false, NULL);
    assert_int_equal(bench_put(&b, 0, "/1/0/5", PROA_FORMAT_TEXT, "3630")->code, 0x44);
    assert_int_equal(bench_post(&b, 0, "/1/0/4", BENCH_NO, NULL)->code, 0x44);
    assert_int_equal(b.parties[0].deletes, 1);
    bench_run(&b, 59 * S);
    assert_int_equal(b.parties[0].registers, 1);
    bench_run(&b, 2 * S);
    assert_int_equal(b.parties[0].registers, 2);
    assert_int_equal(state_of(0), PROA_REG_REGISTERED);
}

/* ---- object 1 --------------------------------------------------------------------------- */

static void core_e_2_server_object(void **state)
{
    (void)state;
    bench_registered(&b, false, NULL);
    static const struct {
        const char *path, *write;
        uint8_t code;
        const char *read;
    } rows[] = {
        {"/1/0/0", NULL, 0, "1"},
        {"/1/0/1", NULL, 0, "300"},
        {"/1/0/2", "5", 0x44, "5"},
        {"/1/0/2", "-1", 0x80, "5"},
        {"/1/0/3", "600", 0x44, "600"},
        {"/1/0/5", "4294967295", 0x44, "4294967295"},
        {"/1/0/5", "4294967296", 0x80, "4294967295"},
        {"/1/0/6", "1", 0x44, "1"},
        {"/1/0/7", "U", 0x44, "U"},
        {"/1/0/7", "SMS", 0x80, "U"},
        {"/1/0/0", "7", 0x85, "1"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].write != NULL) {
            bench_request ask = {.code = PROA_COAP_PUT,
                                 .path = rows[i].path,
                                 .accept = BENCH_NO,
                                 .format = PROA_FORMAT_TEXT,
                                 .text = rows[i].write};
            assert_int_equal(bench_ask(&b, 0, &ask)->code, rows[i].code);
        }
        assert_string_equal(bench_text(bench_get(&b, 0, rows[i].path, PROA_FORMAT_TEXT)),
                            rows[i].read);
    }
    /* two values, the second refused: the first is taken back */
    assert_int_equal(bench_post(&b, 0, "/1/0", PROA_FORMAT_TLV, "c10209 c10758")->code, 0x80);
    assert_string_equal(bench_text(bench_get(&b, 0, "/1/0/2", PROA_FORMAT_TEXT)), "5");
}

/* ---- over sessions ---------------------------------------------------------------------- */

static void transport_5_register_over_dtls(void **state)
{
    (void)state;
    bench_registered(&b, true, NULL);
    assert_string_equal(b.parties[0].query, "ep=node&lt=300&lwm2m=1.2&b=U");
    assert_int_equal(fake_secure_live(b.box), 1);
    assert_int_equal(bench_get(&b, 0, "/3303/0/5601", BENCH_NO)->code, 0x45);
}

static void transport_5_a_wrong_key_is_told_and_backed_off(void **state)
{
    (void)state;
    bench_open(&b, true, NULL);
    bench_server(&b, 0, 300);
    memset(b.parties[0].key, 9, sizeof b.parties[0].key);
    bench_settle(&b);
    assert_int_equal(bench_event(&b, PROA_CLIENT_REGISTER_FAILED)->err, PROA_E_CRYPTO);
    assert_int_equal(state_of(0), PROA_REG_WAITING);
    assert_int_equal(fake_secure_live(b.box), 0);
    memset(b.parties[0].key, 0x30, sizeof b.parties[0].key);
    bench_run(&b, 4 * S);
    assert_int_equal(state_of(0), PROA_REG_REGISTERED);
}

static void transport_5_a_full_box_is_backed_off(void **state)
{
    (void)state;
    bench_open(&b, true, NULL);
    bench_server(&b, 0, 300);
    fake_secure_fail_opens(b.box, 1);
    bench_settle(&b);
    assert_int_equal(bench_event(&b, PROA_CLIENT_REGISTER_FAILED)->err, PROA_E_FULL);
    bench_run(&b, 4 * S);
    assert_int_equal(state_of(0), PROA_REG_REGISTERED);
}

static void transport_5_handshake_without_answer(void **state)
{
    (void)state;
    bench_open(&b, true, NULL);
    bench_server(&b, 0, 300);
    b.parties[0].cut = true;
    bench_run(&b, 61 * S);
    assert_int_equal(bench_event(&b, PROA_CLIENT_REGISTER_FAILED)->err, PROA_E_TIMEOUT);
    b.parties[0].cut = false;
    bench_run(&b, 4 * S);
    assert_int_equal(state_of(0), PROA_REG_REGISTERED);
}

static void transport_5_a_session_the_server_lost_is_replaced(void **state)
{
    (void)state;
    bench_registered(&b, true, NULL);
    fake_secure_reboot(b.parties[0].box);
    b.parties[0].session = 0;
    proa_client_update(b.client, b.now_ms, 0);
    bench_run(&b, 5 * S); /* sent at 0, 2..3 and 6..9 s */
    assert_int_equal(fake_secure_live(b.box), 1);
    bench_run(&b, 6 * S);
    assert_int_equal(b.parties[0].updates, 1); /* on the new one, with the old Location */
    assert_int_equal(b.parties[0].registers, 1);
    assert_int_equal(fake_secure_live(b.box), 1);
    assert_int_equal(state_of(0), PROA_REG_REGISTERED);
    assert_int_equal(bench_events(&b, PROA_CLIENT_REGISTER_FAILED), 0);
    assert_int_equal(bench_get(&b, 0, "/3303/0/5601", BENCH_NO)->code, 0x45);
}

static void transport_5_a_session_the_server_closed_is_replaced(void **state)
{
    (void)state;
    bench_registered(&b, true, NULL);
    bench_party *p = &b.parties[0];
    p->box->class_->close(p->box, b.now_ms, p->session, true);
    p->session = 0;
    bench_settle(&b);
    bench_run(&b, 3 * S);
    assert_int_equal(p->updates, 1);
    assert_int_equal(p->registers, 1);
    assert_int_equal(fake_secure_live(b.box), 1);
}

static void transport_5_sessions_end_with_stop(void **state)
{
    (void)state;
    bench_registered(&b, true, NULL);
    proa_client_stop(b.client, b.now_ms);
    bench_settle(&b);
    assert_int_equal(bench_events(&b, PROA_CLIENT_DEREGISTERED), 1);
    assert_int_equal(fake_secure_live(b.box), 0);
    assert_int_equal(fake_secure_live(b.parties[0].box), 0);
}

static void transport_5_plain_messages_of_a_psk_server_are_a_strangers(void **state)
{
    (void)state;
    bench_registered(&b, true, NULL);
    bench_party *p = &b.parties[0];
    uint32_t session = p->session;
    p->session = 0;
    const bench_answer *a = bench_get(&b, 0, "/3303/0/5601", BENCH_NO);
    assert_false(a->came);
    assert_int_equal(proa_client_stats_get(b.client).requests_denied, 1);
    p->session = session;
}

static void a_full_session_table_closes_the_session(void **state)
{
    (void)state;
    bench_open(&b, true, NULL);
    b.config.session_max = 1;
    bench_reboot(&b);
    bench_server(&b, 0, 300);
    bench_server(&b, 1, 300);
    bench_run(&b, 1 * S);
    assert_int_equal(bench_events(&b, PROA_CLIENT_REGISTERED), 1);
    assert_int_equal(bench_event(&b, PROA_CLIENT_REGISTER_FAILED)->err, PROA_E_FULL);
    assert_int_equal(fake_secure_live(b.box), 1);
}

static void network_changes_are_tried_at_once(void **state)
{
    (void)state;
    bench_registered(&b, true, NULL);
    b.addr.ip[15] = 2; /* the box's sessions have connection ids */
    proa_client_network_changed(b.client, b.now_ms);
    bench_settle(&b);
    assert_int_equal(b.parties[0].updates, 1);
    assert_int_equal(fake_secure_live(b.box), 1);
}

/* ---- memory ----------------------------------------------------------------------------- */

static void open_survives_every_memory_failure(void **state)
{
    (void)state;
    test_random random;
    proa_random source = test_random_start(&random, 1);
    proa_client_config config =
        proa_client_config_device(proa_span_of("node"), source, bench_memory_of());
    proa_client *client = NULL;
    size_t n = 0;
    proa_err err = PROA_E_NO_MEMORY;
    for (; err == PROA_E_NO_MEMORY; n++) {
        assert_true(n < 100);
        bench_heap = (bench_memory){0, n};
        err = proa_client_open(&client, &config);
        assert_true(err == PROA_OK || (err == PROA_E_NO_MEMORY && client == NULL));
        assert_true(err == PROA_OK || bench_heap.in_use == 0);
    }
    assert_true(n > 8);
    assert_int_equal(err, PROA_OK);
    print_message("a device takes %zu bytes in %zu pieces\n", bench_heap.in_use, n - 1);
    proa_client_close(client);
    assert_int_equal(bench_heap.in_use, 0);
    config.endpoint.len = 0;
    bench_heap = (bench_memory){0, SIZE_MAX};
    assert_int_equal(proa_client_open(&client, &config), PROA_E_RANGE);
    config.endpoint.len = PROA_ENDPOINT_MAX + 1;
    assert_int_equal(proa_client_open(&client, &config), PROA_E_RANGE);
}

#define TEST(name) cmocka_unit_test_teardown(name, close_bench)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(core_6_2_1_register),
        TEST(core_6_2_1_register_says_queue_mode),
        TEST(core_6_2_each_server_has_its_own_registration),
        TEST(limits_of_accounts),
        TEST(core_6_2_1_a_location_too_long_is_a_failure),
        TEST(core_6_2_back_off_doubles_up_to_five_minutes),
        TEST(core_6_2_silence_is_retried),
        TEST(core_6_2_1_an_older_server_gets_its_version),
        TEST(rfc8516_busy_servers_say_when),
        TEST(core_6_2_2_update_comes_before_the_lifetime_ends),
        TEST(core_6_2_2_update_tells_what_changed),
        TEST(core_6_2_2_creates_in_a_row_make_one_update),
        TEST(core_6_2_2_a_forgotten_device_registers_anew),
        TEST(core_6_2_2_a_busy_server_is_updated_later),
        TEST(core_6_2_2_registration_that_ran_out_is_made_anew),
        TEST(core_e_2_update_trigger),
        TEST(core_6_2_3_stop_deregisters),
        TEST(core_6_2_3_stop_does_not_wait_for_ever),
        TEST(core_e_2_disable_leaves_and_comes_back),
        TEST(core_e_2_server_object),
        TEST(transport_5_register_over_dtls),
        TEST(transport_5_a_wrong_key_is_told_and_backed_off),
        TEST(transport_5_a_full_box_is_backed_off),
        TEST(transport_5_handshake_without_answer),
        TEST(transport_5_a_session_the_server_lost_is_replaced),
        TEST(transport_5_a_session_the_server_closed_is_replaced),
        TEST(transport_5_sessions_end_with_stop),
        TEST(transport_5_plain_messages_of_a_psk_server_are_a_strangers),
        TEST(a_full_session_table_closes_the_session),
        TEST(network_changes_are_tried_at_once),
        cmocka_unit_test(open_survives_every_memory_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
