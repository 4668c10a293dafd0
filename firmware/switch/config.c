/* SPDX-License-Identifier: Apache-2.0 */
/* A device in one file. Without a key it says so and stops: copy this file, put in a fresh one
 * (openssl rand -hex 16), and give the same to the server. */
#include "firmware/config.h"

static const uint8_t key[16] = {0};

const firmware_config firmware_configuration = {
    .endpoint = "switch",
    .address = "fd00:c2c::11",
    .port = 5683,
    .server = "coaps://[fd00:c2c::1]:5684",
    .identity = "switch",
    .key = key,
    .key_len = 0,
    .lifetime_s = 300,
};
