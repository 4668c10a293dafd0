/* SPDX-License-Identifier: Apache-2.0 */
/* The console of an MPS2 with AN385: UART0 of the Cortex-M System Design Kit (its Technical
 * Reference Manual, 4.3). It has no FIFO. */
#include "firmware/board.h"
#include "firmware/boards/cortex_m3.h"
#include "firmware/boards/mps2-an385/mps2.h"

#define UART_DATA REGISTER(0x40004000)
#define UART_STATE REGISTER(0x40004004)
#define UART_CTRL REGISTER(0x40004008)
#define UART_INTCLEAR REGISTER(0x4000400C)
#define UART_BAUDDIV REGISTER(0x40004010)

#define STATE_TX_FULL 1U
#define STATE_RX_FULL 2U
#define CTRL_ON 0x0BU /* transmitter, receiver, interrupt of the receiver */
#define INT_RX 2U
#define UART_INTERRUPT 0
#define BAUD 115200U

const char board_name[] = "mps2-an385";
const uint32_t board_clock_hz = 25000000;

void board_open(void)
{
    UART_BAUDDIV = board_clock_hz / BAUD;
    UART_CTRL = CTRL_ON;
    cortex_m3_enable(UART_INTERRUPT);
}

void board_put(uint8_t byte)
{
    while ((UART_STATE & STATE_TX_FULL) != 0) {
    }
    UART_DATA = byte;
}

void board_interrupt(unsigned number)
{
    if (number == UART_INTERRUPT) {
        UART_INTCLEAR = INT_RX;
        while ((UART_STATE & STATE_RX_FULL) != 0) {
            board_got((uint8_t)UART_DATA);
        }
    } else {
        mps2_ethernet_interrupt();
    }
}
