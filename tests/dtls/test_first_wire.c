/* SPDX-License-Identifier: Apache-2.0 */
/* First sessions, as others have to see them: what leaves a box is what docs/C2C.md §6 says, with record
 * numbers that do not come twice, and what sleeps is what a handshake would have left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <mbedtls/ccm.h>

#include "ports/mbedtls/box.h"
#include "tests/dtls/firsts.h"

/* ---- the wire ----------------------------------------------------------------------------- */

/* docs/C2C.md §6, computed by Python's hmac and nothing of ours:
 *
 *     P_SHA256(key, "c2c first session" + identity)         48 bytes master, id of server, id of client
 *     P_SHA256(master, "key expansion" + 64 bytes of zero)  keys of client and server, salts of both
 */
typedef struct end {
    uint8_t id[2]; /* what the other one writes */
    uint8_t key[16];
    uint8_t salt[4];
} end;

static const end golden_client = {{0x15, 0xd7},
                                  {0x2c, 0xa0, 0xa0, 0x6f, 0xa0, 0x07, 0x54, 0xe5, 0x7e, 0x84, 0x84,
                                   0x99, 0x56, 0x60, 0x6d, 0xa3},
                                  {0x8e, 0x35, 0x85, 0xf8}};
static const end golden_server = {{0x2c, 0xd4},
                                  {0xce, 0x7e, 0xdb, 0xe6, 0x86, 0x96, 0x3d, 0xb8, 0x6c, 0x08, 0x72,
                                   0x0d, 0xd2, 0x72, 0x60, 0x87},
                                  {0x16, 0x52, 0x73, 0x37}};

enum { NUMBER_LEN = 8, MAC_LEN = 8, ADDITIONAL_LEN = 25 };

/* RFC 9146 §5.3 */
static void write_additional(const uint8_t *record, size_t inner_len, uint8_t out[ADDITIONAL_LEN])
{
    static const uint8_t head[10] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 25, 2};
    memcpy(out, head, sizeof head);
    out[10] = 25;
    memcpy(out + 11, record + 1, 12); /* version, epoch, number, id */
    out[23] = (uint8_t)(inner_len >> 8);
    out[24] = (uint8_t)inner_len;
}

/* RFC 6655 §3: salt, then what the record shows. */
static void write_nonce(const end *from, const uint8_t *record, uint8_t out[12])
{
    memcpy(out, from->salt, 4);
    memcpy(out + 4, record + FIRSTS_RECORD_AT, NUMBER_LEN);
}

static void expect_sealed(const lab_datagram *d, const end *from, const end *to, const char *text)
{
    static const uint8_t head[5] = {25, 0xfe, 0xfd, 0, 1};
    uint8_t additional[ADDITIONAL_LEN];
    uint8_t nonce[12];
    uint8_t plain[64] = {0};
    size_t inner_len = strlen(text) + 1;
    const uint8_t *sealed = d->bytes + FIRSTS_RECORD_AT + NUMBER_LEN;
    mbedtls_ccm_context ccm;
    assert_int_equal(d->len, FIRSTS_RECORD_AT + NUMBER_LEN + inner_len + MAC_LEN);
    assert_memory_equal(d->bytes, head, sizeof head);
    assert_memory_equal(d->bytes + 11, to->id, 2);
    assert_int_equal(d->bytes[13] << 8 | d->bytes[14], NUMBER_LEN + inner_len + MAC_LEN);
    assert_memory_equal(d->bytes + FIRSTS_RECORD_AT, d->bytes + 3,
                        NUMBER_LEN); /* epoch and number */
    write_additional(d->bytes, inner_len, additional);
    write_nonce(from, d->bytes, nonce);
    mbedtls_ccm_init(&ccm);
    assert_int_equal(mbedtls_ccm_setkey(&ccm, MBEDTLS_CIPHER_ID_AES, from->key, 128), 0);
    assert_int_equal(mbedtls_ccm_auth_decrypt(&ccm, inner_len, nonce, 12, additional,
                                              ADDITIONAL_LEN, sealed, plain, sealed + inner_len,
                                              MAC_LEN),
                     0);
    mbedtls_ccm_free(&ccm);
    assert_memory_equal(plain, text, inner_len - 1);
    assert_int_equal(plain[inner_len - 1], 23); /* application data */
}

