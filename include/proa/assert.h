/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_ASSERT_H
#define PROA_ASSERT_H

#include "proa/limits.h"

/* Assertions catch the programmer, never the peer, and stay on in every build: a server that goes
 * on after its own state is wrong would hand out rights by accident. The port defines what
 * "stop" means: abort() on Linux, print and reboot on a board. */

/* Supplied by the port. Must not return. `file` and `condition` are string literals. If
 * PROA_PANIC_TEXT is 0 they are empty and `line` is 0: then the address of the call has to do. */
_Noreturn void proa_panic(const char *file, int line, const char *condition);

#define PROA_ASSERT(condition)                                                          \
    do {                                                                                \
        if (!(condition)) {                                                             \
            proa_panic(PROA_PANIC_TEXT ? __FILE__ : "", PROA_PANIC_TEXT ? __LINE__ : 0, \
                       PROA_PANIC_TEXT ? #condition : "");                              \
        }                                                                               \
    } while (0)

#endif
