/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and URIs in text: literals good and bad, and the one form in which they are written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proa/addr.h"
#include "tests/support/guard.h"

static proa_err parse(const char *text, proa_addr *out)
{
    size_t len = strlen(text);
    uint8_t *in = guard_copy(text, len);
    proa_err err = proa_addr_parse_ip(proa_span_make(in, len), out);
    guard_free(in, len);
    return err;
}

static void rfc5952_4_literals_and_their_canonical_form(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *written;
    } rows[] = {
        {"0.0.0.0", "0.0.0.0:5684"},
        {"192.0.2.1", "192.0.2.1:5684"},
        {"255.255.255.255", "255.255.255.255:5684"},
        {"[192.0.2.1]", "192.0.2.1:5684"},
        {"::", "[::]:5684"},
        {"::1", "[::1]:5684"},
        {"1::", "[1::]:5684"},
        {"[2001:db8::1]", "[2001:db8::1]:5684"},
        {"2001:0DB8:0:0:0:0:0:1", "[2001:db8::1]:5684"},         /* §4.1, §4.3 */
        {"2001:db8:0:1:1:1:1:1", "[2001:db8:0:1:1:1:1:1]:5684"}, /* §4.2.2 */
        {"2001:db8::1:1:1:1:1", "[2001:db8:0:1:1:1:1:1]:5684"},  /* §4.2.2 */
        {"2001:0:0:1:0:0:0:1", "[2001:0:0:1::1]:5684"},          /* §4.2.3 longest */
        {"2001:db8:0:0:1:0:0:1", "[2001:db8::1:0:0:1]:5684"},    /* §4.2.3 first */
        {"1:2:3:4:5:6:7::", "[1:2:3:4:5:6:7:0]:5684"},
        {"::2:3:4:5:6:7:8", "[0:2:3:4:5:6:7:8]:5684"},
        {"1:2:3:4:5:6:0:0", "[1:2:3:4:5:6::]:5684"},
        {"0:0:3:4:5:6:7:8", "[::3:4:5:6:7:8]:5684"},
        {"1:2:3:4:5:6:7:8", "[1:2:3:4:5:6:7:8]:5684"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
         "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:5684"},
        {"::ffff:192.0.2.1", "192.0.2.1:5684"}, /* one address, one key */
        {"::FFFF:c000:0201", "192.0.2.1:5684"},
        {"64:ff9b::192.0.2.33", "[64:ff9b::c000:221]:5684"},
        {"1:2:3:4:5:6:1.2.3.4", "[1:2:3:4:5:6:102:304]:5684"},
        {"fe80::1%7", "[fe80::1%7]:5684"},
        {"[fe80::1%65535]", "[fe80::1%65535]:5684"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        proa_addr addr = {{0}, 5684, 99};
        assert_int_equal(parse(rows[i].text, &addr), PROA_OK);
        char text[PROA_ADDR_TEXT_MAX];
        proa_writer w = proa_writer_make(text, sizeof text);
        proa_addr_write(&w, &addr);
        assert_int_equal(w.err, PROA_OK);
        text[w.len] = '\0';
        assert_string_equal(text, rows[i].written);
    }
}

static void rfc4291_2_2_what_is_no_literal(void **state)
{
    (void)state;
    static const char *const rows[] = {"",
                                       "[]",
                                       "%",
                                       "%1",
                                       "1",
                                       "1.2.3",
                                       "1.2.3.4.5",
                                       "1.2.3.",
                                       ".1.2.3",
                                       "1..2.3",
                                       "256.1.1.1",
                                       "1.1.1.1000",
                                       "01.2.3.4",
                                       "1.2.3.00",
                                       "1.2.3.4%1",
                                       "1.2.3.-4",
                                       "a.b.c.d",
                                       "example.org",
                                       ":",
                                       ":::",
                                       "::1::",
                                       "1::2::3",
                                       "1:",
                                       ":1",
                                       "1:2:3:4:5:6:7",
                                       "1:2:3:4:5:6:7:",
                                       "1:2:3:4:5:6:7:8:",
                                       "1:2:3:4:5:6:7:8:9",
                                       "1:2:3:4:5:6:7:8::",
                                       "::1:2:3:4:5:6:7:8",
                                       "1:2:3:4::5:6:7:8",
                                       "12345::",
                                       "g::",
                                       "1:2:3:4:5:6:7:1.2.3.4",
                                       "::1.2.3",
                                       "::1.2.3.4:5",
                                       "1.2.3.4::",
                                       "::1.2.3.4.5",
                                       "::1%",
                                       "::1%x",
                                       "::1%65536",
                                       "::1%-1",
                                       "[::1",
                                       "::1]",
                                       "[[::1]]",
                                       "::1 ",
                                       " ::1"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        proa_addr addr = {{1}, 2, 3};
        proa_addr before = addr;
        assert_int_equal(parse(rows[i], &addr), PROA_E_FORMAT);
        assert_true(proa_addr_equal(&addr, &before));
    }
}

