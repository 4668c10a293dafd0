/* SPDX-License-Identifier: Apache-2.0 */
/* core/oscore/state.c and contexts.c: what survives, and what does not (RFC 8613 §3.2, §7.5, Appendix
 * B.1). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ports/mbedtls/crypto.h"
#include "tests/oscore/ends.h"
#include "tests/support/guard.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static end client, server;
static const proa_span none = {NULL, 0};

static int on(void **state)
{
    (void)state;
    ends_start(&client, &server, 11);
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

static proa_oscore_info look(const end *e)
{
    proa_oscore_info info;
    assert_true(proa_oscore_look(e->o, ACCOUNT, &info));
    return info;
}

/* A question and its answer, with whatever Echo rounds that takes. Returns how many. */
static unsigned talk(end *from, end *to, uint16_t n)
{
    message plain = get_a(n, none), inner, response;
    uint8_t echo[PROA__ECHO_LEN];
    for (unsigned rounds = 1; rounds <= 3; rounds++) {
        proa_oscore_binding b;
        proa_oscore_received in;
        message wire = ask(from, &b, &plain);
        proa_oscore_verdict verdict = hear(to, &wire, &inner, &in);
        if (verdict == PROA_OSCORE_ACCEPTED) {
            plain = content(n, "here");
            wire = answer(to, &in.binding, &plain, false);
            assert_int_equal(hear_back(from, &b, &wire, &response), PROA_OSCORE_ACCEPTED);
            return rounds;
        }
        assert_int_equal(verdict, PROA_OSCORE_ANSWER);
        assert_int_equal(hear_back(from, &b, &inner, &response), PROA_OSCORE_ACCEPTED);
        assert_int_equal(response.bytes[1], PROA_COAP_UNAUTHORIZED);
        assert_int_equal(echo_of(&response).len, sizeof echo);
        memcpy(echo, echo_of(&response).data, sizeof echo);
        plain = get_a(n, proa_span_make(echo, sizeof echo));
    }
    fail_msg("no end of Echo");
    return 0;
}

/* ---- B.1.1 --------------------------------------------------------------------------------- */

static void rfc8613_b_1_1_numbers_are_stored_ahead(void **state)
{
    (void)state;
    message plain = get_a(1, none);
    proa_oscore_binding b;
    unsigned writes = client.flash.writes;
    assert_int_equal(writes, 1);
    for (unsigned i = 0; i < 160; i++) {
        (void)ask(&client, &b, &plain);
        assert_int_equal(proa__number_read(b.request_number), i);
        assert_in_range(look(&client).reserved, look(&client).next, look(&client).next + 16);
    }
    assert_int_equal(client.flash.writes, writes + 9); /* 160 numbers, 16 at a time */
    reboot(&client);
    (void)ask(&client, &b, &plain);
    assert_int_equal(proa__number_read(b.request_number), 160);
}

/* However few numbers were used: the next boot begins where nobody has been. */
static void rfc8613_b_1_1_reboot_at_any_number(void **state)
{
    (void)state;
    uint64_t before = 0;
    for (unsigned i = 0; i < 60; i++) {
        message plain = get_a((uint16_t)i, none); /* another message each time */
        proa_oscore_binding b;
        for (unsigned k = 0; k < i % 19; k++) {
            (void)ask(&client, &b, &plain);
            uint64_t number = proa__number_read(b.request_number);
            assert_true(number >= before);
            before = number + 1;
        }
        reboot(&client);
    }
}

static void rfc8613_b_1_1_nothing_is_sent_that_could_not_be_stored(void **state)
{
    (void)state;
    proa_oscore_binding b;
    message plain = get_a(1, none);
    for (int i = 0; i < 16; i++) {
        (void)ask(&client, &b, &plain);
    }
    client.flash.fail_at = 1;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(proa_oscore_begin_request(client.o, ACCOUNT, &b), PROA_OSCORE_NOT_STORED);
        message out;
        assert_int_equal(
            proa_oscore_protect(client.o, &b, span(&plain), out.bytes, sizeof out.bytes, &out.len),
            PROA_OSCORE_GONE);
    }
    client.flash.fail_at = 0;
    assert_int_equal(proa_oscore_begin_request(client.o, ACCOUNT, &b), PROA_OSCORE_DONE);
    assert_int_equal(proa__number_read(b.request_number), 16);
}

