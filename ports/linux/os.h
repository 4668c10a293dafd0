/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_PORTS_LINUX_OS_H
#define PROA_PORTS_LINUX_OS_H

#include <stdint.h>

#include "proa/memory.h"
#include "proa/random.h"

/* What an engine needs of Linux and nothing more: the time, randomness, memory, and what happens
 * when an assertion fails (proa_panic prints place and condition, never data, and aborts). */

/* Milliseconds of CLOCK_BOOTTIME: monotonic, and it goes on while the machine sleeps, so that a
 * grant's lifetime does too. */
uint64_t proa_linux_now_ms(void);

/* The same clock in nanoseconds, for measuring; one clock for all processes of the machine. */
uint64_t proa_linux_now_ns(void);

/* Seconds since 1970. */
int64_t proa_linux_unix_s(void);

/* The kernel's CSPRNG (getrandom). */
proa_random proa_linux_random(void);

/* The heap. Blocks come zeroed. */
proa_memory proa_linux_memory(void);

#endif
