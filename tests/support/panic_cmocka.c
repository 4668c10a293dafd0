/* SPDX-License-Identifier: Apache-2.0 */
/* A broken PROA_ASSERT fails the test, and expect_assert_failure(call) expects one.
 * Weak: a port under test brings its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proa/assert.h"

__attribute__((weak)) void proa_panic(const char *file, int line, const char *condition)
{
    mock_assert(0, condition, file, line);
    abort();
}
