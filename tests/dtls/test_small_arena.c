/* SPDX-License-Identifier: Apache-2.0 */
/* The arena of a board, whose tables end at its length: nothing that is asked for leads past them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define PROA_DTLS_ARENA_BITS 14
#include "ports/mbedtls/arena.c" /* as such a program does; NOLINT(bugprone-suspicious-include) */

static uint64_t memory[(1U << PROA_DTLS_ARENA_BITS) / sizeof(uint64_t) + 100];

static void no_request_is_too_long_for_the_tables(void **state)
{
    (void)state;
    for (unsigned bits = 5; bits < 31; bits++) {
        for (size_t len = ((size_t)1 << bits) - 24; len <= ((size_t)1 << bits) + 80; len++) {
            void *block = mbedtls_calloc(1, len);
            assert_int_equal(block != NULL, len + sizeof(head) <= arena->stats.len);
            mbedtls_free(block);
        }
    }
    assert_int_equal(arena->stats.used, 0);
}

static void all_of_it_is_handed_out(void **state)
{
    (void)state;
    void *blocks[300];
    size_t count = 0;
    void *whole = mbedtls_calloc(1, arena->stats.len - sizeof(head));
    assert_non_null(whole);
    mbedtls_free(whole);
    while ((blocks[count] = mbedtls_calloc(1, 64)) != NULL) {
        count++;
    }
    assert_int_equal(count, arena->stats.len / (64 + sizeof(head)));
    while (count > 0) {
        mbedtls_free(blocks[--count]);
    }
    assert_int_equal(arena->stats.used, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_request_is_too_long_for_the_tables),
        cmocka_unit_test(all_of_it_is_handed_out),
    };
    proa_dtls_arena_init(memory, sizeof memory);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
