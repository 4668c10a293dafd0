/* SPDX-License-Identifier: Apache-2.0 */
/* Handles: what is alive is found, what is gone is not, and full is full. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/pool.h"
#include "proa/assert.h"
#include "tests/base/counted_memory.h"
#include "tests/support/random.h"

static void grows_up_to_its_limit_and_not_beyond(void **state)
{
    (void)state;
    static const struct {
        uint32_t first;
        uint32_t max;
    } rows[] = {{1, 1}, {1, 2}, {1, 100}, {3, 3}, {3, 4}, {3, 10}, {7, 8}, {64, 65}, {64, 1000}};
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        counted_memory counted;
        proa_memory memory = counted_memory_start(&counted);
        proa_pool pool;
        proa_handle handles[1000];
        assert_int_equal(
            proa_pool_init(&pool, &memory, sizeof(uint32_t), rows[row].first, rows[row].max),
            PROA_OK);
        for (uint32_t i = 0; i < rows[row].max; i++) {
            uint32_t *thing = proa_pool_take(&pool, &handles[i]);
            assert_non_null(thing);
            assert_int_equal(*thing, 0);
            *thing = i;
        }
        proa_handle none = 1;
        assert_null(proa_pool_take(&pool, &none));
        assert_int_equal(none, 0);
        assert_int_equal(pool.places.made,
                         rows[row].max); /* no storage for what may never be used */
        for (uint32_t i = 0; i < rows[row].max; i++) {
            assert_int_equal(*(uint32_t *)proa_pool_get(&pool, handles[i]), i);
        }
        proa_pool_give(&pool, handles[0]);
        assert_non_null(proa_pool_take(&pool, &none));
        proa_pool_clear(&pool);
        assert_int_equal(counted.blocks, 0);
        assert_int_equal(counted.bytes, 0);
    }
}

static void largest_pool_has_an_index_for_every_place(void **state)
{
    (void)state;
    static const uint32_t firsts[] = {1, 700000, PROA_POOL_COUNT_MAX};
    for (size_t row = 0; row < sizeof firsts / sizeof firsts[0]; row++) {
        counted_memory counted;
        proa_memory memory = counted_memory_start(&counted);
        proa_pool pool;
        assert_int_equal(proa_pool_init(&pool, &memory, 1, firsts[row], PROA_POOL_COUNT_MAX),
                         PROA_OK);
        proa_handle handle = 0;
        for (uint32_t i = 0; i < PROA_POOL_COUNT_MAX; i++) {
            void *thing = proa_pool_take(&pool, &handle);
            if (thing == NULL || proa_pool_get(&pool, handle) != thing) {
                fail_msg("no place %u", (unsigned)i);
            }
        }
        assert_null(proa_pool_take(&pool, &handle));
        proa_pool_clear(&pool);
        assert_int_equal(counted.bytes, 0);
    }
}

static void a_dead_handle_finds_nothing(void **state)
{
    (void)state;
    counted_memory counted;
    proa_memory memory = counted_memory_start(&counted);
    proa_pool pool;
    assert_int_equal(proa_pool_init(&pool, &memory, 8, 2, 2), PROA_OK);
    proa_handle never_given = 1U << 20 | 1; /* the second place in its first generation */
    assert_null(proa_pool_get(&pool, never_given));
    proa_pool_clear(&pool);
    assert_int_equal(proa_pool_init(&pool, &memory, 8, 1, 1), PROA_OK);
    assert_null(proa_pool_get(&pool, 0));
    assert_null(proa_pool_get(&pool, 0xffffffffU));
    proa_handle first;
    assert_non_null(proa_pool_take(&pool, &first));
    assert_null(proa_pool_get(&pool, first + 1)); /* no such place */
    proa_pool_give(&pool, first);
    assert_null(proa_pool_get(&pool, first));
    expect_assert_failure(proa_pool_give(&pool, first));
    for (uint32_t use = 1; use < 4095; use++) {
        proa_handle handle;
        assert_non_null(proa_pool_take(&pool, &handle));
        assert_int_not_equal(handle, 0);
        assert_null(proa_pool_get(&pool, first));
        proa_pool_give(&pool, handle);
    }
    proa_handle again;
    assert_non_null(proa_pool_take(&pool, &again));
    assert_int_equal(again, first); /* the 4,096th use of one place */
    proa_pool_clear(&pool);
}