static void rfc8613_7_2_1_the_last_number(void **state)
{
    (void)state;
    proa_oscore_binding b;
    message plain = get_a(1, none);
    end_context(&client)->next = PROA_OSCORE_NUMBER_MAX;
    end_context(&client)->reserved = PROA_OSCORE_NUMBER_MAX;
    (void)ask(&client, &b, &plain);
    assert_int_equal(proa__number_read(b.request_number), PROA_OSCORE_NUMBER_MAX);
    assert_int_equal(look(&client).reserved, PROA_OSCORE_NUMBER_MAX + 1);
    assert_int_equal(proa_oscore_begin_request(client.o, ACCOUNT, &b), PROA_OSCORE_EXHAUSTED);
    assert_false(look(&client).usable);
    reboot(&client);
    assert_int_equal(proa_oscore_begin_request(client.o, ACCOUNT, &b), PROA_OSCORE_EXHAUSTED);
    assert_int_equal(proa_oscore_read_stats(client.o).refused_exhausted, 1);
}

/* ---- B.1.2 --------------------------------------------------------------------------------- */

static void rfc8613_b_1_2_echo_after_a_reboot(void **state)
{
    (void)state;
    assert_int_equal(talk(&client, &server, 1), 1);
    reboot(&server);
    assert_false(look(&server).synchronised);
    assert_int_equal(talk(&client, &server, 2), 2);
    assert_true(look(&server).synchronised);
    assert_int_equal(talk(&client, &server, 3), 1);
    reboot(&client);
    assert_int_equal(talk(&client, &server, 4), 1);
    assert_int_equal(talk(&server, &client, 5), 2); /* the other way round: now it is its turn */
    reboot(&client);
    reboot(&server);
    assert_int_equal(talk(&client, &server, 6), 2);
    assert_int_equal(talk(&server, &client, 7), 2);
    assert_int_equal(talk(&server, &client, 8), 1);
    assert_int_equal(proa_oscore_read_stats(server.o).challenges, 1);
    assert_int_equal(proa_oscore_read_stats(server.o).synchronised, 1);
}

/* libcoap's issue 2036: replays must be refused whatever else is going on. Californium's 2222: after a
 * restart the window is not empty, it is unknown. */
static void rfc8613_b_1_2_replays_across_a_reboot(void **state)
{
    (void)state;
    proa_oscore_binding b;
    proa_oscore_received in;
    message old[5], inner, plain = get_a(1, none);
    for (int i = 0; i < 5; i++) {
        old[i] = ask(&client, &b, &plain);
    }
    assert_int_equal(hear(&server, &old[1], &inner, &in), PROA_OSCORE_ACCEPTED);
    assert_int_equal(hear(&server, &old[1], &inner, &in), PROA_OSCORE_REPLAY);
    reboot(&server);
    for (int i = 0; i < 5; i++) { /* received before or not: nobody knows */
        assert_int_equal(hear(&server, &old[i], &inner, &in), PROA_OSCORE_ANSWER);
        assert_int_equal(in.binding.context, 0);
    }
    assert_int_equal(talk(&client, &server, 2), 2);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(hear(&server, &old[i], &inner, &in), PROA_OSCORE_REPLAY);
    }
}

/* Each of `count` recorded requests is sent to the server. Returns how many Echoes that gave. */
static unsigned replay(const message *old, int count)
{
    message inner;
    proa_oscore_received in;
    unsigned echoes = 0;
    for (int i = 0; i < count; i++) {
        proa_oscore_verdict verdict = hear(&server, &old[i], &inner, &in);
        assert_true(verdict == PROA_OSCORE_ANSWER || verdict == PROA_OSCORE_FAILED);
        echoes += verdict == PROA_OSCORE_ANSWER;
    }
    return echoes;
}

/* Somebody sends all that was recorded, over and over: that wears the flash no more than is said, and
 * the peer gets in while it goes on. */
static void rfc8613_b_1_2_echoes_are_rationed(void **state)
{
    (void)state;
    enum { COUNT_OLD = 40, HOUR_S = 3600 };
    static message old[COUNT_OLD];
    proa_oscore_binding b;
    proa_oscore_received in;
    message wire, inner, response, plain = get_a(1, none);
    for (int i = 0; i < COUNT_OLD; i++) {
        old[i] = ask(&client, &b, &plain);
    }
    server.now_ms = UINT32_MAX - 200000; /* nor does it matter how long the device has been on */
    reboot(&server);
    uint64_t first = look(&server).next;
    unsigned stores = proa_oscore_read_stats(server.o).stores;
    assert_int_equal(replay(old, COUNT_OLD), PROA__ECHO_BURST);
    unsigned echoes = PROA__ECHO_BURST;
    for (int s = 1; s <= HOUR_S; s++) {
        server.now_ms += 1000;
        echoes += replay(old, COUNT_OLD);
    }
    unsigned most = PROA__ECHO_BURST + HOUR_S * 1000 / PROA__ECHO_PERIOD_MS;
    assert_in_range(echoes, most - 1, most);
    assert_int_equal(look(&server).next - first, echoes);
    assert_in_range(proa_oscore_read_stats(server.o).stores - stores, 1, most / 16 + 1);
    assert_int_equal(proa_oscore_read_stats(server.o).challenges, echoes);
    assert_int_equal(proa_oscore_read_stats(server.o).unchallenged,
                     (HOUR_S + 1) * COUNT_OLD - echoes);
    /* What was recorded may not have the last one, so it waits for the peer. */
    assert_int_equal(replay(old, COUNT_OLD), 0);
    wire = ask(&client, &b, &plain);
    assert_int_equal(hear(&server, &wire, &inner, &in), PROA_OSCORE_ANSWER);
    assert_int_equal(replay(old, COUNT_OLD), 0);
    assert_int_equal(hear_back(&client, &b, &inner, &response), PROA_OSCORE_ACCEPTED);
    plain = get_a(2, echo_of(&response));
    wire = ask(&client, &b, &plain);
    assert_int_equal(hear(&server, &wire, &inner, &in), PROA_OSCORE_ACCEPTED);
    for (int i = 0; i < COUNT_OLD; i++) {
        assert_int_equal(hear(&server, &old[i], &inner, &in), PROA_OSCORE_REPLAY);
    }
}