static size_t seal(const end *from, const end *to, uint8_t number, const char *text, uint8_t *out)
{
    static const uint8_t head[11] = {25, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 0};
    uint8_t additional[ADDITIONAL_LEN];
    uint8_t nonce[12];
    uint8_t plain[64];
    size_t inner_len = strlen(text) + 1;
    uint8_t *sealed = out + FIRSTS_RECORD_AT + NUMBER_LEN;
    mbedtls_ccm_context ccm;
    memcpy(plain, text, inner_len - 1);
    plain[inner_len - 1] = 23;
    memcpy(out, head, sizeof head);
    out[10] = number;
    memcpy(out + 11, to->id, 2);
    out[13] = 0;
    out[14] = (uint8_t)(NUMBER_LEN + inner_len + MAC_LEN);
    memcpy(out + FIRSTS_RECORD_AT, out + 3, NUMBER_LEN);
    write_additional(out, inner_len, additional);
    write_nonce(from, out, nonce);
    mbedtls_ccm_init(&ccm);
    assert_int_equal(mbedtls_ccm_setkey(&ccm, MBEDTLS_CIPHER_ID_AES, from->key, 128), 0);
    assert_int_equal(mbedtls_ccm_encrypt_and_tag(&ccm, inner_len, nonce, 12, additional,
                                                 ADDITIONAL_LEN, plain, sealed, sealed + inner_len,
                                                 MAC_LEN),
                     0);
    mbedtls_ccm_free(&ccm);
    return FIRSTS_RECORD_AT + NUMBER_LEN + inner_len + MAC_LEN;
}

static void rfc9146_5_first_records_byte_by_byte(void **state)
{
    (void)state;
    firsts p;
    firsts_pair_make(&p, 2);
    firsts_keep_records(&p, 1);
    expect_sealed(&firsts_kept[0], &golden_client, &golden_server, "0");
    firsts_give(&p, 0);
    uint32_t at_server = firsts_expect(&p, '0');
    firsts_kept_count = 0;
    p.world->tap = firsts_keep;
    assert_int_equal(lab_send(p.world, p.server, at_server, "answer"), PROA_OK);
    lab_flush(p.world);
    expect_sealed(&firsts_kept[0], &golden_server, &golden_client, "answer");
    lab_free(p.world);
}

/* The far end is this test, and each box is alone with it. */
static void rfc9146_5_records_of_another_implementation_are_taken(void **state)
{
    (void)state;
    static const uint8_t numbers[] = {0, 1, 200};
    for (size_t i = 0; i < sizeof numbers; i++) {
        firsts p;
        uint8_t record[128];
        firsts_pair_make(&p, 2);
        size_t len = seal(&golden_client, &golden_server, numbers[i], "up", record);
        lab_inject(p.world, p.server, &p.client->addr, record, len);
        (void)firsts_expect(&p, 'u');
        len = seal(&golden_server, &golden_client, numbers[i], "down", record);
        lab_inject(p.world, p.client, &p.server->addr, record, len);
        (void)lab_expect(p.client, PROA_SECURE_CONNECTED);
        assert_memory_equal(lab_expect(p.client, PROA_SECURE_DATA)->bytes, "down", 4);
        lab_free(p.world);
    }
}

