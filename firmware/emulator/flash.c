/* SPDX-License-Identifier: Apache-2.0 */
/* FOR EMULATORS ONLY: neither emulated board can program its flash, so a file stands for the two sectors
 * that a real one keeps at the end of its own: "flash" in the directory in which the emulator runs.
 * It behaves as NOR flash does: programming only clears bits, a word at a time, erasing goes page by
 * page, and who kills the emulator finds whatever was written by then.
 *
 * A real LM3S6965 does the same by FMA, FMD and FMC (data sheet, chapter 7). */
#include <string.h>

#include "firmware/board.h"
#include "firmware/emulator/semihosting.h"
#include "proa/assert.h"

#define NAME "flash"
#define SECTOR_LEN 4096U
#define SECTORS 2U

static int32_t file = -1;

static void erase_words(uint32_t at, uint32_t len)
{
    const uint32_t erased = UINT32_MAX;
    PROA_ASSERT(semihosting_seek(file, at));
    for (uint32_t i = 0; i < len; i += sizeof erased) {
        PROA_ASSERT(semihosting_write(file, &erased, sizeof erased));
    }
}

static void open_file(void)
{
    if (file >= 0) {
        return;
    }
    file = semihosting_open(NAME, SEMIHOSTING_UPDATE);
    if (file < 0) {
        semihosting_close(semihosting_open(NAME, SEMIHOSTING_NEW));
        file = semihosting_open(NAME, SEMIHOSTING_UPDATE);
        PROA_ASSERT(file >= 0);
    }
    if (semihosting_len(file) < SECTORS * SECTOR_LEN) { /* new, or killed while it was made */
        erase_words(0, SECTORS * SECTOR_LEN);
    }
}

static void flash_read(void *ctx, uint32_t at, void *out, size_t len)
{
    (void)ctx;
    open_file();
    PROA_ASSERT(semihosting_seek(file, at) && semihosting_read(file, out, len));
}

static proa_err flash_program(void *ctx, uint32_t at, const void *bytes, size_t len)
{
    const uint8_t *from = bytes;
    for (size_t i = 0; i < len; i += sizeof(uint32_t)) {
        uint32_t word;
        uint32_t wanted;
        memcpy(&wanted, from + i, sizeof wanted);
        flash_read(ctx, at + (uint32_t)i, &word, sizeof word);
        word &= wanted;
        PROA_ASSERT(semihosting_seek(file, at + i) && semihosting_write(file, &word, sizeof word));
    }
    return PROA_OK;
}

static proa_err flash_erase(void *ctx, uint32_t at)
{
    (void)ctx;
    open_file();
    erase_words(at, SECTOR_LEN);
    return PROA_OK;
}

const proa_flash board_flash = {.read = flash_read,
                                .program = flash_program,
                                .erase = flash_erase,
                                .sector_len = SECTOR_LEN,
                                .sector_count = SECTORS,
                                .unit = sizeof(uint32_t),
                                .wipes = true};
