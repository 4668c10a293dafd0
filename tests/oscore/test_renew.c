/* SPDX-License-Identifier: Apache-2.0 */
/* core/oscore/renew.c: RFC 8613 Appendix B.2, step by step, with losses, repetitions, reboots and
 * failures at each of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/oscore/ends.h"

static end client, server;
static const proa_span none = {NULL, 0};

static int on(void **state)
{
    (void)state;
    ends_make(&client, &server, 21);
    client.b2 = server.b2 = true;
    end_on(&client, PROA_OSCORE_KNOWN); /* nothing is stored of it: lost */
    end_on(&server, PROA_OSCORE_KNOWN);
    return 0;
}

static int off(void **state)
{
    (void)state;
    assert_int_equal(checker_violations(), 0);
    end_off(&client);
    end_off(&server);
    return 0;
}

static void reboot(end *e)
{
    end_off(e);
    end_on(e, PROA_OSCORE_KNOWN);
}

static bool usable(const end *e)
{
    proa_oscore_info info;
    assert_true(proa_oscore_look(e->o, ACCOUNT, &info));
    return info.usable;
}

static bool same_keys(void)
{
    const proa__keys *c = &end_context(&client)->keys;
    const proa__keys *s = &end_context(&server)->keys;
    return memcmp(c->ends[PROA__OURS].key, s->ends[PROA__THEIRS].key, 16) == 0 &&
           memcmp(c->ends[PROA__THEIRS].key, s->ends[PROA__OURS].key, 16) == 0 &&
           memcmp(c->iv, s->iv, 13) == 0;
}

/* The kid context that a message carries; empty if none. */
static proa_span kid_context_of(const message *m)
{
    proa_coap_msg msg;
    proa_span value;
    proa_oscore_option option;
    assert_int_equal(proa_coap_parse(&msg, span(m)), PROA_OK);
    assert_true(proa_coap_option_find(&msg, PROA_COAP_OPT_OSCORE, &value));
    assert_int_equal(proa_oscore_option_parse(value, &option), PROA_OK);
    return option.kid_context;
}

typedef struct run {
    proa_oscore_binding b1, b2;
    message request1, response1, request2, response2;
} run;

/* Up to request #2, which is not heard yet. */
static void begin_run(end *from, end *to, run *r, uint16_t n)
{
    message plain = get_a(n, none), inner;
    proa_oscore_received in;
    r->request1 = ask(from, &r->b1, &plain);
    assert_int_equal(hear(to, &r->request1, &r->response1, &in), PROA_OSCORE_ANSWER);
    assert_int_equal(in.account, ACCOUNT);
    assert_int_equal(hear_back(from, &r->b1, &r->response1, &inner), PROA_OSCORE_RETRY);
    r->request2 = ask(from, &r->b2, &plain);
}

static void end_run(end *from, end *to, run *r, uint16_t n)
{
    message inner, plain;
    proa_oscore_received in;
    assert_int_equal(hear(to, &r->request2, &inner, &in), PROA_OSCORE_ACCEPTED);
    plain = content(n, "fresh");
    r->response2 = answer(to, &in.binding, &plain, false);
    assert_int_equal(hear_back(from, &r->b2, &r->response2, &inner), PROA_OSCORE_ACCEPTED);
}

