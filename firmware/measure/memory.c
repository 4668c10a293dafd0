/* SPDX-License-Identifier: Apache-2.0 */
/* FOR MEASURING ONLY, instead of firmware/emulator/: flash that lasts as long as the run, and a seed
 * that is always the same, so that each run executes the same instructions. No key that comes of it
 * is worth anything. */
#include <string.h>

#include "firmware/board.h"

#define SECTOR_LEN 4096U
#define SECTORS 2U

static uint8_t flash[SECTORS * SECTOR_LEN];

static void flash_read(void *ctx, uint32_t at, void *out, size_t len)
{
    (void)ctx;
    memcpy(out, flash + at, len);
}

static proa_err flash_program(void *ctx, uint32_t at, const void *bytes, size_t len)
{
    const uint8_t *from = bytes;
    (void)ctx;
    for (size_t i = 0; i < len; i++) {
        flash[at + i] &= from[i];
    }
    return PROA_OK;
}

static proa_err flash_erase(void *ctx, uint32_t at)
{
    (void)ctx;
    memset(flash + at, 0xff, SECTOR_LEN);
    return PROA_OK;
}

const proa_flash board_flash = {.read = flash_read,
                                .program = flash_program,
                                .erase = flash_erase,
                                .sector_len = SECTOR_LEN,
                                .sector_count = SECTORS,
                                .unit = sizeof(uint32_t),
                                .wipes = true};

void board_seed(uint8_t *out, size_t len)
{
    memset(out, 0x5a, len);
}
