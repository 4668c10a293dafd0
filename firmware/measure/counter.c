/* SPDX-License-Identifier: Apache-2.0 */
/* Timer 0 of the mps2-an385, which runs by itself beside the tick. Cortex-M System Design Kit,
 * Technical Reference Manual, 4.3 (APB timer); application note AN385, 3 (memory map). */
#include "firmware/measure/counter.h"

#include "firmware/boards/cortex_m3.h"

#define TIMER_CTRL REGISTER(0x40000000)
#define TIMER_VALUE REGISTER(0x40000004)
#define TIMER_RELOAD REGISTER(0x40000008)
#define CTRL_ON 1U

void counter_open(void)
{
    TIMER_CTRL = 0;
    TIMER_RELOAD = UINT32_MAX;
    TIMER_VALUE = UINT32_MAX;
    TIMER_CTRL = CTRL_ON;
}

uint32_t counter_now(void)
{
    return UINT32_MAX - TIMER_VALUE; /* it counts down */
}
