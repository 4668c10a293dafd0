/* SPDX-License-Identifier: Apache-2.0 */
/* The Ethernet controller of an MPS2 board: SMSC LAN9118. Its data sheet: 3.12 and 3.13 (how frames
 * stand in the FIFOs), 5 (registers).
 *
 * Frames begin and end with a word here, so only their last bytes are not whole words. */
#include "firmware/board.h"
#include "firmware/boards/cortex_m3.h"
#include "firmware/boards/mps2-an385/mps2.h"

#define BASE 0x40200000U
#define RX_DATA REGISTER(BASE)
#define TX_DATA REGISTER(BASE + 0x20)
#define RX_STATUS REGISTER(BASE + 0x40)
#define TX_STATUS REGISTER(BASE + 0x48)
#define IRQ_CFG REGISTER(BASE + 0x54)
#define INT_STS REGISTER(BASE + 0x58)
#define INT_EN REGISTER(BASE + 0x5C)
#define FIFO_INT REGISTER(BASE + 0x68)
#define TX_CFG REGISTER(BASE + 0x70)
#define HW_CFG REGISTER(BASE + 0x74)
#define RX_FIFO_INF REGISTER(BASE + 0x7C)
#define TX_FIFO_INF REGISTER(BASE + 0x80)
#define MAC_CMD REGISTER(BASE + 0xA4)
#define MAC_DATA REGISTER(BASE + 0xA8)

#define IRQ_CFG_ON 0x111U /* enabled, active high, push-pull */
#define INT_RSFL (1U << 3)
#define TX_ON 2U
#define RESET 1U
#define TX_FIFO_5K 0x00050000U
#define MAC_BUSY (1U << 31)
#define MAC_READ (1U << 30)
#define MAC_CR 1U
#define MAC_ADDRH 2U
#define MAC_ADDRL 3U
#define MAC_CR_ON (1U << 19 | 1U << 3 | 1U << 2) /* all multicast, transmitter, receiver */
#define STATUS_ERROR (1U << 15)
#define FIRST_AND_LAST (1U << 13 | 1U << 12)
#define ETHERNET_INTERRUPT 13
#define HEADER 14U
#define CHECKSUM 4U
#define FRAME_MAX 1514U

static struct {
    uint32_t word;
    uint32_t bytes; /* of it that are not read, or are written */
    size_t left;    /* bytes of this frame that were not taken from the FIFO */
} in, out;

static uint32_t mac_read(uint32_t index)
{
    MAC_CMD = MAC_BUSY | MAC_READ | index;
    while ((MAC_CMD & MAC_BUSY) != 0) {
    }
    return MAC_DATA;
}

static void mac_write(uint32_t index, uint32_t value)
{
    MAC_DATA = value;
    MAC_CMD = MAC_BUSY | index;
    while ((MAC_CMD & MAC_BUSY) != 0) {
    }
}

static void ethernet_open(uint8_t mac[6])
{
    HW_CFG = RESET;
    while ((HW_CFG & RESET) != 0) {
    }
    HW_CFG = TX_FIFO_5K;
    uint32_t low = mac_read(MAC_ADDRL);
    uint32_t high = mac_read(MAC_ADDRH);
    for (unsigned i = 0; i < 4; i++) {
        mac[i] = (uint8_t)(low >> 8 * i);
    }
    mac[4] = (uint8_t)high;
    mac[5] = (uint8_t)(high >> 8);
    IRQ_CFG = IRQ_CFG_ON;
    FIFO_INT = 0; /* with the first frame */
    INT_EN = INT_RSFL;
    TX_CFG = TX_ON;
    mac_write(MAC_CR, MAC_CR_ON);
    cortex_m3_enable(ETHERNET_INTERRUPT);
}

void mps2_ethernet_interrupt(void)
{
    INT_EN = 0;
}

static void ethernet_read(uint8_t *to, size_t len)
{
    while (len-- > 0) {
        if (in.bytes == 0) {
            in.word = RX_DATA;
            in.bytes = 4;
            in.left = in.left < 4 ? 0 : in.left - 4;
        }
        *to++ = (uint8_t)in.word;
        in.word >>= 8;
        in.bytes--;
    }
}

static void drop(void)
{
    for (; in.left > 0; in.left = in.left < 4 ? 0 : in.left - 4) {
        (void)RX_DATA;
    }
    in.bytes = 0;
}

static size_t ethernet_next(void)
{
    for (;;) {
        drop();
        if ((RX_FIFO_INF >> 16 & 0xFF) == 0) {
            INT_STS = INT_RSFL;
            INT_EN = INT_RSFL;
            return 0;
        }
        uint32_t status = RX_STATUS;
        size_t len = status >> 16 & 0x3FFF;
        in.left = len;
        if ((status & STATUS_ERROR) == 0 && len >= HEADER + CHECKSUM &&
            len <= FRAME_MAX + CHECKSUM) {
            return len - CHECKSUM;
        }
    }
}

static bool ethernet_begin(size_t len)
{
    if ((TX_FIFO_INF & 0xFFFF) < len + 16) {
        return false;
    }
    TX_DATA = FIRST_AND_LAST | (uint32_t)len;
    TX_DATA = (uint32_t)len;
    out.word = 0;
    out.bytes = 0;
    return true;
}

static void ethernet_write(const uint8_t *from, size_t len)
{
    while (len-- > 0) {
        out.word |= (uint32_t)*from++ << 8 * out.bytes;
        if (++out.bytes == 4) {
            TX_DATA = out.word;
            out.word = 0;
            out.bytes = 0;
        }
    }
}

static void ethernet_end(void)
{
    if (out.bytes > 0) {
        TX_DATA = out.word;
    }
    while ((TX_FIFO_INF >> 16 & 0xFF) != 0) {
        (void)TX_STATUS; /* how earlier ones went; a lost frame is the protocol's business */
    }
}

const proa_ethernet board_ethernet = {ethernet_open,  ethernet_next,  ethernet_read,
                                      ethernet_begin, ethernet_write, ethernet_end};
