/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of an account in one message: docs/C2C.md §5. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/c2c/account_body.h"
#include "proa/lwm2m.h"
#include "tests/support/guard.h"

#define ID16 "50 d0d1d2d3d4d5d6d7d8d9dadbdcdddedf"
#define KEY16 "50 606162636465666768696a6b6c6d6e6f"
#define NAME "66 627574746f6e" /* button */

/* The examples of docs/C2C.md §5. */
#define HOST_DTLS "a6 00 02 01 190e10 02 " NAME " 03 " ID16 " 04 " KEY16 " 08 a1 82190cef00 01"
#define HOST_OSCORE \
    "a7 00 02 01 190e10 02 " NAME " 04 " KEY16 " 05 42 b1b2 06 42 a1a2 08 a1 82190cef00 01"
#define REQUESTER_DTLS                                        \
    "a6 00 01 01 190e10 02 64 6c616d70 03 " ID16 " 04 " KEY16 \
    " 07 50 20010db8000000000000000000000001"
#define REQUESTER_OSCORE                                                       \
    "a7 00 01 01 190e10 02 64 6c616d70 04 " KEY16 " 05 42 a1a2 06 42 b1b2 07 " \
    "52 20010db8000000000000000000000001 9c40"

static const struct {
    const char *name;
    const char *bytes;
} good[] = {
    {"host, DTLS", HOST_DTLS},
    {"host, OSCORE", HOST_OSCORE},
    {"requester, DTLS", REQUESTER_DTLS},
    {"requester, OSCORE", REQUESTER_OSCORE},
    {"nothing that need not be", "a5 00 02 01 00 02 61 62 03 41 01 04 40"},
    {"largest numbers", "a5 00 1affffffff 01 1affffffff 02 61 62 03 41 01 04 40"},
    {"first session", "a6 00 02 01 00 02 61 62 03 41 01 04 40 0e 01"},
    {"first session of another kind", "a6 00 02 01 00 02 61 62 03 41 01 04 40 0e 1affffffff"},
    {"periods", "a7 00 02 01 00 02 61 62 03 41 01 04 40 09 05 0a 1818"},
    {"algorithms, salt and empty ids",
     "a9 00 02 01 00 02 61 62 04 40 05 40 06 41 01 0b 41 07 0c 0a 0d 29"},
    {"negative number of four bytes", "a7 00 02 01 00 02 61 62 04 40 05 40 06 41 01 0d 3a7fffffff"},
    {"rights in order", "a6 00 02 01 00 02 61 62 03 41 01 04 40 08 a4 "
                        "8201 00 01 820117 01 8101 01 8202 00 181f"},
};

/* Whatever is read is written again with the same bytes: there is one encoding. */
static proa_err read_and_write(const uint8_t *bytes, size_t len)
{
    uint8_t written[256];
    proa_account_body body;
    uint8_t *copy = guard_copy(bytes, len);
    proa_err err = proa_account_body_parse(proa_span_make(copy, len), &body);
    if (err == PROA_OK) {
        proa_writer w = proa_writer_make(written, sizeof written);
        assert_int_equal(proa_account_body_write(&w, &body), PROA_OK);
        assert_int_equal(w.len, len);
        assert_memory_equal(written, bytes, len);
    }
    guard_free(copy, len);
    return err;
}

static void c2c_5_accounts_are_read_and_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        uint8_t bytes[256];
        size_t len = hex(good[i].bytes, bytes, sizeof bytes);
        print_message("%s, %zu bytes\n", good[i].name, len);
        assert_int_equal(read_and_write(bytes, len), PROA_OK);
        for (size_t cut = 0; cut < len; cut++) {
            assert_int_equal(read_and_write(bytes, cut), PROA_E_FORMAT);
        }
        bytes[len] = 0;
        assert_int_equal(read_and_write(bytes, len + 1), PROA_E_FORMAT);
    }
}

