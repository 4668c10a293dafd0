/* SPDX-License-Identifier: Apache-2.0 */
/* Values that change by themselves: which value at which time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>

#include "tests/support/random.h"
#include "tools/proa/generator.h"

static proa_generator make(proa_generator_kind kind, proa_type type, double min, double max,
                           uint32_t period_ms, uint32_t every_ms)
{
    proa_generator g = {.kind = kind,
                        .type = type,
                        .min = min,
                        .max = max,
                        .period_ms = period_ms,
                        .every_ms = every_ms};
    proa_generator_start(&g, 1000);
    return g;
}

static void words_and_types(void **state)
{
    (void)state;
    assert_int_equal(proa_generator_parse("sine"), PROA_GENERATOR_SINE);
    assert_int_equal(proa_generator_parse("toggle"), PROA_GENERATOR_TOGGLE);
    assert_int_equal(proa_generator_parse(""), 0);
    assert_int_equal(proa_generator_parse("Sine"), 0);
    assert_true(proa_generator_fits(PROA_GENERATOR_TOGGLE, PROA_TYPE_BOOLEAN));
    assert_false(proa_generator_fits(PROA_GENERATOR_TOGGLE, PROA_TYPE_FLOAT));
    assert_true(proa_generator_fits(PROA_GENERATOR_COUNTER, PROA_TYPE_UNSIGNED));
    assert_false(proa_generator_fits(PROA_GENERATOR_SINE, PROA_TYPE_BOOLEAN));
    assert_false(proa_generator_fits(PROA_GENERATOR_RANDOM, PROA_TYPE_STRING));
}

static void a_sine_swings_once_a_period(void **state)
{
    (void)state;
    test_random seed;
    proa_random random = test_random_start(&seed, 1);
    proa_generator g = make(PROA_GENERATOR_SINE, PROA_TYPE_FLOAT, 10, 20, 4000, 1000);
    static const double values[] = {20, 15, 10, 15, 20};
    proa_value value = proa_generator_first(&g);
    assert_true(value.as.real == 15);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(proa_generator_next_ms(&g), 2000 + 1000 * i);
        assert_false(proa_generator_run(&g, 1999 + 1000 * i, &random, &value));
        assert_true(proa_generator_run(&g, 2000 + 1000 * i, &random, &value));
        assert_true(fabs(value.as.real - values[i]) < 0.001);
    }
    /* Late: one value, that of the time. */
    assert_true(proa_generator_run(&g, 1000 + 11500, &random, &value));
    assert_true(fabs(value.as.real - 10) < 0.001);
    assert_int_equal(proa_generator_next_ms(&g), 1000 + 12000);
}

static void a_counter_leaves_nothing_out(void **state)
{
    (void)state;
    test_random seed;
    proa_random random = test_random_start(&seed, 1);
    proa_generator g = make(PROA_GENERATOR_COUNTER, PROA_TYPE_INTEGER, 3, 5, 100, 100);
    static const int64_t values[] = {4, 5, 3, 4, 5, 3};
    proa_value value = proa_generator_first(&g);
    assert_int_equal(value.as.integer, 3);
    uint64_t now_ms = 1000;
    for (unsigned i = 0; i < 6; i++) {
        now_ms += i == 3 ? 1050 : 100; /* once very late */
        assert_true(proa_generator_run(&g, now_ms, &random, &value));
        assert_int_equal(value.as.integer, values[i]);
        assert_false(proa_generator_run(&g, now_ms, &random, &value)); /* and no burst after it */
        assert_true(proa_generator_next_ms(&g) > now_ms);
        assert_true(proa_generator_next_ms(&g) <= now_ms + 100);
    }
}

static void a_toggle_toggles(void **state)
{
    (void)state;
    test_random seed;
    proa_random random = test_random_start(&seed, 1);
    proa_generator g = make(PROA_GENERATOR_TOGGLE, PROA_TYPE_BOOLEAN, 0, 0, 50, 50);
    proa_value value = proa_generator_first(&g);
    assert_int_equal(value.type, PROA_TYPE_BOOLEAN);
    assert_false(value.as.boolean);
    for (unsigned i = 1; i < 6; i++) {
        assert_true(proa_generator_run(&g, 1000 + 50 * i, &random, &value));
        assert_int_equal(value.as.boolean, i % 2);
    }
}

static void random_values_fill_their_range(void **state)
{
    (void)state;
    test_random seed;
    proa_random random = test_random_start(&seed, 7);
    proa_generator g = make(PROA_GENERATOR_RANDOM, PROA_TYPE_INTEGER, -1, 2, 10, 10);
    unsigned seen[4] = {0};
    proa_value value;
    for (unsigned i = 1; i <= 400; i++) {
        assert_true(proa_generator_run(&g, 1000 + 10 * i, &random, &value));
        assert_in_range(value.as.integer + 1, 0, 3);
        seen[value.as.integer + 1]++;
    }
    for (unsigned i = 0; i < 4; i++) {
        assert_true(seen[i] > 50); /* both ends included */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_and_types),
        cmocka_unit_test(a_sine_swings_once_a_period),
        cmocka_unit_test(a_counter_leaves_nothing_out),
        cmocka_unit_test(a_toggle_toggles),
        cmocka_unit_test(random_values_fill_their_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
