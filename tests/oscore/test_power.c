/* SPDX-License-Identifier: Apache-2.0 */
/* Two ends under a bad link and a bad power supply, a thousand times (RFC 8613 §7.5, Appendix B).
 *
 * Both ask each other; messages are lost, repeated, kept back and sent again much later; either end
 * loses its power at any instant, also in the middle of a write to its flash, and with it everything
 * it did not store. In half of the runs one or both have lost what they stored as well and have to
 * make new keys. Requests are retransmitted, brought back with the Echo, or asked again under new
 * keys, as a CoAP engine would.
 *
 * Judged from outside: no key and nonce with two different contents; no request accepted twice by
 * one end in one boot or over several; and when link and power are good again, every question is
 * answered within a few rounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/oscore/ends.h"

enum { SEEDS = 1000, STEPS = 250, AIR_MAX = 24, ASKED_MAX = 2048 };

/* A question of one end to the other, until it has been answered. */
typedef struct question {
    bool open;
    bool begun;
    bool observes;
    proa_oscore_binding b;
    uint16_t id;
    uint8_t echo[PROA__ECHO_LEN];
    size_t echo_len;
    uint16_t newest; /* heard in answer */
    unsigned silent; /* transmissions without an answer: time for new keys */
} question;

typedef struct side {
    end e;
    question q;
    proa_oscore_binding observer; /* of a relation of the other end */
    bool has_observer;
    uint16_t value; /* what is told to it, always something new */
} side;

typedef struct flying {
    message m;
    int to;
    bool response;
} flying;

static side sides[2];
static flying air[AIR_MAX];
static size_t air_count;
static test_random chance;
static uint16_t next_id;
static unsigned answers, reboots, echoes, retries;

static unsigned roll(unsigned below)
{
    return (unsigned)(test_random_next(&chance) % below);
}

static void send(int to, const message *m, bool response)
{
    flying f = {*m, to, response};
    if (air_count < AIR_MAX) {
        air[air_count++] = f;
    } else {
        air[roll(AIR_MAX)] = f;
    }
}

/* ---- asking -------------------------------------------------------------------------------- */

static message question_message(const question *q)
{
    message m;
    proa_coap_token token = {{(uint8_t)(q->id >> 8), (uint8_t)q->id}, 2};
    proa_coap_builder b =
        proa_coap_build(m.bytes, sizeof m.bytes, PROA_COAP_CON,
                        q->observes ? PROA_COAP_GET : PROA_COAP_POST, q->id, &token);
    if (q->observes) {
        proa_coap_add(&b, PROA_COAP_OPT_OBSERVE, proa_span_make(NULL, 0));
    }
    proa_coap_add(&b, PROA_COAP_OPT_URI_PATH, proa_span_of("question"));
    if (q->echo_len > 0) {
        proa_coap_add(&b, PROA_COAP_OPT_ECHO, proa_span_make(q->echo, q->echo_len));
    }
    proa_coap_add_payload(&b, proa_span_make(&q->id, sizeof q->id));
    m.len = (size_t)proa_coap_build_end(&b);
    return m;
}

static void transmit(int who)
{
    side *s = &sides[who];
    question *q = &s->q;
    message wire, plain = question_message(q);
    if (!q->begun) {
        q->begun = proa_oscore_begin_request(s->e.o, ACCOUNT, &q->b) == PROA_OSCORE_DONE;
    }
    if (!q->begun) {
        return;
    }
    proa_oscore_result result =
        proa_oscore_protect(s->e.o, &q->b, span(&plain), wire.bytes, sizeof wire.bytes, &wire.len);
    if (result != PROA_OSCORE_DONE) {
        assert_int_equal(result, PROA_OSCORE_GONE);
        q->begun = false;
        return;
    }
    send(1 - who, &wire, false);
    if (++q->silent % 6 == 0 && s->e.b2) {
        proa_oscore_result renewed = proa_oscore_renew(s->e.o, ACCOUNT);
        q->begun = q->begun && renewed != PROA_OSCORE_DONE; /* it cannot be the link alone */
    }
}

/* Asks anew, or again. */
static void ask_something(int who)
{
    question *q = &sides[who].q;
    if (!q->open) {
        memset(q, 0, sizeof *q);
        q->open = true;
        q->id = next_id++;
        q->observes = roll(4) == 0;
        assert_true(q->id < ASKED_MAX);
    }
    transmit(who);
}

