/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 8613 Appendix C, byte for byte, and the examples of §5.4 and §6.3. The hexadecimal strings are
 * those of the RFC. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/oscore/ends.h"
#include "tests/support/guard.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SECRET "0102030405060708090a0b0c0d0e0f10"
#define SALT "9e7ca92223786340"
#define ID_CONTEXT "37cbf3210017a2d3"

typedef struct bytes {
    uint8_t data[64];
    size_t len;
} bytes;

static bytes of(const char *text)
{
    bytes b = {{0}, 0};
    b.len = hex(text, b.data, sizeof b.data);
    return b;
}

static void is_hex(const uint8_t *actual, size_t len, const char *expected)
{
    bytes b = of(expected);
    assert_int_equal(len, b.len);
    assert_memory_equal(actual, b.data, len);
}

/* An end with the parameters of a test vector, beginning at `next`. NULL: there is none. */
static void start(end *e, const char *salt, const char *sender, const char *recipient,
                  const char *id_context, uint64_t next)
{
    static end other;
    static bytes kept[5];
    ends_make(e, &other, 1);
    kept[0] = of(SECRET);
    kept[1] = of(salt);
    kept[2] = of(sender);
    kept[3] = of(recipient);
    kept[4] = of(id_context == NULL ? "" : id_context);
    e->params.master_secret = proa_span_make(kept[0].data, kept[0].len);
    e->params.master_salt = proa_span_make(kept[1].data, kept[1].len);
    e->params.sender_id = proa_span_make(kept[2].data, kept[2].len);
    e->params.recipient_id = proa_span_make(kept[3].data, kept[3].len);
    e->params.id_context = proa_span_make(kept[4].data, kept[4].len);
    e->params.has_id_context = id_context != NULL;
    e->params.hmac = PROA_COSE_DIRECT_HKDF_SHA_256;
    end_on(e, PROA_OSCORE_FRESH);
    end_context(e)->next = next;
    end_context(e)->reserved = next + 1;
}

/* What an AEAD was last told. */
static uint8_t nonce[PROA_AEAD_NONCE_MAX];
static uint8_t aad[64];
static size_t aad_len;

static proa_err listen(const proa_aead *aead, const uint8_t *key, const uint8_t *n, proa_span more,
                       uint8_t *text, size_t len)
{
    (void)key;
    (void)text;
    (void)len;
    assert_true(more.len <= sizeof aad);
    memcpy(nonce, n, aead->nonce_len);
    memcpy(aad, more.data, more.len);
    aad_len = more.len;
    return PROA_OK;
}

/* Has that told for a request of ours or of the peer. */
static void crypt_request(const proa__keys *keys, bool ours, uint64_t number)
{
    proa__keys heard = *keys;
    proa_aead aead = *keys->aead;
    proa_oscore_binding b = {.marks = ours ? PROA__ASKED : 0};
    uint8_t text[PROA_AEAD_TAG_MAX];
    aead.seal = aead.open = listen;
    heard.aead = &aead;
    proa__number_write(b.request_number, number);
    assert_int_equal(proa__oscore_crypt(&heard, &b, NULL, ours, text, 0), PROA_OK);
}

static void rfc8613_c_1_to_c_3_derivation(void **state)
{
    (void)state;
    static const struct {
        const char *salt, *sender, *recipient, *id_context;
        const char *sender_key, *recipient_key, *iv, *sender_nonce, *recipient_nonce;
    } rows[] = {
        {SALT, "", "01", NULL, "f0910ed7295e6ad4b54fc793154302ff",
         "ffb14e093c94c9cac9471648b4f98710", "4622d4dd6d944168eefb54987c",
         "4622d4dd6d944168eefb54987c", "4722d4dd6d944169eefb54987c"}, /* C.1.1 */
        {SALT, "01", "", NULL, "ffb14e093c94c9cac9471648b4f98710",
         "f0910ed7295e6ad4b54fc793154302ff", "4622d4dd6d944168eefb54987c",
         "4722d4dd6d944169eefb54987c", "4622d4dd6d944168eefb54987c"}, /* C.1.2 */
        {"", "00", "01", NULL, "321b26943253c7ffb6003b0b64d74041",
         "e57b5635815177cd679ab4bcec9d7dda", "be35ae297d2dace910c52e99f9",
         "bf35ae297d2dace910c52e99f9", "bf35ae297d2dace810c52e99f9"}, /* C.2.1 */
        {"", "01", "00", NULL, "e57b5635815177cd679ab4bcec9d7dda",
         "321b26943253c7ffb6003b0b64d74041", "be35ae297d2dace910c52e99f9",
         "bf35ae297d2dace810c52e99f9", "bf35ae297d2dace910c52e99f9"}, /* C.2.2 */
        {SALT, "", "01", ID_CONTEXT, "af2a1300a5e95788b356336eeecd2b92",
         "e39a0c7c77b43f03b4b39ab9a268699f", "2ca58fb85ff1b81c0b7181b85e",
         "2ca58fb85ff1b81c0b7181b85e", "2da58fb85ff1b81d0b7181b85e"}, /* C.3.1 */
        {SALT, "01", "", ID_CONTEXT, "e39a0c7c77b43f03b4b39ab9a268699f",
         "af2a1300a5e95788b356336eeecd2b92", "2ca58fb85ff1b81c0b7181b85e",
         "2da58fb85ff1b81d0b7181b85e", "2ca58fb85ff1b81c0b7181b85e"}, /* C.3.2 */
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        end e;
        start(&e, rows[i].salt, rows[i].sender, rows[i].recipient, rows[i].id_context, 0);
        const proa__keys *keys = &end_context(&e)->keys;
        is_hex(keys->ends[PROA__OURS].key, 16, rows[i].sender_key);
        is_hex(keys->ends[PROA__THEIRS].key, 16, rows[i].recipient_key);
        is_hex(keys->iv, 13, rows[i].iv);
        crypt_request(keys, true, 0);
        is_hex(nonce, 13, rows[i].sender_nonce);
        crypt_request(keys, false, 0);
        is_hex(nonce, 13, rows[i].recipient_nonce);
        end_off(&e);
    }
}

