/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/mcu/nor.h"

#include <string.h>

#include "proa/assert.h"

enum { ERASED, PROGRAMMED, HALF_PROGRAMMED, HALF_ERASED };

unsigned nor_roll(nor *n, unsigned bound)
{
    return (unsigned)(test_random_next(&n->random) >> 33) % bound;
}

static uint32_t len_of(const nor *n)
{
    return n->flash.sector_len * n->flash.sector_count;
}

static void nor_read(void *ctx, uint32_t at, void *out, size_t len)
{
    nor *n = ctx;
    uint8_t *to = out;
    PROA_ASSERT(at <= len_of(n) && len <= len_of(n) - at);
    for (size_t i = 0; i < len; i++) {
        uint8_t loose = n->loose[at + i];
        uint8_t noise = loose == 0     ? 0
                        : n->mood == 0 ? 0
                        : n->mood == 1 ? 0xff
                                       : (uint8_t)nor_roll(n, 256);
        to[i] = (uint8_t)((n->bytes[at + i] & ~loose) | (noise & loose));
    }
}

/* Counts a step; true if power fails in it. */
static bool is_cut(nor *n)
{
    n->steps++;
    n->off = n->off || (n->cut_at != 0 && n->steps >= n->cut_at);
    return n->off;
}

static bool all(const uint8_t *bytes, size_t len, uint8_t byte)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != byte) {
            return false;
        }
    }
    return true;
}

/* May a store that obeys the rules do this? */
static void judge(const nor *n, uint32_t at, const uint8_t *bytes)
{
    uint8_t unit = n->flash.unit;
    if (n->state[at] == ERASED || (n->flash.wipes && all(bytes, unit, 0))) {
        return;
    }
    PROA_ASSERT(n->state[at] == HALF_PROGRAMMED); /* else: twice, or not erased */
    for (size_t i = 0; i < unit; i++) {
        PROA_ASSERT((n->bytes[at + i] | n->loose[at + i]) == 0xff); /* it could be seen */
    }
}

/* Some of the bits that were to be cleared are, some are loose. */
static void half_program(nor *n, uint32_t at, const uint8_t *bytes, unsigned how)
{
    for (size_t i = 0; i < n->flash.unit; i++) {
        uint8_t *now = &n->bytes[at + i];
        uint8_t change = *now & (uint8_t)~bytes[i];
        uint8_t some = change & (uint8_t)nor_roll(n, 256);
        switch (how) {
        case 0: /* nothing, or nothing to be seen */
            break;
        case 1: /* all of it, for now */
            n->loose[at + i] |= change;
            break;
        case 2:
            *now = (uint8_t)(*now & ~some);
            break;
        default:
            *now = (uint8_t)(*now & ~some);
            n->loose[at + i] |= change & (uint8_t)nor_roll(n, 256);
        }
    }
    n->state[at] = HALF_PROGRAMMED;
}

static void program_unit(nor *n, uint32_t at, const uint8_t *bytes)
{
    for (size_t i = 0; i < n->flash.unit; i++) {
        n->bytes[at + i] &= bytes[i];
        n->loose[at + i] = 0;
    }
    n->state[at] = PROGRAMMED;
}

/* The units of one call, in any order. */
static proa_err nor_program(void *ctx, uint32_t at, const void *data, size_t len)
{
    nor *n = ctx;
    const uint8_t *bytes = data;
    uint32_t unit = n->flash.unit;
    size_t count = len / unit, first = nor_roll(n, (unsigned)count), failed = 0;
    bool down = nor_roll(n, 2) == 0, at_once = nor_roll(n, 2) == 0;
    PROA_ASSERT(len > 0 && len <= 32 && at % unit == 0 && len % unit == 0 && at + len <= len_of(n));
    for (size_t i = 0; i < count; i++) {
        size_t which = (first + (down ? count - i : i)) % count;
        uint32_t here = at + (uint32_t)(which * unit);
        bool was_off = n->off;
        if (!was_off) {
            judge(n, here, bytes + which * unit);
        }
        if (!is_cut(n)) {
            bool bad = n->program_bad != 0 && n->steps >= n->program_bad;
            if (bad || (n->state[here] == HALF_PROGRAMMED && nor_roll(n, 2) == 0)) {
                half_program(n, here, bytes + which * unit, 2 + nor_roll(n, 2));
                failed += nor_roll(n, 2); /* or it reads differently, which nobody told */
            } else {
                program_unit(n, here, bytes + which * unit);
            }
        } else if (!was_off && nor_roll(n, 5) == 0) {
            program_unit(n, here, bytes + which * unit); /* just finished */
        } else if (!was_off || at_once) { /* at once: as a page that is programmed in parallel */
            half_program(n, here, bytes + which * unit, nor_roll(n, 4));
        }
    }
    return failed > 0 || n->off ? PROA_E_IO : PROA_OK;
}

