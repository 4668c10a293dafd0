/* SPDX-License-Identifier: Apache-2.0 */
/* The main loop of every device. */
#include "firmware/board.h"
#include "firmware/config.h"
#include "firmware/console.h"
#include "firmware/device.h"
#include "firmware/shell.h"

#define ANSWER_LEAVES_MS 100

int main(void);

static void greet(void)
{
    console_begin("started ");
    console_text(firmware_configuration.endpoint);
    console_text(" on ");
    console_text(board_name);
    console_end();
}

int main(void)
{
    uint64_t reboot_ms = UINT64_MAX;
    greet();
    device_open();
    for (;;) {
        bool busy = device_receive();
        shell_work();
        device_flush();
        if (device_reboot_wanted && reboot_ms == UINT64_MAX) {
            reboot_ms = board_now_ms() + ANSWER_LEAVES_MS;
        }
        if (board_now_ms() >= reboot_ms) {
            board_reboot();
        }
        if (!busy) {
            board_wait();
        }
    }
}
