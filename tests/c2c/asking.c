/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/c2c/asking.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

const fake_account asking_host = {"host", 2, 86400, "identity-of-host", ASKING_KEY, ASKING_URI};
const fake_account asking_caller = {"host", 2, 86400, "identity-of-host", ASKING_KEY, NULL};

proa_c2c_ask asking_5706(void)
{
    proa_c2c_ask ask = {.endpoint = proa_span_of("host"),
                        .op = PROA_OP_READ,
                        .path = {{3311, 0, 5706}, 3},
                        .format = PROA_FORMAT_NONE,
                        .user = 42};
    return ask;
}

proa_c2c_id asking_send(fake *f, const proa_c2c_ask *ask)
{
    proa_c2c_id id = 0;
    assert_int_equal(proa_c2c_send(f->c2c, f->now_ms, ask, &id), PROA_OK);
    assert_int_not_equal(id, 0);
    fake_pass(f, 0);
    return id;
}

void asking_expect(fake *f, proa_c2c_event_kind kind)
{
    assert_true(fake_next(f));
    assert_int_equal(f->event.kind, kind);
}

void asking_outcome(fake *f, proa_outcome outcome)
{
    asking_expect(f, PROA_C2C_OUTCOME);
    if (f->event.outcome != outcome) {
        print_message("%s instead of %s\n", proa_outcome_name(f->event.outcome),
                      proa_outcome_name(outcome));
    }
    assert_int_equal(f->event.outcome, outcome);
    assert_int_equal(f->event.user, 42);
}

void asking_forget(fake *f)
{
    while (fake_next(f)) {
    }
}

void asking_quiet(fake *f)
{
    assert_false(fake_next(f));
}

/* The last session that the device opened. */
fake_session *asking_opened(fake *f)
{
    assert_non_null(f->client.opened);
    return f->client.opened;
}

/* A device with an account for the host, connected. Returns the session. */
uint32_t asking_connected(fake *f)
{
    fake_open(f, NULL, "own", true);
    uint16_t key = fake_install(f, &asking_host);
    uint32_t session = fake_incoming(f, key);
    fake_connected(f, session, true);
    asking_forget(f);
    return session;
}

proa_c2c_id asking_observe(fake *f)
{
    proa_c2c_ask ask = asking_5706();
    ask.op = PROA_OP_OBSERVE;
    proa_c2c_id id = asking_send(f, &ask);
    asking_expect(f, PROA_C2C_CONNECTED);
    fake_answer(f, fake_last(f), PROA_COAP_CONTENT, PROA_FORMAT_TLV, "e5164a3030303031", 0, true);
    asking_outcome(f, PROA_OUTCOME_OK);
    assert_true(f->event.observing);
    return id;
}