static void c2c_5_what_an_account_says(void **state)
{
    uint8_t bytes[256];
    proa_account_body body;
    proa_addr addr;
    (void)state;
    size_t len = hex(HOST_DTLS, bytes, sizeof bytes);
    assert_int_equal(proa_account_body_parse(proa_span_make(bytes, len), &body), PROA_OK);
    assert_int_equal(body.values[PROA_ACCOUNT_SHORT_ID].as.integer, 2);
    assert_int_equal(body.values[PROA_ACCOUNT_LIFETIME].as.integer, 3600);
    assert_true(
        proa_span_equal(body.values[PROA_ACCOUNT_ENDPOINT].as.bytes, proa_span_of("button")));
    assert_int_equal(body.values[PROA_ACCOUNT_IDENTITY].as.bytes.data[0], 0xd0);
    assert_int_equal(body.values[PROA_ACCOUNT_SECRET].as.bytes.data[15], 0x6f);
    assert_false(proa_account_body_has(&body, PROA_ACCOUNT_ADDRESS));
    assert_int_equal(body.rights.count, 1);
    assert_int_equal(body.rights.entries[0].object, 3311);
    assert_int_equal(body.rights.entries[0].instance, 0);
    assert_int_equal(body.rights.entries[0].rights, PROA_RIGHT_READ);
    len = hex(REQUESTER_OSCORE, bytes, sizeof bytes);
    assert_int_equal(proa_account_body_parse(proa_span_make(bytes, len), &body), PROA_OK);
    assert_int_equal(body.values[PROA_ACCOUNT_SENDER_ID].as.bytes.data[0], 0xa1);
    assert_int_equal(body.values[PROA_ACCOUNT_RECIPIENT_ID].as.bytes.data[0], 0xb1);
    assert_int_equal(body.rights.count, 0);
    assert_int_equal(proa_account_body_address(&body, &addr), PROA_OK);
    assert_int_equal(addr.ip[15], 1);
    assert_int_equal(addr.port, 40000);
}

/* Behind "00 02 01 00 02 61 62": what else stands there. */
#define BAD(rest) " 00 02 01 00 02 61 62 " rest

static const struct {
    const char *name;
    const char *bytes;
} bad[] = {
    {"nothing", ""},
    {"empty map", "a0"},
    {"no map but an array", "85 02 00 61 62 41 01 40"},
    {"no short id", "a4 01 00 02 61 62 03 41 01 04 40"},
    {"no lifetime", "a4 00 02 02 61 62 03 41 01 04 40"},
    {"no name", "a4 00 02 01 00 03 41 01 04 40"},
    {"no identity", "a4" BAD("04 40")},
    {"no secret", "a4" BAD("03 41 01")},
    {"identity and ids", "a7" BAD("03 41 01 04 40 05 40 06 41 01")},
    {"identity and one id", "a6" BAD("03 41 01 04 40 05 40")},
    {"no Recipient ID", "a5" BAD("04 40 05 40")},
    {"no Sender ID", "a5" BAD("04 40 06 41 01")},
    {"salt without OSCORE", "a6" BAD("03 41 01 04 40 0b 41 07")},
    {"AEAD without OSCORE", "a6" BAD("03 41 01 04 40 0c 0a")},
    {"HMAC without OSCORE", "a6" BAD("03 41 01 04 40 0d 29")},
    {"keys not in order", "a5" BAD("04 40 03 41 01")},
    {"key twice", "a6" BAD("03 41 01 03 41 01 04 40")},
    {"unknown key", "a6" BAD("03 41 01 04 40 0f 00")},
    {"first session with OSCORE", "a7" BAD("04 40 05 40 06 41 01 0e 01")},
    {"first session as bytes", "a6" BAD("03 41 01 04 40 0e 41 01")},
    {"key beyond 16 bit", "a6" BAD("03 41 01 04 40 1a00010004 00")},
    {"key of 2^32 and 4", "a6" BAD("03 41 01 04 40 1b0000000100000004 40")},
    {"negative key", "a6" BAD("03 41 01 04 40 20 00")},
    {"text as key", "a6" BAD("03 41 01 04 40 61 31 00")},
    {"short id a text", "a5 00 61 32 01 00 02 61 62 03 41 01 04 40"},
    {"number beyond 32 bit", "a5 00 1b0000000100000000 01 00 02 61 62 03 41 01 04 40"},
    {"number below 32 bit", "a6 00 02 01 00 02 61 62 04 40 05 40 06 41 01 0d 3a80000000"},
    {"number at the edge of 64 bit", "a5 00 1bffffffffffffffff 01 00 02 61 62 03 41 01 04 40"},
    {"name as bytes", "a5 00 02 01 00 02 41 62 03 41 01 04 40"},
    {"identity as text", "a5" BAD("03 61 31 04 40")},
    {"secret as text", "a5" BAD("03 41 01 04 60")},
    {"short id longer than needed", "a5 00 1802 01 00 02 61 62 03 41 01 04 40"},
    {"length longer than needed", "a5 00 02 01 00 02 7801 62 03 41 01 04 40"},
    {"key longer than needed", "a5 1800 02 01 00 02 61 62 03 41 01 04 40"},
    {"map longer than needed", "b805 00 02 01 00 02 61 62 03 41 01 04 40"},
    {"map without length", "bf 00 02 01 00 02 61 62 03 41 01 04 40 ff"},
    {"name in chunks", "a5 00 02 01 00 02 7f 61 62 ff 03 41 01 04 40"},
    {"tagged", "c0 a5 00 02 01 00 02 61 62 03 41 01 04 40"},
    {"rights empty", "a6" BAD("03 41 01 04 40 08 a0")},
    {"rights not in order", "a6" BAD("03 41 01 04 40 08 a2 82 02 00 01 82 01 00 01")},
    {"rights on all instances before one", "a6" BAD("03 41 01 04 40 08 a2 81 01 01 82 01 00 01")},
    {"rights on a path twice", "a6" BAD("03 41 01 04 40 08 a2 82 01 00 01 82 01 00 02")},
    {"all instances spelled out", "a6" BAD("03 41 01 04 40 08 a1 82 01 19ffff 01")},
    {"rights without length", "a6" BAD("03 41 01 04 40 08 bf 82 01 00 01 ff")},
    {"rights longer than needed", "a6" BAD("03 41 01 04 40 08 a1 82 01 00 1801")},
    {"object longer than needed", "a6" BAD("03 41 01 04 40 08 a1 82 1801 00 01")},
    {"unknown right", "a6" BAD("03 41 01 04 40 08 a1 82 01 00 1820")},
    {"nine rights", "a6" BAD("03 41 01 04 40 08 a9 8101 01 8102 01 8103 01 8104 01 8105 01 8106 01"
                             " 8107 01 8108 01 8109 01")},
    {"rights an array", "a6" BAD("03 41 01 04 40 08 83 01 00 01")},
    {"nested too deep", "a6" BAD("03 41 01 04 40 08 9f9f9f9f9f9f9f9f9f00")},
    {"huge map", "bb ffffffffffffffff 00 02"},
    {"huge text", "a5 00 02 01 00 02 7b ffffffffffffffff 62"},
};