static void first_ids_are_the_golden_ones(void **state)
{
    (void)state;
    static const struct {
        uint8_t cid_len;
        uint32_t of_server;
        uint32_t of_client;
    } rows[] = {
        {1, 0x2c, 0xd4}, {2, 0x2cd4, 0x15d7}, {3, 0x2cd415, 0xd78b68}, {4, 0x2cd415d7, 0x8b686158}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        firsts p;
        uint32_t id;
        firsts_pair_make(&p, rows[i].cid_len);
        assert_int_equal(p.told.ids[0], rows[i].of_server);
        assert_int_equal(firsts_id(p.server, &p.first, false), rows[i].of_client);
        assert_int_equal(firsts_id(p.client, &p.first, true), rows[i].of_server);
        assert_int_equal(p.client->box->class_->first_id(p.client->box, &p.first, false, &id),
                         PROA_E_EXISTS); /* it has been opened */
        lab_free(p.world);
    }
}

/* ---- contexts ----------------------------------------------------------------------------- */

enum {
    CID_LEN = 2, /* of both ends here */
    SESSION_ID_AT = 8,
    MASTER_AT = SESSION_ID_AT + 1 + 32,
    RANDOMS_AT = MASTER_AT + 48 + 4 + 1,
    CIDS_AT = RANDOMS_AT + 64,
    WINDOW_AT = CIDS_AT + 2 * (1 + CID_LEN) + 4,
    NUMBER_AT = WINDOW_AT + 16 + 1 + 2,
    CONTEXT_LEN = NUMBER_AT + 6 + 2
};

/* What two sessions may differ in: secrets, names, numbers. */
static void mask(uint8_t *context)
{
    memset(context + SESSION_ID_AT, 0, 1 + 32); /* nobody resumes */
    memset(context + MASTER_AT, 0, 48);
    memset(context + RANDOMS_AT, 0, 64);
    memset(context + CIDS_AT + 1, 0, CID_LEN);
    memset(context + CIDS_AT + 2 + CID_LEN, 0, CID_LEN);
    memset(context + WINDOW_AT, 0, 16);
    memset(context + NUMBER_AT, 0, 6);
}

static const proa__blob *blob_of(const lab_node *node, uint32_t session)
{
    const proa__dtls *box = (const proa__dtls *)(const void *)node->box;
    const proa__session *s = proa__dtls_session(box, session);
    assert_non_null(s);
    assert_int_equal(s->phase, PROA__DTLS_ASLEEP);
    return s->state;
}

/* Both slept; but for what `mask` says they are the same. */
static void expect_alike(const lab_node *node, uint32_t by_handshake, uint32_t first)
{
    uint8_t contexts[2][CONTEXT_LEN];
    const uint32_t sessions[2] = {by_handshake, first};
    for (size_t i = 0; i < 2; i++) {
        const proa__blob *blob = blob_of(node, sessions[i]);
        assert_int_equal(blob->len, CONTEXT_LEN);
        memcpy(contexts[i], blob->bytes, CONTEXT_LEN);
        mask(contexts[i]);
    }
    assert_memory_equal(contexts[0], contexts[1], CONTEXT_LEN);
}

/* Of three, two always sleep: the one by handshake, the first one, another one by handshake. */
static void first_session_sleeps_beside_one_by_handshake(void **state)
{
    (void)state;
    firsts p;
    proa_secure_first first = firsts_golden();
    uint32_t at_client[3];
    uint32_t at_server[3];
    firsts_nodes(&p, CID_LEN);
    p.client->config.live_max = p.server->config.live_max = 1;
    firsts_start(&p);
    at_client[0] = lab_pair(p.world, p.client, p.server, &at_server[0]);
    firsts_begin(&p, &first);
    at_client[1] = p.at_client;
    at_server[1] = firsts_prove(&p);
    at_client[2] = lab_pair(p.world, p.client, p.server, &at_server[2]);
    for (int round = 0; round < 3; round++) {
        expect_alike(p.client, at_client[0], at_client[1]);
        expect_alike(p.server, at_server[0], at_server[1]);
        for (size_t i = 0; i < 3; i++) {
            firsts_go_on(&p, at_client[i], at_server[i]);
        }
    }
    assert_true(lab_stats(p.server).woken >= 9);
    lab_free(p.world);
}

