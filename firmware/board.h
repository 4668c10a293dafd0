/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_FIRMWARE_BOARD_H
#define PROA_FIRMWARE_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ports/mcu/lwip/ethernet.h"
#include "proa/bytes.h"
#include "proa/port.h"

/* What the firmware needs of a board. boards/cortex_m3.c has what is the same for every Cortex-M3:
 * reset, faults, tick, stacks. A directory of boards/ adds one board's registers and its map of
 * memory. What only an emulator can give stands in emulator/.
 *
 * Interrupts do no work: they note that something came and end the wait. */

/* ---- every Cortex-M3 --------------------------------------------------------------------- */

/* Milliseconds since the start; never goes back. */
uint64_t board_now_ms(void);

/* Until an interrupt comes, a byte from the console has arrived, or the next tick, which is at most
 * 10 ms away. */
void board_wait(void);

/* Print that it happens, and start again. */
_Noreturn void board_reboot(void);

/* Bytes of stack that have been in use at most since the start, and how many there are. */
size_t board_stack_peak(void);
size_t board_stack_len(void);

/* A byte from the console, -1 if none has come. */
int board_get(void);

/* For a board's interrupts: a byte came from the console. */
void board_got(uint8_t byte);

/* ---- one board --------------------------------------------------------------------------- */

extern const char board_name[];
extern const uint32_t board_clock_hz; /* what SysTick counts */
extern const proa_ethernet board_ethernet;

/* Before everything else: the console, and what interrupts. */
void board_open(void);

/* A byte to the console; waits until there is room. Works in a fault handler, too. */
void board_put(uint8_t byte);

/* An interrupt, by its number in the vector table less 16. */
void board_interrupt(unsigned number);

/* ---- what no emulated board has by itself ------------------------------------------ */

/* Two sectors for what must survive a reboot (ports/mcu/flash_store.h). */
extern const proa_flash board_flash;

/* Random bytes from a source of entropy: a seed, not a stream. Does not return without. */
void board_seed(uint8_t *out, size_t len);

#endif
