/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_TOOLS_DEVICE_FILE_H
#define PROA_TOOLS_DEVICE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ports/linux/device.h"
#include "ports/linux/oscore_file.h"
#include "proa/limits.h"
#include "tools/proa/generator.h"
#include "tools/proa/simulated_object.h"

/* The device file of `proa client` (docs/FILES.md): who the device is, which servers it belongs to,
 * and its objects with values or generators. It holds keys, so it must be readable by its owner
 * only. Relative names in it are relative to the file. */

#define PROA_DEVICE_SERVERS_MAX 4
#define PROA_DEVICE_OBJECTS_MAX 64
#define PROA_DEVICE_GENERATORS_MAX 64
#define PROA_DEVICE_NAME_MAX 512

typedef struct proa_device_file_server {
    uint16_t short_id;
    char uri[PROA_URI_MAX];
    char identity[PROA_PSK_IDENTITY_MAX + 1]; /* empty with coap:// */
    uint8_t key[PROA_PSK_KEY_MAX];
    size_t key_len;
    proa_oscore_entry oscore;
    proa_oscore_params oscore_params; /* borrows from `oscore` */
    uint32_t lifetime_s;
    uint32_t pmin_s, pmax_s;
    bool authority; /* may install accounts and rights of other clients */
} proa_device_file_server;

typedef struct proa_device_file {
    char endpoint[PROA_ENDPOINT_MAX + 1];
    char listen[PROA_ADDR_TEXT_MAX + 1]; /* empty: any address, any port */
    char state[PROA_DEVICE_NAME_MAX];    /* empty: nothing survives the process */
    proa_device_file_server servers[PROA_DEVICE_SERVERS_MAX];
    size_t server_count;
    proa_simulated *objects[PROA_DEVICE_OBJECTS_MAX]; /* ascending by id */
    uint16_t object_ids[PROA_DEVICE_OBJECTS_MAX];
    size_t object_count;
    proa_generator generators[PROA_DEVICE_GENERATORS_MAX];
    size_t generator_count;
} proa_device_file;

/* Read the file. False on failure, with file, line, column and reason in `message`. Free it in any
 * case, which wipes the keys. */
bool proa_device_file_load(proa_device_file *file, const char *path, char *message,
                           size_t message_cap);

/* The same from text in memory; `name` stands for the file. */
bool proa_device_file_parse(proa_device_file *file, const char *name, const char *text, size_t len,
                            char *message, size_t message_cap);
void proa_device_file_free(proa_device_file *file);

/* The simulated object with this id; NULL if there is none. */
proa_simulated *proa_device_file_object(const proa_device_file *file, uint16_t id);

#endif
