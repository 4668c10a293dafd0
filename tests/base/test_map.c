/* SPDX-License-Identifier: Apache-2.0 */
/* The map against an array, with hashes so alike that every chain is long and wraps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/map.h"
#include "proa/assert.h"
#include "tests/base/counted_memory.h"
#include "tests/support/random.h"

static bool key_is(const void *owner, proa_handle handle, const void *key)
{
    const uint32_t *keys = owner;
    return keys[handle] == *(const uint32_t *)key;
}

enum { THINGS = 200 };

static void check_model(const proa_map *map, const uint32_t *keys, const uint32_t *hashes,
                        const bool *there)
{
    for (uint32_t i = 1; i < THINGS; i++) {
        assert_int_equal(proa_map_find(map, hashes[i], key_is, keys, &keys[i]), there[i] ? i : 0);
    }
}

/* mask: which bits of the hash may differ. top: bits set in all, so that chains wrap around. */
static void run_model(uint32_t mask, uint32_t top, uint64_t seed)
{
    uint32_t keys[THINGS];
    uint32_t hashes[THINGS];
    bool there[THINGS] = {false};
    counted_memory counted;
    proa_memory memory = counted_memory_start(&counted);
    test_random random;
    (void)test_random_start(&random, seed);
    for (uint32_t i = 0; i < THINGS; i++) {
        keys[i] = i * 3;
        hashes[i] = ((uint32_t)test_random_next(&random) & mask) | top;
    }
    proa_map map;
    uint32_t count = 0;
    assert_int_equal(proa_map_init(&map, &memory, 0, 0), PROA_OK);
    for (uint32_t step = 0; step < 5000; step++) {
        uint32_t i = 1 + (uint32_t)(test_random_next(&random) % (THINGS - 1));
        if (there[i]) {
            proa_map_remove(&map, hashes[i], i);
            count--;
        } else {
            assert_int_equal(proa_map_add(&map, hashes[i], i), PROA_OK);
            count++;
        }
        there[i] = !there[i];
        assert_int_equal(map.count, count);
        if (step % 50 == 0) {
            check_model(&map, keys, hashes, there);
        }
    }
    check_model(&map, keys, hashes, there);
    proa_map_clear(&map);
    assert_int_equal(counted.blocks, 0);
    assert_int_equal(counted.bytes, 0);
}

static void random_changes_agree_with_the_model(void **state)
{
    (void)state;
    run_model(0xffffffffU, 0, 1);
    run_model(0x7, 0, 2);
    run_model(0x7, 0xfffffff8U, 3);
    run_model(0, 0xffffffffU, 4);
}

static void grows_at_three_quarters_and_keeps_what_it_has_when_it_cannot(void **state)
{
    (void)state;
    static const uint32_t keys[8] = {0, 1, 2, 3, 4, 5, 6, 7};
    counted_memory counted;
    proa_memory memory = counted_memory_start(&counted);
    proa_map map;
    assert_int_equal(proa_map_init(&map, &memory, 8, 0), PROA_OK);
    counted.takes_left = 0;
    for (uint32_t i = 1; i <= 6; i++) {
        assert_int_equal(proa_map_add(&map, i, i), PROA_OK);
    }
    assert_int_equal(proa_map_add(&map, 7, 7), PROA_E_NO_MEMORY);
    assert_int_equal(map.count, 6);
    for (uint32_t i = 1; i <= 7; i++) {
        assert_int_equal(proa_map_find(&map, i, key_is, keys, &keys[i]), i == 7 ? 0 : i);
    }
    counted.takes_left = 1;
    assert_int_equal(proa_map_add(&map, 7, 7), PROA_OK);
    assert_int_equal(map.cap, 16);
    proa_map_clear(&map);
    counted.takes_left = 0;
    assert_int_equal(proa_map_init(&map, &memory, 8, 0), PROA_E_NO_MEMORY);
    proa_map_clear(&map);
    assert_int_equal(counted.blocks, 0);
}

static void removing_what_is_not_there_changes_nothing(void **state)
{
    (void)state;
    static const uint32_t keys[3] = {0, 1, 2};
    counted_memory counted;
    proa_memory memory = counted_memory_start(&counted);
    proa_map map;
    assert_int_equal(proa_map_init(&map, &memory, 8, 0), PROA_OK);
    assert_int_equal(proa_map_add(&map, 5, 1), PROA_OK);
    proa_map_remove(&map, 5, 2);
    proa_map_remove(&map, 6, 1);
    assert_int_equal(map.count, 1);
    assert_int_equal(proa_map_find(&map, 5, key_is, keys, &keys[1]), 1);
    expect_assert_failure(proa_map_remove(&map, 0, 0));
    proa_map_clear(&map);
}

static void hash_depends_on_seed_bytes_length_and_what_came_before(void **state)
{
    (void)state;
    counted_memory counted;
    proa_memory memory = counted_memory_start(&counted);
    proa_map a;
    proa_map b;
    assert_int_equal(proa_map_init(&a, &memory, 8, 1), PROA_OK);
    assert_int_equal(proa_map_init(&b, &memory, 8, 2), PROA_OK);
    proa_span key = proa_span_of("client_01");
    uint32_t hash = proa_map_hash(&a, 0, key);
    assert_int_equal(hash, proa_map_hash(&a, 0, key));
    assert_int_not_equal(hash, proa_map_hash(&b, 0, key));
    assert_int_not_equal(hash, proa_map_hash(&a, 1, key));
    assert_int_not_equal(hash, proa_map_hash(&a, 0, proa_span_of("client_02")));
    assert_int_not_equal(proa_map_hash(&a, 0, proa_span_make("\0", 1)),
                         proa_map_hash(&a, 0, proa_span_make("\0", 2)));
    proa_map_clear(&a);
    proa_map_clear(&b);
}

static void similar_keys_spread_over_the_low_bits(void **state)
{
    (void)state;
    counted_memory counted;
    proa_memory memory = counted_memory_start(&counted);
    proa_map map;
    assert_int_equal(proa_map_init(&map, &memory, 8, 12345), PROA_OK);
    uint32_t hits[256] = {0};
    for (uint32_t i = 0; i < 256 * 64; i++) {
        uint8_t key[4] = {(uint8_t)(i >> 8), 0, 0, (uint8_t)i};
        hits[proa_map_hash(&map, 0, proa_span_make(key, sizeof key)) & 255]++;
    }
    for (size_t i = 0; i < 256; i++) {
        assert_in_range(hits[i], 16, 160); /* 64 expected, standard deviation 8 */
    }
    proa_map_clear(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_changes_agree_with_the_model),
        cmocka_unit_test(grows_at_three_quarters_and_keeps_what_it_has_when_it_cannot),
        cmocka_unit_test(removing_what_is_not_there_changes_nothing),
        cmocka_unit_test(hash_depends_on_seed_bytes_length_and_what_came_before),
        cmocka_unit_test(similar_keys_spread_over_the_low_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
