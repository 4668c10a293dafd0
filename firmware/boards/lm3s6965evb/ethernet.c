/* SPDX-License-Identifier: Apache-2.0 */
/* The Ethernet controller of the LM3S6965: two FIFOs of words behind one register. Data sheet,
 * chapter 16.
 *
 * Both FIFOs have two bytes of length in front of the frame, so a frame is not aligned to words:
 * bytes are taken from, and collected in, one word that is under way. In front of a received frame
 * the length counts itself and the checksum, in front of one to send only what is behind the
 * header of 14 bytes. */
#include "firmware/board.h"
#include "firmware/boards/cortex_m3.h"
#include "firmware/boards/lm3s6965evb/lm3s6965.h"

#define RCGC2 REGISTER(0x400FE108)
#define MAC_RIS REGISTER(0x40048000) /* reading: what is pending; writing: clears */
#define MAC_IM REGISTER(0x40048004)
#define MAC_RCTL REGISTER(0x40048008)
#define MAC_TCTL REGISTER(0x4004800C)
#define MAC_DATA REGISTER(0x40048010)
#define MAC_IA0 REGISTER(0x40048014)
#define MAC_IA1 REGISTER(0x40048018)
#define MAC_NP REGISTER(0x40048034)
#define MAC_TR REGISTER(0x40048038)

#define INT_RX 1U
#define INT_ALL 0x7FU
#define RCTL_RXEN 1U
#define RCTL_AMUL 2U /* multicast, which IPv6 lives on */
#define TCTL_ON 7U   /* transmitter, padding, checksum */
#define ETHERNET_INTERRUPT 42
#define LENGTH 2U
#define HEADER 14U
#define CHECKSUM 4U
#define FRAME_MAX 1514U

static struct {
    uint32_t word;  /* the one under way */
    uint32_t bytes; /* of it that are not read, or are written */
    size_t left;    /* bytes of this frame still in the FIFO */
} in, out;

static void ethernet_open(uint8_t mac[6])
{
    RCGC2 |= 1U << 28 | 1U << 30; /* MAC and PHY */
    for (unsigned i = 0; i < 4; i++) {
        mac[i] = (uint8_t)(MAC_IA0 >> 8 * i);
    }
    mac[4] = (uint8_t)MAC_IA1;
    mac[5] = (uint8_t)(MAC_IA1 >> 8);
    MAC_TCTL = TCTL_ON;
    MAC_RCTL = RCTL_RXEN | RCTL_AMUL;
    MAC_IM = INT_RX;
    cortex_m3_enable(ETHERNET_INTERRUPT);
}

void lm3s6965_ethernet_interrupt(void)
{
    MAC_IM = 0;
}

static void ethernet_read(uint8_t *to, size_t len)
{
    while (len-- > 0) {
        if (in.bytes == 0) {
            in.word = MAC_DATA;
            in.bytes = 4;
        }
        *to++ = (uint8_t)in.word;
        in.word >>= 8;
        in.bytes--;
        in.left--;
    }
}

/* What is left ends with the word in which it ends. */
static void drop(void)
{
    uint8_t unread;
    while (in.left > 0) {
        ethernet_read(&unread, 1);
    }
    in.bytes = 0;
}

static size_t ethernet_next(void)
{
    uint8_t head[LENGTH];
    for (;;) {
        drop();
        if (MAC_NP == 0) {
            MAC_RIS = INT_ALL;
            MAC_IM = INT_RX;
            return 0;
        }
        in.left = LENGTH;
        ethernet_read(head, sizeof head);
        size_t len = (size_t)head[0] | (size_t)head[1] << 8;
        in.left = len < LENGTH ? 0 : len - LENGTH;
        if (len >= LENGTH + HEADER + CHECKSUM && len <= LENGTH + FRAME_MAX + CHECKSUM) {
            return len - LENGTH - CHECKSUM;
        }
    }
}

static void ethernet_write(const uint8_t *from, size_t len)
{
    while (len-- > 0) {
        out.word |= (uint32_t)*from++ << 8 * out.bytes;
        if (++out.bytes == 4) {
            MAC_DATA = out.word;
            out.word = 0;
            out.bytes = 0;
        }
    }
}

static bool ethernet_begin(size_t len)
{
    if ((MAC_TR & 1) != 0) { /* the frame before is under way, and there is one FIFO */
        return false;
    }
    out.word = 0;
    out.bytes = 0;
    const uint8_t head[LENGTH] = {(uint8_t)(len - HEADER), (uint8_t)((len - HEADER) >> 8)};
    ethernet_write(head, sizeof head);
    return true;
}

static void ethernet_end(void)
{
    if (out.bytes > 0) {
        MAC_DATA = out.word;
    }
    MAC_TR = 1;
}

const proa_ethernet board_ethernet = {ethernet_open,  ethernet_next,  ethernet_read,
                                      ethernet_begin, ethernet_write, ethernet_end};