static void half_erase(nor *n, uint32_t sector)
{
    unsigned how = nor_roll(n, 6);
    uint32_t unit = n->flash.unit, len = n->flash.sector_len;
    uint32_t edge = nor_roll(n, len);
    for (uint32_t i = 0; i < len; i += unit) {
        bool done = how == 0   ? false
                    : how == 1 ? i < edge
                    : how == 2 ? i >= edge
                               : nor_roll(n, 8) != 0;
        for (uint32_t j = sector + i; done && j < sector + i + unit; j++) {
            uint8_t change = (uint8_t)~n->bytes[j];
            uint8_t some = (how == 3 ? 0xff : (uint8_t)nor_roll(n, 256));
            n->loose[j] |= how == 4 ? change & (uint8_t)nor_roll(n, 256) : how == 5 ? change : 0;
            n->bytes[j] |= how <= 2 ? 0xff : change & some;
        }
        n->state[sector + i] = HALF_ERASED;
    }
}

static proa_err nor_erase(void *ctx, uint32_t sector)
{
    nor *n = ctx;
    uint32_t len = n->flash.sector_len;
    PROA_ASSERT(sector % len == 0 && sector < len_of(n));
    if (n->off) {
        return PROA_E_IO;
    }
    n->erases[sector / len]++;
    if (is_cut(n) || (n->erase_bad != 0 && n->steps >= n->erase_bad)) {
        half_erase(n, sector);
        return PROA_E_IO;
    }
    memset(n->bytes + sector, 0xff, len);
    memset(n->loose + sector, 0, len);
    memset(n->state + sector, ERASED, len);
    return PROA_OK;
}

void nor_moved(nor *n)
{
    n->flash.ctx = n;
}

void nor_start(nor *n, uint8_t unit, bool wipes, uint8_t sectors, uint32_t sector_len,
               uint64_t seed)
{
    memset(n, 0, sizeof *n);
    n->flash = (proa_flash){nor_read, nor_program, nor_erase, n, sector_len, sectors, unit, wipes};
    PROA_ASSERT(len_of(n) <= NOR_LEN_MAX);
    (void)test_random_start(&n->random, seed);
    for (uint32_t i = 0; i < len_of(n); i++) {
        n->bytes[i] = (uint8_t)nor_roll(n, 256);
        n->state[i] = HALF_ERASED;
    }
}

void nor_cut_in(nor *n, unsigned step)
{
    n->cut_at = n->steps + step;
}

void nor_power_on(nor *n)
{
    n->off = false;
    n->cut_at = 0;
    n->mood = (uint8_t)nor_roll(n, 3);
}

void nor_damage(nor *n, uint32_t at, const void *bytes, size_t len)
{
    uint32_t unit = n->flash.unit;
    PROA_ASSERT(at <= len_of(n) && len <= len_of(n) - at);
    memcpy(n->bytes + at, bytes, len);
    memset(n->loose + at, 0, len);
    for (uint32_t i = at - at % unit; i < at + len; i += unit) {
        n->state[i] = all(n->bytes + i, unit, 0xff) ? ERASED : PROGRAMMED;
    }
}

bool nor_holds(const nor *n, const void *bytes, size_t len)
{
    for (uint32_t i = 0; i + len <= len_of(n); i++) {
        if (memcmp(n->bytes + i, bytes, len) == 0 && all(n->loose + i, len, 0)) {
            return true;
        }
    }
    return false;
}