static void rfc8613_b_2_the_whole_run(void **state)
{
    (void)state;
    run r;
    assert_false(usable(&client));
    begin_run(&client, &server, &r, 1);
    proa_span r1 = kid_context_of(&r.request1);
    proa_span r2 = kid_context_of(&r.response1);
    proa_span id3 = kid_context_of(&r.request2);
    assert_int_equal(r1.len, 1 + 8); /* CBOR strings */
    assert_int_equal(r1.data[0], 0x48);
    assert_int_equal(r2.len, 1 + 16);
    assert_int_equal(r2.data[0], 0x50);
    assert_int_equal(id3.len, 2 + 24);
    assert_int_equal(id3.data[0], 0x58);
    assert_int_equal(id3.data[1], 24);
    assert_memory_equal(id3.data + 2, r2.data + 1, 16);
    assert_false(usable(&server));
    end_run(&client, &server, &r, 1);
    assert_true(usable(&client) && usable(&server) && same_keys());
    assert_int_equal(proa_oscore_read_stats(client.o).renewals, 1);
    assert_int_equal(proa_oscore_read_stats(server.o).renewals, 1);
    /* From now on without the kid context, in both directions, and over reboots. */
    proa_oscore_binding b;
    proa_oscore_received in;
    message inner, plain = get_a(2, none);
    message wire = ask(&client, &b, &plain);
    assert_int_equal(kid_context_of(&wire).len, 0);
    assert_int_equal(hear(&server, &wire, &inner, &in), PROA_OSCORE_ACCEPTED);
    wire = ask(&server, &b, &plain);
    assert_int_equal(hear(&client, &wire, &inner, &in), PROA_OSCORE_ACCEPTED);
    reboot(&client);
    reboot(&server);
    assert_true(usable(&client) && usable(&server) && same_keys());
}

static void rfc8613_b_2_replays(void **state)
{
    (void)state;
    run r;
    proa_oscore_received in;
    message inner, again;
    begin_run(&client, &server, &r, 1);
    /* Request #1 again and again: another R2 each time, and nothing is kept. */
    for (int i = 0; i < 20; i++) {
        assert_int_equal(hear(&server, &r.request1, &again, &in), PROA_OSCORE_ANSWER);
        assert_true(memcmp(again.bytes, r.response1.bytes, again.len) != 0);
    }
    assert_int_equal(hear_back(&client, &r.b1, &again, &inner), PROA_OSCORE_UNKNOWN);
    assert_int_equal(server.o->contexts.count, 1);
    end_run(&client, &server, &r, 1);
    assert_int_equal(hear(&server, &r.request2, &inner, &in), PROA_OSCORE_REPLAY);
    assert_int_equal(hear_back(&client, &r.b2, &r.response2, &inner), PROA_OSCORE_REPLAY);
    assert_int_equal(hear_back(&client, &r.b1, &r.response1, &inner), PROA_OSCORE_UNKNOWN);
    reboot(&server);
    assert_int_equal(hear(&server, &r.request2, &inner, &in), PROA_OSCORE_ANSWER); /* an Echo */
    assert_true(same_keys());
    /* A run is replayed after another one: its R2 is spent, so it begins a run of its own, which
     * leads nowhere. */
    assert_int_equal(proa_oscore_renew(client.o, ACCOUNT), PROA_OSCORE_DONE);
    run second;
    begin_run(&client, &server, &second, 2);
    end_run(&client, &server, &second, 2);
    assert_int_equal(hear(&server, &r.request2, &inner, &in), PROA_OSCORE_UNKNOWN);
    assert_int_equal(hear(&server, &second.request2, &inner, &in), PROA_OSCORE_REPLAY);
    assert_true(same_keys());
}

/* The same account in the same boot, removed and added again: an R2 of before is worth nothing. */
static void rfc8613_b_2_an_r2_does_not_outlive_its_context(void **state)
{
    (void)state;
    run r;
    proa_oscore_received in;
    message inner;
    begin_run(&client, &server, &r, 1);
    end_run(&client, &server, &r, 1);
    proa_oscore_remove(server.o, ACCOUNT);
    assert_int_equal(proa_oscore_add(server.o, ACCOUNT, &server.params, PROA_OSCORE_KNOWN),
                     PROA_OK);
    assert_int_not_equal(hear(&server, &r.request2, &inner, &in), PROA_OSCORE_ACCEPTED);
    assert_false(usable(&server));
}

