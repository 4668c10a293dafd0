/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_FIRMWARE_CONFIG_H
#define PROA_FIRMWARE_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#include "proa/oscore.h"

/* What makes one device of a firmware: one C file defines `firmware_configuration`, and is all that is
 * compiled anew for the next one (firmware/lamp/config.c; ./dev firmware build DIRECTORY). It
 * holds keys: a file with real ones does not belong into a repository. */
typedef struct firmware_config {
    const char *endpoint; /* endpoint client name */
    const char *address;  /* this device: IPv6 literal, or IPv4 (./dev firmware build --ipv4) */
    uint8_t prefix4_len;  /* of an IPv4 address */
    const char *gateway4; /* of an IPv4 address; NULL: none */
    uint16_t port;        /* UDP */
    const char *server;   /* coaps://ADDRESS:PORT with identity and key, coap://ADDRESS:PORT with
                              OSCORE */
    const char *identity; /* PSK identity, NULL with coap:// */
    const uint8_t *key;   /* PSK */
    size_t key_len;       /* bytes */
    const proa_oscore_params *oscore; /* NULL: none */
    uint32_t lifetime_s;              /* of the registration */
} firmware_config;

extern const firmware_config firmware_configuration;

#endif
