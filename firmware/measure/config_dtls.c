/* SPDX-License-Identifier: Apache-2.0 */
/* The lamp that is measured over DTLS. Its server is in the same program, so its key is none. */
#include "firmware/config.h"

static const char key[] = "not a real key!!";

const firmware_config firmware_configuration = {
    .endpoint = "lamp",
    .address = "fd00:c2c::10",
    .port = 5683,
    .server = "coaps://[fd00:c2c::1]:5684",
    .identity = "lamp",
    .key = (const uint8_t *)key,
    .key_len = sizeof key - 1,
    .lifetime_s = 300,
};
