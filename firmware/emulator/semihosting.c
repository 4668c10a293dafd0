/* SPDX-License-Identifier: Apache-2.0 */
/* FOR EMULATORS ONLY: calls out of the emulated machine. */
#include "firmware/emulator/semihosting.h"

#include <string.h>

enum {
    SYS_OPEN = 0x01,
    SYS_CLOSE = 0x02,
    SYS_WRITE = 0x05,
    SYS_READ = 0x06,
    SYS_SEEK = 0x0A,
    SYS_FLEN = 0x0C
};

static int32_t call(int32_t operation, const void *block)
{
    register int32_t r0 __asm("r0") = operation;
    register const void *r1 __asm("r1") = block;
    __asm volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

int32_t semihosting_open(const char *name, semihosting_mode mode)
{
    const struct {
        const char *name;
        uint32_t mode, len;
    } block = {name, mode, strlen(name)};
    return call(SYS_OPEN, &block);
}

/* Reading and writing give the number of bytes that were not transferred. */
static bool transfer(int32_t operation, int32_t file, const void *bytes, size_t len)
{
    const struct {
        int32_t file;
        const void *bytes;
        uint32_t len;
    } block = {file, bytes, len};
    return call(operation, &block) == 0;
}

bool semihosting_read(int32_t file, void *out, size_t len)
{
    return transfer(SYS_READ, file, out, len);
}

bool semihosting_write(int32_t file, const void *bytes, size_t len)
{
    return transfer(SYS_WRITE, file, bytes, len);
}

bool semihosting_seek(int32_t file, size_t at)
{
    const struct {
        int32_t file;
        uint32_t at;
    } block = {file, at};
    return call(SYS_SEEK, &block) == 0;
}

void semihosting_close(int32_t file)
{
    (void)call(SYS_CLOSE, &file);
}

size_t semihosting_len(int32_t file)
{
    int32_t len = call(SYS_FLEN, &file);
    return len < 0 ? 0 : (size_t)len;
}