static void rfc8613_b_2_old_keys_work_until_the_new_ones_do(void **state)
{
    (void)state;
    run r, second;
    proa_oscore_binding b;
    proa_oscore_received in;
    message inner, plain = get_a(9, none);
    begin_run(&client, &server, &r, 1);
    end_run(&client, &server, &r, 1);
    message early = ask(&server, &b, &plain);
    assert_int_equal(proa_oscore_renew(client.o, ACCOUNT), PROA_OSCORE_DONE);
    assert_int_equal(proa_oscore_renew(client.o, ACCOUNT), PROA_OSCORE_DONE);
    begin_run(&client, &server, &second, 2);
    assert_int_equal(hear(&client, &early, &inner, &in), PROA_OSCORE_ACCEPTED);
    plain = content(9, "under the old keys");
    message late = answer(&client, &in.binding, &plain, false);
    assert_int_equal(hear_back(&server, &b, &late, &inner), PROA_OSCORE_ACCEPTED);
    /* The server hears request #2 and asks under the new keys before its answer has arrived. */
    assert_int_equal(hear(&server, &second.request2, &inner, &in), PROA_OSCORE_ACCEPTED);
    assert_int_equal(
        proa_oscore_protect(server.o, &b, span(&plain), late.bytes, sizeof late.bytes, &late.len),
        PROA_OSCORE_GONE);
    plain = get_a(10, none);
    early = ask(&server, &b, &plain);
    proa_oscore_received theirs;
    assert_int_equal(hear(&client, &early, &inner, &theirs), PROA_OSCORE_ACCEPTED);
    assert_true(same_keys());
    plain = content(2, "fresh");
    message response = answer(&server, &in.binding, &plain, false);
    assert_int_equal(hear_back(&client, &second.b2, &response, &inner), PROA_OSCORE_ACCEPTED);
    assert_int_equal(proa_oscore_read_stats(client.o).renewals, 2);
}

/* A peer without B.2, or somebody in its place, made us begin: after a few requests in vain the old
 * keys, which are good, are used again, and B.2 may be tried once more. */
static void rfc8613_b_2_in_vain_the_old_keys_are_tried_again(void **state)
{
    off(state);
    ends_make(&client, &server, 21);
    client.b2 = true;
    end_on(&client, PROA_OSCORE_FRESH);
    end_on(&server, PROA_OSCORE_FRESH);
    for (uint16_t round = 0; round < 3; round++) {
        proa_oscore_binding b;
        proa_oscore_received in;
        message inner, plain = get_a(round, none);
        unsigned refused = 0;
        assert_int_equal(proa_oscore_renew(client.o, ACCOUNT), PROA_OSCORE_DONE);
        message wire = ask(&client, &b, &plain);
        while (hear(&server, &wire, &inner, &in) == PROA_OSCORE_UNKNOWN) {
            assert_true(++refused < 10);
            wire = ask(&client, &b, &plain);
        }
        assert_in_range(refused, 2, 9); /* copies of one that was lost come in between */
        plain = content(round, "still here");
        message response = answer(&server, &in.binding, &plain, false);
        assert_int_equal(hear_back(&client, &b, &response, &inner), PROA_OSCORE_ACCEPTED);
        plain = get_a((uint16_t)(round + 100), none);
        wire = ask(&client, &b, &plain);
        assert_int_equal(hear(&server, &wire, &inner, &in), PROA_OSCORE_ACCEPTED);
    }
    assert_int_equal(client.o->contexts.count, 1);
}

/* Power fails while the peer may have thrown the old keys away: they are not used any more. Before
 * that moment they are. */
static void rfc8613_b_2_reboot_with_keys_in_doubt(void **state)
{
    (void)state;
    run r;
    proa_oscore_binding b;
    message plain = get_a(3, none), inner;
    proa_oscore_received in;
    begin_run(&client, &server, &r, 1);
    end_run(&client, &server, &r, 1);
    assert_int_equal(proa_oscore_renew(client.o, ACCOUNT), PROA_OSCORE_DONE);
    message wire = ask(&client, &b, &plain);
    reboot(&client);
    assert_true(usable(&client));
    assert_int_equal(proa_oscore_renew(client.o, ACCOUNT), PROA_OSCORE_DONE);
    begin_run(&client, &server, &r, 4);
    assert_int_equal(hear(&server, &wire, &inner, &in), PROA_OSCORE_ANSWER);
    reboot(&client);
    assert_false(usable(&client));
    begin_run(&client, &server, &r, 5);
    end_run(&client, &server, &r, 5);
    assert_true(same_keys());
}

