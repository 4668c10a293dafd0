/* SPDX-License-Identifier: Apache-2.0 */
/* Deadlines against a model that is nothing but an array searched from one end to the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/heap.h"
#include "tests/support/random.h"

static void equal_deadlines_leave_in_the_order_they_were_set(void **state)
{
    (void)state;
    proa_timer timers[50] = {{0}};
    proa_heap heap = {0};
    for (size_t i = 0; i < 50; i++) {
        proa_heap_set(&heap, &timers[(i * 7) % 50], 1000);
    }
    proa_heap_set(&heap, &timers[0], 1000); /* set again: now the last */
    for (size_t i = 1; i < 50; i++) {
        assert_ptr_equal(proa_heap_take_due(&heap, 1000), &timers[(i * 7) % 50]);
    }
    assert_ptr_equal(proa_heap_take_due(&heap, 1000), &timers[0]);
    assert_null(proa_heap_take_due(&heap, UINT64_MAX));
}

static void nothing_is_due_before_its_time(void **state)
{
    (void)state;
    proa_timer timer = {0};
    proa_heap heap = {0};
    assert_true(proa_heap_next_ms(&heap) == PROA_NEVER);
    assert_null(proa_heap_take_due(&heap, UINT64_MAX));
    proa_heap_set(&heap, &timer, 5);
    assert_true(proa_timer_is_set(&timer));
    assert_true(proa_heap_next_ms(&heap) == 5);
    assert_null(proa_heap_take_due(&heap, 4));
    assert_ptr_equal(proa_heap_take_due(&heap, 5), &timer);
    assert_false(proa_timer_is_set(&timer));
    proa_heap_clear(&heap, &timer);
    proa_heap_set(&heap, &timer, 9);
    proa_heap_clear(&heap, &timer);
    assert_true(proa_heap_next_ms(&heap) == PROA_NEVER);
}

enum { MODEL_COUNT = 60 };

/* The soonest set timer of the model, ties by order of setting; -1 if none. */
static int model_first(const bool *set, const uint64_t *at_ms, const uint64_t *order)
{
    int first = -1;
    for (int i = 0; i < MODEL_COUNT; i++) {
        if (set[i] && (first < 0 || at_ms[i] < at_ms[first] ||
                       (at_ms[i] == at_ms[first] && order[i] < order[first]))) {
            first = i;
        }
    }
    return first;
}

static void random_sets_and_clears_agree_with_the_model(void **state)
{
    (void)state;
    proa_timer timers[MODEL_COUNT] = {{0}};
    bool set[MODEL_COUNT] = {false};
    uint64_t at_ms[MODEL_COUNT] = {0};
    uint64_t order[MODEL_COUNT] = {0};
    test_random random;
    (void)test_random_start(&random, 1);
    proa_heap heap = {0};
    for (uint64_t step = 0; step < 20000; step++) {
        uint64_t draw = test_random_next(&random);
        size_t i = draw % MODEL_COUNT;
        if (step == 10000) {
            heap.order += 0x7fffc000U; /* before 20000 steps it passes half, and later wraps */
        }
        switch (draw >> 32 & 3) {
        case 0:
        case 1:
            at_ms[i] = draw >> 40 & 31;
            order[i] = step;
            set[i] = true;
            proa_heap_set(&heap, &timers[i], at_ms[i]);
            break;
        case 2:
            set[i] = false;
            proa_heap_clear(&heap, &timers[i]);
            break;
        default: {
            int first = model_first(set, at_ms, order);
            uint64_t now_ms = draw >> 40 & 15;
            bool due = first >= 0 && at_ms[first] <= now_ms;
            assert_true(proa_heap_next_ms(&heap) == (first < 0 ? PROA_NEVER : at_ms[first]));
            assert_ptr_equal(proa_heap_take_due(&heap, now_ms), due ? &timers[first] : NULL);
            if (due) {
                set[first] = false;
            }
        }
        }
        assert_int_equal(proa_timer_is_set(&timers[i]), set[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_deadlines_leave_in_the_order_they_were_set),
        cmocka_unit_test(nothing_is_due_before_its_time),
        cmocka_unit_test(random_sets_and_clears_agree_with_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
