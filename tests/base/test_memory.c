/* SPDX-License-Identifier: Apache-2.0 */
/* The arena: aligned, zeroed, and at its end exactly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proa/memory.h"
#include "tests/support/guard.h"

static void blocks_are_aligned_zeroed_and_apart(void **state)
{
    (void)state;
    static uint8_t storage[1024];
    memset(storage, 0xa5, sizeof storage);
    proa_arena arena;
    proa_arena_init(&arena, storage + 1, sizeof storage - 1);
    proa_memory memory = proa_arena_memory(&arena);
    uint8_t *end = storage;
    for (size_t len = 1; len < 40; len += 3) {
        uint8_t *block = memory.take(memory.ctx, len);
        assert_non_null(block);
        assert_int_equal((uintptr_t)block % _Alignof(max_align_t), 0);
        assert_true(block >= end);
        for (size_t i = 0; i < len; i++) {
            assert_int_equal(block[i], 0);
        }
        memset(block, 0xff, len);
        end = block + len;
        memory.give(memory.ctx, block, len);
    }
    assert_ptr_equal(storage + 1 + arena.used, end);
}

static void the_last_byte_can_be_had_and_no_more(void **state)
{
    (void)state;
    static const uint8_t storage[64];
    uint8_t *base = guard_copy(storage, sizeof storage);
    proa_arena arena;
    proa_arena_init(&arena, base, sizeof storage);
    proa_memory memory = proa_arena_memory(&arena);
    assert_null(memory.take(memory.ctx, 65));
    assert_null(memory.take(memory.ctx, SIZE_MAX));
    assert_int_equal(arena.used, 0);
    assert_non_null(memory.take(memory.ctx, 33));
    assert_null(memory.take(memory.ctx, 17)); /* 16 are left behind the padding */
    assert_null(memory.take(memory.ctx, SIZE_MAX));
    assert_int_equal(arena.used, 33);
    assert_non_null(memory.take(memory.ctx, 16));
    assert_int_equal(arena.used, 64);
    assert_null(memory.take(memory.ctx, 1));
    guard_free(base, sizeof storage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_aligned_zeroed_and_apart),
        cmocka_unit_test(the_last_byte_can_be_had_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