/* The server has lost its state, the client has not and knows nothing of it: step 1 is left out. */
static void rfc8613_b_2_begun_by_the_server(void **state)
{
    (void)state;
    run r;
    off(NULL);
    ends_make(&client, &server, 22);
    client.b2 = server.b2 = true;
    end_on(&client, PROA_OSCORE_FRESH);
    end_on(&server, PROA_OSCORE_KNOWN);
    begin_run(&client, &server, &r, 1);
    assert_int_equal(kid_context_of(&r.request1).len, 0);
    end_run(&client, &server, &r, 1);
    assert_true(same_keys());
}

/* Either side loses its power at each step. Then it is done again, and works. */
static void rfc8613_b_2_reboot_at_each_step(void **state)
{
    (void)state;
    for (int who = 1; who < 4; who++) {
        for (int step = 0; step < 5; step++) {
            run r;
            proa_oscore_received in;
            message inner, plain = get_a(1, none);
            off(NULL);
            ends_make(&client, &server, (uint64_t)(100 + who * 10 + step));
            client.b2 = server.b2 = true;
            end_on(&client, PROA_OSCORE_KNOWN);
            end_on(&server, PROA_OSCORE_KNOWN);
            if (step > 0) {
                r.request1 = ask(&client, &r.b1, &plain);
            }
            if (step > 1) {
                assert_int_equal(hear(&server, &r.request1, &r.response1, &in), PROA_OSCORE_ANSWER);
            }
            if (step > 2) {
                assert_int_equal(hear_back(&client, &r.b1, &r.response1, &inner),
                                 PROA_OSCORE_RETRY);
                r.request2 = ask(&client, &r.b2, &plain);
            }
            if (step > 3) {
                assert_int_equal(hear(&server, &r.request2, &inner, &in), PROA_OSCORE_ACCEPTED);
            }
            if ((who & 1) != 0) {
                reboot(&client);
            }
            if ((who & 2) != 0) {
                reboot(&server);
            }
            if ((who & 1) == 0 && step == 3) { /* its R2 is of another boot */
                assert_int_not_equal(hear(&server, &r.request2, &inner, &in), PROA_OSCORE_ACCEPTED);
                reboot(&client);
            }
            if ((who & 1) == 0 && step == 4) { /* it had stored the keys: it wants an Echo */
                assert_int_equal(hear(&server, &r.request2, &inner, &in), PROA_OSCORE_ANSWER);
                assert_int_equal(hear_back(&client, &r.b2, &inner, &r.response2),
                                 PROA_OSCORE_ACCEPTED);
                assert_true(same_keys());
                continue;
            }
            if ((who & 1) != 0 || step > 0) {
                assert_false(usable(&client));
            }
            run again;
            begin_run(&client, &server, &again, 2);
            end_run(&client, &server, &again, 2);
            assert_true(same_keys());
            assert_int_equal(checker_violations(), 0);
        }
    }
}

/* Both begin at once. Whoever is heard first: in the end they have the same keys. */
static void rfc8613_b_2_1_both_at_once(void **state)
{
    (void)state;
    for (int order = 0; order < 2; order++) {
        run ours, theirs;
        proa_oscore_received in;
        message inner;
        off(NULL);
        on(NULL);
        begin_run(&client, &server, &ours, 1);
        begin_run(&server, &client, &theirs, 2);
        for (int i = 0; i < 2; i++) {
            if (i == order) { /* "c" < "s": this one goes on */
                end_run(&client, &server, &ours, 1);
            } else {
                assert_int_not_equal(hear(&client, &theirs.request2, &inner, &in),
                                     PROA_OSCORE_ACCEPTED);
            }
        }
        assert_true(same_keys() && usable(&client) && usable(&server));
    }
}

/* The end with the smaller id gave up without saying so: it does not block the other for ever. */
static void rfc8613_b_2_1_an_attempt_given_up_yields(void **state)
{
    (void)state;
    run ours, theirs;
    proa_oscore_received in;
    message inner;
    begin_run(&client, &server, &ours, 1);
    for (int i = 0; i < 4; i++) {
        begin_run(&server, &client, &theirs, (uint16_t)(2 + i));
        assert_int_equal(hear(&client, &theirs.request2, &inner, &in), PROA_OSCORE_BUSY);
        reboot(&server);
    }
    begin_run(&server, &client, &theirs, 9);
    end_run(&server, &client, &theirs, 9);
    assert_true(same_keys());
}

