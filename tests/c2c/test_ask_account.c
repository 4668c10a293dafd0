/* SPDX-License-Identifier: Apache-2.0 */
/* Asking while accounts come to an end, and renewing them in time (docs/C2C.md §7). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/c2c/asking.h"
#include "tests/support/guard.h"

#define NUMBER(n) proa_value_integer(n)
#define NO_FORMAT PROA_FORMAT_NONE

/* ---- accounts that go ------------------------------------------------------------------- */

static void g23_account_ends_under_a_question(void **state)
{
    static const struct {
        const char *name;
        int what; /* 0 key deleted, 1 peer deleted, 2 time over */
        proa_outcome outcome;
    } rows[] = {
        {"key deleted", 0, PROA_OUTCOME_REVOKED},
        {"peer deleted", 1, PROA_OUTCOME_REVOKED},
        {"time over", 2, PROA_OUTCOME_EXPIRED},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (int stage = 0; stage < 3; stage++) { /* connecting, sent, observing */
            fake f;
            fake_account shorter = asking_host;
            proa_c2c_ask ask = asking_5706();
            print_message("%s, stage %d\n", rows[i].name, stage);
            shorter.lifetime_s = 60;
            fake_open(&f, NULL, "own", true);
            uint16_t key = fake_install(&f, &shorter);
            proa__peer_at(f.c2c, 0)->used = true;
            ask.op = stage == 2 ? PROA_OP_OBSERVE : PROA_OP_READ;
            if (stage > 0) {
                fake_connected(&f, fake_incoming(&f, key), true);
            }
            asking_forget(&f);
            (void)asking_send(&f, &ask);
            uint32_t session = asking_opened(&f)->id;
            if (stage == 2) {
                fake_answer(&f, fake_last(&f), PROA_COAP_CONTENT, NO_FORMAT, NULL, 0, true);
            }
            asking_forget(&f);
            f.client.servers[0].registered = false; /* no renewal */
            if (rows[i].what == 2) {
                fake_pass(&f, 60000);
            } else {
                assert_int_equal(
                    fake_delete(&f, rows[i].what == 0 ? 11000 : 11001, &fake_server_1, 0), PROA_OK);
                fake_pass(&f, 0);
            }
            assert_true(fake_session_of(&f, session)->closed);
            bool ended = false;
            while (fake_next(&f)) {
                if (f.event.kind == PROA_C2C_OUTCOME || f.event.kind == PROA_C2C_OBSERVE_END) {
                    assert_false(ended);
                    ended = true;
                    assert_int_equal(f.event.kind,
                                     stage == 2 ? PROA_C2C_OBSERVE_END : PROA_C2C_OUTCOME);
                    assert_int_equal(f.event.outcome, rows[i].outcome);
                }
            }
            assert_true(ended);
            fake_close(&f);
        }
    }
}

/* The key is replaced under a question: what may be repeated goes on with the new one. */
static void c2c_7_key_replaced_under_a_question(void **state)
{
    const fake_value key[] = {{3, -1, proa_value_opaque(proa_span_of("second"))},
                              {5, -1, proa_value_opaque(proa_span_of("second-key-16byt"))}};
    (void)state;
    for (int execute = 0; execute < 2; execute++) {
        fake f;
        proa_c2c_ask ask = asking_5706();
        ask.op = execute != 0 ? PROA_OP_EXECUTE : PROA_OP_READ;
        (void)asking_connected(&f);
        (void)asking_send(&f, &ask);
        asking_forget(&f);
        assert_int_equal(fake_write(&f, 11000, &fake_server_1, 0, key, 2), PROA_OK);
        fake_pass(&f, 0);
        if (execute != 0) {
            asking_outcome(&f, PROA_OUTCOME_TIMEOUT); /* it may have been done */
        } else {
            assert_string_equal(asking_opened(&f)->identity, "second");
            fake_connected(&f, asking_opened(&f)->id, false);
            fake_answer(&f, fake_last(&f), PROA_COAP_CONTENT, NO_FORMAT, NULL, 0, false);
            asking_outcome(&f, PROA_OUTCOME_OK);
        }
        fake_close(&f);
    }
}

/* ---- renewal ---------------------------------------------------------------------------- */

static void c2c_7_renewal_from_half_time_on_while_in_use(void **state)
{
    fake f;
    proa_c2c_ask ask = asking_5706();
    const fake_value lifetime[] = {{1, -1, NUMBER(86400)}};
    (void)state;
    fake_open(&f, NULL, "own", true);
    (void)asking_send(&f, &ask);
    (void)fake_install(&f, &asking_host);
    fake_answer(&f, fake_last(&f), PROA_COAP_CREATED, NO_FORMAT, NULL, 0, false);
    fake_connected(&f, asking_opened(&f)->id, false);
    fake_answer(&f, fake_last(&f), PROA_COAP_CONTENT, NO_FORMAT, NULL, 0, false);
    size_t sent = f.client.sent_count;

    fake_pass(&f, (uint64_t)43200 * 1000 - 10000);
    (void)asking_send(&f, &ask);
    fake_answer(&f, fake_last(&f), PROA_COAP_CONTENT, NO_FORMAT, NULL, 0, false);
    assert_int_equal(f.client.sent_count, sent + 1);
    fake_pass(&f, 10000);
    assert_int_equal(f.client.sent_count, sent + 2);
    assert_string_equal(fake_last(&f)->path, "/ac");
    assert_string_equal(fake_last(&f)->queries, "ep=host&c");
    fake_fail(&f, fake_last(&f), PROA_COAP_FAILED_TIMEOUT); /* tried again after a while */
    fake_pass(&f, (uint64_t)3600 * 1000 - 1);
    assert_int_equal(f.client.sent_count, sent + 2);
    fake_pass(&f, 1);
    assert_int_equal(f.client.sent_count, sent + 3);
    assert_int_equal(fake_write(&f, 11001, &fake_server_1, 0, lifetime, 1), PROA_OK);
    fake_answer(&f, fake_last(&f), PROA_COAP_CREATED, NO_FORMAT, NULL, 0, false);
    /* Not used any more: it is let go. */
    fake_pass(&f, (uint64_t)86400 * 1000);
    assert_int_equal(f.client.sent_count, sent + 3);
    assert_int_equal(proa_c2c_stats_get(f.c2c).peers, 0);
    assert_int_equal(proa_c2c_stats_get(f.c2c).expired, 1);
    fake_close(&f);
}