static void c2c_5_bad_accounts_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint8_t bytes[256];
        size_t len = hex(bad[i].bytes, bytes, sizeof bytes);
        print_message("%s\n", bad[i].name);
        assert_int_equal(read_and_write(bytes, len), PROA_E_FORMAT);
    }
}

/* One byte is another one: refused, or another account, which has one encoding, too. */
static void c2c_5_one_byte_is_another(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        uint8_t bytes[256];
        size_t len = hex(good[i].bytes, bytes, sizeof bytes);
        for (size_t at = 0; at < len; at++) {
            uint8_t was = bytes[at];
            for (unsigned value = 0; value < 256; value++) {
                bytes[at] = (uint8_t)value;
                (void)!read_and_write(bytes, len);
            }
            bytes[at] = was;
        }
    }
}

static void c2c_5_rights_are_put_in_order(void **state)
{
    uint8_t expected[256];
    uint8_t written[256];
    proa_account_body body;
    (void)state;
    size_t last = sizeof good / sizeof *good - 1;
    size_t len = hex(good[last].bytes, expected, sizeof expected);
    assert_int_equal(proa_account_body_parse(proa_span_make(expected, len), &body), PROA_OK);
    const proa_ac_body rights = {{{2, 0, 31}, {1, PROA_ID_ALL, 1}, {1, 0, 1}, {1, 23, 1}}, 4};
    body.rights = rights;
    proa_writer w = proa_writer_make(written, sizeof written);
    assert_int_equal(proa_account_body_write(&w, &body), PROA_OK);
    assert_int_equal(w.len, len);
    assert_memory_equal(written, expected, len);
    for (size_t cap = 0; cap < len; cap++) {
        proa_writer small = proa_writer_make(written, cap);
        assert_int_equal(proa_account_body_write(&small, &body), PROA_E_NO_SPACE);
    }
}

/* ---- addresses -------------------------------------------------------------------------- */