/* Nobody answers under R2 || R3: after a while it begins with another R1. */
static void rfc8613_b_2_in_vain_begins_again(void **state)
{
    (void)state;
    run r;
    proa_oscore_binding b;
    message plain = get_a(5, none), wire;
    begin_run(&client, &server, &r, 1);
    reboot(&server);
    size_t kid_context_len = 26;
    for (int i = 0; i < 16 && kid_context_len == 26; i++) {
        wire = ask(&client, &b, &plain);
        kid_context_len = kid_context_of(&wire).len;
    }
    assert_int_equal(kid_context_len, 9);
    begin_run(&client, &server, &r, 6);
    end_run(&client, &server, &r, 6);
    assert_true(same_keys());
}

static void rfc8613_b_2_bad_strings(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "40 02 00 01 98 19 00 00 63 ff 00 01 02 03 04 05 06 07 08",    /* length beyond the end */
        "40 02 00 01 94 19 00 00 63 ff 00 01 02 03 04 05 06 07 08",    /* empty */
        "40 02 00 01 95 19 00 01 40 63 ff 00 01 02 03 04 05 06 07 08", /* empty string */
        "40 02 00 01 95 19 00 01 48 63 ff 00 01 02 03 04 05 06 07 08", /* cut */
        "40 02 00 01 96 19 00 02 61 61 63 ff 00 01 02 03 04 05 06 07", /* text */
        "40 02 00 01 97 19 00 03 41 61 61 63 ff 00 01 02 03 04 05 06", /* bytes behind */
        "40 02 00 01 9d 0b 19 00 13 51 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10 11 63 ff 00 "
        "01 02 03 04 05 06 07 08 09", /* 17 bytes: no room for an R2 */
        "40 02 00 01 9d 17 19 00 22 58 20 01 02 03 04 05 06 07 08 01 02 03 04 05 06 07 08 01 02 03 "
        "04 05 06 07 08 01 02 03 04 05 06 07 08 63 ff 00 01 02 03 04 05 06 07 08 09", /* R2 not
                                                                                         ours */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        proa_oscore_received in;
        message inner, m = message_of(rows[i]);
        proa_oscore_verdict verdict = hear(&server, &m, &inner, &in);
        assert_true(verdict == PROA_OSCORE_UNKNOWN || verdict == PROA_OSCORE_MALFORMED);
    }
    proa_oscore_received in;
    message inner;
    message m = message_of("40 02 00 01 96 19 00 02 41 61 63 ff 00 01 02 03 04 05 06 07 08");
    assert_int_equal(hear(&server, &m, &inner, &in), PROA_OSCORE_FORGED); /* well formed, no key */
    proa_oscore_binding b;
    message plain = get_a(1, none);
    (void)ask(&client, &b, &plain);
    static const char *const responses[] = {
        "60 44 00 01 93 10 01 40 ff 01 02 03 04 05 06 07 08 09",
        "60 44 00 01 94 10 02 42 01 ff 01 02 03 04 05 06 07 08 09",
        ("60 44 00 01 9d 0f 10 1a 58 18 01 02 03 04 05 06 07 08 01 02 03 04 05 06 07 08 01 02 03 04 "
         "05 06 07 08 09 ff 01 02 03 04 05 06 07 08 09"),
    };
    for (size_t i = 0; i < sizeof responses / sizeof responses[0]; i++) {
        m = message_of(responses[i]);
        assert_int_not_equal(hear_back(&client, &b, &m, &inner), PROA_OSCORE_RETRY);
    }
    m = message_of("60 44 00 01 94 10 02 41 01 ff 01 02 03 04 05 06 07 08 09");
    assert_int_equal(hear_back(&client, &b, &m, &inner), PROA_OSCORE_FORGED);
}

