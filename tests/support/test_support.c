/* SPDX-License-Identifier: Apache-2.0 */
/* The tools of the tests, tested: a guard page that did not guard would make every parser test
 * weaker without anybody noticing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "proa/assert.h"
#include "tests/support/guard.h"
#include "tests/support/random.h"

/* In a child process: true if reading the byte at `at` kills it. */
static bool read_is_fatal(const volatile uint8_t *at)
{
    pid_t child = fork();
    if (child == 0) {
        struct rlimit no_core = {0, 0};
        setrlimit(RLIMIT_CORE, &no_core);
        close(STDERR_FILENO);
        uint8_t byte = *at;
        (void)byte;
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return !(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void guard_ends_at_a_closed_page(void **state)
{
    (void)state;
    static const size_t lens[] = {0, 1, 4095, 4096, 4097, 10000};
    static uint8_t bytes[10000];
    memset(bytes, 0xa5, sizeof bytes);
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        uint8_t *copy = guard_copy(bytes, lens[i]);
        assert_memory_equal(copy, bytes, lens[i]);
        assert_true(lens[i] == 0 || !read_is_fatal(copy + lens[i] - 1));
        assert_true(read_is_fatal(copy + lens[i]));
        guard_free(copy, lens[i]);
    }
    guard_free(NULL, 0);
}

static void hex_reads_and_writes(void **state)
{
    (void)state;
    uint8_t bytes[4];
    char text[9];
    assert_int_equal(hex("", bytes, sizeof bytes), 0);
    assert_int_equal(hex("44 02-aB:\nCd", bytes, sizeof bytes), 4);
    assert_memory_equal(bytes, "\x44\x02\xab\xcd", 4);
    assert_string_equal(unhex(bytes, 4, text), "4402abcd");
    assert_string_equal(unhex(bytes, 0, text), "");
}

static void random_is_the_published_sequence(void **state)
{
    (void)state;
    test_random random;
    proa_random source = test_random_start(&random, 1234567);
    assert_true(test_random_next(&random) == 6457827717110365317u);
    assert_true(test_random_next(&random) == 3203168211198807973u);

    uint8_t a[32];
    uint8_t b[32];
    source = test_random_start(&random, 1);
    proa_random_fill(&source, a, sizeof a);
    source = test_random_start(&random, 1);
    proa_random_fill(&source, b, sizeof b);
    assert_memory_equal(a, b, sizeof a);
    proa_random_fill(&source, b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
}

static void must_be_odd(int value)
{
    PROA_ASSERT(value % 2 == 1);
}

static void assertion_can_be_expected(void **state)
{
    (void)state;
    must_be_odd(1);
    expect_assert_failure(must_be_odd(2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(guard_ends_at_a_closed_page),
        cmocka_unit_test(hex_reads_and_writes),
        cmocka_unit_test(random_is_the_published_sequence),
        cmocka_unit_test(assertion_can_be_expected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