/* Sent in their order, recorded requests are each the newest, once: then the peer waits for one. */
static void rfc8613_b_1_2_a_peer_waits_for_its_echo(void **state)
{
    (void)state;
    message old[PROA__ECHO_BURST];
    proa_oscore_binding b;
    proa_oscore_received in;
    message inner, plain = get_a(1, none);
    for (unsigned i = 0; i < PROA__ECHO_BURST; i++) {
        old[i] = ask(&client, &b, &plain);
    }
    reboot(&server);
    server.now_ms = 77;
    assert_int_equal(replay(old, PROA__ECHO_BURST), PROA__ECHO_BURST);
    message wire = ask(&client, &b, &plain);
    assert_int_equal(hear(&server, &wire, &inner, &in), PROA_OSCORE_FAILED);
    server.now_ms += PROA__ECHO_PERIOD_MS - 1;
    assert_int_equal(hear(&server, &wire, &inner, &in), PROA_OSCORE_FAILED);
    server.now_ms++;
    assert_int_equal(replay(old, PROA__ECHO_BURST), 0);
    assert_int_equal(hear(&server, &wire, &inner, &in), PROA_OSCORE_ANSWER);
    assert_int_equal(in.account, ACCOUNT);
}

/* The Echo of an earlier boot, or of nobody, is worth nothing. */
static void rfc8613_b_1_2_only_our_own_echo_of_this_boot(void **state)
{
    (void)state;
    proa_oscore_binding b;
    proa_oscore_received in;
    message inner, response, plain = get_a(1, none);
    reboot(&server);
    message wire = ask(&client, &b, &plain);
    assert_int_equal(hear(&server, &wire, &inner, &in), PROA_OSCORE_ANSWER);
    assert_int_equal(hear_back(&client, &b, &inner, &response), PROA_OSCORE_ACCEPTED);
    plain = get_a(2, echo_of(&response));
    message late = ask(&client, &b, &plain);
    reboot(&server);
    static const uint8_t zeros[PROA__ECHO_LEN];
    plain = get_a(3, proa_span_make(zeros, sizeof zeros));
    wire = ask(&client, &b, &plain);
    assert_int_equal(hear(&server, &wire, &inner, &in), PROA_OSCORE_ANSWER);
    assert_int_equal(hear(&server, &late, &inner, &in), PROA_OSCORE_ANSWER);
    assert_int_equal(talk(&client, &server, 4), 2);
}

/* Requests that were made after the reboot and overtook each other: each counts once. */
static void rfc8613_b_1_2_echoes_out_of_order(void **state)
{
    (void)state;
    proa_oscore_binding b;
    proa_oscore_received in;
    message wires[3], old, inner, response, plain = get_a(1, none);
    old = ask(&client, &b, &plain);
    reboot(&server);
    message wire = ask(&client, &b, &plain);
    assert_int_equal(hear(&server, &wire, &inner, &in), PROA_OSCORE_ANSWER);
    assert_int_equal(hear_back(&client, &b, &inner, &response), PROA_OSCORE_ACCEPTED);
    for (int i = 0; i < 3; i++) {
        plain = get_a((uint16_t)(2 + i), echo_of(&response));
        wires[i] = ask(&client, &b, &plain);
    }
    assert_int_equal(hear(&server, &wires[2], &inner, &in), PROA_OSCORE_ACCEPTED);
    assert_int_equal(hear(&server, &wires[0], &inner, &in), PROA_OSCORE_ACCEPTED);
    assert_int_equal(hear(&server, &old, &inner, &in), PROA_OSCORE_REPLAY);
    assert_int_equal(hear(&server, &wire, &inner, &in), PROA_OSCORE_REPLAY);
    assert_int_equal(hear(&server, &wires[1], &inner, &in), PROA_OSCORE_ACCEPTED);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(hear(&server, &wires[i], &inner, &in), PROA_OSCORE_REPLAY);
    }
}

