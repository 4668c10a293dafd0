/* SPDX-License-Identifier: Apache-2.0 */
/* The same over OSCORE. */
#include "firmware/config.h"

static const proa_oscore_params oscore = {
    .master_secret = {(const uint8_t *)"not a real key!!", 16},
    .master_salt = {(const uint8_t *)"not salt", 8},
    .sender_id = {(const uint8_t *)"\x01", 1},
    .recipient_id = {(const uint8_t *)"\xff", 1},
    .aead = 10,
    .hmac = -10};

const firmware_config firmware_configuration = {
    .endpoint = "lamp",
    .address = "fd00:c2c::10",
    .port = 5683,
    .server = "coap://[fd00:c2c::1]:5684",
    .oscore = &oscore,
    .lifetime_s = 300,
};
