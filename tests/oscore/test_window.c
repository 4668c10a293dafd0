/* SPDX-License-Identifier: Apache-2.0 */
/* core/oscore/window.c: RFC 8613 §7.4, with what other implementations got wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/oscore/window.h"
#include "tests/support/random.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MAX 0xffffffffffULL

enum { NEW = PROA__WINDOW_NEW, SEEN = PROA__WINDOW_SEEN, OLD = PROA__WINDOW_OLD };

typedef struct step {
    uint64_t number;
    int result;
} step;

static void run(const step *steps, size_t count)
{
    proa__window w = {0, 0};
    for (size_t i = 0; i < count; i++) {
        proa__window_result result = proa__window_look(&w, steps[i].number);
        assert_int_equal(result, proa__window_look(&w, steps[i].number)); /* looking is free */
        if ((int)result != steps[i].result) {
            print_error("step %zu\n", i);
        }
        assert_int_equal(result, steps[i].result);
        if (result != PROA__WINDOW_NEW) {
            assert_int_equal(proa__window_take(&w, steps[i].number), result);
        } else {
            result = proa__window_take(&w, steps[i].number);
            assert_int_equal(result, PROA__WINDOW_NEW);
        }
    }
}

static void rfc8613_7_4_window_of_32(void **state)
{
    (void)state;
    static const step from_zero[] = {{0, NEW}, {0, SEEN}, {1, NEW}, {1, SEEN}, {0, SEEN}};
    static const step edge[] = {{100, NEW}, {69, NEW}, {68, OLD},   {69, SEEN}, {101, NEW},
                                {69, OLD},  {70, NEW}, {100, SEEN}, {0, OLD}};
    static const step jumps[] = {{5, NEW}, {36, NEW}, {5, SEEN}, {37, NEW}, {5, OLD},
                                 {6, NEW}, {69, NEW}, {37, OLD}, {38, NEW}, {69, SEEN}};
    static const step far[] = {{1, NEW}, {MAX, NEW}, {MAX, SEEN}, {MAX - 31, NEW}, {MAX - 32, OLD}};
    run(from_zero, COUNT(from_zero));
    run(edge, COUNT(edge));
    run(jumps, COUNT(jumps));
    run(far, COUNT(far));
}

/* 3, 5, then 4: libcoap's issue 1939 refused the 4. 10, 7, then 10 again: its issue 1926 let it in,
 * because the 7 had become the newest. */
static void rfc8613_7_4_out_of_order_as_others_failed(void **state)
{
    (void)state;
    static const step refused[] = {{3, NEW}, {5, NEW}, {4, NEW}, {4, SEEN}, {5, SEEN}, {3, SEEN}};
    static const step let_in[] = {{10, NEW}, {7, NEW}, {10, SEEN}, {8, NEW}, {11, NEW}, {10, SEEN}};
    run(refused, COUNT(refused));
    run(let_in, COUNT(let_in));
}

/* Against a set that remembers everything: no number twice, and none refused that is new and not 32
 * behind. */
static void rfc8613_7_4_agrees_with_a_set(void **state)
{
    (void)state;
    enum { RANGE = 4096 };
    for (uint64_t seed = 1; seed <= 200; seed++) {
        test_random random;
        (void)test_random_start(&random, seed);
        proa__window w = {0, 0};
        static uint8_t seen[RANGE];
        memset(seen, 0, sizeof seen);
        uint64_t top = 0;
        for (int i = 0; i < 500; i++) {
            uint64_t number = (top + test_random_next(&random) % 80) % RANGE;
            number = number > 40 ? number - 40 : 0;
            proa__window_result result = proa__window_look(&w, number);
            int expected = top >= 32 && number <= top - 32 ? OLD : seen[number] ? SEEN : NEW;
            assert_int_equal(result, expected);
            if (result == PROA__WINDOW_NEW) {
                assert_int_equal(proa__window_take(&w, number), NEW);
                seen[number] = 1;
                top = number > top ? number : top;
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc8613_7_4_window_of_32),
        cmocka_unit_test(rfc8613_7_4_out_of_order_as_others_failed),
        cmocka_unit_test(rfc8613_7_4_agrees_with_a_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
