/* SPDX-License-Identifier: Apache-2.0 */
/* A broken PROA_ASSERT is a crash that libFuzzer and the replay see. */
#include <stdio.h>
#include <stdlib.h>

#include "proa/assert.h"

__attribute__((weak)) void proa_panic(const char *file, int line, const char *condition)
{
    fprintf(stderr, "%s:%d: not true: %s\n", file, line, condition);
    abort();
}
