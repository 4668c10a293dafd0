/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes as people write them in test vectors. Strict, because a vector is the expectation. */
#include "tests/support/guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char digits[] = "0123456789abcdef";

static _Noreturn void refuse(const char *text, const char *reason)
{
    fprintf(stderr, "hex: %s in \"%s\"\n", reason, text);
    abort();
}

static int digit_value(char c)
{
    const char *at = strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c);
    return c == '\0' || at == NULL ? -1 : (int)(at - digits);
}

size_t hex(const char *text, void *out, size_t cap)
{
    uint8_t *bytes = out;
    size_t len = 0;
    for (const char *at = text; *at != '\0';) {
        if (strchr(" \n-:", *at) != NULL) {
            at++;
            continue;
        }
        int high = digit_value(at[0]);
        int low = high < 0 ? -1 : digit_value(at[1]);
        if (low < 0) {
            refuse(text, "no pair of digits");
        }
        if (len == cap) {
            refuse(text, "too many bytes");
        }
        bytes[len++] = (uint8_t)(high << 4 | low);
        at += 2;
    }
    return len;
}

char *unhex(const void *bytes, size_t len, char *text)
{
    const uint8_t *in = bytes;
    for (size_t i = 0; i < len; i++) {
        text[2 * i] = digits[in[i] >> 4];
        text[2 * i + 1] = digits[in[i] & 15];
    }
    text[2 * len] = '\0';
    return text;
}