/* The answer with the Echo has its own number, also for a NON, and says nothing else. */
static void rfc8613_b_1_2_the_answer(void **state)
{
    (void)state;
    proa_oscore_binding b;
    proa_oscore_received in;
    proa_oscore_option option;
    proa_coap_msg m;
    proa_span value;
    message inner, response, plain = get_a(0x1234, none);
    reboot(&server);
    for (int non = 0; non < 2; non++) {
        message wire = ask(&client, &b, &plain);
        wire.bytes[0] = (uint8_t)(wire.bytes[0] | (non ? 0x10 : 0));
        assert_int_equal(hear(&server, &wire, &inner, &in), PROA_OSCORE_ANSWER);
        assert_int_equal(in.account, ACCOUNT);
        assert_int_equal(proa_coap_parse(&m, span(&inner)), PROA_OK);
        assert_int_equal(m.type, non ? PROA_COAP_NON : PROA_COAP_ACK);
        assert_int_equal(m.mid, 0x1234);
        assert_int_equal(m.code, PROA_COAP_CHANGED);
        assert_true(proa_coap_option_find(&m, PROA_COAP_OPT_OSCORE, &value));
        assert_int_equal(proa_oscore_option_parse(value, &option), PROA_OK);
        assert_true(option.has_number && !option.has_kid && !option.has_kid_context);
        assert_int_equal(proa__number_read(option.number), 16 + non);
        assert_int_equal(hear_back(&client, &b, &inner, &response), PROA_OSCORE_ACCEPTED);
        assert_int_equal(proa_coap_parse(&m, span(&response)), PROA_OK);
        assert_int_equal(m.code, PROA_COAP_UNAUTHORIZED);
        assert_int_equal(m.payload.len, 0);
        assert_int_equal(m.options.len, 3 + PROA__ECHO_LEN - 1);
    }
    server.flash.fail_at = 1; /* no number, no answer */
    end_context(&server)->reserved = end_context(&server)->next;
    message wire = ask(&client, &b, &plain);
    assert_int_equal(hear(&server, &wire, &inner, &in), PROA_OSCORE_FAILED);
}

/* ---- lost state, other keys ---------------------------------------------------------------- */

static void rfc8613_7_5_lost_state_is_not_used(void **state)
{
    (void)state;
    proa_oscore_binding b;
    proa_oscore_received in;
    message inner, plain = get_a(1, none);
    message wire = ask(&client, &b, &plain);
    end_off(&client);
    memset(&client.flash, 0, sizeof client.flash);
    end_on(&client, PROA_OSCORE_KNOWN);
    assert_false(look(&client).usable);
    assert_int_equal(proa_oscore_begin_request(client.o, ACCOUNT, &b), PROA_OSCORE_LOST);
    assert_int_equal(proa_oscore_renew(client.o, ACCOUNT), PROA_OSCORE_LOST);
    reboot(&client); /* and it does not come back by itself */
    assert_int_equal(proa_oscore_begin_request(client.o, ACCOUNT, &b), PROA_OSCORE_LOST);
    assert_int_equal(hear(&server, &wire, &inner, &in), PROA_OSCORE_ACCEPTED);
    message theirs = ask(&server, &b, &plain);
    assert_int_equal(hear(&client, &theirs, &inner, &in), PROA_OSCORE_UNKNOWN);
    /* Fresh keys in the same account. */
    client.params.master_secret = proa_span_of("another 16 bytes");
    assert_int_equal(proa_oscore_add(client.o, ACCOUNT, &client.params, PROA_OSCORE_FRESH),
                     PROA_OK);
    assert_int_equal(proa_oscore_begin_request(client.o, ACCOUNT, &b), PROA_OSCORE_DONE);
}

/* Object 21 is written again with what it had, perhaps at each bootstrap, and somebody thinks that is
 * new. */
static void the_same_keys_again_are_not_fresh(void **state)
{
    (void)state;
    proa_oscore_binding b, later;
    message plain = get_a(1, none);
    (void)ask(&client, &b, &plain);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(proa_oscore_add(client.o, ACCOUNT, &client.params, PROA_OSCORE_FRESH),
                         PROA_OK);
        plain = get_a((uint16_t)(2 + i), none);
        (void)ask(&client, &later, &plain);
        assert_int_equal(proa__number_read(later.request_number), i == 0 ? 1 : 16);
        assert_true(i > 0 || later.context == b.context); /* nor is anything under way disturbed */
        end_off(&client);
        end_on(&client, PROA_OSCORE_FRESH);
    }
}

