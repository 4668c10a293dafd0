/* SPDX-License-Identifier: Apache-2.0 */
/* Links: the examples of RFC 6690 and LwM2M, and what is no list of links. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proa/codec/link.h"
#include "tests/support/guard.h"

/* Writes what was read in a form of its own: target|name=value|name="value"|name, one a line. */
static proa_err print_links(const char *text, char *out, size_t cap)
{
    size_t len = strlen(text);
    uint8_t *in = guard_copy(text, len);
    proa_writer w = proa_writer_make(out, cap - 1);
    proa_reader r = proa_reader_make(proa_span_make(in, len));
    proa_link link;
    while (proa_link_next(&r, &link)) {
        proa_reader a = proa_reader_make(link.attributes);
        proa_link_attribute attribute;
        proa_write_span(&w, link.target);
        while (proa_link_attribute_next(&a, &attribute)) {
            proa_write_text(&w, "|");
            proa_write_span(&w, attribute.name);
            proa_write_text(&w, !attribute.has_value ? "" : attribute.quoted ? "=\"" : "=");
            proa_write_span(&w, attribute.value);
            proa_write_text(&w, attribute.quoted ? "\"" : "");
        }
        assert_int_equal(a.err, PROA_OK);
        assert_int_equal(proa_reader_left(&a), 0);
        proa_write_text(&w, "\n");
    }
    assert_int_equal(w.err, PROA_OK);
    out[w.len] = '\0';
    guard_free(in, len);
    return r.err;
}

static void rfc6690_2_and_lwm2m_6_2_lists_of_links(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *read;
    } rows[] = {
        {"", ""},
        {"</>;rt=\"oma.lwm2m\";ct=112,</1/0>,</3/0>;ver=1.1",
         "/|rt=\"oma.lwm2m\"|ct=112\n/1/0\n/3/0|ver=1.1\n"},
        {"</3/0/9>;pmin=10;dim=3", "/3/0/9|pmin=10|dim=3\n"},
        {"</sensors>;ct=40;title=\"Sensor Index\"", "/sensors|ct=40|title=\"Sensor Index\"\n"},
        {"<http://www.example.com/sensors/t123>;anchor=\"/sensors/temp\";rel=\"describedby\"",
         "http://www.example.com/sensors/t123|anchor=\"/sensors/temp\"|rel=\"describedby\"\n"},
        {"</a>;obs;if=\"x y\"", "/a|obs|if=\"x y\"\n"},
        {"</a>;t=\"a,b;c<d>\\\"e\\\\\",</b>", "/a|t=\"a,b;c<d>\\\"e\\\\\"\n/b\n"},
        {"</a>;t=\"\"", "/a|t=\"\"\n"},
        {"<>", "\n"},
        {"</a,b;c>", "/a,b;c\n"},
        {" </a> ; x = 1 ,\t</b> ", "/a|x=1\n/b\n"},
        {"</a>;b64=Zg==", "/a|b64=Zg==\n"},
        {"</a>;title*=UTF-8'en'%e2%82%ac", "/a|title*=UTF-8'en'%e2%82%ac\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char out[200];
        assert_int_equal(print_links(rows[i].text, out, sizeof out), PROA_OK);
        assert_string_equal(out, rows[i].read);
    }
}

static void rfc6690_2_what_is_no_list_of_links(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        proa_err err;
    } rows[] = {{"/1/0", PROA_E_FORMAT},
                {"<", PROA_E_TRUNCATED},
                {"</1", PROA_E_TRUNCATED},
                {"</1>,", PROA_E_TRUNCATED},
                {"</1>, ", PROA_E_TRUNCATED},
                {",</1>", PROA_E_FORMAT},
                {"</1>,,</2>", PROA_E_FORMAT},
                {"</1></2>", PROA_E_FORMAT},
                {"</1>;", PROA_E_TRUNCATED},
                {"</1>;;a", PROA_E_FORMAT},
                {"</1>;=1", PROA_E_FORMAT},
                {"</1>;a=", PROA_E_TRUNCATED},
                {"</1>;a=,</2>", PROA_E_FORMAT},
                {"</1>;a=\"x", PROA_E_TRUNCATED},
                {"</1>;a=\"x\\", PROA_E_TRUNCATED},
                {"</1>;a=\"x\\\"", PROA_E_TRUNCATED},
                {"</1>;a=\"x\"y", PROA_E_FORMAT},
                {"</1>;a b", PROA_E_FORMAT},
                {"</1>;a\x01", PROA_E_FORMAT},
                {"</1>x", PROA_E_FORMAT},
                {"</1>;a=x\"", PROA_E_FORMAT}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char out[200];
        if (print_links(rows[i].text, out, sizeof out) != rows[i].err) {
            fail_msg("%s", rows[i].text);
        }
    }
    proa_link link;
    proa_reader r = proa_reader_make(proa_span_make("<a>;\0", 5));
    assert_false(proa_link_next(&r, &link));
    assert_int_equal(r.err, PROA_E_FORMAT);
}

static void rfc6690_2_writing(void **state)
{
    (void)state;
    char out[128];
    proa_writer w = proa_writer_make(out, sizeof out - 1);
    proa_link_writer l = proa_link_writer_make(&w);
    proa_link_write(&l, proa_span_of("/"));
    proa_link_write_quoted(&l, "rt", proa_span_of("oma.lwm2m"));
    proa_link_write_uint(&l, "ct", 112);
    proa_link_write(&l, proa_span_of("/1/0"));
    proa_link_write(&l, proa_span_of("/3/0"));
    proa_link_write_token(&l, "ver", proa_span_of("1.1"));
    proa_link_write_flag(&l, "obs");
    proa_link_write_quoted(&l, "t", proa_span_of("a\"b\\"));
    out[w.len] = '\0';
    assert_string_equal(out,
                        "</>;rt=\"oma.lwm2m\";ct=112,</1/0>,</3/0>;ver=1.1;obs;t=\"a\\\"b\\\\\"");
    assert_int_equal(w.err, PROA_OK);
    assert_int_equal(l.count, 3);
}

static void rfc6690_2_what_cannot_be_written(void **state)
{
    (void)state;
    static const char *const no_tokens[] = {"", "a b", "a;b", "a,b", "\"", "<", "a\x7f", "\n"};
    for (size_t i = 0; i < sizeof no_tokens / sizeof no_tokens[0]; i++) {
        char out[32];
        proa_writer w = proa_writer_make(out, sizeof out);
        proa_link_writer l = proa_link_writer_make(&w);
        proa_link_write_token(&l, "x", proa_span_of(no_tokens[i]));
        assert_int_equal(w.err, PROA_E_FORMAT);
        assert_int_equal(w.len, 0);
    }
    char out[32];
    proa_writer w = proa_writer_make(out, sizeof out);
    proa_link_writer l = proa_link_writer_make(&w);
    proa_link_write(&l, proa_span_of("/1>;evil"));
    assert_int_equal(w.err, PROA_E_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc6690_2_and_lwm2m_6_2_lists_of_links),
        cmocka_unit_test(rfc6690_2_what_is_no_list_of_links),
        cmocka_unit_test(rfc6690_2_writing),
        cmocka_unit_test(rfc6690_2_what_cannot_be_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
