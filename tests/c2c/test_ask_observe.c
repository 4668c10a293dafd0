/* SPDX-License-Identifier: Apache-2.0 */
/* Observing a peer: what it brings, how it ends, how it outlives a session (docs/C2C.md §8). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/c2c/asking.h"

static void g13_observation_and_its_ends(void **state)
{
    static const struct {
        uint8_t code;
        proa_outcome outcome;
    } ends[] = {
        {PROA_COAP_UNAUTHORIZED, PROA_OUTCOME_REVOKED},
        {PROA_COAP_NOT_FOUND, PROA_OUTCOME_NO_SUCH_PATH},
        {PROA_COAP_INTERNAL_SERVER_ERROR, PROA_OUTCOME_REFUSED},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        fake f;
        (void)asking_connected(&f);
        proa_c2c_id id = asking_observe(&f);
        fake_request *get = fake_last(&f);
        for (int n = 0; n < 3; n++) {
            fake_pass(&f, 1000000);
            fake_notify(&f, get, PROA_COAP_CONTENT, "e5164a3030303032");
            asking_expect(&f, PROA_C2C_NOTIFICATION);
            assert_int_equal(f.event.id, id);
            assert_int_equal(f.event.payload.data[7], '2');
        }
        fake_notify(&f, get, ends[i].code, NULL);
        asking_expect(&f, PROA_C2C_OBSERVE_END);
        assert_int_equal(f.event.outcome, ends[i].outcome);
        asking_quiet(&f);
        assert_int_equal(f.client.sent_count, 1); /* what was taken is not asked for again */
        assert_int_equal(proa_c2c_stats_get(f.c2c).asks, 0);
        fake_close(&f);
    }
}

static void g13_cancel_tells_the_host(void **state)
{
    fake f;
    (void)state;
    (void)asking_connected(&f);
    proa_c2c_id id = asking_observe(&f);
    proa_c2c_cancel(f.c2c, f.now_ms, id);
    assert_true(fake_last(&f)->told);
    fake_pass(&f, 0);
    asking_quiet(&f);
    fake_close(&f);
}

/* The peer serves it, but will not notify: an OUTCOME that says so. */
static void g13_observation_not_accepted(void **state)
{
    fake f;
    proa_c2c_ask ask = asking_5706();
    (void)state;
    ask.op = PROA_OP_OBSERVE;
    (void)asking_connected(&f);
    (void)asking_send(&f, &ask);
    asking_expect(&f, PROA_C2C_CONNECTED);
    fake_answer(&f, fake_last(&f), PROA_COAP_CONTENT, PROA_FORMAT_TLV, "e5164a3030303031", 0,
                false);
    asking_outcome(&f, PROA_OUTCOME_OK);
    assert_false(f.event.observing);
    assert_int_equal(proa_c2c_stats_get(f.c2c).asks, 0);
    fake_close(&f);
}

/* The session goes: the observation is set up again over a new one, the application sees values. */
static void g13_observation_outlives_its_session(void **state)
{
    fake f;
    (void)state;
    uint32_t session = asking_connected(&f);
    (void)asking_observe(&f);
    fake_request *get = fake_last(&f);
    fake_session_of(&f, session)->closed = true;
    fake_fail(&f, get, PROA_COAP_FAILED_PEER_GONE);
    fake_connected(&f, asking_opened(&f)->id, false);
    get = fake_last(&f);
    assert_true(get->observe);
    assert_int_equal(get->to.session, asking_opened(&f)->id);
    fake_answer(&f, get, PROA_COAP_CONTENT, PROA_FORMAT_TLV, "e5164a3030303033", 0, true);
    asking_expect(&f, PROA_C2C_NOTIFICATION);
    asking_quiet(&f);
    /* And when it cannot be: one end. */
    fake_session_of(&f, asking_opened(&f)->id)->closed = true;
    fake_fail(&f, get, PROA_COAP_FAILED_PEER_GONE);
    fake_closed(&f, asking_opened(&f)->id, PROA_SECURE_REASON_TIMEOUT);
    asking_expect(&f, PROA_C2C_OBSERVE_END);
    assert_int_equal(f.event.outcome, PROA_OUTCOME_UNREACHABLE);
    asking_quiet(&f);
    fake_close(&f);
}

/* A host that rebooted does not know that it was observed. */
static void g13_quiet_observation_is_asked_for_again(void **state)
{
    fake f;
    (void)state;
    (void)asking_connected(&f);
    (void)asking_observe(&f);
    fake_request *get = fake_last(&f);
    fake_pass(&f, 3599999);
    assert_int_equal(f.client.sent_count, 1);
    fake_pass(&f, 1);
    assert_int_equal(f.client.sent_count, 2);
    assert_false(get->open);
    assert_true(fake_last(&f)->observe);
    fake_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(g13_observation_and_its_ends),
        cmocka_unit_test(g13_cancel_tells_the_host),
        cmocka_unit_test(g13_observation_not_accepted),
        cmocka_unit_test(g13_observation_outlives_its_session),
        cmocka_unit_test(g13_quiet_observation_is_asked_for_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
