/* SPDX-License-Identifier: Apache-2.0 */
/* A board as seen by the program: registers of a radio, a clock, a noise source, a lamp. */
#include "bench/size/board.h"
#include "proa/assert.h"
#include "proa/limits.h"

typedef struct radio {
    uint32_t len; /* 0: nothing came */
    uint32_t data;
    uint32_t address[4];
    uint32_t port;
    uint32_t go;
} radio;

#define RADIO ((volatile radio *)0x40008000)
#define CLOCK_MS ((volatile uint32_t *)0x40009000) /* low, high */
#define NOISE ((volatile uint32_t *)0x4000a000)
#define PINS ((volatile uint32_t *)0x4000b000) /* lamp, button */

bool board_receive(proa_addr *from, proa_span *datagram)
{
    static uint8_t bytes[512];
    uint32_t len = RADIO->len;
    if (len == 0 || len > sizeof bytes) {
        return false;
    }
    for (uint32_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t)RADIO->data;
    }
    for (uint32_t i = 0; i < 16; i++) {
        from->ip[i] = (uint8_t)(RADIO->address[i / 4] >> (i % 4 * 8));
    }
    from->port = (uint16_t)RADIO->port;
    from->zone = 0;
    *datagram = proa_span_make(bytes, len);
    return true;
}

void board_send(const proa_addr *to, proa_span datagram)
{
    for (uint32_t i = 0; i < 4; i++) {
        RADIO->address[i] = (uint32_t)to->ip[4 * i] | (uint32_t)to->ip[4 * i + 1] << 8 |
                            (uint32_t)to->ip[4 * i + 2] << 16 | (uint32_t)to->ip[4 * i + 3] << 24;
    }
    RADIO->port = to->port;
    RADIO->len = (uint32_t)datagram.len;
    for (size_t i = 0; i < datagram.len; i++) {
        RADIO->data = datagram.data[i];
    }
    RADIO->go = 1;
}

uint64_t board_now_ms(void)
{
    return (uint64_t)CLOCK_MS[1] << 32 | CLOCK_MS[0];
}

void board_random(void *ctx, uint8_t *out, size_t len)
{
    (void)ctx;
    while (len-- > 0) {
        *out++ = (uint8_t)*NOISE;
    }
}

void board_lamp(bool on)
{
    PINS[0] = on;
}

bool board_pressed(void)
{
    return PINS[1] != 0;
}

void board_sleep(uint64_t until_ms)
{
    while (board_now_ms() < until_ms && RADIO->len == 0 && PINS[1] == 0) {
        __asm volatile("wfi");
    }
}

_Noreturn void board_stop(void)
{
    for (;;) {
        __asm volatile("bkpt 0");
    }
}
