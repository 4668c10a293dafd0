/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_SERVER_OS_CONFIG_H
#define PROA_SERVER_OS_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ports/linux/oscore_file.h"
#include "proa/addr.h"
#include "proa/bytes.h"
#include "proa/limits.h"
#include "proa/lwm2m.h"
#include "proa/server.h"
#include "server/app/relay.h"

/* proad's configuration file (docs/FILES.md): where to listen, which devices there are and by which
 * key each proves itself, which policy holds, and relay rules. It holds keys, so it must be
 * readable by its owner only. Relative names in it are relative to the file. */

typedef struct proa_known_device {
    char endpoint[PROA_ENDPOINT_MAX + 1];
    uint8_t identity[PROA_PSK_IDENTITY_MAX];
    size_t identity_len;
    uint8_t key[PROA_PSK_KEY_MAX];
    size_t key_len;           /* 0: it never uses DTLS */
    proa_oscore_entry oscore; /* the server's side of it */
} proa_known_device;

#define PROA_PATH_NAME_MAX 512

typedef struct proa_config {
    proa_addr listen;
    char database[PROA_PATH_NAME_MAX];
    char control[PROA_PATH_NAME_MAX];
    char policy[PROA_PATH_NAME_MAX];      /* empty = nobody may do anything */
    char session_key[PROA_PATH_NAME_MAX]; /* file; empty = sessions end with the process */
    bool allow_nosec;
    bool oscore_accept_hmac_0; /* take HMAC algorithm 0 for HKDF SHA-256 */
    uint32_t registration_max;
    proa_known_device *devices;
    size_t device_count;
    proa_relay_rule relays[PROA_RELAY_RULES_MAX];
    size_t relay_count;
} proa_config;

/* Read the file. False on failure, with file, line, column and reason in `message`. Free it in any
 * case, which wipes the keys. */
bool proa_config_load(proa_config *config, const char *path, char *message, size_t message_cap);

/* The same from text in memory, as the fuzz target does. */
bool proa_config_parse(proa_config *config, const char *name, const char *text, size_t len,
                       char *message, size_t message_cap);
void proa_config_free(proa_config *config);

/* A device by PSK identity (of those that have a key) or by endpoint; NULL if there is none. */
const proa_known_device *proa_config_by_identity(const proa_config *config, proa_span identity);
const proa_known_device *proa_config_by_endpoint(const proa_config *config, proa_span endpoint);

/* Accounts are numbered by their place in the configuration, from 1; NULL if there is no such one. */
const proa_known_device *proa_config_by_account(const proa_config *config, uint64_t account);

/* What the file demands of it: all that it gives keys for. */
proa_protection proa_known_protection(const proa_known_device *device);

/* Parse "lamp/3311/0/5706 -> switch/3311/0/5706". False if it is none. */
bool proa_relay_parse(const char *text, proa_relay_rule *out);

#endif
