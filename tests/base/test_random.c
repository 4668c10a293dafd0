/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers below a bound: each equally likely, which the plain remainder would not give. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proa/assert.h"
#include "tests/support/random.h"

/* Hands out prepared numbers, one for each call. */
typedef struct script {
    const uint32_t *draws;
    size_t used;
} script;

static void play(void *ctx, uint8_t *out, size_t len)
{
    script *s = ctx;
    assert_int_equal(len, sizeof s->draws[0]);
    memcpy(out, &s->draws[s->used++], len);
}

static void biased_draws_are_drawn_again(void **state)
{
    (void)state;
    /* 2^32 mod 3 = 1: one number too many, which is 0. */
    static const uint32_t draws[] = {0, 1, 0xffffffffU};
    script s = {draws, 0};
    proa_random random = {play, &s};
    assert_int_equal(proa_random_below(&random, 3), 1);
    assert_int_equal(s.used, 2);
    assert_int_equal(proa_random_below(&random, 3), 0);
    /* A power of two divides evenly: nothing is refused. */
    s.used = 0;
    assert_int_equal(proa_random_below(&random, 8), 0);
    assert_int_equal(proa_random_below(&random, 1), 0);
    assert_int_equal(s.used, 2);
    expect_assert_failure(proa_random_below(&random, 0));
}

static void every_number_comes_about_equally_often(void **state)
{
    (void)state;
    test_random source;
    proa_random random = test_random_start(&source, 1);
    uint32_t hits[10] = {0};
    for (int i = 0; i < 10000; i++) {
        uint32_t number = proa_random_below(&random, 10);
        assert_in_range(number, 0, 9);
        hits[number]++;
    }
    for (size_t i = 0; i < 10; i++) {
        assert_in_range(hits[i], 850, 1150); /* standard deviation 30 */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(biased_draws_are_drawn_again),
        cmocka_unit_test(every_number_comes_about_equally_often),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