/* Before the time is over, however short it is; not after half of it. */
static void c2c_7_renewal_of_short_lifetimes(void **state)
{
    (void)state;
    for (uint32_t lifetime_s = 1; lifetime_s <= 12; lifetime_s++) {
        fake f;
        fake_account shorter = asking_host;
        proa_c2c_ask ask = asking_5706();
        print_message("%u s\n", lifetime_s);
        shorter.lifetime_s = lifetime_s;
        fake_open(&f, NULL, "own", true);
        (void)asking_send(&f, &ask);
        (void)fake_install(&f, &shorter);
        fake_answer(&f, fake_last(&f), PROA_COAP_CREATED, NO_FORMAT, NULL, 0, false);
        fake_connected(&f, asking_opened(&f)->id, false);
        if (lifetime_s > 1) { /* else half of it is over with the first use */
            fake_answer(&f, fake_last(&f), PROA_COAP_CONTENT, NO_FORMAT, NULL, 0, false);
            assert_string_not_equal(fake_last(&f)->path, "/ac");
            fake_pass(&f, lifetime_s * 500);
        }
        assert_string_equal(fake_last(&f)->path, "/ac");
        assert_int_equal(proa_c2c_stats_get(f.c2c).expired, 0);
        fake_close(&f);
    }
}

/* What was asked for and not granted is not asked for by a renewal: it would be denied as a
 * whole. */
static void c2c_7_renewal_asks_for_what_was_granted(void **state)
{
    fake f;
    uint8_t body[16];
    proa_c2c_ask ask = asking_5706();
    (void)state;
    (void)asking_connected(&f);
    (void)asking_send(&f, &ask);
    fake_answer(&f, fake_last(&f), PROA_COAP_CONTENT, NO_FORMAT, NULL, 0, false);
    ask.op = PROA_OP_WRITE_REPLACE;
    (void)asking_send(&f, &ask);
    fake_answer(&f, fake_last(&f), PROA_COAP_UNAUTHORIZED, NO_FORMAT, NULL, 0, false);
    fake_answer(&f, fake_last(&f), PROA_COAP_FORBIDDEN, NO_FORMAT, NULL, 0, false);
    fake_pass(&f, (uint64_t)43200 * 1000 - 1000);
    ask.op = PROA_OP_READ;
    (void)asking_send(&f, &ask);
    fake_answer(&f, fake_last(&f), PROA_COAP_CONTENT, NO_FORMAT, NULL, 0, false);
    fake_pass(&f, 2000);
    assert_string_equal(fake_last(&f)->path, "/ac");
    assert_int_equal(fake_last(&f)->payload_len, hex("a1 82190cef00 01", body, sizeof(body)));
    assert_memory_equal(fake_last(&f)->payload, body, fake_last(&f)->payload_len);
    fake_close(&f);
}

/* A held observation is use. */
static void c2c_7_renewal_while_observing(void **state)
{
    fake f;
    const fake_value lifetime[] = {{1, -1, NUMBER(86400)}};
    (void)state;
    (void)asking_connected(&f);
    (void)asking_observe(&f);
    for (int hour = 0; hour < 72; hour++) {
        fake_pass(&f, 3600 * 1000);
        for (size_t i = 0; i < FAKE_SENT_MAX; i++) {
            fake_request *request = &f.client.sent[i];
            if (request->open && strcmp(request->path, "/ac") == 0) {
                assert_int_equal(fake_write(&f, 11001, &fake_server_1, 0, lifetime, 1), PROA_OK);
                fake_answer(&f, request, PROA_COAP_CREATED, NO_FORMAT, NULL, 0, false);
            } else if (request->open && request->to.session != 0 && hour % 2 == 0) {
                fake_notify(&f, request, PROA_COAP_CONTENT, NULL);
            } else if (request->open) { /* a quiet hour: the observation was asked for again */
                fake_answer(&f, request, PROA_COAP_CONTENT, NO_FORMAT, NULL, 0, true);
            }
        }
        asking_forget(&f);
    }
    assert_int_equal(proa_c2c_stats_get(f.c2c).peers, 1);
    assert_in_range(proa_c2c_stats_get(f.c2c).ac_sent, 5, 6);
    assert_int_equal(proa_c2c_stats_get(f.c2c).asks, 1);
    fake_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(g23_account_ends_under_a_question),
        cmocka_unit_test(c2c_7_key_replaced_under_a_question),
        cmocka_unit_test(c2c_7_renewal_from_half_time_on_while_in_use),
        cmocka_unit_test(c2c_7_renewal_of_short_lifetimes),
        cmocka_unit_test(c2c_7_renewal_asks_for_what_was_granted),
        cmocka_unit_test(c2c_7_renewal_while_observing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
