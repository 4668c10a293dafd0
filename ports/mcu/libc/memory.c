/* SPDX-License-Identifier: Apache-2.0 */
/* The C library's functions on bytes, for a processor that loads and stores words anywhere (ARMv7-M
 * with CCR.UNALIGN_TRP clear, which the start-up sees to). Newlib's go byte by byte unless both ends are
 * aligned, which what is in a datagram rarely is, and are larger. Not for registers of devices. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Words as they may lie anywhere, of whatever type the bytes are. */
typedef struct word {
    uint32_t value;
} __attribute__((packed, may_alias)) word;

/* Backwards, which is only for what moves up in itself. */
static void move_up(uint8_t *to, const uint8_t *from, size_t len)
{
    while (len >= sizeof(word)) {
        len -= sizeof(word);
        *(word *)(to + len) = *(const word *)(from + len);
    }
    while (len > 0) {
        len--;
        to[len] = from[len];
    }
}

void *memmove(void *to, const void *from, size_t len)
{
    uint8_t *out = to;
    const uint8_t *in = from;
    if ((uintptr_t)out - (uintptr_t)in < len) {
        move_up(out, in, len);
        return to;
    }
    for (; len >= 4 * sizeof(word); len -= 4 * sizeof(word)) {
        ((word *)out)[0] = ((const word *)in)[0];
        ((word *)out)[1] = ((const word *)in)[1];
        ((word *)out)[2] = ((const word *)in)[2];
        ((word *)out)[3] = ((const word *)in)[3];
        out += 4 * sizeof(word);
        in += 4 * sizeof(word);
    }
    for (; len >= sizeof(word); len -= sizeof(word)) {
        *(word *)out = *(const word *)in;
        out += sizeof(word);
        in += sizeof(word);
    }
    while (len-- > 0) {
        *out++ = *in++;
    }
    return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t len)
{
    return memmove(to, from, len);
}

void *memset(void *to, int byte, size_t len)
{
    uint8_t *out = to;
    const word filled = {(uint8_t)byte * 0x01010101U};
    for (; len >= 4 * sizeof(word); len -= 4 * sizeof(word)) {
        ((word *)out)[0] = filled;
        ((word *)out)[1] = filled;
        ((word *)out)[2] = filled;
        ((word *)out)[3] = filled;
        out += 4 * sizeof(word);
    }
    for (; len >= sizeof(word); len -= sizeof(word)) {
        *(word *)out = filled;
        out += sizeof(word);
    }
    while (len-- > 0) {
        *out++ = (uint8_t)byte;
    }
    return to;
}

int memcmp(const void *a, const void *b, size_t len)
{
    const uint8_t *left = a;
    const uint8_t *right = b;
    while (len >= sizeof(word) && ((const word *)left)->value == ((const word *)right)->value) {
        left += sizeof(word);
        right += sizeof(word);
        len -= sizeof(word);
    }
    while (len > 0 && *left == *right) {
        left++;
        right++;
        len--;
    }
    return len == 0 ? 0 : *left - *right;
}

void *memchr(const void *bytes, int byte, size_t len)
{
    for (const uint8_t *at = bytes; len > 0; at++, len--) {
        if (*at == (uint8_t)byte) {
            return (void *)(uintptr_t)at;
        }
    }
    return NULL;
}

size_t strlen(const char *text)
{
    size_t len = 0;
    while (text[len] != '\0') {
        len++;
    }
    return len;
}
