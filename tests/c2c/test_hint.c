/* SPDX-License-Identifier: Apache-2.0 */
/* The hint's bytes and the bucket that rations it: docs/C2C.md §4. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/c2c/hint.h"
#include "tests/support/guard.h"

/* As the published prototype sends them. */
static const struct {
    const char *uri;
    const char *bytes;
} seed[] = {
    {"coap://[fd00::1]", "a1 01 70 636f61703a2f2f5b666430303a3a315d"},
    {"coaps://[2001:db8::1]:5684",
     "a1 01 78 1a 636f6170733a2f2f5b323030313a6462383a3a315d3a35363834"},
    {"coap://[fe80::6098:a7ff:fed9:3cea]",
     "a1 01 78 22 636f61703a2f2f5b666538303a3a363039383a613766663a666564393a336365615d"},
};

static void g11_seed_hints_both_ways(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(seed) / sizeof(seed[0]); i++) {
        uint8_t bytes[64];
        uint8_t written[64];
        proa_span uri;
        size_t len = hex(seed[i].bytes, bytes, sizeof(bytes));
        uint8_t *copy = guard_copy(bytes, len);
        proa_writer w = proa_writer_make(written, sizeof(written));
        assert_int_equal(proa_hint_parse(proa_span_make(copy, len), &uri), PROA_OK);
        assert_true(proa_span_equal(uri, proa_span_of(seed[i].uri)));
        assert_int_equal(proa_hint_write(&w, uri), PROA_OK);
        assert_int_equal(w.len, len);
        assert_memory_equal(written, bytes, len);
        guard_free(copy, len);
        for (size_t cut = 0; cut < len; cut++) { /* every prefix is bad */
            copy = guard_copy(bytes, cut);
            assert_int_not_equal(proa_hint_parse(proa_span_make(copy, cut), &uri), PROA_OK);
            guard_free(copy, cut);
            w = proa_writer_make(written, cut);
            assert_int_equal(proa_hint_write(&w, proa_span_of(seed[i].uri)), PROA_E_NO_SPACE);
        }
    }
}

static void g11_other_payloads(void **state)
{
    static const struct {
        const char *bytes;
        proa_err err;
    } rows[] = {
        {"a2 01 6161 02 6162", PROA_OK},       /* more keys than we know */
        {"a2 02 6162 01 6161", PROA_OK},       /* in any order */
        {"a2 6178 820102 01 6161", PROA_OK},   /* of any type */
        {"bf 01 6161 ff", PROA_OK},            /* indefinite map */
        {"a2 01 6161 01 6162", PROA_E_FORMAT}, /* key 1 twice */
        {"a1 01 4161", PROA_E_FORMAT},         /* bytes, not text */
        {"a1 01 01", PROA_E_FORMAT},
        {"a1 02 6161", PROA_E_NOT_FOUND},
        {"a0", PROA_E_NOT_FOUND},
        {"a1 01 6161 00", PROA_E_FORMAT}, /* something behind */
        {"6161", PROA_E_FORMAT},
        {"a1 01 7f 6161 6162 ff", PROA_E_FORMAT}, /* text in chunks: nobody sends it */
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t bytes[64];
        proa_span uri;
        size_t len = hex(rows[i].bytes, bytes, sizeof(bytes));
        uint8_t *copy = guard_copy(bytes, len);
        print_message("%s\n", rows[i].bytes);
        assert_int_equal(proa_hint_parse(proa_span_make(copy, len), &uri), rows[i].err);
        guard_free(copy, len);
    }
}

static void g11_uri_longer_than_any_account(void **state)
{
    uint8_t bytes[PROA_URI_MAX + 8];
    char text[PROA_URI_MAX];
    proa_span uri;
    (void)state;
    memset(text, 'x', sizeof(text));
    proa_writer w = proa_writer_make(bytes, sizeof(bytes));
    assert_int_equal(proa_hint_write(&w, proa_span_make(text, PROA_URI_MAX - 1)), PROA_OK);
    assert_int_equal(proa_hint_parse(proa_writer_span(&w), &uri), PROA_OK);
    w = proa_writer_make(bytes, sizeof(bytes));
    assert_int_equal(proa_hint_write(&w, proa_span_make(text, PROA_URI_MAX)), PROA_OK);
    assert_int_equal(proa_hint_parse(proa_writer_span(&w), &uri), PROA_E_TOO_LARGE);
}

static unsigned take_all(proa_hint_bucket *bucket, uint64_t now_ms)
{
    unsigned count = 0;
    while (proa_hint_bucket_take(bucket, now_ms)) {
        count++;
        assert_true(count < 1000);
    }
    return count;
}

static void g11_bucket(void **state)
{
    proa_hint_bucket bucket = proa_hint_bucket_make(20);
    (void)state;
    assert_int_equal(take_all(&bucket, 1000), 20);
    assert_int_equal(take_all(&bucket, 1000 + 2999), 0);
    assert_int_equal(take_all(&bucket, 1000 + 3000), 1);
    assert_int_equal(take_all(&bucket, 1000 + 3000 + 60000), 20);
    assert_int_equal(take_all(&bucket, UINT64_MAX), 20); /* never more than a minute's */
    assert_int_equal(take_all(&bucket, 5), 0);           /* time never runs backwards */
    bucket = proa_hint_bucket_make(0);
    assert_int_equal(take_all(&bucket, 1000000), 0);
    bucket = proa_hint_bucket_make(UINT32_MAX);
    assert_true(proa_hint_bucket_take(&bucket, 1));
}

/* Looking often must not lose the fractions of a token. */
static void g11_bucket_looked_at_every_millisecond(void **state)
{
    proa_hint_bucket bucket = proa_hint_bucket_make(7);
    unsigned count = 0;
    (void)state;
    (void)take_all(&bucket, 0);
    for (uint64_t now_ms = 1; now_ms <= 600000; now_ms++) {
        count += proa_hint_bucket_take(&bucket, now_ms) ? 1 : 0;
    }
    assert_in_range(count, 69, 70);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(g11_seed_hints_both_ways),
        cmocka_unit_test(g11_other_payloads),
        cmocka_unit_test(g11_uri_longer_than_any_account),
        cmocka_unit_test(g11_bucket),
        cmocka_unit_test(g11_bucket_looked_at_every_millisecond),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