static void longest_text_fits(void **state)
{
    (void)state;
    proa_addr addr = {{0}, 65535, 65535};
    memset(addr.ip, 0xff, sizeof addr.ip);
    char text[PROA_ADDR_TEXT_MAX];
    proa_writer w = proa_writer_make(text, sizeof text);
    proa_addr_write(&w, &addr);
    assert_int_equal(w.err, PROA_OK);
    assert_int_equal(w.len, strlen("[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%65535]:65535"));
}

static void kinds_of_addresses(void **state)
{
    (void)state;
    enum { V4 = 1, LOOPBACK = 2, LINK_LOCAL = 4, MULTICAST = 8 };
    static const struct {
        const char *text;
        int kind;
    } rows[] = {
        {"192.0.2.1", V4},
        {"127.0.0.1", V4 | LOOPBACK},
        {"127.255.255.254", V4 | LOOPBACK},
        {"126.0.0.1", V4},
        {"169.254.0.1", V4 | LINK_LOCAL},
        {"169.253.0.1", V4},
        {"224.0.1.187", V4 | MULTICAST},
        {"239.255.255.255", V4 | MULTICAST},
        {"223.255.255.255", V4},
        {"240.0.0.1", V4},
        {"::1", LOOPBACK},
        {"::2", 0},
        {"::", 0},
        {"fe80::1", LINK_LOCAL},
        {"febf::1", LINK_LOCAL},
        {"fec0::1", 0},
        {"ff02::fd", MULTICAST},
        {"fd00::1", 0},
        {"2001:db8::127.0.0.1", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        proa_addr addr = {{0}, 0, 0};
        assert_int_equal(parse(rows[i].text, &addr), PROA_OK);
        int kind = (proa_addr_is_v4(&addr) ? V4 : 0) |
                   (proa_addr_is_loopback(&addr) ? LOOPBACK : 0) |
                   (proa_addr_is_link_local(&addr) ? LINK_LOCAL : 0) |
                   (proa_addr_is_multicast(&addr) ? MULTICAST : 0);
        assert_int_equal(kind, rows[i].kind);
    }
}

static void equal_means_ip_port_and_zone(void **state)
{
    (void)state;
    proa_addr a = {{1}, 1, 1};
    proa_addr b = a;
    assert_true(proa_addr_equal(&a, &b));
    b.port = 2;
    assert_false(proa_addr_equal(&a, &b));
    b = a;
    b.zone = 2;
    assert_false(proa_addr_equal(&a, &b));
    b = a;
    b.ip[15] = 1;
    assert_false(proa_addr_equal(&a, &b));
}

static void rfc7252_6_uris(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        proa_err err;
        bool secure;
        const char *host;
        uint16_t port;
    } rows[] = {
        {"coap://192.0.2.1", PROA_OK, false, "192.0.2.1", 5683},
        {"coaps://192.0.2.1", PROA_OK, true, "192.0.2.1", 5684},
        {"coaps://[2001:db8::1]:5684", PROA_OK, true, "2001:db8::1", 5684},
        {"coap://[fe80::6098:a7ff:fed9:3cea]", PROA_OK, false, "fe80::6098:a7ff:fed9:3cea", 5683},
        {"coap://[fe80::1%3]:1", PROA_OK, false, "fe80::1%3", 1},
        {"COAPS://host.example:65535/", PROA_OK, true, "host.example", 65535},
        {"coap://host:", PROA_OK, false, "host", 5683},
        {"http://host", PROA_E_UNSUPPORTED, false, "", 0},
        {"coap+tcp://host", PROA_E_UNSUPPORTED, false, "", 0},
        {"coap:/host", PROA_E_UNSUPPORTED, false, "", 0},
        {"", PROA_E_UNSUPPORTED, false, "", 0},
        {"coap://", PROA_E_FORMAT, false, "", 0},
        {"coap:///", PROA_E_FORMAT, false, "", 0},
        {"coap://:5683", PROA_E_FORMAT, false, "", 0},
        {"coap://::1", PROA_E_FORMAT, false, "", 0},
        {"coap://[]", PROA_E_FORMAT, false, "", 0},
        {"coap://[", PROA_E_FORMAT, false, "", 0},
        {"coap://[::1", PROA_E_FORMAT, false, "", 0},
        {"coap://[::1]5683", PROA_E_FORMAT, false, "", 0},
        {"coap://[[::1]]", PROA_E_FORMAT, false, "", 0},
        {"coap://host:0", PROA_E_FORMAT, false, "", 0},
        {"coap://host:65536", PROA_E_FORMAT, false, "", 0},
        {"coap://host:5683x", PROA_E_FORMAT, false, "", 0},
        {"coap://host/rd", PROA_E_FORMAT, false, "", 0},
        {"coap://host//", PROA_E_FORMAT, false, "", 0},
        {"coap://host?q", PROA_E_FORMAT, false, "", 0},
        {"coap://host#f", PROA_E_FORMAT, false, "", 0},
        {"coap://me@host", PROA_E_FORMAT, false, "", 0},
        {"coap://ho st", PROA_E_FORMAT, false, "", 0},
        {"coap://host\n", PROA_E_FORMAT, false, "", 0},
        {"coap://h\xc3\xb6st", PROA_E_FORMAT, false, "", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t len = strlen(rows[i].text);
        uint8_t *in = guard_copy(rows[i].text, len);
        proa_uri uri;
        assert_int_equal(proa_uri_parse(proa_span_make(in, len), &uri), rows[i].err);
        if (rows[i].err == PROA_OK) {
            assert_int_equal(uri.secure, rows[i].secure);
            assert_true(proa_span_equal(uri.host, proa_span_of(rows[i].host)));
            assert_int_equal(uri.port, rows[i].port);
        }
        guard_free(in, len);
    }
}

static void uri_becomes_address_and_back(void **state)
{
    (void)state;
    proa_uri uri;
    proa_addr addr = {{0}, 0, 0};
    assert_int_equal(proa_uri_parse(proa_span_of("coaps://[2001:DB8:0::1]"), &uri), PROA_OK);
    assert_int_equal(proa_uri_addr(&uri, &addr), PROA_OK);
    char text[PROA_ADDR_TEXT_MAX];
    proa_writer w = proa_writer_make(text, sizeof text);
    proa_uri_write(&w, true, &addr);
    assert_true(proa_span_equal(proa_writer_span(&w), proa_span_of("coaps://[2001:db8::1]:5684")));
    w.len = 0;
    proa_uri_write(&w, false, &addr);
    assert_true(proa_span_equal(proa_writer_span(&w), proa_span_of("coap://[2001:db8::1]:5684")));
    assert_int_equal(proa_uri_parse(proa_span_of("coap://host"), &uri), PROA_OK);
    assert_int_equal(proa_uri_addr(&uri, &addr), PROA_E_FORMAT);
    assert_int_equal(addr.port, 5684);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc5952_4_literals_and_their_canonical_form),
        cmocka_unit_test(rfc4291_2_2_what_is_no_literal),
        cmocka_unit_test(longest_text_fits),
        cmocka_unit_test(kinds_of_addresses),
        cmocka_unit_test(equal_means_ip_port_and_zone),
        cmocka_unit_test(rfc7252_6_uris),
        cmocka_unit_test(uri_becomes_address_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
