/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_TESTS_APP_DEVICE_H
#define PROA_TESTS_APP_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proa/addr.h"
#include "proa/limits.h"
#include "server/app/authority.h"

/* Devices as docs/C2C.md describes them, not as the code under test does: they parse what arrives,
 * refuse what a device refuses, and render what they hold. Instance numbers are as small as they
 * can be, so numbers are used again. */

#define WORLD_ROWS 24
#define WORLD_ACL 16

typedef struct world_context {
    bool used;
    uint16_t instance;
    uint8_t secret[16];
    uint8_t salt[8];
    uint8_t sender_id[7];
    size_t sender_id_len;
    uint8_t recipient_id[7];
    size_t recipient_id_len;
} world_context;

typedef struct world_key {
    bool used;
    uint32_t made; /* later ones have greater numbers */
    uint16_t instance;
    uint8_t mode;
    uint16_t context; /* instance of 21; PROA_ID_ALL = none */
    char uri[PROA_URI_MAX];
    uint8_t identity[64];
    size_t identity_len;
    uint8_t secret[64];
    size_t secret_len;
    uint16_t short_id;
    bool first; /* came with a first session, which is still ahead */
} world_key;

typedef struct world_client {
    bool used;
    uint16_t instance;
    uint16_t short_id;
    int64_t lifetime_s;
    char endpoint[PROA_ENDPOINT_MAX + 1];
    int64_t uses; /* -1: this device does not count */
} world_client;

typedef struct world_access {
    bool used;
    uint16_t instance;
    uint16_t object;
    uint16_t target;
    struct {
        uint16_t short_id;
        uint8_t rights;
    } acl[WORLD_ACL];
    uint8_t acl_count;
} world_access;

typedef struct world_device {
    char endpoint[PROA_ENDPOINT_MAX + 1];
    proa_reg reg;
    proa_addr addr;
    bool secured;
    bool queue_mode;
    bool has_oscore;
    bool is_compact; /* takes an account in one message */
    bool has_firsts; /* and with a first session */
    bool silent;     /* operations time out without being done */
    world_context contexts[WORLD_ROWS];
    world_key keys[WORLD_ROWS];
    world_client clients[WORLD_ROWS];
    world_access accesses[WORLD_ROWS];
    uint32_t writes; /* operations that changed something, since the beginning */
    uint32_t reads;
    uint32_t made; /* keys */
} world_device;

/* What an OPERATE action does; each returns the code of the answer. A Create tells either a path or, of
 * an account in one message, what is written into w. */
uint8_t world_device_create(world_device *d, const proa_action *action, proa_path *created,
                            proa_writer *w);
uint8_t world_device_write(world_device *d, const proa_action *action);
uint8_t world_device_delete(world_device *d, const proa_action *action);
uint8_t world_device_read(world_device *d, const proa_action *action, proa_writer *w);

/* The newest key for a peer, with a URI if that matters; NULL. */
world_key *world_device_key(world_device *d, uint16_t short_id, bool to_ask);

/* A key was used: the older ones for the same peer go, with their contexts. True if any did. */
bool world_device_used(world_device *d, const world_key *key);

/* What the device lists at registration. */
void world_device_list(world_device *d, char *links, size_t cap);

/* Forgets everything, as with a factory reset. */
void world_wipe(world_device *d);

#endif