typedef struct request_vector {
    const char *salt, *sender, *recipient, *id_context;
    const char *plain, *wire, *aad, *nonce;
} request_vector;

static const request_vector requests[] = {
    /* C.4 */
    {SALT, "", "01", NULL, "44015d1f00003974396c6f63616c686f737483747631",
     "44025d1f00003974396c6f63616c686f7374620914ff612f1092f1776f1c1668b3825e",
     "8368456e63727970743040488501810a40411440", "4622d4dd6d944168eefb549868"},
    /* C.5 */
    {"", "00", "01", NULL, "440171c30000b932396c6f63616c686f737483747631",
     "440271c30000b932396c6f63616c686f737463091400ff4ed339a5a379b0b8bc731fffb0",
     "8368456e63727970743040498501810a4100411440", "bf35ae297d2dace910c52e99ed"},
    /* C.6 */
    {SALT, "", "01", ID_CONTEXT, "44012f8eef9bbf7a396c6f63616c686f737483747631",
     "44022f8eef9bbf7a396c6f63616c686f73746b19140837cbf3210017a2d3ff72cd7273fd331ac45cffbe55c3",
     "8368456e63727970743040488501810a40411440", "2ca58fb85ff1b81c0b7181b84a"},
};

static void rfc8613_c_4_to_c_6_requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(requests); i++) {
        const request_vector *v = &requests[i];
        end client, server;
        proa_oscore_binding b;
        proa_oscore_received in;
        message inner;
        start(&client, v->salt, v->sender, v->recipient, v->id_context, 20);
        message plain = message_of(v->plain);
        message wire = ask(&client, &b, &plain);
        is_hex(wire.bytes, wire.len, v->wire);
        crypt_request(&end_context(&client)->keys, true, 20);
        is_hex(aad, aad_len, v->aad);
        is_hex(nonce, 13, v->nonce);
        end_off(&client);

        start(&server, v->salt, v->recipient, v->sender, v->id_context, 0);
        assert_int_equal(hear(&server, &wire, &inner, &in), PROA_OSCORE_ACCEPTED);
        is_hex(inner.bytes, inner.len, v->plain);
        end_off(&server);
    }
}

static void rfc8613_c_7_and_c_8_responses(void **state)
{
    (void)state;
    static const struct {
        bool own_number;
        const char *wire;
    } rows[] = {
        {false, "64445d1f0000397490ffdbaad1e9a7e7b2a813d3c31524378303cdafae119106"},    /* C.7 */
        {true, "64445d1f00003974920100ff4d4c13669384b67354b2b6175ff4b8658c666a6cf88e"}, /* C.8 */
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        end client, server;
        proa_oscore_binding b;
        proa_oscore_received in;
        message inner;
        start(&client, SALT, "", "01", NULL, 20);
        message plain = message_of(requests[0].plain);
        message wire = ask(&client, &b, &plain);
        end_off(&client);
        start(&server, SALT, "01", "", NULL, 0);
        assert_int_equal(hear(&server, &wire, &inner, &in), PROA_OSCORE_ACCEPTED);
        plain = message_of("64455d1f00003974ff48656c6c6f20576f726c6421");
        wire = answer(&server, &in.binding, &plain, rows[i].own_number);
        is_hex(wire.bytes, wire.len, rows[i].wire);
        end_off(&server);

        start(&client, SALT, "", "01", NULL, 20);
        message request = message_of(requests[0].plain);
        (void)ask(&client, &b, &request);
        assert_int_equal(hear_back(&client, &b, &wire, &inner), PROA_OSCORE_ACCEPTED);
        assert_int_equal(inner.len, plain.len);
        assert_memory_equal(inner.bytes, plain.bytes, plain.len);
        end_off(&client);
    }
}

