/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_TESTS_GUARD_H
#define PROA_TESTS_GUARD_H

#include <stddef.h>
#include <stdint.h>

/* Input whose end cannot be overrun unnoticed: the byte after the last one is a page that nobody
 * may touch, so that a parser reading one byte too far dies at once, in every build and without a
 * sanitizer. */

/* A copy of len bytes that ends at an inaccessible page; aborts when there is no memory.
 * With len 0 the result points at that page: it may be passed on, not read. Ends by guard_free. */
uint8_t *guard_copy(const void *bytes, size_t len);

/* Gives back what guard_copy(…, len) returned. NULL is allowed. */
void guard_free(uint8_t *copy, size_t len);

/* The bytes of text like "44 02 ab-cd:ef" (any of space, newline, '-' and ':' between bytes) into
 * out. Returns how many; aborts on another character, half a byte, or more than cap bytes: a test
 * vector with a typing mistake must not pass. */
size_t hex(const char *text, void *out, size_t cap);

/* len bytes as lower-case digits without separators, zero-terminated. Returns text, which must
 * have 2 * len + 1 characters. */
char *unhex(const void *bytes, size_t len, char *text);

#endif
