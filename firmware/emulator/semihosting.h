/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_FIRMWARE_SEMIHOSTING_H
#define PROA_FIRMWARE_SEMIHOSTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* FOR EMULATORS ONLY: files of the machine that the emulator runs on (ARM, "Semihosting for
 * AArch32 and AArch64"). On a real board without a debugger each of these is a fault. */

typedef enum semihosting_mode {
    SEMIHOSTING_READ = 1,   /* "rb" */
    SEMIHOSTING_UPDATE = 3, /* "r+b" */
    SEMIHOSTING_NEW = 5     /* "wb" */
} semihosting_mode;

/* A handle, -1 if it cannot be opened. */
int32_t semihosting_open(const char *name, semihosting_mode mode);

/* True if all of it was read or written. */
bool semihosting_read(int32_t file, void *out, size_t len);
bool semihosting_write(int32_t file, const void *bytes, size_t len);
bool semihosting_seek(int32_t file, size_t at);
size_t semihosting_len(int32_t file);
void semihosting_close(int32_t file);

#endif
