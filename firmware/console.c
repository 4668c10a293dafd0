/* SPDX-License-Identifier: Apache-2.0 */
/* Lines to and from the console: straight to the board, so that a fault handler can print, too. */
#include "firmware/console.h"

#include "firmware/board.h"

#define LINE_MAX 120U

void console_text(const char *text)
{
    while (*text != '\0') {
        board_put((uint8_t)*text++);
    }
}

void console_begin(const char *text)
{
    console_text(text);
}

void console_span(proa_span text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = text.data[i];
        board_put(byte >= 0x20 && byte < 0x7F ? byte : '?');
    }
}

void console_number(uint64_t value)
{
    uint8_t digits[20];
    proa_writer w = proa_writer_make(digits, sizeof digits);
    proa_write_decimal(&w, (int64_t)value);
    console_span(proa_writer_span(&w));
}

void console_hex(uint32_t value)
{
    for (int shift = 28; shift >= 0; shift -= 4) {
        board_put((uint8_t)"0123456789abcdef"[value >> shift & 15]);
    }
}

void console_path(const proa_path *path)
{
    uint8_t text[PROA_PATH_TEXT_MAX];
    proa_writer w = proa_writer_make(text, sizeof text);
    proa_path_write(&w, path);
    console_span(proa_writer_span(&w));
}

void console_end(void)
{
    console_text("\r\n");
}

char *console_line(void)
{
    static char line[LINE_MAX + 1];
    static size_t len;
    for (int byte = board_get(); byte >= 0; byte = board_get()) {
        if (byte == '\n' || byte == '\r') {
            line[len] = '\0';
            bool any = len > 0;
            len = 0;
            if (any) {
                return line;
            }
        } else if (len < LINE_MAX) {
            line[len++] = (char)byte;
        }
    }
    return NULL;
}