static void replaced_and_removed_keys_are_dead(void **state)
{
    (void)state;
    proa_oscore_binding b;
    proa_oscore_received in;
    proa_oscore_info info;
    message inner, out, plain = get_a(1, none);
    message wire = ask(&client, &b, &plain);
    assert_int_equal(hear(&server, &wire, &inner, &in), PROA_OSCORE_ACCEPTED);
    server.params.master_secret = proa_span_of("another 16 bytes");
    assert_int_equal(proa_oscore_add(server.o, ACCOUNT, &server.params, PROA_OSCORE_FRESH),
                     PROA_OK);
    assert_int_equal(proa_oscore_begin_response(server.o, &in.binding, false), PROA_OSCORE_GONE);
    assert_int_equal(hear(&server, &wire, &inner, &in), PROA_OSCORE_FORGED);
    assert_int_equal(proa_oscore_read_stats(server.o).contexts, 1);
    proa_oscore_remove(server.o, ACCOUNT);
    assert_int_equal(hear(&server, &wire, &inner, &in), PROA_OSCORE_UNKNOWN);
    assert_false(proa_oscore_look(server.o, ACCOUNT, &info));
    assert_string_equal(server.flash.blobs[0].name, "");
    assert_int_equal(proa_oscore_read_stats(server.o).contexts, 0);
    proa_oscore_remove(server.o, ACCOUNT);
    proa_oscore_remove(client.o, ACCOUNT);
    assert_int_equal(
        proa_oscore_protect(client.o, &b, span(&plain), out.bytes, sizeof out.bytes, &out.len),
        PROA_OSCORE_GONE);
    assert_int_equal(hear_back(&client, &b, &wire, &inner), PROA_OSCORE_MALFORMED);
    message response = content(1, "x"); /* any response with the option */
    response = message_of("60 44 00 01 90 ff 01 02 03 04 05 06 07 08 09");
    assert_int_equal(hear_back(&client, &b, &response, &inner), PROA_OSCORE_UNKNOWN);
}

static void several_accounts_and_unique_kids(void **state)
{
    (void)state;
    proa_oscore_params p = client.params;
    assert_int_equal(proa_oscore_add(client.o, 2, &p, PROA_OSCORE_FRESH), PROA_E_EXISTS);
    assert_int_equal(client.flash.writes, 1); /* refused before anything was stored */
    static const char *const kids[] = {"", "1", "2"};
    for (uint64_t i = 0; i < 3; i++) {
        p.recipient_id = proa_span_of(kids[i]);
        assert_int_equal(proa_oscore_add(client.o, 2 + i, &p, PROA_OSCORE_FRESH), PROA_OK);
    }
    p.recipient_id = proa_span_of("3");
    assert_int_equal(proa_oscore_add(client.o, 9, &p, PROA_OSCORE_FRESH), PROA_E_FULL);
    proa_oscore_remove(client.o, 3);
    p.recipient_id = proa_span_of(""); /* of account 2 */
    assert_int_equal(proa_oscore_add(client.o, 9, &p, PROA_OSCORE_FRESH), PROA_E_EXISTS);
    p.recipient_id = proa_span_of("1");
    assert_int_equal(proa_oscore_add(client.o, 9, &p, PROA_OSCORE_FRESH), PROA_OK);
    for (uint64_t account = 2; account < 10; account++) {
        proa_oscore_binding b;
        proa_oscore_result expected =
            account == 2 || account == 4 || account == 9 ? PROA_OSCORE_DONE : PROA_OSCORE_GONE;
        assert_int_equal(proa_oscore_begin_request(client.o, account, &b), expected);
    }
}

/* §3.3, §5.1, §8.2: kid and kid context together say who it is. Accounts 2 to 4 have one kid; 2 has no
 * ID Context, 3 and 4 have one each, all with the same secret. A message is tried under one of them. */
