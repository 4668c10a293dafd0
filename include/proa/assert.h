/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_ASSERT_H
#define PROA_ASSERT_H

#include "proa/limits.h"

/* Assertions catch the programmer, never the peer, and stay on in every build: a server that goes
 * on after its own state is wrong would hand out rights by accident. The port defines what
 * "stop" means: abort() on Linux, print and reboot on a board. */

/* Supplied by the port. Must not return. `file` and `condition` are string literals, empty if
 * PROA_PANIC_TEXT is 0. */
_Noreturn void proa_panic(const char *file, int line, const char *condition);

#define PROA_ASSERT(condition)                                    \
    do {                                                          \
        if (!(condition)) {                                       \
            proa_panic(PROA_PANIC_TEXT ? __FILE__ : "", __LINE__, \
                       PROA_PANIC_TEXT ? #condition : "");        \
        }                                                         \
    } while (0)

#endif
