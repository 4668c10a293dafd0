/* SPDX-License-Identifier: Apache-2.0 */
/* From reset to main(), what an assertion does on a board, and that there is no heap. */
#include <stdlib.h>
#include <string.h>

#include "bench/size/board.h"
#include "proa/assert.h"

extern uint32_t board_stack_top[];
extern uint8_t board_data_from[];
extern uint8_t board_data[];
extern uint8_t board_data_end[];
extern uint8_t board_bss[];
extern uint8_t board_bss_end[];

int main(void);
_Noreturn void board_reset(void);

_Noreturn void board_reset(void)
{
    memcpy(board_data, board_data_from, (size_t)(board_data_end - board_data));
    memset(board_bss, 0, (size_t)(board_bss_end - board_bss));
    (void)main();
    board_stop();
}

typedef void (*vector)(void);

__attribute__((section(".vectors"), used)) static const struct {
    uint32_t *stack;
    vector handlers[15];
} vectors = {board_stack_top,
             {board_reset, board_stop, board_stop, board_stop, board_stop, board_stop, board_stop,
              board_stop, board_stop, board_stop, board_stop, board_stop, board_stop, board_stop,
              board_stop}};

_Noreturn void proa_panic(const char *file, int line, const char *condition)
{
    (void)file;
    (void)line;
    (void)condition;
    board_stop();
}

/* The allocator of the C library stays out of the image: who calls it has made a mistake. */
void *calloc(size_t count, size_t len)
{
    (void)count;
    (void)len;
    board_stop();
}

void free(void *block)
{
    (void)block;
    board_stop();
}
