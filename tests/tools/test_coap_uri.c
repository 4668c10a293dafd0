/* SPDX-License-Identifier: Apache-2.0 */
/* CoAP URIs to options. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "tools/proa/coap_uri.h"

static proa_coap_uri uri;

/* Parts as "a|b|c". */
static void join(const proa_span *parts, size_t count, char *out)
{
    *out = '\0';
    for (size_t i = 0; i < count; i++) {
        out += sprintf(out, "%s%.*s", i == 0 ? "" : "|", (int)parts[i].len,
                       (const char *)parts[i].data);
    }
}

static void rfc7252_6_4_decomposing(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool secure;
        const char *host;
        uint16_t port;
        bool is_name;
        const char *path;
        size_t path_count;
        const char *query;
        size_t query_count;
    } rows[] = {
        {"coap://[::1]/hello", false, "::1", 5683, false, "hello", 1, "", 0},
        {"coaps://[2001:db8::1]:7/a/b?c=d&e", true, "2001:db8::1", 7, false, "a|b", 2, "c=d|e", 2},
        {"coap://192.0.2.1", false, "192.0.2.1", 5683, false, "", 0, "", 0},
        {"coap://192.0.2.1/", false, "192.0.2.1", 5683, false, "", 0, "", 0},
        {"coaps://example.org?x", true, "example.org", 5684, true, "", 0, "x", 1},
        {"coap://h/a//b/", false, "h", 5683, true, "a||b|", 4, "", 0},
        {"coap://h/%7Esensors/t%20x%2Fy?a%26b", false, "h", 5683, true, "~sensors|t x/y", 2, "a&b",
         1},
        {"coap://h/a?", false, "h", 5683, true, "a", 1, "", 0},
        {"coap://h/a?b?c&", false, "h", 5683, true, "a", 1, "b?c|", 2},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[512];
        assert_null(proa_coap_uri_parse(&uri, rows[i].text));
        assert_int_equal(uri.secure, rows[i].secure);
        assert_true(proa_span_equal(uri.host, proa_span_of(rows[i].host)));
        assert_int_equal(uri.port, rows[i].port);
        assert_int_equal(uri.host_is_name, rows[i].is_name);
        assert_int_equal(uri.segment_count, rows[i].path_count);
        join(uri.segments, uri.segment_count, text);
        assert_string_equal(text, rows[i].path);
        assert_int_equal(uri.query_count, rows[i].query_count);
        join(uri.queries, uri.query_count, text);
        assert_string_equal(text, rows[i].query);
    }
}

static void what_is_no_coap_uri_is_told(void **state)
{
    (void)state;
    char long_part[2048];
    snprintf(long_part, sizeof long_part, "coap://h/%0300d", 1);
    const struct {
        const char *text;
        const char *message;
    } rows[] = {
        {"", "must be coap://"},
        {"hello", "must be coap://"},
        {"http://h/", "must be coap://"},
        {"coap:///a", "must be coap://"},
        {"coap://h:99999/", "must be coap://"},
        {"coap://h/a#b", "no fragment"},
        {"coap://h/%", "two hex digits"},
        {"coap://h/%4", "two hex digits"},
        {"coap://h/a?%4g", "two hex digits"},
        {long_part, "more than 255 bytes"},
        {"coap://h/1/1/1/1/1/1/1/1/1/1/1/1/1/1/1/1/1/1/1/1/1/1/1/1/1/1/1/1/1/1/1/1/1/1",
         "too many parts"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *message = proa_coap_uri_parse(&uri, rows[i].text);
        assert_non_null(message);
        assert_non_null(strstr(message, rows[i].message));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc7252_6_4_decomposing),
        cmocka_unit_test(what_is_no_coap_uri_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