/* Only where there is no ID Context, and where B.2 is linked. */
static void rfc8613_b_2_not_for_everybody(void **state)
{
    (void)state;
    proa_oscore_binding b;
    proa_oscore_received in;
    message inner, plain = get_a(1, none);
    message wire = ask(&client, &b, &plain);
    server.params.has_id_context = true;
    server.params.id_context = proa_span_of("agreed");
    reboot(&server);
    assert_int_equal(hear(&server, &wire, &inner, &in), PROA_OSCORE_UNKNOWN);
    assert_int_equal(proa_oscore_begin_request(server.o, ACCOUNT, &b), PROA_OSCORE_LOST);
    server.params.has_id_context = false;
    server.b2 = false;
    reboot(&server);
    assert_int_equal(hear(&server, &wire, &inner, &in), PROA_OSCORE_UNKNOWN);
    assert_int_equal(proa_oscore_begin_request(server.o, ACCOUNT, &b), PROA_OSCORE_LOST);
}

/* Each write and each call of cryptography fails once; then the run is repeated and works. */
static void rfc8613_b_2_fails_anywhere(void **state)
{
    (void)state;
    for (unsigned n = 1; n < 60; n++) {
        off(NULL);
        on(NULL);
        assert_int_equal(proa_oscore_add(client.o, ACCOUNT, &client.params, PROA_OSCORE_KNOWN),
                         PROA_OK);
        if (n < 40) {
            crypto_fail_at(n);
        } else {
            client.flash.fail_at = client.flash.writes + 1 + (n % 2);
            server.flash.fail_at = server.flash.writes + 1 + (n / 2 % 2);
        }
        proa_oscore_binding b;
        message plain = get_a((uint16_t)n, none), wire, back, inner;
        proa_oscore_received in;
        for (int i = 0; i < 3; i++) {
            if (proa_oscore_begin_request(client.o, ACCOUNT, &b) == PROA_OSCORE_DONE &&
                proa_oscore_protect(client.o, &b, span(&plain), wire.bytes, sizeof wire.bytes,
                                    &wire.len) == PROA_OSCORE_DONE &&
                hear(&server, &wire, &back, &in) == PROA_OSCORE_ANSWER) {
                (void)hear_back(&client, &b, &back, &inner);
            }
        }
        crypto_fail_at(0);
        client.flash.fail_at = server.flash.fail_at = 0;
        reboot(&client);
        reboot(&server);
        if (!usable(&client)) {
            run r;
            begin_run(&client, &server, &r, 900);
            end_run(&client, &server, &r, 900);
            assert_true(same_keys());
        }
        assert_int_equal(checker_violations(), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rfc8613_b_2_the_whole_run, on, off),
        cmocka_unit_test_setup_teardown(rfc8613_b_2_replays, on, off),
        cmocka_unit_test_setup_teardown(rfc8613_b_2_an_r2_does_not_outlive_its_context, on, off),
        cmocka_unit_test_setup_teardown(rfc8613_b_2_old_keys_work_until_the_new_ones_do, on, off),
        cmocka_unit_test_setup_teardown(rfc8613_b_2_in_vain_the_old_keys_are_tried_again, on, off),
        cmocka_unit_test_setup_teardown(rfc8613_b_2_reboot_with_keys_in_doubt, on, off),
        cmocka_unit_test_setup_teardown(rfc8613_b_2_begun_by_the_server, on, off),
        cmocka_unit_test_setup_teardown(rfc8613_b_2_reboot_at_each_step, on, off),
        cmocka_unit_test_setup_teardown(rfc8613_b_2_1_both_at_once, on, off),
        cmocka_unit_test_setup_teardown(rfc8613_b_2_1_an_attempt_given_up_yields, on, off),
        cmocka_unit_test_setup_teardown(rfc8613_b_2_in_vain_begins_again, on, off),
        cmocka_unit_test_setup_teardown(rfc8613_b_2_bad_strings, on, off),
        cmocka_unit_test_setup_teardown(rfc8613_b_2_not_for_everybody, on, off),
        cmocka_unit_test_setup_teardown(rfc8613_b_2_fails_anywhere, on, off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