/* §5.4 with an id and a number of every length: each array head, string head and width. */
static void rfc8613_5_4_additional_data_of_every_width(void **state)
{
    (void)state;
    static const struct {
        int32_t alg;
        const char *id;
        uint64_t number;
        const char *aad;
    } rows[] = {
        {10, "00", 0x25, "8368456e63727970743040498501810a4100412540"}, /* the RFC's example */
        {10, "", 0, "8368456e63727970743040488501810a40410040"},
        {10, "01", 0xff, "8368456e63727970743040498501810a410141ff40"},
        {10, "0102", 0x100, "8368456e637279707430404b8501810a42010242010040"},
        {10, "010203", 0xffff, "8368456e637279707430404c8501810a4301020342ffff40"},
        {10, "01020304", 0x10000, "8368456e637279707430404e8501810a44010203044301000040"},
        {10, "0102030405", 0xffffff, "8368456e637279707430404f8501810a45010203040543ffffff40"},
        {10, "010203040506", 0x1000000,
         "8368456e63727970743040518501810a4601020304050644"
         "0100000040"},
        {10, "01020304050607", 0xffffffffff,
         "8368456e63727970743040538501810a470102030405060745"
         "ffffffffff40"},
        {24, "010203040506", 0x100000000,
         "8368456e63727970743040538501811818460102030405064501000000"
         "0040"},
        {1, "01", 1,
         "8368456e63727970743040498501810141014101"
         "40"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        proa_aead aead = {.id = rows[i].alg, .nonce_len = 13};
        proa__keys keys = {.aead = &aead};
        bytes id = of(rows[i].id);
        memcpy(keys.ends[PROA__OURS].id, id.data, id.len);
        keys.ends[PROA__OURS].id_len = (uint8_t)id.len;
        crypt_request(&keys, true, rows[i].number);
        is_hex(aad, aad_len, rows[i].aad);
        memcpy(keys.ends[PROA__THEIRS].id, id.data, id.len);
        keys.ends[PROA__THEIRS].id_len = (uint8_t)id.len;
        keys.ends[PROA__OURS].id_len = 0;
        crypt_request(&keys, false, rows[i].number);
        is_hex(aad, aad_len, rows[i].aad);
    }
}

/* §5.2 with every length of id and number. */
static void rfc8613_5_2_nonce_of_every_width(void **state)
{
    (void)state;
    static const struct {
        uint8_t nonce_len;
        const char *id;
        uint64_t number;
        const char *nonce;
    } rows[] = {
        {13, "", 0, "00000000000000000000000000"},
        {13, "aa", 0x14, "01000000000000aa0000000014"},
        {13, "a1a2a3a4a5a6a7", 0xb1b2b3b4b5, "07a1a2a3a4a5a6a7b1b2b3b4b5"},
        {13, "a1a2", 0x0100,
         "0200000000"
         "00a1a20000000100"},
        {12, "a1a2a3a4a5a6", 0xb1b2b3b4b5, "06a1a2a3a4a5a6b1b2b3b4b5"},
        {12, "", 0xffffffffff, "00000000000000ffffffffff"},
        {12, "a1", 0x010000,
         "01000000"
         "0000a10000010000"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        proa_aead aead = {.nonce_len = rows[i].nonce_len};
        proa__keys keys = {.aead = &aead};
        bytes id = of(rows[i].id);
        memcpy(keys.ends[PROA__OURS].id, id.data, id.len);
        keys.ends[PROA__OURS].id_len = (uint8_t)id.len;
        crypt_request(&keys, true, rows[i].number);
        is_hex(nonce, rows[i].nonce_len, rows[i].nonce);
        keys.iv[0] = 0x80; /* XOR, not put in its place */
        crypt_request(&keys, true, rows[i].number);
        assert_int_equal(nonce[0], 0x80 ^ id.len);
    }
}

/* G7, and what a seed peer derives: HMAC algorithm 0 is none, unless told so. */
static void g06_hmac_0_only_for_compatibility(void **state)
{
    (void)state;
    end e, other;
    proa__context c;
    ends_start(&e, &other, 1);
    e.params.sender_id = proa_span_of("s");
    e.params.recipient_id = proa_span_of("r");
    e.params.hmac = 0;
    assert_int_equal(proa__oscore_derive(e.o, &e.params, NULL, &c), PROA_E_UNSUPPORTED);
    e.o->config.accept_hmac_0 = true;
    assert_int_equal(proa__oscore_derive(e.o, &e.params, NULL, &c), PROA_OK);
    is_hex(c.keys.ends[PROA__OURS].key, 16, "529e4da9e30e60f5954aefaf8ffa6fc9");
    is_hex(c.keys.ends[PROA__THEIRS].key, 16, "c93f05ae3643598a0de8432b777f1d21");
    is_hex(c.keys.iv, 13, "7fd16643e0caffffd1893f0642");
    end_off(&e);
    end_off(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc8613_c_1_to_c_3_derivation),
        cmocka_unit_test(rfc8613_c_4_to_c_6_requests),
        cmocka_unit_test(rfc8613_c_7_and_c_8_responses),
        cmocka_unit_test(rfc8613_5_4_additional_data_of_every_width),
        cmocka_unit_test(rfc8613_5_2_nonce_of_every_width),
        cmocka_unit_test(g06_hmac_0_only_for_compatibility),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