/* An unproved one sleeps as well, and its proof wakes it. */
static void first_session_sleeps_before_the_answer(void **state)
{
    (void)state;
    firsts p;
    proa_secure_first firsts[2] = {firsts_key(1, 16, "one"), firsts_key(2, 16, "two")};
    uint32_t at_client[2];
    firsts_nodes(&p, CID_LEN);
    p.client->config.live_max = 1;
    firsts_start(&p);
    for (size_t i = 0; i < 2; i++) {
        firsts_begin(&p, &firsts[i]);
        at_client[i] = p.at_client;
    }
    assert_int_equal(lab_stats(p.client).hibernated, 1);
    p.server->echo = true;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(lab_send(p.world, p.client, at_client[i], "0"), PROA_OK);
    }
    lab_run(p.world, 1000);
    for (size_t i = 0; i < 2; i++) {
        const lab_event *event = lab_expect(p.client, PROA_SECURE_CONNECTED);
        assert_int_equal(event->event.session, at_client[i]);
        assert_int_equal(lab_expect(p.client, PROA_SECURE_DATA)->event.session, at_client[i]);
    }
    assert_null(lab_next(p.client));
    assert_int_equal(lab_stats(p.client).live, 1);
    assert_int_equal(lab_stats(p.client).hibernated, 1);
    lab_free(p.world);
}

static uint64_t number_of(const lab_datagram *d)
{
    uint64_t number = 0;
    for (size_t i = 5; i < 11; i++) {
        number = number << 8 | d->bytes[i];
    }
    return number;
}

/* ---- record numbers ----------------------------------------------------------------------- */

enum { ROUNDS = 24 };

/* A caller that breaks its promise gives one key again and again. */
static void rfc5116_3_2_no_number_comes_twice_if_a_key_does(void **state)
{
    (void)state;
    uint64_t numbers[2][ROUNDS];
    for (size_t i = 0; i < ROUNDS; i++) {
        firsts p;
        firsts_pair_make(&p, 2);
        p.world->random.state = i;
        p.client->random.state = 1000 + i; /* another device each time */
        p.server->random.state = 2000 + i;
        p.client->box->class_->close(p.client->box, p.world->now_ms, p.at_client, false);
        p.at_client = firsts_open(p.world, p.client, p.server, &p.first);
        firsts_keep_records(&p, 3);
        numbers[0][i] = number_of(&firsts_kept[0]);
        assert_int_equal(number_of(&firsts_kept[2]), numbers[0][i] + 2);
        firsts_give(&p, 0);
        uint32_t at_server = firsts_expect(&p, '0');
        firsts_kept_count = 0;
        p.world->tap = firsts_keep;
        assert_int_equal(lab_send(p.world, p.server, at_server, "down"), PROA_OK);
        lab_flush(p.world);
        numbers[1][i] = number_of(&firsts_kept[0]);
        lab_free(p.world);
    }
    for (size_t k = 0; k < 2; k++) {
        uint64_t ones = 0;
        uint64_t zeros = 0;
        for (size_t i = 0; i < ROUNDS; i++) {
            ones |= numbers[k][i];
            zeros |= ~numbers[k][i];
            for (size_t j = 0; j < i; j++) { /* and far from each other */
                uint64_t apart = numbers[k][i] - numbers[k][j];
                assert_true(apart > 1U << 20 && 0 - apart > 1U << 20);
            }
        }
        assert_true(ones == 0xffffffffffu); /* 40 bits: there are enough numbers left */
        assert_true((zeros & 0xffffffffffu) == 0xffffffffffu);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc9146_5_first_records_byte_by_byte),
        cmocka_unit_test(rfc9146_5_records_of_another_implementation_are_taken),
        cmocka_unit_test(first_ids_are_the_golden_ones),
        cmocka_unit_test(first_session_sleeps_beside_one_by_handshake),
        cmocka_unit_test(first_session_sleeps_before_the_answer),
        cmocka_unit_test(rfc5116_3_2_no_number_comes_twice_if_a_key_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
