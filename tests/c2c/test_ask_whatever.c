/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever server, host and network do in whatever order: each question has one outcome. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/c2c/asking.h"

#define NO_FORMAT PROA_FORMAT_NONE

typedef struct tally {
    unsigned outcomes, ends;
    bool sent, cancelled, observing;
} tally;

#define QUESTIONS 40

static void read_events(fake *f, tally *tallies)
{
    while (fake_next(f)) {
        if (f->event.id == 0) {
            continue;
        }
        tally *t = &tallies[f->event.user];
        assert_false(t->cancelled);
        assert_true(t->ends == 0);
        if (f->event.kind == PROA_C2C_OUTCOME) {
            assert_int_equal(t->outcomes, 0);
            t->outcomes++;
            t->observing = f->event.observing;
        } else if (f->event.kind == PROA_C2C_OBSERVE_END) {
            assert_true(t->observing);
            t->ends++;
        } else if (f->event.kind == PROA_C2C_NOTIFICATION) {
            assert_true(t->observing);
        }
    }
}

static const uint8_t codes[] = {PROA_COAP_CONTENT,   PROA_COAP_CREATED,
                                PROA_COAP_CONTENT,   PROA_COAP_UNAUTHORIZED,
                                PROA_COAP_FORBIDDEN, PROA_COAP_SERVICE_UNAVAILABLE,
                                PROA_COAP_NOT_FOUND, PROA_COAP_INTERNAL_SERVER_ERROR};

static fake_request *any_open(fake *f, uint64_t dice)
{
    for (size_t i = 0; i < FAKE_SENT_MAX; i++) {
        fake_request *request = &f->client.sent[(dice + i) % FAKE_SENT_MAX];
        if (request->open) {
            return request;
        }
    }
    return NULL;
}

static fake_session *any_session(fake *f, uint64_t dice)
{
    for (size_t i = 0; i < FAKE_SENT_MAX; i++) {
        fake_session *session = &f->client.sessions[(dice + i) % FAKE_SENT_MAX];
        if (session->id != 0 && !session->closed) {
            return session;
        }
    }
    return NULL;
}

static void ask_something(fake *f, tally *tallies, unsigned n, uint64_t dice, proa_c2c_id *ids)
{
    static const proa_operation ops[] = {PROA_OP_READ, PROA_OP_OBSERVE, PROA_OP_EXECUTE,
                                         PROA_OP_WRITE_REPLACE};
    proa_c2c_ask ask = asking_5706();
    ask.endpoint = proa_span_of(dice % 3 == 0 ? "other" : "host");
    ask.op = ops[dice / 3 % 4];
    ask.wait = dice / 12 % 2 == 0;
    ask.probe = dice / 24 % 4 == 0;
    ask.probe_uri = proa_span_of("coap://[2001:db8::7]");
    ask.user = n;
    tallies[n].sent = proa_c2c_send(f->c2c, f->now_ms, &ask, &ids[n]) == PROA_OK;
}

static void stir(fake *f, uint64_t dice)
{
    static const proa_coap_failure failures[] = {PROA_COAP_FAILED_TIMEOUT, PROA_COAP_FAILED_RESET,
                                                 PROA_COAP_FAILED_PEER_GONE, PROA_COAP_FAILED_FULL,
                                                 PROA_COAP_FAILED_PROTOCOL};
    uint64_t more = dice / 16;
    fake_request *request = any_open(f, more / 64);
    fake_session *session = any_session(f, more / 64);
    switch (dice % 16) {
    case 0:
    case 1:
    case 2:
    case 3:
        if (request != NULL) {
            uint8_t code = codes[more % sizeof(codes)];
            fake_answer(f, request, code, NO_FORMAT, NULL, 1,
                        request->observe && PROA_COAP_CLASS(code) == 2 && more / 16 % 4 != 0);
        }
        break;
    case 4:
        if (request != NULL) {
            fake_fail(f, request, failures[more % 5]);
        }
        break;
    case 5:
    case 6:
        if (session != NULL && proa__key_at(f->c2c, 0)->opening == session->id) {
            fake_connected(f, session->id, false);
        }
        break;
    case 7:
        if (session != NULL) {
            fake_closed(f, session->id, (proa_secure_reason)(1 + more % 5));
        }
        break;
    case 8:
        if (f->client.objects[0]->class_->next_instance(f->client.objects[0]->ctx, -1) < 0 &&
            f->client.objects[1]->class_->next_instance(f->client.objects[1]->ctx, -1) < 0) {
            (void)fake_install(f, &asking_host);
        }
        break;
    case 9:
        if (more % 8 == 0) {
            (void)f->client.objects[0]->class_->remove(f->client.objects[0]->ctx, &fake_server_1,
                                                       0);
            (void)f->client.objects[1]->class_->remove(f->client.objects[1]->ctx, &fake_server_1,
                                                       0);
        }
        break;
    case 10:
        f->client.servers[0].registered = more % 3 != 0;
        f->client.ext->registration(f->client.ext->ctx, f->now_ms, 1, true);
        break;
    case 11:
        f->client.send_err = more % 4 == 0 ? PROA_E_FULL : PROA_OK;
        f->client.open_err = more / 4 % 4 == 0 ? PROA_E_FULL : PROA_OK;
        break;
    case 12:
        if (fake_account_of(f, 0) != 0) {
            fake_connected(f, fake_incoming(f, 0), true);
        }
        break;
    case 13:
        if (request != NULL && request->observe) {
            request->transmissions = 3;
        }
        break;
    default:
        fake_pass(f, more % 5000);
        break;
    }
}

static void g15_exactly_one_outcome_whatever_happens(void **state)
{
    unsigned answered = 0;
    unsigned observed = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= 400; seed++) {
        fake f;
        tally tallies[QUESTIONS];
        proa_c2c_id ids[QUESTIONS];
        test_random dice;
        memset(tallies, 0, sizeof(tallies));
        (void)test_random_start(&dice, seed);
        fake_open(&f, NULL, "own", true);
        for (unsigned n = 0; n < QUESTIONS; n++) {
            ask_something(&f, tallies, n, test_random_next(&dice), ids);
            for (int i = 0; i < 12; i++) {
                stir(&f, test_random_next(&dice));
            }
            if (tallies[n].sent && test_random_next(&dice) % 8 == 0) {
                read_events(&f, tallies);
                proa_c2c_cancel(f.c2c, f.now_ms, ids[n]);
                tallies[n].cancelled = true;
            }
            if (test_random_next(&dice) % 2 == 0) {
                read_events(&f, tallies);
            }
        }
        f.client.send_err = PROA_E_FULL;
        fake_pass(&f, 130000);
        read_events(&f, tallies);
        unsigned held = 0;
        for (unsigned n = 0; n < QUESTIONS; n++) {
            if (tallies[n].sent && !tallies[n].cancelled) {
                assert_int_equal(tallies[n].outcomes, 1);
                held += tallies[n].observing && tallies[n].ends == 0 ? 1 : 0;
                answered++;
                observed += tallies[n].observing ? 1 : 0;
            }
        }
        assert_int_equal(proa_c2c_stats_get(f.c2c).asks, held);
        fake_close(&f);
    }
    print_message("%u questions, %u observations\n", answered, observed);
    assert_true(answered > 4000 && observed > 100); /* it did happen */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(g15_exactly_one_outcome_whatever_happens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
