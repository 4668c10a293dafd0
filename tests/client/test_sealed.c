/* SPDX-License-Identifier: Apache-2.0 */
/* A server that is to use OSCORE, in its DTLS session or without one: what comes by another way is
 * nobody's, and takes nothing away. OSCORE itself is a fake (tests/coap/fake_sealed.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proa/oscore.h"
#include "tests/client/bench.h"
#include "tests/coap/fake_sealed.h"

#define ACCOUNT 70U

static bench b;
static fake_sealed of_device, of_server;
static const proa_oscore_params params; /* the fake does not look at them */

static void tune(proa_client_config *config)
{
    config->coap.oscore = fake_sealed_start(&of_device);
    config->coap.message_max = 512;
}

/* The device has a box; server 1 uses OSCORE, in a session of its own or (NoSec) without. */
static void prepare(bool in_session)
{
    bench_open(&b, true, tune);
    bench_party *p = &b.parties[0];
    proa_server_account account = {.short_id = 1,
                                   .uri = proa_span_of("coap://[2001:db8::2]"),
                                   .addr = p->addr,
                                   .mode = in_session ? PROA_SECURITY_PSK : PROA_SECURITY_NOSEC,
                                   .lifetime_s = 300,
                                   .oscore = &params};
    if (in_session) {
        account.identity = proa_span_of("device");
        account.key = proa_span_make(p->key, sizeof p->key);
    }
    proa_coap_config config = proa_coap_config_device(b.source, bench_memory_of());
    config.oscore = fake_sealed_start(&of_server);
    config.message_max = 512;
    config.dedup_bytes = 32768;
    proa_coap_close(p->coap);
    assert_int_equal(proa_coap_open(&p->coap, &config), PROA_OK);
    assert_int_equal(of_server.table.add(&of_server, ACCOUNT, NULL, true), PROA_OK);
    assert_int_equal(proa_client_add_server(b.client, &account), PROA_OK);
}

static void open_sealed(bool in_session)
{
    prepare(in_session);
    bench_settle(&b);
    assert_int_equal(bench_events(&b, PROA_CLIENT_REGISTERED), 1);
}

/* The server reads or observes a number. */
static uint8_t asks(bool observe)
{
    bench_party *p = &b.parties[0];
    proa_coap_option path[3] = {{PROA_COAP_OPT_URI_PATH, proa_span_of("3303")},
                                {PROA_COAP_OPT_URI_PATH, proa_span_of("0")},
                                {PROA_COAP_OPT_URI_PATH, proa_span_of("5601")}};
    proa_coap_peer to = {b.addr, p->session, ACCOUNT};
    proa_coap_request request = {.code = PROA_COAP_GET, .options = path, .option_count = 3};
    request.observe = observe ? PROA_COAP_OBSERVE_START : PROA_COAP_OBSERVE_NONE;
    memset(&p->answer, 0, sizeof p->answer);
    assert_int_equal(proa_coap_send(p->coap, b.now_ms, &to, &request, &p->asked), PROA_OK);
    bench_settle(&b);
    return p->answer.code;
}

/* Who has the OSCORE keys only says the same, from `from` or, if there is a box, in its session. */
static void thief_asks(size_t party)
{
    bench_party *p = &b.parties[party];
    uint8_t inner[64];
    uint8_t sealed[128];
    proa_coap_token token = {{1}, 1};
    proa_coap_builder w =
        proa_coap_build(inner, sizeof inner, PROA_COAP_NON, PROA_COAP_GET, 77, &token);
    proa_coap_add(&w, PROA_COAP_OPT_URI_PATH, proa_span_of("3303"));
    int len = proa_coap_build_end(&w);
    assert_true(len > 0);
    size_t sealed_len =
        fake_sealed_write(1, 200, proa_span_make(inner, (size_t)len), sealed, sizeof sealed);
    proa_span bytes = proa_span_make(sealed, sealed_len);
    if (p->session != 0) {
        assert_int_equal(p->box->class_->send(p->box, b.now_ms, p->session, bytes), PROA_OK);
    } else {
        proa_client_input(b.client, b.now_ms, &p->addr, bytes, false);
    }
    bench_settle(&b);
}

/* Who observes the number is told. */
static void is_told(unsigned how_often)
{
    proa_path path = bench_path("/3303/0/5601");
    b.things.items[0].number++;
    proa_client_changed(b.client, b.now_ms, &path);
    bench_settle(&b);
    assert_int_equal(b.parties[0].note_count, how_often);
}

static uint64_t refused(void)
{
    return proa_client_stats_get(b.client).requests_denied;
}

