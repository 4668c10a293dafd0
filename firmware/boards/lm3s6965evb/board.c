/* SPDX-License-Identifier: Apache-2.0 */
/* The console of an LM3S6965 evaluation board: UART0, a PL011. Data sheet of the LM3S6965, chapters
 * 5 (system control), 8 (GPIO), 12 (UART). */
#include "firmware/board.h"
#include "firmware/boards/cortex_m3.h"
#include "firmware/boards/lm3s6965evb/lm3s6965.h"

#define RCGC1 REGISTER(0x400FE104)
#define RCGC2 REGISTER(0x400FE108)
#define GPIOA_AFSEL REGISTER(0x40004420)
#define GPIOA_DEN REGISTER(0x4000451C)
#define UART_DR REGISTER(0x4000C000)
#define UART_FR REGISTER(0x4000C018)
#define UART_IBRD REGISTER(0x4000C024)
#define UART_FBRD REGISTER(0x4000C028)
#define UART_LCRH REGISTER(0x4000C02C)
#define UART_CTL REGISTER(0x4000C030)
#define UART_IM REGISTER(0x4000C038)
#define UART_ICR REGISTER(0x4000C044)

#define FR_RXFE (1U << 4)
#define FR_TXFF (1U << 5)
#define INT_RX (1U << 4)
#define INT_RT (1U << 6)
#define UART_INTERRUPT 5
#define BAUD 115200U

const char board_name[] = "lm3s6965evb";
const uint32_t board_clock_hz = 12500000; /* 200 MHz / 16, as after reset */

void board_open(void)
{
    RCGC1 |= 1;
    RCGC2 |= 1;
    GPIOA_AFSEL |= 3;
    GPIOA_DEN |= 3;
    UART_IBRD = board_clock_hz / (16 * BAUD);
    UART_FBRD = (board_clock_hz % (16 * BAUD) * 64 + 8 * BAUD) / (16 * BAUD);
    UART_LCRH = 0x70; /* 8 bits, FIFO */
    UART_CTL = 0x301; /* on, both ways */
    UART_IM = INT_RX | INT_RT;
    cortex_m3_enable(UART_INTERRUPT);
}

void board_put(uint8_t byte)
{
    while ((UART_FR & FR_TXFF) != 0) {
    }
    UART_DR = byte;
}

static void receive(void)
{
    while ((UART_FR & FR_RXFE) == 0) {
        board_got((uint8_t)UART_DR);
    }
    UART_ICR = INT_RX | INT_RT;
}

void board_interrupt(unsigned number)
{
    if (number == UART_INTERRUPT) {
        receive();
    } else {
        lm3s6965_ethernet_interrupt();
    }
}