static void the_place_that_rested_longest_is_used_next(void **state)
{
    (void)state;
    counted_memory counted;
    proa_memory memory = counted_memory_start(&counted);
    proa_pool pool;
    proa_handle handles[4];
    assert_int_equal(proa_pool_init(&pool, &memory, 8, 4, 4), PROA_OK);
    void *places[4];
    for (size_t i = 0; i < 4; i++) {
        places[i] = proa_pool_take(&pool, &handles[i]);
    }
    proa_pool_give(&pool, handles[2]);
    proa_pool_give(&pool, handles[0]);
    proa_handle handle;
    assert_ptr_equal(proa_pool_take(&pool, &handle), places[2]);
    proa_pool_give(&pool, handles[3]);
    assert_ptr_equal(proa_pool_take(&pool, &handle), places[0]);
    assert_ptr_equal(proa_pool_take(&pool, &handle), places[3]);
    assert_null(proa_pool_take(&pool, &handle));
    proa_pool_clear(&pool);
}

static void no_memory_is_an_answer(void **state)
{
    (void)state;
    counted_memory counted;
    proa_memory memory = counted_memory_start(&counted);
    proa_pool pool;
    counted.takes_left = 0;
    assert_int_equal(proa_pool_init(&pool, &memory, 8, 2, 100), PROA_E_NO_MEMORY);
    proa_pool_clear(&pool);
    counted.takes_left = 1;
    assert_int_equal(proa_pool_init(&pool, &memory, 8, 2, 100), PROA_OK);
    proa_handle handle;
    assert_non_null(proa_pool_take(&pool, &handle));
    assert_non_null(proa_pool_take(&pool, &handle));
    assert_null(proa_pool_take(&pool, &handle));
    counted.takes_left = 1;
    assert_non_null(proa_pool_take(&pool, &handle));
    assert_int_equal(pool.count, 3);
    proa_pool_clear(&pool);
    assert_int_equal(counted.blocks, 0);
}

enum { MODEL_COUNT = 40 };

static void check_walk(const proa_pool *pool, const proa_handle *alive)
{
    uint32_t cursor = 0;
    uint32_t met = 0;
    proa_handle handle;
    for (uint32_t *thing; (thing = proa_pool_next(pool, &cursor, &handle)) != NULL;) {
        assert_in_range(*thing, 0, MODEL_COUNT - 1);
        assert_int_equal(alive[*thing], handle);
        met++;
    }
    assert_int_equal(met, pool->count);
}

static void random_use_agrees_with_the_model(void **state)
{
    (void)state;
    counted_memory counted;
    proa_memory memory = counted_memory_start(&counted);
    proa_handle alive[MODEL_COUNT] = {0};
    proa_handle dead[MODEL_COUNT] = {0};
    test_random random;
    (void)test_random_start(&random, 1);
    proa_pool pool;
    assert_int_equal(proa_pool_init(&pool, &memory, sizeof(uint32_t), 3, MODEL_COUNT), PROA_OK);
    for (uint32_t step = 0; step < 10000; step++) {
        uint32_t i = (uint32_t)(test_random_next(&random) % MODEL_COUNT);
        if (alive[i] == 0) {
            uint32_t *thing = proa_pool_take(&pool, &alive[i]);
            assert_non_null(thing);
            assert_int_equal(*thing, 0);
            assert_int_equal((uintptr_t)thing % _Alignof(max_align_t), 0);
            *thing = i;
        } else {
            assert_int_equal(*(uint32_t *)proa_pool_get(&pool, alive[i]), i);
            proa_pool_give(&pool, alive[i]);
            dead[i] = alive[i];
            alive[i] = 0;
        }
        assert_null(proa_pool_get(&pool, dead[i]));
        if (step % 16 == 0) {
            check_walk(&pool, alive);
        }
    }
    proa_pool_clear(&pool);
    assert_int_equal(counted.bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_up_to_its_limit_and_not_beyond),
        cmocka_unit_test(largest_pool_has_an_index_for_every_place),
        cmocka_unit_test(a_dead_handle_finds_nothing),
        cmocka_unit_test(the_place_that_rested_longest_is_used_next),
        cmocka_unit_test(no_memory_is_an_answer),
        cmocka_unit_test(random_use_agrees_with_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