static void hear_response(int who, const message *wire)
{
    side *s = &sides[who];
    question *q = &s->q;
    message inner;
    if (!q->begun) {
        return;
    }
    proa_oscore_verdict verdict = hear_back(&s->e, &q->b, wire, &inner);
    if (verdict == PROA_OSCORE_RETRY) {
        q->begun = false;
        retries++;
        transmit(who);
    }
    if (verdict != PROA_OSCORE_ACCEPTED) {
        return;
    }
    proa_span echo = echo_of(&inner);
    q->silent = 0;
    if (inner.bytes[1] == PROA_COAP_UNAUTHORIZED && echo.len == sizeof q->echo) {
        memcpy(q->echo, echo.data, echo.len);
        q->echo_len = echo.len;
        q->begun = false;
        echoes++;
        transmit(who);
        return;
    }
    assert_int_equal(inner.bytes[1], PROA_COAP_CONTENT);
    proa_coap_msg m;
    uint16_t value;
    assert_int_equal(proa_coap_parse(&m, span(&inner)), PROA_OK);
    memcpy(&value, m.payload.data, sizeof value);
    assert_true(value > q->newest); /* never an older one after a newer one */
    q->newest = value;
    answers += q->open;
    q->open = false; /* notifications may follow */
}

/* ---- answering ----------------------------------------------------------------------------- */

static void respond(int who, proa_oscore_binding *b, uint16_t id, bool notifies, bool own_number)
{
    side *s = &sides[who];
    message m, wire;
    proa_coap_token token = {{(uint8_t)(id >> 8), (uint8_t)id}, 2};
    s->value++;
    if (proa_oscore_begin_response(s->e.o, b, own_number) != PROA_OSCORE_DONE) {
        return;
    }
    proa_coap_builder build = proa_coap_build(m.bytes, sizeof m.bytes, PROA_COAP_NON,
                                              PROA_COAP_CONTENT, s->value, &token);
    if (notifies) {
        proa_coap_add_uint(&build, PROA_COAP_OPT_OBSERVE, s->value);
    }
    proa_coap_add_payload(&build, proa_span_make(&s->value, sizeof s->value));
    m.len = (size_t)proa_coap_build_end(&build);
    for (int i = 0; i < 2; i++) { /* a retransmission is the same */
        assert_int_equal(
            proa_oscore_protect(s->e.o, b, span(&m), wire.bytes, sizeof wire.bytes, &wire.len),
            PROA_OSCORE_DONE);
    }
    send(1 - who, &wire, true);
}

static void hear_request(int who, const message *wire)
{
    side *s = &sides[who];
    message inner;
    proa_oscore_received in;
    proa_oscore_verdict verdict = hear(&s->e, wire, &inner, &in);
    if (verdict == PROA_OSCORE_ANSWER) {
        send(1 - who, &inner, true);
    }
    if (verdict != PROA_OSCORE_ACCEPTED) {
        return;
    }
    proa_coap_msg m;
    proa_span value;
    uint16_t id;
    assert_int_equal(proa_coap_parse(&m, span(&inner)), PROA_OK);
    memcpy(&id, m.payload.data, sizeof id);
    bool observes = proa_coap_option_find(&m, PROA_COAP_OPT_OBSERVE, &value);
    respond(who, &in.binding, id, observes, roll(2) == 0);
    if (observes) {
        s->observer = in.binding;
        s->has_observer = true;
        respond(who, &s->observer, id, true, true);
    }
}

/* ---- requests accepted twice --------------------------------------------------------------- */

/* Wires that were accepted, by hash: none may be accepted again, in whatever boot. */
static uint64_t taken[4096];
static size_t taken_count;

static void deliver(const flying *f)
{
    side *s = &sides[f->to];
    if (s->e.o == NULL) {
        return;
    }
    if (f->response) {
        hear_response(f->to, &f->m);
        return;
    }
    uint32_t before = proa_oscore_read_stats(s->e.o).verdicts[PROA_OSCORE_ACCEPTED];
    uint64_t hash = 14695981039346656037ULL;
    for (size_t i = 0; i < f->m.len; i++) {
        hash = (hash ^ f->m.bytes[i]) * 1099511628211ULL;
    }
    hear_request(f->to, &f->m);
    if (proa_oscore_read_stats(s->e.o).verdicts[PROA_OSCORE_ACCEPTED] > before) {
        for (size_t i = 0; i < taken_count; i++) {
            assert_true(taken[i] != hash);
        }
        assert_true(taken_count < 4096);
        taken[taken_count++] = hash;
    }
}

