/* SPDX-License-Identifier: Apache-2.0 */
/* A flash whose contents were damaged or made by somebody, or that lost power, becomes a store that
 * keeps what is written from then on. The input is the kind of chip and what happens to it:
 *
 *     kind, then
 *     0, name, length, byte        a blob is written
 *     1, name                      removed
 *     2, step                      power fails in that step of the next write
 *     3                            reboot
 *     4, offset, length, bytes     other bytes, anywhere; reboot
 *     5, sector, word, value       another number in a sector's header, its CRC made right; reboot
 *     6, offset, lengths           a record's head, whose check is made right; reboot */
#include <stdlib.h>
#include <string.h>

#include "ports/mcu/flash_store.h"
#include "proa/assert.h"
#include "tests/mcu/nor.h"

enum { NAMES = 4, EVENTS_MAX = 64, SECTOR = 1024, UNKNOWN = -1000 };

static const char *const names[NAMES] = {"a", "c2c.k1", "c2c.k2", "osc.0123456789abcdef0123"};

typedef struct content {
    int len; /* or an error */
    uint8_t bytes[PROA_STORE_BLOB_MAX];
} content;

static nor chip;
static proa_flash_store store;
static content blobs[NAMES];

static void read_content(unsigned name, content *out)
{
    proa_store port = proa_flash_store_port(&store);
    out->len = port.read(port.ctx, names[name], out->bytes, sizeof out->bytes);
    PROA_ASSERT(out->len >= 0 || out->len == PROA_E_NOT_FOUND || out->len == PROA_E_IO);
}

static bool equal(const content *a, const content *b)
{
    return a->len == b->len && (a->len <= 0 || memcmp(a->bytes, b->bytes, (size_t)a->len) == 0);
}

/* What was known is still there; what was not is known from now on. */
static void look(void)
{
    for (unsigned i = 0; i < NAMES; i++) {
        content now;
        read_content(i, &now);
        PROA_ASSERT(blobs[i].len == UNKNOWN || blobs[i].len == PROA_E_IO || equal(&now, &blobs[i]));
        blobs[i] = now;
    }
}

static void boot(bool damaged)
{
    nor_power_on(&chip);
    PROA_ASSERT(proa_flash_store_open(&store, &chip.flash) == PROA_OK);
    for (unsigned i = 0; damaged && i < NAMES; i++) {
        blobs[i].len = UNKNOWN;
    }
    look();
}

/* len < 0: removed. */
static void change(unsigned name, int len, uint8_t byte)
{
    content to = {len < 0 ? PROA_E_NOT_FOUND : len, {0}};
    proa_store port = proa_flash_store_port(&store);
    memset(to.bytes, byte, sizeof to.bytes);
    proa_err err = len < 0
                       ? port.remove(port.ctx, names[name])
                       : port.write(port.ctx, names[name], proa_span_make(to.bytes, (size_t)len));
    PROA_ASSERT(err == PROA_OK || (err == PROA_E_FULL && len >= 0) ||
                (err == PROA_E_IO && chip.off));
    if (err == PROA_OK) {
        blobs[name] = to;
    } else if (err == PROA_E_IO) {
        content now;
        nor_power_on(&chip);
        PROA_ASSERT(proa_flash_store_open(&store, &chip.flash) == PROA_OK);
        read_content(name, &now);
        blobs[name] = equal(&now, &to) ? to : blobs[name];
    }
    if (chip.off) {
        boot(false);
    }
    chip.cut_at = 0;
    look();
}

static void damage_header(uint32_t sector, unsigned word, uint32_t value)
{
    uint8_t bytes[16];
    uint32_t crc = UINT32_MAX;
    memcpy(bytes, chip.bytes + sector, sizeof bytes);
    memcpy(bytes + word % 3 * sizeof value, &value, sizeof value);
    for (unsigned i = 0; i < 12; i++) {
        crc ^= bytes[i];
        for (int j = 0; j < 8; j++) {
            crc = crc >> 1 ^ ((crc & 1) != 0 ? 0xedb88320U : 0);
        }
    }
    crc = ~crc;
    memcpy(bytes + 12, &crc, sizeof crc);
    nor_damage(&chip, sector, bytes, sizeof bytes);
}

static void damage_head(uint32_t at, uint16_t lengths)
{
    uint16_t head[2] = {lengths, (uint16_t)(lengths * 0x6a5dU + 0x1235U)};
    nor_damage(&chip, at - at % 8, head, sizeof head);
}

static void happen(proa_reader *r)
{
    uint32_t len = chip.flash.sector_len * chip.flash.sector_count;
    uint8_t what = proa_read_u8(r);
    switch (what % 7) {
    case 0: {
        unsigned name = proa_read_u8(r) % NAMES;
        int blob_len = proa_read_u8(r) * 2;
        change(name, blob_len, proa_read_u8(r));
        break;
    }
    case 1:
        change(proa_read_u8(r) % NAMES, -1, 0);
        break;
    case 2:
        nor_cut_in(&chip, 1U + proa_read_u8(r));
        return;
    case 3:
        boot(false);
        break;
    case 4: {
        uint32_t at = proa_read_u16(r) % len;
        proa_span bytes = proa_read_span(r, proa_read_u8(r));
        if (bytes.len > 0) {
            nor_damage(&chip, at, bytes.data, bytes.len < len - at ? bytes.len : len - at);
        }
        boot(true);
        break;
    }
    case 5: {
        uint32_t sector = proa_read_u8(r) % chip.flash.sector_count * SECTOR;
        uint8_t word = proa_read_u8(r);
        damage_header(sector, word, proa_read_u32(r));
        boot(true);
        break;
    }
    default: {
        uint32_t at = proa_read_u16(r) % (len - 8);
        damage_head(at, proa_read_u16(r));
        boot(true);
    }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    proa_reader r = proa_reader_make(proa_span_make(data, len));
    uint8_t kind = proa_read_u8(&r);
    nor_start(&chip, (uint8_t)(1U << (kind & 3U)), (kind & 4U) != 0, kind & 8U ? 3 : 2, SECTOR,
              kind);
    boot(true);
    for (int i = 0; proa_reader_left(&r) > 0 && i < EVENTS_MAX; i++) {
        happen(&r);
    }
    boot(false);
    return 0;
}
