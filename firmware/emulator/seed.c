/* SPDX-License-Identifier: Apache-2.0 */
/* FOR EMULATORS ONLY: neither of the emulated boards has a source of entropy, so the seed comes from
 * the kernel of the machine below. A real board reads its own source here, and one that has none
 * must not run this firmware: a constant in its place would be a key that everybody knows. */
#include "firmware/board.h"
#include "firmware/emulator/semihosting.h"
#include "proa/assert.h"

void board_seed(uint8_t *out, size_t len)
{
    int32_t file = semihosting_open("/dev/urandom", SEMIHOSTING_READ);
    PROA_ASSERT(file >= 0);
    bool complete = semihosting_read(file, out, len);
    semihosting_close(file);
    PROA_ASSERT(complete);
}
