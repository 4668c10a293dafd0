/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_FIRMWARE_COUNTER_H
#define PROA_FIRMWARE_COUNTER_H

#include <stdint.h>

/* Instructions, where the emulator runs one a nanosecond (qemu-system-arm -icount shift=0): a timer
 * of the mps2-an385 that counts at 25 MHz moves once in forty of them. A difference is exact to one
 * such step; a sum of many is as exact as that of one. */
#define COUNTER_STEP 40U /* instructions */

void counter_open(void);

/* Steps since then; wraps after 171 seconds, so look at differences. */
uint32_t counter_now(void);

#endif