static void rfc8613_8_2_one_kid_and_several_contexts(void **state)
{
    (void)state;
    static const char *const contexts[] = {NULL, NULL, NULL, "room", ""};
    static const struct {
        unsigned in_table; /* bit n: account n */
        unsigned sender;   /* the account's peer */
        bool says;         /* its ID Context */
        proa_oscore_verdict verdict;
    } rows[] = {
        {1 << 2 | 1 << 3 | 1 << 4, 2, false, PROA_OSCORE_ACCEPTED},
        {1 << 2 | 1 << 3 | 1 << 4, 3, true, PROA_OSCORE_ACCEPTED},
        {1 << 2 | 1 << 3 | 1 << 4, 4, true, PROA_OSCORE_ACCEPTED},
        {1 << 2 | 1 << 3 | 1 << 4, 3, false,
         PROA_OSCORE_FORGED},                             /* taken for 2, and for nobody else */
        {1 << 3 | 1 << 4, 3, false, PROA_OSCORE_UNKNOWN}, /* which one is not guessed */
        {1 << 3 | 1 << 4, 4, false, PROA_OSCORE_UNKNOWN},
        {1 << 3 | 1 << 4, 4, true, PROA_OSCORE_ACCEPTED},
        {1 << 3 | 1 << 4, 2, false, PROA_OSCORE_UNKNOWN},
        {1 << 3, 3, false, PROA_OSCORE_ACCEPTED}, /* there is only one */
        {1 << 4, 4, false, PROA_OSCORE_ACCEPTED},
        {1 << 4, 3, true, PROA_OSCORE_UNKNOWN},
        {1 << 2 | 1 << 4, 3, true, PROA_OSCORE_UNKNOWN},
        {1 << 2 | 1 << 4, 4, false, PROA_OSCORE_FORGED},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        proa_oscore_binding b;
        proa_oscore_received in;
        message wire, inner, plain = get_a(1, none);
        off(NULL);
        ends_start(&client, &server, 11);
        proa_oscore_remove(server.o, ACCOUNT);
        proa_oscore_remove(client.o, ACCOUNT);
        proa_oscore_params p = client.params;
        p.has_id_context = contexts[rows[i].sender] != NULL;
        p.id_context = p.has_id_context ? proa_span_of(contexts[rows[i].sender]) : none;
        assert_int_equal(proa_oscore_add(client.o, ACCOUNT, &p, PROA_OSCORE_FRESH), PROA_OK);
        p = server.params;
        for (unsigned account = 2; account <= 4; account++) {
            p.has_id_context = contexts[account] != NULL;
            p.id_context = p.has_id_context ? proa_span_of(contexts[account]) : none;
            if ((rows[i].in_table >> account & 1U) != 0) {
                assert_int_equal(proa_oscore_add(server.o, account, &p, PROA_OSCORE_FRESH),
                                 PROA_OK);
                assert_int_equal(proa_oscore_add(server.o, 5, &p, PROA_OSCORE_FRESH),
                                 PROA_E_EXISTS);
            }
        }
        if (!rows[i].says) {
            end_context(&client)->announced = none;
        }
        wire = ask(&client, &b, &plain);
        unsigned calls = crypto_calls();
        proa_oscore_verdict verdict = hear(&server, &wire, &inner, &in);
        if (verdict != rows[i].verdict) {
            print_error("row %zu\n", i);
        }
        assert_int_equal(verdict, rows[i].verdict);
        assert_int_equal(crypto_calls() - calls, verdict == PROA_OSCORE_UNKNOWN ? 0 : 1);
        assert_int_equal(in.account, verdict == PROA_OSCORE_ACCEPTED ? rows[i].sender : 0);
    }
}

/* One of them goes, and its kid stays with the others. */
static void rfc8613_8_2_contexts_of_one_kid_come_and_go(void **state)
{
    (void)state;
    proa_oscore_binding b;
    proa_oscore_received in;
    message inner, plain = get_a(1, none);
    proa_oscore_params p = server.params;
    p.has_id_context = true;
    p.id_context = proa_span_of("room");
    assert_int_equal(proa_oscore_add(server.o, 2, &p, PROA_OSCORE_FRESH), PROA_OK);
    message wire = ask(&client, &b, &plain);
    assert_int_equal(hear(&server, &wire, &inner, &in), PROA_OSCORE_ACCEPTED);
    proa_oscore_remove(server.o, 2);
    wire = ask(&client, &b, &plain);
    assert_int_equal(hear(&server, &wire, &inner, &in), PROA_OSCORE_ACCEPTED);
    assert_int_equal(proa_oscore_add(server.o, 2, &p, PROA_OSCORE_KNOWN), PROA_OK);
    proa_oscore_remove(server.o, ACCOUNT);
    wire = ask(&client, &b, &plain); /* nobody else's: the only one that is left is lost */
    assert_int_equal(hear(&server, &wire, &inner, &in), PROA_OSCORE_UNKNOWN);
    assert_int_equal(proa_oscore_read_stats(server.o).contexts, 1);
}

