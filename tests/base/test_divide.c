/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/divide.h"

static void quotient_and_rest_are_the_machines(void **state)
{
    (void)state;
    static const uint16_t divisors[] = {1, 2, 3, 10, 255, 256, 1000, 32768, 65535};
    uint64_t value = 1;
    for (unsigned i = 0; i < 200000; i++) {
        uint16_t divisor = divisors[i % (sizeof divisors / sizeof divisors[0])];
        value = value * 6364136223846793005U + 1442695040888963407U;
        uint64_t dividend = i == 0 ? UINT64_MAX : i == 1 ? 0 : value >> i % 64;
        uint32_t rest;
        assert_true(proa_divide(dividend, divisor, &rest) == dividend / divisor);
        assert_true(rest == dividend % divisor);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quotient_and_rest_are_the_machines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