/* ---- the world ----------------------------------------------------------------------------- */

static void power_on(side *s)
{
    end_on(&s->e, PROA_OSCORE_KNOWN);
}

static void power_off(side *s)
{
    if (s->e.o != NULL) {
        end_off(&s->e);
        reboots++;
    }
    s->e.flash.fail_at = 0;
    s->has_observer = false;
    memset(&s->q, 0, sizeof s->q);
}

static void step(void)
{
    int who = (int)roll(2);
    side *s = &sides[who];
    s->e.now_ms += 1000;
    if (s->e.o == NULL) {
        if (roll(3) == 0) {
            power_on(s);
        }
        return;
    }
    unsigned what = roll(100);
    if (what < 30) {
        ask_something(who);
    } else if (what < 35 && s->has_observer) {
        respond(who, &s->observer, 0, true, true);
    } else if (what < 88 && air_count > 0) { /* in any order; often again later */
        size_t i = roll((unsigned)air_count);
        flying f = air[i];
        if (roll(3) != 0) {
            air[i] = air[--air_count];
        }
        if (roll(5) != 0) {
            deliver(&f);
        }
    } else if (what < 92) {
        s->e.flash.fail_at = s->e.flash.writes + 1 + roll(2); /* the next write, or the one after */
    } else if (what < 94) {
        s->e.flash.fail_at = 0;
    } else if (what < 97) {
        power_off(s);
    }
}

/* Everything works from now on: each end gets an answer soon. */
static void settle(uint64_t seed)
{
    for (int who = 0; who < 2; who++) {
        sides[who].e.flash.fail_at = 0;
        if (sides[who].e.o == NULL) {
            power_on(&sides[who]);
        }
    }
    for (int who = 0; who < 2; who++) {
        memset(&sides[who].q, 0, sizeof sides[who].q);
        unsigned rounds = 0;
        ask_something(who);
        while (sides[who].q.open) {
            while (air_count > 0) {
                flying f = air[0];
                memmove(air, air + 1, --air_count * sizeof air[0]);
                deliver(&f);
            }
            if (sides[who].q.open) {
                sides[0].e.now_ms += 10000; /* enough for another Echo */
                sides[1].e.now_ms += 10000;
                ask_something(who);
            }
            if (++rounds > 60) {
                fail_msg("seed %u: side %d gets no answer", (unsigned)seed, who);
            }
        }
    }
}

static void run(uint64_t seed)
{
    memset(sides, 0, sizeof sides);
    air_count = taken_count = 0;
    next_id = 0;
    (void)test_random_start(&chance, seed);
    ends_make(&sides[0].e, &sides[1].e, seed);
    sides[0].e.b2 = sides[1].e.b2 = seed % 2 != 0;
    sides[0].e.margin = sides[1].e.margin = 1 + roll(5);
    for (int who = 0; who < 2; who++) {
        bool lost = sides[who].e.b2 && roll(2) == 0;
        end_on(&sides[who].e, lost ? PROA_OSCORE_KNOWN : PROA_OSCORE_FRESH);
    }
    for (int i = 0; i < STEPS; i++) {
        step();
    }
    settle(seed);
    if (checker_violations() != 0) {
        fail_msg("seed %u: a nonce was used twice", (unsigned)seed);
    }
    for (int who = 0; who < 2; who++) {
        end_off(&sides[who].e);
    }
}

static void rfc8613_7_5_no_nonce_twice_and_no_deadlock(void **state)
{
    (void)state;
    answers = reboots = echoes = retries = 0;
    unsigned seen = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        run(seed);
        seen += checker_seen();
    }
    print_message("%u answers, %u reboots, %u echoes, %u retries, %u seals\n", answers, reboots,
                  echoes, retries, seen);
    /* That all of it has really happened. */
    assert_true(answers > 5 * SEEDS);
    assert_true(reboots > SEEDS);
    assert_true(echoes > SEEDS);
    assert_true(retries > SEEDS / 2);
    assert_true(seen > 50 * SEEDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc8613_7_5_no_nonce_twice_and_no_deadlock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