static void rfc8613_3_2_parameters_out_of_bounds(void **state)
{
    (void)state;
    static const uint8_t bytes[100] = {1, 2, 3};
    proa_oscore_params good = client.params;
    good.recipient_id = proa_span_of("new");
    for (int i = 0; i < 14; i++) {
        proa_oscore_params p = good;
        proa_err expected = PROA_E_RANGE;
        switch (i) {
        case 0:
            p.master_secret = proa_span_make(bytes, 15);
            break;
        case 1:
            p.master_secret = proa_span_make(bytes, 65);
            break;
        case 2:
            p.master_salt = proa_span_make(bytes, 33);
            break;
        case 3:
            p.sender_id = proa_span_make(bytes, 8);
            break;
        case 4:
            p.recipient_id = proa_span_make(bytes, 8);
            break;
        case 5:
            p.recipient_id = p.sender_id;
            break;
        case 6:
            p.sender_id = p.recipient_id = proa_span_make(NULL, 0);
            break;
        case 7:
            p.id_context = proa_span_make(bytes, 33), p.has_id_context = true;
            break;
        case 8:
            p.aead = PROA_COSE_A128GCM, p.sender_id = proa_span_make(bytes, 7);
            break;
        case 9:
            p.aead = 11, expected = PROA_E_UNSUPPORTED;
            break;
        case 10:
            p.aead = 0, expected = PROA_E_UNSUPPORTED;
            break;
        case 11:
            p.hmac = 0, expected = PROA_E_UNSUPPORTED;
            break;
        case 12:
            p.hmac = 6, expected = PROA_E_UNSUPPORTED;
            break;
        default:
            p.hmac = -11, expected = PROA_E_UNSUPPORTED;
            break;
        }
        assert_int_equal(proa_oscore_add(client.o, 5, &p, PROA_OSCORE_FRESH), expected);
    }
    good.master_secret = proa_span_make(bytes, 64);
    good.master_salt = proa_span_make(bytes, 32);
    good.sender_id = proa_span_make(bytes, 7);
    good.recipient_id = proa_span_make(bytes + 1, 7);
    good.id_context = proa_span_make(bytes, 32);
    good.has_id_context = true;
    assert_int_equal(proa_oscore_add(client.o, 5, &good, PROA_OSCORE_FRESH), PROA_OK);
}

/* ---- faults -------------------------------------------------------------------------------- */

/* The n-th write fails, at each n: what the table then says is what the flash can bear. */
static void store_fails_at_each_write(void **state)
{
    (void)state;
    for (unsigned n = 1; n < 8; n++) {
        off(NULL);
        ends_make(&client, &server, n);
        client.flash.fail_at = n;
        proa_oscore_binding b;
        if (n == 1) {
            proa_oscore_params params = client.params;
            client.params.recipient_id = proa_span_of("x");
            client.flash.fail_at = 0;
            end_on(&client, PROA_OSCORE_FRESH);
            client.params = params;
            client.flash.fail_at = 1;
            assert_int_equal(proa_oscore_add(client.o, 5, &client.params, PROA_OSCORE_FRESH),
                             PROA_E_IO);
            assert_int_equal(proa_oscore_begin_request(client.o, 5, &b), PROA_OSCORE_GONE);
        } else {
            end_on(&client, PROA_OSCORE_FRESH);
            unsigned sent = 0;
            while (sent < 1000 &&
                   proa_oscore_begin_request(client.o, ACCOUNT, &b) == PROA_OSCORE_DONE) {
                sent++;
            }
            assert_int_equal(sent, 16 * (n - 1));
        }
        client.flash.fail_at = 0;
        end_on(&server, PROA_OSCORE_FRESH);
    }
}

static void cryptography_fails_while_adding(void **state)
{
    (void)state;
    proa_oscore_params p = client.params;
    p.recipient_id = proa_span_of("new");
    for (unsigned n = 1; n <= 5; n++) {
        crypto_fail_at(n);
        assert_int_equal(proa_oscore_add(client.o, 5, &p, PROA_OSCORE_FRESH), PROA_E_CRYPTO);
        crypto_fail_at(0);
        proa_oscore_binding b;
        assert_int_equal(proa_oscore_begin_request(client.o, 5, &b), PROA_OSCORE_GONE);
    }
    assert_int_equal(client.flash.writes, 1);
    assert_int_equal(proa_oscore_add(client.o, 5, &p, PROA_OSCORE_FRESH), PROA_OK);
}

/* Runs out of storage at the n-th block. */
static unsigned blocks_left;

static void *take_some(void *ctx, size_t len)
{
    (void)ctx;
    return blocks_left-- > 0 ? calloc(1, len) : NULL;
}

static void give(void *ctx, void *block, size_t len)
{
    (void)ctx;
    (void)len;
    free(block);
}

static void opening_without_memory(void **state)
{
    (void)state;
    proa_oscore_config config = client.o->config;
    proa_oscore *o;
    config.memory = (proa_memory){take_some, give, NULL};
    for (unsigned n = 0; n < 3; n++) {
        blocks_left = n;
        assert_int_equal(proa_oscore_open(&o, &config), PROA_E_NO_MEMORY);
    }
    blocks_left = 3;
    assert_int_equal(proa_oscore_open(&o, &config), PROA_OK);
    proa_oscore_free(o);
    proa_oscore_free(NULL);
    static const proa_oscore_config nonsense;
    assert_int_equal(proa_oscore_open(&o, &nonsense), PROA_E_RANGE);
    config.contexts_first = config.contexts_max + 1;
    assert_int_equal(proa_oscore_open(&o, &config), PROA_E_RANGE);
}

