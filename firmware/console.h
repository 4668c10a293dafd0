/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_FIRMWARE_CONSOLE_H
#define PROA_FIRMWARE_CONSOLE_H

#include <stddef.h>
#include <stdint.h>

#include "proa/bytes.h"
#include "proa/lwm2m.h"

/* Lines on the console. One that happened begins with its name: "registered 1". */
void console_begin(const char *text);
void console_text(const char *text);
void console_span(proa_span text); /* what is not printable becomes '?' */
void console_number(uint64_t value);
void console_hex(uint32_t value);
void console_path(const proa_path *path);
void console_end(void);

/* The next line that was typed, without its end and with a zero behind it; NULL if there is none.
 * Valid until the next call. The end of a longer one than fits is lost. */
char *console_line(void);

#endif