static void c2c_5_an_address_is_as_short_as_it_can_be(void **state)
{
    static const struct {
        const char *name;
        bool oscore;
        const char *bytes;
        const char *text; /* NULL: refused */
    } rows[] = {
        {"IPv6", false, "20010db8000000000000000000000001", "[2001:db8::1]:5684"},
        {"IPv6, OSCORE", true, "20010db8000000000000000000000001", "[2001:db8::1]:5683"},
        {"IPv6 and port", false, "20010db8000000000000000000000001 1633", "[2001:db8::1]:5683"},
        {"IPv4", false, "c0000201", "192.0.2.1:5684"},
        {"IPv4 and port", true, "c0000201 0050", "192.0.2.1:80"},
        {"port that need not be said", false, "c0000201 1634", NULL},
        {"the same with OSCORE", true, "20010db8000000000000000000000001 1633", NULL},
        {"IPv4 as IPv6", false, "00000000000000000000ffffc0000201", NULL},
        {"nothing", false, "", NULL},
        {"three bytes", false, "c00002", NULL},
        {"five bytes", false, "c000020150", NULL},
        {"fifteen bytes", false, "20010db80000000000000000000000", NULL},
        {"seventeen bytes", false, "20010db800000000000000000000000116", NULL},
        {"nineteen bytes", false, "20010db8000000000000000000000001163400", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t bytes[32];
        uint8_t again[PROA_ACCOUNT_ADDRESS_LEN_MAX];
        char text[PROA_ADDR_TEXT_MAX];
        proa_addr addr;
        size_t len = hex(rows[i].bytes, bytes, sizeof bytes);
        uint8_t *copy = guard_copy(bytes, len);
        proa_account_body body;
        memset(&body, 0, sizeof body);
        body.values[PROA_ACCOUNT_IDENTITY].type =
            rows[i].oscore ? PROA_TYPE_NONE : PROA_TYPE_OPAQUE;
        body.values[PROA_ACCOUNT_ADDRESS] = proa_value_opaque(proa_span_make(copy, len));
        print_message("%s\n", rows[i].name);
        proa_err err = proa_account_body_address(&body, &addr);
        guard_free(copy, len);
        assert_int_equal(err, rows[i].text == NULL ? PROA_E_FORMAT : PROA_OK);
        if (err == PROA_OK) {
            proa_writer w = proa_writer_make(text, sizeof text);
            proa_addr_write(&w, &addr);
            assert_true(proa_span_equal(proa_writer_span(&w), proa_span_of(rows[i].text)));
            proa_account_body_put_address(&body, &addr, again);
            assert_int_equal(body.values[PROA_ACCOUNT_ADDRESS].as.bytes.len, len);
            assert_memory_equal(again, bytes, len);
        }
    }
}

/* ---- names ------------------------------------------------------------------------------ */

static void c2c_5_both_ends_name_a_key_alike(void **state)
{
    static const struct {
        const char *id, *other, *name;
    } rows[] = {
        {"a1a2", "b1b2", "02a1a20000000000 02b1b20000000000"},
        {"ffff", "0000", "0200000000000000 02ffff0000000000"},
        {"ff", "0000", "01ff000000000000 0200000000000000"},
        {"", "00", "0000000000000000 0100000000000000"},
        {"01020304050607", "01020304050608", "0701020304050607 0701020304050608"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t id[8], other[8], expected[16], name[PROA_ACCOUNT_NAME_LEN];
        proa_span a = proa_span_make(id, hex(rows[i].id, id, sizeof id));
        proa_span b = proa_span_make(other, hex(rows[i].other, other, sizeof other));
        assert_int_equal(hex(rows[i].name, expected, sizeof expected), 16);
        proa_account_name(name, a, b);
        assert_memory_equal(name, expected, 16);
        proa_account_name(name, b, a);
        assert_memory_equal(name, expected, 16);
    }
}

/* ---- answers ---------------------------------------------------------------------------- */

static void c2c_5_what_was_made(void **state)
{
    static const struct {
        const char *bytes;
        uint8_t count;
        proa_err err;
    } rows[] = {
        {"83 00 01 19fffe", 3, PROA_OK},      {"82 00 01", 3, PROA_E_FORMAT},
        {"84 00 01 02 03", 3, PROA_E_FORMAT}, {"83 00 01 19ffff", 3, PROA_E_FORMAT},
        {"83 00 01 20", 3, PROA_E_FORMAT},    {"83 00 01 02 00", 3, PROA_E_FORMAT},
        {"83 00 01", 3, PROA_E_FORMAT},       {"", 3, PROA_E_FORMAT},
        {"a1 00 01", 2, PROA_E_FORMAT},       {"9f 00 01 ff", 2, PROA_OK},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t bytes[32];
        uint16_t made[PROA_ACCOUNT_MADE_MAX];
        size_t len = hex(rows[i].bytes, bytes, sizeof bytes);
        uint8_t *copy = guard_copy(bytes, len);
        print_message("%s\n", rows[i].bytes);
        assert_int_equal(proa_account_made_parse(proa_span_make(copy, len), made, rows[i].count),
                         rows[i].err);
        guard_free(copy, len);
        if (i == 0) {
            assert_int_equal(made[1], 1);
            assert_int_equal(made[2], 65534);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(c2c_5_accounts_are_read_and_written),
        cmocka_unit_test(c2c_5_what_an_account_says),
        cmocka_unit_test(c2c_5_bad_accounts_are_refused),
        cmocka_unit_test(c2c_5_one_byte_is_another),
        cmocka_unit_test(c2c_5_rights_are_put_in_order),
        cmocka_unit_test(c2c_5_an_address_is_as_short_as_it_can_be),
        cmocka_unit_test(c2c_5_both_ends_name_a_key_alike),
        cmocka_unit_test(c2c_5_what_was_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
