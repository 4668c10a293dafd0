/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <stdint.h>

#include "server/os/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    proa_config config;
    char message[256]; /* shorter than some messages are, on purpose */
    (void)proa_config_parse(&config, "proad", (const char *)data, size, message, sizeof message);
    proa_config_free(&config);
    return 0;
}