/* A server that is to use both has to use both. */
static void c2c_6_a_sealed_request_outside_its_session_is_nobody_s(void **state)
{
    (void)state;
    open_sealed(true);
    assert_int_not_equal(b.parties[0].session, 0);
    assert_int_equal(asks(true), PROA_COAP_CONTENT);
    unsigned before = of_device.opened;
    uint64_t served = proa_client_stats_get(b.client).requests_served;
    thief_asks(1);
    assert_int_equal(of_device.opened, before + 1); /* it was authentic */
    assert_int_equal(refused(), 1);
    assert_int_equal(proa_client_stats_get(b.client).requests_served, served);
    is_told(1);
    assert_int_equal(asks(false), PROA_COAP_CONTENT);
    bench_close(&b);
}

/* And before there is a session that it could be outside of. */
static void c2c_6_a_sealed_request_before_any_session_is_nobody_s(void **state)
{
    (void)state;
    prepare(true);
    thief_asks(1);
    assert_true(of_device.opened > 0);
    assert_int_equal(refused(), 1);
    assert_int_equal(proa_client_stats_get(b.client).requests_served, 0);
    bench_close(&b);
}

/* The other way round: what is to come in the clear does not come in somebody else's session. */
static void c2c_6_a_sealed_request_in_another_session_is_nobody_s(void **state)
{
    (void)state;
    open_sealed(false);
    bench_server(&b, 1, 300);
    assert_int_equal(proa_client_add_access(b.client, 3303, 0, 1, PROA_RIGHT_READ, 1), PROA_OK);
    bench_settle(&b);
    assert_int_not_equal(b.parties[1].session, 0);
    assert_int_equal(asks(true), PROA_COAP_CONTENT);
    unsigned before = of_device.opened;
    thief_asks(1);
    assert_int_equal(of_device.opened, before + 1);
    assert_int_equal(refused(), 1);
    is_told(1);
    assert_int_equal(asks(false), PROA_COAP_CONTENT);
    bench_close(&b);
}

/* The Update gets lost, and somebody answers in the server's place. */
static void forge_refusal(void)
{
    proa_addr to;
    proa_span update;
    proa_coap_msg m;
    uint8_t bytes[32];
    proa_client_event event;
    while (proa_client_poll(b.client, b.now_ms, &event)) {
    }
    assert_true(proa_client_output(b.client, b.now_ms, &to, &update));
    assert_int_equal(proa_coap_parse(&m, update), PROA_OK);
    proa_coap_builder w = proa_coap_build(bytes, sizeof bytes, PROA_COAP_ACK,
                                          PROA_COAP_UNAUTHORIZED, m.mid, &m.token);
    int len = proa_coap_build_end(&w);
    assert_true(len > 0);
    proa_client_input(b.client, b.now_ms, &to, proa_span_make(bytes, (size_t)len), false);
}

/* A server that has lost the keys says so without protection, as anybody can. New ones are made when
 * a whole exchange brought nothing else, once for each. */
static void rfc8613_b_2_keys_the_server_lost_are_renewed(void **state)
{
    static const struct {
        const char *name;
        bool refuses; /* all copies of the Update */
        bool silent;  /* and says nothing */
        bool answers; /* protected, after a forged refusal */
        unsigned renewed;
    } rows[] = {
        {"refused without protection", true, false, false, 1},
        {"not answered", false, true, false, 0},
        {"somebody refuses, and the server answers", false, false, true, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        print_message("%s\n", rows[i].name);
        open_sealed(false);
        /* The fake refuses a number that it knows, with a plain 4.01. */
        of_server.newest[1] = rows[i].refuses ? (uint8_t)(of_device.next + 1) : 0;
        b.parties[0].cut = rows[i].silent;
        proa_client_update(b.client, b.now_ms, 1);
        if (rows[i].answers) {
            forge_refusal();
        }
        bench_run(&b, rows[i].answers ? 10000 : 95000);
        assert_int_equal(of_device.renewed, rows[i].renewed);
        assert_int_equal(bench_events(&b, PROA_CLIENT_REGISTER_FAILED), rows[i].answers ? 0 : 1);
        b.parties[0].cut = false;
        bench_run(&b, 100000);
        assert_int_equal(of_device.renewed, rows[i].renewed);
        assert_int_equal(asks(false), PROA_COAP_CONTENT);
        bench_close(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(c2c_6_a_sealed_request_outside_its_session_is_nobody_s),
        cmocka_unit_test(c2c_6_a_sealed_request_before_any_session_is_nobody_s),
        cmocka_unit_test(c2c_6_a_sealed_request_in_another_session_is_nobody_s),
        cmocka_unit_test(rfc8613_b_2_keys_the_server_lost_are_renewed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