/* Every blob that is not ours: no numbers are taken from it, and with KNOWN keys none at all. */
static void damaged_blobs(void **state)
{
    (void)state;
    uint8_t good[64];
    size_t len = client.flash.blobs[0].len;
    memcpy(good, client.flash.blobs[0].bytes, len);
    end_off(&client);
    for (size_t cut = 0; cut <= len; cut++) {
        client.flash.blobs[0].len = cut;
        end_on(&client, PROA_OSCORE_KNOWN);
        assert_int_equal(look(&client).usable, cut == len);
        end_off(&client);
    }
    client.flash.blobs[0].bytes[len] = 0;
    client.flash.blobs[0].len = len + 1;
    end_on(&client, PROA_OSCORE_KNOWN);
    assert_false(look(&client).usable);
    end_off(&client);
    client.flash.blobs[0].len = len;
    for (size_t i = 0; i < len; i++) {
        client.flash.blobs[0].bytes[i] ^= 0x81;
        end_on(&client, PROA_OSCORE_KNOWN);
        proa_oscore_info info = look(&client);
        /* Only the counter itself may say another number. */
        assert_true(!info.usable || (i > 9 && i < 16));
        end_off(&client);
        client.flash.blobs[0].bytes[i] ^= 0x81;
    }
    client.flash.blobs[0].len = 200;
    end_on(&client, PROA_OSCORE_KNOWN);
    assert_false(look(&client).usable);
}

static void without_a_store(void **state)
{
    (void)state;
    proa_oscore_config config = client.o->config;
    proa_oscore *o;
    proa_oscore_binding b;
    config.store = (proa_store){NULL, NULL, NULL, NULL};
    assert_int_equal(proa_oscore_open(&o, &config), PROA_OK);
    assert_int_equal(proa_oscore_add(o, 1, &client.params, PROA_OSCORE_KNOWN), PROA_OK);
    assert_int_equal(proa_oscore_begin_request(o, 1, &b), PROA_OSCORE_LOST);
    proa_oscore_remove(o, 1);
    assert_int_equal(proa_oscore_add(o, 1, &client.params, PROA_OSCORE_FRESH), PROA_OK);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(proa_oscore_begin_request(o, 1, &b), PROA_OSCORE_DONE);
    }
    proa_oscore_free(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rfc8613_b_1_1_numbers_are_stored_ahead, on, off),
        cmocka_unit_test_setup_teardown(rfc8613_b_1_1_reboot_at_any_number, on, off),
        cmocka_unit_test_setup_teardown(rfc8613_b_1_1_nothing_is_sent_that_could_not_be_stored, on,
                                        off),
        cmocka_unit_test_setup_teardown(rfc8613_7_2_1_the_last_number, on, off),
        cmocka_unit_test_setup_teardown(rfc8613_b_1_2_echo_after_a_reboot, on, off),
        cmocka_unit_test_setup_teardown(rfc8613_b_1_2_replays_across_a_reboot, on, off),
        cmocka_unit_test_setup_teardown(rfc8613_b_1_2_echoes_are_rationed, on, off),
        cmocka_unit_test_setup_teardown(rfc8613_b_1_2_a_peer_waits_for_its_echo, on, off),
        cmocka_unit_test_setup_teardown(rfc8613_b_1_2_only_our_own_echo_of_this_boot, on, off),
        cmocka_unit_test_setup_teardown(rfc8613_b_1_2_echoes_out_of_order, on, off),
        cmocka_unit_test_setup_teardown(rfc8613_b_1_2_the_answer, on, off),
        cmocka_unit_test_setup_teardown(rfc8613_7_5_lost_state_is_not_used, on, off),
        cmocka_unit_test_setup_teardown(the_same_keys_again_are_not_fresh, on, off),
        cmocka_unit_test_setup_teardown(replaced_and_removed_keys_are_dead, on, off),
        cmocka_unit_test_setup_teardown(several_accounts_and_unique_kids, on, off),
        cmocka_unit_test_setup_teardown(rfc8613_8_2_one_kid_and_several_contexts, on, off),
        cmocka_unit_test_setup_teardown(rfc8613_8_2_contexts_of_one_kid_come_and_go, on, off),
        cmocka_unit_test_setup_teardown(rfc8613_3_2_parameters_out_of_bounds, on, off),
        cmocka_unit_test_setup_teardown(store_fails_at_each_write, on, off),
        cmocka_unit_test_setup_teardown(cryptography_fails_while_adding, on, off),
        cmocka_unit_test_setup_teardown(opening_without_memory, on, off),
        cmocka_unit_test_setup_teardown(damaged_blobs, on, off),
        cmocka_unit_test_setup_teardown(without_a_store, on, off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
